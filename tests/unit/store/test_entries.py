"""A sequence in blocks reads as the list of the same entries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelab.store import entries
from kubelab.store.entries import Entries, shortened

SMALL = 4


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "BLOCK", SMALL)


def halved(number: int) -> tuple[str, Sequence[int]] | None:
    """Even numbers are kept as their half."""
    return ("even", (number // 2,)) if number % 2 == 0 else None


def doubled(shape: str, numbers: Sequence[int], before: int | None) -> int:
    assert shape == "even"
    return 2 * numbers[0]


def in_blocks(numbers: list[int], blocks: int) -> Entries[int]:
    made: Entries[int] = Entries(numbers)
    for _ in range(min(blocks, len(numbers) // SMALL)):
        made.freeze(shortened(made.tail[:SMALL], halved, doubled, 1))
    return made


sequences = st.tuples(st.lists(st.integers(0, 99), max_size=30), st.integers(0, 7))
numbers_or_none = st.none() | st.integers(-35, 35)


@given(sequences, numbers_or_none, numbers_or_none, st.none() | st.integers(-3, 3).filter(bool))
def test_slices_are_those_of_the_list(case: tuple[list[int], int], start: int | None, stop: int | None, step: int | None) -> None:
    numbers, blocks = case
    assert in_blocks(numbers, blocks)[start:stop:step] == numbers[start:stop:step]


@given(sequences, st.integers(-35, 35))
def test_items_are_those_of_the_list_and_so_is_their_absence(case: tuple[list[int], int], at: int) -> None:
    numbers, blocks = case
    made = in_blocks(numbers, blocks)
    if -len(numbers) <= at < len(numbers):
        assert made[at] == numbers[at]
    else:
        with pytest.raises(IndexError):
            made[at]


@given(sequences)
def test_it_is_walked_in_both_directions_compared_and_printed_as_the_list(case: tuple[list[int], int]) -> None:
    numbers, blocks = case
    made = in_blocks(numbers, blocks)
    assert list(made) == numbers
    assert list(reversed(made)) == numbers[::-1]
    assert len(made) == len(numbers)
    assert made == numbers
    assert made == in_blocks(numbers, 0)
    assert (made != [*numbers, 1]) is True
    assert repr(made) == repr(numbers)
    assert [each for part in made.parts() for each in part] == numbers


@given(sequences, st.integers(0, 35), st.integers(0, 35))
def test_what_stands_between_two_numbers_is_the_slice(case: tuple[list[int], int], start: int, stop: int) -> None:
    numbers, blocks = case
    assert list(in_blocks(numbers, blocks).between(start, stop)) == numbers[start:stop]


@given(sequences, st.lists(st.integers(0, 99), max_size=9))
def test_a_fork_shares_the_blocks_and_goes_on_alone(case: tuple[list[int], int], more: list[int]) -> None:
    numbers, blocks = case
    made = in_blocks(numbers, blocks)
    fork = made.fork()
    for number in more:
        fork.append(number)
    if len(fork.tail) >= SMALL:
        fork.freeze(shortened(fork.tail[:SMALL], halved, doubled, 1))
    assert made == numbers
    assert fork == numbers + more
    assert all(mine is its for mine, its in zip(made.blocks, fork.blocks, strict=False))


def test_an_entry_in_short_form_is_known_by_its_shape() -> None:
    made = in_blocks([1, 2, 3, 4, 5], 1)
    assert [made.like(at) for at in range(5)] == [1, "even", 3, "even", 5]
