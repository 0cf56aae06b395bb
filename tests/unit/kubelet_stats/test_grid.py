"""cAdvisor's housekeeping: vendor/github.com/google/cadvisor/manager/container.go (the next look d to 2 d later), 1.28."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kubelab.kubelet.stats.grid import EPOCH_NS, INTERVAL_NS, instants, newest
from kubelab.world.clock import HOUR, SECOND

START = 1_767_225_600 * SECOND


def test_the_first_look_is_at_the_start():
    assert instants("c", 1, START, START - 1, START) == [START]
    assert instants("c", 1, START, 0, START - 1) == []


@given(seed=st.integers(0, 2**32), hours=st.integers(1, 40), name=st.text("abc/", min_size=1))
def test_looks_lie_ten_to_thirty_seconds_apart(seed, hours, name):
    until_ns = START + hours * HOUR // 4
    gaps = [after - before for before, after in pairwise(instants(name, seed, START, START - 1, until_ns))]
    assert all(INTERVAL_NS <= gap <= 3 * INTERVAL_NS for gap in gaps)


def test_within_an_epoch_they_lie_ten_to_twenty_seconds_apart_and_fill_the_range():
    gaps = []
    for seed in range(60):
        looks = instants("c", seed, START, START - 1, START + EPOCH_NS - 1)
        gaps += [after - before for before, after in pairwise(looks)]
    assert INTERVAL_NS <= min(gaps) < 1.02 * INTERVAL_NS
    assert 1.98 * INTERVAL_NS < max(gaps) < 2 * INTERVAL_NS
    assert abs(sum(gaps) / len(gaps) - 1.5 * INTERVAL_NS) < 0.02 * INTERVAL_NS


@given(cut=st.integers(1, 7200), seed=st.integers(0, 100))
def test_what_was_seen_stays_seen(cut, seed):
    whole = instants("c", seed, START, START - 1, START + 2 * HOUR)
    early = instants("c", seed, START, START - 1, START + cut * SECOND)
    assert whole[: len(early)] == early
    assert newest("c", seed, START, START + cut * SECOND) == early[-2:]


def test_each_cgroup_and_seed_has_its_own():
    assert len({tuple(instants(name, seed, START, START, START + 100 * SECOND)) for name in "abc" for seed in range(3)}) == 9
