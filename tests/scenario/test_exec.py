"""Commands run beside a container's own process: two streams, what the runtime refuses to start, and what a shell merely does not find.

upstream: pkg/kubelet/kubelet_pods.go GetExec, staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand/exec.go ServeExec,
pkg/kubelet/kuberuntime/kuberuntime_container.go RunInContainer and startContainer, pkg/kubelet/lifecycle/handlers.go, 1.28; words: opencontainers/runc.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import pod

NOT_FOUND = (
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown'
)
NO_FILE = 'OCI runtime exec failed: exec failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory: unknown'
HEAD = "failed to exec in container: failed to start exec "
BOTH = ["sh", "-c", "echo one; echo two >&2; echo three; (echo four; echo five >&2) 2>&1; echo six > /dev/stderr; nope"]


def busybox(name: str, *command: str, **more: Any) -> dict[str, Any]:
    return pod(name, {"name": "c", "image": "busybox:1.36", "command": list(command or ("sleep", "1d")), **more})


@pytest.fixture(scope="module")
def world() -> kl.Cluster:
    cluster = kl.Cluster(1)
    cluster.apply([busybox("box"), pod("web", {"name": "c", "image": "example.com/web:1"}), busybox("over", "sleep", "1")])
    return cluster.run("20s")


def container_of(world: kl.Cluster, name: str) -> tuple[Any, str]:
    return world.cri("node-1"), world[f"pod/{name}"]["status"]["containerStatuses"][0]["containerID"].partition("//")[2]


def test_the_runtime_tells_the_streams_apart_and_a_terminal_shows_them_in_order(world: kl.Cluster) -> None:
    cri, box = container_of(world, "box")
    assert cri.exec_sync(box, BOTH) == {
        "stdout": "one\nthree\nfour\nfive\n", "stderr": "two\nsix\nsh: nope: not found\n", "exitCode": 127,
    }  # fmt: skip
    with pytest.raises(kl.ExecError) as failed:
        world.exec("pod/box", BOTH)
    assert (failed.value.exit_code, failed.value.stdout) == (127, "one\nthree\nfour\nfive\n")
    assert world.exec("pod/box", ["sh", "-c", BOTH[2] + "; true"]) == "one\ntwo\nthree\nfour\nfive\nsix\nsh: nope: not found\n"


def test_a_substitution_takes_stdout_alone(world: kl.Cluster) -> None:
    cri, box = container_of(world, "box")
    answer = cri.exec_sync(box, ["sh", "-c", "x=$(echo a; echo b >&2); echo [$x]; echo c | cat; ls /none 2>/dev/null; echo $?"])
    assert answer == {"stdout": "[a]\nc\n1\n", "stderr": "b\n", "exitCode": 0}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["nope"], NOT_FOUND),
        (["/no/such", "x"], NO_FILE),
        (["exit", "3"], NOT_FOUND.replace("nope", "exit")),  # a shell's own word is no program
        (["cd", "/"], NOT_FOUND.replace("nope", "cd")),
    ],
)
def test_what_is_no_program_is_not_started(world: kl.Cluster, command: list[str], why: str) -> None:
    cri, box = container_of(world, "box")
    with pytest.raises(kl.CriError) as refused:
        cri.exec_sync(box, command)
    assert refused.value.code == "Unknown" and refused.value.message.startswith(HEAD) and refused.value.message.endswith(why)
    with pytest.raises(kl.ApiError) as seen:
        world.exec("pod/box", command)
    assert (seen.value.code, seen.value.reason) == (500, "InternalError")
    assert seen.value.message == f"Internal error occurred: error executing command in container: {refused.value.message}"


def test_a_script_and_a_path_are_programs(world: kl.Cluster) -> None:
    world.exec("pod/box", ["sh", "-c", "echo 'echo hello $1' > /tmp/greet"])
    assert world.exec("pod/box", "/tmp/greet you") == "hello you\n"
    assert world.exec("pod/box", "/bin/echo x") == world.exec("pod/box", "echo x") == "x\n"


def test_of_an_image_that_no_program_claims_the_lab_does_not_know_what_is_missing(world: kl.Cluster) -> None:
    assert world.exec("pod/web", "/app/check --all") == ""
    assert world.exec("pod/web", ["sh", "-c", "nope"]) == ""


def test_in_a_container_that_does_not_run_nothing_is_started(world: kl.Cluster) -> None:
    world.run(until=lambda cluster: "running" not in cluster["pod/over"]["status"]["containerStatuses"][0]["state"])
    with pytest.raises(kl.ApiError) as seen:
        world.exec("pod/over", "true")
    assert (seen.value.code, seen.value.message) == (500, 'container not found ("c")')


def test_hooks_and_probes_say_what_the_runtime_said() -> None:
    cluster = kl.Cluster(1)
    hook = {"postStart": {"exec": {"command": ["sh", "-c", 'echo "out"; echo err >&2; exit 4']}}}
    cluster.apply([
        busybox("hooked", lifecycle=hook),
        busybox("missing", lifecycle={"postStart": {"exec": {"command": ["nope"]}}}),
        busybox("probed", readinessProbe={"exec": {"command": ["/no/such"]}}),
        busybox("bad", "nope"),
    ])  # fmt: skip
    said: dict[str, list[str]] = {}
    for _ in range(90):
        cluster.run("1s")
        for each in cluster.list("pods"):
            state = each["status"].get("containerStatuses", [{"state": {}}])[0]["state"]
            said.setdefault(each["metadata"]["name"], []).append(state.get("waiting", {}).get("message", ""))
    for each in cluster.list("events", namespace="default"):
        said.setdefault(each["involvedObject"]["name"], []).append(each["message"])

    def messages(name: str) -> str:
        return " | ".join(said[name])

    assert 'command \'sh -c echo "out"; echo err >&2; exit 4\' exited with 4: err\n, message: "out\\nerr\\n"' in messages("hooked")
    assert f"failed - error: rpc error: code = Unknown desc = {HEAD}" in messages("missing") and NOT_FOUND in messages("missing")
    assert f"Readiness probe errored: rpc error: code = Unknown desc = {HEAD}" in messages("probed") and NO_FILE in messages("probed")
    status = cluster["pod/bad"]["status"]["containerStatuses"][0]
    ended = status["lastState"].get("terminated") or status["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["startedAt"]) == (128, "StartError", "1970-01-01T00:00:00Z")
    assert ended["message"].endswith(
        'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown'
    )


def test_the_stats_of_a_sandbox_bear_its_pods_annotations() -> None:
    """upstream: pkg/kubelet/kuberuntime/labels.go newPodAnnotations."""
    cluster = kl.Cluster(1)
    one = busybox("box")
    cluster.create({**one, "metadata": {**one["metadata"], "annotations": {"a": "b"}}})
    cluster.run("20s")
    [found] = cluster.cri("node-1").list_pod_sandbox_stats()
    assert found["attributes"]["annotations"] == {"a": "b"} == cluster.cri("node-1").list_pod_sandbox()[0]["annotations"]
