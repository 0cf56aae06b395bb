"""The same notebook code against a simulated runtime and a real containerd: the same shapes, codes and words.

upstream: containerd 1.6 and 1.7 pkg/cri/server; both answer through the client of ``kl.cri.connect``.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import kubelab as kl
from tests.real import containerd

pytestmark = pytest.mark.real
BUSYBOX = containerd.BUSYBOX
LOOP = ["/bin/sh", "-c", "trap 'exit 7' TERM; while true; do sleep 1; done"]


class Said(NamedTuple):
    """What a call said: ``code`` "" and its answer, or a refusal, ids by their names."""

    code: str
    answer: Any


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if reason := containerd.missing():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="kl-", dir="/run" if Path("/run").is_dir() else None))  # a socket's path is short
    try:
        with containerd.running(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def real(address: str) -> Iterator[Any]:
    with kl.cri.connect(address, timeout=30) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Any, kl.Cluster]]:
    cluster = kl.Cluster(1)
    with cluster.cri("node-1").serve() as server, kl.cri.connect(server.address, timeout=30) as runtime:
        runtime.pull_image(BUSYBOX)
        yield runtime, cluster


# -- without containers -----------------------------------------------------------------------------------------------------------
def test_it_is_a_containerd(real):
    found = real.version()
    assert (found["runtimeName"], found["runtimeApiVersion"], found["version"]) == ("containerd", "v1", "0.1.0")
    conditions = {each["type"]: each["status"] for each in real.status()["status"]["conditions"]}
    assert (conditions["RuntimeReady"], conditions["NetworkReady"]) == (True, False)  # there is no CNI plug-in


def test_its_images(real, served):
    names = real.image_status(BUSYBOX)["repoTags"]
    assert names == sorted([BUSYBOX, containerd.PAUSE])
    assert [image["id"] for image in real.list_images()] == [real.image_status(containerd.PAUSE)["id"]]
    assert real.image_status("nothing:1") is served[0].image_status("nothing:1") is None
    assert shape(real.image_fs_info()) == shape(served[0].image_fs_info())


@pytest.mark.parametrize(("name", "given"), [
    ("container_status", ("nope",)), ("pod_sandbox_status", ("nope",)), ("container_stats", ("nope",)), ("pod_sandbox_stats", ("nope",)),
    ("start_container", ("nope",)), ("exec_sync", ("nope", ["ls"])), ("exec", ("nope", ["ls"])), ("attach", ("nope",)), ("port_forward", ("nope",)),
    ("update_container_resources", ("nope", {"cpuQuota": 5000})), ("reopen_container_log", ("nope",)),
    ("create_container", ("nope", {"metadata": {"name": "x"}, "image": {"image": BUSYBOX}})), ("run_pod_sandbox", ({},)),
    ("checkpoint_container", ("nope",)), ("remove_container", ("nope",)), ("remove_pod_sandbox", ("nope",)), ("remove_image", ("nope",)),
    ("container_status", ("",)), ("pod_sandbox_status", ("",)), ("container_stats", ("",)), ("exec_sync", ("", ["ls"])), ("exec", ("", ["ls"])),
    ("stop_container", ("",)), ("remove_container", ("",)), ("stop_pod_sandbox", ("",)), ("remove_pod_sandbox", ("",)), ("port_forward", ("",)),
    ("create_container", ("", {})), ("pull_image", ({},)), ("pull_image", ("Ä",)), ("list_containers", ()),
    ("list_pod_sandbox", ()), ("list_container_stats", ()), ("list_pod_sandbox_stats", ()),
    ("update_runtime_config", ({"networkConfig": {"podCidr": "10.0.0.0/24"}},)),
])  # fmt: skip
def test_of_what_is_not_there_both_say_the_same(real, served, name, given):
    assert said(getattr(real, name), *given) == said(getattr(served[0], name), *given)


# -- the life of a container ------------------------------------------------------------------------------------------------------
def said(call: Callable[..., Any], *given: Any, **named: Any) -> Said:
    try:
        return Said("", call(*given, **named))
    except kl.CriError as error:
        return Said(error.code, error.message)


def story(runtime: Any, wait: Callable[[float], Any]) -> dict[str, Said]:
    """A container from its creation to its end, with all that goes wrong on the way."""
    told: dict[str, Said] = {}
    known: dict[str, str] = {}

    def tell(what: str, call: Callable[..., Any], *given: Any, **named: Any) -> None:
        found = said(call, *given, **named)
        for name, id in known.items():
            found = Said(found.code, found.answer.replace(id, name)) if isinstance(found.answer, str) else found
        told[what] = found

    meta = {"name": "box", "uid": "u1", "namespace": "n"}
    shared = {"cgroupParent": "/kubelab-test", "securityContext": {"namespaceOptions": {"network": "NODE"}}}
    config = {"metadata": meta, "labels": {"a": "b"}, "annotations": {"x": "y"}, "linux": shared}
    box = known["BOX"] = runtime.run_pod_sandbox(config)["podSandboxId"]
    tell("the same sandbox again", runtime.run_pod_sandbox, config)
    one = {
        "metadata": {"name": "one"},
        "image": {"image": BUSYBOX},
        "command": LOOP,
        "labels": {"l": "m"},
        "envs": [{"key": "A", "value": "1"}],
    }
    first = known["ONE"] = runtime.create_container(box, one, config)["containerId"]
    tell("the same container again", runtime.create_container, box, one, config)
    tell(
        "create without an image", runtime.create_container, box, {**one, "metadata": {"name": "two"}, "image": {"image": "nope:1"}}, config
    )
    tell("status of a created one", runtime.container_status, first)
    tell("stats of a created one", runtime.container_stats, first)
    tell("exec in a created one", runtime.exec_sync, first, ["/bin/echo"])
    tell("stop a created one", runtime.stop_container, first, 1)
    tell("start", runtime.start_container, first)
    tell("start again", runtime.start_container, first)
    wait(3)
    tell("exec", runtime.exec_sync, first, ["/bin/sh", "-c", "echo out $A; exit 3"], 5)
    tell("exec that outlasts its time", runtime.exec_sync, first, ["/bin/sleep", "30"], 1)
    tell("exec with tty and stderr", runtime.exec, first, ["sh"], tty=True, stderr=True)
    tell("exec without a stream", runtime.exec, first, ["sh"], stdout=False)
    tell("update", runtime.update_container_resources, first, {"cpuQuota": 20000, "cpuPeriod": 100000})
    tell("status of a running one", runtime.container_status, first)
    tell("stats", runtime.container_stats, first)
    tell("stats by labels", runtime.list_container_stats, labels={"l": "m"})
    tell("stats of the pod", runtime.pod_sandbox_stats, box)
    tell("ready sandboxes", runtime.list_pod_sandbox, state="SANDBOX_READY", labels={"a": "b"})
    tell("containers of a shortened sandbox", runtime.list_containers, pod_sandbox_id=box[:12])
    tell("status by a shortened id", runtime.container_status, first[:10])
    tell("reopen the log", runtime.reopen_container_log, first)
    tell("stop", runtime.stop_container, first, 5)
    wait(6)
    tell("stop again", runtime.stop_container, first, 5)
    for what, call, more in (
        ("status of", runtime.container_status, ()), ("exec in", runtime.exec_sync, (["x"],)), ("stream to", runtime.exec, (["x"],)),
        ("attach to", runtime.attach, ()), ("stats of", runtime.container_stats, ()), ("update", runtime.update_container_resources, ({"cpuQuota": 30000},)),
        ("reopen the log of", runtime.reopen_container_log, ()), ("start", runtime.start_container, ()),
    ):  # fmt: skip
        tell(f"{what} an ended one", call, first, *more)
    _end(runtime, tell, known, box, one, config)
    return told


def _end(runtime: Any, tell: Callable[..., None], known: dict[str, str], box: str, one: dict[str, Any], config: dict[str, Any]) -> None:
    """A start that fails, and how the sandbox and what is in it go."""
    first = known["ONE"]
    bad = known["BAD"] = runtime.create_container(box, {**one, "metadata": {"name": "bad"}, "command": ["/no/such"]}, config)["containerId"]
    tell("start what is not there", runtime.start_container, bad)
    tell("status of what was not there", runtime.container_status, bad)
    late = known["LATE"] = runtime.create_container(box, {**one, "metadata": {"name": "late"}}, config)["containerId"]
    tell("stop the sandbox", runtime.stop_pod_sandbox, box)
    for what, call, id in (
        ("status of the stopped sandbox", runtime.pod_sandbox_status, box), ("stats of the stopped sandbox", runtime.pod_sandbox_stats, box),
        ("ports of the stopped sandbox", runtime.port_forward, box), ("start in the stopped sandbox", runtime.start_container, late),
        ("remove", runtime.remove_container, first), ("status of a removed one", runtime.container_status, first),
        ("remove the sandbox", runtime.remove_pod_sandbox, box), ("status of the removed sandbox", runtime.pod_sandbox_status, box),
        ("status of a container in it", runtime.container_status, late), ("stats of the removed sandbox", runtime.pod_sandbox_stats, box),
    ):  # fmt: skip
        tell(what, call, id)
    tell("create in the removed sandbox", runtime.create_container, box, one, config)


@pytest.fixture(scope="module")
def stories(real: Any, served: tuple[Any, kl.Cluster]) -> tuple[dict[str, Said], dict[str, Said]]:
    try:
        found = story(real, time.sleep)
    except kl.CriError as error:
        pytest.skip(f"containers cannot be run here: {error}")
    return found, story(served[0], served[1].run)


def shape(found: Any) -> Any:
    """Keys and types, of lists those of the first."""
    if isinstance(found, dict):
        return {key: shape(part) for key, part in found.items()}
    return [shape(part) for part in found[:1]] if isinstance(found, list) else type(found).__name__


def within(real: Any, ours: Any) -> bool:
    """Whether all that a shape of the real one has is in ours too; an older containerd lacks what came later (swap)."""
    if isinstance(real, dict) and isinstance(ours, dict):
        return all(key in ours and within(part, ours[key]) for key, part in real.items())
    if isinstance(real, list) and isinstance(ours, list):
        return not real or (bool(ours) and within(real[0], ours[0]))
    return bool(real == ours)


NOT_KNOWN = {"linux"}  # the namespaces of a sandbox made by hand: the lab has none


def test_refusals_have_the_same_codes_and_words(stories):
    told, ours = stories
    refused = {what: each for what, each in told.items() if each.code}
    assert len(refused) >= 20
    assert {what: ours[what] for what in refused} == refused
    assert [what for what, each in ours.items() if each.code] == list(refused)


def test_answers_have_the_same_shape(stories):
    told, ours = stories
    for what, each in told.items():
        if not each.code:
            found = (
                {key: part for key, part in each.answer.items() if key not in NOT_KNOWN}
                if what == "status of the stopped sandbox"
                else each.answer
            )
            assert within(shape(found), shape(ours[what].answer)), f"{what}: {found} beside {ours[what].answer}"


@pytest.mark.parametrize("what", [
    "status of a created one", "status of a running one", "status by a shortened id", "status of an ended one", "status of what was not there",
])  # fmt: skip
def test_states_go_the_same_way(stories, what):
    told, ours = (each[what].answer for each in stories)
    for name in ("state", "exitCode", "reason", "message", "labels", "annotations", "metadata", "mounts"):
        assert told[name] == ours[name], name
    for name in ("createdAt", "startedAt", "finishedAt"):
        assert (told[name] > 0) == (ours[name] > 0), name
    assert told["image"]["image"] == ours["image"]["image"]


def test_what_a_command_says(stories):
    assert [each["exec"].answer for each in stories] == [{"stdout": "out 1\n", "stderr": "", "exitCode": 3}] * 2
    assert [each["status of the stopped sandbox"].answer["network"] for each in stories] == [{"ip": "", "additionalIps": []}] * 2
