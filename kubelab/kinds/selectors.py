"""Label and field selectors: their texts, the LabelSelector object, matching, validation.

Parsed selectors are frozen values, memoised by their text. The texts of all errors are upstream's.

upstream: staging/src/k8s.io/apimachinery/pkg/{labels,fields}/selector.go, …/apis/meta/v1/{helpers.go,validation/validation.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubelab.kinds.field import FieldError, forbidden, go_quote, invalid, not_supported, required
from kubelab.kinds.names import is_label_value, is_qualified_name, validate_label_name, validate_labels

Labels = Mapping[str, str]
LabelSelectorObject = Mapping[str, Any]

_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_ALL_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt", "exists", "!")
_TOKENS = {symbol: symbol for symbol in (")", ",", "!", "==", "=", ">", "in", "<", "!=", "notin", "(")}
_BINARY = {"in": "in", "notin": "notin", "=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt"}
_SPECIAL = frozenset("=!(),><")
_SPACE = frozenset(" \t\r\n")
_IDENTIFIER = "identifier"
_END = "end"
_ERROR = "error"


class SelectorError(ValueError):
    """A selector that cannot be understood, in upstream's words."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """``operator`` is upstream's spelling: in, notin, =, ==, !=, gt, lt, exists, ! ."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        found = labels.get(self.key)
        match self.operator:
            case "in" | "=" | "==":
                return found is not None and found in self.values
            case "notin" | "!=":
                return found is None or found not in self.values
            case "exists":
                return found is not None
            case "!":
                return found is None
        if found is None:
            return False
        number, bound = _integer(found), _integer(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if self.operator == "gt" else number < bound

    def __str__(self) -> str:
        values = ",".join(sorted(self.values))
        match self.operator:
            case "!":
                return f"!{self.key}"
            case "exists":
                return self.key
            case "in" | "notin":
                return f"{self.key} {self.operator} ({values})"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{values}"
        return f"{self.key}{self.operator}{values}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """The conjunction of its requirements, sorted by key; ``nothing`` matches no object at all."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Labels | None) -> bool:
        if self.nothing:
            return False
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    @property
    def empty(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements and not self.nothing

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


def _integer(text: str) -> int | None:
    bare = text[1:] if text[:1] in ("+", "-") else text
    if not (bare.isascii() and bare.isdigit()):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def matches_selector(selector: LabelSelectorObject | None, labels: Labels | None) -> bool:
    """Whether labels satisfy a LabelSelector object: None selects nothing, an empty one everything."""
    if selector is None:
        return False
    present = labels or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        if present.get(key) != value:
            return False
    return all(_matches_expression(expression, present) for expression in selector.get("matchExpressions") or ())


def _matches_expression(expression: Mapping[str, Any], labels: Labels) -> bool:
    found = labels.get(expression["key"])
    match expression.get("operator"):
        case "In":
            return found is not None and found in expression["values"]
        case "NotIn":
            return found is None or found not in expression["values"]
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
    return False


def matches_labels(wanted: Labels | None, labels: Labels | None) -> bool:
    """Whether labels contain every wanted pair (the map selectors of Service and ReplicationController)."""
    present = labels or {}
    return all(present.get(key) == value for key, value in (wanted or {}).items())


_EXPRESSION_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def compile_selector(selector: LabelSelectorObject | None) -> LabelSelector:
    """A LabelSelector object as a LabelSelector value. Raises SelectorError (upstream: LabelSelectorAsSelector)."""
    if selector is None:
        return NOTHING
    pairs = tuple((selector.get("matchLabels") or {}).items())
    expressions = tuple(
        (each.get("key") or "", each.get("operator") or "", tuple(each.get("values") or ()))
        for each in selector.get("matchExpressions") or ()
    )
    return _compiled(pairs, expressions)


@lru_cache(maxsize=4096)
def _compiled(pairs: tuple[tuple[str, str], ...], expressions: tuple[tuple[str, str, tuple[str, ...]], ...]) -> LabelSelector:
    requirements = [new_requirement(key, "=", (value,)) for key, value in pairs]
    for key, word, values in expressions:
        operator = _EXPRESSION_OPERATORS.get(word)
        if operator is None:
            raise SelectorError(f"{go_quote(word)} is not a valid label selector operator")
        requirements.append(new_requirement(key, operator, values))
    return LabelSelector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))


def format_selector(selector: LabelSelectorObject | None) -> str:
    """A LabelSelector object as one text (upstream: FormatLabelSelector)."""
    if selector is None:
        return "<none>"
    try:
        return str(compile_selector(selector)) or "<none>"
    except SelectorError:
        return "<error>"


def validate_label_selector(selector: LabelSelectorObject | None, path: str, *, allow_invalid_values: bool = False) -> list[FieldError]:
    """upstream: metav1 validation ValidateLabelSelector."""
    errors: list[FieldError] = []
    if not selector:
        return errors
    if selector.get("matchLabels"):
        errors += validate_labels(selector["matchLabels"], f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        at = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator") or "", expression.get("values") or []
        if operator in ("In", "NotIn"):
            if not values:
                errors.append(required(f"{at}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                errors.append(forbidden(f"{at}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        else:
            errors.append(invalid(f"{at}.operator", operator, "not a valid selector operator"))
        errors += validate_label_name(expression.get("key") or "", f"{at}.key")
        if not allow_invalid_values:
            for place, value in enumerate(values):
                errors += (invalid(f"{at}.values[{place}]", value, each) for each in is_label_value(value))
    return errors


@lru_cache(maxsize=4096)
def parse_label_selector(text: str) -> LabelSelector:
    """Read ``app=web,tier in (a,b),!old``. Raises SelectorError.

    >>> str(parse_label_selector("x in (b, a),!z,y"))
    'x in (a,b),y,!z'
    """
    return _Parser(_scan(text)).parse()


def new_requirement(key: str, operator: str, values: tuple[str, ...], *, path: str = "") -> Requirement:
    """A checked requirement. Raises SelectorError with all complaints (upstream: NewRequirement)."""
    prefix = f"{path}." if path else ""
    errors: list[FieldError] = []
    complaints = is_qualified_name(key)
    if complaints:
        errors.append(invalid(f"{prefix}key", key, "; ".join(complaints)))
    at = f"{prefix}values"
    if operator in ("in", "notin"):
        if not values:
            errors.append(invalid(at, list(values), "for 'in', 'notin' operators, values set can't be empty"))
    elif operator in ("=", "==", "!="):
        if len(values) != 1:
            errors.append(invalid(at, list(values), "exact-match compatibility requires one single value"))
    elif operator in ("exists", "!"):
        if values:
            errors.append(invalid(at, list(values), "values set must be empty for exists and does not exist"))
    elif operator in ("gt", "lt"):
        if len(values) != 1:
            errors.append(invalid(at, list(values), "for 'Gt', 'Lt' operators, exactly one value is required"))
        for index, value in enumerate(values):
            if _integer(value) is None:
                errors.append(invalid(f"{at}[{index}]", value, "for 'Gt', 'Lt' operators, the value must be an integer"))
    else:
        errors.append(not_supported(f"{prefix}operator", operator, _ALL_OPERATORS))
    for index, value in enumerate(values):
        complaints = is_label_value(value)
        if complaints:
            errors.append(invalid(f"{at}[{index}][{key}]", value, "; ".join(complaints)))
    if errors:
        raise SelectorError(_aggregate(errors))
    return Requirement(key, operator, values)


def _aggregate(errors: list[FieldError]) -> str:
    texts = list(dict.fromkeys(error.text() for error in errors))
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"


def _scan(text: str) -> list[tuple[str, str]]:
    """The text as (token, literal) pairs, the last one the end."""
    items: list[tuple[str, str]] = []
    position, end = 0, len(text)
    while True:
        while position < end and text[position] in _SPACE:
            position += 1
        if position >= end or text[position] == "\0":
            items.append((_END, ""))
            return items
        start = position
        if text[position] in _SPECIAL:
            token, position = _scan_special(text, position)
            items.append(token)
            continue
        while position < end and text[position] not in _SPECIAL and text[position] not in _SPACE:
            position += 1
        word = text[start:position]
        items.append((_TOKENS.get(word, _IDENTIFIER), word))


def _scan_special(text: str, position: int) -> tuple[tuple[str, str], int]:
    """The longest known symbol; ``==!`` gives ``==`` and leaves the rest."""
    start, found = position, ""
    while position < len(text) and text[position] in _SPECIAL:
        symbol = text[start : position + 1]
        if symbol in _TOKENS:
            found = symbol
        elif found:
            break
        position += 1
    if not found:
        return (_ERROR, f"error expected: keyword found '{text[start:position]}'"), position
    return (_TOKENS[found], found), position


class _Parser:
    """Upstream's recursive descent over scanned items."""

    def __init__(self, items: list[tuple[str, str]]) -> None:
        self._items = items
        self._position = 0

    def parse(self) -> LabelSelector:
        requirements: list[Requirement] = []
        while True:
            token, literal = self._look()
            if token == _END:
                break
            if token not in (_IDENTIFIER, "!"):
                raise SelectorError(f"found '{literal}', expected: !, identifier, or 'end of string'")
            try:
                requirements.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token, literal = self._take()
            if token == _END:
                break
            if token != ",":
                raise SelectorError(f"found '{literal}', expected: ',' or 'end of string'")
            following, literal = self._look()
            if following not in (_IDENTIFIER, "!"):
                raise SelectorError(f"found '{literal}', expected: identifier after ','")
        return LabelSelector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))

    def _look(self) -> tuple[str, str]:
        token, literal = self._items[self._position]
        return (_IDENTIFIER, literal) if token in ("in", "notin") else (token, literal)

    def _take(self) -> tuple[str, str]:
        item = self._look()
        self._position += 1
        return item

    def _requirement(self) -> Requirement:
        token, literal = self._take()
        operator = ""
        if token == "!":
            operator = "!"
            token, literal = self._take()
        if token != _IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        key = literal
        complaints = is_qualified_name(key)
        if complaints:
            raise SelectorError(invalid("<nil>", key, "; ".join(complaints)).text())
        if self._look()[0] in (_END, ","):
            return new_requirement(key, operator or "exists", ())
        if operator == "!":
            return new_requirement(key, "!", ())
        operator = self._operator()
        values = self._values() if operator in ("in", "notin") else self._exact_value()
        return new_requirement(key, operator, values)

    def _operator(self) -> str:
        token, literal = self._items[self._position]
        self._position += 1
        if token not in _BINARY:
            raise SelectorError(f"found '{literal}', expected: {_OPERATORS}")
        return _BINARY[token]

    def _values(self) -> tuple[str, ...]:
        token, literal = self._take()
        if token != "(":
            raise SelectorError(f"found '{literal}' expected: '('")
        token, literal = self._look()
        if token == ")":
            self._position += 1
            return ("",)
        if token not in (_IDENTIFIER, ","):
            raise SelectorError(f"found '{literal}', expected: ',', ')' or identifier")
        values = self._identifiers()
        if self._take()[0] != ")":
            raise SelectorError(f"found '{literal}', expected: ')'")
        return tuple(sorted(values))

    def _identifiers(self) -> list[str]:
        """A list of words in which any may be empty: ``(a,,b,)``."""
        found: dict[str, None] = {}
        while True:
            token, literal = self._take()
            if token == _IDENTIFIER:
                found[literal] = None
                following, literal = self._look()
                if following == ")":
                    return list(found)
                if following != ",":
                    raise SelectorError(f"found '{literal}', expected: ',' or ')'")
            elif token == ",":
                if not found:
                    found[""] = None
                following = self._look()[0]
                if following == ")":
                    found[""] = None
                    return list(found)
                if following == ",":
                    self._position += 1
                    found[""] = None
            else:
                raise SelectorError(f"found '{literal}', expected: ',', or identifier")

    def _exact_value(self) -> tuple[str, ...]:
        if self._look()[0] in (_END, ","):
            return ("",)
        token, literal = self._take()
        if token != _IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        return (literal,)
