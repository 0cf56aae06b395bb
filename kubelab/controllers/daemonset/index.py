"""What the DaemonSet controller keeps in its memory, so that a sync looks only at the nodes that changed.

Of each DaemonSet, by its uid: the pods per node, the share of each node, the sum of the shares, and the nodes that ask for something. The
watches note which nodes are to be looked at again; ``refresh`` does so at the next sync. All of it follows from what the watches told:
the controller's own writes that they have not told yet are laid over it (``overlay``), and never kept. DaemonSets must be watched before
nodes and pods: a component that starts is told of them in that order.

upstream has none: its syncs list all nodes and the pods of the namespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.daemonset.pods import target_node
from kubelab.controllers.daemonset.shares import CANDIDATE, NO_SHARE, REPLACE, Basis, DaemonCounts, NodeShare, Place, place_of, share_of
from kubelab.engine.component import Change, Scope, Tables
from kubelab.engine.plan import Key
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object
from kubelab.store.view import View

RESOURCE = "daemonsets.apps"
SETS = "sets"  # uid → (namespace, name)
TOTALS = "totals"  # uid → DaemonCounts
ACTED = "acted"  # key → a sync has made or taken away pods and has yet to say so in the status
BASES = "bases"  # uid → what the shares were made by
PODS, SHARES, DIRTY, STRAYS, CARE, RIPENING = "pods", "shares", "dirty", "strays", "care", "ripening"
_PER_SET = (PODS, SHARES, DIRTY, STRAYS, CARE, RIPENING, REPLACE, CANDIDATE)
_NONE: dict[Any, Any] = {}


def table(memory: Tables, what: str, uid: str) -> dict[Any, Any]:
    name = f"{what} {uid}"
    found = memory.get(name)
    if found is None:
        found = memory[name] = {}
    return found


# -- what the watches tell ----------------------------------------------------------------------------------------------------
def note_set(change: Change, scope: Scope) -> None:
    meta = change.object["metadata"]
    uid = meta["uid"]
    if change.type == "DELETED":
        for name in (SETS, TOTALS, BASES):
            scope.table(name).pop(uid, None)
        scope.table(ACTED).pop((meta["namespace"], meta["name"]), None)
        for what in _PER_SET:
            scope.memory.pop(f"{what} {uid}", None)
    elif uid not in scope.table(SETS):
        scope.table(SETS)[uid] = (meta["namespace"], meta["name"])


def note_pod(change: Change, scope: Scope) -> None:
    """Keep the pods per node, and note that their nodes are to be looked at."""
    old, new = change.old, change.object if change.type != "DELETED" else None
    if change.type == "DELETED":
        old = change.object
    before, after = _owner_uid(scope, old), _owner_uid(scope, new)
    if old is not None and before and (new is None or before != after):
        _forget(scope.memory, before, old)
    if new is not None and after:
        _keep(scope, after, new, told_before=old if before == after else None)


def _owner_uid(scope: Scope, pod: Object | None) -> str:
    reference = controller_of(pod) if pod is not None else None
    known = scope.memory.get(SETS)
    return reference["uid"] if reference is not None and known and reference["uid"] in known else ""


def _forget(memory: Tables, uid: str, pod: Object) -> None:
    name, node = pod["metadata"]["name"], target_node(pod)
    pods = table(memory, PODS, uid)
    rest = tuple(each for each in pods.get(node, ()) if each != name)
    if rest:
        pods[node] = rest
    else:
        pods.pop(node, None)
    table(memory, STRAYS, uid).pop(name, None)
    table(memory, DIRTY, uid)[node] = True


def _keep(scope: Scope, uid: str, pod: Object, told_before: Object | None) -> None:
    memory, name, node = scope.memory, pod["metadata"]["name"], target_node(pod)
    if told_before is not None and target_node(told_before) != node:
        _forget(memory, uid, told_before)
    pods = table(memory, PODS, uid)
    present = pods.get(node, ())
    if name not in present:
        pods[node] = (*present, name)
    if told_before is None or told_before["metadata"].get("labels") != pod["metadata"].get("labels"):
        _note_stray(scope, uid, pod)
    table(memory, DIRTY, uid)[node] = True


def _note_stray(scope: Scope, uid: str, pod: Object) -> None:
    """A pod that the selector no longer matches is to be released."""
    daemon_set = scope.view.get(RESOURCE, *scope.memory[SETS][uid])
    strays = table(scope.memory, STRAYS, uid)
    if daemon_set is not None and not matches_selector(daemon_set["spec"].get("selector"), pod["metadata"].get("labels")):
        strays[pod["metadata"]["name"]] = True
    else:
        strays.pop(pod["metadata"]["name"], None)


def note_node(change: Change, scope: Scope, fits_before_and_after: Any) -> Iterable[Key]:
    """Keys of the DaemonSets for which the node became, or ceased to be, a place. A node that is gone wakes nobody."""
    node, old = change.object, change.old
    if change.type == "MODIFIED" and old is not None and not _matters(old, node):
        return ()
    keys = []
    name = node["metadata"]["name"]
    for uid, key in scope.memory.get(SETS, _NONE).items():
        daemon_set = scope.view.get(RESOURCE, *key)
        if daemon_set is None:
            continue
        table(scope.memory, DIRTY, uid)[name] = True
        if change.type != "DELETED" and fits_before_and_after(daemon_set, old if change.type == "MODIFIED" else None, node):
            keys.append(key)
    return keys


def _matters(old: Object, new: Object) -> bool:
    return old["metadata"].get("labels") != new["metadata"].get("labels") or old["spec"].get("taints") != new["spec"].get("taints")


# -- at a sync ------------------------------------------------------------------------------------------------------------------
def refresh(scope: Scope, uid: str, basis: Basis, mark: tuple[Any, ...]) -> None:
    """Look again at the nodes that changed; at all of them where ``mark``, what the shares are made by, is another."""
    memory = scope.memory
    dirty, shares = table(memory, DIRTY, uid), table(memory, SHARES, uid)
    if scope.table(BASES).get(uid) != mark:
        scope.table(BASES)[uid] = mark
        names = dict.fromkeys(node["metadata"]["name"] for node in scope.view.state.all("nodes").values())
        names.update(dict.fromkeys(table(memory, PODS, uid)))
        names.update(dict.fromkeys(shares))
    elif dirty or table(memory, RIPENING, uid):
        names = dict.fromkeys((*dirty, *table(memory, RIPENING, uid)))
    else:
        return
    dirty.clear()
    told = View(scope.view.state, {}, scope.now_ns)
    totals = scope.table(TOTALS).get(uid, DaemonCounts())
    for name in names:
        share = share_of(basis, place(told, memory, uid, basis, name), scope.now_ns)
        old = shares.get(name, NO_SHARE)
        if share is old or share == old:
            continue
        totals = totals.changed(old.counts, share.counts)
        _file(memory, uid, name, share)
    scope.table(TOTALS)[uid] = totals


def _file(memory: Tables, uid: str, name: str, share: NodeShare) -> None:
    shares = table(memory, SHARES, uid)
    if share == NO_SHARE:
        shares.pop(name, None)
    else:
        shares[name] = share
    for what, wanted in (
        (CARE, share.care),
        (RIPENING, share.ripening),
        (REPLACE, share.role == REPLACE),
        (CANDIDATE, share.role == CANDIDATE),
    ):
        entries = table(memory, what, uid)
        if wanted:
            entries[name] = True
        else:
            entries.pop(name, None)


def place(view: View, memory: Tables, uid: str, basis: Basis, name: str, more: Iterable[str] = ()) -> Place:
    """A node with the pods on it that the DaemonSet manages. ``more``: names of pods that may be there besides those that are known."""
    namespace = memory[SETS][uid][0]
    strays = memory.get(f"{STRAYS} {uid}") or _NONE
    pods = []
    for pod_name in dict.fromkeys((*table(memory, PODS, uid).get(name, ()), *more)):
        pod = view.get("pods", namespace, pod_name)
        if pod is not None and pod_name not in strays and is_of(pod, uid):
            pods.append(pod)
    return place_of(basis, name, view.get("nodes", "", name), pods)


def overlay(view: View, uid: str) -> dict[str, dict[str, bool]]:
    """Nodes with the names of the pods there that the controller changed itself and that no watch has told of yet."""
    found: dict[str, dict[str, bool]] = {}
    state = view.state
    for key, (revision, pod) in view.own.items():
        if key[0] != "pods" or revision <= state.revision:
            continue
        for each in (state.get(*key), pod):
            if each is not None and is_of(each, uid):
                found.setdefault(target_node(each), {})[key[2]] = True
    return found


def is_of(pod: Object, uid: str) -> bool:
    reference = controller_of(pod)
    return reference is not None and reference["uid"] == uid
