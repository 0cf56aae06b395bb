"""The buffer before a receiver, in virtual time: events in, batches out, each with the instant at which it is handed on.

upstream: apiserver/plugin/pkg/audit/buffered/buffered.go, client-go/util/flowcontrol/throttle.go, 1.28.

One consumer gathers a batch until it is full or its time is over, waits for the throttle, hands it on without waiting for the answer, and
begins the next. While it waits, the buffer fills; what finds it full is dropped. Values only: nothing here knows a wall clock or a socket.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from kubelab.cluster.auditing.options import Batch
from kubelab.engine.component import Client
from kubelab.engine.runner import Bucket
from kubelab.kinds.kind import Object

BLOCKED = "audit buffer queue blocked"
SHUT_DOWN = "audit backend shut down"


class Closed(NamedTuple):
    """A batch that is handed on at an instant."""

    at_ns: int
    events: list[Object]


class Buffer:
    """``offer`` events at instants that never go back, and take what is ``due``."""

    __slots__ = ("_batch", "_closed", "_config", "_last_ns", "_queue", "_since_ns", "_throttle", "stopped")

    def __init__(self, config: Batch, now_ns: int) -> None:
        self._config = config
        self._queue: deque[tuple[int, Object]] = deque()
        self._batch: list[Object] = []
        self._closed: list[Closed] = []
        self._since_ns = now_ns  # since when (or from when on) the consumer gathers
        self._last_ns = now_ns  # when the newest event of the batch came into it
        self._throttle = Bucket(Client(config.throttle_qps, config.throttle_burst), now_ns) if config.throttle_enable else None
        self.stopped = False

    def __len__(self) -> int:
        """Events that wait: in the buffer, in the batch that is being gathered, for the throttle."""
        return len(self._queue) + len(self._batch) + sum(len(batch.events) for batch in self._closed)

    def offer(self, event: Object, now_ns: int) -> str:
        """Take an event; "" or why it is dropped."""
        if self.stopped:
            return SHUT_DOWN
        self._advance(now_ns)
        if len(self._queue) >= self._config.buffer_size:
            return BLOCKED
        self._queue.append((now_ns, event))
        self._advance(now_ns)
        return ""

    def due(self, now_ns: int) -> list[Closed]:
        """The batches handed on up to an instant."""
        self._advance(now_ns)
        ready = [batch for batch in self._closed if batch.at_ns <= now_ns]
        self._closed = [batch for batch in self._closed if batch.at_ns > now_ns]
        return ready

    def drain(self, now_ns: int) -> list[Closed]:
        """All that waits, in batches, at once; only the throttle still holds them up."""
        self._advance(now_ns)
        while self._queue or self._batch:
            at_ns = max(now_ns, self._since_ns)
            self._gather()
            self._close(at_ns)
        ready, self._closed = self._closed, []
        return ready

    def stop(self, now_ns: int) -> list[Closed]:
        """``drain`` for good: later events are refused."""
        ready = self.drain(now_ns)
        self.stopped = True
        return ready

    def _advance(self, now_ns: int) -> None:
        """Let the consumer work up to an instant."""
        full = self._config.max_batch_size
        wait_ns = max(1, self._config.max_wait_ns)
        while self._since_ns <= now_ns:
            self._gather()
            if len(self._batch) >= full:
                self._close(max(self._since_ns, self._last_ns))
            elif full > 1 and self._since_ns + wait_ns <= now_ns:
                if self._batch:
                    self._close(self._since_ns + wait_ns)
                else:
                    self._since_ns += (now_ns - self._since_ns) // wait_ns * wait_ns
            else:
                return

    def _gather(self) -> None:
        queue, batch = self._queue, self._batch
        while queue and len(batch) < self._config.max_batch_size:
            self._last_ns, event = queue.popleft()
            batch.append(event)

    def _close(self, at_ns: int) -> None:
        sent_ns = at_ns if self._throttle is None else self._throttle.take(at_ns)
        self._closed.append(Closed(sent_ns, self._batch))
        self._batch = []
        self._since_ns = sent_ns
