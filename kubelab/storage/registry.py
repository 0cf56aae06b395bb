"""The components that look after volumes, by an explicit list."""

from __future__ import annotations

from kubelab.engine.component import Component
from kubelab.storage import binder, provisioner


def components() -> tuple[Component, ...]:
    """All of them, in the order in which they start."""
    return (binder.CONTROLLER, provisioner.CONTROLLER)
