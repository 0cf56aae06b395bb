"""Which curves of ``Usage`` objects are a container's.

spec: cri-metrics.md section 6. Of several objects that select a container the one that names it goes first, then the newest, then the first by
name; resource by resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.cri.usage.demand import RESOURCES, Asked, curve_of
from kubelab.kinds.selectors import matches_selector
from kubelab.world.clock import parse_rfc3339

Object = dict[str, Any]


def selects(usage: Object, pod: Object) -> bool:
    """Whether a Usage means a pod."""
    meta = pod["metadata"]
    return bool(usage["metadata"]["namespace"] == meta["namespace"]) and matches_selector(usage["spec"].get("selector"), meta.get("labels"))


def asked_of(usages: Iterable[Object], pod: Object, container: str) -> dict[str, Asked]:
    """The curves that a container of a pod is given, by resource."""
    mine = [usage for usage in usages if usage["spec"].get("container", "") in ("", container) and selects(usage, pod)]
    mine.sort(key=lambda usage: usage["metadata"]["name"])
    mine.sort(key=lambda usage: (bool(usage["spec"].get("container")), usage["metadata"].get("creationTimestamp", "")), reverse=True)
    out: dict[str, Asked] = {}
    for usage in mine:
        for resource in RESOURCES:
            spec = usage["spec"].get(resource)
            if spec is not None and resource not in out:
                out[resource] = Asked(curve_of(resource, spec), parse_rfc3339(usage["metadata"]["creationTimestamp"]))
    return out
