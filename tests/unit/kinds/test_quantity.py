"""upstream: staging/src/k8s.io/apimachinery/pkg/api/resource/quantity_test.go, 1.28."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelab.kinds import quantity
from kubelab.kinds.quantity import BINARY_SI, DECIMAL_EXPONENT, DECIMAL_SI, FORMAT_WRONG, NANO, QuantityError, parse

PARSED = [  # TestQuantityParse: text, value, family
    ("0", Fraction(0), DECIMAL_SI),
    ("0Ki", Fraction(0), BINARY_SI),
    ("8Ki", Fraction(8 * 1024), BINARY_SI),
    ("3Ei", Fraction(3 * 1024**6), BINARY_SI),
    ("5n", Fraction(5, 10**9), DECIMAL_SI),
    ("3m", Fraction(3, 1000), DECIMAL_SI),
    ("50k", Fraction(50_000), DECIMAL_SI),
    ("1E", Fraction(10**18), DECIMAL_SI),
    ("1E-3", Fraction(1, 1000), DECIMAL_EXPONENT),
    ("1e3", Fraction(1000), DECIMAL_EXPONENT),
    ("1.3E+6", Fraction(1_300_000), DECIMAL_EXPONENT),
    ("100.035k", Fraction(100_035), DECIMAL_SI),
    ("0.00050k", Fraction(1, 2), DECIMAL_SI),
    ("0.5e-2", Fraction(5, 1000), DECIMAL_EXPONENT),
    ("7.123456M", Fraction(7_123_456), DECIMAL_SI),
    ("3.001n", Fraction(4, 10**9), DECIMAL_SI),
    ("1.1E-9", Fraction(2, 10**9), DECIMAL_EXPONENT),
    ("0.00000012345", Fraction(124, 10**9), DECIMAL_SI),
    ("100.035Ki", Fraction(10243584, 100), BINARY_SI),
    ("0.025Ti", Fraction(274877906944, 10), BINARY_SI),
    ("0.000000000001Ki", Fraction(2, 10**9), DECIMAL_SI),
    (".0001k", Fraction(1, 10), DECIMAL_SI),
    ("1.G", Fraction(10**9), DECIMAL_SI),
    ("12E", Fraction(12 * 10**18), DECIMAL_SI),
]


@pytest.mark.parametrize(("text", "value", "family"), PARSED)
def test_a_text_has_upstreams_value_and_family(text: str, value: Fraction, family: str) -> None:
    found = parse(text)
    assert (Fraction(found.nano, NANO), found.format) == (value, family)


CANONICAL = [  # TestQuantityString (alternate → expect), TestQuantityParseEmit
    ("1024Mi", "1Gi"),
    ("307200Ki", "300Mi"),
    ("1025024Mi", "1001Gi"),
    ("5000m", "5"),
    ("0.5", "500m"),
    ("0.001T", "1G"),
    ("1000u", "1m"),
    ("1080000000n", "1080m"),
    (".001e12", "1e9"),
    ("0.001e0", "1e-3"),
    ("1000e-12", "1e-9"),
    ("00", "0"),
    (".001Ki", "1024m"),
    (".000000001Ki", "1024n"),
    (".000000000001Ki", "2n"),
    ("1000M", "1G"),
    ("1.5Gi", "1536Mi"),
    ("1Ki", "1Ki"),
    ("1234567M", "1234567M"),
    ("80e-3", "80e-3"),
    ("100000Ei", "9223372036854775807"),
]


@pytest.mark.parametrize(("text", "canonical"), CANONICAL)
def test_canonical_text(text: str, canonical: str) -> None:
    assert parse(text).text == canonical
    if canonical not in ("0", "9223372036854775807"):
        assert parse("-" + text).text == "-" + canonical


@pytest.mark.parametrize("text", ["1.500", "+1", "100Ki"])
def test_a_text_that_upstreams_fast_path_takes_for_canonical_keeps_its_spelling(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize("text", ["", "1.1.M", "1+1.0M", "aoeu", " 1", "1 ", "1x"])
def test_no_quantity(text: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert str(caught.value) == FORMAT_WRONG


@pytest.mark.parametrize("text", ["0.1mi", ".5i", "1i", "-3.01i", "-3.01e-", "1mm"])
def test_bad_quantities_of_upstreams_table_are_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse(text)


def test_values_round_away_from_zero() -> None:  # TestQuantityRoundUp, scale_int.go
    assert (parse("1500m").value(), parse("-1500m").value(), parse("100u").milli(), parse("1e-9").milli()) == (2, -2, 1, 1)


def test_sums_take_the_family_of_the_first_amount_that_is_not_zero() -> None:  # TestQuantityAdd
    assert quantity.add(["0", "1Gi", "1Gi"]) == "2Gi"
    assert quantity.add(["500m", "1"]) == "1500m"
    assert quantity.add([]) == "0"
    assert quantity.subtract("1Gi", "512Mi") == "512Mi"


def test_amounts_compare_across_families() -> None:  # TestQuantityCmp
    assert [quantity.compare(a, b) for a, b in [("1k", "1000"), ("1Ki", "1k"), ("100m", "1")]] == [0, 1, -1]


@pytest.mark.parametrize(("value", "text"), [(0.5, "500m"), (2, "2"), (" 1Gi ", "1Gi")])
def test_numbers_and_padded_texts_of_a_json_body(value: object, text: str) -> None:  # Quantity.UnmarshalJSON
    assert quantity.parse_json(value).text == text


@given(st.integers(-(10**9), 10**9), st.sampled_from(["n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_the_canonical_text_means_the_same_amount(number: int, suffix: str) -> None:
    found = parse(f"{number}{suffix}")
    again = parse(found.text)
    assert again.nano == found.nano
    assert again.text == found.text
