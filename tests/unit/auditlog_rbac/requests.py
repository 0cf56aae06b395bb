"""One line makes one audit event."""

from __future__ import annotations

from typing import Any

from kubelab.auditlog import AuditLog, read

GROUPS = ("system:authenticated",)


def call(
    verb: str,
    uri: str,
    resource: str = "",
    *,
    user: str = "alice",
    groups: tuple[str, ...] = GROUPS,
    code: int | None = 200,
    group: str = "",
    sub: str = "",
    ns: str = "",
    name: str = "",
    decision: str | None = "allow",
    message: str = "",
    as_user: dict[str, Any] | None = None,
    second: int = 0,
) -> dict[str, Any]:
    reference = {"resource": resource, "apiGroup": group, "subresource": sub, "namespace": ns, "name": name, "apiVersion": "v1"}
    time = f"2026-01-01T00:{second // 60:02}:{second % 60:02}"
    event: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"{verb}-{uri}-{user}-{second}-{code}-{as_user}",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": {"username": user, "groups": list(groups)},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl/v1.28.0",
        "requestReceivedTimestamp": f"{time}.000000Z",
        "stageTimestamp": f"{time}.001000Z",
    }
    if resource:
        event["objectRef"] = {key: value for key, value in reference.items() if value}
    if code is not None:
        event["responseStatus"] = {"metadata": {}, "code": code, **({"message": message} if message else {})}
    else:
        event["stage"] = "RequestReceived"
    if decision is not None:
        event["annotations"] = {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": ""}
    if as_user is not None:
        event["impersonatedUser"] = as_user
    return event


def log_of(*events: dict[str, Any]) -> AuditLog:
    return read(list(events))
