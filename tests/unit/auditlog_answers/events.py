"""One line makes one audit event."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kubelab.auditlog import AuditLog, read

START = datetime(2026, 1, 1)
DATA = Path(__file__).parents[2] / "data" / "auditlog"
NODE = {"user": "system:node:n1", "groups": ("system:nodes",), "agent": "kubelet/v1.28.0"}


def event(
    verb: str,
    what: str = "pods",
    *,
    at: float = 0,
    took: float | None = 0.002,
    user: str | None = "alice",
    groups: tuple[str, ...] = ("system:authenticated",),
    agent: str = "kubectl/v1.28.0 (linux/amd64) kubernetes/abc",
    ns: str = "shop",
    name: str = "",
    sub: str = "",
    version: str = "v1",
    query: str = "",
    code: int | None = 200,
    reason: str = "",
    decision: str | None = "allow",
    why: str = "",
    as_user: str = "",
    stage: str = "ResponseComplete",
    path: str = "",
    annotations: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """An event of level Metadata; ``what`` is ``pods`` or ``deployments.apps``, "" for a path; ``at`` and ``took`` in seconds."""
    resource, _, group = what.partition(".")
    prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
    home = f"/namespaces/{ns}" if ns else ""
    tail = f"/{name}" if name and not (verb == "create" and not sub) else ""
    uri = path or f"{prefix}{home}/{resource}{tail}" + (f"/{sub}" if sub else "")
    received = START + timedelta(seconds=at)
    made: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"{verb}-{what}-{ns}-{name}-{sub}-{user}-{at}-{query}-{path}-{code}",
        "stage": stage,
        "requestURI": uri + (f"?{query}" if query else ""),
        "verb": verb,
        "user": {"username": user, "groups": list(groups)} if user else {},
        "sourceIPs": ["10.0.0.7"],
        "userAgent": agent,
        "requestReceivedTimestamp": _time(received),
        "stageTimestamp": _time(received + timedelta(seconds=took or 0)),
    }
    if as_user:
        made["impersonatedUser"] = {"username": as_user, "groups": ["system:authenticated"]}
    if resource:
        reference = {"resource": resource, "namespace": ns, "name": name, "apiGroup": group, "apiVersion": version, "subresource": sub}
        made["objectRef"] = {key: value for key, value in reference.items() if value}
    if code is not None:
        made["responseStatus"] = {"metadata": {}, **({"reason": reason} if reason else {}), "code": code}
    notes = {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": why} if decision else {}
    if notes or annotations:
        made["annotations"] = {**notes, **(annotations or {})}
    return {**made, **more}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds") + "Z"


def log(*events: dict[str, Any]) -> AuditLog:
    return read(list(events))
