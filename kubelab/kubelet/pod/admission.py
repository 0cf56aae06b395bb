"""Whether a node takes a pod that was bound to it: sysctls, resources, node affinity, ports, NoExecute taints, OS.

upstream: pkg/kubelet/lifecycle/predicate.go, pkg/scheduler/framework/plugins/{noderesources/fit,nodeports}.go, pkg/kubelet/eviction, 1.28.
The sums of what has been admitted stand in the kubelet's memory: ``requests`` (uid → request), ``sums`` ("" → total).
"""

from __future__ import annotations

from typing import Any

from kubelab.engine.component import Scope
from kubelab.kinds import quantity
from kubelab.kinds.core.node_selectors import matches_required, untolerated
from kubelab.kinds.core.pod import qos_class
from kubelab.kinds.core.resources import Request, pod_request
from kubelab.kubelet import shutdown
from kubelab.kubelet.eviction.ranking import is_critical
from kubelab.kubelet.pod import preemption, sysctls
from kubelab.kubelet.pod.preemption import Lack, NoVictims, Turn
from kubelab.kubelet.pod.status import TERMINAL
from kubelab.kubelet.static_pods import own_uid

Object = dict[str, Any]
Verdict = tuple[str, str]
Sum = tuple[int, int, int, int]  # pods, milli cpu, memory, ephemeral storage
EMPTY: Sum = (0, 0, 0, 0)
_MEMORY_PRESSURE = ({"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"},)
_NONE: dict[str, Any] = {}


def judge(scope: Scope, pod: Object, *, known: bool) -> Verdict | Turn | None:
    """(reason, message) of a refusal; a turn, if other pods have to go first; or None. An admitted pod is counted at once. ``known``: its
    containers are here already: a kubelet that has just started judges them anew.

    In the status ``Pod was rejected: `` stands before the message.
    """
    uid = pod["metadata"]["uid"]
    if (pod.get("status") or _NONE).get("phase") in TERMINAL or "deletionTimestamp" in pod["metadata"] or uid in scope.table("requests"):
        return None
    node = scope.view.get("nodes", "", pod["spec"].get("nodeName", ""))
    if node is None:
        return None
    request = pod_request(pod)
    verdict = _judged(scope, node, pod, request)
    if verdict is None and not known and scope.local.get(shutdown.TABLE):
        verdict = shutdown.NOT_ADMITTED
    if verdict is None:
        count(scope, uid, request)
    return verdict


def _judged(scope: Scope, node: Object, pod: Object, request: Request) -> Verdict | Turn | None:
    """In the order of upstream's handlers, and of a handler's predicates (lifecycle/predicate.go Admit)."""
    if scope.memory.get(preemption.TABLE):
        if pod["metadata"]["uid"] in scope.memory[preemption.TABLE]:
            return preemption.go_on(scope, pod["metadata"]["uid"]) or _system(pod)
        if (turn := preemption.blocked(scope)) is not None:
            return turn
    verdict = _pressure(scope, pod) or _sysctls(node, pod["spec"]) or _sidecars(scope, pod["spec"])
    if verdict is not None:
        return verdict
    lacks = _lacking(scope, node, request)
    if not lacks or is_critical(pod):
        placed = _placement(scope, node, pod)
        if placed is not None:
            return placed
    if lacks:
        return _short(scope, pod, lacks) or _system(pod)
    return _system(pod)


def _short(scope: Scope, pod: Object, lacks: list[Lack]) -> Verdict | Turn | None:
    """There is not enough of something: a critical pod preempts others (upstream: HandleAdmissionFailure)."""
    if not is_critical(pod):
        return (f"OutOf{lacks[0].resource}", str(lacks[0]))
    try:
        return preemption.begin(scope, pod, lacks)
    except NoVictims as error:
        text = f"preemption: error finding a set of pods to preempt: {error}"
        return ("UnexpectedAdmissionError", f"Unexpected error while attempting to recover from admission failure: {text}")


def count(scope: Scope, uid: str, request: Request) -> None:
    """Add an admitted pod to the node's sums."""
    amount: Sum = (1, request.milli_cpu, request.memory, request.ephemeral_storage)
    scope.table("requests")[uid] = amount
    sums = scope.table("sums")
    sums[""] = tuple(total + part for total, part in zip(sums.get("", EMPTY), amount, strict=True))


def release(scope: Scope, uid: str) -> None:
    """Take an ended pod out of the sums."""
    amount = scope.table("requests").pop(uid, None)
    if amount is not None:
        sums = scope.table("sums")
        sums[""] = tuple(total - part for total, part in zip(sums.get("", EMPTY), amount, strict=True))


def _pressure(scope: Scope, pod: Object) -> Verdict | None:
    """upstream: pkg/kubelet/eviction/eviction_manager.go Admit."""
    state = scope.memory.get("eviction", _NONE).get("state")
    if state is None or not state.conditions or is_critical(pod):
        return None
    if state.conditions == ("MemoryPressure",):
        spec = pod["spec"]
        tolerated = untolerated(_MEMORY_PRESSURE, spec.get("tolerations") or (), ("NoSchedule",)) is None
        if tolerated or ((pod.get("status") or _NONE).get("qosClass") or qos_class(spec)) != "BestEffort":
            return None
    return ("Evicted", f"The node had condition: [{' '.join(state.conditions)}]. ")


def _lacking(scope: Scope, node: Object, request: Request) -> list[Lack]:
    """The resources of which there is not enough (upstream: noderesources.Fits)."""
    allocatable = (node.get("status") or _NONE).get("allocatable") or _NONE
    pods, milli, memory, storage = scope.table("sums").get("", EMPTY)
    wanted = (
        ("pods", 1, pods, quantity.value(allocatable.get("pods", "110"))),
        ("cpu", request.milli_cpu, milli, quantity.milli(allocatable.get("cpu", "0"))),
        ("memory", request.memory, memory, quantity.value(allocatable.get("memory", "0"))),
        ("ephemeral-storage", request.ephemeral_storage, storage, quantity.value(allocatable.get("ephemeral-storage", "0"))),
    )
    lacks = [Lack(*each) for each in wanted if each[1] and each[2] + each[1] > each[3]]
    return lacks + _extended(scope, node, allocatable, request) if request.scalars else lacks


def _extended(scope: Scope, node: Object, allocatable: Object, request: Request) -> list[Lack]:
    """Extended resources, those of which the node knows nothing excepted: they belong to the cluster (upstream: removeMissingExtendedResources)."""
    admitted = scope.table("requests")
    others = [pod_request(pod) for pod in scope.view.on_node(node["metadata"]["name"]) if pod["metadata"]["uid"] in admitted]
    lacks = []
    for resource, asked in request.scalars:
        if resource not in allocatable or not asked:
            continue
        used, capacity = sum(other.amount(resource) for other in others), quantity.value(allocatable[resource])
        if used + asked > capacity:
            lacks.append(Lack(resource, asked, used, capacity))
    return lacks


def _placement(scope: Scope, node: Object, pod: Object) -> Verdict | None:
    spec, meta = pod["spec"], node["metadata"]
    if not matches_required(spec, meta.get("labels") or _NONE, meta["name"]):
        return ("NodeAffinity", "Predicate NodeAffinity failed")
    ports = _host_ports(spec)
    if ports and _taken(scope, pod, ports):
        return ("NodePorts", "Predicate NodePorts failed")
    taints = (node["spec"].get("taints") if "spec" in node else None) or ()
    if taints and untolerated(taints, spec.get("tolerations") or (), ("NoExecute",)) is not None:
        return ("TaintToleration", "Predicate TaintToleration failed")
    return None


def _system(pod: Object) -> Verdict | None:
    """upstream: rejectPodAdmissionBasedOnOSSelector, rejectPodAdmissionBasedOnOSField."""
    system = (pod["metadata"].get("labels") or _NONE).get("kubernetes.io/os", "linux")
    if system != "linux":
        return ("PodOSSelectorNodeLabelDoesNotMatch", "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label")
    if (pod["spec"].get("os") or _NONE).get("name", "linux") != "linux":
        return ("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    return None


def _sidecars(scope: Scope, spec: Object) -> Verdict | None:
    """Of pods that did not come by the API server, which drops the field while the gate is off."""
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always" and not scope.gates.get("SidecarContainers", False):
            return ("InitContainerRestartPolicyForbidden", f'Init container "{container["name"]}" may not have a non-default restartPolicy')
    return None


def _sysctls(node: Object, spec: Object) -> Verdict | None:
    text = sysctls.forbidden(node, spec)
    return ("SysctlForbidden", text) if text else None


def _host_ports(spec: Object) -> list[tuple[str, str, int]]:
    return [
        (port.get("hostIP") or "0.0.0.0", port.get("protocol", "TCP"), port["hostPort"])
        for container in spec["containers"]
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]


def _taken(scope: Scope, pod: Object, ports: list[tuple[str, str, int]]) -> bool:
    requests = scope.table("requests")
    for other in scope.view.on_node(pod["spec"]["nodeName"]):
        uid = own_uid(other)
        if uid not in requests or uid == pod["metadata"]["uid"]:
            continue
        for ip, protocol, number in _host_ports(other["spec"]):
            for address, kind, port in ports:
                if (protocol, number) == (kind, port) and (ip == address or "0.0.0.0" in (ip, address)):
                    return True
    return False
