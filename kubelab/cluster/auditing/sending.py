"""Batches on their way: each is tried five times, with waits that grow; then it is lost. In virtual time, side by side.

upstream: apiserver/plugin/pkg/audit/webhook/webhook.go, apiserver/pkg/util/webhook/webhook.go, apimachinery/pkg/util/wait/backoff.go, 1.28.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from kubelab.world.streams import Streams

TRIES = 5
FACTOR = 1.5
JITTER = 0.2
FOR_EVER_NS = 2**63 - 1


class Outcome(NamedTuple):
    """How a try ended: ``error`` "" is success, ``took_ns`` its virtual time, ``silent`` that nothing came back at all, ``away`` that nobody
    listened, ``unread`` that what succeeded was not the POST (a redirect that drops its body)."""

    error: str = ""
    took_ns: int = 0
    silent: bool = False
    unread: str = ""
    away: bool = False


class Parcel(NamedTuple):
    """A batch in its wire form: so many events."""

    body: bytes
    events: int


class Done(NamedTuple):
    """A parcel that is through with it: delivered, or lost with the last error."""

    parcel: Parcel
    tries: int
    outcome: Outcome


class Sending:
    """The tries to come. ``post`` does the real thing, and says how it went."""

    __slots__ = ("_heap", "_initial_ns", "_sequence", "_streams", "parcels_waiting", "waiting")

    def __init__(self, initial_backoff_ns: int, seed: int) -> None:
        self._heap: list[tuple[int, int, int, int, Parcel]] = []  # (when, sequence, number of the try, wait after it, parcel)
        self._initial_ns = initial_backoff_ns
        self._sequence = 0
        self._streams = Streams(seed)
        self.waiting = 0  # events
        self.parcels_waiting = 0

    def launch(self, parcel: Parcel, at_ns: int) -> None:
        """A parcel's first try, at an instant."""
        self._push(at_ns, 1, self._initial_ns, parcel)
        self.waiting += parcel.events
        self.parcels_waiting += 1

    def next(self) -> tuple[int, bool] | None:
        """When the next try is due, and whether it is not the first one."""
        return (self._heap[0][0], self._heap[0][2] > 1) if self._heap else None

    def run(self, until_ns: int, post: Callable[[Parcel, int], Outcome]) -> list[Done]:
        """Make every try that is due up to an instant, in order of time."""
        done: list[Done] = []
        while self._heap and self._heap[0][0] <= until_ns:
            at_ns, _, number, wait_ns, parcel = heapq.heappop(self._heap)
            try:
                outcome = post(parcel, at_ns)
            except BaseException:  # an interrupt: the try is still to be made
                self._push(at_ns, number, wait_ns, parcel)
                raise
            if not outcome.error or number >= TRIES:
                self.waiting -= parcel.events
                self.parcels_waiting -= 1
                done.append(Done(parcel, number, outcome))
                continue
            jitter_ns = int(wait_ns * JITTER * self._streams.uniform("audit-webhook-backoff"))
            self._push(at_ns + outcome.took_ns + wait_ns + jitter_ns, number + 1, int(wait_ns * FACTOR), parcel)
        return done

    def _push(self, at_ns: int, number: int, wait_ns: int, parcel: Parcel) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (at_ns, self._sequence, number, wait_ns, parcel))
