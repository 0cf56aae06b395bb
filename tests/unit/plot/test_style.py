"""Colours and words."""

import pytest

from kubelab.frames.breakdown import STAGES
from kubelab.frames.phases import PHASES
from kubelab.frames.words import many
from kubelab.plot import style


def test_every_phase_and_stage_has_its_colour():
    assert set(style.PHASES) == set(style.PHASE_WORDS) == set(PHASES)
    assert set(style.STAGES) == set(STAGES)
    assert len(set(style.PHASES.values())) == len(PHASES) and len(set(style.STAGES.values())) == len(STAGES)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 ms"), (0.25, "250 ms"), (59.94, "59.9 s"), (150, "2 min 30 s"), (3600, "1 h")])
def test_durations_as_people_say_them(seconds, words):
    assert style.duration(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 pods"), (1, "1 pod"), (2000, "2,000 pods")])
def test_numbers_of_things(number, words):
    assert many(number, "pod") == words


def test_revisions_begin_again_when_the_palette_ends():
    assert style.of_revision(0) == style.of_revision(len(style.REVISIONS)) != style.of_revision(1)


def test_text_is_readable_on_its_ground():
    assert (style.on("#000000"), style.on("#FFFFFF")) == ("white", style.INK)
