"""The events of a log as flat rows of the table ``held``: what DuckDB reads from JSON, and what is derived from it.

Upstream's Event in all its versions (spec/audit.md A2; upstream: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go, 1.28): v1alpha1 has
no apiGroup in its objectRef, and 1.7's has other names for the two times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.auditlog.schema import CALLS

_USER = {"username": "VARCHAR", "uid": "VARCHAR", "groups": ["VARCHAR"], "extra": "JSON"}
#: The fields of an event that are read, in DuckDB's types. Bodies are only looked at for whether they are there.
EVENT = {
    "kind": "VARCHAR",
    "apiVersion": "VARCHAR",
    "level": "VARCHAR",
    "auditID": "VARCHAR",
    "stage": "VARCHAR",
    "requestURI": "VARCHAR",
    "verb": "VARCHAR",
    "user": _USER,
    "impersonatedUser": _USER,
    "sourceIPs": ["VARCHAR"],
    "userAgent": "VARCHAR",
    "objectRef": dict.fromkeys(
        ("resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion", "subresource"), "VARCHAR"
    ),
    "responseStatus": {"status": "VARCHAR", "reason": "VARCHAR", "message": "VARCHAR", "code": "INTEGER"},
    "requestObject": "JSON",
    "responseObject": "JSON",
    "requestReceivedTimestamp": "VARCHAR",
    "stageTimestamp": "VARCHAR",
    "timestamp": "VARCHAR",
    "metadata": {"creationTimestamp": "VARCHAR"},
    "annotations": "JSON",
}


def structure(kind: Any) -> str:
    """A type as DuckDB writes it."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return f"{structure(kind[0])}[]"
    return "STRUCT(" + ", ".join(f'"{name}" {structure(each)}' for name, each in kind.items()) + ")"


#: The fields with their types, as ``read_json`` takes them.
FIELDS = ", ".join(f"'{name}': '{structure(kind)}'" for name, kind in EVENT.items())

LONG_RUNNING_VERBS = ("watch", "proxy")
LONG_RUNNING_SUBRESOURCES = ("attach", "exec", "proxy", "log", "portforward")


_TAIL = "user_agent[strpos(user_agent, ' kubernetes/') + 12:]"
#: What the view ``calls`` makes of the columns that are held: cheap, and only computed where it is asked for.
VIEWED = {
    "effective": "coalesce(impersonated, username)",
    "source_ip": "source_ips[-1]",
    "client": "split_part(user_agent, '/', 1)",
    "component": f"CASE WHEN contains(user_agent, ' kubernetes/') AND contains({_TAIL}, '/') THEN {_TAIL}[strpos({_TAIL}, '/') + 1:] ELSE '' END",
    "path": "split_part(uri, '?', 1)",
    "query": "CASE WHEN contains(uri, '?') THEN uri[strpos(uri, '?') + 1:] ELSE '' END",
    "long_running": f"coalesce(verb IN {LONG_RUNNING_VERBS} OR subresource IN {LONG_RUNNING_SUBRESOURCES} OR starts_with(uri, '/debug/pprof/'), false)",
    "latency": "CASE WHEN coarse AND received = completed THEN NULL ELSE date_diff('microsecond', received, completed) / 1e6 END",
}
#: What a row has beside the columns of a call: which call it may belong to, and whether it is an event at all.
#: ``coarse``: its times are whole seconds (v1alpha1, v1beta1 of old), so that what ended within its second has no latency that is known.
OWN = {"key": "UBIGINT", "plain": "BOOLEAN", "coarse": "BOOLEAN"}
HELD = {**{name: kind for name, kind in CALLS.items() if name not in VIEWED}, **OWN}


#: Columns that most questions need, and that cost little: ``scan`` holds these first, and the others once a question needs them.
FIRST = """server file bytes level stage stages received started completed code verb username impersonated user_agent
    api_group api_version resource subresource namespace name uri reason key plain coarse""".split()
#: The fields of an event that these need.
FIRST_FIELDS = {
    **{name: EVENT[name] for name in EVENT if name not in ("sourceIPs", "requestObject", "responseObject", "annotations")},
    "user": {"username": "VARCHAR"},
    "impersonatedUser": {"username": "VARCHAR"},
    "objectRef": dict.fromkeys(("resource", "namespace", "name", "apiGroup", "apiVersion", "subresource"), "VARCHAR"),
    "responseStatus": {"reason": "VARCHAR", "code": "INTEGER"},
}
_LACKS = "kubelab-lacks"


def lacking(name: str) -> str:
    """A column that is not held yet: it fails where its values are needed, and only there."""
    return (
        f"CAST([('{_LACKS} {name} ' || coalesce(stage, ''))::TINYINT::VARCHAR] AS {CALLS[name]})"
        if CALLS[name].endswith("[]")
        else (f"CAST(('{_LACKS} {name} ' || coalesce(stage, ''))::TINYINT AS {CALLS[name]})")
    )


def lacks(error: Exception) -> bool:
    """Whether a query failed for want of a column that is not held yet."""
    return _LACKS in str(error)


def _instant(field: str) -> str:
    """A time in UTC; upstream writes Z, others may write an offset; the zero time of Go is none."""
    with_offset = f"TRY_CAST({field} AS TIMESTAMPTZ)::TIMESTAMP"
    return f"nullif(CASE WHEN ends_with({field}, 'Z') THEN TRY_CAST({field} AS TIMESTAMP) ELSE {with_offset} END, TIMESTAMP '0001-01-01')"


_REF = "e.objectRef"


def _annotation(key: str) -> str:
    return f"CASE WHEN contains(e.annotations, '{key}') THEN e.annotations ->> '$.\"{key}\"' END"


#: v1alpha1: ``apps/v1beta1`` in one field.
_SPLIT = f"({_REF}.apiGroup IS NULL AND contains({_REF}.apiVersion, '/'))"
_IN_LINE = {
    "server": "coalesce(server, '')",
    "audit_id": "e.auditID",
    "level": "e.level",
    "stage": "e.stage",
    "stages": "coalesce(e.stage, '')",
    "username": "e.user.username",
    "user_uid": "e.user.uid",
    "groups": "e.user.groups",
    "extra": "e.user.extra::VARCHAR",
    "impersonated": "e.impersonatedUser.username",
    "impersonated_groups": "e.impersonatedUser.groups",
    "impersonated_uid": "e.impersonatedUser.uid",
    "impersonated_extra": "e.impersonatedUser.extra::VARCHAR",
    "source_ips": "e.sourceIPs",
    "user_agent": "e.userAgent",
    "verb": "e.verb",
    "uri": "e.requestURI",
    "api_group": f"CASE WHEN {_REF}.resource IS NULL THEN NULL WHEN {_SPLIT} THEN regexp_replace({_REF}.apiVersion, '/[^/]*$', '') "
    f"ELSE coalesce({_REF}.apiGroup, '') END",
    "api_version": f"CASE WHEN {_SPLIT} THEN regexp_extract({_REF}.apiVersion, '[^/]*$') ELSE {_REF}.apiVersion END",
    "resource": f"{_REF}.resource",
    "subresource": f"coalesce({_REF}.subresource, '')",
    "namespace": f"coalesce({_REF}.namespace, '')",
    "name": f"coalesce({_REF}.name, '')",
    "object_uid": f"{_REF}.uid",
    "object_rv": f"{_REF}.resourceVersion",
    "code": "e.responseStatus.code",
    "status": "e.responseStatus.status",
    "reason": "e.responseStatus.reason",
    "message": "e.responseStatus.message",
    "received": f"coalesce({_instant('e.requestReceivedTimestamp')}, {_instant('e.timestamp')})",
    "decision": "marks[1]",
    "decision_reason": "marks[2]",
    "deprecated": f"coalesce({_annotation('k8s.io/deprecated')} = 'true', false)",
    "removed_release": _annotation("k8s.io/removed-release"),
    "annotations": "e.annotations::VARCHAR",
    "has_request": "e.requestObject IS NOT NULL",
    "has_response": "e.responseObject IS NOT NULL",
    "bytes": "bytes",
    "file": "file",
    "line": "line",
    "stage_time": f"coalesce({_instant('e.stageTimestamp')}, {_instant('e.metadata.creationTimestamp')})",
    "coarse": "e.requestReceivedTimestamp IS NULL AND e.stageTimestamp IS NULL",
    "plain": "coalesce(e.kind = 'Event' AND starts_with(e.apiVersion, 'audit.k8s.io/'), false)",
}


_MARKS = """json_extract_string(e.annotations, ['$."authorization.k8s.io/decision"', '$."authorization.k8s.io/reason"'])"""
#: What is derived from columns of the same row.
_DERIVED = {
    "started": "CASE WHEN stage = 'ResponseStarted' THEN stage_time END",
    "completed": "CASE WHEN stage IN ('ResponseComplete', 'Panic') THEN stage_time END",
    "key": "CASE WHEN audit_id IS NOT NULL THEN hash(audit_id, uri) END",
}


def flat(lines: str, names: Iterable[str] = tuple(HELD)) -> str:
    """The query that makes rows of ``held`` (or of some of its columns) from a relation of ``server, file, line, bytes`` and the fields of EVENT
    (or those that the columns need)."""
    wanted = {*names, "audit_id", "uri", "stage", "stage_time"}
    in_line = ", ".join(f"{what} AS {name}" for name, what in _IN_LINE.items() if name in wanted)
    columns = ", ".join(f"{_DERIVED[name]} AS {name}" if name in _DERIVED else name for name in names)
    marked = f"SELECT *, {_MARKS} AS marks FROM ({lines}) AS e" if "decision" in wanted else lines
    return f"SELECT {columns} FROM (SELECT {in_line} FROM ({marked}) AS e)"
