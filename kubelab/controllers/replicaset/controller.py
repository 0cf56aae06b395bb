"""The ReplicaSet controller: what it watches, what it sees, and how one sync goes.

Claim pods ▸ create or delete the difference ▸ status. Failed and Succeeded pods are left alone and replaced.

upstream: pkg/controller/replicaset/replica_set.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubelab.controllers.common.claiming import Claimed, claim, claiming_plan
from kubelab.controllers.common.dependents import itself, manager_keys, orphans
from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.common.pod_facts import is_active
from kubelab.controllers.common.refusal import status_either_way
from kubelab.controllers.replicaset.replicas import manage_replicas
from kubelab.controllers.replicaset.status import STATUS, Counts, count_pods, failure_status, new_status, same_status
from kubelab.controllers.replicaset.tallies import RESOURCE, TABLE, note_pod, note_replica_set, tally_of
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Batch, Because, Call, Key, Plan, Reason, update_status
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

SETTLED = Reason("Settled", "{subject} has its {replicas} pods")
DELETING = Reason("OwnerDeleting", "{subject} is being deleted: its pods are left to the garbage collector")


@dataclass(frozen=True, slots=True)
class Seen:
    """``pods``: the active ones it manages; ``counts`` in their place where their number is all that matters.

    ``on_node``: active pods of all its owner's ReplicaSets per node, if some must be chosen.
    """

    replica_set: Object
    pods: Sequence[Object]
    now_ns: int
    claimed: Claimed = field(default_factory=lambda: Claimed([]))
    on_node: Mapping[str, int] = field(default_factory=dict)
    release: str = "1.28"
    counts: Counts | None = None


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    view = scope.view
    replica_set = view.get(RESOURCE, namespace, name)
    if replica_set is None:
        return None
    counts = _counts_without_pods(scope, replica_set)
    if counts is not None:
        return Seen(replica_set, (), scope.now_ns, release=scope.release, counts=counts)
    claimed = claimed_pods(scope, replica_set, RESOURCE)
    pods = claimed.objects
    on_node = related_on_node(scope, replica_set) if 0 < len(pods) - _replicas(replica_set) < len(pods) else {}
    return Seen(replica_set, pods, scope.now_ns, claimed, on_node, scope.release)


def claimed_pods(scope: Scope, replica_set: Object, resource: str) -> Claimed:
    """The active pods that it manages; those that have ended are nobody's business."""
    meta = replica_set["metadata"]
    owned = [pod for pod in scope.view.owned("pods", meta["uid"]) if is_active(pod)]
    free = [pod for pod in orphans(scope, "pods", meta["namespace"]) if is_active(pod)]
    return claim(replica_set, resource, "pods", owned, free)


def _counts_without_pods(scope: Scope, replica_set: Object) -> Counts | None:
    """The counts alone, where no pod must be looked at: none to claim, to release or to delete, and no age to know."""
    tally = tally_of(scope.view, scope.memory.get(TABLE, {}), replica_set)
    if tally is None or tally.mismatched or tally.active > _replicas(replica_set) or replica_set["spec"].get("minReadySeconds"):
        return None
    free = orphans(scope, "pods", replica_set["metadata"]["namespace"])
    if free and any(matches_selector(replica_set["spec"]["selector"], pod["metadata"].get("labels")) for pod in free):
        return None
    return Counts(tally.active, tally.fully_labelled, tally.ready, tally.ready)


def related_on_node(scope: Scope, replica_set: Object) -> dict[str, int]:
    """Active pods per node that the ReplicaSets of the same owner select (upstream: getIndirectlyRelatedPods)."""
    owner = controller_of(replica_set)
    if owner is None:
        return {}
    namespace = replica_set["metadata"]["namespace"]
    counts: dict[str, int] = {}
    counted: dict[str, bool] = {}
    for sibling in scope.view.owned(RESOURCE, owner["uid"]):
        selector = sibling["spec"]["selector"]
        labels = selector.get("matchLabels")
        candidates = scope.view.labelled(namespace, labels) if labels else scope.view.list("pods", namespace)
        for pod in candidates:
            uid = pod["metadata"]["uid"]
            if uid in counted or not is_active(pod) or not matches_selector(selector, pod["metadata"].get("labels")):
                continue
            counted[uid] = True
            node = pod["spec"].get("nodeName") or ""
            counts[node] = counts.get(node, 0) + 1
    return counts


def plan(seen: Seen) -> Plan:
    if seen.claimed.calls:
        return claiming_plan(seen.claimed.calls)
    deleting = seen.replica_set["metadata"].get("deletionTimestamp") is not None
    counts = seen.counts or count_pods(seen.replica_set, seen.pods, seen.now_ns)
    managed = (
        NOTHING if deleting else manage_replicas(seen.replica_set, seen.pods, counts.replicas, seen.on_node, seen.now_ns, seen.release)
    )
    status = status_batches(seen, counts, failing=bool(managed.batches))
    batches = managed.batches + status
    because = () if batches else (_because(seen.replica_set, deleting=deleting),)
    return Plan(batches, again_ns=_availability_check_ns(seen.replica_set, counts), because=because)


def status_batches(seen: Seen, counts: Counts, *, failing: bool) -> tuple[Batch, ...]:
    """The status write, if it changed; where calls went before that may be refused, also the one that reports the refusal."""
    well = _status_call(seen.replica_set, new_status(seen.replica_set, counts))
    if not failing:
        return (Batch((well,)),) if well is not None else ()
    return status_either_way(well, _status_call(seen.replica_set, failure_status(seen.replica_set, counts, seen.now_ns)))


def _status_call(replica_set: Object, status: Object) -> Call | None:
    if same_status(replica_set, status):
        return None
    return update_status(RESOURCE, {**replica_set, "status": status}, because=STATUS(_subject(replica_set)), on_conflict="refresh")


def _availability_check_ns(replica_set: Object, counts: Counts) -> int | None:
    """Once all are ready, look again when minReadySeconds have passed: the last line of defence against clock skew."""
    min_ready = replica_set["spec"].get("minReadySeconds") or 0
    replicas = _replicas(replica_set)
    if min_ready and counts.ready == replicas and counts.available != replicas:
        return int(min_ready * SECOND)
    return None


def _because(replica_set: Object, *, deleting: bool) -> Because:
    if deleting:
        return DELETING(_subject(replica_set))
    return SETTLED(_subject(replica_set), replicas=_replicas(replica_set))


def _replicas(replica_set: Object) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def _subject(replica_set: Object) -> str:
    return f"{replica_set['kind'].lower()}/{replica_set['metadata']['name']}"


def replica_set_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    note_replica_set(change, scope)
    return itself(change, scope)


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    note_pod(change, scope)
    return manager_keys(change, scope, "ReplicaSet", RESOURCE)


CONTROLLER = Controller(
    name="replicaset-controller",
    identity=service_account("replicaset-controller"),
    watches=(Watch(RESOURCE, replica_set_keys), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=5,
)
