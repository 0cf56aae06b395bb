"""What one sync of a StatefulSet sees.

upstream: sync and getPodsForStatefulSet in pkg/controller/statefulset/stateful_set.go, getStatefulSetRevisions in
…/stateful_set_control.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kubelab.controllers.common.claiming import claim
from kubelab.controllers.common.dependents import orphans
from kubelab.controllers.common.history import REVISIONS, resolve_revision, sorted_revisions, template_data
from kubelab.controllers.statefulset.claims import claim_names
from kubelab.controllers.statefulset.slots import end_ordinal, is_member, pod_name, start_ordinal
from kubelab.engine.component import Scope
from kubelab.engine.plan import Call, Key
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

RESOURCE = "statefulsets.apps"
COLLISIONS = "collisions"


class Gates(NamedTuple):
    """Feature gates that change what the controller does."""

    auto_delete_claims: bool = True
    pod_index: bool = True
    max_unavailable: bool = False
    slow_start: bool = True
    counts_made: bool = False  # a pod counts in the status that the sync which makes it writes (upstream: until 1.25)
    first_beta: bool = False  # 1.7: nothing is available, a pod counts as current or else as updated, failed pods go without an event


@dataclass(frozen=True, slots=True)
class Seen:
    """``pods``: those it manages. ``revisions``: its history, sorted, oldest first; ``current`` and ``update``: the two that count.

    ``claiming``, ``revising``: calls that must succeed before the set itself is looked at. ``claims``: by name, as far as the set's pods
    need them. ``taken``: names of missing pods that somebody else's pod has.
    """

    set: Object
    pods: Sequence[Object]
    current: Object
    update: Object
    now_ns: int
    revisions: Sequence[Object] = ()
    claims: Mapping[str, Object] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    claiming: tuple[Call, ...] = ()
    revising: tuple[Call, ...] = ()
    collision_count: int = 0
    gates: Gates = Gates()

    @property
    def min_ready_ns(self) -> int:
        return int((self.set["spec"].get("minReadySeconds") or 0) * SECOND)


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    view = scope.view
    set_ = view.get(RESOURCE, namespace, name)
    if set_ is None:
        return None
    uid = set_["metadata"]["uid"]
    prefix = f"{name}-"
    revisions, claiming = _revisions(scope, set_)
    claimed = claim(
        set_, RESOURCE, "pods", view.owned("pods", uid), orphans(scope, "pods", namespace), accepts=lambda pod: is_member(prefix, pod)
    )
    collisions = max((set_.get("status") or {}).get("collisionCount") or 0, scope.memory.get(COLLISIONS, {}).get(key, 0))
    resolved = resolve_revision(
        set_, template_data(set_["spec"]["template"]), revisions, collisions, lambda other: view.get(REVISIONS, namespace, other)
    )
    return Seen(
        set=set_,
        pods=claimed.objects,
        current=_current_revision(set_, revisions) or resolved.revision,
        update=resolved.revision,
        now_ns=scope.now_ns,
        revisions=revisions,
        claims=_claims(scope, set_, claimed.objects),
        taken=_taken(scope, set_, claimed.objects),
        claiming=claiming + claimed.calls,
        revising=resolved.calls,
        collision_count=resolved.collision_count,
        gates=gates(scope),
    )


def gates(scope: Scope) -> Gates:
    if scope.release == "1.7":
        return Gates(auto_delete_claims=False, pod_index=False, slow_start=False, counts_made=True, first_beta=True)
    given = scope.gates
    if scope.timing.control_plane == "1.20":
        return Gates(auto_delete_claims=False, pod_index=False, slow_start=False, counts_made=True)
    return Gates(
        auto_delete_claims=given.get("StatefulSetAutoDeletePVC", True),
        pod_index=given.get("PodIndexLabel", True),
        max_unavailable=given.get("MaxUnavailableStatefulSet", False),
    )


def _revisions(scope: Scope, set_: Object) -> tuple[list[Object], tuple[Call, ...]]:
    """Its revisions, and the calls that adopt what nobody owns. Revisions are never released: one that does not match is not seen."""
    meta, selector = set_["metadata"], set_["spec"].get("selector")
    owned = scope.view.owned(REVISIONS, meta["uid"])
    matching = [revision for revision in owned if matches_selector(selector, revision["metadata"].get("labels"))]
    free = orphans(scope, REVISIONS, meta["namespace"])
    calls = claim(set_, RESOURCE, REVISIONS, (), free).calls if free else ()
    return sorted_revisions(matching), calls


def _current_revision(set_: Object, revisions: Sequence[Object]) -> Object | None:
    name = (set_.get("status") or {}).get("currentRevision")
    for revision in revisions:
        if revision["metadata"]["name"] == name:
            return revision
    return None


def _claims(scope: Scope, set_: Object, pods: Sequence[Object]) -> dict[str, Object]:
    if not set_["spec"].get("volumeClaimTemplates"):
        return {}
    namespace = set_["metadata"]["namespace"]
    ordinals = dict.fromkeys(range(start_ordinal(set_), end_ordinal(set_)))
    ordinals.update(dict.fromkeys(int(pod["metadata"]["name"].rpartition("-")[2]) for pod in pods))
    found: dict[str, Object] = {}
    for ordinal in ordinals:
        for name in claim_names(set_, ordinal):
            claim_ = scope.view.get("persistentvolumeclaims", namespace, name)
            if claim_ is not None:
                found[name] = claim_
    return found


def _taken(scope: Scope, set_: Object, pods: Sequence[Object]) -> tuple[str, ...]:
    """Names of missing pods that others have; in order only the first missing one is made, so only that is asked for."""
    start, end = start_ordinal(set_), end_ordinal(set_)
    if len(pods) >= end - start:
        return ()
    namespace, view = set_["metadata"]["namespace"], scope.view
    own = {pod["metadata"]["name"]: True for pod in pods}
    in_order = set_["spec"].get("podManagementPolicy") != "Parallel"
    taken: list[str] = []
    for ordinal in range(start, end):
        name = pod_name(set_, ordinal)
        if name in own:
            continue
        if view.get("pods", namespace, name) is not None:
            taken.append(name)
        if in_order:
            break
    return tuple(taken)
