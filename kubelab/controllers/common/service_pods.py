"""Services and their pods: which services a changed pod belongs to, what of a pod stands in endpoints, and since when it is so.

A pod's facts are read once per version of it, so that a sync over many pods touches only those that changed.

upstream: staging/src/k8s.io/endpointslice/util/{controller_utils,trigger_time_tracker}.go, pkg/api/v1/pod/util.go (FindPort), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.controllers.common.pod_facts import ready_condition
from kubelab.engine.component import Change, Scope
from kubelab.engine.plan import Key
from kubelab.store.log import Object
from kubelab.world.clock import parse_rfc3339

SERVICES = "services"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
HEADLESS = "service.kubernetes.io/headless"
NO_IP = "None"
_BUCKETS = "selectors"
_KEEP = 50_000
_NONE: dict[str, Any] = {}


class PodFacts(NamedTuple):
    """What endpoints say of a pod. ``trigger_ns``: since when it is (not) ready, 0 if unknown."""

    name: str
    uid: str
    node: str
    ips: tuple[str, ...]
    ready: bool
    terminating: bool
    finished: bool
    trigger_ns: int
    hostname: str
    subdomain: str
    target: Object
    pod: Object


_facts: dict[str, PodFacts] = {}  # by uid


def facts_of(pod: Object) -> PodFacts:
    """The facts of one version of a pod, remembered as long as it is that very object: forks of a world share uids."""
    uid = pod["metadata"]["uid"]
    found = _facts.get(uid)
    if found is None or found.pod is not pod:
        if len(_facts) >= _KEEP:
            _facts.clear()
        found = _facts[uid] = _read(pod)
    return found


def _read(pod: Object) -> PodFacts:
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or _NONE
    condition = ready_condition(pod)
    since = condition.get("lastTransitionTime") if condition is not None else None
    return PodFacts(
        meta["name"],
        meta["uid"],
        spec.get("nodeName") or "",
        pod_ips(pod),
        condition is not None and condition["status"] == "True",
        meta.get("deletionTimestamp") is not None,
        status.get("phase") in ("Succeeded", "Failed"),
        parse_rfc3339(since) if since else 0,
        spec.get("hostname") or "",
        spec.get("subdomain") or "",
        {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]},
        pod,
    )


def pod_ips(pod: Object) -> tuple[str, ...]:
    """All addresses of a pod, the first one first."""
    status = pod.get("status") or _NONE
    several = status.get("podIPs")
    if several:
        return tuple(each["ip"] for each in several)
    return (status["podIP"],) if status.get("podIP") else ()


def is_v6(address: str) -> bool:
    return ":" in address


def find_port(spec: Object, service_port: Object) -> int:
    """The port number that a service port means on a pod; 0 if the pod has no such port."""
    target = service_port.get("targetPort", service_port["port"])
    if isinstance(target, int):
        return target
    protocol = service_port.get("protocol", "TCP")
    for container in spec.get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return 0


def is_served(service: Object) -> bool:
    """Whether its endpoints are made from pods at all."""
    spec = service["spec"]
    return spec.get("type") != "ExternalName" and bool(spec.get("selector"))


def has_ip(service: Object) -> bool:
    return service["spec"].get("clusterIP") not in (NO_IP, "", None)


def families_of(service: Object) -> Sequence[str]:
    """Those of the service, else that of its address; a headless one that says nothing has both."""
    families: Sequence[str] = service["spec"].get("ipFamilies") or ()
    if families:
        return families
    return ("IPv6" if is_v6(service["spec"]["clusterIP"]) else "IPv4",) if has_ip(service) else ("IPv4", "IPv6")


def pods_of(scope: Scope, service: Object) -> list[Object]:
    return scope.view.labelled(service["metadata"]["namespace"], service["spec"]["selector"])


# -- which services a pod belongs to ----------------------------------------------------------------------------------------
def note_service(change: Change, scope: Scope) -> None:
    """Keep the selectors by one of their labels, so that a pod finds its services by its own labels."""
    before = change.old["spec"].get("selector") if change.old is not None else None
    after = change.object["spec"].get("selector") if change.type != "DELETED" else None
    if change.type == "DELETED":
        before = change.object["spec"].get("selector")
    elif before == after:
        return
    meta = change.object["metadata"]
    table, name = scope.table(f"{_BUCKETS} {meta['namespace']}"), meta["name"]
    if before:
        label = min(before.items())
        others = tuple(other for other in table.get(label, ()) if other != name)
        if others:
            table[label] = others
        else:
            table.pop(label, None)
    if after:
        label = min(after.items())
        table[label] = (*(other for other in table.get(label, ()) if other != name), name)


def services_of(scope: Scope, namespace: str, labels: Mapping[str, str] | None) -> list[str]:
    """The services of a namespace whose selector matches a pod's labels."""
    table = scope.memory.get(f"{_BUCKETS} {namespace}")
    if not table or not labels:
        return []
    found = []
    present = labels.items()
    for label in present:
        for name in table.get(label, ()):
            service = scope.view.get(SERVICES, namespace, name)
            if service is not None and (service["spec"].get("selector") or _NONE).items() <= present:
                found.append(name)
    return found


def pod_services(change: Change, scope: Scope) -> Iterable[Key]:
    """The services whose endpoints a changed pod may change. A pod that has no address yet is in none."""
    pod, old = change.object, change.old
    meta = pod["metadata"]
    namespace, labels = meta["namespace"], meta.get("labels")
    if not scope.memory.get(f"{_BUCKETS} {namespace}"):
        return ()
    if change.type == "MODIFIED" and old is not None:
        changed, moved = _changes(old, pod)
        if not changed and not moved:
            return ()
        names = services_of(scope, namespace, labels)
        if moved:
            before = services_of(scope, namespace, old["metadata"].get("labels"))
            if changed:
                names = list(dict.fromkeys([*names, *before]))
            else:
                names = [name for name in names if name not in before] + [name for name in before if name not in names]
    elif not pod_ips(pod):
        return ()
    else:
        names = services_of(scope, namespace, labels)
    return [(namespace, name) for name in names]


def _changes(old: Object, new: Object) -> tuple[bool, bool]:
    """Whether its endpoints may differ, and whether the services it belongs to may (upstream: podEndpointsChanged).

    Every change of a terminating pod counts, as upstream compares pointers there.
    """
    meta, old_meta = new["metadata"], old["metadata"]
    moved = False
    if meta.get("labels") is not old_meta.get("labels") and (meta.get("labels") or _NONE) != (old_meta.get("labels") or _NONE):
        moved = True
    spec, old_spec = new["spec"], old["spec"]
    if spec is not old_spec and (spec.get("hostname"), spec.get("subdomain")) != (old_spec.get("hostname"), old_spec.get("subdomain")):
        moved = True
    if meta.get("deletionTimestamp") is not None or old_meta.get("deletionTimestamp") is not None:
        return True, moved
    if new.get("status") is old.get("status"):
        return False, moved
    condition, before = ready_condition(new), ready_condition(old)
    ready = condition is not None and condition["status"] == "True"
    was_ready = before is not None and before["status"] == "True"
    return ready != was_ready or pod_ips(new) != pod_ips(old), moved


# -- since when ---------------------------------------------------------------------------------------------------------------
class Trigger(NamedTuple):
    """When what changed since the last sync changed first (0: nothing), and what to note for the next one."""

    time_ns: int
    note: Mapping[str, Mapping[Any, Any]]


def trigger_time(scope: Scope, service: Object, pods: Sequence[PodFacts]) -> Trigger:
    """The trigger time that endpoints carry (upstream: ComputeEndpointLastChangeTriggerTime)."""
    meta = service["metadata"]
    table = f"triggers {meta['namespace']} {meta['name']}"
    known = scope.memory.get(table)
    created_ns = parse_rfc3339(meta["creationTimestamp"])
    before: Mapping[str, int] = known if known is not None else _NONE
    changed: dict[str, int | None] = {}
    first_ns = 0
    for pod in pods:
        time_ns = pod.trigger_ns
        if time_ns and time_ns != before.get(pod.name, 0):
            if time_ns > before.get(pod.name, 0) and (not first_ns or time_ns < first_ns):
                first_ns = time_ns
            changed[pod.name] = time_ns
    if created_ns > before.get("", 0):
        first_ns = min(first_ns, created_ns) if first_ns else created_ns
    if before.get("", 0) != created_ns:
        changed[""] = created_ns
    if len(before) > 2 * len(pods) + 100:
        present = {pod.name: None for pod in pods}
        changed.update((name, None) for name in before if name and name not in present)
    return Trigger(created_ns if known is None else first_ns, {table: changed} if changed else {})


def forget_triggers(scope: Scope, namespace: str, name: str) -> None:
    scope.memory.pop(f"triggers {namespace} {name}", None)
