"""The node itself: the Node object a kubelet registers, its heartbeat lease, and its status.

upstream: pkg/kubelet/kubelet_node_status.go, pkg/kubelet/nodestatus/setters.go, component-helpers/apimachinery/lease/controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.engine.component import Scope
from kubelab.engine.plan import Batch, Because, Call, EventDraft, Plan, Reason
from kubelab.kubelet import hanging
from kubelab.kubelet.addresses import node_address, pod_range
from kubelab.kubelet.eviction.watching import EVICT, under_pressure, watchful
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
MOST_NAMES = 5  # of an image; upstream: pkg/kubelet/nodestatus/setters.go MaxNamesPerImageInNodeStatus
CAPACITY = {"cpu": "4", "ephemeral-storage": "100Gi", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "memory": "16Gi", "pods": "110"}
SHUTDOWN, SHUTTING_DOWN = "shutdown", "node is shutting down"
_NONE: dict[str, Any] = {}

RENEW = Reason("renew-lease", "{subject}: the lease is renewed every 10 s")
REPORT = Reason("report-node-status", "{subject}: status changed, or not reported for 5 min")

HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
HEALTHY_1_7 = (
    ("OutOfDisk", "False", "KubeletHasSufficientDisk", "kubelet has sufficient disk space available"),
    *HEALTHY[:2],
    HEALTHY[3],
)
NODE_READY = {"True": "NodeReady", "False": "NodeNotReady"}
UNDER_PRESSURE = {
    row[0]: row
    for row in (
        ("MemoryPressure", "True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        ("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("PIDPressure", "True", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    )
}


def node_object(
    name: str,
    index: int,
    now_ns: int,
    *,
    labels: Mapping[str, str] | None = None,
    capacity: Mapping[str, str] | None = None,
    version: str = "v1.28.0",
    release: str = "1.28",
) -> Object:
    """The Node as a kubelet registers it: number ``index`` decides zone, InternalIP and podCIDR. ``capacity`` overrides single resources."""
    if release == "1.7":
        version = "v1.7.0"
    zone = ZONES[index % len(ZONES)]
    resources = {**CAPACITY, **(capacity or {})}
    now = rfc3339(now_ns)
    cidr = f"{pod_range(index)}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**_labels(name, zone, release), **(labels or {})},
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "providerID": f"kubelab://{name}"},
        "status": {
            "capacity": resources,
            "allocatable": dict(resources),
            "conditions": [_condition(*row, now, now) for row in (HEALTHY_1_7 if release == "1.7" else HEALTHY)],
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


def _labels(name: str, zone: str, release: str) -> dict[str, str]:
    """The stable names of a node's labels came after 1.7."""
    older = {"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux"}
    if release == "1.7":
        place = "failure-domain.beta.kubernetes.io"
        return {**older, f"{place}/region": "region-1", f"{place}/zone": zone, "kubernetes.io/hostname": name}
    return {
        **older,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "region-1",
        "topology.kubernetes.io/zone": zone,
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
class LeaseSeen(NamedTuple):
    """The node's lease, and if it is not there yet (None) the node's uid ("": no Node object)."""

    node: str
    uid: str
    lease: Object | None
    now_ns: int


def observe_lease(scope: Scope, node_name: str) -> LeaseSeen | None:
    if not scope.timing.heartbeats or scope.release == "1.7":
        return None
    lease = scope.view.get(LEASE_RESOURCE, LEASE_NAMESPACE, node_name)
    node = scope.view.get("nodes", "", node_name) if lease is None else None
    return LeaseSeen(node_name, node["metadata"]["uid"] if node else "", lease, scope.now_ns)


@lru_cache(maxsize=8192)
def _renewal(node: str) -> Because:
    """Why a node's lease is renewed: each time the same."""
    return RENEW(f"node/{node}")


def plan_lease(seen: LeaseSeen) -> Plan:
    """Renew the lease, or make it; and again in ten seconds."""
    because = _renewal(seen.node)
    spec = {"holderIdentity": seen.node, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": rfc3339_micro(seen.now_ns)}
    verb, body = "update", seen.lease
    if body is not None:
        body = {**body, "spec": {**body["spec"], **spec}}
    elif seen.uid:
        owner = {"apiVersion": "v1", "kind": "Node", "name": seen.node, "uid": seen.uid}
        meta = {"name": seen.node, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]}
        verb, body = "create", {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
    else:
        return Plan(again_ns=RENEW_NS)
    call = Call(verb, LEASE_RESOURCE, LEASE_NAMESPACE, seen.node, body=body, accept=(404, 409), because=because)
    return Plan((Batch((call,)),), again_ns=RENEW_NS)


# -- the status ---------------------------------------------------------------------------------------------------------------
Stamp = tuple[str, int, int, int, str, tuple[str, ...]]  # resourceVersion, boots, images, their names, the newest image, pressures
_UNKNOWN: tuple[Stamp | None, int] = (None, 0)


class StatusSeen(NamedTuple):
    """The Node object (None: gone, or nothing to report until later), the images on the machine, how often it was booted, and whether it
    was schedulable at the last look. ``stamp`` changes with whatever the report depends on.
    """

    node: Object | None
    images: list[Object]
    boots: int
    unschedulable: bool | None
    starting: bool
    now_ns: int
    stamp: Stamp | None = None
    pressures: tuple[str, ...] = ()
    watchful: bool = False
    runtime_error: str = ""
    report_ns: int = REPORT_NS
    healthy: tuple[tuple[str, str, str, str], ...] = HEALTHY


_NOTHING_NEW = StatusSeen(None, [], 0, None, False, 0)
_NOTHING_NEW_BUT_LOOK = _NOTHING_NEW._replace(watchful=True)


def observe_status(scope: Scope, node_name: str) -> StatusSeen | None:
    if not scope.timing.heartbeats:
        return None
    memory = scope.table("node")
    node = scope.view.get("nodes", "", node_name)
    boots = int(scope.local.get("boot", _NONE).get("count", 0))
    stamp = _stamp(scope, node, boots) if node is not None else None
    known, until_ns = memory.get("steady", _UNKNOWN)
    look = node is not None and watchful(scope, node, stamp)
    error = hanging.runtime_errors(scope.local, scope.timing, scope.now_ns) if scope.local.get(hanging.TABLE) else ""
    if scope.local.get(SHUTDOWN):  # upstream: ReadyCondition joins what is wrong
        error = f"[{error.strip('[]')}, {SHUTTING_DOWN}]" if error else SHUTTING_DOWN
    if stamp is not None and stamp == known and scope.now_ns < until_ns and not error:
        return _NOTHING_NEW_BUT_LOOK if look else _NOTHING_NEW
    starting, pressures = "started" not in memory, under_pressure(scope)
    seen = StatusSeen(node, _images(scope), boots, memory.get("unschedulable"), starting, scope.now_ns, stamp, pressures, look, error)
    return seen._replace(report_ns=0, healthy=HEALTHY_1_7) if scope.release == "1.7" else seen


def steady(scope: Scope, node_name: str) -> int | None:
    """When to look again at a status of which nothing can have changed; None: it has to be looked at as a whole."""
    memory, local = scope.memory.get("node"), scope.local
    if memory is None or local.get(hanging.TABLE) or local.get(SHUTDOWN) or not scope.timing.heartbeats:
        return None
    node = scope.view.get("nodes", "", node_name)
    known, until_ns = memory.get("steady", _UNKNOWN)
    if node is None or known is None or scope.now_ns >= until_ns:
        return None
    boot = local.get("boot")
    if _stamp(scope, node, int(boot.get("count", 0)) if boot else 0) != known or watchful(scope, node, known):
        return None
    return STATUS_NS


def _stamp(scope: Scope, node: Object, boots: int) -> Stamp:
    images = scope.local.get("images", _NONE)
    newest = next(reversed(images)) if images else ""
    names = len(scope.local.get("image_refs", _NONE))
    return (node["metadata"]["resourceVersion"], boots, len(images), names, newest, under_pressure(scope))


_STEADY = Plan(again_ns=STATUS_NS)
_STEADY_BUT_LOOK = Plan(again_ns=STATUS_NS, follow_up=(EVICT,))


def plan_status(seen: StatusSeen) -> Plan:
    """Report the node's status if it differs from what the API server has, or every five minutes."""
    node = seen.node
    if node is None:
        return _STEADY_BUT_LOOK if seen.watchful else _STEADY
    planned = _report(seen, node)
    return planned._replace(follow_up=(EVICT,)) if seen.watchful else planned


def _report(seen: StatusSeen, node: Object) -> Plan:
    status = node.get("status") or _NONE
    old = {condition["type"]: condition for condition in status.get("conditions") or ()}
    body: Object = {}
    if seen.images != (status.get("images") or []):
        body["images"] = seen.images
    if not status.get("capacity"):
        body.update(capacity=dict(CAPACITY), allocatable=dict(CAPACITY))
    boot_id = _boot_id(status, seen.boots)
    if boot_id:
        body["nodeInfo"] = {"bootID": boot_id}
    note, events = _remembered(seen, node)
    now = now_conditions(seen.pressures, seen.runtime_error, seen.healthy)
    changed = body or any(old.get(kind, _NONE).get("status") != status for kind, status, _, _ in now)
    changed = changed or bool(seen.runtime_error) and old["Ready"]["message"] != seen.runtime_error
    until_ns = _reported_ns(old) + seen.report_ns
    if not changed and seen.now_ns < until_ns:
        note = {"node": {**note.get("node", _NONE), "steady": (seen.stamp, until_ns)}}
        return Plan(again_ns=STATUS_NS, events=tuple(events), note=note)
    conditions, changes = _conditions(node, old, now, rfc3339(seen.now_ns))
    events += changes
    if boot_id:
        events.append(node_event(node, "Warning", "Rebooted", f"Node {node['metadata']['name']} has been rebooted, boot id: {boot_id}"))
    body = {"$setElementOrder/conditions": [{"type": condition["type"]} for condition in conditions], "conditions": conditions, **body}
    name = node["metadata"]["name"]
    call = Call("patch", "nodes", "", name, "status", {"status": body}, "strategic", (404,), because=REPORT(f"node/{name}"))
    return Plan((Batch((call,)),), again_ns=STATUS_NS, events=tuple(events), note=note)


def _remembered(seen: StatusSeen, node: Object) -> tuple[dict[str, dict[str, Any]], list[EventDraft]]:
    """What the next look compares with, and the events of starting and of cordoning.

    upstream: recordNodeSchedulableEvent, BirthCry.
    """
    now = bool((node.get("spec") or _NONE).get("unschedulable"))
    events = [node_event(node, "Normal", "Starting", "Starting kubelet.")] if seen.starting else []
    if seen.unschedulable is not None and seen.unschedulable != now:
        events.append(node_event(node, "Normal", "NodeNotSchedulable" if now else "NodeSchedulable"))
    known = not seen.starting and seen.unschedulable == now
    return ({} if known else {"node": {"started": True, "unschedulable": now}}), events


def _boot_id(status: Object, boots: int) -> str:
    """The new boot id after a reboot; "" if the reported one is right."""
    shown = (status.get("nodeInfo") or _NONE).get("bootID", "")
    if not boots or not shown:
        return ""
    wanted = f"{shown[:-12]}{int(shown[-12:], 16) % (1 << 32) + (boots << 32):012x}"
    return "" if shown == wanted else wanted


def _reported_ns(conditions: Mapping[str, Object]) -> int:
    heartbeat = (conditions.get("Ready") or _NONE).get("lastHeartbeatTime")
    return parse_rfc3339(heartbeat) if heartbeat else 0


def now_conditions(
    pressures: tuple[str, ...], runtime_error: str = "", healthy: tuple[tuple[str, str, str, str], ...] = HEALTHY
) -> tuple[tuple[str, str, str, str], ...]:
    """The conditions of a node under these pressures: type, status, reason, message."""
    rows = tuple(UNDER_PRESSURE[row[0]] if row[0] in pressures else row for row in healthy) if pressures else healthy
    return (*rows[:-1], ("Ready", "False", "KubeletNotReady", runtime_error)) if runtime_error else rows


def _conditions(
    node: Object, old: Mapping[str, Object], wanted: tuple[tuple[str, str, str, str], ...], now: str
) -> tuple[list[Object], list[EventDraft]]:
    """The four conditions; an event for each change of one that was there before."""
    out, events = [], []
    for kind, status, reason, message in wanted:
        before = old.get(kind)
        same = before is not None and before["status"] == status
        out.append(_condition(kind, status, reason, message, before["lastTransitionTime"] if before is not None and same else now, now))
        if before is not None and not same:
            events.append(node_event(node, "Normal", NODE_READY[status] if kind == "Ready" else reason.replace("Kubelet", "Node", 1)))
    return out, events


def node_event(node: Object, kind: str, reason: str, text: str = "") -> EventDraft:
    """An event about the node, as its kubelet refers to it: by name, which also stands for the uid."""
    name = node["metadata"]["name"]
    return EventDraft({"kind": "Node", "name": name, "uid": name}, kind, reason, text or f"Node {name} status is now: {reason}")


def _images(scope: Scope) -> list[Object]:
    """The largest images on the node, as status.images lists them."""
    records = sorted(scope.local.get("images", _NONE).values(), key=lambda record: (-record.size_bytes, record.id))
    return [{"names": [*record.digests, *record.tags][:MOST_NAMES], "sizeBytes": record.size_bytes} for record in records[:MOST_IMAGES]]


def note_boot(scope: Scope) -> None:
    """Count a boot of the machine (in place on its tables): containers that the runtime found dead tell of a power cut.

    upstream: containerd internal/cri/server/restart.go leaves them with reason Unknown.
    """
    cuts = [container.finished_ns for container in scope.local.get("containers", _NONE).values() if container.reason == "Unknown"]
    boot = scope.local.setdefault("boot", {})
    if cuts and max(cuts) > boot.get("at_ns", 0):
        boot["at_ns"] = max(cuts)
        boot["count"] = boot.get("count", 0) + 1
