"""``c.audit``: the policy in force, the events recorded under it, and the backends that take them elsewhere."""

from __future__ import annotations

from pathlib import Path

from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object


class Auditing:
    """The audit of one world. Backends belong to this handle's world alone: a fork records on, but ships nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reload(self, policy: str | Path | Object) -> None:
        """Put another policy in force from now on; one that will not do raises ValueError, and the old one stays."""
        raise NotImplementedError

    def events(self) -> list[Object]:
        """The events recorded so far, oldest first."""
        raise NotImplementedError
