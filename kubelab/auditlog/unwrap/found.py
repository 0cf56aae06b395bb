"""What comes out of a wrapping: an event with its server's name, or what stood in its place."""

from __future__ import annotations

from typing import Any, NamedTuple


class Found(NamedTuple):
    """An event; or, without one, what is wrong: ``kind`` skipped (no audit event) or damaged (an event that is broken)."""

    event: dict[str, Any] | None
    server: str = ""
    kind: str = ""
    what: str = ""


def skipped(what: str, server: str = "") -> Found:
    return Found(None, server, "skipped", what)


def damaged(what: str, server: str = "") -> Found:
    return Found(None, server, "damaged", what)


def is_event(value: dict[str, Any]) -> bool:
    """Whether a value is an audit event of some version; items of a list, and what a shipper has merged into its record, may lack the kind."""
    version = value.get("apiVersion")
    if isinstance(version, str) and version.startswith("audit.k8s.io/"):
        return value.get("kind") == "Event" or ("kind" not in value and "auditID" in value)
    if version is not None or value.get("kind") not in ("Event", None):
        return False
    return isinstance(value.get("auditID"), str) and any(
        key in value for key in ("requestURI", "stage", "verb", "requestReceivedTimestamp")
    )


def words(value: Any) -> str:
    """A name out of a label, if it is text."""
    return value if isinstance(value, str) else ""


def table(value: Any) -> dict[str, Any]:
    """A value that should be an object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}
