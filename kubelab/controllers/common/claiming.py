"""Claiming: which objects a controller manages, which it adopts, which it lets go.

Own and matching: keep. Own, not matching: release. Orphan, matching, not terminating: adopt. Others': ignore. An owner that is being
deleted neither adopts nor releases. Before the first adoption of a sync the owner is read live, so that a deleted one adopts nothing.

upstream: pkg/controller/controller_ref_manager.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kubelab.controllers.common.owners import controller_of, controller_reference
from kubelab.engine.plan import Batch, Call, Plan, Reason, patch
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object

ADOPT = Reason("Adopt", "{subject} matches the selector and has no controller")
RELEASE = Reason("Release", "{subject} no longer matches the selector")


@dataclass(frozen=True, slots=True)
class Claimed:
    """``objects``: those that the owner manages now. ``calls``: the patches that make it so."""

    objects: list[Object]
    calls: tuple[Call, ...] = ()


def claim(
    owner: Object,
    owner_resource: str,
    resource: str,
    owned: Iterable[Object],
    orphans: Iterable[Object],
    *,
    accepts: Callable[[Object], bool] | None = None,
) -> Claimed:
    """Sort ``owned`` (controlled by the owner) and ``orphans`` (of its namespace) by the owner's selector and ``accepts``."""
    selector = owner["spec"].get("selector")
    deleting = owner["metadata"].get("deletionTimestamp") is not None
    wanted = (selector or {}).get("matchLabels") if selector and not selector.get("matchExpressions") else None
    kept: list[Object] = []
    calls: list[Call] = []
    for obj in owned:
        labels = obj["metadata"].get("labels") or {}
        matching = wanted.items() <= labels.items() if wanted is not None else matches_selector(selector, labels)
        if matching and (accepts is None or accepts(obj)):
            kept.append(obj)
        elif not deleting:
            calls.append(_release(owner, resource, obj))
    adopted = [] if deleting else [obj for obj in orphans if _adoptable(obj, selector, accepts)]
    if adopted:
        meta = owner["metadata"]
        calls.append(Call("get", owner_resource, meta.get("namespace", ""), meta["name"]))
        calls.extend(_adopt(owner, resource, obj) for obj in adopted)
    return Claimed(kept, tuple(calls))


def claiming_plan(calls: tuple[Call, ...]) -> Plan:
    """Send the patches one after the other, then look again: what was claimed is seen then."""
    return Plan(tuple(Batch((call,)) for call in calls), again_ns=0)


def adoption_patch(owner: Object, obj: Object) -> Object:
    return {"metadata": {"ownerReferences": [controller_reference(owner)], "uid": obj["metadata"]["uid"]}}


def release_patch(owner: Object, obj: Object) -> Object:
    removed = {"$patch": "delete", "uid": owner["metadata"]["uid"]}
    return {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": [removed]}}


def _adoptable(obj: Object, selector: Object | None, accepts: Callable[[Object], bool] | None) -> bool:
    meta = obj["metadata"]
    return (
        controller_of(obj) is None
        and meta.get("deletionTimestamp") is None
        and matches_selector(selector, meta.get("labels"))
        and (accepts is None or accepts(obj))
    )


def _adopt(owner: Object, resource: str, obj: Object) -> Call:
    return patch(resource, obj, adoption_patch(owner, obj), accept=(404,), because=ADOPT(_subject(obj)))


def _release(owner: Object, resource: str, obj: Object) -> Call:
    return patch(resource, obj, release_patch(owner, obj), accept=(404, 422), because=RELEASE(_subject(obj)))


def _subject(obj: Object) -> str:
    return f"{obj['kind'].lower()}/{obj['metadata']['name']}"
