"""Who owns a field: what one write takes, what it leaves to others, what an apply removes, whom it contradicts.

upstream: sigs.k8s.io/structured-merge-diff/v4/merge/update.go, 4.2.3, and
staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal (managedfieldsupdater.go, stripmeta.go), 1.28. Spec: apimachinery, section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubelab.apiserver.apply.conflicts import Conflict, Conflicts
from kubelab.apiserver.apply.entries import Entry, Managed, Manager
from kubelab.apiserver.apply.field_set import EMPTY, FieldSet, difference, from_paths, intersection, paths, recursive_difference, union
from kubelab.apiserver.apply.prune import pruned, pruned_again, with_owned, without_emptied
from kubelab.apiserver.apply.shapes import Shape, Source, shape_of
from kubelab.apiserver.apply.typed import Comparison, compare, field_set, merge

Object = dict[str, Any]

Convert = Callable[[Object, str], tuple[Object, Source | None] | None]
"""An object in another version of its group, with that version's schema; None if the version is not served any more."""

NEVER_OWNED = from_paths(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "clusterName",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        ),
    ]
)


@dataclass(frozen=True, slots=True)
class Write:
    """What all steps of one write need to know. ``convert`` is None where every manager speaks the one version."""

    shape: Shape
    api_version: str
    time: str
    reset: FieldSet
    convert: Convert | None

    def at(self, obj: Object, api_version: str) -> tuple[Object, Shape] | None:
        """An object of the write's version as a manager of ``api_version`` sees it; None if that version is gone."""
        if api_version == self.api_version or self.convert is None:
            return obj, self.shape
        converted = self.convert(obj, api_version)
        return (converted[0], shape_of(converted[1])) if converted is not None else None

    def back(self, obj: Object, api_version: str) -> Object:
        """An object of ``api_version`` in the write's version."""
        converted = self.convert(obj, self.api_version) if self.convert is not None and api_version != self.api_version else None
        return converted[0] if converted is not None else obj

    def compared(self, old: Object, new: Object, api_version: str) -> Comparison | None:
        """The change as a manager of ``api_version`` sees it; None if that version is gone."""
        before, after = self.at(old, api_version), self.at(new, api_version)
        if before is None or after is None:
            return None
        return compare(after[1], before[0], after[0]).without(self.reset)


def after_update(step: Write, managed: Managed, old: Object, new: Object, me: Manager) -> Managed:
    """What changed goes to ``me``, away from everybody else; what is gone belongs to nobody."""
    change = compare(step.shape, old, new).without(step.reset)
    after = _others_after(step, managed, old, new, change, but="")
    mine = difference(union(change.modified, change.added), change.removed)
    mine = difference(recursive_difference(mine, step.reset), NEVER_OWNED)
    if not mine:
        return after
    previous = after.get(me.identifier)
    if previous is not None:
        mine = union(mine, previous.fields)
    return {**after, me.identifier: Entry(me, mine, step.time)}


def _others_after(step: Write, managed: Managed, old: Object, new: Object, change: Comparison, *, but: str) -> Managed:
    """All entries, less what changed (except for the manager with the identifier ``but``); empty ones vanish."""
    after: Managed = {}
    seen = {step.api_version: change}
    for identifier, entry in managed.items():
        if identifier != but:
            seen_change = _seen_by(step, entry, old, new, seen)
            if seen_change is None:
                continue
            taken = intersection(entry.fields, union(seen_change.modified, seen_change.added))
            entry = entry.owning(_less(_less(entry.fields, taken), seen_change.removed))
        if entry.fields:
            after[identifier] = entry
    return after


def _seen_by(step: Write, entry: Entry, old: Object, new: Object, seen: dict[str, Comparison]) -> Comparison | None:
    version = entry.manager.api_version
    if version in seen:
        return seen[version]
    change = step.compared(old, new, version)
    if change is not None:
        seen[version] = change
    return change


def _less(fields: FieldSet, other: FieldSet) -> FieldSet:
    """The difference; the very same set if nothing goes."""
    return difference(fields, other) if intersection(fields, other) else fields


def after_apply(step: Write, managed: Managed, live: Object, applied: Object, me: Manager, *, force: bool) -> tuple[Object, Managed]:
    """Merge, prune what ``me`` applied before and not now, take what it applies. Returns ``live`` itself if no value changes."""
    last = managed.get(me.identifier)
    fields = recursive_difference(field_set(step.shape, applied), step.reset)
    now = Entry(me, fields, last.time if last is not None else None)
    claimed = {**managed, me.identifier: now}
    laid_over = merge(step.shape, live, applied)
    merged = _pruned(step, laid_over, claimed, last)
    change = compare(step.shape, live, merged).without(step.reset)
    if not force:
        _refuse_conflicts(step, claimed, live, merged, change, me)
    after = _others_after(step, claimed, live, merged, change, but=me.identifier)
    unchanged = change.same
    kept = after.pop(me.identifier, now)
    owned = difference(kept.fields, NEVER_OWNED)
    if owned:
        keeps_entry = last is not None and last.fields == owned and last.manager == me and last.written is not None
        entry = last if keeps_entry and last is not None else Entry(me, owned, now.time)
        after[me.identifier] = entry if unchanged else entry.at(step.time)
    return (live if unchanged else without_emptied(merged, laid_over)), after


def _pruned(step: Write, merged: Object, managed: Managed, last: Entry | None) -> Object:
    """``merged`` without what only the last apply owned; each owner's fields count in the owner's version."""
    if last is None or not last.fields:
        return merged
    version = last.manager.api_version
    seen = step.at(merged, version)
    if seen is None:
        return merged
    owned: dict[str, FieldSet] = {version: EMPTY}
    for entry in managed.values():
        owned[entry.manager.api_version] = union(owned.get(entry.manager.api_version, EMPTY), entry.fields)
    left = pruned(seen[1], seen[0], last.fields, owned.pop(version))
    for other, fields in owned.items():
        whole, part = step.at(merged, other), step.at(step.back(left, version), other)
        if whole is None or part is None:
            continue
        kept = step.at(step.back(with_owned(whole[1], whole[0], part[0], fields), other), version)
        if kept is not None:
            left = pruned_again(seen[1], seen[0], kept[0], last.fields)
    return step.back(left, version)


def _refuse_conflicts(step: Write, managed: Managed, live: Object, merged: Object, change: Comparison, me: Manager) -> None:
    seen = {step.api_version: change}
    conflicts: list[Conflict] = []
    for identifier in sorted(managed):
        entry = managed[identifier]
        if identifier == me.identifier:
            continue
        seen_change = _seen_by(step, entry, live, merged, seen)
        if seen_change is None:
            continue
        contested = intersection(entry.fields, union(seen_change.modified, seen_change.added))
        conflicts += [Conflict(entry.manager, path) for path in paths(contested)]
    if conflicts:
        raise Conflicts(conflicts)
