"""Controlling owners: the reference that says which one object manages another.

upstream: apimachinery/pkg/apis/meta/v1/controller_ref.go, 1.28.
"""

from __future__ import annotations

from kubelab.store.log import Object


def controller_of(obj: Object) -> Object | None:
    """The controlling owner's reference (upstream: GetControllerOf)."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return reference
    return None


def controller_reference(owner: Object) -> Object:
    """The reference that makes ``owner`` the controller of what carries it (upstream: NewControllerRef)."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
