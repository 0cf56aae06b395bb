"""What the binder remembers of volumes, so that a claim finds its volume without a scan: the unclaimed ones by class, access modes and
size, and those that name a claim.

Upstream groups volumes by their set of access modes; the smallest group that holds the requested ones is searched first, all classes in it.
The tables follow the watches; what the view says at the moment of a search has the last word.

upstream: pkg/controller/volume/persistentvolume/index.go; FindMatchingVolume in component-helpers/storage/volume/pv_helpers.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelab.engine.component import Change, Scope
from kubelab.kinds.selectors import matches_selector
from kubelab.storage.names import VOLUMES, capacity, class_of, has_modes, is_for, phase, requested, volume_mode
from kubelab.store.log import Object

CLAIMED = "volumes of claims"
MODES = "access modes"
_SHORT = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def note_volume(change: Change, scope: Scope) -> None:
    """Keep the tables in step with a changed volume."""
    old, new = change.old, change.object if change.type != "DELETED" else None
    if change.type == "DELETED":
        old = change.object
    if old is not None and new is not None and _same_place(old, new):
        return
    if old is not None:
        _forget(scope, old)
    if new is not None:
        _enter(scope, new)


def claimed_key(volume: Object) -> tuple[str, str] | None:
    reference = volume["spec"].get("claimRef")
    return (reference.get("namespace", ""), reference.get("name", "")) if reference else None


def find(scope: Scope, claim: Object, *, delayed: bool) -> Object | None:
    """The best volume for a claim: one that names it, else (unless its binding is delayed) the smallest free one that will do."""
    wanted = claim["spec"].get("accessModes") or ()
    meta = claim["metadata"]
    named = [volume for volume in _volumes(scope, scope.table(CLAIMED).get((meta["namespace"], meta["name"]), ())) if is_for(volume, claim)]
    sets = [modes for modes in scope.table(MODES).values() if all(mode in modes for mode in wanted)]
    for modes in sorted(sets, key=lambda modes: (len(modes), modes)):
        for volume in named:
            if _set_of(volume) == modes and _suits(volume, claim):
                return volume
        if not delayed:
            best = _smallest(scope, claim, modes)
            if best is not None:
                return best
    return None


def _smallest(scope: Scope, claim: Object, modes: tuple[str, ...]) -> Object | None:
    class_, size, selector = class_of(claim), requested(claim), claim["spec"].get("selector")
    sizes = scope.memory.get(_sizes_table(class_, modes))
    for each in sorted(sizes or ()):
        if each < size:
            continue
        for volume in _volumes(scope, scope.memory.get(_free_table(class_, modes, each)) or ()):
            if volume["spec"].get("claimRef") is not None or phase(volume) != "Available" or not _suits(volume, claim):
                continue
            if selector is None or matches_selector(selector, volume["metadata"].get("labels")):
                return volume
    return None


def _suits(volume: Object, claim: Object) -> bool:
    """What even a volume that names the claim must fulfil."""
    return (
        capacity(volume) >= requested(claim)
        and volume_mode(volume) == volume_mode(claim)
        and volume["metadata"].get("deletionTimestamp") is None
    )


def mismatch(volume: Object, claim: Object) -> str:
    """Why a volume that the claim asks for by name cannot serve it; "" if it can (upstream: checkVolumeSatisfyClaim)."""
    if volume["metadata"].get("deletionTimestamp") is not None:
        return f'the volume is marked for deletion "{volume["metadata"]["name"]}"'
    if capacity(volume) < requested(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if volume_mode(volume) != volume_mode(claim):
        return "incompatible volumeMode"
    if not has_modes(volume, claim["spec"].get("accessModes") or ()):
        return "incompatible accessMode"
    return ""


# -- the tables -------------------------------------------------------------------------------------------------------------
def _volumes(scope: Scope, names: Any) -> Iterator[Object]:
    view = scope.view
    for name in names:
        volume = view.get(VOLUMES, "", name)
        if volume is not None:
            yield volume


def _set_of(volume: Object) -> tuple[str, ...]:
    return tuple(sorted(volume["spec"].get("accessModes") or ()))


def _sizes_table(class_: str, modes: tuple[str, ...]) -> str:
    return f"sizes {class_} {_words(modes)}"


def _free_table(class_: str, modes: tuple[str, ...], size: int) -> str:
    return f"free {class_} {_words(modes)} {size}"


def _words(modes: tuple[str, ...]) -> str:
    return ",".join(_SHORT.get(mode, mode) for mode in modes)


def _same_place(old: Object, new: Object) -> bool:
    before, after = old["spec"], new["spec"]
    if before is after:
        return True
    return (
        before.get("claimRef") == after.get("claimRef")
        and before.get("capacity") == after.get("capacity")
        and before.get("accessModes") == after.get("accessModes")
        and class_of(old) == class_of(new)
    )


def now_claimed(volume: Object, claim: Object) -> dict[str, dict[Any, Any]]:
    """What to remember when the volume has been made to name the claim, as the watch tells of that only later."""
    name, meta = volume["metadata"]["name"], claim["metadata"]
    remember: dict[str, dict[Any, Any]] = {CLAIMED: {(meta["namespace"], meta["name"]): (name,)}}
    if volume["spec"].get("claimRef") is None:
        remember[_free_table(class_of(volume), _set_of(volume), capacity(volume))] = {name: None}
    return remember


def _enter(scope: Scope, volume: Object) -> None:
    name, modes, key = volume["metadata"]["name"], _set_of(volume), claimed_key(volume)
    scope.table(MODES)[_words(modes)] = modes
    if key is not None:
        table = scope.table(CLAIMED)
        table[key] = (*(other for other in table.get(key, ()) if other != name), name)
        return
    class_, size = class_of(volume), capacity(volume)
    scope.table(_sizes_table(class_, modes))[size] = True
    scope.table(_free_table(class_, modes, size))[name] = True


def _forget(scope: Scope, volume: Object) -> None:
    name, modes, key = volume["metadata"]["name"], _set_of(volume), claimed_key(volume)
    if key is not None:
        table = scope.table(CLAIMED)
        others = tuple(other for other in table.get(key, ()) if other != name)
        if others:
            table[key] = others
        else:
            table.pop(key, None)
        return
    class_, size = class_of(volume), capacity(volume)
    free = scope.table(_free_table(class_, modes, size))
    free.pop(name, None)
    if not free:
        scope.table(_sizes_table(class_, modes)).pop(size, None)
        scope.memory.pop(_free_table(class_, modes, size), None)
