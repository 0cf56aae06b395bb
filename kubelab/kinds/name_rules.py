"""Rules for single names: labels, subdomains, keys, ports, addresses, each with upstream's exact words.

Each ``is_*`` function returns the complaints as a tuple, empty for a valid value; results are memoised, so that a name seen before costs a
dictionary look-up.

upstream: staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go, …/api/validation/generic.go, 1.28.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

Complaints = tuple[str, ...]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + "(\\." + _LABEL + ")*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"


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
