"""Recorded answers of a real API server (1.20.2), compared word for word: the share of exact ones only grows.

``transcripts.json`` holds, per session, how many answers are exact and why each other one is not. A row that becomes exact must leave the
list; a row that stops being exact fails.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenario.transcripts import FOLDER, replay

RATCHET = json.loads(Path(__file__).with_name("transcripts.json").read_text())
SESSIONS = sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def test_every_session_is_held() -> None:
    assert sorted(RATCHET) == SESSIONS


@pytest.mark.parametrize("name", SESSIONS)
def test_exact_answers_stay_exact(name: str) -> None:
    rows, held = replay(name), RATCHET[name]
    others = {str(row.number) for row in rows if not row.exact}
    print(f"{name}: {len(rows) - len(others)} of {len(rows)} exact")
    lost = sorted(others - held["not exact"].keys(), key=int)
    assert not lost, [row for row in rows if str(row.number) in lost]
    won = sorted(held["not exact"].keys() - others, key=int)
    assert not won, f"exact now, so strike them from transcripts.json: {won}"
    assert held["exact"] == len(rows) - len(others)
    assert held["of"] == len(rows)
