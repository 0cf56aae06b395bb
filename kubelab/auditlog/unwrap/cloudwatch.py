"""EKS: CloudWatch Logs as exported, subscribed, queried and handed on (spec/audit.md B1)."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from kubelab.auditlog.unwrap.found import table, words

AUDIT_STREAM = "kube-apiserver-audit"


class Message(NamedTuple):
    """A log line and the stream that it stands in."""

    text: Any
    stream: str

    @property
    def of_audit(self) -> bool:
        """Whether the stream is, or may be, the API server's audit log."""
        return not self.stream or AUDIT_STREAM in self.stream


def of_subscription(value: dict[str, Any]) -> Iterator[Message]:
    """``logEvents`` of a subscription's DATA_MESSAGE."""
    stream = words(value.get("logStream"))
    for each in value.get("logEvents") or []:
        yield Message(table(each).get("message"), stream)


def is_export(value: dict[str, Any]) -> bool:
    """The answer of ``aws logs filter-log-events`` or ``get-log-events``."""
    events = value.get("events")
    return isinstance(events, list) and all(isinstance(each, dict) and "message" in each for each in events[:1])


def of_export(value: dict[str, Any]) -> Iterator[Message]:
    for each in value["events"]:
        yield Message(table(each).get("message"), words(table(each).get("logStreamName")))


def of_insights(row: list[Any]) -> Message | None:
    """A row of Insights: a list of fields; None if there is no ``@message`` among them."""
    fields = {each.get("field"): each.get("value") for each in row if isinstance(each, dict)}
    if "@message" not in fields:
        return None
    return Message(fields["@message"], words(fields.get("@logStream")))


def unpacked(data: str) -> bytes | None:
    """Base64, then gzip if it is; None if it is neither."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        return None
