"""Which nodes run a daemon pod, and which may keep the one they have.

Node name, node selector, required affinity and taints count; resources and ports do not.

upstream: NodeShouldRunDaemonPod and predicates in pkg/controller/daemon/daemon_controller.go, AddOrUpdateDaemonPodTolerations in
pkg/controller/daemon/util/daemonset_util.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubelab.kinds.core.node_selectors import matches_required, untolerated
from kubelab.store.log import Object

_NONE: dict[str, Any] = {}
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_TOLERATED_IN_1_7 = (("node.alpha.kubernetes.io/notReady", "NoExecute"), ("node.alpha.kubernetes.io/unreachable", "NoExecute"))
_ON_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


class Fit(NamedTuple):
    """``run``: a pod shall be on the node; ``stay``: one that is there may stay."""

    run: bool
    stay: bool


def older(daemon_set: Object) -> bool:
    """Whether it is one of extensions/v1beta1, whose controller looks after its pods in 1.7's manner."""
    return bool(daemon_set["apiVersion"] == "extensions/v1beta1")


def daemon_tolerations(spec: Object, *, older: bool = False) -> list[Object]:
    """The template's tolerations and those that every daemon pod has; one that is there already stands for its like."""
    tolerations = list(spec.get("tolerations") or ())
    tolerated = _TOLERATED_IN_1_7 if older else (*_TOLERATED, _ON_HOST_NETWORK) if spec.get("hostNetwork") else _TOLERATED
    for key, effect in tolerated:
        added = {"key": key, "operator": "Exists", "effect": effect}
        if added in tolerations:
            continue
        alike = [_is_alike(each, added) for each in tolerations]
        tolerations = [added if same else each for same, each in zip(alike, tolerations, strict=True)]
        if not any(alike):
            tolerations.append(added)
    return tolerations


def _is_alike(toleration: Object, added: Object) -> bool:
    """Everything is equal but tolerationSeconds (upstream: MatchToleration)."""
    return all((toleration.get(field) or "") == (added.get(field) or "") for field in ("key", "operator", "effect", "value"))


def fits(spec: Object, tolerations: Sequence[Object], node: Object) -> Fit:
    """``spec``: the template's pod spec; ``tolerations``: those of its daemon pods."""
    meta = node["metadata"]
    name = meta["name"]
    if spec.get("nodeName") and spec["nodeName"] != name:
        return Fit(False, False)
    if not matches_required(spec, meta.get("labels") or _NONE, name):
        return Fit(False, False)
    taints = node["spec"].get("taints")
    if not taints:
        return Fit(True, True)
    if untolerated(taints, tolerations, ("NoSchedule", "NoExecute")) is None:
        return Fit(True, True)
    return Fit(False, untolerated(taints, tolerations, ("NoExecute",)) is None)
