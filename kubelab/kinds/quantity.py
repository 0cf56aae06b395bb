"""Resource quantities: exact parsing, the canonical form of each family, arithmetic.

A quantity keeps the family of its suffix (``DecimalSI``, ``BinarySI``, ``DecimalExponent``) and is held in whole nano units, which is
also upstream's finest grain (smaller amounts round away from zero). Texts that upstream would hand back unchanged keep their spelling.

upstream: staging/src/k8s.io/apimachinery/pkg/api/resource/{quantity,suffix,amount}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

NANO = 1_000_000_000
DECIMAL_SI = "DecimalSI"
BINARY_SI = "BinarySI"
DECIMAL_EXPONENT = "DecimalExponent"

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMERIC_WRONG = "unable to parse numeric part of quantity"
SUFFIX_WRONG = "unable to parse quantity's suffix"

_MAX_BINARY = (2**63 - 1) * NANO
_MAX_EXPONENT = 4096
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_OF = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_OF = {exponent: suffix for suffix, exponent in _BINARY.items()}
_SUFFIX_CHARS = frozenset("eEinumkKMGTP")
_DIGITS = frozenset("0123456789")


class QuantityError(ValueError):
    """A text that is no quantity, in upstream's words."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """``nano`` units of 10⁻⁹, the family of the suffix, and the canonical ``text``."""

    nano: int
    format: str
    text: str

    def value(self) -> int:
        """Whole units, rounded away from zero (upstream: Value)."""
        return _divide_up(self.nano, NANO)

    def milli(self) -> int:
        """Thousandths, rounded away from zero (upstream: MilliValue)."""
        return _divide_up(self.nano, 1_000_000)


def parse(text: str) -> Quantity:
    """Read a quantity. Raises QuantityError.

    >>> parse("1024Mi").text, parse("0.5").text, parse("1500m").milli(), parse("1e3").text
    ('1Gi', '500m', 1500, '1e3')
    """
    found = _parse(text)
    if isinstance(found, str):
        raise QuantityError(found)
    return found


def parse_json(value: Any) -> Quantity:
    """A quantity as it may stand in a JSON body: a string or a number. Raises QuantityError."""
    if isinstance(value, str):
        return parse(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise QuantityError(FORMAT_WRONG)
    return parse(repr(value))


def canonical(text: str) -> str:
    return parse(text).text


def milli(text: str | None) -> int:
    """Thousandths of a quantity's text, rounded up; 0 for None."""
    return parse(text).milli() if text is not None else 0


def value(text: str | None) -> int:
    """Whole units of a quantity's text, rounded up; 0 for None."""
    return parse(text).value() if text is not None else 0


def compare(left: str, right: str) -> int:
    """-1, 0 or 1."""
    a, b = parse(left).nano, parse(right).nano
    return (a > b) - (a < b)


def add(texts: Iterable[str]) -> str:
    """The sum; the family is that of the first amount that is not zero (upstream: Quantity.Add)."""
    total, family = 0, DECIMAL_SI
    for text in texts:
        one = parse(text)
        if total == 0:
            family = one.format
        total += one.nano
    return render(total, family)


def subtract(left: str, right: str) -> str:
    a, b = parse(left), parse(right)
    return render(a.nano - b.nano, b.format if a.nano == 0 else a.format)


def of(units: int, family: str = DECIMAL_SI) -> str:
    """The canonical text of whole units (upstream: NewQuantity)."""
    return render(units * NANO, family)


def render(nano: int, family: str) -> str:
    """Nano units in the canonical form of a family (upstream: CanonicalizeBytes)."""
    if nano == 0:
        return "0"
    if family == BINARY_SI and (-1024 * NANO < nano < 1024 * NANO or nano % NANO):
        family = DECIMAL_SI
    if family == BINARY_SI:
        amount, exponent = nano // NANO, 0
        while amount % 1024 == 0:
            amount, exponent = amount // 1024, exponent + 10
        return f"{amount}{_BINARY_OF.get(exponent, '')}"
    amount, exponent = nano, -9
    while amount % 1000 == 0:
        amount, exponent = amount // 1000, exponent + 3
    if family == DECIMAL_SI:
        return f"{amount}{_DECIMAL_OF.get(exponent, '')}"
    return f"{amount}e{exponent}" if exponent else str(amount)


@lru_cache(maxsize=16384)
def _parse(text: str) -> Quantity | str:
    if not text:
        return FORMAT_WRONG
    if text == "0":
        return Quantity(0, DECIMAL_SI, "0")
    split = _split(text)
    if split is None:
        return FORMAT_WRONG
    negative, whole, fraction, suffix = split
    meaning = _suffix(suffix)
    if meaning is None:
        return SUFFIX_WRONG
    exponent, family = meaning
    digits = int((whole + fraction) or "0")
    if family == BINARY_SI:
        scaled, divisor = digits * (1 << exponent) * NANO, 10 ** len(fraction)
    else:
        power = exponent - len(fraction) + 9
        if power > _MAX_EXPONENT:
            return NUMERIC_WRONG
        scaled, divisor = (digits * 10**power, 1) if power >= 0 else (digits, 10 ** min(-power, _MAX_EXPONENT))
    nano = _divide_up(scaled, divisor)
    if family == BINARY_SI and nano > _MAX_BINARY:
        nano = _MAX_BINARY
    if family == BINARY_SI and 0 < nano < NANO:
        family = DECIMAL_SI
    if negative:
        nano = -nano
    spelled = _keeps_spelling(whole, fraction, exponent, family, digits)
    return Quantity(nano, family, text if spelled else render(nano, family))


def _split(text: str) -> tuple[bool, str, str, str] | None:
    """Sign, whole digits, fraction digits, suffix; None if the shape is wrong (upstream: parseQuantityString)."""
    negative = text[0] == "-"
    position, end = int(text[0] in "+-"), len(text)
    while position < end and text[position] == "0":
        position += 1
    if position == end:
        return negative, "0", "", ""
    start = position
    while position < end and text[position] in _DIGITS:
        position += 1
    whole, fraction = text[start:position] or "0", ""
    if position < end and text[position] == ".":
        start = position = position + 1
        while position < end and text[position] in _DIGITS:
            position += 1
        fraction = text[start:position]
    start = position
    while position < end and text[position] in _SUFFIX_CHARS:
        position += 1
    if position < end and text[position] in "+-":
        position += 1
    while position < end and text[position] in _DIGITS:
        position += 1
    return (negative, whole, fraction, text[start:]) if position == end else None


def _suffix(suffix: str) -> tuple[int, str] | None:
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], DECIMAL_SI
    if suffix in _BINARY:
        return _BINARY[suffix], BINARY_SI
    if len(suffix) > 1 and suffix[0] in "eE":
        digits = suffix[2:] if suffix[1] in "+-" else suffix[1:]
        if digits.isascii() and digits.isdigit():
            return int(suffix[1:]), DECIMAL_EXPONENT
    return None


def _keeps_spelling(whole: str, fraction: str, exponent: int, family: str, digits: int) -> bool:
    """Whether upstream's fast path takes the text for canonical without looking further."""
    if family == BINARY_SI:
        return not fraction and 14 - len(whole) - exponent * 3 // 10 >= 0 and digits & 7 != 0
    scale, shifted = exponent - len(fraction), whole + fraction
    return len(shifted) <= 18 and scale >= -9 and scale % 3 == 0 and not shifted.endswith("000") and shifted[0] != "0"


def fast_path(text: str) -> tuple[int, int, bool]:
    """What upstream's parser keeps of a canonical text: digits, power of ten, and whether it keeps the text too.

    >>> fast_path("500m"), fast_path("16Gi"), fast_path("2")
    ((500, -3, True), (17179869184, 0, False), (2, 0, True))
    """
    negative, whole, fraction, suffix = _split(text) or (False, "0", "", "")
    exponent, family = _suffix(suffix) or (0, DECIMAL_SI)
    digits = int((whole + fraction) or "0")
    kept = text == "0" or _keeps_spelling(whole, fraction, exponent, family, digits)
    if family == BINARY_SI:
        return (-digits if negative else digits) << exponent, 0, kept
    return -digits if negative else digits, exponent - len(fraction), kept


def _divide_up(amount: int, divisor: int) -> int:
    """The quotient, rounded away from zero."""
    return -(-amount // divisor) if amount >= 0 else amount // divisor
