"""A sequence that only grows: its end is a plain list, what is older stands in blocks that never change again and are shared with forks.

It reads as a list does. Blocks may keep what they hold in a shorter form (``heartbeats``), as long as it reads back the same.

upstream: etcd keeps its newest revisions in memory and older ones in pages (server/storage/mvcc); there nothing is ever changed either.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar, overload

BLOCK = 1024
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Numbers = Sequence[int]
Make = Callable[[Any, Numbers, "T | None"], T]  # of a shape, the numbers, and the entry of the same shape before it, if it is at hand


class Block(Protocol[T_co]):
    """``BLOCK`` entries that will never change. ``like``: an entry, or its shape, which says the same but for numbers."""

    def at(self, place: int) -> T_co: ...

    def like(self, place: int) -> Any: ...

    def all(self) -> Sequence[T_co]: ...


class Whole(Generic[T]):
    """A block as it came."""

    __slots__ = ("entries",)

    def __init__(self, entries: tuple[T, ...]) -> None:
        self.entries = entries

    def at(self, place: int) -> T:
        return self.entries[place]

    def like(self, place: int) -> Any:
        return self.entries[place]

    def all(self) -> Sequence[T]:
        return self.entries


class Short(Generic[T]):
    """A block some of whose entries are kept as a shape, which many share, and a few numbers: ``make`` makes the entry of them.

    ``places`` says where these stand, ``which`` of what shape they are; all others are ``plain``.
    """

    __slots__ = ("make", "numbers", "places", "plain", "shapes", "which", "width")

    def __init__(self, make: Make[T], width: int) -> None:
        self.make = make
        self.width = width
        self.places = array("H")
        self.which = array("H")
        self.numbers = array("q")
        self.shapes: list[Any] = []
        self.plain: list[T] = []

    def at(self, place: int) -> T:
        rank = bisect_left(self.places, place)
        if rank == len(self.places) or self.places[rank] != place:
            return self.plain[place - rank]
        return self.make(self.shapes[self.which[rank]], self._numbers(rank), None)

    def like(self, place: int) -> Any:
        rank = bisect_left(self.places, place)
        if rank == len(self.places) or self.places[rank] != place:
            return self.plain[place - rank]
        return self.shapes[self.which[rank]]

    def all(self) -> Sequence[T]:
        found: list[T] = []
        latest: dict[int, T] = {}
        make, shapes = self.make, self.shapes
        for rank, (place, which) in enumerate(zip(self.places, self.which, strict=True)):
            missing = place - len(found)
            if missing:
                start = len(found) - rank
                found += self.plain[start : start + missing]
            entry = latest[which] = make(shapes[which], self._numbers(rank), latest.get(which))
            found.append(entry)
        return found + self.plain[len(found) - len(self.places) :]

    def _numbers(self, rank: int) -> Numbers:
        return self.numbers[rank * self.width : (rank + 1) * self.width]


def shortened(entries: Iterable[T], short: Callable[[T], tuple[Any, Numbers] | None], make: Make[T], width: int) -> Block[T]:
    """A block of these entries. ``short`` gives an entry's shape and numbers, or None if it has to stay as it is; shapes are told apart by
    identity, and live as long as the block."""
    block = Short(make, width)
    known: dict[int, int] = {}  # shape → its number
    places: list[int] = []
    whiches: list[int] = []
    figures: list[int] = []
    for place, entry in enumerate(entries):
        found = short(entry)
        if found is None:
            block.plain.append(entry)
            continue
        shape, numbers = found
        which = known.get(id(shape))  # order-free: an identity test only
        if which is None:
            which = known[id(shape)] = len(known)  # order-free: an identity test only
            block.shapes.append(shape)
        places.append(place)
        whiches.append(which)
        figures += numbers
    block.places, block.which, block.numbers = array("H", places), array("H", whiches), array("q", figures)
    return block if places else Whole(tuple(block.plain))


class Entries(Sequence[T]):
    """``tail`` holds the entries from number ``base`` on; ``append`` is the tail's own. Two are equal if they hold the same."""

    __slots__ = ("append", "base", "blocks", "tail")

    def __init__(self, entries: Iterable[T] = (), blocks: Iterable[Block[T]] = ()) -> None:
        self.blocks: list[Block[T]] = list(blocks)
        self.base = BLOCK * len(self.blocks)
        self.tail: list[T] = list(entries)
        self.append = self.tail.append

    def fork(self) -> Entries[T]:
        return Entries(self.tail, self.blocks)

    def freeze(self, block: Block[T]) -> None:
        """Let ``block`` stand for the first ``BLOCK`` entries of the tail."""
        del self.tail[:BLOCK]
        self.blocks.append(block)
        self.base += BLOCK

    def __len__(self) -> int:
        return self.base + len(self.tail)

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> list[T]: ...

    def __getitem__(self, at: int | slice) -> T | list[T]:
        if isinstance(at, slice):
            return self._slice(at)
        if at < 0:
            at += self.base + len(self.tail)
        place = at - self.base
        if place >= 0:
            return self.tail[place]
        if at < 0:
            raise IndexError(f"there are {len(self)} entries")
        return self.blocks[at // BLOCK].at(at % BLOCK)

    def _slice(self, wanted: slice) -> list[T]:
        start, stop, step = wanted.indices(len(self))
        if step < 0:
            return [self[at] for at in range(start, stop, step)]
        if start >= self.base:
            return self.tail[start - self.base : stop - self.base : step] if stop > start else []
        found: list[T] = []
        for number in range(start // BLOCK, min(-(-stop // BLOCK), len(self.blocks))):
            first = number * BLOCK
            found += self.blocks[number].all()[max(0, start - first) : max(0, stop - first)]
        found += self.tail[: max(0, stop - self.base)]
        return found if step == 1 else found[::step]

    def like(self, at: int) -> Any:
        """The entry of a number, or its shape, which says the same but for numbers and is there at once."""
        place = at - self.base
        return self.tail[place] if place >= 0 else self.blocks[at // BLOCK].like(at % BLOCK)

    def between(self, start: int, stop: int) -> Iterator[T]:
        """The entries from one number up to another, made as they are asked for: quicker than each by its number."""
        while start < stop:
            number, place = divmod(start, BLOCK)
            part = self.blocks[number].all()[place:] if number < len(self.blocks) else self.tail[start - self.base :]
            yield from part[: stop - start]
            start += len(part) or stop - start

    def parts(self) -> Iterator[Sequence[T]]:
        """All entries in order, in handy parts."""
        for block in self.blocks:
            yield block.all()
        yield self.tail

    def __iter__(self) -> Iterator[T]:
        for part in self.parts():
            yield from part

    def __reversed__(self) -> Iterator[T]:
        yield from reversed(self.tail)
        for block in reversed(self.blocks):
            yield from reversed(block.all())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Entries, list)):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))
