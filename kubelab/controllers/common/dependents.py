"""From a change of an object to the keys of the controllers that should look: its owner, or those that might adopt it.

A controller keeps the names of the objects that nobody controls in its memory, by namespace, so that claiming need not list a namespace.

upstream: addPod, updatePod, deletePod of pkg/controller/replicaset/replica_set.go and its siblings, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.common.pod_facts import is_ready
from kubelab.engine.component import Change, Later, Scope
from kubelab.engine.plan import Key
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import SECOND


def itself(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """The changed object's own key."""
    meta = change.object["metadata"]
    return ((meta["namespace"], meta["name"]),)


def managers(change: Change, scope: Scope, kind: str, owner_resource: str) -> list[Object]:
    """The owners of ``kind`` to look at because of ``change``; also notes who is an orphan."""
    obj, old = change.object, change.old
    ref = controller_of(obj)
    if ref is not None and old is not None and old["metadata"].get("ownerReferences") is obj["metadata"].get("ownerReferences"):
        return _resolved(scope, obj, ref, kind, owner_resource)
    old_ref = controller_of(old) if old is not None else None
    _note_orphan(change, scope, ref, had_none=old is not None and old_ref is None)
    found: list[Object] = []
    if old is not None and old_ref is not None and old_ref != ref:
        found += _resolved(scope, old, old_ref, kind, owner_resource)
    if ref is not None:
        return found + _resolved(scope, obj, ref, kind, owner_resource)
    if change.type == "DELETED":
        return found
    if old is None or old_ref is not None or old["metadata"].get("labels") != obj["metadata"].get("labels"):
        found += [owner for owner in possible_owners(scope, obj, owner_resource) if owner not in found]
    return found


def manager_keys(change: Change, scope: Scope, kind: str, owner_resource: str) -> list[Key | Later]:
    """Keys of ``managers``; a pod that just became ready is looked at again when its owner's minReadySeconds have passed."""
    keys: list[Key | Later] = []
    for owner in managers(change, scope, kind, owner_resource):
        meta = owner["metadata"]
        key = (meta["namespace"], meta["name"])
        keys.append(key)
        min_ready = owner["spec"].get("minReadySeconds")
        if min_ready and change.old is not None and change.type == "MODIFIED" and is_ready(change.object) and not is_ready(change.old):
            keys.append(Later((min_ready + 1) * SECOND, key))
    return keys


def possible_owners(scope: Scope, obj: Object, owner_resource: str) -> list[Object]:
    """The owners whose selector matches an orphan. One without labels has none."""
    meta = obj["metadata"]
    labels = meta.get("labels")
    if not labels:
        return []
    owners = scope.view.list(owner_resource, meta["namespace"])
    return [owner for owner in owners if owner["spec"].get("selector") and matches_selector(label_selector_of(owner), labels)]


def label_selector_of(owner: Object) -> Object:
    """Its selector as a LabelSelector; a ReplicationController's is a map of labels."""
    selector: Object = owner["spec"]["selector"]
    return {"matchLabels": selector} if owner["kind"] == "ReplicationController" else selector


def orphans(scope: Scope, resource: str, namespace: str) -> list[Object]:
    """The objects of a namespace that nobody controls, as the view has them."""
    names = scope.memory.get(_table(resource, namespace))
    if not names:
        return []
    found = (scope.view.get(resource, namespace, name) for name in names)
    return [obj for obj in found if obj is not None and controller_of(obj) is None]


def _note_orphan(change: Change, scope: Scope, ref: Object | None, *, had_none: bool) -> None:
    meta = change.object["metadata"]
    if ref is None and change.type != "DELETED":
        scope.table(_table(change.resource, meta["namespace"]))[meta["name"]] = True
    elif ref is None or had_none:
        scope.table(_table(change.resource, meta["namespace"])).pop(meta["name"], None)


def _table(resource: str, namespace: str) -> str:
    return f"orphans {resource} {namespace}"


def _resolved(scope: Scope, obj: Object, ref: Object, kind: str, owner_resource: str) -> list[Object]:
    if ref["kind"] != kind:
        return []
    owner = scope.view.get(owner_resource, obj["metadata"]["namespace"], ref["name"])
    return [owner] if owner is not None and owner["metadata"]["uid"] == ref["uid"] else []
