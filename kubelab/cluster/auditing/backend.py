"""What a log file and a receiver have in common: truncation before anything else, then the mode, and what became of each event.

upstream: apiserver/pkg/server/options/audit.go (wrapBackend), apiserver/pkg/audit/metrics.go (HandlePluginError), 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from kubelab.cluster.auditing.batching import Buffer, Closed
from kubelab.cluster.auditing.options import Batch, Truncate
from kubelab.cluster.auditing.truncation import cut
from kubelab.kinds.kind import Object


class Sink(Protocol):
    """Where events end up. ``take`` hands on a batch at an instant, ``pass_time`` does what is due by then."""

    plugin: str
    where: str

    def take(self, events: list[Object], at_ns: int, errors: Errors) -> None: ...

    def pass_time(self, now_ns: int, errors: Errors) -> None: ...

    def store_now(self, event: Object, at_ns: int) -> str:
        """Store one event while its request waits; "" or the error."""
        ...

    def finish(self, now_ns: int, errors: Errors) -> None:
        """Bring everything to its end."""
        ...

    def hope(self) -> None:
        """A new run begins."""
        ...

    def close(self) -> None: ...

    def sent(self) -> int: ...

    def waiting(self) -> int: ...


@dataclass(slots=True)
class Errors:
    """Events that came to nothing, by plugin since the beginning, and by reason since it was last said; ``notes`` are worth saying once."""

    total: dict[str, int] = field(default_factory=dict)
    fresh: dict[tuple[str, str], int] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    noted: dict[str, None] = field(default_factory=dict)

    def count(self, plugin: str, reason: str, events: int = 1) -> None:
        self.total[plugin] = self.total.get(plugin, 0) + events
        self.fresh[plugin, reason] = self.fresh.get((plugin, reason), 0) + events

    def note(self, key: str, text: str) -> None:
        if key not in self.noted:
            self.noted[key] = None
            self.notes[text] = None

    def take_words(self) -> list[str]:
        """What there is to say: the errors in upstream's words."""
        words = [f"Error in audit plugin '{plugin}' affecting {count} audit events: {why}" for (plugin, why), count in self.fresh.items()]
        words += self.notes
        self.fresh.clear()
        self.notes.clear()
        return words


class Backend:
    """A backend at work. ``with`` closes it at the end, ``close()`` at once; afterwards it takes no more events.

    ``sent`` events have reached their end, ``waiting`` ones not yet, ``lost`` ones never will (``errors`` says of which plugin).
    """

    def __init__(self, sink: Sink, mode: str, batch: Batch, truncate: Truncate, version: str, now_ns: int) -> None:
        self.sink = sink
        self.mode = mode
        self.closed = False
        self._truncate = truncate
        self._version = version
        self._errors = Errors()
        self._buffer = Buffer(batch, now_ns) if mode == "batch" else None
        self._last_ns = now_ns
        self._detach: Callable[[Backend], None] | None = None

    def attached(self, detach: Callable[[Backend], None]) -> None:
        """``detach`` is called by ``close``."""
        self._detach = detach

    @property
    def strict(self) -> bool:
        return self.mode == "blocking-strict"

    @property
    def errors(self) -> dict[str, int]:
        """Events that failed, by plugin: buffered (the buffer was full), truncate (too large), log, webhook."""
        return dict(self._errors.total)

    @property
    def lost(self) -> int:
        return sum(self._errors.total.values())

    @property
    def sent(self) -> int:
        return self.sink.sent()

    @property
    def waiting(self) -> int:
        return self.sink.waiting() + (len(self._buffer) if self._buffer is not None else 0)

    def close(self) -> None:
        """Send what waits, say what is lost, and take no more events."""
        if self._detach is not None and not self.closed:
            self._detach(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def process(self, event: Object, at_ns: int) -> None:
        """One event of one stage."""
        at_ns = self._last_ns = max(at_ns, self._last_ns)
        for kept in self._kept(event):
            if self._buffer is None:
                self.sink.take([kept], at_ns, self._errors)
            elif why := self._buffer.offer(kept, at_ns):
                self._errors.count("buffered", why)

    def store_now(self, event: Object, at_ns: int) -> bool:
        """Strictly: whether the event is stored, while its request waits. One that truncation drops does not stop the request."""
        at_ns = self._last_ns = max(at_ns, self._last_ns)
        for kept in self._kept(event):
            if why := self.sink.store_now(kept, at_ns):
                self._errors.count(self.sink.plugin, why)
                return False
        return True

    def pass_time(self, now_ns: int) -> None:
        """Do all that is due by an instant."""
        self._last_ns = max(now_ns, self._last_ns)
        if self._buffer is not None:
            self._hand_on(self._buffer.due(self._last_ns))
        self.sink.pass_time(self._last_ns, self._errors)

    def finish(self, now_ns: int, *, for_good: bool) -> None:
        """Send all that waits, at once."""
        self.pass_time(now_ns)
        if self._buffer is not None:
            self._hand_on(self._buffer.stop(self._last_ns) if for_good else self._buffer.drain(self._last_ns))
        self.sink.finish(self._last_ns, self._errors)
        if for_good:
            self.closed = True
            self.sink.close()

    def words(self) -> list[str]:
        """What has to be said since it was last asked."""
        return self._errors.take_words()

    def _kept(self, event: Object) -> list[Object]:
        if not self._truncate.enabled:
            return [event]
        done = cut([event], self._truncate, self._version)
        for _, why in done.refused:
            self._errors.count("truncate", why)
        return [kept for batch in done.batches for kept in batch]

    def _hand_on(self, batches: list[Closed]) -> None:
        for batch in batches:
            self.sink.take(batch.events, batch.at_ns, self._errors)

    def __str__(self) -> str:
        """As upstream's server says at its start which backend it uses."""
        name = self.sink.plugin
        if self.mode == "batch":
            name = f"buffered<{name}>"
        elif self.mode == "blocking":
            name = f"ignoreErrors<{name}>"
        return f"truncate<{name}>" if self._truncate.enabled else name

    def __repr__(self) -> str:
        state = "closed, " if self.closed else ""
        return f"<{self} to {self.sink.where}: {state}{self.sent} sent, {self.waiting} waiting, {self.lost} lost>"
