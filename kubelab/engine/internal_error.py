"""An internal error: a component that raises. It carries the story of the object concerned, and the world stays usable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.engine.plan import Key
from kubelab.engine.runner import Runner

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

STORY_LENGTH = 8
LOOKED_THROUGH = 5000


class InternalError(RuntimeError):
    """A component failed on a key. ``component``, ``key``; ``story``: the last calls about the object, oldest first; ``__cause__``: the error."""

    def __init__(self, component: str, key: Key, error: Exception, story: list[str]) -> None:
        self.component, self.key, self.story = component, key, story
        told = "\n".join(f"  {line}" for line in story)
        words = f"{component} failed on {'/'.join(map(str, key))}: {type(error).__name__}: {error}"
        super().__init__(f"{words}\nwhat happened to it before:\n{told}" if story else words)


def broken(engine: Engine, runner: Runner, key: Key, error: Exception) -> InternalError:
    """Free the worker that failed, so that the component goes on with its other keys, and tell the story."""
    if runner.processing.pop(key, 0) is None:
        runner.busy[runner.component.lane(key)] -= 1
    for serial in [serial for serial, flight in runner.flights.items() if flight.key == key]:
        del runner.flights[serial]
        for call in [call for call, pending in runner.pending.items() if pending.flight == serial]:
            del runner.pending[call]
    runner.dirty.pop(key, None)
    return InternalError(runner.name, key, error, _story(engine, key))


def _story(engine: Engine, key: Key) -> list[str]:
    """The newest calls about the object that the key names."""
    names = {part for part in key if isinstance(part, str)}
    calls = [call for call in engine.store.log.calls[-LOOKED_THROUGH:] if call.name and call.name in names]
    return [
        f"{(call.time_ns - engine.start_ns) / 1e9:.3f}s {call.component or call.user}: {call.verb} {call.resource} {call.name}: {call.code}"
        for call in calls[-STORY_LENGTH:]
    ]
