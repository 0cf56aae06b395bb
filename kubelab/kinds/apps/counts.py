"""Numbers in a spec or status that may not be negative, nor greater than others.

upstream: pkg/apis/apps/validation/validation.go (Validate…Status), pkg/apis/core/validation/validation.go (IsDecremented), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Object
from kubelab.kinds.names import NEGATIVE, validate_nonnegative


def validate_counts(status: Object, names: Iterable[str]) -> list[FieldError]:
    """Each named field of a status, where present, is not negative."""
    errors: list[FieldError] = []
    for name in names:
        if (value := status.get(name)) is not None:
            errors += validate_nonnegative(value, f"status.{name}")
    return errors


def validate_at_most(status: Object, names: Iterable[str], bound: str, shown: str) -> list[FieldError]:
    """No named count exceeds the count ``bound``, which messages call ``shown``."""
    limit = status.get(bound, 0)
    counts = ((name, status.get(name, 0)) for name in names)
    return [invalid(f"status.{name}", count, f"cannot be greater than {shown}") for name, count in counts if count > limit]


def validate_collision_count(status: Object, old_status: Object) -> list[FieldError]:
    new, old = status.get("collisionCount"), old_status.get("collisionCount")
    if old is None or (new is not None and new >= old):
        return []
    return [invalid("status.collisionCount", new or 0, "cannot be decremented")]


def validate_optional_count(spec: Object, name: str, path: str = "spec") -> list[FieldError]:
    value = spec.get(name)
    return [invalid(f"{path}.{name}", value, NEGATIVE)] if value is not None and value < 0 else []
