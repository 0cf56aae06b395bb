"""Phase, conditions and patch of a pod's status.

upstream: pkg/kubelet/kubelet_pods_test.go, pkg/kubelet/status/generate_test.go, 1.28; each row names its case.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet.pod import status

Object = dict[str, Any]
ENDED_0 = {"terminated": {"exitCode": 0}}
ENDED_1 = {"terminated": {"exitCode": 1}}
WAITING: Object = {"waiting": {}}
RUNNING: Object = {"running": {}}
STATES = {
    "running": (RUNNING, {}, False),
    "started": (RUNNING, {}, True),
    "waiting": (WAITING, {}, False),
    "succeeded": (ENDED_0, {}, False),
    "failed": (ENDED_1, {}, False),
    "waiting after 0": (WAITING, ENDED_0, False),
    "waiting after 1": (WAITING, ENDED_1, False),
}


def shown(name: str, word: str) -> Object:
    state, last, started = STATES[word]
    ready = word == "succeeded"
    return {"name": name, "state": state, "lastState": last, "started": started, "ready": ready}


def phase(policy: str, mains: str, init: str = "", *, sidecar: bool = False, ended: bool = False) -> str:
    words = [word.strip() for word in mains.split("|")]
    spec: Object = {"restartPolicy": policy, "containers": [{"name": f"c{at}"} for at in range(len(words))]}
    inits = []
    if init:
        spec["initContainers"] = [{"name": "x", **({"restartPolicy": "Always"} if sidecar else {})}]
        inits = [shown("x", init)]
    return status.phase_of(spec, inits, [shown(f"c{at}", word) for at, word in enumerate(words)], ended=ended)


PHASES = [
    # TestPodPhaseWithRestartAlways
    ("Always", "waiting|waiting", "Pending"),
    ("Always", "running|running", "Running"),
    ("Always", "succeeded|succeeded", "Running"),
    ("Always", "running|succeeded", "Running"),
    ("Always", "running|waiting", "Pending"),
    ("Always", "running|waiting after 0", "Running"),
    # TestPodPhaseWithRestartNever
    ("Never", "running|running", "Running"),
    ("Never", "succeeded|succeeded", "Succeeded"),
    ("Never", "failed|failed", "Failed"),
    ("Never", "succeeded|failed", "Failed"),
    ("Never", "running|succeeded", "Running"),
    ("Never", "running|waiting", "Pending"),
    # TestPodPhaseWithRestartOnFailure
    ("OnFailure", "running|running", "Running"),
    ("OnFailure", "succeeded|succeeded", "Succeeded"),
    ("OnFailure", "failed|failed", "Running"),
    ("OnFailure", "running|succeeded", "Running"),
    ("OnFailure", "running|waiting", "Pending"),
    ("OnFailure", "running|waiting after 0", "Running"),
]


@pytest.mark.parametrize(("policy", "mains", "expected"), PHASES)
def test_the_phase_follows_from_the_containers(policy: str, mains: str, expected: str) -> None:
    assert phase(policy, mains) == expected


INIT_PHASES = [
    # TestPodPhaseWithRestartAlwaysInitContainers
    ("Always", "running", "waiting", "Pending"),
    ("Always", "failed", "waiting", "Pending"),
    ("Always", "waiting after 0", "waiting", "Pending"),
    ("Always", "waiting after 1", "waiting", "Pending"),
    ("Always", "waiting", "waiting", "Pending"),
    ("Always", "succeeded", "running|running", "Running"),
    # TestPodPhaseWithRestartNeverInitContainers
    ("Never", "running", "waiting", "Pending"),
    ("Never", "failed", "waiting", "Failed"),
    ("Never", "waiting after 0", "waiting", "Pending"),
    ("Never", "waiting after 1", "waiting", "Failed"),
    ("Never", "waiting", "waiting", "Pending"),
    ("Never", "succeeded", "running|running", "Running"),
]


@pytest.mark.parametrize(("policy", "init", "mains", "expected"), INIT_PHASES)
def test_an_init_container_holds_the_phase_back(policy: str, init: str, mains: str, expected: str) -> None:
    assert phase(policy, mains, init) == expected


SIDECAR_PHASES = [
    # TestPodPhaseWithRestartAlwaysRestartableInitContainers
    ("running", "waiting", False, "Pending"),
    ("waiting after 0", "waiting", False, "Pending"),
    ("waiting", "waiting", False, "Pending"),
    ("started", "running|waiting", False, "Pending"),
    ("started", "running|running", False, "Running"),
    ("running", "running|running", False, "Running"),
    ("succeeded", "running|running", False, "Running"),
    ("waiting after 0", "running|running", False, "Running"),
    ("failed", "succeeded|succeeded", True, "Succeeded"),
    ("succeeded", "succeeded|succeeded", True, "Succeeded"),
]


@pytest.mark.parametrize(("init", "mains", "ended", "expected"), SIDECAR_PHASES)
def test_a_sidecar_counts_while_it_runs_and_not_for_the_end(init: str, mains: str, ended: bool, expected: str) -> None:
    assert phase("Always", mains, init, sidecar=True, ended=ended) == expected


@pytest.mark.parametrize(("mains", "expected"), [("succeeded|succeeded", "Succeeded"), ("succeeded|failed", "Failed")])
def test_a_pod_that_will_not_run_again_is_terminal_whatever_its_policy(mains: str, expected: str) -> None:
    # TestPodPhaseWithRestartAlways: "…, but the pod is terminal"
    assert phase("Always", mains, ended=True) == expected


def ready(*names: str) -> list[Object]:
    """Statuses by name; a leading ``!`` means not ready."""
    return [{"name": name.lstrip("!"), "ready": not name.startswith("!")} for name in names]


READY = [
    # TestGenerateContainersReadyCondition
    ([], "a b", "Running", ("True", "", "")),
    ([], "a !b", "Running", ("False", "ContainersNotReady", "containers with unready status: [b]")),
    ([], "!a !b", "Running", ("False", "ContainersNotReady", "containers with unready status: [a b]")),
    ([], "!a", "Succeeded", ("False", "PodCompleted", "")),
    ([], "!a", "Failed", ("False", "PodFailed", "")),
    (["s", "t"], "a", "Running", ("True", "", "")),
    (["s", "!t"], "a", "Running", ("False", "ContainersNotReady", "containers with unready status: [t]")),
]


@pytest.mark.parametrize(("sidecars", "mains", "phase", "expected"), READY)
def test_containers_ready_names_those_that_are_not(sidecars: list[str], mains: str, phase: str, expected: tuple[str, ...]) -> None:
    spec = {
        "initContainers": [{"name": name.lstrip("!"), "restartPolicy": "Always"} for name in sidecars],
        "containers": [{"name": name.lstrip("!")} for name in mains.split()],
    }
    assert status.containers_ready(spec, ready(*sidecars), ready(*mains.split()), phase) == expected


NO_GATE = 'corresponding condition of pod readiness gate "{}" does not exist.'
GATES = [
    # TestGeneratePodReadyCondition
    (["gate1"], {}, ("False", "ReadinessGatesNotReady", NO_GATE.format("gate1"))),
    (
        ["gate1"],
        {"gate1": "False"},
        ("False", "ReadinessGatesNotReady", 'the status of pod readiness gate "gate1" is not "True", but False'),
    ),
    (["gate1"], {"gate1": "True"}, ("True", "", "")),
    (["gate1", "gate2"], {"gate1": "True"}, ("False", "ReadinessGatesNotReady", NO_GATE.format("gate2"))),
    (["gate1", "gate2"], {"gate1": "True", "gate2": "True"}, ("True", "", "")),
]


@pytest.mark.parametrize(("gates", "conditions", "expected"), GATES)
def test_readiness_gates_hold_ready_back(gates: list[str], conditions: dict[str, str], expected: tuple[str, ...]) -> None:
    spec = {"readinessGates": [{"conditionType": gate} for gate in gates]}
    found = [{"type": kind, "status": value} for kind, value in conditions.items()]
    assert status.pod_ready(spec, found, ("True", "", ""), "Running") == expected


def test_initialized_names_the_init_containers_that_have_not_ended() -> None:
    spec = {"initContainers": [{"name": "a"}, {"name": "b"}]}
    inits, waiting = ready("a", "!b"), [shown("c", "waiting")]
    expected = ("False", "ContainersNotInitialized", "containers with incomplete status: [b]")
    assert status.initialized(spec, inits, waiting, "Pending") == expected
    assert status.initialized(spec, inits, [shown("c", "running")], "Running") == ("True", "", "")
    assert status.initialized(spec, inits, waiting, "Succeeded") == ("True", "PodCompleted", "")


def test_a_patch_holds_only_what_differs_and_the_uid() -> None:
    old = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m", "lastTransitionTime": "t0"}
    new = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": "t1"}
    pod = {"metadata": {"uid": "u"}, "status": {"phase": "Pending", "hostIP": "h", "conditions": [old], "qosClass": "BestEffort"}}

    body = status.patch_body(pod, {"phase": "Running", "hostIP": "h", "conditions": [new]})

    changed = {"type": "Ready", "status": "True", "lastTransitionTime": "t1", "reason": None, "message": None}
    assert body == {
        "metadata": {"uid": "u"},
        "status": {"phase": "Running", "$setElementOrder/conditions": [{"type": "Ready"}], "conditions": [changed]},
    }


def test_an_address_that_has_changed_replaces_the_old_one() -> None:
    # podIPs merge by ip (staging/src/k8s.io/api/core/v1/types.go), so the old one must be taken out
    pod = {"metadata": {"uid": "u"}, "status": {"podIPs": [{"ip": "10.244.0.2"}]}}
    body = status.patch_body(pod, {"podIPs": [{"ip": "10.244.0.3"}]})
    assert body is not None
    assert body["status"] == {
        "$setElementOrder/podIPs": [{"ip": "10.244.0.3"}],
        "podIPs": [{"ip": "10.244.0.3"}, {"$patch": "delete", "ip": "10.244.0.2"}],
    }


def test_no_patch_is_made_for_what_is_reported_already() -> None:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "t"}
    pod = {"metadata": {"uid": "u"}, "status": {"phase": "Running", "conditions": [condition]}}
    assert status.patch_body(pod, {"phase": "Running", "conditions": [{**condition, "lastProbeTime": None}]}) is None
