"""Durations in the lab's kinds: seconds, or Go's text (``1m30s``)."""

from __future__ import annotations

from typing import Any

from kubelab.kinds.field import FieldError, Go, invalid, required
from kubelab.world.clock import parse_duration, parse_rfc3339


def validate_duration(value: Any, path: str, *, positive: bool = True) -> list[FieldError]:
    """A duration that is there and long enough."""
    if value is None:
        return [required(path, "give seconds or text such as '1m30s'")]
    try:
        nanoseconds = parse_duration(value)
    except (ValueError, AttributeError):
        return [invalid(path, shown(value), "must be seconds or text such as '1m30s', '500ms', '2h'")]
    if nanoseconds < 0 or (positive and nanoseconds == 0):
        return [invalid(path, value, "must be greater than 0" if positive else "must be greater than or equal to 0")]
    return []


def validate_start(value: Any, path: str) -> list[FieldError]:
    """When something begins: an RFC 3339 instant, or a duration after the object's creation."""
    if isinstance(value, str) and value[:4].isdecimal() and "T" in value:
        try:
            parse_rfc3339(value)
        except ValueError as error:
            return [invalid(path, value, str(error))]
        return []
    return validate_duration(value, path, positive=False)


def shown(value: Any) -> Any:
    """Lists and maps print as they are written in Python, other values as Go prints them."""
    return Go(repr(value)) if isinstance(value, (dict, list)) else value
