"""The table that every answer reads: one row for each call, whatever log it came from.

A call is all stages of one (server, audit ID, URI) collapsed: spec/audit.md B2. Columns keep upstream's facts as they are; what a source does
not tell is NULL and never 0 (GKE's entries have no latency).
"""

from __future__ import annotations

CALLS: dict[str, str] = {
    # which call
    "server": "VARCHAR",  # the server's name as the export tells it: node, log stream, pod, cluster; "" if nothing tells
    "audit_id": "VARCHAR",
    "level": "VARCHAR",
    "stage": "VARCHAR",  # the last stage seen: ResponseComplete, Panic, ResponseStarted, RequestReceived
    "stages": "VARCHAR",  # all stages seen, in upstream's order, joined by ","
    # who
    "username": "VARCHAR",  # the authenticated one; NULL where authentication failed
    "user_uid": "VARCHAR",
    "groups": "VARCHAR[]",
    "extra": "VARCHAR",  # user.extra as JSON
    "impersonated": "VARCHAR",  # impersonatedUser.username
    "impersonated_groups": "VARCHAR[]",
    "impersonated_uid": "VARCHAR",
    "impersonated_extra": "VARCHAR",  # impersonatedUser.extra as JSON
    "effective": "VARCHAR",  # whose permissions were checked: impersonated, else username
    "source_ips": "VARCHAR[]",
    "source_ip": "VARCHAR",  # the last of them, the only one to trust
    "user_agent": "VARCHAR",
    "client": "VARCHAR",  # the agent before "/"
    "component": "VARCHAR",  # the agent after kubernetes/HASH/ ("leader-election"), else ""
    # what
    "verb": "VARCHAR",
    "uri": "VARCHAR",
    "path": "VARCHAR",  # without query
    "query": "VARCHAR",  # without "?"; "" if there is none
    "api_group": "VARCHAR",  # "" core; NULL for a non-resource request
    "api_version": "VARCHAR",
    "resource": "VARCHAR",  # NULL for a non-resource request
    "subresource": "VARCHAR",
    "namespace": "VARCHAR",  # "" none
    "name": "VARCHAR",  # "" none
    "object_uid": "VARCHAR",
    "object_rv": "VARCHAR",  # objectRef.resourceVersion: the one that was sent
    # answer
    "code": "INTEGER",  # NULL where no answer was recorded
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "message": "VARCHAR",
    # when (UTC)
    "received": "TIMESTAMP",
    "started": "TIMESTAMP",
    "completed": "TIMESTAMP",
    "latency": "DOUBLE",  # seconds, completed - received; NULL while open or unknown; may be negative: the clock went back
    "long_running": "BOOLEAN",  # watch, proxy, exec, attach, log, portforward, pprof: not in percentiles
    # annotations
    "decision": "VARCHAR",  # authorization.k8s.io/decision
    "decision_reason": "VARCHAR",
    "deprecated": "BOOLEAN",
    "removed_release": "VARCHAR",
    "annotations": "VARCHAR",  # all of them as JSON, NULL if none
    # how much
    "has_request": "BOOLEAN",
    "has_response": "BOOLEAN",
    "bytes": "BIGINT",  # of all its events in the log
    # where it stands
    "file": "VARCHAR",
    "line": "BIGINT",  # 1-based, of its last event; NULL where the engine does not tell
}

#: The order of calls. Values decide ties (events without ID, of one instant), not the threads that read them; one number stands for many of them, as
#: it is sorted faster. Columns that ``scan`` reads first.
ORDER = """received, audit_id, uri, server, completed, hash(verb, code, username, name, namespace, resource, subresource, api_group, api_version,
  user_agent, stage, stages, bytes, file)"""

#: Set apart in every answer that counts, and counted beside it: spec/audit.md B2.4.
BACKGROUND = ("election", "server", "probe", "events")
