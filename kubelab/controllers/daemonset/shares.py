"""What each node adds to a DaemonSet's counts, and what it asks for: care, or an update.

upstream: the loops over nodes in updateDaemonSetStatus, podsShouldBeOnNode (pkg/controller/daemon/daemon_controller.go) and rollingUpdate
(…/update.go), 1.28. There every sync walks over all nodes; here a node is looked at again when it or its pods change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kubelab.controllers.common.pod_facts import is_available, is_ready, is_terminating, phase
from kubelab.controllers.daemonset.eligibility import Fit, daemon_tolerations, fits, older
from kubelab.controllers.daemonset.pods import by_age, is_updated, template_generation
from kubelab.kinds.intstr import IntOrString, scaled
from kubelab.store.log import Object
from kubelab.world.codec import value

NOWHERE = Fit(False, False)
REPLACE, CANDIDATE = "replace", "candidate"


class Basis(NamedTuple):
    """What of a DaemonSet decides about its nodes. ``hash``: of its present revision."""

    spec: Object
    tolerations: Sequence[Object]
    hash: str
    generation: str
    min_ready_seconds: int
    rolling: bool
    surging: bool


def basis_of(daemon_set: Object, hash_: str, tolerations: Sequence[Object] | None = None) -> Basis:
    """``tolerations``: those of its daemon pods, if they are known already."""
    spec = daemon_set["spec"]
    pod_spec = spec["template"]["spec"]
    return Basis(
        pod_spec,
        daemon_tolerations(pod_spec, older=older(daemon_set)) if tolerations is None else tolerations,
        hash_,
        template_generation(daemon_set),
        spec.get("minReadySeconds") or 0,
        is_rolling(daemon_set),
        max_surge(daemon_set, 1) > 0,
    )


def is_rolling(daemon_set: Object) -> bool:
    return (daemon_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"


def max_surge(daemon_set: Object, desired: int) -> int:
    """Percentages round up."""
    return _amount(daemon_set, "maxSurge", 0, desired)


def max_unavailable(daemon_set: Object, desired: int) -> int:
    """Percentages round up; if neither this nor surging were allowed, one pod may be unavailable (upstream: updatedDesiredNodeCounts)."""
    allowed = _amount(daemon_set, "maxUnavailable", 1, desired)
    return 1 if desired and not allowed and not max_surge(daemon_set, desired) else allowed


def _amount(daemon_set: Object, field: str, default: int, desired: int) -> int:
    if not is_rolling(daemon_set):
        return 0
    rolling = (daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate")
    if rolling is None:
        return 0
    wanted: IntOrString = rolling.get(field, default)
    return scaled(wanted, desired, round_up=True)


@value
class DaemonCounts(NamedTuple):
    """Of a node, or of all: what the status says, and how many nodes an update counts against its limit."""

    desired: int = 0
    current: int = 0
    misscheduled: int = 0
    ready: int = 0
    available: int = 0
    updated: int = 0
    limited: int = 0

    def changed(self, old: DaemonCounts, new: DaemonCounts) -> DaemonCounts:
        return DaemonCounts(*(mine - before + after for mine, before, after in zip(self, old, new, strict=True)))


@value
class NodeShare(NamedTuple):
    """``care``: pods may have to be made or taken away there. ``role`` in an update: REPLACE at once, CANDIDATE as the limit allows, or
    none. ``ripening``: a pod becomes available by time alone."""

    counts: DaemonCounts = DaemonCounts()
    care: bool = False
    role: str = ""
    ripening: bool = False


NO_SHARE = NodeShare()


@dataclass(frozen=True, slots=True)
class Place:
    """A node with the DaemonSet's pods on it. ``exists``: there is such a node."""

    name: str
    fit: Fit
    pods: Sequence[Object]
    exists: bool = True

    @property
    def live(self) -> list[Object]:
        return [pod for pod in self.pods if not is_terminating(pod)]


def place_of(basis: Basis, name: str, node: Object | None, pods: Sequence[Object]) -> Place:
    """Pods that have ended and are going do not count."""
    there = [pod for pod in pods if not is_terminating(pod) or phase(pod) not in ("Failed", "Succeeded")]
    return Place(name, NOWHERE if node is None else fits(basis.spec, basis.tolerations, node), there, node is not None)


def share_of(basis: Basis, place: Place, now_ns: int) -> NodeShare:
    live = place.live
    role, limited = _role(basis, place, live, now_ns) if basis.rolling else ("", 0)
    ripening = bool(basis.min_ready_seconds) and any(
        is_ready(pod) and not is_available(pod, basis.min_ready_seconds, now_ns) for pod in place.pods
    )
    return NodeShare(_counts(basis, place, limited, now_ns), _needs_care(basis, place, live), role, ripening)


def _counts(basis: Basis, place: Place, limited: int, now_ns: int) -> DaemonCounts:
    pods = place.pods
    if not place.fit.run:
        return DaemonCounts(misscheduled=int(bool(pods) and place.exists), limited=limited)
    if not pods:
        return DaemonCounts(desired=1, limited=limited)
    oldest = pods[0] if len(pods) == 1 else min(pods, key=by_age)
    ready = is_ready(oldest)
    available = ready and is_available(oldest, basis.min_ready_seconds, now_ns)
    return DaemonCounts(1, 1, 0, int(ready), int(available), int(is_updated(oldest, basis.hash, basis.generation)), limited)


def _needs_care(basis: Basis, place: Place, live: Sequence[Object]) -> bool:
    if not place.exists:
        return any(not pod["spec"].get("nodeName") for pod in live)
    if place.fit.run and not (live if basis.surging else place.pods):
        return True
    return len(live) > 1 or (bool(live) and (not place.fit.stay or phase(live[0]) in ("Failed", "Succeeded")))


def new_and_old(basis: Basis, live: Sequence[Object]) -> tuple[Object | None, Object | None] | None:
    """The one pod of the present template and the one of another; None if there are several of a sort."""
    new: Object | None = None
    old: Object | None = None
    for pod in live:
        if is_updated(pod, basis.hash, basis.generation):
            if new is not None:
                return None
            new = pod
        elif old is not None:
            return None
        else:
            old = pod
    return new, old


def _role(basis: Basis, place: Place, live: Sequence[Object], now_ns: int) -> tuple[str, int]:
    """The node's role in an update, and whether it counts against the limit: of unavailable nodes, or of surging ones."""
    if not place.pods and not place.fit.run:
        return "", 0
    found = new_and_old(basis, live)
    if found is None:
        return "", 1
    new, old = found
    if basis.surging and old is None:
        return "", 0
    if (new is None) == (old is None):
        if basis.surging and new is not None and is_available(new, basis.min_ready_seconds, now_ns):
            return REPLACE, 0
        return "", 1
    pod = new or old
    available = pod is not None and is_available(pod, basis.min_ready_seconds, now_ns)
    if old is None:
        return "", int(not available)
    return (CANDIDATE, 0) if available else (REPLACE, 0)
