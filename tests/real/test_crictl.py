"""crictl against a simulated runtime: what a person would type on a node.

upstream: kubernetes-sigs/cri-tools cmd/crictl. No package of Debian has it: it is used where it is on the PATH (tested with a build of August 2026).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        shutil.which("crictl") is None,
        reason="crictl is not on the PATH (Debian has no package of it: github.com/kubernetes-sigs/cri-tools)",
    ),
]
Crictl = Callable[..., str]


@pytest.fixture
def cluster() -> kl.Cluster:
    c = kl.Cluster(1, seed=3)
    loop = ["sh", "-c", "echo hi; sleep 3; exit 2"]
    containers = [{"name": "a", "image": "nginx:1.25"}, {"name": "b", "image": "busybox:1.36", "command": loop}]
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": containers}})
    return c.run("20s")


@pytest.fixture
def address(cluster: kl.Cluster) -> Iterator[str]:
    with cluster.cri("node-1").serve() as server:
        yield server.address


@pytest.fixture
def crictl(address: str, tmp_path: Path) -> Crictl:
    (tmp_path / "crictl.yaml").write_text("")

    def call(*words: str, fails: bool = False) -> str:
        command = ["crictl", "--config", str(tmp_path / "crictl.yaml"), "--runtime-endpoint", address, "--image-endpoint", address, *words]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (ran.returncode != 0) == fails, ran.stderr
        return ran.stderr if fails else ran.stdout

    return call


def test_version_and_info(crictl):
    assert "RuntimeName:  kubelab\n" in crictl("version")
    assert [each["type"] for each in json.loads(crictl("info"))["status"]["conditions"]] == ["RuntimeReady", "NetworkReady"]


def test_ps_and_pods(crictl, cluster):
    rows = [line.split() for line in crictl("ps", "-a").splitlines()]
    newest_first = sorted(cluster.cri("node-1").list_containers(), key=lambda each: -each["createdAt"])
    assert [row[0] for row in rows[1:]] == [each["id"][:13] for each in newest_first]
    assert "nginx:1.25" in crictl("ps", "--name", "^a$", "--state", "Running")
    assert crictl("ps", "-q", "--label", "io.kubernetes.pod.name=other") == ""
    [pod] = json.loads(crictl("pods", "-o", "json", "--label", "app=web"))["items"]
    assert (pod["metadata"]["name"], pod["state"]) == ("web", "SANDBOX_READY")


def test_stats(crictl, cluster):
    """crictl looks twice, a second apart: time has to pass meanwhile."""
    stop = threading.Event()

    def pass_time() -> None:
        while not stop.wait(0.05):
            cluster.run("1s")

    clock = threading.Thread(target=pass_time)
    clock.start()
    try:
        assert "4.194MB" in crictl("stats")
    finally:
        stop.set()
        clock.join(timeout=10)
    [pod] = json.loads(crictl("statsp", "-o", "json"))["stats"]
    assert int(pod["linux"]["memory"]["workingSetBytes"]["value"]) > 4 << 20
    assert len(json.loads(crictl("metricdescs"))["descriptors"]) > 40


def test_inspect(crictl, cluster):
    one = crictl("ps", "-q", "--name", "^a$").strip()
    status = json.loads(crictl("inspect", one))["status"]
    assert (status["state"], status["metadata"]["name"]) == ("CONTAINER_RUNNING", "a")
    box = crictl("pods", "-q").strip()
    assert json.loads(crictl("inspectp", box))["status"]["network"]["ip"] == cluster["pod/web"]["status"]["podIP"]
    assert 'code = NotFound desc = an error occurred when try to find container \\"nope\\": not found' in crictl(
        "inspect", "nope", fails=True
    )


def test_images(crictl):
    assert [line.split()[:2] for line in crictl("images").splitlines()[1:]] == [
        ["docker.io/library/busybox", "1.36"],
        ["docker.io/library/nginx", "1.25"],
    ]
    assert "Image is up to date for sha256:" in crictl("pull", "busybox:1.35")
    assert json.loads(crictl("inspecti", "busybox:1.35"))["status"]["repoTags"] == ["docker.io/library/busybox:1.35"]
    assert "Deleted: docker.io/library/busybox:1.35" in crictl("rmi", "busybox:1.35")
    assert int(json.loads(crictl("imagefsinfo"))["status"]["imageFilesystems"][0]["usedBytes"]["value"]) > 0


def test_exec_and_stop(crictl, cluster):
    one = crictl("ps", "-q", "--name", "^a$").strip()
    assert crictl("exec", "-s", one, "hostname").strip() == "web"
    assert "code = Unimplemented desc = streams over a socket are not served" in crictl("exec", one, "hostname", fails=True)
    crictl("stop", one)
    cluster.run("15s")
    assert crictl("ps", "-q", "--name", "^a$", "--state", "Running").strip() not in ("", one)  # the kubelet has started another


def test_a_sandbox_by_hand(crictl, tmp_path):
    pod = {"metadata": {"name": "box", "namespace": "n", "uid": "1"}, "log_directory": str(tmp_path)}
    container = {"metadata": {"name": "one"}, "image": {"image": "busybox:1.36"}, "command": ["sleep", "1h"], "log_path": "one.log"}
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    (tmp_path / "container.json").write_text(json.dumps(container))
    box = crictl("runp", str(tmp_path / "pod.json")).strip()
    one = crictl("create", box, str(tmp_path / "container.json"), str(tmp_path / "pod.json")).strip()
    crictl("start", one)
    assert crictl("ps", "-q", "--pod", box).strip() == one
    crictl("stopp", box)
    crictl("rmp", box)
    assert crictl("pods", "-q", "--name", "box") == ""


def test_events(address, cluster, tmp_path):
    (tmp_path / "crictl.yaml").write_text("")
    command = ["crictl", "--config", str(tmp_path / "crictl.yaml"), "--runtime-endpoint", address, "events"]
    ran: Any = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(ran.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        until = time.monotonic() + 20
        while cluster._engine.listener is None and time.monotonic() < until:
            time.sleep(0.05)
        cluster.delete("pod/web")
        cluster.run("1m")
        while "CONTAINER_DELETED_EVENT" not in "".join(lines) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        ran.kill()
        ran.wait(timeout=10)
    assert "CONTAINER_STOPPED_EVENT" in "".join(lines)
