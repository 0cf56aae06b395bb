"""Frames: what happened, as DataFrames. Each module turns the log into the tables of one noun; ``Frames`` is the door to them all."""

from __future__ import annotations

from kubelab.frames.accessor import Frames

__all__ = ["Frames"]
