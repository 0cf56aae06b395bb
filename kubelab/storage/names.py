"""What claims and volumes say about each other: annotations, classes, sizes, references.

upstream: staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go, pkg/volume/util/{finalizer,storageclass}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.kinds import quantity
from kubelab.store.log import Object
from kubelab.store.view import View

CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
CLASSES = "storageclasses.storage.k8s.io"

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
BETA_STORAGE_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
MIGRATED_TO = "pv.kubernetes.io/migrated-to"
PRE_RESIZE_CAPACITY = "volume.alpha.kubernetes.io/pre-resize-capacity"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")

_NONE: dict[str, Any] = {}


def annotations_of(obj: Object) -> Object:
    return obj["metadata"].get("annotations") or _NONE


def with_annotations(obj: Object, added: Object, removed: tuple[str, ...] = ()) -> Object:
    """A copy with some annotations more and others gone."""
    kept = {key: text for key, text in annotations_of(obj).items() if key not in removed}
    kept.update(added)
    meta = {key: part for key, part in obj["metadata"].items() if key != "annotations"}
    if kept:
        meta["annotations"] = kept
    return {**obj, "metadata": meta}


def phase(obj: Object) -> str:
    return (obj.get("status") or _NONE).get("phase") or ""


def class_of(obj: Object) -> str:
    """The class of a claim or volume: the old annotation wins; "" for none."""
    legacy = annotations_of(obj).get(CLASS_ANNOTATION)
    return legacy if legacy is not None else obj["spec"].get("storageClassName") or ""


def requested(claim: Object) -> int:
    """Bytes that a claim asks for."""
    return quantity.value(((claim["spec"].get("resources") or _NONE).get("requests") or _NONE).get("storage"))


def capacity(volume: Object) -> int:
    """Bytes that a volume has."""
    return quantity.value((volume["spec"].get("capacity") or _NONE).get("storage"))


def volume_mode(obj: Object) -> str:
    return obj["spec"].get("volumeMode") or "Filesystem"


def has_modes(volume: Object, wanted: Iterable[str]) -> bool:
    present = volume["spec"].get("accessModes") or ()
    return all(mode in present for mode in wanted)


def is_for(volume: Object, claim: Object) -> bool:
    """Whether the volume's claimRef means the claim; a reference without uid means any of that name (upstream: IsVolumeBoundToClaim)."""
    reference, meta = volume["spec"].get("claimRef"), claim["metadata"]
    if reference is None or reference.get("name") != meta["name"] or reference.get("namespace") != meta["namespace"]:
        return False
    return not reference.get("uid") or reference["uid"] == meta["uid"]


def default_class(view: View) -> Object | None:
    """The default StorageClass: the newest, then by name (upstream: GetDefaultClass)."""
    found = [each for each in view.list(CLASSES) if any(annotations_of(each).get(key) == "true" for key in DEFAULT_CLASS)]
    if not found:
        return None
    newest = max(each["metadata"]["creationTimestamp"] for each in found)
    return min((each for each in found if each["metadata"]["creationTimestamp"] == newest), key=lambda each: each["metadata"]["name"])


def is_delayed(class_: Object | None) -> bool:
    return class_ is not None and class_.get("volumeBindingMode") == "WaitForFirstConsumer"
