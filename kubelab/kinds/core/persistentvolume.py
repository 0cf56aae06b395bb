"""PersistentVolume.

upstream: pkg/registry/core/persistentvolume/strategy.go, pkg/apis/core/validation/validation.go (ValidatePersistentVolumeSpec …), 1.28.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.core.persistentvolumeclaim import class_annotation_warnings, phase, short_access_modes, storage_class
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, forbidden, go_quote, invalid, not_supported, required
from kubelab.kinds.go_diff import spec_diff
from kubelab.kinds.go_values import pointer
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, is_dns1123_label, is_dns1123_subdomain, name_is_dns_subdomain, validate_kube_finalizers
from kubelab.kinds.node.deprecated_labels import DEPRECATED_NODE_LABELS, SUCCESSORS
from kubelab.kinds.podspec.claims import VOLUME_MODES, validate_access_modes
from kubelab.kinds.podspec.defaults import default_resource_list
from kubelab.kinds.podspec.paths import validate_no_backsteps
from kubelab.kinds.podspec.resources import NOT_POSITIVE, validate_basic_resource
from kubelab.kinds.podspec.scheduling import validate_node_selector
from kubelab.kinds.podspec.volumes import SOURCES, validate_csi_driver_name
from kubelab.kinds.quantity import parse

_RECLAIM_POLICIES = ("Delete", "Recycle", "Retain")
_MORE_THAN_ONE = "may not specify more than 1 volume type"
_ORDER = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)


def default(obj: Object, ctx: Context) -> None:
    spec = dict(obj.get("spec") or {})
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    if spec.get("capacity"):
        spec["capacity"] = default_resource_list(spec["capacity"])
    if spec.get("hostPath") is not None and spec["hostPath"].get("type") is None:
        spec["hostPath"] = {**spec["hostPath"], "type": ""}
    obj["spec"] = spec
    status = obj.get("status") or {}
    if not status.get("phase"):
        obj["status"] = {**status, "phase": "Pending"}


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"phase": "Pending"}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    obj["status"] = old.get("status") or {}


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec, path = obj.get("spec") or {}, "spec"
    errors = validate_kube_finalizers(obj["metadata"])
    if not spec.get("accessModes"):
        errors.append(required(f"{path}.accessModes"))
    errors += validate_access_modes(spec.get("accessModes") or [], f"{path}.accessModes")
    errors += _validate_capacity(spec.get("capacity") or {}, f"{path}.capacity")
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM_POLICIES:
        errors.append(not_supported(f"{path}.persistentVolumeReclaimPolicy", policy, _RECLAIM_POLICIES))
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        at_path = f"{path}.nodeAffinity.required"
        if affinity.get("required") is None:
            errors.append(required(at_path, "must specify required node constraints"))
        else:
            errors += validate_node_selector(affinity["required"], at_path)
    errors += _validate_source(spec, path, ctx)
    host_path = (spec.get("hostPath") or {}).get("path")
    if host_path and posixpath.normpath(host_path) == "/" and policy == "Recycle":
        errors.append(forbidden(f"{path}.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'"))
    name = spec.get("storageClassName")
    if name:
        errors += (invalid(f"{path}.storageClassName", name, each) for each in name_is_dns_subdomain(name, False))
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(not_supported(f"{path}.volumeMode", mode, VOLUME_MODES))
    return errors


def _validate_capacity(capacity: dict[str, str], path: str) -> list[FieldError]:
    errors = [] if capacity else [required(path)]
    if "storage" not in capacity or len(capacity) > 1:
        shown = ", ".join(f"{go_quote(name)}:{amount}" for name, amount in sorted(capacity.items()))
        errors.append(not_supported(path, Go(f"core.ResourceList{{{shown}}}" if capacity else "core.ResourceList(nil)"), ("storage",)))
    for name, amount in capacity.items():
        errors += validate_basic_resource(amount, f"{path}[{name}]")
        if parse(amount).nano <= 0:
            errors.append(invalid(f"{path}[{name}]", parse(amount).text, NOT_POSITIVE))
    return errors


def _validate_source(spec: Object, path: str, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    found = 0
    for kind in _ORDER:
        source, at_path = spec.get(kind), f"{path}.{kind}"
        if source is None:
            continue
        if found:
            errors.append(forbidden(at_path, _MORE_THAN_ONE))
            continue
        found += 1
        if kind == "local":
            errors += _validate_local(source, spec, path)
        elif kind == "csi":
            errors += _validate_csi(source, at_path)
        else:
            errors += SOURCES[kind](source, f"{path}.persistentDisk" if kind == "gcePersistentDisk" else at_path, ctx)
            errors += _validate_namespaces(kind, source, at_path)
    return errors if found else [*errors, required(path, "must specify a volume type")]


_EXPAND_SECRET = "controllerExpandSecretRef"
_CSI_SECRETS = ("controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef")


def _validate_csi(source: Object, path: str) -> list[FieldError]:
    errors = validate_csi_driver_name(source.get("driver") or "", f"{path}.driver")
    if not source.get("volumeHandle"):
        errors.append(required(f"{path}.volumeHandle"))
    for field in _CSI_SECRETS:
        secret = source.get(field)
        if secret is None:
            continue
        for part, rule in (("name", is_dns1123_subdomain), ("namespace", is_dns1123_label)):
            value, at_path = secret.get(part) or "", f"{path}.{field}.{part}"
            errors += (invalid(at_path, value, each) for each in rule(value)) if value else [required(at_path)]
    return errors


def _validate_namespaces(kind: str, source: Object, path: str) -> list[FieldError]:
    """A volume has no namespace of its own, so what it refers to needs one."""
    secret = source.get("secretRef")
    if kind in ("cinder", "storageos") and secret is not None and not secret.get("namespace"):
        return [required(f"{path}.secretRef.namespace")]
    if kind == "iscsi" and secret is not None and not secret.get("name"):
        return [required(f"{path}.secretRef.name")]
    if kind == "azureFile" and source.get("secretNamespace") == "":
        return [required(f"{path}.secretNamespace")]
    namespace = source.get("endpointsNamespace")
    if kind != "glusterfs" or namespace is None:
        return []
    if not namespace:
        detail = "if the endpointnamespace is set, it must be a valid namespace name"
        return [invalid(f"{path}.endpointsNamespace", namespace, detail)]
    return [invalid(f"{path}.endpointsNamespace", namespace, each) for each in is_dns1123_label(namespace)]


def _validate_local(source: Object, spec: Object, path: str) -> list[FieldError]:
    if not source.get("path"):
        errors = [required(f"{path}.local.path")]
    else:
        errors = validate_no_backsteps(source["path"], f"{path}.local.path")
    if spec.get("nodeAffinity") is None:
        errors.append(required(f"{path}.nodeAffinity", "Local volume requires node affinity"))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """A changed volume. Upstream looks at the volume itself twice, and reports twice."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    errors = validate(obj, ctx) * 2
    if spec is before or spec == before:
        return errors
    source = {kind: spec[kind] for kind in _ORDER if spec.get(kind) is not None}
    csi, old_csi = spec.get("csi"), before.get("csi")
    if csi and old_csi and old_csi.get(_EXPAND_SECRET) is None:
        source["csi"] = {key: value for key, value in csi.items() if key != _EXPAND_SECRET}
    old_source = {kind: before[kind] for kind in _ORDER if before.get(kind) is not None}
    if not same(source, old_source):
        diff = spec_diff("core.PersistentVolumeSource", old_source, source)
        errors.append(forbidden("spec.persistentvolumesource", f"spec.persistentvolumesource is immutable after creation\n{diff}"))
    if spec.get("volumeMode") != before.get("volumeMode"):
        errors.append(invalid("volumeMode", spec.get("volumeMode"), IMMUTABLE))
    affinity, old_affinity = spec.get("nodeAffinity"), before.get("nodeAffinity")
    if old_affinity is not None and not _same_affinity(affinity, old_affinity):
        required_terms = pointer("core.NodeSelector", (affinity or {}).get("required"))
        shown = None if affinity is None else Go(f"core.VolumeNodeAffinity{{Required:{required_terms}}}")
        errors.append(invalid("nodeAffinity", shown, f"{IMMUTABLE}, except for updating from beta label to GA"))
    return errors


def _same_affinity(new: Object | None, old: Object) -> bool:
    """Whether nothing changed but beta labels into those that replaced them (upstream: getMaskNodeSelectorLabelChangeEqualities)."""
    if new is None:
        return False
    terms = (new.get("required") or {}).get("nodeSelectorTerms") or []
    old_terms = (old.get("required") or {}).get("nodeSelectorTerms") or []
    renewed = [_renewed(before, after) for before, after in zip(old_terms, terms, strict=False)] + old_terms[len(terms) :]
    return same(new, {**old, "required": {**old["required"], "nodeSelectorTerms": renewed}} if old.get("required") else old)


def _renewed(old_term: Object, term: Object) -> Object:
    """The old term with each beta label renamed where the new term has its successor."""
    return {**old_term, **{part: _renamed(old_term[part], term.get(part) or []) for part in old_term if old_term[part]}}


def _renamed(old_requirements: list[Object], requirements: list[Object]) -> list[Object]:
    if len(old_requirements) != len(requirements):
        return old_requirements
    pairs = zip(old_requirements, requirements, strict=True)
    return [{**old, "key": new["key"]} if SUCCESSORS.get(old.get("key", "")) == new.get("key") else old for old, new in pairs]


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"])


_OBSOLETE = {
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    spec, path = obj.get("spec") or {}, "spec.nodeAffinity.required.nodeSelectorTerms"
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    found = class_annotation_warnings(obj)
    for index, term in enumerate(terms):
        for place, requirement in enumerate(term.get("matchExpressions") or ()):
            key = requirement.get("key")
            if key in DEPRECATED_NODE_LABELS:
                found.append(f"{path}[{index}].matchExpressions[{place}].key: {key} is {DEPRECATED_NODE_LABELS[key]}")
    shown = {"storageos": "storageOS"}
    return found + [f"spec.{shown.get(kind, kind)}: {words}" for kind, words in _OBSOLETE.items() if spec.get(kind) is not None]


def _capacity(obj: Object, now_ns: int) -> str:
    return ((obj.get("spec") or {}).get("capacity") or {}).get("storage") or "0"


def _modes(obj: Object, now_ns: int) -> str:
    return short_access_modes((obj.get("spec") or {}).get("accessModes") or ())


def _claim(obj: Object, now_ns: int) -> str:
    reference = (obj.get("spec") or {}).get("claimRef")
    return f"{reference.get('namespace') or ''}/{reference.get('name') or ''}" if reference else ""


def selectable(obj: Object) -> dict[str, str]:
    return {"name": obj["metadata"].get("name") or ""}


KIND = Kind(
    kind="PersistentVolume",
    plural="persistentvolumes",
    singular="persistentvolume",
    short_names=("pv",),
    namespaced=False,
    subresources=("status",),
    definition="core.v1.PersistentVolume",
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
        Column("Capacity", _capacity),
        Column("Access Modes", _modes),
        Column("Reclaim Policy", at("spec", "persistentVolumeReclaimPolicy", default="")),
        Column("Status", phase),
        Column("Claim", _claim),
        Column("StorageClass", storage_class, description="StorageClass of the pv"),
        Column("Reason", at("status", "reason", default="")),
        AGE,
        Column("VolumeMode", at("spec", "volumeMode", default="<unset>"), priority=1),
    ),
    delete_returns_object=True,
)
