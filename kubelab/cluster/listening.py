"""Who listens to the container events of nodes: their runtimes' tables are compared after every wake, as long as somebody does.

Listeners stand outside the world, as audit backends do: a fork and a file know nothing of them, and a world that is listened to is no other world.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import NamedTuple

from kubelab.cri.events import ContainerEvents, Happened, Tables, happened
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.kubelet import hanging


class Listened(NamedTuple):
    """A node: what its tables held at the last look, who listens, and how an event is told."""

    seen: Tables
    listeners: tuple[weakref.ref[ContainerEvents], ...]
    told: Callable[[Happened], Object]


class Listening:
    """The listeners of one world. One that is closed or forgotten hears no more; when none is left, nothing is compared."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._nodes: dict[str, Listened] = {}

    def listen(self, node: str, events: ContainerEvents, told: Callable[[Happened], Object]) -> None:
        """Let somebody hear of a node's events from now on."""
        self.look()
        known = self._nodes.get(node)
        before = known.listeners if known is not None else ()
        self._nodes[node] = Listened(Tables.of(self._engine.machines[node]), (*before, weakref.ref(events)), told)
        self._engine.listener = self.look

    def look(self) -> None:
        """Tell what has happened since the last look. A runtime that hangs tells nothing until it is back, and nobody tells how a machine
        that was switched off lost what ran on it: containerd, started again, finds them ended."""
        engine = self._engine
        for node, (seen, listeners, told) in list(self._nodes.items()):
            tables = engine.machines.get(node, {})
            if seen.same(tables) or tables.get(hanging.TABLE):
                continue
            heard = [events for each in listeners if (events := each()) is not None and not events.closed]
            if not heard:
                del self._nodes[node]
                continue
            now = Tables.of(tables)
            self._nodes[node] = Listened(now, tuple(map(weakref.ref, heard)), told)
            if tables.get("off"):
                continue
            for event in happened(seen, now, engine.now_ns):
                message = told(event)
                for events in heard:
                    events.tell(message)
        if not self._nodes:
            engine.listener = None
