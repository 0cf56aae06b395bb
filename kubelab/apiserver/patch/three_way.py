"""``kubectl apply``'s patch: deletions from what was last applied, changes against what is live.

upstream: CreateThreeWayMergePatch in staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go and
CreateThreeWayJSONMergePatch in staging/src/k8s.io/apimachinery/pkg/util/jsonmergepatch/patch.go, 1.28. Spec: apimachinery, section 5.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.shapes import Source, shape_of
from kubelab.apiserver.patch import merge_patch
from kubelab.apiserver.patch.conflicts import maps_conflict, values_conflict
from kubelab.apiserver.patch.errors import PatchConflict
from kubelab.apiserver.patch.strategic_diff import ADDITIONS, CHANGES_SINCE, DELETIONS, diff_maps
from kubelab.apiserver.patch.strategic_merge import INTO_PATCH, merge_map

Object = dict[str, Any]


def patch(original: Object | None, modified: Object, current: Object, struct: Source | None, *, overwrite: bool = True) -> Object:
    """The patch that brings ``current`` to ``modified`` and removes what ``original`` had beyond it; ``{}`` if there is nothing to do.

    ``original`` is the last applied configuration, None for an object that was never applied.
    A strategic merge patch where there is a schema, else a merge patch. Without ``overwrite`` PatchConflict is raised where the patch
    would undo what changed between ``original`` and ``current``; a merge patch is refused only where it contradicts itself.
    """
    original = original or {}
    if struct is None:
        return _merge_patch(original, modified, current)
    shape = shape_of(struct)
    additions = diff_maps(current, modified, shape, ADDITIONS)
    deletions = diff_maps(original, modified, shape, DELETIONS)
    made = merge_map(deletions, additions, shape, INTO_PATCH)
    if not overwrite:
        changed = diff_maps(original, current, shape, CHANGES_SINCE)
        if maps_conflict(made, changed, shape):
            raise _conflict(made, changed)
    return made


def _merge_patch(original: Object, modified: Object, current: Object) -> Object:
    additions = _only(merge_patch.diff(current, modified), nulls=False)
    deletions = _only(merge_patch.diff(original, modified), nulls=True)
    if values_conflict(additions, deletions):
        raise _conflict(additions, deletions)
    return merge_patch.apply(deletions, additions)


def _only(made: Object, *, nulls: bool) -> Object:
    """The part of a merge patch that deletes, or the part that does not. An empty map is a value, not an empty patch."""
    part: Object = {}
    for key, value in made.items():
        if isinstance(value, dict) and value:
            if inner := _only(value, nulls=nulls):
                part[key] = inner
        elif (value is None) is nulls:
            part[key] = value
    return part


def _conflict(made: Object, changed: Object) -> PatchConflict:
    return PatchConflict(f"patch:\n{made}\nconflicts with changes made from original to current:\n{changed}\n")
