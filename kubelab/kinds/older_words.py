"""Findings of validation in the words of 1.7, where today's rule is the same and says it otherwise.

upstream: apimachinery/pkg/util/validation/{validation.go,field/errors.go}, pkg/api/validation/validation.go,
pkg/apis/{apps,extensions}/validation/validation.go, 1.7.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from kubelab.kinds.field import FieldError, Go
from kubelab.kinds.kind import Kind
from kubelab.kinds.name_rules import is_dns1123_label

_PHRASES = (
    ("a lowercase RFC 1123 ", "a DNS-1123 "),
    ("must be greater than minReadySeconds", "must be greater than minReadySeconds."),
    ("must contain at least one letter (a-z)", "must contain at least one letter or number (a-z, 0-9)"),
    (" (e.g. 10.9.8.7 or 2001:db8::ffff)", " (e.g. 10.9.8.7)"),
    ("(127.0.0.0/8, ::1/128)", "(127.0.0.0/8)"),
    ("(169.254.0.0/16, fe80::/10)", "(169.254.0.0/16)"),
    ("(224.0.0.0/24, ff02::/10)", "(224.0.0.0/24)"),
    (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
        "and end with an alphanumeric character",
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    ),
)
_EMPTY_SELECTOR = re.compile(r"^empty selector is invalid for (\w+)$")
_QUOTED = re.compile(r'"([^"]*)"')
_LATER_VALUES = re.compile(r"\bSCTP, |, (?:SCTP|None|ReadWriteOncePod|metadata\.uid|status\.hostIPs|status\.podIPs)(?=,|$)")
_LATER_FIELDS = re.compile(r", UnhealthyPodEvictionPolicy:[^,}]*")
_SELECTOR = "invalid label selector"
_PACKAGES = {"Deployment": "extensions", "DaemonSet": "extensions", "ReplicaSet": "extensions", "Ingress": "extensions"}

#: Rules of today that 1.7 did not have, or asks of another field (kinds/podspec/v1_7.py): where, and the finding's first words.
_LATER_RULES = tuple(
    (re.compile(field), words)
    for field, words in (
        (r"^subsets\[.*\.ip$", "must be a valid IP address$"),
        (r"\.(env\[\d+\]\.name|envFrom\[\d+\]\.prefix)$", "a valid environment variable name must"),
        (r"\.hostPort$", "must match `containerPort` when"),
        (r"\.resources\.requests$", "must be (less than or )?equal to .* limit of "),
        (r"\.resources\.limits$", "Limit must be set for non overcommitable resources"),
        (r"\.resources\.(limits|requests)\[(?!pod\.alpha)", "must be an integer$"),
        (r"^spec\.resources\[storage\]$", "must be greater than zero$"),
        (r"\.podAntiAffinity\.preferred\w+\[\d+\]\.podAffinityTerm\.topologyKey$", "name part must "),
        (r"\.pod(Anti)?Affinity\..*\.topologyKey$", "name part must consist"),
    )
)
#: Findings that 1.7 words otherwise: where, today's words, those of then.
_REWORDED = tuple(
    (re.compile(field), re.compile(words), then)
    for field, words, then in (
        (r"\.(volumes|containers|initContainers)\[\d+\]\.name$", r"^must not contain dots$", is_dns1123_label("_")[0]),
        (r"\.fc\.(targetWWNs|lun)$", r"^.*$", ""),
        (r"\.terminationMessagePolicy$", r"^supported values: File, FallbackToLogsOnError$", "must be 'File' or 'FallbackToLogsOnError'"),
        (r"\]\.securityContext\.runAsUser$", r"^must be between 0 and 2147483647, inclusive$", "must be greater than or equal to 0"),
        (r"^metadata\.deletion", r"^field is immutable$", "field is immutable; may only be changed via deletion"),
        (
            r"^spec$",
            r"^pod updates may not change fields other than (?s:.*)$",
            "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, "
            "`spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to existing tolerations)",
        ),
    )
)
_KEY = "can only be empty for PreferredDuringScheduling pod anti affinity"
_PATHS = (
    (re.compile(r"\.affinity\.nodeAffinity\."), ".affinity."),
    (re.compile(r"(\.pod(?:Anti)?Affinity\..*)\.labelSelector\."), r"\1.matchExpressions."),
    (re.compile(r"^data\[(username|password|ssh-privatekey)\]$"), r"data[%s][\1]"),
)


def without_later(errors: Sequence[FieldError]) -> list[FieldError]:
    """The findings of rules that 1.7 had as well."""
    return [error for error in errors if not _is_later(error)]


def reworded(kind: Kind, errors: Sequence[FieldError]) -> list[FieldError]:
    """The same findings, each as 1.7 tells it."""
    return [_reworded(kind, error) for error in errors]


def _is_later(error: FieldError) -> bool:
    if any(field.search(error.field) and re.match(words, error.detail) for field, words in _LATER_RULES):
        negative = isinstance(error.value, str) and error.value.startswith("-")
        return not (negative and error.field.startswith("spec.resources"))
    return error.field.endswith("].securityContext.runAsUser") and isinstance(error.value, int) and error.value > 0


def _reworded(kind: Kind, error: FieldError) -> FieldError:
    detail, reason, field = error.detail, error.reason, error.field
    if reason == "FieldValueNotSupported" and detail.startswith("supported values: "):
        detail = _LATER_VALUES.sub("", _QUOTED.sub(r"\1", detail))
    elif reason == "FieldValueTooLong":
        detail = detail.replace(" bytes", " characters")
        field = "data" if kind.kind == "ConfigMap" and field == "[]" else field
    elif detail == _SELECTOR and kind.kind in _PACKAGES:
        detail = f"{_SELECTOR}."
    elif field == "spec.resources[storage]" and detail == "must be greater than zero":
        detail = "must be greater than or equal to 0"
    elif field.endswith(".topologyKey") and detail == "name part must be non-empty":
        return replace(error, reason="FieldValueRequired", detail=_KEY)
    else:
        detail = _EMPTY_SELECTOR.sub(r"empty selector is not valid for \1.", detail)
    for place, words, then in _REWORDED:
        if place.search(field) and words.match(detail):
            reason = "FieldValueInvalid" if reason == "FieldValueNotSupported" else reason
            detail = then
    for now, then in _PHRASES:
        detail = detail.replace(now, then)
    for place, short in _PATHS:
        field = place.sub(short, field)
    return replace(error, field=field, reason=reason, detail=detail, value=_in_package(kind, error.value))


def _in_package(kind: Kind, value: object) -> object:
    """Go prints the internal type, which stood in another package."""
    if not isinstance(value, Go):
        return value
    text = _LATER_FIELDS.sub("", value.text).replace("core.", "api.").replace("networking.", "extensions.")
    package = _PACKAGES.get(kind.kind)
    return Go(text.replace("apps.", f"{package}.") if package else text)
