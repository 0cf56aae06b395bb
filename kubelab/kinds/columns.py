"""Printer columns that many kinds share: name, age, images, selectors, lists that are cut short.

upstream: pkg/printers/internalversion/printers.go, apimachinery/pkg/util/duration/duration.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubelab.kinds.kind import Column, Object
from kubelab.kinds.selectors import format_selector
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339


def human_duration(ns: int) -> str:
    """A duration in at most two units, as kubectl shows ages.

    >>> human_duration(119 * SECOND), human_duration(5 * MINUTE + 3 * SECOND), human_duration(26 * HOUR)
    ('119s', '5m3s', '26h')
    """
    seconds = ns // SECOND if ns >= 0 else -(-ns // SECOND)
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return _two(hours // 24, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{hours // 24}d"
    if hours < 24 * 365 * 8:
        return _two(hours // 24 // 365, "y", hours // 24 % 365, "d")
    return f"{hours // 24 // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def since(timestamp: str | None, now_ns: int) -> str:
    """The age of an RFC 3339 timestamp; ``<unknown>`` without one (upstream: translateTimestampSince)."""
    return human_duration(now_ns - parse_rfc3339(timestamp)) if timestamp else "<unknown>"


def age(obj: Object, now_ns: int) -> str:
    return since(obj.get("metadata", {}).get("creationTimestamp"), now_ns)


def name(obj: Object, now_ns: int) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


def created_at(obj: Object, now_ns: int) -> str:
    stamp = obj.get("metadata", {}).get("creationTimestamp")
    return rfc3339(parse_rfc3339(stamp)) if stamp else "<unknown>"


NAME = Column("Name", name, format="name")
AGE = Column("Age", age)
DEFAULT_COLUMNS = (NAME, Column("Created At", created_at, type="date"))
"""What the server prints for a kind without a printer of its own (Role, ClusterRole)."""


def at(*path: str, default: Any = None) -> Callable[[Object, int], Any]:
    """A cell that reads one field; ``default`` where it is absent or an empty text."""

    def cell(obj: Object, now_ns: int) -> Any:
        found = dig(obj, path, default)
        return default if found == "" and default is not None else found

    return cell


def dig(obj: Any, path: Iterable[str], default: Any = None) -> Any:
    for key in path:
        if not isinstance(obj, dict):
            return default
        obj = obj.get(key)
    return default if obj is None else obj


def container_names(path: Sequence[str]) -> Callable[[Object, int], str]:
    def cell(obj: Object, now_ns: int) -> str:
        return ",".join(container.get("name", "") for container in dig(obj, path, []))

    return cell


def container_images(path: Sequence[str]) -> Callable[[Object, int], str]:
    def cell(obj: Object, now_ns: int) -> str:
        return ",".join(container.get("image", "") for container in dig(obj, path, []))

    return cell


def pod_template_columns(*template: str) -> tuple[Column, Column]:
    """Containers and Images (wide) of the template at ``template``."""
    path = (*template, "spec", "containers")
    return (
        Column("Containers", container_names(path), description="Names of each container in the template.", priority=1),
        Column("Images", container_images(path), description="Images referenced by each container in the template.", priority=1),
    )


def selector_cell(*path: str) -> Callable[[Object, int], str]:
    def cell(obj: Object, now_ns: int) -> str:
        return format_selector(dig(obj, path))

    return cell


def labels_text(labels: dict[str, str] | None) -> str:
    """upstream: labels.FormatLabels."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def shortened(items: Sequence[str], limit: int = 3) -> str:
    """A list of which only the first ``limit`` are shown (upstream: listWithMoreString).

    >>> shortened(["a", "b", "c", "d"]), shortened([])
    ('a,b,c + 1 more...', '<unset>')
    """
    text = ",".join(items[:limit])
    if len(items) > limit:
        return f"{text} + {len(items) - limit} more..."
    return text or "<unset>"


def yes_no(value: bool | None) -> str:
    """upstream: printBoolPtr."""
    return "<unset>" if value is None else "True" if value else "False"
