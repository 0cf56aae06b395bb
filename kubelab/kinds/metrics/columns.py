"""The columns of metrics.k8s.io: the usage of all containers together, and the window.

upstream: kubernetes-sigs/metrics-server pkg/api/table.go, 0.7.
"""

from __future__ import annotations

from collections.abc import Callable

from kubelab.kinds import quantity
from kubelab.kinds.kind import Column, Object


def _sum(resource: str) -> Callable[[Object, int], str]:
    def cell(obj: Object, now_ns: int) -> str:
        parts = obj.get("containers", [obj])
        return quantity.add(part["usage"][resource] for part in parts if resource in part["usage"])

    return cell


COLUMNS = (
    Column("Name", lambda obj, now_ns: obj["metadata"]["name"], format="name", description="Name of the resource"),
    Column("cpu", _sum("cpu"), format="quantity"),
    Column("memory", _sum("memory"), format="quantity"),
    Column("Window", lambda obj, now_ns: obj["window"], format="duration"),
)
