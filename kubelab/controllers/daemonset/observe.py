"""What one sync of a DaemonSet sees.

upstream: syncDaemonSet and getNodesToDaemonPods in pkg/controller/daemon/daemon_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from kubelab.controllers.common.claiming import claim
from kubelab.controllers.common.dependents import orphans
from kubelab.controllers.daemonset import index
from kubelab.controllers.daemonset.backoff import BACKOFFS, DaemonBackoff
from kubelab.controllers.daemonset.history import History, resolve
from kubelab.controllers.daemonset.index import ACTED, RESOURCE
from kubelab.controllers.daemonset.room import shortages
from kubelab.controllers.daemonset.shares import (
    CANDIDATE,
    NO_SHARE,
    REPLACE,
    Basis,
    DaemonCounts,
    NodeShare,
    Place,
    basis_of,
    max_surge,
    max_unavailable,
    share_of,
)
from kubelab.engine.component import Scope
from kubelab.engine.plan import Call, Key
from kubelab.store.log import Object
from kubelab.store.view import View


@dataclass(frozen=True, slots=True)
class Seen:
    """``care``: the nodes where pods may have to be made or taken away; ``replace`` and ``candidates``: those that an update may take next.

    ``claiming``, ``history.calls``: calls that must succeed before the nodes are looked at. ``acted``: this sync has sent its calls for
    pods, what is left is the status. ``backoffs`` of failed pods by (uid, observed generation, node).
    """

    set: Object
    history: History
    now_ns: int
    counts: DaemonCounts = DaemonCounts()
    basis: Basis | None = None
    care: Sequence[Place] = ()
    replace: Sequence[Place] = ()
    candidates: Sequence[Place] = ()
    claiming: tuple[Call, ...] = ()
    acted: bool = False
    backoffs: Mapping[Key, DaemonBackoff] = field(default_factory=dict)
    live_hashes: tuple[str, ...] = ()
    release: str = "1.28"
    read_as: str = ""  # the set's resourceVersion when this sync began, where its status is written on that
    work_ns: int = 0
    crowded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # 1.7: nodes that have no room, and what they lack


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    view = scope.view
    daemon_set = view.get(RESOURCE, namespace, name)
    if daemon_set is None:
        return None
    meta = daemon_set["metadata"]
    uid = meta["uid"]
    if meta.get("deletionTimestamp") is not None:
        return Seen(daemon_set, History(), scope.now_ns)
    history = resolve(scope, daemon_set)
    claiming = (*history.claiming, *_claiming(scope, daemon_set))
    if claiming or history.calls:
        return Seen(daemon_set, history, scope.now_ns, claiming=claiming)
    known = scope.table(index.BASES).get(uid)
    basis = basis_of(daemon_set, history.hash, known[-1] if known and known[0] == meta.get("generation") else None)
    index.refresh(scope, uid, basis, (meta.get("generation"), basis.hash, basis.generation, basis.tolerations))
    return _seen(scope, daemon_set, history, basis, acted=key in scope.memory.get(ACTED, {}))


def _claiming(scope: Scope, daemon_set: Object) -> tuple[Call, ...]:
    """Pods that nobody controls are adopted, those that no longer match are released."""
    namespace = daemon_set["metadata"]["namespace"]
    free = orphans(scope, "pods", namespace)
    strays = scope.memory.get(f"{index.STRAYS} {daemon_set['metadata']['uid']}")
    if not free and not strays:
        return ()
    found = (scope.view.get("pods", namespace, name) for name in strays or ())
    owned = [pod for pod in found if pod is not None and index.is_of(pod, daemon_set["metadata"]["uid"])]
    return claim(daemon_set, RESOURCE, "pods", owned, free).calls


_NO_NODES: dict[str, tuple[str, ...]] = {}


def _crowded(scope: Scope, daemon_set: Object, care: Sequence[Place]) -> dict[str, tuple[str, ...]]:
    empty = [place.name for place in care if place.exists and place.fit.run and not place.pods]
    lacking = {name: shortages(scope.view, daemon_set, name) for name in empty}
    return {name: found for name, found in lacking.items() if found}


def _seen(scope: Scope, daemon_set: Object, history: History, basis: Basis, *, acted: bool) -> Seen:
    memory, uid = scope.memory, daemon_set["metadata"]["uid"]
    counts: DaemonCounts = memory[index.TOTALS].get(uid, DaemonCounts())
    places: dict[str, Place] = {}
    shares: dict[str, NodeShare] = {}
    for name, pods in index.overlay(scope.view, uid).items():
        places[name] = index.place(scope.view, memory, uid, basis, name, pods)
        shares[name] = share_of(basis, places[name], scope.now_ns)
        counts = counts.changed(index.table(memory, index.SHARES, uid).get(name, NO_SHARE).counts, shares[name].counts)

    def asking(what: str, wanted: Callable[[NodeShare], bool]) -> Iterable[Place]:
        for name in index.table(memory, what, uid):
            if name not in places:
                yield index.place(scope.view, memory, uid, basis, name)
        for name, share in shares.items():
            if wanted(share):
                yield places[name]

    limit = max_surge(daemon_set, counts.desired) if basis.surging else max_unavailable(daemon_set, counts.desired)
    room = max(0, limit - counts.limited) if basis.rolling and not acted else 0
    care = tuple(asking(index.CARE, lambda share: share.care))
    return Seen(
        daemon_set,
        history,
        scope.now_ns,
        counts,
        basis,
        care=care,
        replace=tuple(asking(REPLACE, lambda share: share.role == REPLACE)) if basis.rolling and not acted else (),
        candidates=tuple(islice(asking(CANDIDATE, lambda share: share.role == CANDIDATE), room)) if room else (),
        acted=acted,
        backoffs=memory.get(BACKOFFS, {}),
        live_hashes=_live_hashes(scope.view, uid) if history.is_long(daemon_set) else (),
        release=scope.release,
        crowded=_crowded(scope, daemon_set, care) if scope.release == "1.7" else _NO_NODES,
        read_as=_read_as(scope, daemon_set) if scope.timing.cores else "",
        work_ns=scope.timing.node_sync_ns * len(scope.view.state.all("nodes")) if scope.timing.node_sync_ns else 0,
    )


def _read_as(scope: Scope, daemon_set: Object) -> str:
    """Controllers that do not know their own status writes at once (``Timing.cores``) write it on the set as they read it first."""
    meta = daemon_set["metadata"]
    acted = scope.memory.get(ACTED, {}).get((meta["namespace"], meta["name"]))
    return acted if isinstance(acted, str) else meta["resourceVersion"]


def _live_hashes(view: View, uid: str) -> tuple[str, ...]:
    hashes = {(pod["metadata"].get("labels") or {}).get("controller-revision-hash", ""): True for pod in view.owned("pods", uid)}
    return tuple(hashes)
