"""Field selectors: ``metadata.name=web,status.phase!=Running``.

upstream: staging/src/k8s.io/apimachinery/pkg/fields/selector.go, the AddFieldLabelConversionFunc calls of pkg/apis/*/v1/conversion.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kubelab.kinds.field import go_quote
from kubelab.kinds.kind import Kind
from kubelab.kinds.selectors import SelectorError


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One comparison; ``equal`` is False for ``!=``."""

    field: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """The conjunction of its terms."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all((fields.get(term.field, "") == term.value) == term.equal for term in self.terms)

    @property
    def empty(self) -> bool:
        return not self.terms

    def exact(self, field: str) -> str | None:
        """The value that ``field`` must have, if the selector says so."""
        return next((term.value for term in self.terms if term.field == field and term.equal), None)

    def __str__(self) -> str:
        return ",".join(f"{term.field}{'=' if term.equal else '!='}{_escape(term.value)}" for term in self.terms)


@lru_cache(maxsize=4096)
def parse_field_selector(text: str) -> FieldSelector:
    """Read a field selector. Raises SelectorError.

    >>> parse_field_selector("status.phase!=Failed").matches({"status.phase": "Running"})
    True
    """
    terms = []
    for part in sorted(_split_terms(text)):
        if not part:
            continue
        split = _split_term(part)
        if split is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        field, operator, value = split
        if not field and not value:
            continue
        terms.append(FieldTerm(field, _unescape(value), operator != "!="))
    return FieldSelector(tuple(terms))


def _split_terms(text: str) -> list[str]:
    """The terms between unescaped commas."""
    terms, start, escaped = [], 0, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            terms.append(text[start:index])
            start = index + 1
    return [*terms, text[start:]]


def _split_term(term: str) -> tuple[str, str, str] | None:
    for index in range(len(term)):
        for operator in ("!=", "==", "="):
            if term.startswith(operator, index):
                return term[:index], operator, term[index + len(operator) :]
    return None


def _unescape(text: str) -> str:
    if not any(char in text for char in "\\,="):
        return text
    out, escaped = [], False
    for char in text:
        if escaped:
            if char not in "\\,=":
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{char}")
            out.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(char)}")
        else:
            out.append(char)
    if escaped:
        raise SelectorError("invalid field selector: invalid escape sequence: \\")
    return "".join(out)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


_OWN_WORDING = (
    ("", "Pod"),
    ("", "Event"),
    ("", "Node"),
    ("", "Namespace"),
    ("", "Secret"),
    ("", "ReplicationController"),
    ("events.k8s.io", "Event"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
)


def unsupported_field(kind: Kind, field: str) -> str | None:
    """Why a kind refuses a field in its selector; None if it does not (upstream: the kinds' field label conversions)."""
    own_wording = (kind.group, kind.kind) in _OWN_WORDING
    if field == "metadata.name" or field in kind.selectable_names:
        return None
    if field == "metadata.namespace" and (kind.namespaced or not own_wording):
        return None
    if (kind.group, kind.kind) == ("batch", "Job"):
        return f"field label {go_quote(field)} not supported for Job"
    if own_wording:
        return f"field label not supported: {field}"
    return f'{go_quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"'
