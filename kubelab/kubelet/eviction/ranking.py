"""Which pod goes first when something is starved, and what its status and event say.

upstream: rank…Pressure, evictionMessage in pkg/kubelet/eviction/helpers.go, IsCriticalPod in pkg/kubelet/types/pod_update.go, 1.28. Pods that are
equal in all that counts keep their order (upstream's sort leaves it open).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.kinds.quantity import BINARY_SI, NANO, of, parse
from kubelab.kubelet.eviction.thresholds import PID, RESOURCE, Observations, Threshold
from kubelab.kubelet.eviction.usage import PodUse

Object = dict[str, Any]
CRITICAL_PRIORITY = 2_000_000_000
REASON = "Evicted"
_NONE: dict[str, Any] = {}


def ranked(pods: Sequence[Object], uses: Mapping[str, PodUse], signal: str) -> list[Object]:
    """The pods in the order of eviction. One of which nothing is known goes before all others."""
    if signal == PID:
        return sorted(pods, key=lambda pod: _by_processes(pod, uses.get(pod["metadata"]["uid"])))
    return sorted(pods, key=lambda pod: _by_use(pod, uses.get(pod["metadata"]["uid"]), RESOURCE[signal]))


def _by_processes(pod: Object, use: PodUse | None) -> tuple[int, bool, int]:
    return priority(pod), use is not None, 0 if use is None else -use.processes


def _by_use(pod: Object, use: PodUse | None, resource: str) -> tuple[bool, bool, int, int]:
    """Beyond its requests ▸ low priority ▸ far beyond its requests. What is measured of inodes is set against requested bytes, as upstream."""
    if use is None:
        return False, False, priority(pod), 0
    used = {"memory": use.memory, "ephemeral-storage": use.disk}.get(resource, use.inodes)
    requested = request(pod, "memory" if resource == "memory" else "ephemeral-storage")
    exceeds = used * NANO > request(pod, resource)
    return True, not exceeds, priority(pod), requested - used * NANO


def priority(pod: Object) -> int:
    return int(pod["spec"].get("priority") or 0)


def request(pod: Object, resource: str) -> int:
    """What a pod requests, in nano units (upstream: GetResourceRequestQuantity)."""
    spec = pod["spec"]
    total = sum(_requested(container, resource) for container in spec["containers"])
    for container in spec.get("initContainers") or ():
        total = max(total, _requested(container, resource))
    overhead = (spec.get("overhead") or _NONE).get(resource)
    return total + parse(overhead).nano if overhead is not None and total else total


def _requested(container: Object, resource: str) -> int:
    found = ((container.get("resources") or _NONE).get("requests") or _NONE).get(resource)
    return 0 if found is None else parse(found).nano


def is_critical(pod: Object) -> bool:
    """Static, mirror, or of a system priority: never evicted."""
    annotations = pod["metadata"].get("annotations") or _NONE
    source = annotations.get("kubernetes.io/config.source", "api")
    return source != "api" or "kubernetes.io/config.mirror" in annotations or priority(pod) >= CRITICAL_PRIORITY


class Offence(NamedTuple):
    """Containers that use more than they asked for of what is starved, and how much."""

    containers: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()

    def annotations(self, resource: str) -> dict[str, str]:
        """Those of the event that tells of the eviction."""
        told = {"offending_containers": ",".join(self.containers), "offending_containers_usage": ",".join(self.usage)}
        return {**told, "starved_resource": resource}


def message(resource: str, pod: Object, uses: Mapping[str, PodUse], thresholds: Sequence[Threshold], observations: Observations) -> str:
    """Why this pod goes (upstream: evictionMessage)."""
    text = f"The node was low on resource: {resource}. "
    for threshold in thresholds:
        seen = observations.get(threshold.signal)
        if RESOURCE[threshold.signal] == resource and seen is not None:
            text += f"Threshold quantity: {_quantity(threshold, seen.capacity)}, available: {_amount(seen.available, resource)}. "
            break
    found = offence(resource, pod, uses)
    for name, usage in zip(found.containers, found.usage, strict=True):
        asked = _asked(pod, name, resource)
        text += f"Container {name} was using {usage}, request is {asked}, has larger consumption of {resource}. "
    return text


def offence(resource: str, pod: Object, uses: Mapping[str, PodUse]) -> Offence:
    """Which containers of a pod are beyond their requests."""
    use = uses.get(pod["metadata"]["uid"])
    names = [container["name"] for container in pod["spec"]["containers"]]
    found = Offence()
    for each in use.containers if use is not None else ():
        used = {"memory": each.memory, "ephemeral-storage": each.rootfs + each.logs}.get(resource)
        if each.name in names and used is not None and used * NANO > parse(_asked(pod, each.name, resource)).nano:
            found = Offence((*found.containers, each.name), (*found.usage, of(used, BINARY_SI)))
    return found


def _asked(pod: Object, name: str, resource: str) -> str:
    container = next(container for container in pod["spec"]["containers"] if container["name"] == name)
    return parse(((container.get("resources") or _NONE).get("requests") or _NONE).get(resource, "0")).text


def _quantity(threshold: Threshold, capacity: int) -> str:
    """A share of a capacity is a binary amount, whatever it counts."""
    return of(threshold.amount.of(capacity), BINARY_SI)


def _amount(available: int, resource: str) -> str:
    return of(available, BINARY_SI) if resource in ("memory", "ephemeral-storage") else of(available)


# -- limits of single pods --------------------------------------------------------------------------------------------------------
def over_local_limits(pod: Object, use: PodUse) -> str:
    """What a pod whose local storage exceeds its limits is told; "" for others (upstream: localStorageEviction)."""
    return exceeded(pod, use)[1]


def exceeded(pod: Object, use: PodUse) -> tuple[str, str]:
    """Which limit of local storage a pod exceeds, as upstream's metric calls it, and what it is told; twice "" for none."""
    for signal, told in (("emptydirfs", _empty_dirs), ("ephemeralpodfs", _whole_pod), ("ephemeralcontainerfs", _single_container)):
        if text := told(pod, use):
            return f"{signal}.limit", text
    return "", ""


def _empty_dirs(pod: Object, use: PodUse) -> str:
    used = {volume.name: volume.used for volume in use.volumes}
    for volume in pod["spec"].get("volumes") or ():
        limit = (volume.get("emptyDir") or _NONE).get("sizeLimit")
        if limit is not None and 0 < parse(limit).nano < used.get(volume["name"], 0) * NANO:
            return f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{parse(limit).text}". '
    return ""


def _whole_pod(pod: Object, use: PodUse) -> str:
    limits = [limit for limit in map(_limit, pod["spec"]["containers"]) if limit is not None]
    if not limits:
        return ""
    total = sum(parse(limit).nano for limit in limits)
    for container in pod["spec"].get("initContainers") or ():
        total = max(total, parse(_limit(container) or "0").nano)
    if use.disk * NANO <= total:
        return ""
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {_sum_text(limits, total)}. "


def _sum_text(limits: Sequence[str], nano: int) -> str:
    only = parse(limits[0])
    return only.text if only.nano == nano else of(-(-nano // NANO), only.format)


def _single_container(pod: Object, use: PodUse) -> str:
    limits = {container["name"]: _limit(container) for container in pod["spec"]["containers"]}
    for each in use.containers:
        limit = limits.get(each.name)
        if limit is not None and 0 < parse(limit).nano < (each.rootfs + each.logs) * NANO:
            return f'Container {each.name} exceeded its local ephemeral storage limit "{parse(limit).text}". '
    return ""


def _limit(container: Object) -> str | None:
    found = ((container.get("resources") or _NONE).get("limits") or _NONE).get("ephemeral-storage")
    return None if found is None else str(found)
