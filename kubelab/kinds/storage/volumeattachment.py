"""VolumeAttachment: the wish to attach a volume to a node, and whether it is.

upstream: pkg/apis/storage/validation/validation.go, pkg/registry/storage/volumeattachment/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, forbidden, invalid, required, too_long
from kubelab.kinds.go_values import pointer, struct
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, byte_length, is_dns1123_subdomain, name_is_dns_subdomain
from kubelab.kinds.path_copy import keep, own

_ONE_OF = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
_MAX_METADATA_BYTES = 256 * 1024
_MAX_MESSAGE = 1024


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"attached": False}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    """Metadata stays too, but for managed fields, which are not kept in objects."""
    keep(obj, old, "spec")
    own(obj, "status").setdefault("attached", False)
    metadata = own(obj, "metadata")
    keep(metadata, old["metadata"], "labels", "annotations", "finalizers", "ownerReferences")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    """Upstream adds the checks of version 1 on create alone."""
    errors = _validate(obj)
    spec = obj["spec"]
    errors += validate_driver_name(spec.get("attacher", ""), "spec.attacher")
    volume = (spec.get("source") or {}).get("persistentVolumeName")
    if volume is not None:
        errors += (invalid("spec.source.persistentVolumeName", volume, each) for each in is_dns1123_subdomain(volume))
    return errors


def validate_driver_name(name: str, path: str) -> list[FieldError]:
    """upstream: pkg/apis/core/validation ValidateCSIDriverName."""
    errors = [] if name else [required(path)]
    if byte_length(name) > 63:
        errors.append(too_long(path, 63))
    errors += (invalid(path, name, each) for each in is_dns1123_subdomain(name.lower()))
    return errors


def _validate(obj: Object) -> list[FieldError]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    errors = [] if spec.get("attacher") else [required("spec.attacher")]
    errors += _validate_source(spec.get("source") or {})
    node = spec.get("nodeName", "")
    errors += (invalid("spec.nodeName", node, each) for each in is_dns1123_subdomain(node))
    metadata = status.get("attachmentMetadata") or {}
    if sum(byte_length(key) + byte_length(value) for key, value in metadata.items()) > _MAX_METADATA_BYTES:
        errors.append(too_long("status.attachmentMetadata", _MAX_METADATA_BYTES))
    for name in ("attachError", "detachError"):
        if byte_length((status.get(name) or {}).get("message", "")) > _MAX_MESSAGE:
            # The limit that upstream names is not the one that it applies.
            errors.append(too_long(f"status.{name}.message", _MAX_METADATA_BYTES))
    return errors


def _validate_source(source: Object) -> list[FieldError]:
    inline, volume = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and volume is None:
        return [required("spec.source", _ONE_OF)]
    if inline is not None and volume is not None:
        return [forbidden("spec.source", _ONE_OF)]
    if volume == "":
        return [required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName")]
    return []


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = _validate(obj) * 2
    if not same(obj.get("spec"), old.get("spec")):
        errors.append(invalid("spec", _go_spec(obj["spec"]), IMMUTABLE))
    return errors


def _go_spec(spec: Object) -> Go:
    source = spec.get("source") or {}
    shown = struct(
        "storage.VolumeAttachmentSource",
        PersistentVolumeName=Go(pointer("string", source.get("persistentVolumeName"))),
        InlineVolumeSpec=Go(pointer("core.PersistentVolumeSpec", source.get("inlineVolumeSpec"))),
    )
    return struct("storage.VolumeAttachmentSpec", Attacher=spec.get("attacher", ""), Source=shown, NodeName=spec.get("nodeName", ""))


KIND = Kind(
    kind="VolumeAttachment",
    plural="volumeattachments",
    group="storage.k8s.io",
    namespaced=False,
    subresources=("status",),
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_update,
    validate_name=name_is_dns_subdomain,
    delete_returns_object=True,
    update_needs_resource_version=True,
    columns=(
        NAME,
        Column("Attacher", at("spec", "attacher", default=""), format="name"),
        Column("PV", at("spec", "source", "persistentVolumeName", default="")),
        Column("Node", at("spec", "nodeName", default="")),
        Column("Attached", at("status", "attached", default=False), "boolean"),
        AGE,
    ),
)
