"""Int-or-percent values: scaling against a total, and validation.

upstream: staging/src/k8s.io/apimachinery/pkg/util/intstr/intstr.go, pkg/apis/apps/validation/validation.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, Go, go_quote, invalid
from kubelab.kinds.names import NEGATIVE, is_percent

IntOrString = int | str


class IntOrPercentError(ValueError):
    """A text that is no percentage, in upstream's words."""


def scaled(value: IntOrString, total: int, *, round_up: bool) -> int:
    """The value itself, or its percentage of ``total``. Raises IntOrPercentError (upstream: GetScaledValueFromIntOrPercent).

    >>> scaled("25%", 10, round_up=True), scaled("25%", 10, round_up=False), scaled(3, 10, round_up=True)
    (3, 2, 3)
    """
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise IntOrPercentError("invalid value for IntOrString: invalid type: string is not a percentage")
    digits = value[:-1]
    if not _is_integer(digits):
        raise IntOrPercentError(
            f"invalid value for IntOrString: invalid value {go_quote(value)}: strconv.Atoi: parsing {go_quote(digits)}: invalid syntax"
        )
    product = int(digits) * total
    return -(-product // 100) if round_up else product // 100


def _is_integer(digits: str) -> bool:
    bare = digits[1:] if digits[:1] in ("+", "-") else digits
    return bare.isascii() and bare.isdigit()


def as_int(value: IntOrString | None) -> int:
    """The number, or the number in the text, else 0 (upstream: IntValue)."""
    if isinstance(value, int):
        return value
    return int(value) if value and _is_integer(value) else 0


def percent_of(value: IntOrString) -> int | None:
    """The number before the ``%``; None for anything that is no valid percentage (upstream: getPercentValue)."""
    if isinstance(value, int) or is_percent(value):
        return None
    return int(value[:-1])


def go_int_or_string(value: IntOrString | None) -> Go:
    """The value as field errors print it.

    >>> go_int_or_string("20%").text
    'intstr.IntOrString{Type:1, IntVal:0, StrVal:"20%"}'
    """
    if isinstance(value, str):
        return Go(f"intstr.IntOrString{{Type:1, IntVal:0, StrVal:{go_quote(value)}}}")
    return Go(f'intstr.IntOrString{{Type:0, IntVal:{value or 0}, StrVal:""}}')


def validate_nonnegative_int_or_percent(value: IntOrString, path: str) -> list[FieldError]:
    """upstream: ValidatePositiveIntOrPercent."""
    if isinstance(value, str):
        return [invalid(path, go_int_or_string(value), each) for each in is_percent(value)]
    return [invalid(path, value, NEGATIVE)] if value < 0 else []


def validate_at_most_100_percent(value: IntOrString, path: str) -> list[FieldError]:
    """upstream: IsNotMoreThan100Percent."""
    percent = percent_of(value)
    if percent is None or percent <= 100:
        return []
    return [invalid(path, go_int_or_string(value), "must not be greater than 100%")]
