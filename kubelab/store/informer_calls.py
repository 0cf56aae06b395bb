"""The list and watch calls of informers, in columns of numbers: there are many of them, each for minutes, and all alike.

They stand beside the calls of the log, in the order in which things happened: a *moment* is a list that was answered, a watch that began or one
that ended, and says how many calls of the log came before it. Records are made of the rows when somebody looks.

upstream: client-go/tools/cache/reflector.go, 1.28 (what an informer asks).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from kubelab.store.note import Treatment
from kubelab.world.codec import value


@value
class Reflector(NamedTuple):
    """One thing that a process is told of by list and watch. ``component``: the process; ``user``: a request.User; ``agent``: its whole user
    agent; ``selector``: a field selector; ``bare``: its watches say timeoutSeconds alone, where a typed client says timeout as well."""

    component: str
    user: Any
    agent: str
    resource: str
    namespace: str = ""
    selector: str = ""
    bare: bool = False


@value
class Outcome(NamedTuple):
    """How a call went: as in a CallRecord and its AuditNote. ``treatment`` None: not audited. ``status``: of a refusal."""

    code: int = 200
    reason: str = ""
    message: str = ""
    treatment: Treatment | None = None
    decision: str = ""
    allowed: str = ""
    status: Any = None


class InformerCall(NamedTuple):
    """A row: ``version`` is the resourceVersion that was asked for; ``timeout_s`` of a watch (0: a list); ``ended_ns`` 0 while a watch is open."""

    number: int
    reflector: Reflector
    outcome: Outcome
    received_ns: int
    answered_ns: int
    ended_ns: int
    wait_ns: int
    version: int
    timeout_s: int

    @property
    def verb(self) -> str:
        return "watch" if self.timeout_s else "list"


class Moment(NamedTuple):
    """Something that happened after ``calls`` calls of the log. ``ended``: the end of a watch."""

    calls: int
    row: int
    ended: bool


COLUMNS = ("who", "how", "received", "answered", "ended", "wait", "version", "timeout", "moment_calls", "moment_what")
_ROW = COLUMNS[:8]


class InformerCalls:
    """Rows and moments. ``reflectors`` and ``outcomes`` are what the columns ``who`` and ``how`` number."""

    __slots__ = ("_known", "_numbers", "outcomes", "reflectors", *COLUMNS)

    who: array[int]
    how: array[int]
    received: array[int]
    answered: array[int]
    ended: array[int]
    wait: array[int]
    version: array[int]
    timeout: array[int]
    moment_calls: array[int]
    moment_what: array[int]

    def __init__(self) -> None:
        self.reflectors: list[Reflector] = []
        self.outcomes: list[Outcome] = []
        self._numbers: dict[Reflector, int] = {}
        self._known: dict[Outcome, int] = {}
        for name in COLUMNS:
            setattr(self, name, array("q"))

    def fork(self) -> InformerCalls:
        new = InformerCalls.__new__(InformerCalls)
        new.reflectors, new.outcomes = self.reflectors[:], self.outcomes[:]
        new._numbers, new._known = self._numbers.copy(), self._known.copy()
        for name in COLUMNS:
            setattr(new, name, getattr(self, name)[:])
        return new

    def __len__(self) -> int:
        return len(self.who)

    # -- writing -----------------------------------------------------------------------------------------------------
    def number_of(self, reflector: Reflector) -> int:
        """The number of a reflector; one that is new gets the next."""
        number = self._numbers.get(reflector)
        if number is None:
            number = self._numbers[reflector] = len(self.reflectors)
            self.reflectors.append(reflector)
        return number

    def add(
        self, who: int, outcome: Outcome, calls: int, received_ns: int, answered_ns: int, wait_ns: int, version: int, timeout_s: int = 0
    ) -> int:
        """A list that was answered, or a watch that begins; its row."""
        how = self._known.get(outcome) if outcome.status is None else None
        if how is None:
            how = len(self.outcomes)
            self.outcomes.append(outcome)
            if outcome.status is None:
                self._known[outcome] = how
        row = len(self.who)
        refused = outcome.code >= 400
        fields = (who, how, received_ns, answered_ns, answered_ns if refused or not timeout_s else 0, wait_ns, version, timeout_s)
        for name, field in zip(_ROW, fields, strict=True):
            getattr(self, name).append(field)
        self._moment(calls, row, False)
        if refused and timeout_s:
            self._moment(calls, row, True)
        return row

    def end(self, row: int, time_ns: int, calls: int) -> None:
        """A watch ends."""
        self.ended[row] = time_ns
        self._moment(calls, row, True)

    def _moment(self, calls: int, row: int, ended: bool) -> None:
        self.moment_calls.append(calls)
        self.moment_what.append(2 * row + ended)

    # -- reading -----------------------------------------------------------------------------------------------------
    def row(self, number: int) -> InformerCall:
        return InformerCall(
            number,
            self.reflectors[self.who[number]],
            self.outcomes[self.how[number]],
            self.received[number],
            self.answered[number],
            self.ended[number],
            self.wait[number],
            self.version[number],
            self.timeout[number],
        )

    def rows(self) -> Iterator[InformerCall]:
        return map(self.row, range(len(self)))

    def moment(self, number: int) -> Moment:
        what = self.moment_what[number]
        return Moment(self.moment_calls[number], what >> 1, bool(what & 1))

    @property
    def moments(self) -> int:
        return len(self.moment_calls)

    # -- keeping -----------------------------------------------------------------------------------------------------
    def state(self) -> tuple[Any, ...]:
        """What a saved world keeps."""
        return self.reflectors, self.outcomes, *(list(getattr(self, name)) for name in COLUMNS)

    @classmethod
    def restored(cls, state: tuple[Any, ...]) -> InformerCalls:
        new = cls()
        for reflector in state[0]:
            new.number_of(reflector)
        for outcome in state[1]:
            if outcome.status is None:
                new._known.setdefault(outcome, len(new.outcomes))
            new.outcomes.append(outcome)
        for name, column in zip(COLUMNS, state[2:], strict=True):
            setattr(new, name, array("q", column))
        return new
