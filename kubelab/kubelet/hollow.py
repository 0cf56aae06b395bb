"""A hollow node: heartbeats as any node, but nothing runs on it. A pod bound to it is reported Running and Ready by one patch, at once, and
a deletion is confirmed at once. It is what control planes are measured with. A pod whose image cannot be had (the repository ``broken``, or
an image that a fault ImageBroken names) is reported once as waiting for it, and looked at again for as long.

upstream: cmd/kubemark (hollow nodes), 1.28; the agent of the measured control plane (docs/timing.md) does the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Key, Plan, Reason, delete, patch, step, wait
from kubelab.kubelet import clients, node
from kubelab.kubelet.network_world import shared
from kubelab.kubelet.pod import pulling
from kubelab.world.clock import SECOND, rfc3339
from kubelab.world.timing import Timing

Object = dict[str, Any]
CONDITIONS = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
NEVER_THERE = "broken"
BACK_OFF_NS = 300 * SECOND  # upstream: pkg/kubelet/kubelet.go MaxContainerBackOff
ADDRESSES = 1 << 10  # of 10.0.0.0/8 for each node, more than twice the pods that it may hold; handed out in turn
PRESENT = Reason("hollow-running", "{subject} is bound to a hollow node, where it runs at once")
GONE = Reason("hollow-gone", "{subject} is being deleted and runs nowhere")
NO_IMAGE = Reason("hollow-no-image", "{subject} is bound to a hollow node, and its image {image} cannot be had")


class PodSeen(NamedTuple):
    pod: Object
    now_ns: int
    host_ip: str
    address: int  # the pod's, if it gets one now
    missing: str  # the image that cannot be had


def _pod_changed(change: Change, scope: Scope) -> Iterable[Key]:
    if change.type == "DELETED":
        return ()
    return (("pod", change.object["metadata"]["namespace"], change.object["metadata"]["name"]),) if _concerns(change.object) else ()


def _concerns(pod: Object) -> bool:
    """Whether there is something to report: a deletion, a new pod, or one that somebody else has called not ready."""
    if pod["metadata"].get("deletionTimestamp") is not None:
        return True
    status = pod.get("status") or {}
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    return status.get("phase", "Pending") not in ("Succeeded", "Failed") and not ready


@dataclass(frozen=True, slots=True)
class HollowKubelet:
    """The agent of the hollow node ``machine``."""

    name: str
    machine: str
    identity: Identity
    watches: ClassVar[tuple[Watch, ...]] = (Watch("pods", _pod_changed),)
    lanes: ClassVar[dict[str, int]] = {"pod": 0, "node": 1}
    max_retries: ClassVar[int | None] = None
    backoff: ClassVar[tuple[int, int]] = (SECOND, 10 * SECOND)
    background: ClassVar[frozenset[str]] = frozenset(("lease", "node-status"))
    through: ClassVar[dict[str, str]] = clients.THROUGH

    @staticmethod
    def of(node_name: str) -> HollowKubelet:
        identity = Identity(f"system:node:{node_name}", ("system:nodes", "system:authenticated"), "kubelet", "kubelet", node_name)
        return HollowKubelet(f"kubelet/{node_name}", node_name, identity)

    def client(self, timing: Timing) -> Client:
        return clients.own(timing)

    def clients(self, timing: Timing, release: str) -> dict[str, Client]:
        return clients.further(timing, release)

    def lane(self, key: Key) -> str:
        return "pod" if key[0] == "pod" else "node"

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        node.note_boot(scope)
        status, renewal = (scope.streams.below(self.name, period) for period in (node.STATUS_NS, node.RENEW_NS))
        return [("lease",), Later(renewal, ("lease",)), Later(status, ("node-status",))]

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def observe(self, scope: Scope, key: Key) -> Any:
        if key[0] == "lease":
            return node.observe_lease(scope, self.machine)
        if key[0] == "node-status":
            return node.observe_status(scope, self.machine)
        if key[0] != "pod":  # a fault's wake: there is no disk to fill and no runtime to hang
            return None
        pod = scope.view.get("pods", key[1], key[2])
        if pod is None or pod["spec"].get("nodeName") != self.machine or not _concerns(pod):
            return None
        own = scope.view.get("nodes", "", self.machine)
        addresses = (own or {}).get("status", {}).get("addresses") or ()
        host_ip = next((each["address"] for each in addresses if each["type"] == "InternalIP"), "")
        taken = scope.table("addresses").get("taken")
        return PodSeen(pod, scope.now_ns, host_ip, self._first_address(scope) if taken is None else taken + 1, _missing(scope, pod))

    def _first_address(self, scope: Scope) -> int:
        return (list(scope.machines).index(self.machine) if self.machine in scope.machines else 0) * ADDRESSES + 1

    def plan(self, seen: Any) -> Plan:
        if isinstance(seen, node.LeaseSeen):
            return node.plan_lease(seen)
        if isinstance(seen, node.StatusSeen):
            return node.plan_status(seen)
        return plan_pod(seen)


def _missing(scope: Scope, pod: Object) -> str:
    broken = shared(scope, "broken_images")
    for container in pod["spec"]["containers"]:
        image = container["image"]
        if image.partition(":")[0] == NEVER_THERE or (broken and pulling.is_broken(broken, image)):
            return str(image)
    return ""


def plan_pod(seen: PodSeen) -> Plan:
    """One call: the end of a pod that is being deleted, or the whole status of one that is to run."""
    pod, subject = seen.pod, f"pod/{seen.pod['metadata']['name']}"
    if pod["metadata"].get("deletionTimestamp") is not None:
        confirmed = {"gracePeriodSeconds": 0}
        return step(delete("pods", pod, uid_precondition=True, options=confirmed, accept=(404, 409), because=GONE(subject)))
    because = NO_IMAGE(subject, image=seen.missing) if seen.missing else PRESENT(subject)
    status = pod.get("status") or {}
    if seen.missing and status.get("containerStatuses"):
        return wait(because, again_ns=BACK_OFF_NS)
    said = patch("pods", pod, {"status": reported(seen)}, subresource="status", accept=(404,), because=because)
    plan = step(said)._replace(again_ns=BACK_OFF_NS if seen.missing else None)
    return plan if "podIP" in status else plan._replace(note={"addresses": {"taken": seen.address}})


def reported(seen: PodSeen) -> Object:
    """The status of a pod all of whose containers run and are ready, or wait for an image."""
    now = rfc3339(seen.now_ns)
    ready = "False" if seen.missing else "True"
    conditions = [
        {"type": kind, "status": ready if kind in CONDITIONS[1:3] else "True", "lastProbeTime": None, "lastTransitionTime": now}
        for kind in CONDITIONS
    ]
    waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{seen.missing}"'}
    state = {"waiting": waiting} if seen.missing else {"running": {"startedAt": now}}
    statuses = [
        {
            "name": container["name"],
            "state": state,
            "lastState": {},
            "ready": not seen.missing,
            "restartCount": 0,
            "image": container["image"],
            "imageID": "",
        }
        for container in seen.pod["spec"]["containers"]
    ]
    address = (seen.pod.get("status") or {}).get("podIP") or _dotted(seen.address)
    out: Object = {"phase": "Pending" if seen.missing else "Running", "conditions": conditions}
    if seen.host_ip:
        out["hostIP"] = seen.host_ip
    return {**out, "podIP": address, "startTime": now, "containerStatuses": statuses}


def _dotted(number: int) -> str:
    """
    >>> _dotted(1), _dotted(5 * ADDRESSES + 300)
    ('10.0.0.1', '10.0.21.44')
    """
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
