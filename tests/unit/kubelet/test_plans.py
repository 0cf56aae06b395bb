"""What a pod's worker decides, as values: from what it sees to the acts and calls of its plan.

upstream: pkg/kubelet/kuberuntime/kuberuntime_manager_test.go TestComputePodActions and its kin, 1.28.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubelab.cri.api import EXITED, NOTREADY, READY, RUNNING, Container, ContainerSpec, Sandbox, SandboxConfig
from kubelab.engine.plan import Act, Plan
from kubelab.kubelet.kubelet import plan_pod
from kubelab.kubelet.pod.seen import PodSeen
from kubelab.kubelet.records import Backoff, Instances, PodRecord, ProbeState, Worker
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing
from tests.unit.kubelet.world import START_NS, container, pod

Object = dict[str, Any]
NOW_NS = START_NS + 100 * SECOND
KEY = ("pod", "u", "default", "web")


def instance(name: str, state: str, *, code: int = 0, ended_s: int = 99, sandbox: str = "box", image: str = "nginx:1.25") -> Container:
    spec = ContainerSpec(name, image, pod_name="web", pod_uid="u")
    end = {"finished_ns": START_NS + ended_s * SECOND, "exit_code": code} if state == EXITED else {}
    return Container(f"{name}-id", sandbox, spec, "img", "forever", state, START_NS, START_NS, **end)


def seen(spec: Object, *instances: Container, sandbox: str = READY, images: tuple[str, ...] = ("nginx:1.25",), **worker: Any) -> PodSeen:
    obj = {**spec, "metadata": {**spec["metadata"], "uid": "u", "resourceVersion": "1"}}
    present = sandbox != ""
    record = PodRecord("box" if present else "", "10.244.0.2", 0, {item.spec.name: Instances(item.id) for item in instances})
    boxes = {"box": Sandbox("box", SandboxConfig("web", "default", "u"), sandbox, START_NS)} if present else {}
    known = Worker(obj, START_NS, "2026-01-01T00:00:00Z", **worker)
    refs = dict.fromkeys(images, "img")
    containers = {item.id: item for item in instances}
    return PodSeen(
        KEY, obj, True, False, known, record, boxes, containers, {}, refs, {}, "192.168.0.2", NOW_NS, Timing(), 12 * SECOND, None
    )


def acts(plan: Plan) -> list[str]:
    """``name container`` of each act, in turn."""
    out = []
    for call in plan.calls:
        if isinstance(call, Act):
            name = call.arguments[4] if len(call.arguments) > 4 else ""
            out.append(f"{call.name} {name}".strip())
    return out


TWO = pod(container("a"), container("b"))
INIT = pod(container("a"), initContainers=[container("i"), container("j")])
NEVER = pod(container("a"), container("b"), restartPolicy="Never")
ON_FAILURE = pod(container("a"), container("b"), restartPolicy="OnFailure")
UP, DOWN = RUNNING, EXITED
ROWS: list[tuple[str, PodSeen, list[str]]] = [
    ("a new pod", seen(TWO, sandbox=""), ["sandbox", "run a", "run b"]),
    ("everything is good; do nothing", seen(TWO, instance("a", UP), instance("b", UP)), []),
    (
        "start pod sandbox and all containers for a new sandbox",
        seen(TWO, instance("a", DOWN), sandbox=NOTREADY),
        ["sandbox", "run a", "run b"],
    ),
    ("restart exited containers if RestartPolicy == Always", seen(TWO, instance("a", DOWN), instance("b", UP)), ["run a"]),
    (
        "restart failed containers if RestartPolicy == OnFailure",
        seen(ON_FAILURE, instance("a", DOWN, code=1), instance("b", DOWN)),
        ["run a"],
    ),
    ("don't restart containers if RestartPolicy == Never", seen(NEVER, instance("a", DOWN, code=1), instance("b", UP)), []),
    ("all have ended and none restarts", seen(NEVER, instance("a", DOWN, code=1), instance("b", DOWN)), ["tear-down"]),
    (
        "kill and recreate a container if its image has changed",
        seen(TWO, instance("a", UP, image="nginx:1.24"), instance("b", UP)),
        ["stop a"],
    ),
    ("an image is missing", seen(TWO, images=()), ["request-pull a"]),
    ("the first init container", seen(INIT), ["run i"]),
    ("initialization in progress; do nothing", seen(INIT, instance("i", UP)), []),
    ("the next init container", seen(INIT, instance("i", DOWN)), ["run j"]),
    ("initialization complete; start all containers", seen(INIT, instance("i", DOWN), instance("j", DOWN)), ["run a"]),
    ("initialization failed; restart the last init container", seen(INIT, instance("i", DOWN, code=1)), ["run i"]),
    (
        "a new sandbox runs the init containers again",
        seen(INIT, instance("i", DOWN, sandbox="old"), instance("j", DOWN, sandbox="old")),
        ["run i"],
    ),
    ("a pull is under way", seen(TWO, busy="a"), []),
]


@pytest.mark.parametrize(("situation", "given", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_done_next(situation: str, given: PodSeen, expected: list[str]) -> None:
    assert acts(plan_pod(given)) == expected


def test_a_failed_liveness_probe_kills_its_container() -> None:
    # "Kill and recreate the container if the liveness check has failed."
    failed = ProbeState("a-id", START_NS, "failure", "failure", 0, True)
    plan = plan_pod(seen(TWO, instance("a", UP), instance("b", UP), probes={("a", "liveness"): failed}))
    assert acts(plan) == ["stop a"]
    assert str(plan.because[0]) == "pod/web: Container a failed liveness probe, will be restarted"


@pytest.mark.parametrize(("ended_s", "expected"), [(95, []), (80, ["run a"])])
def test_back_off_counts_from_the_last_end(ended_s: int, expected: list[str]) -> None:
    waiting = {"a": Backoff(10 * SECOND, START_NS + 90 * SECOND)}
    plan = plan_pod(seen(TWO, instance("a", DOWN, code=1, ended_s=ended_s), instance("b", UP), crashes=waiting))
    assert acts(plan) == expected
    assert (plan.again_ns is None) is bool(expected)


def test_the_first_restart_is_immediate_and_begins_the_back_off() -> None:
    plan = plan_pod(seen(TWO, instance("a", DOWN, code=1), instance("b", UP)))
    assert acts(plan) == ["run a"]
    assert plan.note["workers"]["u"].crashes == {"a": Backoff(10 * SECOND, NOW_NS)}


def test_an_image_that_backs_off_does_not_hold_up_the_others() -> None:
    spec = pod(container("a", "redis:7"), container("b"))
    given = seen(spec)
    backing_off = given.worker._replace(images={"redis:7": Backoff(20 * SECOND, NOW_NS - 5 * SECOND)})
    plan = plan_pod(replace(given, worker=backing_off))
    assert acts(plan) == ["run b"]
    assert [event.reason for event in plan.events] == ["BackOff", "Failed"]
    assert plan.note["workers"]["u"].reasons == {"a": ("ImagePullBackOff", 'Back-off pulling image "redis:7"')}
