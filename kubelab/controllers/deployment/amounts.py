"""How many pods a Deployment may have and must have, and how many each ReplicaSet gets.

Surge rounds up, unavailable rounds down; where both are 0, one may be unavailable. Recreate has neither.

upstream: pkg/controller/deployment/util/deployment_util.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubelab.kinds.intstr import scaled
from kubelab.store.log import Object

DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


def replicas(obj: Object) -> int:
    """spec.replicas of a Deployment or ReplicaSet."""
    return int(obj["spec"].get("replicas", 1))


def counted(obj: Object, field: str) -> int:
    """A number in the status; absent is 0."""
    return int((obj.get("status") or {}).get(field) or 0)


def total(replica_sets: Iterable[Object]) -> int:
    """The sum of spec.replicas."""
    return sum(replicas(replica_set) for replica_set in replica_sets)


def total_counted(replica_sets: Iterable[Object], field: str) -> int:
    return sum(counted(replica_set, field) for replica_set in replica_sets)


def is_rolling(deployment: Object) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "RollingUpdate"


def fenceposts(deployment: Object) -> tuple[int, int]:
    """(surge, unavailable) of a rolling update, resolved against the replicas (upstream: ResolveFenceposts)."""
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    wanted = replicas(deployment)
    surge = scaled(rolling.get("maxSurge", 0), wanted, round_up=True)
    unavailable = scaled(rolling.get("maxUnavailable", 0), wanted, round_up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def max_surge(deployment: Object) -> int:
    return fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Object) -> int:
    if not is_rolling(deployment) or replicas(deployment) == 0:
        return 0
    return min(fenceposts(deployment)[1], replicas(deployment))


def min_available(deployment: Object) -> int:
    """What a rolling update keeps available; 0 for Recreate."""
    return replicas(deployment) - max_unavailable(deployment) if is_rolling(deployment) else 0


def new_replicas(deployment: Object, others: int, own: int) -> int:
    """The size of the new ReplicaSet (upstream: NewRSNewReplicas): it has ``own``, all ReplicaSets together ``others + own``."""
    wanted = replicas(deployment)
    if not is_rolling(deployment):
        return wanted
    rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    room = wanted + scaled(rolling.get("maxSurge", 0), wanted, round_up=True) - others - own
    return own if room <= 0 else own + min(room, wanted - own)


def proportional_sizes(deployment: Object, replica_sets: Sequence[Object]) -> dict[str, int]:
    """New sizes by name, when a Deployment with several active ReplicaSets is scaled. ``replica_sets`` in the order of sharing.

    Each gets its share of the change, bounded by what is left; the first gets the leftover.
    """
    allowed = replicas(deployment) + max_surge(deployment) if replicas(deployment) > 0 else 0
    to_add = allowed - total(replica_sets)
    added = 0
    sizes: dict[str, int] = {}
    for replica_set in replica_sets:
        share = proportion(deployment, replica_set, to_add, added)
        sizes[replica_set["metadata"]["name"]] = replicas(replica_set) + share
        added += share
    if replica_sets and to_add:
        first = replica_sets[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def proportion(deployment: Object, replica_set: Object, to_add: int, added: int) -> int:
    """What one ReplicaSet takes of ``to_add`` pods (negative: gives), after others took ``added`` (upstream: GetProportion)."""
    if replicas(replica_set) == 0 or to_add in (0, added):
        return 0
    share = _fraction(deployment, replica_set)
    return min(share, to_add - added) if to_add > 0 else max(share, to_add - added)


def _fraction(deployment: Object, replica_set: Object) -> int:
    own = replicas(replica_set)
    if replicas(deployment) == 0:
        return -own
    before = annotated(replica_set, MAX_REPLICAS)
    if before is None:
        before = counted(deployment, "replicas")
    if before == 0:
        return 0
    return _rounded(own * (replicas(deployment) + max_surge(deployment)) / before) - own


def _rounded(value: float) -> int:
    """Halves go away from zero."""
    return int(value + 0.5) if value >= 0 else int(value - 0.5)


def annotated(replica_set: Object, key: str) -> int | None:
    """An integer in an annotation; None if there is none."""
    text = (replica_set["metadata"].get("annotations") or {}).get(key)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def is_saturated(deployment: Object, replica_set: Object | None) -> bool:
    """The ReplicaSet has all pods of the Deployment, was told so, and all are available."""
    if replica_set is None:
        return False
    wanted = replicas(deployment)
    return (
        replicas(replica_set) == wanted
        and annotated(replica_set, DESIRED_REPLICAS) == wanted
        and counted(replica_set, "availableReplicas") == wanted
    )
