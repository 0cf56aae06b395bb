"""A pod's status as the kubelet reports it: phase, conditions, addresses; and the patch that reports it.

upstream: pkg/kubelet/kubelet_pods.go generateAPIPodStatus and getPhase, pkg/kubelet/status/{generate,status_manager}.go,
pkg/util/pod/pod.go PatchPodStatus, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.cri.api import Container
from kubelab.kubelet.pod.container_status import is_sidecar, statuses
from kubelab.kubelet.records import PodRecord, Worker
from kubelab.world.clock import rfc3339

Object = dict[str, Any]
OWN_CONDITIONS = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
TERMINAL = ("Succeeded", "Failed")
DISRUPTION = "DisruptionTarget"
UNKNOWN = "forever"  # the program of an image that the lab does not know
DEADLINE = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
_NONE: dict[str, Any] = {}


def generate(
    pod: Object,
    worker: Worker,
    record: PodRecord,
    running: Mapping[str, Container],
    images: Mapping[str, Any],
    host_ip: str,
    now_ns: int,
    *,
    ended: bool = False,
    ending: bool = False,
) -> Object:
    """The status to report now. ``ended``: no container of the pod runs or will run again; ``ending``: it is being stopped.

    A pod that is being stopped keeps its phase until its last container has ended (upstream: mergePodStatus). Why it was stopped is forgotten where
    all of its containers exit with 0: then it has succeeded (upstream: SyncTerminatingPod generates its last status without podStatusFn;
    test/e2e_node/critical_pod_test.go). Static pods have failed in any case (getPhase), and so have those that were out of time (ShouldEvict), and
    those of images whose exit code is only what the lab supposes.
    """
    old = pod.get("status") or _NONE
    inits, mains = statuses(pod, worker, record, running, images)
    phase = phase_of(pod["spec"], inits, mains, ended=ended)
    reason, message = old.get("reason"), old.get("message")
    if worker.verdict is not None and ended and not (phase == "Succeeded" and _forgets(pod, worker, running)):
        phase, (reason, message) = "Failed", worker.verdict
    elif old.get("phase") in TERMINAL:
        phase = old["phase"]
    elif ending and phase in TERMINAL:
        phase = old.get("phase") or "Pending"
    elif phase != old.get("phase"):
        reason = message = None  # they belonged to the phase before
    out: Object = {"phase": phase, "conditions": _conditions(pod, inits, mains, phase, rfc3339(now_ns))}
    if ended:
        _terminate(out, pod, inits, mains)
        if worker.disruption and old.get("phase") not in TERMINAL:
            out["conditions"] = _with_disruption(out["conditions"], worker.disruption, rfc3339(now_ns))
    if message:
        out["message"] = message
    if reason:
        out["reason"] = reason
    out["hostIP"] = host_ip
    ip = host_ip if pod["spec"].get("hostNetwork") else record.ip
    if not ip and "podIP" in old and ended:
        ip = old["podIP"]
    if ip:
        out["podIP"] = ip
        out["podIPs"] = [{"ip": ip}]
    out["startTime"] = old.get("startTime") or worker.start_time
    if inits:
        out["initContainerStatuses"] = inits
    out["containerStatuses"] = mains
    return out


def _forgets(pod: Object, worker: Worker, running: Mapping[str, Container]) -> bool:
    """Whether exit codes of 0 count for more than why the pod was stopped."""
    if worker.verdict == DEADLINE or (pod["metadata"].get("annotations") or _NONE).get("kubernetes.io/config.source", "api") != "api":
        return False
    uid = pod["metadata"]["uid"]
    return not any(each.program == UNKNOWN and not _is_pause(each) for each in running.values() if each.spec.pod_uid == uid)


def _is_pause(container: Container) -> bool:
    """Its exit code is known without a program: 0 (upstream: build/pause/linux/pause.c)."""
    return container.spec.image.partition("@")[0].rpartition("/")[2].partition(":")[0] == "pause"


def _with_disruption(conditions: list[Object], message: str, now: str) -> list[Object]:
    """Why the kubelet ended the pod: said once all has stopped (upstream: mergePodStatus)."""
    before = next((condition for condition in conditions if condition["type"] == DISRUPTION), None)
    target = _condition(before, DISRUPTION, "True", "TerminationByKubelet", message, now)
    return [*conditions, target] if before is None else [target if condition is before else condition for condition in conditions]


def _terminate(out: Object, pod: Object, inits: list[Object], mains: list[Object]) -> None:
    """In place on private objects: a pod that has ended has a terminal phase, and no container that seems still to come.

    upstream: pkg/kubelet/status/status_manager.go TerminatePod.
    """
    if out["phase"] not in TERMINAL:
        out["phase"] = "Failed"
    started = [at for at, status in enumerate(inits) if "waiting" not in status["state"] or "terminated" in status["lastState"]]
    tried = inits[: max(started, default=0) + 1]
    lost = [*tried, *(mains if _has_initialized(pod, inits, mains) else ())]
    for status in lost:
        if "terminated" not in status["state"]:
            status["state"] = {
                "terminated": {
                    "exitCode": 137,
                    "reason": "ContainerStatusUnknown",
                    "message": "The container could not be located when the pod was terminated",
                    "startedAt": None,
                    "finishedAt": None,
                }
            }


def _has_initialized(pod: Object, inits: list[Object], mains: list[Object]) -> bool:
    """upstream: hasPodInitialized."""
    if not inits or _any_main_started(mains):
        return True
    last = inits[-1]
    if is_sidecar(pod["spec"]["initContainers"][-1]):
        return "running" in last["state"] and bool(last["started"])
    return any(
        ended is not None and ended["exitCode"] == 0 for ended in (last["lastState"].get("terminated"), last["state"].get("terminated"))
    )


def rejection(pod: Object, worker: Worker) -> Object:
    """The status of a pod that the kubelet does not admit: no containers, none of the kubelet's own conditions.

    upstream: pkg/kubelet/kubelet.go rejectPod.
    """
    reason, message = worker.verdict or ("", "")
    old = pod.get("status") or _NONE
    kept = [condition for condition in old.get("conditions") or () if condition["type"] not in OWN_CONDITIONS]
    return {"phase": "Failed", "conditions": kept, "reason": reason, "message": message, "startTime": worker.start_time}


def phase_of(spec: Object, inits: list[Object], mains: list[Object], *, ended: bool) -> str:
    """upstream: getPhase."""
    pending = failed = running = waiting = stopped = succeeded = 0
    for container, status in zip(spec.get("initContainers") or (), inits, strict=True):
        state, last = status["state"], status["lastState"].get("terminated")
        ended_state = state.get("terminated")
        if is_sidecar(container):
            running += "running" in state
            if ("running" in state and not status["started"]) or ("waiting" in state and last is None):
                pending += 1
                waiting += "waiting" in state
        elif ended_state is not None:
            failed += ended_state["exitCode"] != 0
        elif "waiting" in state and last is not None:
            failed += last["exitCode"] != 0
        else:
            pending += 1
    for status in mains:
        state = status["state"]
        if "running" in state:
            running += 1
        elif "terminated" in state:
            stopped += 1
            succeeded += state["terminated"]["exitCode"] == 0
        elif "terminated" in status["lastState"]:
            stopped += 1
        else:
            waiting += 1
    policy = spec.get("restartPolicy", "Always")
    if failed and policy == "Never":
        return "Failed"
    if (pending and not _any_main_started(mains)) or waiting:
        return "Pending"
    if running:
        return "Running"
    if not stopped:
        return "Pending"
    if not ended and policy == "Always":
        return "Running"
    if stopped == succeeded:
        return "Succeeded"
    return "Failed" if ended or policy == "Never" else "Running"


def _any_main_started(mains: list[Object]) -> bool:
    """upstream: HasAnyRegularContainerStarted."""
    return any("running" in status["state"] or "terminated" in status["state"] or "terminated" in status["lastState"] for status in mains)


# -- conditions ---------------------------------------------------------------------------------------------------------
def _conditions(pod: Object, inits: list[Object], mains: list[Object], phase: str, now: str) -> list[Object]:
    """Those of others as they are, then the kubelet's own in upstream's order; a transition time moves only with the status."""
    spec = pod["spec"]
    old = (pod.get("status") or _NONE).get("conditions") or ()
    kept = [condition for condition in old if condition["type"] not in OWN_CONDITIONS]
    before = {condition["type"]: condition for condition in old}
    containers = containers_ready(spec, inits, mains, phase)
    own = (
        ("Initialized", *initialized(spec, inits, mains, phase)),
        ("Ready", *pod_ready(spec, kept, containers, phase)),
        ("ContainersReady", *containers),
        ("PodScheduled", "True", "", ""),
    )
    return kept + [_condition(before.get(kind), kind, status, reason, message, now) for kind, status, reason, message in own]


def _condition(before: Object | None, kind: str, status: str, reason: str, message: str, now: str) -> Object:
    same = before is not None and before["status"] == status
    out: Object = {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else now,
    }
    if reason:
        out["reason"] = reason
    if message:
        out["message"] = message
    return out


Verdict = tuple[str, str, str]  # status, reason, message


def initialized(spec: Object, inits: list[Object], mains: list[Object], phase: str) -> Verdict:
    """upstream: GeneratePodInitializedCondition."""
    if phase == "Succeeded":
        return ("True", "PodCompleted", "")
    if not inits or _any_main_started(mains):
        return ("True", "", "")
    incomplete = [
        status["name"]
        for container, status in zip(spec.get("initContainers") or (), inits, strict=True)
        if not (status["started"] if is_sidecar(container) else status["ready"])
    ]
    if not incomplete:
        return ("True", "", "")
    return ("False", "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(incomplete)}]")


def containers_ready(spec: Object, inits: list[Object], mains: list[Object], phase: str) -> Verdict:
    """upstream: GenerateContainersReadyCondition."""
    if phase == "Succeeded":
        return ("False", "PodCompleted", "")
    if phase == "Failed":
        return ("False", "PodFailed", "")
    unready = [
        status["name"]
        for container, status in zip(spec.get("initContainers") or (), inits, strict=True)
        if is_sidecar(container) and not status["ready"]
    ]
    if len(mains) == 1:
        unready += [] if mains[0]["ready"] else [mains[0]["name"]]
    else:
        ready = {status["name"]: status["ready"] for status in mains}
        unready += [container["name"] for container in spec["containers"] if not ready[container["name"]]]
    if unready:
        return ("False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    return ("True", "", "")


def pod_ready(spec: Object, conditions: list[Object], containers: Verdict, phase: str) -> Verdict:
    """upstream: GeneratePodReadyCondition."""
    if containers[0] != "True":
        return containers
    complaints = []
    for gate in spec.get("readinessGates") or ():
        kind = gate["conditionType"]
        found = next((condition for condition in conditions if condition["type"] == kind), None)
        if found is None:
            complaints.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found["status"] != "True":
            complaints.append(f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}')
    if complaints:
        return ("False", "ReadinessGatesNotReady", ", ".join(complaints))
    return ("True", "", "")


def digest(status: Object) -> tuple[str, ...]:
    """Phase and own conditions of a status: what tells a kubelet that somebody else has changed its report."""
    found = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
    return (status.get("phase", ""), *(found.get(kind, "") for kind in OWN_CONDITIONS))


# -- the patch ----------------------------------------------------------------------------------------------------------
def patch_body(pod: Object, new: Object) -> Object | None:
    """The strategic merge patch from the pod's status to ``new``, with the uid as a precondition; None if nothing changes.

    qosClass is the API server's.
    """
    old = pod.get("status") or _NONE
    change: Object = {}
    for field, item in new.items():
        before = old.get(field)
        if field == "conditions":
            _change_conditions(change, before or [], item)
        elif before == item:
            continue
        elif field == "podIPs" and before:
            change["$setElementOrder/podIPs"] = [{"ip": entry["ip"]} for entry in item]
            change[field] = [*item, *({"$patch": "delete", "ip": entry["ip"]} for entry in before if entry not in item)]
        else:
            change[field] = item
    for field in ("reason", "message", "nominatedNodeName"):
        if field in old and field not in new:
            change[field] = None
    if not change:
        return None
    return {"metadata": {"uid": pod["metadata"]["uid"]}, "status": change}


def _change_conditions(change: Object, old: list[Object], new: list[Object]) -> None:
    """In place on the private patch."""
    if not old:
        change["conditions"] = new
        return
    before = {condition["type"]: condition for condition in old}
    changed: list[Object] = []
    for condition in new:
        known = before.pop(condition["type"], None)
        if known is None:
            changed.append(condition)
            continue
        if known is condition:
            continue
        fields = {name: item for name, item in condition.items() if name != "type" and known.get(name) != item}
        fields.update({name: None for name in ("reason", "message") if name in known and name not in condition})
        if fields:
            changed.append({"type": condition["type"], **fields})
    changed.extend({"$patch": "delete", "type": kind} for kind in before)
    if changed:
        change["$setElementOrder/conditions"] = [{"type": condition["type"]} for condition in new]
        change["conditions"] = changed
