"""All backends of one world: they read its log as it grows, each event once, and hold up nothing but a strict one's request.

upstream: apiserver/pkg/audit/union.go, apiserver/pkg/endpoints/filters/audit.go (WithAudit), 1.28. Spec: audit, A3.

Backends stand outside the world: a fork or a saved file has none, and what they do leaves no trace in the log.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path

from kubelab.apiserver import status
from kubelab.apiserver.audit.event import Events, Made, Place
from kubelab.apiserver.audit.policy import RECEIVED
from kubelab.apiserver.audit.recording import Recording
from kubelab.apiserver.request import Request, Response
from kubelab.apiserver.server import ApiServer
from kubelab.cluster.auditing.backend import Backend
from kubelab.cluster.auditing.options import AuditWarning
from kubelab.engine.engine import Engine
from kubelab.kinds.field import go_quote
from kubelab.store.log import CallRecord
from kubelab.world.clock import MILLISECOND

BEHIND_NS = 250 * MILLISECOND
_CONTEXTS = contextlib.__file__
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Backends:
    """``ship`` brings them up to now; it is called when a user's call returns, and now and then within a long run."""

    def __init__(self, engine: Engine) -> None:
        self.attached: list[Backend] = []
        self.rejected = 0  # requests, by a strict backend
        self.errors: dict[str, int] = {}  # of backends that have been closed
        self._engine = engine
        self._events = Events(engine.server)
        self._cursor = Place()
        self._held: list[Made] = []  # events that are read, and not handed on yet

    def attach(self, backend: Backend, *, from_start: bool) -> Backend:
        """A backend for what is recorded from now on, and, if wished, from the start on."""
        if self.attached:
            self._read()
        else:
            self._cursor = self._events.end()
        if from_start:
            for made in sorted(self._events.between(Place(), self._cursor), key=_order):
                backend.process(made.event, made.at_ns)
        self.attached.append(backend)
        self._engine.server.audit_trouble = self.trouble
        backend.attached(self._detach)
        self._hook()
        if self._engine.server.audit is None:
            kind = backend.sink.plugin
            self._warn(f"No audit policy file provided, no events will be recorded for {kind} backend: give the cluster an audit_policy")
        return backend

    def check_file(self, path: str | Path) -> None:
        """ValueError if a backend writes to that file already, under whatever name."""
        if isinstance(path, (str, Path)) and str(path) not in ("", "-") and any(_is_same(each.sink.where, path) for each in self.attached):
            raise ValueError(f"{path}: another backend writes to it: close that one first")

    def ship(self) -> None:
        """Hand on what is new and do what is due, at the end of a user's call; then say what went wrong."""
        if self.attached:
            for backend in self.attached:
                backend.sink.hope()
            self._bring_up(self._engine.now_ns)
            self._say(self.attached)

    def work(self) -> None:
        """The same within a run, without a word, and a moment behind: calls that are under way may still bring events of before."""
        self._bring_up(self._engine.now_ns - BEHIND_NS)

    def _bring_up(self, to_ns: int) -> None:
        self._read(to_ns)
        for backend in self.attached:
            backend.pass_time(to_ns)

    def flush(self) -> None:
        """Send all that waits, at once."""
        self._finish(self.attached, for_good=False)

    def close(self) -> None:
        """Send all that waits, and let the backends go."""
        self._finish(list(self.attached), for_good=True)

    def _detach(self, backend: Backend) -> None:
        self._finish([backend], for_good=True)

    def _finish(self, backends: list[Backend], *, for_good: bool) -> None:
        self._read()
        for backend in list(backends):
            backend.sink.hope()
            backend.finish(self._engine.now_ns, for_good=for_good)
            if for_good:
                self.attached.remove(backend)
                for plugin, count in backend.errors.items():
                    self.errors[plugin] = self.errors.get(plugin, 0) + count
        self._hook()
        self._say(backends)

    def _hook(self) -> None:
        """The server's ends of the strings, which only a world with backends holds."""
        server = self._engine.server
        server.gate = self.gate if any(each.strict for each in self.attached) else None
        server.follower = self.work if self.attached else None

    def trouble(self) -> tuple[dict[str, int], int]:
        """Events that were lost or failed, by plugin, and requests that were refused for it."""
        found = dict(self.errors)
        for backend in self.attached:
            for plugin, count in backend.errors.items():
                found[plugin] = found.get(plugin, 0) + count
        return dict(sorted(found.items())), self.rejected

    def gate(self, server: ApiServer, request: Request, recording: Recording, now_ns: int) -> status.ApiFailure | None:
        """Before a recorded call is served: a strict backend that cannot store RequestReceived refuses it."""
        if RECEIVED not in recording.treatment.stages:
            return None
        self._read()
        event = self._events.received(len(server.store.log.calls), _record(request, recording, now_ns))
        at_ns = now_ns - request.origin.latency_ns
        strict = [backend for backend in self.attached if backend.strict]
        stored = [backend.store_now(event, at_ns) for backend in strict]
        if all(stored):
            return None
        self.rejected += 1
        for backend in self.attached:
            if not backend.strict:
                backend.process(event, at_ns)
        said = f"Internal Server Error: {go_quote(event['requestURI'])}: failed to store audit event".translate(_MARKUP)
        return _internal_error(said, raw=bool(request.uri))

    def _read(self, to_ns: int | None = None) -> None:
        """Bring the new events of the log, up to an instant, to the backends, in order of time."""
        if not self.attached:
            return
        start, self._cursor = self._cursor, self._events.end()
        found, self._held = [*self._held, *self._events.between(start, self._cursor)], []
        found.sort(key=_order)
        for place, made in enumerate(found):
            if to_ns is not None and made.at_ns > to_ns:
                self._held = found[place:]
                return
            by_gate = made.event["stage"] == RECEIVED and not made.told  # an informer's call does not wait for its event
            for backend in self.attached:
                if not (by_gate and backend.strict):
                    backend.process(made.event, made.at_ns)

    def _say(self, backends: list[Backend]) -> None:
        for backend in backends:
            for text in backend.words():
                self._warn(text)

    def _warn(self, text: str) -> None:
        warnings.warn(text, AuditWarning, stacklevel=_outside())


def _is_same(where: str, path: str | Path) -> bool:
    try:
        return os.path.samefile(where, path)
    except (OSError, ValueError):
        return where == str(Path(path).absolute())


def _outside() -> int:
    """How far up the line of code stands that has nothing to do with this package: the user's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_globals.get("__name__", "").startswith("kubelab.") or frame.f_code.co_filename == _CONTEXTS
    ):
        level, frame = level + 1, frame.f_back
    return level


def _order(made: Made) -> tuple[int, int]:
    return made.at_ns, made.call


def _record(request: Request, recording: Recording, now_ns: int) -> CallRecord:
    """The call as its record would have it before it is served."""
    origin = request.origin
    called = (request.user.name, request.user_agent, request.verb, request.resource, request.subresource, request.namespace, request.name)
    because = (origin.wait_ns, origin.latency_ns, origin.component, origin.key, origin.wake, origin.cause, origin.because)
    note = recording.note(request, Response(0, None))
    return CallRecord(now_ns, *called, 0, "", "", *because, 0, request.uri, note)


def _internal_error(said: str, *, raw: bool) -> status.ApiFailure:
    """Upstream answers a line of text; a client library makes a Status of it (client-go: NewGenericServerResponse)."""
    if raw:
        return status.failure(500, "InternalError", said)
    message = f"an error on the server ({go_quote(said)}) has prevented the request from succeeding"
    return status.failure(500, "InternalError", message, {"causes": [{"reason": "UnexpectedServerResponse", "message": said}]})
