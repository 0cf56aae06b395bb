"""Facts about nodes that the lifecycle controller asks for, and the times it goes by.

upstream: pkg/controller/nodelifecycle/{config,node_lifecycle_controller.go}, component-helpers/node/topology/helpers.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.controllers.common.conditions import find_condition
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND, SECOND

MONITOR_NS = 5 * SECOND  # nodeMonitorPeriod
GRACE_NS = 40 * SECOND  # nodeMonitorGracePeriod
STARTUP_NS = 60 * SECOND  # nodeStartupGracePeriod
PASS_NS = 100 * MILLISECOND  # scheduler.NodeEvictionPeriod
WORKERS = 8  # scheduler.UpdateWorkerSize

UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
EXCLUDED = "node.kubernetes.io/exclude-disruption"
LEASES, LEASE_NAMESPACE = "leases.coordination.k8s.io", "kube-node-lease"
_NONE: dict[str, Any] = {}
_ZONE = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")
_REGION = ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region")


def ready_of(node: Object) -> Object | None:
    """The Ready condition, or None."""
    return find_condition((node.get("status") or _NONE).get("conditions"), "Ready")


def readiness(node: Object) -> str:
    """True, False, Unknown; "" for a node that has never said."""
    condition = ready_of(node)
    return "" if condition is None else str(condition["status"])


def zone_of(node: Object) -> str:
    """Region and zone, the deprecated labels first; "" without either."""
    labels = node["metadata"].get("labels") or _NONE
    zone = labels.get(_ZONE[0], labels.get(_ZONE[1], ""))
    region = labels.get(_REGION[0], labels.get(_REGION[1], ""))
    return f"{region}:{zone}" if region or zone else ""


def counts_for_zone(node: Object) -> bool:
    return EXCLUDED not in (node["metadata"].get("labels") or _NONE)


def has_taint(node: Object, key: str, effect: str = "NoExecute") -> bool:
    return any(taint["key"] == key and taint["effect"] == effect for taint in node["spec"].get("taints") or ())
