"""Names, labels, annotations, finalizers, owners: every rule of object metadata with upstream's exact words.

Each ``is_*`` function returns the complaints as a tuple, empty for a valid value; results are memoised, so that a name seen before costs a
dictionary look-up.

upstream: staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go, …/api/validation/{objectmeta,generic}.go, 1.28.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from kubelab.kinds.field import FieldError, Go, forbidden, go_value, invalid, required, too_long

Complaints = tuple[str, ...]
NameFunction = Callable[[str, bool], list[str]]

IMMUTABLE = "field is immutable"
NEGATIVE = "must be greater than or equal to 0"
TOTAL_ANNOTATION_LIMIT = 256 * 1024
GENERATED_NAME_BASE = 58

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + "(\\." + _LABEL + ")*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


class _Rule:
    """A pattern with the text of its complaint."""

    __slots__ = ("complaint", "matches")

    def __init__(self, message: str, pattern: str, *examples: str) -> None:
        self.matches = re.compile(pattern).fullmatch
        self.complaint = regex_error(message, pattern, *examples)


def regex_error(message: str, pattern: str, *examples: str) -> str:
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {listed}regex used for validation is '{pattern}')"


def max_length_error(length: int) -> str:
    return f"must be no more than {length} characters"


def range_error(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


_label = _Rule(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_subdomain = _Rule(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_dns1035 = _Rule(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character",
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    "my-name",
    "abc-123",
)
_wildcard = _Rule(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
    "alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    "\\*\\." + _SUBDOMAIN,
    "*.example.com",
)
_qualified = _Rule(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    _QUALIFIED,
    "MyName",
    "my.name",
    "123-abc",
)
_label_value = _Rule(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character",
    "(" + _QUALIFIED + ")?",
    "MyValue",
    "my_value",
    "12345",
)
_identifier = _Rule(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
    "[A-Za-z_][A-Za-z0-9_]*",
    "my_name",
    "MY_NAME",
    "MyName",
)
_env_name = _Rule(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
    "[-._a-zA-Z][-._a-zA-Z0-9]*",
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)
_config_key = _Rule(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "[-._a-zA-Z0-9]+",
    "key.name",
    "KEY_NAME",
    "key-name",
)
_percent = _Rule("a valid percent string must be a numeric string followed by an ending '%'", "[0-9]+%", "1%", "93%")
_header = _Rule("a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", "X-Header-Name")
_http_path = re.compile(_HTTP_PATH).fullmatch
_port_charset = re.compile("[-a-z0-9]+").fullmatch


def byte_length(text: str) -> int:
    """The length as Go counts it, in bytes."""
    return len(text) if text.isascii() else len(text.encode())


def _checked(value: str, rule: _Rule, limit: int) -> Complaints:
    complaints = () if byte_length(value) <= limit else (max_length_error(limit),)
    return complaints if rule.matches(value) else (*complaints, rule.complaint)


@lru_cache(maxsize=16384)
def is_dns1123_label(value: str) -> Complaints:
    complaints = () if byte_length(value) <= 63 else (max_length_error(63),)
    if _label.matches(value):
        return complaints
    return (*complaints, "must not contain dots" if _subdomain.matches(value) else _label.complaint)


@lru_cache(maxsize=16384)
def is_dns1123_subdomain(value: str) -> Complaints:
    return _checked(value, _subdomain, 253)


@lru_cache(maxsize=4096)
def is_dns1035_label(value: str) -> Complaints:
    return _checked(value, _dns1035, 63)


@lru_cache(maxsize=1024)
def is_wildcard_dns1123_subdomain(value: str) -> Complaints:
    return _checked(value, _wildcard, 253)


@lru_cache(maxsize=16384)
def is_qualified_name(value: str) -> Complaints:
    """A label or annotation key: an optional DNS prefix, a slash, a name."""
    parts = value.split("/")
    if len(parts) > 2:
        return (f"a qualified name {_qualified.complaint} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",)
    complaints: list[str] = []
    if len(parts) == 2:
        prefix = parts[0]
        complaints += (f"prefix part {each}" for each in (is_dns1123_subdomain(prefix) if prefix else ("must be non-empty",)))
    name = parts[-1]
    if not name:
        complaints.append("name part must be non-empty")
    elif byte_length(name) > 63:
        complaints.append(f"name part {max_length_error(63)}")
    if not _qualified.matches(name):
        complaints.append(f"name part {_qualified.complaint}")
    return tuple(complaints)


@lru_cache(maxsize=16384)
def is_label_value(value: str) -> Complaints:
    return _checked(value, _label_value, 63)


@lru_cache(maxsize=1024)
def is_c_identifier(value: str) -> Complaints:
    return () if _identifier.matches(value) else (_identifier.complaint,)


@lru_cache(maxsize=4096)
def is_env_var_name(value: str) -> Complaints:
    complaints = () if _env_name.matches(value) else (_env_name.complaint,)
    return (*complaints, *_directory_complaint(value))


@lru_cache(maxsize=4096)
def is_config_map_key(value: str) -> Complaints:
    return (*_checked(value, _config_key, 253), *_directory_complaint(value))


def _directory_complaint(value: str) -> Complaints:
    if value in (".", ".."):
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()


@lru_cache(maxsize=1024)
def is_percent(value: str) -> Complaints:
    return () if _percent.matches(value) else (_percent.complaint,)


@lru_cache(maxsize=1024)
def is_http_header_name(value: str) -> Complaints:
    return () if _header.matches(value) else (_header.complaint,)


@lru_cache(maxsize=4096)
def is_port_name(value: str) -> Complaints:
    complaints = []
    if byte_length(value) > 15:
        complaints.append(max_length_error(15))
    if not _port_charset(value):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= char <= "z" for char in value):
        complaints.append("must contain at least one letter (a-z)")
    if "--" in value:
        complaints.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        complaints.append("must not begin or end with a hyphen")
    return tuple(complaints)


def is_port_number(port: int) -> Complaints:
    return () if 1 <= port <= 65535 else (range_error(1, 65535),)


def is_in_range(value: int, low: int, high: int) -> Complaints:
    return () if low <= value <= high else (range_error(low, high),)


def is_user_or_group_id(number: int) -> Complaints:
    return is_in_range(number, 0, 2**31 - 1)


@lru_cache(maxsize=4096)
def parse_ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; leading zeros in IPv4 octets are read as decimal, as upstream's sloppy parser does."""
    if "." in value and ":" not in value:
        octets = value.split(".")
        if len(octets) != 4 or not all(octet.isascii() and octet.isdigit() and int(octet) <= 255 for octet in octets):
            return None
        value = ".".join(str(int(octet)) for octet in octets)
    if "%" in value:
        return None
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def is_ip(value: str) -> Complaints:
    return () if parse_ip(value) else ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)


@lru_cache(maxsize=1024)
def is_path_segment_name(value: str) -> Complaints:
    """RBAC names: anything that can stand in a URL path (upstream: IsValidPathSegmentName)."""
    if value in (".", ".."):
        return (f"may not be '{value}'",)
    return tuple(f"may not contain '{part}'" for part in ("/", "%") if part in value)


def name_is_dns_subdomain(name: str, prefix: bool) -> list[str]:
    return list(is_dns1123_subdomain(_masked(name) if prefix else name))


def name_is_dns_label(name: str, prefix: bool) -> list[str]:
    return list(is_dns1123_label(_masked(name) if prefix else name))


def name_is_dns1035_label(name: str, prefix: bool) -> list[str]:
    return list(is_dns1035_label(_masked(name) if prefix else name))


def name_is_path_segment(name: str, prefix: bool) -> list[str]:
    """RBAC object names; as a prefix only forbidden characters count (upstream: path.ValidatePathSegmentName)."""
    if prefix:
        return [f"may not contain '{part}'" for part in ("/", "%") if part in name]
    return list(is_path_segment_name(name))


def _masked(name: str) -> str:
    return name[:-2] + "a" if len(name) > 1 and name.endswith("-") else name


def generate_name(base: str, suffix: str) -> str:
    """The generated name: the base, cut to 58 characters, and a random suffix of five."""
    return base[:GENERATED_NAME_BASE] + suffix


def validate_metadata(meta: Mapping[str, Any], namespaced: bool, name_fn: NameFunction, path: str = "metadata") -> list[FieldError]:
    """Generic metadata of an object about to be created; its name is generated already (upstream: ValidateObjectMeta)."""
    errors: list[FieldError] = []
    generate = meta.get("generateName")
    if generate:
        errors += (invalid(f"{path}.generateName", generate, each) for each in name_fn(generate, True))
    name = meta.get("name")
    if not name:
        errors.append(required(f"{path}.name", "name or generateName is required"))
    else:
        errors += (invalid(f"{path}.name", name, each) for each in name_fn(name, False))
    namespace = meta.get("namespace")
    if namespaced:
        if not namespace:
            errors.append(required(f"{path}.namespace"))
        else:
            errors += (invalid(f"{path}.namespace", namespace, each) for each in is_dns1123_label(namespace))
    elif namespace:
        errors.append(forbidden(f"{path}.namespace", "not allowed on this type"))
    if (meta.get("generation") or 0) < 0:
        errors.append(invalid(f"{path}.generation", meta["generation"], NEGATIVE))
    errors += _validate_common(meta, path)
    if meta.get("finalizers"):
        errors += validate_finalizers(meta["finalizers"], f"{path}.finalizers")
    return errors


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
    for field in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if meta.get(field) != old.get(field):
            errors.append(invalid(f"{path}.{field}", meta.get(field), IMMUTABLE))
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
        version = (reference.get("apiVersion") or "").rsplit("/", 1)[-1]
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
    return Go(f"v1.OwnerReference{{{texts}, Controller:{_go_pointer(reference, 'controller')}, BlockOwnerDeletion:{_go_pointer(reference, 'blockOwnerDeletion')}}}")


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
