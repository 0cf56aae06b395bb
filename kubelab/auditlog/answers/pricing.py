"""What an event weighs: the size of a Metadata event from the columns of ``calls``, and with it what of a recorded call were bodies.

Spec: audit.md A2 (fields of v1 in JSON order, absent when empty; which stages and bodies a call has). The sizes are those of upstream's own
JSON, without the newline; what the table does not hold (``responseStatus.details``) is not in them. A test compares with lines of a real
control plane.
"""

from __future__ import annotations

from kubelab.auditlog.answers.asking import CALLS_MORE

_FIXED = len(
    '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"","stage":"","requestURI":"","verb":"","user":{}}'
)
_TIMES = len('"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z","stageTimestamp":"2026-01-01T00:00:00.000000Z"')

_IMPERSONATED, _OBJECT = len('"impersonatedUser":{}'), len('"objectRef":{}')  # each last field inside brings a comma too much
_STATUS = len('"responseStatus":{"metadata":{},"code":200},')


def _text(key: str, column: str, *, escaped: bool = False) -> str:
    """The bytes of ``"key":"value",``, none if the value is empty."""
    size = f"strlen({column})" + (f" + length({column}) - length(replace({column}, chr(34), ''))" if escaped else "")
    return f"CASE WHEN coalesce({column}, '') = '' THEN 0 ELSE {size} + {len(key) + 6} END"


def _list(key: str, column: str) -> str:
    items = f"strlen(array_to_string({column}, '')) + 3 * len({column})"
    return f"CASE WHEN coalesce(len({column}), 0) = 0 THEN 0 ELSE {items} + {len(key) + 5} END"


def _json(key: str, column: str) -> str:
    return f"CASE WHEN {column} IS NULL THEN 0 ELSE strlen({column}) + {len(key) + 4} END"


_COMMON = " + ".join(
    [
        str(_FIXED + _TIMES),
        "strlen(audit_id) + strlen(uri) + strlen(verb)",
        *(_text(key, column) for key, column in (("username", "username"), ("uid", "user_uid"), ("userAgent", "user_agent"))),
        _list("groups", "groups"),
        _json("extra", "extra"),
        _list("sourceIPs", "source_ips"),
        f"CASE WHEN impersonated IS NULL THEN 0 ELSE {_IMPERSONATED} END",
        _text("username", "impersonated"),
        _list("groups", "impersonated_groups"),
        f"CASE WHEN resource IS NULL THEN 0 ELSE {_OBJECT} END",
        *(
            _text(key, column)
            for key, column in (
                ("resource", "resource"),
                ("namespace", "namespace"),
                ("apiGroup", "api_group"),
                ("apiVersion", "api_version"),
                ("subresource", "subresource"),
            )
        ),
    ]
)
_NAME = _text("name", "name")
#: What the body completes of objectRef: not yet known at RequestReceived.
_COMPLETED = f"{_text('uid', 'object_uid')} + {_text('resourceVersion', 'object_rv')} + {_NAME}"
_ASKED = f"CASE WHEN verb = 'create' AND coalesce(subresource, '') = '' THEN 0 ELSE {_NAME} END"
_ANSWER = " + ".join(
    [
        f"CASE WHEN code IS NULL THEN 0 ELSE {_STATUS} END",
        _text("status", "status"),
        _text("message", "message", escaped=True),
        _text("reason", "reason"),
        _json("annotations", "annotations"),
    ]
)

#: Whether a call has an event of each stage under a policy that omits none, as SQL conditions. Failed authentication has ResponseStarted alone.
_UNKNOWN_USER = "(username IS NULL AND code = 401 AND stage = 'ResponseStarted')"
STAGES: dict[str, str] = {
    "RequestReceived": f"NOT {_UNKNOWN_USER}",
    "ResponseStarted": f"{_UNKNOWN_USER} OR (long_running AND stage <> 'RequestReceived')",
    "ResponseComplete": "stage = 'ResponseComplete'",
    "Panic": "stage = 'Panic'",
}
#: Calls with what their events weigh: as asked for, and as answered, both without the stage's own name. Worked out once for each call.
PRICED = f"""(SELECT *, weight + {_ASKED} AS asked_weight, weight + {_COMPLETED} + {_ANSWER} AS answered_weight
  FROM (SELECT *, {_COMMON} AS weight FROM {CALLS_MORE}))"""
#: The bytes of a Metadata event of each stage, over PRICED.
SIZES: dict[str, str] = {
    stage: f"({'asked_weight' if stage == 'RequestReceived' else 'answered_weight'} + {len(stage)})" for stage in STAGES
}
#: The bytes of the bodies of a call as recorded: what its events weigh beyond their Metadata.
BODIES = (
    "CASE WHEN has_request OR has_response THEN greatest(bytes - ("
    + " + ".join(
        f"CASE WHEN contains(stages, '{stage}') THEN {size} + strlen(level) - {len('Metadata')} ELSE 0 END" for stage, size in SIZES.items()
    )
    + "), 0) ELSE 0 END"
)
#: Calls that carry an object to the API server, and those that it answers with one.
SENDS = "resource IS NOT NULL AND verb IN ('create', 'update', 'patch') AND NOT long_running"
ANSWERS = "NOT long_running AND (resource IS NOT NULL OR path LIKE '/api%') AND stage <> 'RequestReceived'"
