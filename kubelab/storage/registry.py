"""The components that look after volumes, by an explicit list."""

from __future__ import annotations

from kubelab.engine.component import Component
from kubelab.storage import binder, ephemeral, protection, provisioner


def components(release: str = "1.28") -> tuple[Component, ...]:
    """All of a release, in the order in which they start: 1.7 protects nothing in use, and knows no ephemeral claims."""
    if release == "1.7":
        return (binder.CONTROLLER, provisioner.CONTROLLER)
    return (
        binder.CONTROLLER,
        provisioner.CONTROLLER,
        protection.CLAIM_PROTECTION,
        protection.VOLUME_PROTECTION,
        ephemeral.CONTROLLER,
    )
