"""Names, labels, annotations, finalizers, owners: every rule of object metadata with upstream's exact words.

The rules for single names stand in ``name_rules`` and are at hand here too.

upstream: staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go, …/apis/meta/v1/validation/validation.go, 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubelab.kinds.field import FieldError, Go, forbidden, go_value, invalid, required, too_long
from kubelab.kinds.go_values import time as go_time
from kubelab.kinds.name_rules import (
    Complaints,
    byte_length,
    is_c_identifier,
    is_config_map_key,
    is_dns1035_label,
    is_dns1123_label,
    is_dns1123_subdomain,
    is_env_var_name,
    is_http_header_name,
    is_in_range,
    is_ip,
    is_label_value,
    is_path_segment_name,
    is_percent,
    is_port_name,
    is_port_number,
    is_qualified_name,
    is_user_or_group_id,
    is_wildcard_dns1123_subdomain,
    max_length_error,
    name_is_dns1035_label,
    name_is_dns_label,
    name_is_dns_subdomain,
    name_is_path_segment,
    parse_ip,
    range_error,
    regex_error,
)

__all__ = [
    "Complaints",
    "IMMUTABLE",
    "NEGATIVE",
    "NameFunction",
    "STANDARD_FINALIZERS",
    "byte_length",
    "generate_name",
    "is_c_identifier",
    "is_config_map_key",
    "is_dns1035_label",
    "is_dns1123_label",
    "is_dns1123_subdomain",
    "is_env_var_name",
    "is_http_header_name",
    "is_in_range",
    "is_ip",
    "is_kube_finalizer",
    "is_label_value",
    "is_path_segment_name",
    "is_percent",
    "is_port_name",
    "is_port_number",
    "is_qualified_name",
    "is_user_or_group_id",
    "is_wildcard_dns1123_subdomain",
    "max_length_error",
    "name_is_dns1035_label",
    "name_is_dns_label",
    "name_is_dns_subdomain",
    "name_is_path_segment",
    "parse_ip",
    "range_error",
    "regex_error",
    "validate_annotations",
    "validate_domain_prefixed_path",
    "validate_finalizers",
    "validate_fully_qualified_name",
    "validate_immutable",
    "validate_kube_finalizers",
    "validate_label_name",
    "validate_labels",
    "validate_metadata",
    "validate_metadata_update",
    "validate_no_new_finalizers",
    "validate_nonnegative",
    "validate_owner_references",
]

NameFunction = Callable[[str, bool], list[str]]

IMMUTABLE = "field is immutable"
NEGATIVE = "must be greater than or equal to 0"
TOTAL_ANNOTATION_LIMIT = 256 * 1024
GENERATED_NAME_BASE = 58
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_http_path = re.compile(_HTTP_PATH).fullmatch


def generate_name(base: str, suffix: str) -> str:
    """The generated name: the base, cut to 58 characters, and a random suffix of five."""
    return base[:GENERATED_NAME_BASE] + suffix


def validate_metadata(meta: Mapping[str, Any], namespaced: bool, name_fn: NameFunction, path: str = "metadata") -> list[FieldError]:
    """Generic metadata of an object about to be created; its name is generated already (upstream: ValidateObjectMeta)."""
    errors: list[FieldError] = []
    generate = meta.get("generateName")
    if generate:
        errors += _refused(f"{path}.generateName", generate, name_fn(generate, True))
    name = meta.get("name")
    if not name:
        errors.append(required(f"{path}.name", "name or generateName is required"))
    else:
        errors += _refused(f"{path}.name", name, name_fn(name, False))
    namespace = meta.get("namespace")
    if namespaced:
        if not namespace:
            errors.append(required(f"{path}.namespace"))
        else:
            errors += _refused(f"{path}.namespace", namespace, is_dns1123_label(namespace))
    elif namespace:
        errors.append(forbidden(f"{path}.namespace", "not allowed on this type"))
    if (meta.get("generation") or 0) < 0:
        errors.append(invalid(f"{path}.generation", meta["generation"], NEGATIVE))
    errors += _validate_common(meta, path)
    if meta.get("finalizers"):
        errors += validate_finalizers(meta["finalizers"], f"{path}.finalizers")
    return errors


def _refused(path: str, value: str, complaints: Iterable[str]) -> list[FieldError]:
    return [invalid(path, value, each) for each in complaints] if complaints else []


def _validate_common(meta: Mapping[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if meta.get("labels"):
        errors += validate_labels(meta["labels"], f"{path}.labels")
    if meta.get("annotations"):
        errors += validate_annotations(meta["annotations"], f"{path}.annotations")
    if meta.get("ownerReferences"):
        errors += validate_owner_references(meta["ownerReferences"], f"{path}.ownerReferences")
    return errors


def validate_metadata_update(meta: Mapping[str, Any], old: Mapping[str, Any], path: str = "metadata") -> list[FieldError]:
    """Generic metadata of an update (upstream: ValidateObjectMetaUpdate)."""
    errors: list[FieldError] = []
    if old.get("deletionTimestamp"):
        errors += validate_no_new_finalizers(meta.get("finalizers") or [], old.get("finalizers") or [], f"{path}.finalizers")
    if not meta.get("resourceVersion"):
        errors.append(invalid(f"{path}.resourceVersion", meta.get("resourceVersion") or "", "must be specified for an update"))
    if (meta.get("generation") or 0) < (old.get("generation") or 0):
        errors.append(invalid(f"{path}.generation", meta.get("generation") or 0, "must not be decremented"))
    for field in ("name", "namespace", "uid"):
        if (meta.get(field) or "") != (old.get(field) or ""):
            errors.append(invalid(f"{path}.{field}", meta.get(field) or "", IMMUTABLE))
    if meta.get("creationTimestamp") != old.get("creationTimestamp"):
        errors.append(invalid(f"{path}.creationTimestamp", go_time(meta.get("creationTimestamp")), IMMUTABLE))
    deletion = meta.get("deletionTimestamp")
    if deletion != old.get("deletionTimestamp"):
        errors.append(invalid(f"{path}.deletionTimestamp", deletion and go_time(deletion), IMMUTABLE))
    if meta.get("deletionGracePeriodSeconds") != old.get("deletionGracePeriodSeconds"):
        errors.append(invalid(f"{path}.deletionGracePeriodSeconds", meta.get("deletionGracePeriodSeconds"), IMMUTABLE))
    return errors + _validate_common(meta, path)


def validate_labels(labels: Mapping[str, str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in labels.items():
        for each in is_qualified_name(key):
            errors.append(invalid(path, key, each))
        for each in is_label_value(value):
            errors.append(invalid(path, value, each))
    return errors


def validate_label_name(name: str, path: str) -> list[FieldError]:
    return [invalid(path, name, each) for each in is_qualified_name(name)]


def validate_annotations(annotations: Mapping[str, str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        for each in is_qualified_name(key.lower()):
            errors.append(invalid(path, key, each))
        size += byte_length(key) + byte_length(value)
    if size > TOTAL_ANNOTATION_LIMIT:
        errors.append(too_long(path, TOTAL_ANNOTATION_LIMIT))
    return errors


def validate_finalizers(finalizers: list[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for finalizer in finalizers:
        errors += (invalid(path, finalizer, each) for each in is_qualified_name(finalizer))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        errors.append(invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"))
    return errors


STANDARD_FINALIZERS = ("foregroundDeletion", "kubernetes", "orphan")


def is_kube_finalizer(name: str) -> bool:
    return "/" in name or name in STANDARD_FINALIZERS


def validate_kube_finalizers(meta: Mapping[str, Any], path: str = "metadata") -> list[FieldError]:
    """What Kubernetes' own kinds ask on top: a slash or a standard name (upstream: pkg/apis/core/validation ValidateObjectMeta)."""
    return [
        invalid(f"{path}.finalizers[{index}]", finalizer, "name is neither a standard finalizer name nor is it fully qualified")
        for index, finalizer in enumerate(meta.get("finalizers") or ())
        if not is_kube_finalizer(finalizer)
    ]


def validate_no_new_finalizers(new: list[str], old: list[str], path: str) -> list[FieldError]:
    extra = sorted({each for each in new if each not in old})
    if not extra:
        return []
    detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {go_value(extra)}"
    return [forbidden(path, detail)]


def validate_owner_references(references: list[dict[str, Any]], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    controller = ""
    for reference in references:
        api_version = reference.get("apiVersion") or ""
        version = "" if api_version.count("/") > 1 else api_version.rsplit("/", 1)[-1]
        present = {**reference, "apiVersion": version}
        for field, word in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")):
            if not present.get(field):
                errors.append(invalid(f"{path}.{field}", reference.get(field) or "", f"{word} must not be empty"))
        if reference.get("apiVersion") == "v1" and reference.get("kind") == "Event":
            errors.append(invalid(path, _go_owner(reference), "/v1, Kind=Event is disallowed from being an owner"))
        if reference.get("controller"):
            this = f"{reference.get('kind', '')}/{reference.get('name', '')}"
            if controller:
                detail = f'Only one reference can have Controller set to true. Found "true" in references for {controller} and {this}'
                errors.append(invalid(path, _go_owners(references), detail))
            else:
                controller = this
    return errors


def _go_owner(reference: Mapping[str, Any]) -> Go:
    texts = ", ".join(
        f"{name}:{go_value(reference.get(key) or '')}"
        for name, key in (("APIVersion", "apiVersion"), ("Kind", "kind"), ("Name", "name"), ("UID", "uid"))
    )
    return Go(
        f"v1.OwnerReference{{{texts}, Controller:{_go_pointer(reference, 'controller')}, BlockOwnerDeletion:{_go_pointer(reference, 'blockOwnerDeletion')}}}"
    )


def _go_owners(references: list[dict[str, Any]]) -> Go:
    return Go("[]v1.OwnerReference{" + ", ".join(_go_owner(each).text for each in references) + "}")


def _go_pointer(reference: Mapping[str, Any], key: str) -> str:
    """Inner pointers print an address upstream, which no two runs share."""
    return "(*bool)(nil)" if reference.get(key) is None else "(*bool)(0xc000000000)"


def validate_domain_prefixed_path(value: str, path: str) -> list[FieldError]:
    """``acme.io/foo`` (upstream: IsDomainPrefixedPath)."""
    if not value:
        return [required(path)]
    host, slash, rest = value.partition("/")
    if not slash or not host or not rest:
        return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors = [invalid(path, host, each) for each in is_dns1123_subdomain(host)]
    if not _http_path(rest):
        errors.append(invalid(path, rest, regex_error("Invalid path", _HTTP_PATH)))
    return errors


def validate_fully_qualified_name(value: str, path: str) -> list[FieldError]:
    """At least three labels (upstream: IsFullyQualifiedName)."""
    if not value:
        return [required(path)]
    complaints = is_dns1123_subdomain(value)
    if complaints:
        return [invalid(path, value, ",".join(complaints))]
    if value.count(".") < 2:
        return [invalid(path, value, "should be a domain with at least three segments separated by dots")]
    return []


def validate_immutable(new: Any, old: Any, path: str) -> list[FieldError]:
    """upstream: ValidateImmutableField. Wrap values that print as Go structs in ``field.Go`` yourself where it matters."""
    return [] if new == old else [invalid(path, new, IMMUTABLE)]


def validate_nonnegative(value: int, path: str) -> list[FieldError]:
    return [invalid(path, value, NEGATIVE)] if value < 0 else []
