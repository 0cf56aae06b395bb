"""Tallies: how many pods each ReplicaSet has, kept as changes arrive, so that a sync need not walk over all its pods.

A tally counts what the watches have told; the controller's own writes that they have not told yet are added when it is read. It says the
same as counting the pods that the view has, at every moment. ReplicaSets must be watched before pods: a component that starts is told of them
in that order.

upstream has none: its syncs list the namespace.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.controllers.common.owners import controller_of
from kubelab.engine.component import Change, Scope
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.store.view import View
from kubelab.world.codec import value

RESOURCE = "replicasets.apps"
TABLE = "tallies"
_NONE: dict[str, Any] = {}


@value
class Tally(NamedTuple):
    """Active pods, those of them with all labels of the template, those that are ready, and those that the selector no longer matches."""

    active: int = 0
    fully_labelled: int = 0
    ready: int = 0
    mismatched: int = 0

    def changed(self, by: Tally, sign: int) -> Tally:
        active, fully_labelled, ready, mismatched = by
        return Tally(
            self.active + sign * active,
            self.fully_labelled + sign * fully_labelled,
            self.ready + sign * ready,
            self.mismatched + sign * mismatched,
        )


ZERO = Tally()


def share_of(replica_set: Object, pod: Object) -> Tally:
    """What one pod adds to its ReplicaSet's tally."""
    counts, ready = _standing(pod)
    if not counts:
        return ZERO
    labels = pod["metadata"].get("labels") or _NONE
    wanted = (replica_set["spec"]["template"].get("metadata") or _NONE).get("labels") or _NONE
    matching = matches_selector(replica_set["spec"].get("selector"), labels)
    return Tally(1, int(wanted.items() <= labels.items()), int(ready), int(not matching))


def _counts_alike(old: Object, new: Object) -> bool:
    """Whether both states of a pod have the same share whatever its ReplicaSet asks for."""
    before, after = old["metadata"], new["metadata"]
    return (
        before.get("labels") is after.get("labels")
        and before.get("ownerReferences") is after.get("ownerReferences")
        and _standing(old) == _standing(new)
    )


def _standing(pod: Object) -> tuple[bool, bool]:
    """Whether a pod counts at all, and whether it is ready."""
    status = pod.get("status") or _NONE
    counts = pod["metadata"].get("deletionTimestamp") is None and status.get("phase") not in ("Succeeded", "Failed")
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready":
            return counts, condition["status"] == "True"
    return counts, False


def note_replica_set(change: Change, scope: Scope) -> None:
    """A new one starts at zero: its pods are told of after it. Other labels in its template mean counting anew."""
    table, meta = scope.table(TABLE), change.object["metadata"]
    if change.type == "DELETED":
        table.pop(meta["uid"], None)
    elif meta["uid"] not in table:
        table[meta["uid"]] = ZERO if change.type == "ADDED" else _counted(scope.view, change.object)
    elif change.old is not None and change.old["spec"]["template"].get("metadata") != change.object["spec"]["template"].get("metadata"):
        table[meta["uid"]] = _counted(scope.view, change.object)


def note_pod(change: Change, scope: Scope) -> None:
    """Take a changed pod's old share off its ReplicaSet's tally, and add the new one."""
    if change.type == "MODIFIED" and change.old is not None and _counts_alike(change.old, change.object):
        return
    if change.old is not None:
        _add(scope, change.old, -1)
    if change.type != "DELETED":
        _add(scope, change.object, 1)


def tally_of(view: View, table: dict[Any, Any], replica_set: Object) -> Tally | None:
    """The tally of a ReplicaSet as the view stands: own writes that no watch has told of yet are in it. None if none is kept."""
    uid = replica_set["metadata"]["uid"]
    tally: Tally | None = table.get(uid)
    if tally is None or not view.own:
        return tally
    state = view.state
    for key, (revision, pod) in view.own.items():
        if key[0] != "pods" or revision <= state.revision:
            continue
        told = state.get(*key)
        if told is not None and _is_of(told, uid):
            tally = tally.changed(share_of(replica_set, told), -1)
        if pod is not None and _is_of(pod, uid):
            tally = tally.changed(share_of(replica_set, pod), 1)
    return tally


def _add(scope: Scope, pod: Object, sign: int) -> None:
    ref = controller_of(pod)
    if ref is None or ref["kind"] != "ReplicaSet":
        return
    table = scope.memory.get(TABLE)
    tally = table.get(ref["uid"]) if table else None
    replica_set = scope.view.state.get(RESOURCE, pod["metadata"]["namespace"], ref["name"])
    if table is None or tally is None or replica_set is None:
        return
    table[ref["uid"]] = tally.changed(share_of(replica_set, pod), sign)


def _counted(view: View, replica_set: Object) -> Tally:
    uid = replica_set["metadata"]["uid"]
    tally = ZERO
    for key in view.state.dependents.get(uid, _NONE):
        if key[0] == "pods":
            pod = view.state.get(*key)
            if pod is not None and _is_of(pod, uid):
                tally = tally.changed(share_of(replica_set, pod), 1)
    return tally


def _is_of(pod: Object, uid: str) -> bool:
    ref = controller_of(pod)
    return ref is not None and ref["uid"] == uid
