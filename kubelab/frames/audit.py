"""The audit's events as a table."""

from __future__ import annotations

import pandas as pd

from kubelab.cluster.auditing import Auditing
from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.kinds.kind import Object
from kubelab.world.clock import parse_rfc3339

_REFERENCE = {
    "group": "apiGroup",
    "version": "apiVersion",
    "resource": "resource",
    "subresource": "subresource",
    "namespace": "namespace",
    "name": "name",
}
_FEW = ("group", "version", "resource", "subresource", "namespace")


def audit(auditing: Auditing, start_ns: int) -> pd.DataFrame:
    """A row per audit event under the cluster's policy, in the order of the stages' times; ``c.audit_events()`` has the same with bodies.

    Columns: ``time`` (of the stage), ``elapsed`` (seconds since the cluster's start), ``received`` (the request), ``stage``, ``level``,
    ``audit_id``, ``user``, ``impersonated`` ("" nobody), ``source_ip`` (the last one, which alone can be trusted), ``user_agent``, ``verb``,
    ``uri``, ``group``, ``version``, ``resource``, ``subresource``, ``namespace``, ``name``, ``code`` (missing: not answered yet), ``reason`` (of
    a refusal), ``decision`` and ``decision_reason`` of the authorizer, ``latency`` (seconds from the request to this stage).
    """
    events = auditing.events()
    times = [parse_rfc3339(event["stageTimestamp"]) for event in events]
    received = [parse_rfc3339(event["requestReceivedTimestamp"]) for event in events]
    references = [event.get("objectRef") or {} for event in events]
    statuses: list[Object] = [event.get("responseStatus") or {} for event in events]
    notes = [event.get("annotations") or {} for event in events]
    named = {column: [reference.get(field, "") for reference in references] for column, field in _REFERENCE.items()}
    return pd.DataFrame(
        {
            "time": instants(times),
            "elapsed": seconds(times, start_ns),
            "received": instants(received),
            "stage": category([event["stage"] for event in events]),
            "level": category([event["level"] for event in events], ("Metadata", "Request", "RequestResponse")),
            "audit_id": text([event["auditID"] for event in events]),
            "user": category([event["user"].get("username", "") for event in events]),
            "impersonated": category([(event.get("impersonatedUser") or {}).get("username", "") for event in events]),
            "source_ip": category([event["sourceIPs"][-1] for event in events]),
            "user_agent": category([event["userAgent"] for event in events]),
            "verb": category([event["verb"] for event in events]),
            "uri": text([event["requestURI"] for event in events]),
            **{column: category(words) if column in _FEW else text(words) for column, words in named.items()},
            "code": count([status.get("code") for status in statuses]),
            "reason": category([status.get("reason", "") for status in statuses]),
            "decision": category([note.get("authorization.k8s.io/decision", "") for note in notes]),
            "decision_reason": category([note.get("authorization.k8s.io/reason", "") for note in notes]),
            "latency": seconds(times, received),
        }
    )
