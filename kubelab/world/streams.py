"""Named random streams: all chance of a world, each purpose with its own stream, so that one more draw here changes nothing there.

SplitMix64 (Steele, Lea, Flood 2014): the state of a stream is one integer, so that a fork is a dict copy and a saved world is plain JSON.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # upstream: apimachinery/pkg/util/rand/rand.go


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def fnv64(text: str) -> int:
    """FNV-1a, 64 bit: a stable hash, where Python's own differs from run to run."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


class Streams:
    """Random numbers by purpose. ``state`` maps a stream's name to its integer."""

    __slots__ = ("seed", "state")

    def __init__(self, seed: int, state: dict[str, int] | None = None) -> None:
        self.seed = seed
        self.state: dict[str, int] = {} if state is None else state

    def fork(self) -> Streams:
        return Streams(self.seed, dict(self.state))

    def next(self, name: str) -> int:
        """64 random bits."""
        state = self.state.get(name)
        if state is None:
            state = _mix((fnv64(name) ^ (self.seed * _GOLDEN)) & _MASK)
        self.state[name] = z = (state + _GOLDEN) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, name: str, n: int) -> int:
        """An integer in [0, n)."""
        return (self.next(name) * n) >> 64

    def uniform(self, name: str) -> float:
        """A number in [0, 1)."""
        state = self.state.get(name)
        if state is None:
            return (self.next(name) >> 11) / (1 << 53)
        self.state[name] = z = (state + _GOLDEN) & _MASK  # as ``next``, without a call: each call of a component draws its latency
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    def suffix(self, name: str, length: int = 5) -> str:
        """Letters as upstream puts behind a generateName."""
        bits, out = self.next(name), []
        for _ in range(length):
            bits, at = divmod(bits, 27)
            out.append(SUFFIX_ALPHABET[at])
        return "".join(out)

    def uuid(self, name: str = "uid") -> str:
        """A version 4 UUID."""
        high, low = self.next(name), self.next(name)
        high = (high & ~0xF000) | 0x4000
        low = (low & (_MASK >> 2)) | (1 << 63)
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
