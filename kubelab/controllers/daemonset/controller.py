"""The DaemonSet controller: one sync from top to bottom.

Revisions ▸ claim pods ▸ make and take away pods ▸ if there was nothing to do, update ▸ past revisions ▸ status. A sync that sends calls for
pods looks once more before it ends, so that the status tells what they did; the next thing is done when the watches tell of them.

upstream: pkg/controller/daemon/{daemon_controller,update}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubelab.controllers.common.claiming import claiming_plan
from kubelab.controllers.common.dependents import manager_keys, managers
from kubelab.controllers.common.events import warning
from kubelab.controllers.common.history import REVISIONS
from kubelab.controllers.common.refusal import after_refusal
from kubelab.controllers.daemonset import index
from kubelab.controllers.daemonset.backoff import BACKOFFS
from kubelab.controllers.daemonset.eligibility import Fit, daemon_tolerations, fits, older
from kubelab.controllers.daemonset.history import clean_up, note_revision
from kubelab.controllers.daemonset.index import ACTED, RESOURCE
from kubelab.controllers.daemonset.manage import Work, manage, sync_nodes
from kubelab.controllers.daemonset.observe import Seen, observe
from kubelab.controllers.daemonset.rolling import rolling_update
from kubelab.controllers.daemonset.shares import is_rolling
from kubelab.controllers.daemonset.status import STATUS, new_status, same_status
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Batch, Because, Call, Key, Plan, Reason, step, update_status, wait
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

DELETING = Reason("OwnerDeleting", "{subject} is being deleted: its pods are left to the garbage collector")
SELECTS_ALL = Reason("SelectingAll", "{subject} selects all pods")
ON_DELETE = Reason("UpdateOnDelete", "pods of {subject} are updated when somebody deletes them")
UPDATING = Reason("Updating", "{subject}: {updated} of {desired} pods are of the present template, {unavailable} are not available")
SETTLED = Reason("Settled", "{subject} is as it should be")


def plan(seen: Seen) -> Plan:
    subject = _subject(seen.set)
    if seen.set["spec"].get("selector") == {}:
        text = "This daemon set is selecting all pods. A non-empty selector is required."
        return wait(SELECTS_ALL(subject))._replace(events=(warning(seen.set, "SelectingAll", text),))
    if seen.set["metadata"].get("deletionTimestamp") is not None:
        return wait(DELETING(subject))
    if seen.claiming:
        return claiming_plan(seen.claiming)
    if seen.history.calls:
        return Plan(tuple(Batch((call,)) for call in seen.history.calls), again_ns=0)
    work = manage(seen)
    if seen.acted:
        return _tell(seen, work)._replace(note={ACTED: {_key(seen.set): None}})
    if not (work.create or work.delete):
        updating = rolling_update(seen)
        if updating.create or updating.delete:
            work = updating
    if work.create or work.delete:
        return _act(seen, work)
    return _tell(seen, work)


def _act(seen: Seen, work: Work) -> Plan:
    """Send the calls, then look once more; after a refusal only the status is written, as it was before them."""
    acting = sync_nodes(seen, work)
    status = _status_call(seen)
    return acting._replace(
        batches=acting.batches + (after_refusal(status) if status is not None else ()),
        again_ns=0,
        note={BACKOFFS: work.backoffs} if work.backoffs else {},
        remember={ACTED: {_key(seen.set): seen.read_as or True}},
        work_ns=seen.work_ns,
    )


def _tell(seen: Seen, work: Work) -> Plan:
    """Past revisions and the status; and when to look again."""
    status = _status_call(seen)
    whole = clean_up(seen.set, seen.history, seen.live_hashes).then(step(status, always=True) if status is not None else NOTHING)
    again_ns = work.again_ns
    min_ready = seen.set["spec"].get("minReadySeconds") or 0
    if min_ready and seen.counts.ready != seen.counts.available:
        again_ns = min_ready * SECOND if again_ns is None else min(again_ns, min_ready * SECOND)
    because = whole.because if whole.batches else tuple(work.waits) or (_because(seen),)
    return whole._replace(again_ns=again_ns, because=because, work_ns=seen.work_ns)


def _status_call(seen: Seen) -> Call | None:
    status = new_status(seen.set, seen.counts)
    if same_status(seen.set, status):
        return None
    body = {**seen.set, "status": status}
    if seen.read_as:
        body["metadata"] = {**body["metadata"], "resourceVersion": seen.read_as}
    return update_status(RESOURCE, body, because=STATUS(_subject(seen.set)), on_conflict="read")


def _because(seen: Seen) -> Because:
    subject, counts = _subject(seen.set), seen.counts
    if counts.updated == counts.desired == counts.available:
        return SETTLED(subject)
    if not is_rolling(seen.set):
        return ON_DELETE(subject)
    return UPDATING(subject, updated=counts.updated, desired=counts.desired, unavailable=counts.desired - counts.available)


def _subject(daemon_set: Object) -> str:
    return f"daemonset/{daemon_set['metadata']['name']}"


def _key(daemon_set: Object) -> Key:
    meta = daemon_set["metadata"]
    return meta["namespace"], meta["name"]


# -- what wakes it --------------------------------------------------------------------------------------------------------------
def set_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    index.note_set(change, scope)
    return (_key(change.object),)


def node_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return tuple(index.note_node(change, scope, _is_other_place))


def _is_other_place(daemon_set: Object, old: Object | None, node: Object) -> bool:
    """Whether a changed node fits otherwise than before, or a new one fits at all."""
    spec = daemon_set["spec"]["template"]["spec"]
    tolerations = daemon_tolerations(spec, older=older(daemon_set))
    fit: Fit = fits(spec, tolerations, node)
    return fit.run if old is None else fit != fits(spec, tolerations, old)


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    index.note_pod(change, scope)
    return manager_keys(change, scope, "DaemonSet", RESOURCE)


def revision_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A new revision of its own wakes nobody; a changed or deleted one does, and one that nobody controls."""
    note_revision(change, scope)
    owners = managers(change, scope, "DaemonSet", RESOURCE)
    if change.type == "ADDED" and change.object["metadata"].get("ownerReferences"):
        return ()
    return tuple(_key(owner) for owner in owners)


CONTROLLER = Controller(
    name="daemon-set-controller",
    identity=service_account("daemon-set-controller", source="daemonset-controller"),
    watches=(Watch(RESOURCE, set_keys), Watch("nodes", node_keys), Watch(REVISIONS, revision_keys), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=2,
)
