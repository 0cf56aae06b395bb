"""What is left in a namespace that is being deleted, how long it may take, and the five conditions that say so.

upstream: pkg/controller/namespace/deletion/{namespaced_resources_deleter,status_condition_utils}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from kubelab.kinds import registry
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

FINALIZER_ESTIMATE = 15

DISCOVERY = "NamespaceDeletionDiscoveryFailure"
PARSING = "NamespaceDeletionGroupVersionParsingFailure"
CONTENT = "NamespaceDeletionContentFailure"
REMAINING = "NamespaceContentRemaining"
FINALIZERS = "NamespaceFinalizersRemaining"
_GOOD = {
    DISCOVERY: ("ResourcesDiscovered", "All resources successfully discovered"),
    PARSING: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    CONTENT: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    REMAINING: ("ContentRemoved", "All content successfully removed"),
    FINALIZERS: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


class Left(NamedTuple):
    """``counts``: by (plural, group) the objects left; ``finalizers``: how many carry each; ``estimate``: seconds until they are gone;
    ``errors``: resources whose objects stay for no known reason."""

    counts: Mapping[tuple[str, str], int]
    finalizers: Mapping[str, int]
    estimate: int
    errors: tuple[str, ...]


@cache
def deletable(release: str = "1.28") -> tuple[tuple[str, str, str], ...]:
    """The namespaced resources that can be emptied: storage name, plural, group."""
    return tuple(
        (kind.resource, kind.plural, kind.group)
        for kind in registry.all_kinds(release)
        if kind.namespaced and "delete" in kind.verbs and "list" in kind.verbs and "deletecollection" in kind.verbs
    )


def left_in(namespace: Object, objects: Mapping[str, Sequence[Object]], now_ns: int, release: str = "1.28") -> Left:
    """``objects``: what is left, by storage name."""
    counts: dict[tuple[str, str], int] = {}
    finalizers: dict[str, int] = {}
    estimate, errors = 0, []
    name = namespace["metadata"]["name"]
    for resource, plural, group in deletable(release):
        found = objects.get(resource)
        if not found:
            continue
        counts[plural, group] = len(found)
        guarded = [each for obj in found for each in obj["metadata"].get("finalizers") or ()]
        for each in guarded:
            finalizers[each] = finalizers.get(each, 0) + 1
        here = _grace(namespace, found, now_ns) if resource == "pods" else 0
        if not here and guarded:
            here = FINALIZER_ESTIMATE
        if not here:
            version = registry.by_resource(resource, release).versions[0]
            errors.append(f"unexpected items still remain in namespace: {name} for gvr: {group}/{version}, Resource={plural}")
        estimate = max(estimate, here)
    return Left(counts, finalizers, estimate, tuple(errors))


def _grace(namespace: Object, pods: Sequence[Object], now_ns: int) -> int:
    """The longest grace period of the pods that run; 0 once that much time has passed since the namespace was deleted."""
    graces = [
        pod["spec"].get("terminationGracePeriodSeconds") or 0
        for pod in pods
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    longest: int = max(graces, default=0)
    passed_ns = now_ns - parse_rfc3339(namespace["metadata"]["deletionTimestamp"])
    return 0 if passed_ns >= longest * SECOND else longest


def conditions_of(namespace: Object, left: Left, now_ns: int) -> list[Object] | None:
    """The namespace's conditions; None if they say so already."""
    bad = _bad(left)
    present: list[Object] = list((namespace.get("status") or {}).get("conditions") or ())
    changed = False
    for type_, good in _GOOD.items():
        status, (reason, message) = ("True", bad[type_]) if type_ in bad else ("False", good)
        wanted = {"type": type_, "status": status, "lastTransitionTime": rfc3339(now_ns), "reason": reason, "message": message}
        at = next((index for index, each in enumerate(present) if each["type"] == type_), None)
        if at is None:
            present.append(wanted)
            changed = True
        elif any(present[at].get(field) != wanted[field] for field in ("status", "reason", "message")):
            if present[at]["status"] == status:
                wanted["lastTransitionTime"] = present[at]["lastTransitionTime"]
            present[at] = wanted
            changed = True
    return present if changed else None


def _bad(left: Left) -> dict[str, tuple[str, str]]:
    bad: dict[str, tuple[str, str]] = {}
    if left.errors:
        words = f"Failed to delete all resource types, {len(left.errors)} remaining: {', '.join(sorted(left.errors))}"
        bad[CONTENT] = ("ContentDeletionFailed", words)
    if left.counts:
        listed = sorted(f"{plural}.{group} has {count} resource instances" for (plural, group), count in left.counts.items())
        bad[REMAINING] = ("SomeResourcesRemain", f"Some resources are remaining: {', '.join(listed)}")
    if left.finalizers:
        listed = sorted(f"{name} in {count} resource instances" for name, count in left.finalizers.items())
        words = f"Some content in the namespace has finalizers remaining: {', '.join(listed)}"
        bad[FINALIZERS] = ("SomeFinalizersRemain", words)
    return bad


def aggregate(errors: Sequence[Any]) -> str:
    """Several errors as one text (upstream: utilerrors.NewAggregate)."""
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]" if errors else ""
