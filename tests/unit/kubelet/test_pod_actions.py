"""What is killed and started next: upstream's tables, row by row.

upstream: pkg/kubelet/kuberuntime/kuberuntime_manager_test.go, 1.28: TestComputePodActions, TestComputePodActionsWithInitContainers,
TestComputePodActionsWithRestartableInitContainers. A container that is to be killed is started again by the sync that its end brings about,
so ``stop c`` stands for upstream's kill and start. Rows of containers in an unknown state are left out: containerd has ended such containers
(exit code 255) before a kubelet sees them. A sandbox always has an address here.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri.api import CREATED, EXITED, NOTREADY, READY, RUNNING, Container
from kubelab.kubelet.kubelet import plan_pod
from kubelab.kubelet.records import ProbeState
from tests.unit.kubelet.test_plans import START_NS, acts, instance, seen
from tests.unit.kubelet.world import container, pod

Object = dict[str, Any]
MAINS = ("foo1", "foo2", "foo3")
INITS = ("init1", "init2", "init3")
STATES = {"up": RUNNING, "created": CREATED}


def instances(statuses: str) -> list[Container]:
    """``foo1=up foo2=111``: running, or ended with a code."""
    found = []
    for word in statuses.split():
        name, _, state = word.partition("=")
        ended = state not in STATES
        found.append(instance(name, EXITED if ended else STATES[state], code=int(state) if ended else 0))
    return found


def probed(failing: str, *passing: str) -> dict[tuple[str, str], ProbeState]:
    """``foo2/liveness`` has failed; the others have passed."""
    words = [*((word, "success") for word in passing), *((word, "failure") for word in failing.split())]
    out = {}
    for word, result in words:
        name, _, kind = word.partition("/")
        out[(name, kind)] = ProbeState(f"{name}-id", START_NS, result, result, 0, result == "failure")
    return out


def decided(spec: Object, statuses: str, sandbox: str, **worker: Any) -> list[str]:
    return acts(plan_pod(seen(spec, *instances(statuses), sandbox=sandbox, **worker)))


PLAIN: list[tuple[str, str, str, str, str, list[str]]] = [
    # situation, policy, sandbox, containers, failed probes, acts
    ("everything is good; do nothing", "Always", READY, "foo1=up foo2=up foo3=up", "", []),
    ("start pod sandbox and all containers for a new pod", "Always", "", "", "", ["sandbox", "run foo1", "run foo2", "run foo3"]),
    ("restart exited containers if RestartPolicy == Always", "Always", READY, "foo1=0 foo2=111 foo3=up", "", ["run foo1", "run foo2"]),
    ("restart failed containers if RestartPolicy == OnFailure", "OnFailure", READY, "foo1=0 foo2=111 foo3=up", "", ["run foo2"]),
    ("don't restart containers if RestartPolicy == Never", "Never", READY, "foo1=0 foo2=111 foo3=up", "", []),
    (
        "recreate everything if the pod sandbox is dead, and RestartPolicy == Always",
        "Always", NOTREADY, "foo1=255 foo2=255 foo3=255", "", ["sandbox", "run foo1", "run foo2", "run foo3"],
    ),
    (
        "recreate all containers except for the succeeded one if the sandbox is dead, and RestartPolicy == OnFailure",
        "OnFailure", NOTREADY, "foo1=255 foo2=0 foo3=255", "", ["sandbox", "run foo1", "run foo3"],
    ),
    ("kill and recreate the container if the liveness check has failed", "Always", READY, "foo1=up foo2=up foo3=up", "foo2/liveness",
     ["stop foo2"]),
    ("kill and recreate the container if the startup check has failed", "Always", READY, "foo1=up foo2=up foo3=up", "foo2/startup",
     ["stop foo2"]),
    ("no sandbox if RestartPolicy=Never and all containers exited", "Never", NOTREADY, "foo1=0 foo2=0 foo3=0", "", ["tear-down"]),
    ("no sandbox if RestartPolicy=OnFailure and all containers succeeded", "OnFailure", NOTREADY, "foo1=0 foo2=0 foo3=0", "", ["tear-down"]),
    (
        "a sandbox if RestartPolicy=Never and no containers have ever been created",
        "Never", NOTREADY, "", "", ["sandbox", "run foo1", "run foo2", "run foo3"],
    ),
    ("no second sandbox if RestartPolicy=Never and only some containers have been created", "Never", NOTREADY, "foo1=0", "", []),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "policy", "sandbox", "statuses", "failed", "expected"), PLAIN, ids=[row[0] for row in PLAIN])
def test_containers(situation: str, policy: str, sandbox: str, statuses: str, failed: str, expected: list[str]) -> None:
    probes = {"livenessProbe": {}, "startupProbe": {}} if failed else {}
    spec = pod(*(container(name, **probes) for name in MAINS), restartPolicy=policy)
    passed = [f"{name}/startup" for name in MAINS] if failed else []
    assert decided(spec, statuses, sandbox, probes=probed(failed, *passed)) == expected


def test_a_container_whose_spec_has_changed() -> None:
    spec = pod(container("foo1"), container("foo2", "nginx:1.26"), container("foo3"), restartPolicy="Never")
    assert decided(spec, "foo1=up foo2=up foo3=up", READY) == ["stop foo2"]


WITH_INITS: list[tuple[str, str, str, str, list[str]]] = [
    ("initialization completed; start all containers", "Always", READY, "init1=0 init2=0 init3=0", ["run foo1", "run foo2", "run foo3"]),
    ("no init containers have been started; start the first one", "Always", READY, "", ["run init1"]),
    ("initialization in progress; do nothing", "Always", READY, "init1=0 init2=0 init3=up", []),
    ("restart the first init container if the sandbox is dead", "Always", NOTREADY, "init1=0 init2=0 init3=0", ["sandbox", "run init1"]),
    ("initialization failed; restart the last, Always", "Always", READY, "init1=0 init2=0 init3=137", ["run init3"]),
    ("initialization failed; restart the last, OnFailure", "OnFailure", READY, "init1=0 init2=0 init3=137", ["run init3"]),
    ("initialization failed; kill pod if RestartPolicy == Never", "Never", READY, "init1=0 init2=0 init3=137", ["tear-down"]),
    ("sandbox not ready, init container failed, Never; kill pod only", "Never", NOTREADY, "init1=0 init2=0 init3=137", ["tear-down"]),
    ("sandbox not ready, Never, but no visible init containers; a new sandbox", "Never", NOTREADY, "", ["sandbox", "run init1"]),
    ("sandbox not ready, init container failed, OnFailure; a new sandbox", "OnFailure", NOTREADY, "init1=0 init2=0 init3=137",
     ["sandbox", "run init1"]),
    ("some statuses are missing but the last is running; don't restart preceding ones", "Always", READY, "init3=up", []),
    ("the init containers are gone but a container has run; don't run them again", "Always", READY, "foo1=up foo2=1 foo3=up", ["run foo2"]),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "policy", "sandbox", "statuses", "expected"), WITH_INITS, ids=[row[0] for row in WITH_INITS])
def test_init_containers(situation: str, policy: str, sandbox: str, statuses: str, expected: list[str]) -> None:
    spec = pod(*map(container, MAINS), initContainers=[container(name) for name in INITS], restartPolicy=policy)
    assert decided(spec, statuses, sandbox) == expected


UP = "init1=up init2=up init3=up"
FOOS = ["run foo1", "run foo2", "run foo3"]
SIDECARS: list[tuple[str, str, str, str, str, list[str]]] = [
    ("initialization completed; start all containers", "Always", READY, UP, "", FOOS),
    ("no init containers have been started; start the first one", "Always", READY, "", "", ["run init1"]),
    ("initialization in progress; do nothing", "Always", READY, "init1=up init2=up init3=created", "", []),
    ("restartable init container has started; start the next", "Always", READY, "init1=up", "", ["run init2"]),
    ("startupProbe has completed; start the next", "Always", READY, "init1=up init2=up", "", ["run init3"]),
    ("kill and recreate if the liveness check has failed", "Always", READY, UP, "init3/liveness", ["stop init3", *FOOS]),
    ("kill and recreate if the startup check has failed", "Always", READY, UP, "init3/startup", ["stop init3"]),
    ("restart terminated restartable init container and next init container", "Always", READY, "init1=0 init2=up init3=0", "",
     ["run init1", "run init3"]),
    ("restart terminated restartable init container and regular containers", "Always", READY, "init1=0 init2=up init3=up", "",
     ["run init1", *FOOS]),
    ("sandbox not ready, Never; kill pod only", "Never", NOTREADY, "init1=255 init2=255 init3=137", "", []),
    ("sandbox not ready, Never, but nothing visible; a new sandbox", "Never", NOTREADY, "", "", ["sandbox", "run init1"]),
    ("sandbox not ready, OnFailure; a new sandbox", "OnFailure", NOTREADY, "init1=255 init2=255 init3=137", "", ["sandbox", "run init1"]),
    ("sandbox not ready, Always; a new sandbox", "Always", NOTREADY, "init1=255 init2=255 init3=137", "", ["sandbox", "run init1"]),
    ("restart the last even if RestartPolicy == Never", "Never", READY, "init1=up init2=up init3=137", "", ["run init3"]),
    ("restart beside running containers even if RestartPolicy == Never", "Never", READY, "init1=up init2=up init3=137 foo1=up foo2=up foo3=up",
     "", ["run init3"]),
    ("some statuses are missing but the last is running; restart them and regular containers", "Always", READY, "init3=up", "",
     ["run init1", "run init2", *FOOS]),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "policy", "sandbox", "statuses", "failed", "expected"), SIDECARS, ids=[row[0] for row in SIDECARS])
def test_restartable_init_containers(situation: str, policy: str, sandbox: str, statuses: str, failed: str, expected: list[str]) -> None:
    probes = {"livenessProbe": {}, "startupProbe": {}}
    inits = [container("init1", restartPolicy="Always"), *(container(name, restartPolicy="Always", **probes) for name in INITS[1:])]
    spec = pod(*map(container, MAINS), initContainers=inits, restartPolicy=policy)
    passed = [f"{name}/{kind}" for name in INITS[1:] for kind in ("startup", "liveness") if f"{name}/{kind}" not in failed]
    assert decided(spec, statuses, sandbox, probes=probed(failed, *passed)) == expected


@pytest.mark.parametrize("known", [{}, {("init2", "startup"): ProbeState("init2-id", START_NS)}], ids=["not been run", "in progress"])
def test_a_startup_probe_holds_up_the_next(known: Any) -> None:
    inits = [container(name, restartPolicy="Always", startupProbe={}) for name in INITS]
    spec = pod(*map(container, MAINS), initContainers=inits)
    passed = probed("", "init1/startup")
    assert decided(spec, "init1=up init2=up", READY, probes={**passed, **known}) == []


def test_only_sidecars_are_left() -> None:
    """Kill the pod if all main containers succeeded and RestartPolicy == Never."""
    spec = pod(*map(container, MAINS), initContainers=[container(name, restartPolicy="Always") for name in INITS], restartPolicy="Never")
    plan = plan_pod(seen(spec, *instances(f"{UP} foo1=0 foo2=0 foo3=0")))
    assert plan.note["workers"]["u"].grace_s == 30
    assert acts(plan) == []


def test_what_is_said_of_a_sandbox_that_is_made_anew() -> None:
    """upstream: SyncPod, events.SandboxChanged; nothing of the first one."""
    told = [(event.type, event.reason, event.message) for event in plan_pod(seen(pod(), instance("c", EXITED), sandbox=NOTREADY)).events]
    assert told == [("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")]
    assert plan_pod(seen(pod(), sandbox="")).events == ()
