"""The words that all plug-ins share: what a filter answers, what a cluster event is, and the names and weights of the default profile.

upstream: pkg/scheduler/framework/{interface,types}.go, pkg/scheduler/apis/config/v1/default_plugins.go, 1.28; spec "Scheduling cycle".
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.world.codec import value

MAX_NODE_SCORE = 100
SCHEDULER_NAME = "default-scheduler"
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


@value
class Status(NamedTuple):
    """A refusal. ``unresolvable``: taking pods off the node would not help. A pass is None."""

    plugin: str
    reasons: tuple[str, ...]
    unresolvable: bool = False


class Skip(NamedTuple):
    """A plug-in's pre-filter or pre-score saying that it does not matter for this pod."""


SKIP = Skip()


class ClusterEvent(NamedTuple):
    """Something that may make a pending pod schedulable: ``resource`` and ``action``."""

    resource: str
    action: str  # add, delete, update; of nodes: allocatable, label, taint, condition


POD_ADD = ClusterEvent("pods", "add")
POD_UPDATE = ClusterEvent("pods", "update")
POD_DELETE = ClusterEvent("pods", "delete")
NODE_ADD = ClusterEvent("nodes", "add")
NODE_DELETE = ClusterEvent("nodes", "delete")
NODE_ALLOCATABLE = ClusterEvent("nodes", "allocatable")
NODE_LABEL = ClusterEvent("nodes", "label")
NODE_TAINT = ClusterEvent("nodes", "taint")
NODE_CONDITION = ClusterEvent("nodes", "condition")
NODE_UPDATE = (NODE_ALLOCATABLE, NODE_LABEL, NODE_TAINT, NODE_CONDITION)
CLAIM_ADD = ClusterEvent("persistentvolumeclaims", "add")
CLAIM_UPDATE = ClusterEvent("persistentvolumeclaims", "update")
VOLUME_ADD = ClusterEvent("persistentvolumes", "add")
VOLUME_UPDATE = ClusterEvent("persistentvolumes", "update")
CSI_NODE_ADD = ClusterEvent("csinodes.storage.k8s.io", "add")
CSI_NODE_UPDATE = ClusterEvent("csinodes.storage.k8s.io", "update")
CSI_DRIVER_ADD = ClusterEvent("csidrivers.storage.k8s.io", "add")
CSI_DRIVER_UPDATE = ClusterEvent("csidrivers.storage.k8s.io", "update")
CLASS_ADD = ClusterEvent("storageclasses.storage.k8s.io", "add")
CLASS_UPDATE = ClusterEvent("storageclasses.storage.k8s.io", "update")
