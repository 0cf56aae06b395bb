"""The components that look after volumes, by an explicit list."""

from __future__ import annotations

from kubelab.engine.component import Component
from kubelab.storage import binder, ephemeral, protection, provisioner


def components() -> tuple[Component, ...]:
    """All of them, in the order in which they start."""
    return (
        binder.CONTROLLER,
        provisioner.CONTROLLER,
        protection.CLAIM_PROTECTION,
        protection.VOLUME_PROTECTION,
        ephemeral.CONTROLLER,
    )
