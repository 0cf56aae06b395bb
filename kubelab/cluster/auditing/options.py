"""What a backend may be told, with upstream's defaults and upstream's errors for what will not do.

upstream: apiserver/pkg/server/options/audit.go, 1.28; the versions older than v1 and their warning: the same file, 1.20.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubelab.world.clock import parse_duration

MODES = ("batch", "blocking", "blocking-strict")
FORMATS = ("legacy", "json")
VERSIONS = ("audit.k8s.io/v1alpha1", "audit.k8s.io/v1beta1", "audit.k8s.io/v1")
VERSION = VERSIONS[-1]
MAX_EVENT_SIZE = 100 * 1024
MAX_BATCH_SIZE = 10 * 1024 * 1024


class AuditWarning(UserWarning):
    """Something about the audit that its user should know: events lost, a receiver that does not answer, a policy that is not there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How events are gathered. ``max_wait_ns`` is of no effect on batches of one; ``throttle_qps`` counts batches."""

    buffer_size: int = 10000
    max_batch_size: int = 400
    max_wait_ns: int = 30_000_000_000
    throttle_enable: bool = True
    throttle_qps: float = 10
    throttle_burst: int = 15


def batch_of(buffer_size: Any, max_batch_size: Any, max_wait: Any, throttle_enable: bool, throttle_qps: Any, throttle_burst: Any) -> Batch:
    """The flags of a batch; ValueError in upstream's words."""
    return Batch(
        whole("buffer_size", buffer_size),
        whole("max_batch_size", max_batch_size),
        duration("max_wait", max_wait),
        throttle_enable,
        number("throttle_qps", throttle_qps),
        whole("throttle_burst", throttle_burst),
    )


LOG_BATCH = Batch(max_batch_size=1, throttle_enable=False)


@dataclass(frozen=True, slots=True)
class Truncate:
    """Sizes in bytes of the JSON form."""

    enabled: bool = False
    max_event_size: int = MAX_EVENT_SIZE
    max_batch_size: int = MAX_BATCH_SIZE


def check_mode(plugin: str, mode: Any) -> list[str]:
    """The complaint about a mode, if there is one."""
    if mode in MODES:
        return []
    return [f'invalid audit {plugin} mode {mode}, allowed modes are "{",".join(MODES)}"']


def check_batch(plugin: str, mode: Any, batch: Batch) -> list[str]:
    """The first complaint about mode and batching; what a mode does not use is not looked at."""
    complaints = check_mode(plugin, mode)
    if complaints or mode != "batch":
        return complaints
    named: list[tuple[str, float]] = [("buffer size", batch.buffer_size), ("max batch size", batch.max_batch_size)]
    if batch.throttle_enable:
        named += [("throttle QPS", batch.throttle_qps), ("throttle burst", batch.throttle_burst)]
    return [f"invalid audit batch {plugin} {name} {_go(number)}, must be a positive number" for name, number in named if not number > 0][:1]


def check_truncate(plugin: str, truncate: Truncate) -> list[str]:
    """The complaint about truncation, which is checked even where it is off."""
    if truncate.max_event_size <= 0:
        return [f"invalid audit truncate {plugin} max event size {truncate.max_event_size}, must be a positive number"]
    if truncate.max_batch_size < truncate.max_event_size:
        return [
            f"invalid audit truncate {plugin} max batch size {truncate.max_batch_size}, must be greater than "
            f"max event size ({truncate.max_event_size})"
        ]
    return []


def check_version(version: Any) -> list[str]:
    """The complaint about the version that events are written in; one that is deprecated is warned of."""
    if not isinstance(version, str) or version.count("/") > 1:
        return [f"unexpected GroupVersion string: {version}"]
    if version not in VERSIONS:
        known = " ".join(f'"{name}"' for name in VERSIONS)
        return [f"invalid group version, allowed versions are [{known}]"]
    if version != VERSIONS[-1]:
        text = f'"{version}" is deprecated and will be removed in a future release, use "{VERSIONS[-1]}" instead'
        warnings.warn(text, AuditWarning, stacklevel=6)
    return []


def refuse(complaints: Sequence[str]) -> None:
    """All complaints in one ValueError: one bare, more in brackets."""
    if complaints:
        raise ValueError(complaints[0] if len(complaints) == 1 else f"[{', '.join(dict.fromkeys(complaints))}]")


def whole(name: str, given: Any) -> int:
    """A whole number, whatever its sign."""
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValueError(f"{name}={given!r}: give a whole number")
    return given


def number(name: str, given: Any) -> float:
    """A number that can be reckoned with."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise ValueError(f"{name}={given!r}: give a number")
    return given


def duration(name: str, given: Any) -> int:
    """Seconds or Go's words, in nanoseconds."""
    try:
        return parse_duration(given)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{name}={given!r}: {error}; give seconds, or text such as "30s"') from None


def text_of(given: str) -> str:
    """Text without what would break a terminal's line."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", given)


def _go(number: float) -> str:
    """A number as Go's ``%v`` prints it."""
    return str(int(number)) if number == int(number) else str(number)
