"""upstream: apimachinery/pkg/util/intstr/intstr_test.go, pkg/apis/apps/validation/validation.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kinds import intstr
from kubelab.kinds.intstr import IntOrPercentError


@pytest.mark.parametrize(
    ("value", "total", "up", "down"),
    [
        (123, 100, 123, 123),
        ("90%", 100, 90, 90),
        ("90%", 95, 86, 85),
        ("25%", 4, 1, 1),
        ("25%", 10, 3, 2),
        ("0%", 7, 0, 0),
        ("110%", 10, 11, 11),
    ],
)
def test_scaled(value: int | str, total: int, up: int, down: int) -> None:  # TestGetScaledValueFromIntOrPercent
    assert (intstr.scaled(value, total, round_up=True), intstr.scaled(value, total, round_up=False)) == (up, down)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("5", "invalid value for IntOrString: invalid type: string is not a percentage"),
        ("%", 'invalid value for IntOrString: invalid value "%": strconv.Atoi: parsing "": invalid syntax'),
        ("90#%", 'invalid value for IntOrString: invalid value "90#%": strconv.Atoi: parsing "90#": invalid syntax'),
    ],
)
def test_no_percentage(value: str, message: str) -> None:
    with pytest.raises(IntOrPercentError) as caught:
        intstr.scaled(value, 100, round_up=True)
    assert str(caught.value) == message


def test_validation() -> None:
    found = [
        *intstr.validate_nonnegative_int_or_percent(-1, "f"),
        *intstr.validate_nonnegative_int_or_percent("5", "f"),
        *intstr.validate_at_most_100_percent("120%", "f"),
        *intstr.validate_at_most_100_percent("100%", "f"),
        *intstr.validate_at_most_100_percent(120, "f"),
    ]
    assert [error.text() for error in found] == [
        "f: Invalid value: -1: must be greater than or equal to 0",
        'f: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"5"}: a valid percent string must be a numeric string followed by an '
        "ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        'f: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"120%"}: must not be greater than 100%',
    ]
