"""Scaling, apart from the rollout: in proportion, so that a bad template does not get more than its share.

upstream: scale and isScalingEvent in pkg/controller/deployment/sync.go, 1.28.
"""

from __future__ import annotations

from kubelab.controllers.deployment.amounts import (
    DESIRED_REPLICAS,
    annotated,
    is_rolling,
    is_saturated,
    max_surge,
    proportional_sizes,
    replicas,
    total,
)
from kubelab.controllers.deployment.draft import Draft, resize, scale_to
from kubelab.controllers.deployment.replica_sets import active, active_or_latest, by_size
from kubelab.store.log import Object


def is_scaling_event(draft: Draft) -> bool:
    """An active ReplicaSet was told another number of replicas than the Deployment has now."""
    desired = (annotated(replica_set, DESIRED_REPLICAS) for replica_set in active(draft.all))
    return any(number is not None and number != replicas(draft.deployment) for number in desired)


def scale(draft: Draft) -> None:
    """One active ReplicaSet gets all; where the new one has all it needs, the old ones go; else each gets its share."""
    wanted = replicas(draft.deployment)
    only = active_or_latest(draft.new, draft.old)
    if only is not None:
        scale_to(draft, only, wanted)
    elif is_saturated(draft.deployment, draft.new):
        for replica_set in active(reversed(draft.old)):
            scale_to(draft, replica_set, 0)
    elif is_rolling(draft.deployment):
        _scale_in_proportion(draft)


def _scale_in_proportion(draft: Draft) -> None:
    found = active([*reversed(draft.old), draft.new])
    growth = growth_of(draft, found)
    sharing = by_size(found, newer_first=growth > 0) if growth else found
    sizes = proportional_sizes(draft.deployment, sharing)
    for replica_set in sharing:
        resize(draft, replica_set, sizes[replica_set["metadata"]["name"]])


def growth_of(draft: Draft, found: list[Object]) -> int:
    """By how many pods all ReplicaSets together must grow; negative: shrink."""
    wanted = replicas(draft.deployment)
    return (wanted + max_surge(draft.deployment) if wanted > 0 else 0) - total(found)
