"""A hollow node: heartbeats as any node, but nothing runs on it. A pod bound to it is reported Running and Ready by one patch, at once, and
a deletion is confirmed at once. It is what control planes are measured with.

upstream: cmd/kubemark (hollow nodes), 1.28; the agent of the measured control plane (docs/timing.md) does the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Key, Plan, Reason, delete, patch, step
from kubelab.kubelet import node
from kubelab.world.clock import SECOND, rfc3339
from kubelab.world.timing import Timing

Object = dict[str, Any]
READY = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
PRESENT = Reason("hollow-running", "{subject} is bound to a hollow node, where it runs at once")
GONE = Reason("hollow-gone", "{subject} is being deleted and runs nowhere")


class PodSeen(NamedTuple):
    pod: Object
    now_ns: int
    host_ip: str


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

    @staticmethod
    def of(node_name: str) -> HollowKubelet:
        identity = Identity(f"system:node:{node_name}", ("system:nodes", "system:authenticated"), "kubelet", "kubelet", node_name)
        return HollowKubelet(f"kubelet/{node_name}", node_name, identity)

    def client(self, timing: Timing) -> Client:
        return Client(timing.kubelet_qps, timing.kubelet_burst)

    def lane(self, key: Key) -> str:
        return "pod" if key[0] == "pod" else "node"

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        node.note_boot(scope)
        return [("lease",), Later(scope.streams.below(self.name, node.STATUS_NS), ("node-status",))]

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
        return PodSeen(pod, scope.now_ns, host_ip)

    def plan(self, seen: Any) -> Plan:
        if isinstance(seen, node.LeaseSeen):
            return node.plan_lease(seen)
        if isinstance(seen, node.StatusSeen):
            return node.plan_status(seen)
        return plan_pod(seen)


def plan_pod(seen: PodSeen) -> Plan:
    """One call: the end of a pod that is being deleted, or the whole status of one that is to run."""
    pod, subject = seen.pod, f"pod/{seen.pod['metadata']['name']}"
    if pod["metadata"].get("deletionTimestamp") is not None:
        confirmed = {"gracePeriodSeconds": 0}
        return step(delete("pods", pod, uid_precondition=True, options=confirmed, accept=(404, 409), because=GONE(subject)))
    body = {"status": running(seen)}
    return step(patch("pods", pod, body, subresource="status", accept=(404,), because=PRESENT(subject)))


def running(seen: PodSeen) -> Object:
    """The status of a pod all of whose containers run and are ready."""
    now = rfc3339(seen.now_ns)
    conditions = [{"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": now} for kind in READY]
    statuses = [
        {
            "name": container["name"],
            "state": {"running": {"startedAt": now}},
            "lastState": {},
            "ready": True,
            "restartCount": 0,
            "image": container["image"],
            "imageID": "",
            "started": True,
        }
        for container in seen.pod["spec"]["containers"]
    ]
    out: Object = {"phase": "Running", "conditions": conditions, "startTime": now, "containerStatuses": statuses}
    return {**out, "hostIP": seen.host_ip} if seen.host_ip else out
