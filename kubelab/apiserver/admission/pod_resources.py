"""What a pod asks for as a whole: containers side by side, init containers one after the other, overhead.

upstream: pkg/api/v1/resource/helpers.go (PodRequests, PodLimits), 1.28.
"""

from __future__ import annotations

from kubelab.kinds import quantity
from kubelab.store.log import Object

Resources = dict[str, str]


def pod_requests(spec: Object, *, overhead: bool = False) -> Resources:
    return _total(spec, "requests", overhead=overhead)


def pod_limits(spec: Object, *, overhead: bool = False) -> Resources:
    return _total(spec, "limits", overhead=overhead)


def _total(spec: Object, kind: str, *, overhead: bool) -> Resources:
    total: Resources = {}
    for container in spec.get("containers") or ():
        add(total, _of(container, kind))
    sidecars: Resources = {}
    peak: Resources = {}
    for container in spec.get("initContainers") or ():
        mine = _of(container, kind)
        if container.get("restartPolicy") == "Always":
            add(total, mine)
            add(sidecars, mine)
            raise_to(peak, sidecars)
        else:
            stage = dict(mine)
            add(stage, sidecars)
            raise_to(peak, stage)
    raise_to(total, peak)
    if overhead and spec.get("overhead"):
        extra = spec["overhead"]
        add(total, extra if kind == "requests" else {name: amount for name, amount in extra.items() if name in total})
    return total


def _of(container: Object, kind: str) -> Resources:
    return (container.get("resources") or {}).get(kind) or {}


def add(total: Resources, more: Resources) -> None:
    """Add up in place."""
    for name, amount in more.items():
        total[name] = quantity.add((total[name], amount)) if name in total else amount


def raise_to(total: Resources, other: Resources) -> None:
    """The greater of both, in place."""
    for name, amount in other.items():
        if name not in total or quantity.compare(amount, total[name]) > 0:
            total[name] = amount
