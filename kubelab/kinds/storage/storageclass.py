"""StorageClass: how claims of a class get their volumes.

upstream: pkg/apis/storage/v1/defaults.go, pkg/apis/storage/validation/validation.go, pkg/registry/storage/storageclass/strategy.go,
pkg/apis/core/validation/validation.go (topology terms), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, at
from kubelab.kinds.equality import immutable, same
from kubelab.kinds.field import FieldError, duplicate, forbidden, invalid, not_supported, required, too_long
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import byte_length, is_qualified_name, name_is_dns_subdomain, validate_label_name
from kubelab.kinds.node.deprecated_labels import DEPRECATED_NODE_LABELS

DEFAULT_ANNOTATIONS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_MAX_PARAMETERS = 512
_MAX_PARAMETER_BYTES = 256 * 1024
_RECLAIM_POLICIES = ("Delete", "Retain")
_BINDING_MODES = ("Immediate", "WaitForFirstConsumer")


def is_default(obj: Object) -> bool:
    annotations = obj["metadata"].get("annotations") or {}
    return any(annotations.get(name) == "true" for name in DEFAULT_ANNOTATIONS)


def default(obj: Object, ctx: Context) -> None:
    obj.setdefault("provisioner", "")
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    provisioner = obj.get("provisioner", "")
    errors = [] if provisioner else [required("provisioner")]
    if provisioner:
        errors += (invalid("provisioner", provisioner.lower(), each) for each in is_qualified_name(provisioner.lower()))
    errors += _validate_parameters(obj.get("parameters") or {})
    policy = obj.get("reclaimPolicy", "")
    if policy and policy not in _RECLAIM_POLICIES:
        errors.append(not_supported("reclaimPolicy", policy, _RECLAIM_POLICIES))
    mode = obj.get("volumeBindingMode")
    if mode is None:
        errors.append(required("volumeBindingMode"))
    elif mode not in _BINDING_MODES:
        errors.append(not_supported("volumeBindingMode", mode, _BINDING_MODES))
    return errors + _validate_topologies(obj.get("allowedTopologies") or [])


def _validate_parameters(parameters: dict[str, str]) -> list[FieldError]:
    if len(parameters) > _MAX_PARAMETERS:
        return [too_long("parameters", _MAX_PARAMETERS)]
    errors = [invalid("parameters", key, "field can not be empty.") for key in parameters if not key]
    if sum(byte_length(key) + byte_length(value) for key, value in parameters.items()) > _MAX_PARAMETER_BYTES:
        errors.append(too_long("parameters", _MAX_PARAMETER_BYTES))
    return errors


def _validate_topologies(terms: list[Object]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: list[dict[str, list[str]]] = []
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        wanted: dict[str, list[str]] = {}
        for place, expression in enumerate(term.get("matchLabelExpressions") or ()):
            key, values, at = expression.get("key", ""), expression.get("values") or [], f"{path}[{place}]"
            if not values:
                errors.append(required(f"{at}.values"))
            errors += (duplicate(f"{at}.values[{n}]", value) for n, value in enumerate(values) if value in values[:n])
            errors += validate_label_name(key, f"{at}.key")
            if key in wanted:
                errors.append(duplicate(f"{at}.key", key))
            wanted[key] = sorted(dict.fromkeys(values))
        # Upstream compares a term without expressions with as many empty ones as there are terms.
        repeats = seen.count(wanted) + (0 if wanted else len(terms))
        errors += [duplicate(path, "")] * repeats
        seen.append(wanted)
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate(obj, ctx)
    if not same(obj.get("parameters") or {}, old.get("parameters") or {}):
        errors.append(forbidden("parameters", "updates to parameters are forbidden."))
    for name in ("provisioner", "reclaimPolicy"):
        if obj.get(name) != old.get(name):
            errors.append(forbidden(name, f"updates to {name} are forbidden."))
    return errors + immutable("volumeBindingMode", obj.get("volumeBindingMode"), old.get("volumeBindingMode"))


def warnings(obj: Object, old: Object | None, ctx: Context) -> list[str]:
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{place}].key: {DEPRECATED_NODE_LABELS[expression['key']]}"
        for index, term in enumerate(obj.get("allowedTopologies") or ())
        for place, expression in enumerate(term.get("matchLabelExpressions") or ())
        if expression.get("key") in DEPRECATED_NODE_LABELS
    ]


def _name(obj: Object, now_ns: int) -> str:
    name: str = obj["metadata"].get("name", "")
    return f"{name} (default)" if is_default(obj) else name


KIND = Kind(
    kind="StorageClass",
    plural="storageclasses",
    group="storage.k8s.io",
    short_names=("sc",),
    namespaced=False,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    warnings=warnings,
    delete_returns_object=True,
    columns=(
        Column("Name", _name, format="name"),
        Column("Provisioner", at("provisioner", default="")),
        Column("ReclaimPolicy", at("reclaimPolicy", default="Delete")),
        Column("VolumeBindingMode", at("volumeBindingMode", default="Immediate")),
        Column("AllowVolumeExpansion", at("allowVolumeExpansion", default=False)),
        AGE,
    ),
)
