"""Turns: a world is in one hand at a time. Whoever looks at it or changes it takes the turn first; a run lets others in between two wakes.

upstream: none (a real control plane is many processes); the one rule for whoever comes from another thread, such as a server's. The lock itself is the
handle's (``cluster/turns.py``): down here nothing has threads, and what runs without a handle is alone in its world.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType, TracebackType
from typing import Any, Protocol, TypeVar

ALSO_TAKEN = ("__repr__", "_ipython_key_completions_", "_repr_html_")
Cls = TypeVar("Cls", bound=type)


class Turn(Protocol):
    """The right to touch a world. Taken again by who has it, it costs next to nothing."""

    @property
    def wanted(self) -> bool:
        """Whether somebody else waits for it."""

    def give_way(self) -> None:
        """Let those in who wait, and take it again: only where the world is whole."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Alone:
    """The turn of a world that nobody else can reach."""

    __slots__ = ()
    wanted = False

    def give_way(self) -> None:
        """There is nobody."""

    def __enter__(self) -> object:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None


ALONE = Alone()


def taking_turns(cls: Cls) -> Cls:
    """Let every public method and property of a class take the ``_turn`` of its object first, those that it inherits too."""
    for name in dir(cls):
        if name.startswith("_") and name not in ALSO_TAKEN:
            continue
        found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        if isinstance(found, FunctionType):
            setattr(cls, name, _taken(found))
        elif isinstance(found, property) and found.fget is not None:
            setattr(cls, name, property(_taken(found.fget), found.fset, found.fdel, found.__doc__))
    return cls


def _taken(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def taken(self: Any, *given: Any, **named: Any) -> Any:
        with self._turn:
            return method(self, *given, **named)

    return taken
