"""Every text scenario says what happens, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario.runner import play

FILES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_scenario_says_what_happens(path: Path) -> None:
    expected, found = play(path)
    assert found == expected
