"""The faults at work now, as the fault controller remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

CONTROLLER_NAME = "fault-controller"  # never a target
Active = Mapping[str, tuple[Any, ...]]


def active_of(engine: Engine) -> Active:
    """By name: type, targets, begin."""
    active: Active = engine.runners[CONTROLLER_NAME].memory.get("active", {})
    return active


def targets_of(engine: Engine, kind: str, without: str = "") -> dict[str, None]:
    """What the active faults of a type hit, one of them left out."""
    return dict.fromkeys(
        each for name, (its, targets, *_) in active_of(engine).items() if its == kind and name != without for each in targets
    )
