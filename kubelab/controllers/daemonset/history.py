"""The revisions of a DaemonSet: which one its template is now, which are past, and which past ones go.

A template that a past revision has makes that revision the newest again: pods that still carry its hash are up to date at once. That is the
smart rollback.

upstream: constructHistory, dedupCurHistories, snapshot and cleanupHistory in pkg/controller/daemon/update.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubelab.controllers.common.claiming import claim
from kubelab.controllers.common.dependents import orphans
from kubelab.controllers.common.history import HISTORY_LIMIT, NEW_TEMPLATE, OLD_TEMPLATE, REVISIONS, template_data
from kubelab.controllers.common.owners import controller_of, controller_reference
from kubelab.controllers.common.template_hash import encodes, template_hash
from kubelab.controllers.daemonset.index import RESOURCE
from kubelab.controllers.daemonset.pods import HASH_LABEL
from kubelab.engine.component import Change, Scope
from kubelab.engine.plan import NOTHING, Batch, Call, Plan, Reason, create, delete, patch, update, update_status
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object

NAMES = "revisions"  # uid → names of the revisions that the watches have told of
UNLABELLED = Reason("UnlabelledRevision", "{subject} has no hash label yet")
DUPLICATE = Reason("DuplicateRevision", "{subject} has the same template as {kept}")
COLLISION = Reason("HashCollision", "{subject}: another revision is called {name}")
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class History:
    """``hash``: of the present revision. ``old``: the past ones. ``calls``: what must be written before pods are looked at;
    ``claiming``: adoptions and releases before that."""

    hash: str = ""
    old: Sequence[Object] = ()
    calls: tuple[Call, ...] = ()
    claiming: tuple[Call, ...] = ()

    def is_long(self, daemon_set: Object) -> bool:
        return len(self.old) > limit_of(daemon_set)


def limit_of(daemon_set: Object) -> int:
    return int(daemon_set["spec"].get("revisionHistoryLimit", 10))


def note_revision(change: Change, scope: Scope) -> None:
    """Keep the names of each owner's revisions."""
    meta = change.object["metadata"]
    for obj, there in ((change.old, False), (change.object, change.type != "DELETED")):
        reference = controller_of(obj) if obj is not None else None
        if reference is None or reference["kind"] != "DaemonSet":
            continue
        names = scope.table(NAMES)
        rest = tuple(name for name in names.get(reference["uid"], ()) if name != meta["name"])
        if there or rest:
            names[reference["uid"]] = (*rest, meta["name"]) if there else rest
        else:
            names.pop(reference["uid"], None)


def resolve(scope: Scope, daemon_set: Object) -> History:
    """The history as the view has it, and the calls that bring it in order."""
    view, meta = scope.view, daemon_set["metadata"]
    names = dict.fromkeys(scope.memory.get(NAMES, _NONE).get(meta["uid"], ()))
    names.update((key[2], None) for key in view.own if key[0] == REVISIONS and key[1] == meta["namespace"])
    found = (view.get(REVISIONS, meta["namespace"], name) for name in names)
    owned = [revision for revision in found if revision is not None and (controller_of(revision) or _NONE).get("uid") == meta["uid"]]
    free = orphans(scope, REVISIONS, meta["namespace"])
    selector = daemon_set["spec"].get("selector")
    if free or any(not matches_selector(selector, revision["metadata"].get("labels")) for revision in owned):
        claimed = claim(daemon_set, RESOURCE, REVISIONS, owned, free)
        if claimed.calls:
            return History(claiming=claimed.calls)
    pods = view.owned("pods", meta["uid"]) if _is_doubled(daemon_set, owned) else ()
    return in_order(daemon_set, owned, pods, lambda name: view.get(REVISIONS, meta["namespace"], name))


def _is_doubled(daemon_set: Object, revisions: Sequence[Object]) -> bool:
    if len(revisions) < 2:
        return False
    data = template_data(daemon_set["spec"]["template"])
    return sum(revision.get("data") == data for revision in revisions) > 1


def in_order(daemon_set: Object, revisions: Sequence[Object], pods: Sequence[Object], named: Any) -> History:
    """``pods``: the DaemonSet's, needed where several revisions have its template; ``named``: any revision of the namespace by name."""
    unlabelled = [revision for revision in revisions if HASH_LABEL not in (revision["metadata"].get("labels") or _NONE)]
    if unlabelled:
        return History(calls=tuple(_labelled(revision) for revision in unlabelled))
    data = template_data(daemon_set["spec"]["template"])
    current = [revision for revision in revisions if revision.get("data") == data]
    old = [revision for revision in revisions if revision.get("data") != data]
    number = max((revision.get("revision", 0) for revision in old), default=0) + 1
    if not current:
        return _new(daemon_set, data, number, old, named)
    kept = current[0]
    for revision in current[1:]:
        if revision.get("revision", 0) >= kept.get("revision", 0):
            kept = revision
    calls = _without_doubles(kept, current, pods) if len(current) > 1 else ()
    if kept.get("revision", 0) < number:
        because = OLD_TEMPLATE(_subject(daemon_set), revision=kept["metadata"]["name"])
        calls = (*calls, update(REVISIONS, {**kept, "revision": number}, because=because))
    return History(kept["metadata"]["labels"][HASH_LABEL], old, calls)


def _labelled(revision: Object) -> Call:
    """The name serves as hash, whatever it is."""
    meta = revision["metadata"]
    labels = {**(meta.get("labels") or _NONE), HASH_LABEL: meta["name"]}
    because = UNLABELLED(f"controllerrevision/{meta['name']}")
    return update(REVISIONS, {**revision, "metadata": {**meta, "labels": labels}}, because=because)


def _without_doubles(kept: Object, current: Sequence[Object], pods: Sequence[Object]) -> tuple[Call, ...]:
    """Pods of the doubles get the hash of the one that is kept; then the doubles go."""
    hash_ = kept["metadata"]["labels"][HASH_LABEL]
    calls: list[Call] = []
    for double in current:
        if double is kept:
            continue
        because = DUPLICATE(f"controllerrevision/{double['metadata']['name']}", kept=kept["metadata"]["name"])
        if not calls:
            relabelled = {"metadata": {"labels": {HASH_LABEL: hash_}}}
            others = (pod for pod in pods if (pod["metadata"].get("labels") or _NONE).get(HASH_LABEL) != hash_)
            calls += [patch("pods", pod, relabelled, "merge", because=because) for pod in others]
        calls.append(delete(REVISIONS, double, because=because))
    return tuple(calls)


def _new(daemon_set: Object, data: Object, number: int, old: Sequence[Object], named: Any) -> History:
    """A new revision; where another one has its name, the collision count goes up first."""
    status = daemon_set.get("status") or _NONE
    hash_ = template_hash(daemon_set["spec"]["template"], status.get("collisionCount"), encoded=encodes(daemon_set))
    draft = _draft(daemon_set, data, number, hash_)
    present = named(draft["metadata"]["name"])
    if present is None:
        return History(hash_, old, (create(REVISIONS, draft, because=NEW_TEMPLATE(_subject(daemon_set))),))
    if present.get("data") == data:
        return History((present["metadata"].get("labels") or _NONE).get(HASH_LABEL, ""), old)
    counted = {**status, "collisionCount": (status.get("collisionCount") or 0) + 1}
    because = COLLISION(_subject(daemon_set), name=draft["metadata"]["name"])
    return History(calls=(update_status(RESOURCE, {**daemon_set, "status": counted}, because=because),))


def _draft(daemon_set: Object, data: Object, number: int, hash_: str) -> Object:
    owner = daemon_set["metadata"]
    labels = (daemon_set["spec"]["template"].get("metadata") or _NONE).get("labels") or _NONE
    meta: Object = {
        "name": f"{owner['name']}-{hash_}",
        "namespace": owner["namespace"],
        "labels": {**labels, HASH_LABEL: hash_},
        "ownerReferences": [controller_reference(daemon_set)],
    }
    if owner.get("annotations"):
        meta["annotations"] = owner["annotations"]
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta, "data": data, "revision": number}


def clean_up(daemon_set: Object, history: History, live_hashes: Sequence[str]) -> Plan:
    """Past revisions beyond the limit go, the oldest first; those that pods still have are passed over."""
    limit = limit_of(daemon_set)
    surplus = len(history.old) - limit
    if surplus <= 0:
        return NOTHING
    unused = [
        revision
        for revision in sorted(history.old, key=lambda each: each.get("revision", 0))
        if (revision["metadata"].get("labels") or _NONE).get(HASH_LABEL) not in live_hashes
    ]
    calls = (
        delete(REVISIONS, old, because=HISTORY_LIMIT(f"controllerrevision/{old['metadata']['name']}", limit=limit))
        for old in unused[:surplus]
    )
    return Plan(tuple(Batch((call,)) for call in calls))


def _subject(daemon_set: Object) -> str:
    return f"daemonset/{daemon_set['metadata']['name']}"
