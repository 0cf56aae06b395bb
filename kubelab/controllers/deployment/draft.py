"""One sync of a Deployment as it goes along: the objects as they stand by now, and the calls made so far.

Later steps build on what earlier ones wrote. The Deployment keeps the resourceVersion that was seen, so that a second write of its status in
one sync is refused and the sync starts over, as upstream's does.

upstream: getNewReplicaSet, scaleReplicaSet, cleanupDeployment and syncDeploymentStatus in pkg/controller/deployment/sync.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.common.refusal import after_refusal
from kubelab.controllers.deployment import status as statuses
from kubelab.controllers.deployment.amounts import counted, new_replicas, replicas, total
from kubelab.controllers.deployment.replica_sets import (
    RESOURCE as REPLICA_SETS,
)
from kubelab.controllers.deployment.replica_sets import (
    REVISION,
    age_key,
    annotated_as_new,
    max_revision,
    new_replica_set,
    replicas_annotations,
    revision_of,
    with_annotations,
)
from kubelab.engine.plan import Batch, Because, Call, EventDraft, Nudge, Plan, Reason, create, delete, update, update_status
from kubelab.store.log import Object

RESOURCE = "deployments.apps"
NAME = "deployment-controller"
DEADLINE = "progress deadline"  # no namespace can be called so

NEW_TEMPLATE = Reason("NewTemplate", "no ReplicaSet has the template of {subject}")
COLLISION = Reason("HashCollision", "{subject} is somebody else's: another hash is needed")
NEWEST = Reason("NewestRevision", "{subject} is the newest: it gets revision {revision} and the Deployment's annotations")
REVISION_CHANGED = Reason("RevisionChanged", "{subject} is at revision {revision}")
PASSED_OVER = (403, 404, 409, 422, 429, 500, 503, 504)
SCALE = Reason("Scale", "{subject} goes from {before} to {size}")
ANNOTATE = Reason("Annotate", "{subject} must know the Deployment's replicas")
HISTORY_LIMIT = Reason("HistoryLimit", "{subject} is beyond the revisionHistoryLimit of {limit}")
STATUS = Reason("StatusChanged", "the status of {subject} is out of date")


@dataclass(slots=True)
class Draft:
    """``occupied``: a ReplicaSet that is not the Deployment's has the name that its new one would get.

    ``deadline_ns``: when to look whether the progress deadline has passed. A key of its own waits for that, in the background: a rollout that
    completes meanwhile has nothing left that moves.
    """

    deployment: Object
    new: Object | None
    old: list[Object]
    now_ns: int
    release: str = "1.28"
    occupied: bool = False
    batches: list[Batch] = field(default_factory=list)
    events: list[EventDraft] = field(default_factory=list)
    because: list[Because] = field(default_factory=list)
    again_ns: int | None = None
    deadline_ns: int | None = None
    error: str = ""
    waiting: bool = False  # for old pods to be gone

    @property
    def subject(self) -> str:
        return f"deployment/{self.deployment['metadata']['name']}"

    @property
    def all(self) -> list[Object]:
        return [*self.old, self.new] if self.new is not None else list(self.old)

    def send(self, call: Call) -> None:
        self.batches.append(Batch((call,)))

    def write_status(self, because: Because) -> None:
        self.send(update_status(RESOURCE, self.deployment, because=because))

    def plan(self) -> Plan:
        nudge: tuple[Nudge, ...] = ()
        if self.deadline_ns is not None:
            meta = self.deployment["metadata"]
            nudge = (Nudge(NAME, (DEADLINE, meta["namespace"], meta["name"]), self.deadline_ns),)
        return Plan(tuple(self.batches), self.again_ns, tuple(self.because), tuple(self.events), error=self.error, nudge=nudge)


# -- revisions --------------------------------------------------------------------------------------------------------------
def sync_revision(draft: Draft, *, create_missing: bool) -> bool:
    """Bring the new ReplicaSet and the Deployment to the newest revision. False: the sync ends here."""
    revision = max_revision(draft.old) + 1
    if draft.new is None:
        return _create_new(draft, revision) if create_missing else True
    updated = annotated_as_new(draft.deployment, draft.new, revision, exists=True)
    min_ready = draft.deployment["spec"].get("minReadySeconds") or 0
    if (updated["spec"].get("minReadySeconds") or 0) != min_ready:
        updated = {**updated, "spec": {**updated["spec"], "minReadySeconds": min_ready}}
    if updated is not draft.new:
        draft.send(update(REPLICA_SETS, updated, because=NEWEST(_subject(updated), revision=revision_of(updated))))
        draft.again_ns = 0
        return False
    text = (draft.new["metadata"].get("annotations") or {}).get(REVISION, "")
    changed = _set_revision(draft, text)
    if statuses.has_progress_deadline(draft.deployment) and statuses.progressing(draft.deployment) is None:
        message = f'Found new replica set "{draft.new["metadata"]["name"]}"'
        _set_progress(draft, "True", statuses.FOUND_NEW_REPLICA_SET, message)
        changed = True
    if changed:
        draft.write_status(REVISION_CHANGED(draft.subject, revision=text))
    return True


def _create_new(draft: Draft, revision: int) -> bool:
    deployment = draft.deployment
    size = new_replicas(deployment, total(draft.old), 0)
    body = new_replica_set(deployment, size, revision)
    name = body["metadata"]["name"]
    if draft.occupied:
        _count_collision(draft, body)
        return False
    failure = f'Failed to create new replica set "{name}": {{error}}'
    draft.send(
        create(
            REPLICA_SETS,
            body,
            on_success=(normal(deployment, "ScalingReplicaSet", f"Scaled up replica set {name} to {size}"),) if size else (),
            on_refusal=(warning(deployment, statuses.CREATE_ERROR, failure),),
            ignore_terminating=True,
            because=NEW_TEMPLATE(draft.subject),
        )
    )
    draft.new = body
    tracked = statuses.has_progress_deadline(deployment)
    if tracked:
        refused = statuses.condition(statuses.PROGRESSING, "False", statuses.CREATE_ERROR, failure, draft.now_ns)
        draft.batches += after_refusal(update_status(RESOURCE, statuses.with_progress(deployment, refused), because=STATUS(draft.subject)))
    changed = _set_revision(draft, str(revision))
    if tracked:
        _set_progress(draft, "True", statuses.NEW_REPLICA_SET_CREATED, f'Created new replica set "{name}"')
    if changed or tracked:
        draft.write_status(REVISION_CHANGED(draft.subject, revision=str(revision)))
    return True


def _count_collision(draft: Draft, body: Object) -> None:
    """The creation is refused; the next sync tries another hash."""
    name = body["metadata"]["name"]
    draft.send(create(REPLICA_SETS, body, accept=(409,), because=NEW_TEMPLATE(draft.subject)))
    status = draft.deployment.get("status") or {}
    draft.deployment = {**draft.deployment, "status": {**status, "collisionCount": (status.get("collisionCount") or 0) + 1}}
    draft.write_status(COLLISION(f"replicaset/{name}"))
    draft.error = f'replicasets.apps "{name}" already exists'


def _set_revision(draft: Draft, text: str) -> bool:
    annotations = draft.deployment["metadata"].get("annotations") or {}
    if annotations.get(REVISION, "") == text:
        return False
    draft.deployment = with_annotations(draft.deployment, {**annotations, REVISION: text})
    return True


def _set_progress(draft: Draft, status: str, reason: str, message: str) -> None:
    progress = statuses.condition(statuses.PROGRESSING, status, reason, message, draft.now_ns)
    draft.deployment = statuses.with_progress(draft.deployment, progress)


# -- sizes ------------------------------------------------------------------------------------------------------------------
def scale_to(draft: Draft, replica_set: Object, size: int, *, tolerant: bool = False) -> Object:
    """Scale one ReplicaSet if it has another size; the ReplicaSet as it is afterwards."""
    return replica_set if replicas(replica_set) == size else resize(draft, replica_set, size, tolerant=tolerant)


def resize(draft: Draft, replica_set: Object, size: int, *, tolerant: bool = False) -> Object:
    """Write size and annotations where they differ. A later write in the same sync goes without resourceVersion: the answer has it.

    ``tolerant``: a refusal is passed over, and the sync goes on to the status (upstream: reconcileOldReplicaSets drops the error).
    """
    before, meta = replicas(replica_set), replica_set["metadata"]
    annotations = {**(meta.get("annotations") or {}), **replicas_annotations(draft.deployment)}
    if before == size and annotations == meta.get("annotations"):
        return replica_set
    written = {**with_annotations(replica_set, annotations), "spec": {**replica_set["spec"], "replicas": size}}
    if before == size:
        draft.send(update(REPLICA_SETS, written, because=ANNOTATE(_subject(replica_set))))
    else:
        because = SCALE(_subject(replica_set), before=before, size=size)
        told = (_scaled(draft, meta["name"], before, size),)
        draft.send(update(REPLICA_SETS, written, accept=PASSED_OVER if tolerant else (), on_success=told, because=because))
    return {**written, "metadata": {key: part for key, part in written["metadata"].items() if key != "resourceVersion"}}


def _scaled(draft: Draft, name: str, before: int, size: int) -> EventDraft:
    direction = "up" if size > before else "down"
    of = "" if draft.release == "1.7" else f" from {before}"
    return normal(draft.deployment, "ScalingReplicaSet", f"Scaled {direction} replica set {name} to {size}{of}")


# -- the end of a sync ------------------------------------------------------------------------------------------------------
def clean_up(draft: Draft, old: Sequence[Object]) -> None:
    """Delete the oldest revisions beyond the limit; only those that are empty and known to be so."""
    limit = draft.deployment["spec"].get("revisionHistoryLimit")
    if limit in (None, statuses.NO_LIMIT):
        return
    alive = [replica_set for replica_set in old if replica_set["metadata"].get("deletionTimestamp") is None]
    surplus = len(alive) - limit
    if surplus <= 0:
        return
    for replica_set in sorted(alive, key=lambda each: (revision_of(each) or 0, age_key(each)))[:surplus]:
        meta = replica_set["metadata"]
        observed = meta.get("generation", 0) <= counted(replica_set, "observedGeneration")
        if counted(replica_set, "replicas") == 0 and replicas(replica_set) == 0 and observed:
            draft.send(delete(REPLICA_SETS, replica_set, accept=(404,), because=HISTORY_LIMIT(_subject(replica_set), limit=limit)))


def sync_status(draft: Draft) -> None:
    """The status without a verdict on progress: while paused, scaled or deleted."""
    status = statuses.calculate_status(draft.deployment, draft.new, draft.old, draft.now_ns)
    _write_if_changed(draft, status)


def sync_rollout_status(draft: Draft) -> None:
    """The status of a rollout; if nothing changed, look again when the deadline is over."""
    status = statuses.rollout_status(draft.deployment, draft.new, draft.old, draft.now_ns)
    if not _write_if_changed(draft, status):
        draft.deadline_ns = statuses.deadline_check_ns(draft.deployment, status, draft.now_ns, waiting=draft.waiting)


def _write_if_changed(draft: Draft, status: Object) -> bool:
    if statuses.same_status(draft.deployment.get("status"), status):
        return False
    draft.deployment = {**draft.deployment, "status": status}
    draft.write_status(STATUS(draft.subject))
    return True


def _subject(replica_set: Object) -> str:
    return f"replicaset/{replica_set['metadata']['name']}"
