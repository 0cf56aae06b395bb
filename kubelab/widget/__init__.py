"""Widgets: a cluster in a reader's hand. ``rollout`` is the first."""

from __future__ import annotations

from kubelab.widget.view import rollout

__all__ = ["rollout"]
