"""What is reported of a pod that has been stopped.

upstream: pkg/kubelet/status/status_manager_test.go, 1.28: TestTerminatePod, TestTerminatePodWaiting, TestTerminatePod_DefaultUnknownStatus,
TestTerminatePod_EnsurePodPhaseIsTerminal, TestMergePodStatus, TestStatusNormalizationEnforcesMaxBytes.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri.api import EXITED, RUNNING, Container, ContainerSpec
from kubelab.kubelet.pod import status
from kubelab.kubelet.records import Instances, PodRecord, Worker
from kubelab.world.clock import SECOND
from tests.unit.kubelet.world import START_NS, container, pod

Object = dict[str, Any]
UNKNOWN = {"exitCode": 137, "reason": "ContainerStatusUnknown",
           "message": "The container could not be located when the pod was terminated", "startedAt": None, "finishedAt": None}  # fmt: skip


def shown(names: str, words: str) -> list[Object]:
    """``waiting``, ``running``, a code, ``waiting/0`` (after a code), ``-/0``: no state, but a last one."""
    out = []
    for at, word in enumerate(words.split()):
        now, _, last = word.partition("/")
        state: Object = {} if now == "-" else {now: {}} if not now.isdecimal() else {"terminated": {"exitCode": int(now)}}
        out.append({"name": f"{names}{at}", "state": state, "lastState": {"terminated": {"exitCode": int(last)}} if last else {}})
    return out


def told(found: list[Object]) -> str:
    words = []
    for each in found:
        ended = each["state"].get("terminated")
        words.append(
            "unknown" if ended == UNKNOWN else str(ended["exitCode"]) if ended else "waiting" if "waiting" in each["state"] else "?"
        )
    return " ".join(words)


@pytest.mark.parametrize(("inits", "mains", "inits_after", "mains_after"), [
    # TestTerminatePod, TestTerminatePodWaiting
    ("- 0 3", "- 2 0", "unknown 0 3", "unknown 2 0"),
    ("- 0 waiting", "- 2 waiting", "unknown 0 waiting", "unknown 2 unknown"),
    # TestTerminatePod_DefaultUnknownStatus
    ("", "waiting/2", "", "unknown"),  # last termination state set
    ("", "waiting", "", "unknown"),  # no previous state
    ("waiting", "waiting", "unknown", "waiting"),  # uninitialized pod defaults the first init container
    ("waiting waiting", "waiting", "unknown waiting", "waiting"),  # … only the first init container
    ("waiting waiting 1 waiting", "waiting", "unknown unknown 1 waiting", "waiting"),  # … gaps
    ("waiting waiting 1", "waiting", "unknown unknown 1", "waiting"),  # failed last container is uninitialized
    ("waiting waiting 0", "waiting", "unknown unknown 0", "unknown"),  # successful last container is initialized
    ("waiting waiting waiting/0", "waiting", "unknown unknown unknown", "unknown"),  # successful last previous container is initialized
    ("waiting", "running", "unknown", "unknown"),  # running container proves initialization
    ("waiting", "0", "unknown", "0"),  # evidence of terminated container proves initialization
    ("waiting", "-/0", "unknown", "unknown"),  # evidence of previously terminated container proves initialization
])  # fmt: skip
def test_containers_that_are_lost(inits: str, mains: str, inits_after: str, mains_after: str) -> None:
    of_init, of_main = shown("init-", inits), shown("", mains)
    spec = {"initContainers": [{"name": each["name"]} for each in of_init], "containers": [{"name": each["name"]} for each in of_main]}
    status._terminate({"phase": "Failed"}, {"spec": spec}, of_init, of_main)
    assert (told(of_init), told(of_main)) == (inits_after, mains_after)


@pytest.mark.parametrize(("phase", "want"), [
    ("Pending", "Failed"), ("Running", "Failed"), ("Succeeded", "Succeeded"), ("Failed", "Failed"), ("Unknown", "Failed"), ("Some", "Failed"),
])  # fmt: skip
def test_the_phase_is_terminal(phase: str, want: str) -> None:
    """TestTerminatePod_EnsurePodPhaseIsTerminal."""
    out = {"phase": phase}
    status._terminate(out, {"spec": {"containers": []}}, [], [])
    assert out["phase"] == want


# -- TestMergePodStatus ---------------------------------------------------------------------------------------------------------
READY = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": "t0"}
EVICTED = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "lastProbeTime": None,
    "lastTransitionTime": "t0",
}
FEATURE = {"type": "example.com/feature", "status": "True"}


def generated(conditions: list[Object], *, state: str, verdict: bool = True, **ends: bool) -> Object:
    """The status of a pod that ran when it was last told of, and is to be evicted."""
    spec = pod(container("c"))
    known = {"phase": "Running", "conditions": conditions, "startTime": "s"}
    obj = {**spec, "metadata": {**spec["metadata"], "uid": "u"}, "status": known}
    end = {"finished_ns": START_NS + SECOND, "exit_code": 137} if state == EXITED else {}
    current = Container("id", "box", ContainerSpec("c", "nginx:1.25"), "img", "forever", state, START_NS, START_NS, **end)
    worker = Worker(obj, START_NS, "s", ("Evicted", "words") if verdict else None, disruption="words" if verdict else "")
    record = PodRecord("box", "10.0.0.1", 0, {"c": Instances("id")})
    return status.generate(obj, worker, record, {"id": current}, {}, "h", START_NS + 2 * SECOND, **ends)


def target(found: Object) -> Object | None:
    return next((each for each in found["conditions"] if each["type"] == "DisruptionTarget"), None)


def test_a_disruption_is_added_at_the_end() -> None:
    """add DisruptionTarget condition when transitioning into failed phase."""
    found = generated([READY], state=EXITED, ended=True)
    assert (found["phase"], found["reason"], found["message"]) == ("Failed", "Evicted", "words")
    assert [each["type"] for each in found["conditions"]] == ["Initialized", "Ready", "ContainersReady", "PodScheduled", "DisruptionTarget"]
    assert (target(found) or {})["reason"] == "TerminationByKubelet"
    assert [(each["status"], each["reason"]) for each in found["conditions"][1:3]] == [("False", "PodFailed")] * 2


def test_not_while_something_may_still_run() -> None:
    """don't add (override) DisruptionTarget … but there might still be running containers."""
    found = generated([READY], state=RUNNING, ending=True)
    assert (found["phase"], found.get("reason"), target(found)) == ("Running", None, None)
    assert target(generated([EVICTED, READY], state=RUNNING, ending=True)) == EVICTED


def test_one_that_is_there_is_replaced_in_its_place() -> None:
    """override DisruptionTarget condition; upstream: ReplaceOrAppendPodCondition."""
    found = generated([EVICTED, FEATURE, READY], state=EXITED, ended=True)
    assert [each["type"] for each in found["conditions"][:2]] == ["DisruptionTarget", "example.com/feature"]
    replaced = target(found) or {}
    assert (replaced["reason"], replaced["lastTransitionTime"]) == ("TerminationByKubelet", "t0")


def test_what_others_have_said_stays() -> None:
    """preserve DisruptionTarget condition; additional pod condition."""
    found = generated([EVICTED, READY, FEATURE], state=RUNNING, verdict=False)
    assert found["conditions"][:2] == [EVICTED, FEATURE]
    assert found["phase"] == "Running"


@pytest.mark.parametrize(("containers", "want"), [(3, 4096), (4, 3072), (48, 256)])
def test_last_words_have_an_upper_bound_together(containers: int, want: int) -> None:
    """TestStatusNormalizationEnforcesMaxBytes."""
    names = [f"c{at:02}" for at in range(containers)]
    obj = pod(*map(container, names))
    ended = {
        name: Container(name, "box", ContainerSpec(name, "i"), "img", "forever", EXITED, START_NS, START_NS, START_NS, message="a" * 4096)
        for name in names
    }
    record = PodRecord("box", "10.0.0.1", 0, {name: Instances(name) for name in names})
    _, mains = status.statuses(obj, Worker(obj, START_NS, "s"), record, ended, {})
    assert {len(each["state"]["terminated"]["message"]) for each in mains} == {want}


# -- pkg/kubelet/kubelet_pods_test.go Test_generateAPIPodStatus -------------------------------------------------------------------
TOLD = {"reason": "Test", "message": "test"}


def of_pod(before: Object, states: dict[str, str], policy: str = "Always", **ends: bool) -> Object:
    """The status of a pod with containers ``a`` and ``b``, from what was reported and what the runtime says (a state, or none)."""
    spec = pod(container("a"), container("b"), restartPolicy=policy)
    obj = {**spec, "metadata": {**spec["metadata"], "uid": "u"}, "status": before}
    found = {
        name: Container(name, "box", ContainerSpec(name, "i"), "img", "forever", state, START_NS, START_NS,
                        *((START_NS + SECOND, 0) if state == EXITED else ()))
        for name, state in states.items()
    }  # fmt: skip
    record = PodRecord("box", "10.0.0.10", 0, {name: Instances(name) for name in states})
    return status.generate(obj, Worker(obj, START_NS, "s"), record, found, {}, "127.0.0.1", START_NS + 2 * SECOND, **ends)


def running(name: str) -> Object:
    return {"name": name, "state": {"running": {}}, "lastState": {}, "restartCount": 0}


BOTH = {"containerStatuses": [running("a"), running("b")]}


@pytest.mark.parametrize(("situation", "found", "phase", "reason", "states"), [
    ("current status ready, with previous statuses and no deletion", of_pod(BOTH, {}), "Running", None, ["waiting", "waiting"]),
    ("terminal phase cannot be changed (apiserver previous is succeeded)", of_pod({"phase": "Succeeded", **BOTH}, {}), "Succeeded", None,
     ["waiting", "waiting"]),
    ("terminal phase from previous status must remain terminal, restartAlways", of_pod({"phase": "Succeeded", **TOLD, **BOTH}, {}),
     "Succeeded", "Test", ["waiting", "waiting"]),
    ("terminal phase from previous status must remain terminal, restartNever",
     of_pod({"phase": "Succeeded", **TOLD}, {"a": EXITED, "b": EXITED}, "Never"), "Succeeded", "Test", ["terminated", "terminated"]),
    ("running can revert to pending", of_pod({"phase": "Running"}, {}), "Pending", None, ["waiting", "waiting"]),
    ("reason and message are preserved when phase doesn't change", of_pod({"phase": "Pending", **TOLD}, {"b": RUNNING}), "Pending", "Test",
     ["waiting", "running"]),
    ("reason and message are cleared when phase changes", of_pod({"phase": "Pending", **TOLD}, {"a": RUNNING, "b": RUNNING}), "Running", None,
     ["running", "running"]),
])  # fmt: skip
def test_phase_and_reason(situation: str, found: Object, phase: str, reason: str | None, states: list[str]) -> None:
    assert (found["phase"], found.get("reason")) == (phase, reason)
    assert [next(iter(each["state"])) for each in found["containerStatuses"]] == states
    done = phase == "Succeeded"
    assert [(each["status"], each.get("reason")) for each in found["conditions"] if each["type"] == "Initialized"] == [
        ("True", "PodCompleted" if done else None)
    ]


@pytest.mark.parametrize(("deleted", "restarts"), [(True, 0), (False, 1)])
def test_containers_of_which_the_runtime_knows_nothing(deleted: bool, restarts: int) -> None:
    """TestConvertToAPIContainerStatuses: no current status, with previous statuses and (no) deletion."""
    spec = pod(container("a"), container("b"))
    meta = {**spec["metadata"], **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {})}
    obj = {**spec, "metadata": meta, "status": BOTH}
    _, mains = status.statuses(obj, Worker(obj, START_NS, "s"), PodRecord("", ""), {}, {})
    for each in mains:
        assert each["state"] == {"waiting": {"reason": "ContainerCreating"}}
        last = each["lastState"]["terminated"]
        assert (last["exitCode"], last["reason"]) == (137, "ContainerStatusUnknown")
        assert last["message"] == "The container could not be located when the pod was deleted.  The container used to be Running"
        assert each["restartCount"] == restarts
