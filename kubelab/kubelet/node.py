"""The node itself: the Node object a kubelet registers, its heartbeat lease, and its status.

upstream: pkg/kubelet/kubelet_node_status.go, pkg/kubelet/nodestatus/setters.go, component-helpers/apimachinery/lease/controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.engine.component import Scope
from kubelab.engine.plan import Batch, Call, EventDraft, Plan, Reason
from kubelab.kubelet.addresses import node_address, pod_range
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339, rfc3339_micro

Object = dict[str, Any]
LEASE_RESOURCE = "leases.coordination.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_NS = 10 * SECOND
STATUS_NS = 10 * SECOND
REPORT_NS = 300 * SECOND
ZONES = ("zone-a", "zone-b", "zone-c")
MOST_IMAGES = 50  # upstream: nodeStatusMaxImages
CAPACITY = {"cpu": "4", "ephemeral-storage": "100Gi", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "memory": "16Gi", "pods": "110"}
_NONE: dict[str, Any] = {}

RENEW = Reason("renew-lease", "{subject}: the lease is renewed every 10 s")
REPORT = Reason("report-node-status", "{subject}: status changed, or not reported for 5 min")

HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node_object(
    name: str,
    index: int,
    now_ns: int,
    *,
    labels: Mapping[str, str] | None = None,
    capacity: Mapping[str, str] | None = None,
    version: str = "v1.28.0",
) -> Object:
    """The Node as a kubelet registers it: number ``index`` decides zone, InternalIP and podCIDR. ``capacity`` overrides single resources."""
    zone = ZONES[index % len(ZONES)]
    resources = {**CAPACITY, **(capacity or {})}
    now = rfc3339(now_ns)
    cidr = f"{pod_range(index)}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/region": "region-1",
                "topology.kubernetes.io/zone": zone,
                **(labels or {}),
            },
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "providerID": f"kubelab://{name}"},
        "status": {
            "capacity": resources,
            "allocatable": dict(resources),
            "conditions": [_condition(*row, now, now) for row in HEALTHY],
            "addresses": [{"type": "InternalIP", "address": node_address(index)}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": f"{index + 1:032x}",
                "systemUUID": f"00000000-0000-4000-8000-{index + 1:012x}",
                "bootID": f"00000000-0000-4000-9000-{index + 1:012x}",
                "kernelVersion": "5.15.0",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://1.7.5",
                "kubeletVersion": version,
                "kubeProxyVersion": version,
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
            "images": [],
        },
    }


def _condition(kind: str, status: str, reason: str, message: str, transition: str, heartbeat: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": heartbeat,
        "lastTransitionTime": transition,
        "reason": reason,
        "message": message,
    }


# -- the lease ----------------------------------------------------------------------------------------------------------------
def plan_lease(scope: Scope, node_name: str) -> Plan:
    """Renew the lease, or make it; and again in ten seconds."""
    because = RENEW(f"node/{node_name}")
    lease = scope.view.get(LEASE_RESOURCE, LEASE_NAMESPACE, node_name)
    spec = {"holderIdentity": node_name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": rfc3339_micro(scope.now_ns)}
    if lease is not None:
        body = {**lease, "spec": {**lease["spec"], **spec}}
        call = Call("update", LEASE_RESOURCE, LEASE_NAMESPACE, node_name, body=body, accept=(404, 409), because=because)
        return Plan((Batch((call,)),), again_ns=RENEW_NS)
    node = scope.view.get("nodes", "", node_name)
    if node is None:
        return Plan(again_ns=RENEW_NS)
    owner = {"apiVersion": "v1", "kind": "Node", "name": node_name, "uid": node["metadata"]["uid"]}
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node_name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
        "spec": spec,
    }
    call = Call("create", LEASE_RESOURCE, LEASE_NAMESPACE, node_name, body=body, accept=(404, 409), because=because)
    return Plan((Batch((call,)),), again_ns=RENEW_NS)


# -- the status ---------------------------------------------------------------------------------------------------------------
def plan_status(scope: Scope, node_name: str) -> Plan:
    """Report the node's status if it differs from what the API server has, or every five minutes."""
    node = scope.view.get("nodes", "", node_name)
    if node is None:
        return Plan(again_ns=STATUS_NS)
    status = node.get("status") or _NONE
    now = rfc3339(scope.now_ns)
    conditions, events = _conditions(scope, node, now)
    images = _images(scope)
    old = {condition["type"]: condition for condition in status.get("conditions") or ()}
    changed = any(old.get(condition["type"], _NONE).get("status") != condition["status"] for condition in conditions)
    changed = changed or images != (status.get("images") or []) or not status.get("capacity")
    if not changed and scope.now_ns - _reported_ns(old) < REPORT_NS:
        return Plan(again_ns=STATUS_NS)
    body: Object = {"$setElementOrder/conditions": [{"type": condition["type"]} for condition in conditions], "conditions": conditions}
    if images != (status.get("images") or []):
        body["images"] = images
    if not status.get("capacity"):
        body.update(capacity=dict(CAPACITY), allocatable=dict(CAPACITY))
    because = REPORT(f"node/{node_name}")
    call = Call("patch", "nodes", "", node_name, "status", {"status": body}, "strategic", (404,), because=because)
    return Plan((Batch((call,)),), again_ns=STATUS_NS, events=events)


def _reported_ns(conditions: Mapping[str, Object]) -> int:
    heartbeat = (conditions.get("Ready") or _NONE).get("lastHeartbeatTime")
    return parse_rfc3339(heartbeat) if heartbeat else 0


def _conditions(scope: Scope, node: Object, now: str) -> tuple[list[Object], tuple[EventDraft, ...]]:
    """The four conditions; an event for each change of one that was there before."""
    old = {condition["type"]: condition for condition in (node.get("status") or _NONE).get("conditions") or ()}
    out, events = [], []
    for kind, status, reason, message in HEALTHY:
        before = old.get(kind)
        same = before is not None and before["status"] == status
        out.append(_condition(kind, status, reason, message, before["lastTransitionTime"] if before is not None and same else now, now))
        if before is not None and not same:
            events.append(node_event(node, "Normal", "NodeReady" if kind == "Ready" else f"NodeHas{reason.removeprefix('KubeletHas')}"))
    return out, tuple(events)


def node_event(node: Object, kind: str, reason: str) -> EventDraft:
    """An event about the node, as its kubelet refers to it: by name, which also stands for the uid."""
    name = node["metadata"]["name"]
    regarding = {"kind": "Node", "name": name, "uid": name}
    text = "Starting kubelet." if reason == "Starting" else f"Node {name} status is now: {reason}"
    return EventDraft(regarding, kind, reason, text)


def _images(scope: Scope) -> list[Object]:
    """The largest images on the node, as status.images lists them."""
    records = sorted(scope.local.get("images", _NONE).values(), key=lambda record: (-record.size_bytes, record.id))
    return [{"names": [*record.digests, *record.tags], "sizeBytes": record.size_bytes} for record in records[:MOST_IMAGES]]
