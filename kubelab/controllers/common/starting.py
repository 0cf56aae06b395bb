"""A controller that looks at more keys when it starts than its watches give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kubelab.engine.component import Controller, Later, Scope
from kubelab.engine.plan import Key


def _nothing(scope: Scope) -> Iterable[Key | Later]:
    return ()


@dataclass(frozen=True, slots=True)
class StartingController(Controller):
    """``starting``: the keys to look at, from what is there at the start."""

    starting: Callable[[Scope], Iterable[Key | Later]] = _nothing

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return self.starting(scope)
