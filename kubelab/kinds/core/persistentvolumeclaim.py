"""PersistentVolumeClaim.

upstream: pkg/registry/core/persistentvolumeclaim/strategy.go, pkg/api/persistentvolumeclaim/util.go,
pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaim …), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.apps.template_warnings import claim_warnings
from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.core.pod_template import default_claim_spec
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, forbidden, invalid, required
from kubelab.kinds.go_diff import spec_diff
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, name_is_dns_subdomain, validate_kube_finalizers
from kubelab.kinds.podspec.claims import validate_claim_spec
from kubelab.kinds.podspec.resources import validate_basic_resource
from kubelab.kinds.quantity import compare

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_SHORT_MODES = (("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP"))


def default(obj: Object, ctx: Context) -> None:
    obj["spec"] = default_claim_spec(obj.get("spec") or {})
    status = obj.get("status") or {}
    if not status.get("phase"):
        obj["status"] = {**status, "phase": "Pending"}


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"phase": "Pending"}
    obj["spec"] = _settle_sources(obj.get("spec") or {}, {})


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    obj["status"] = old.get("status") or {}
    obj["spec"] = _settle_sources(obj.get("spec") or {}, old.get("spec") or {})


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def _settle_sources(spec: Object, before: Object) -> Object:
    """``dataSource`` and ``dataSourceRef`` mirror each other; a source of another kind is dropped."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is None and reference is None:
        return spec
    if source is not None and reference is None and before.get("dataSource") is None and not _is_claim_or_snapshot(source):
        return {key: value for key, value in spec.items() if key != "dataSource"}
    if reference is None:
        return {**spec, "dataSourceRef": dict(source or {})}
    if source is None and not reference.get("namespace"):
        return {**spec, "dataSource": {key: value for key, value in reference.items() if key != "namespace"}}
    return spec


def _is_claim_or_snapshot(source: Object) -> bool:
    group, kind = source.get("apiGroup") or "", source.get("kind")
    return (group, kind) in (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"]) + validate_claim_spec(obj.get("spec") or {}, "spec")


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """A changed claim. Upstream looks at the claim itself twice, and reports twice."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    errors = validate(obj, ctx) * 2
    if spec is before or spec == before:
        return errors
    expected, found = dict(before), dict(spec)
    if not before.get("volumeName"):
        _copy(expected, "volumeName", spec)
    errors += _settle_class(obj, old, found, expected)
    requests = (found.get("resources") or {}).get("requests")
    old_requests = (before.get("resources") or {}).get("requests") or {}
    if (obj.get("status") or {}).get("phase") == "Bound" and requests is not None:
        found["resources"] = {**found["resources"], "requests": {**requests, "storage": old_requests.get("storage")}}
    if not same(found, expected):
        diff = spec_diff("core.PersistentVolumeClaimSpec", expected, found)
        errors.append(forbidden("spec", f"spec is immutable after creation except resources.requests for bound claims\n{diff}"))
    new_size = ((spec.get("resources") or {}).get("requests") or {}).get("storage") or "0"
    if compare(new_size, old_requests.get("storage") or "0") < 0:
        errors.append(forbidden("spec.resources.requests.storage", "field can not be less than previous value"))
    if spec.get("volumeMode") != before.get("volumeMode"):
        errors.append(invalid("volumeMode", spec.get("volumeMode"), IMMUTABLE))
    return errors


def _copy(target: Object, field: str, source: Object) -> None:
    target.pop(field, None)
    if source.get(field) is not None:
        target[field] = source[field]


def _settle_class(obj: Object, old: Object, found: Object, expected: Object) -> list[FieldError]:
    """A class may move from the old annotation to the field, or be set where there was none."""
    new_class, old_class = found.get("storageClassName"), expected.get("storageClassName")
    new_beta = (obj["metadata"].get("annotations") or {}).get(BETA_CLASS)
    old_beta = (old["metadata"].get("annotations") or {}).get(BETA_CLASS)
    if old_beta is not None and old_class is None and new_class == old_beta and new_beta in (None, old_beta):
        found.pop("storageClassName", None)
        return []
    if new_class is not None and old_class is None and old_beta in (None, new_class):
        found.pop("storageClassName", None)
    if (new_beta or "") != (old_beta or ""):
        return [invalid(f"metadata.annotations.{BETA_CLASS}", new_beta or "", IMMUTABLE)]
    return []


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate_kube_finalizers(obj["metadata"])
    if not (obj.get("spec") or {}).get("accessModes"):
        errors.append(required("Spec.accessModes"))
    for name, amount in ((obj.get("status") or {}).get("capacity") or {}).items():
        errors += validate_basic_resource(amount, f"status.capacity[{name}]")
    return errors


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    return class_annotation_warnings(obj) + claim_warnings(obj.get("spec") or {}, "spec")


def class_annotation_warnings(obj: Object) -> list[str]:
    """The annotation that named the class before the field did."""
    if BETA_CLASS not in (obj["metadata"].get("annotations") or {}):
        return []
    return [f'metadata.annotations[{BETA_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead']


def short_access_modes(modes: Sequence[str]) -> str:
    """upstream: GetAccessModesAsString.

    >>> short_access_modes(["ReadWriteMany", "ReadWriteOnce"])
    'RWO,RWX'
    """
    return ",".join(short for mode, short in _SHORT_MODES if mode in modes)


def phase(obj: Object, now_ns: int) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else (obj.get("status") or {}).get("phase") or ""


def storage_class(obj: Object, now_ns: int) -> str:
    """The class's name: the old annotation wins."""
    beta = (obj["metadata"].get("annotations") or {}).get(BETA_CLASS)
    return beta if beta is not None else (obj.get("spec") or {}).get("storageClassName") or ""


def _capacity(obj: Object, now_ns: int) -> str:
    if not (obj.get("spec") or {}).get("volumeName"):
        return ""
    return ((obj.get("status") or {}).get("capacity") or {}).get("storage") or "0"


def _modes(obj: Object, now_ns: int) -> str:
    if not (obj.get("spec") or {}).get("volumeName"):
        return ""
    return short_access_modes((obj.get("status") or {}).get("accessModes") or ())


def selectable(obj: Object) -> dict[str, str]:
    return {"name": obj["metadata"].get("name") or ""}


KIND = Kind(
    kind="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    singular="persistentvolumeclaim",
    short_names=("pvc",),
    subresources=("status",),
    definition="core.v1.PersistentVolumeClaim",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    warnings=warnings,
    selectable=selectable,
    columns=(
        NAME,
        Column("Status", phase),
        Column("Volume", at("spec", "volumeName", default="")),
        Column("Capacity", _capacity),
        Column("Access Modes", _modes),
        Column("StorageClass", storage_class, description="StorageClass of the pvc"),
        AGE,
        Column("VolumeMode", at("spec", "volumeMode", default="<unset>"), priority=1),
    ),
    delete_returns_object=True,
)
