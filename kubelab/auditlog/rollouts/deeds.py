"""What was done to workloads and their pods, in the order of cause and effect, by whom, and what the bodies told about it.

A call that another one caused was received after it; it may well be answered before it (RR: a node's 404 stands before the delete that it
follows). So deeds are ordered by receipt, and an effect lies between receipt and answer. spec/audit.md B2.3, B4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import pandas as pd

from kubelab.auditlog.rollouts.bodies import Told, told
from kubelab.auditlog.schema import ORDER

_ACCOUNT = "system:serviceaccount:kube-system:"
MANAGER, SCHEDULER, NODE = "kube-controller-manager", "kube-scheduler", "node"
WORKLOADS = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet",
    "replicationcontrollers": "ReplicationController",
    "jobs": "Job",
}
#: The controller of each kind, by the name of its service account. upstream: cmd/kube-controller-manager/app/apps.go
CONTROLLERS = {
    "Deployment": "deployment-controller",
    "StatefulSet": "statefulset-controller",
    "DaemonSet": "daemon-set-controller",
    "ReplicaSet": "replicaset-controller",
    "ReplicationController": "replication-controller",
    "Job": "job-controller",
}
_RESOURCES = ("pods", "controllerrevisions", *WORKLOADS)
_WHERE = f"""resource IN ({", ".join(f"'{each}'" for each in _RESOURCES)}) AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection')
    AND api_group IN ('', 'apps', 'extensions', 'batch') AND (code BETWEEN 200 AND 299 OR (verb = 'delete' AND code = 404 AND resource = 'pods'))
    AND coalesce(query, '') NOT LIKE '%dryRun=%'"""
_QUERY = f"""
SELECT audit_id, received, completed, effective, component, client, verb, resource, coalesce(subresource, '') AS subresource,
       coalesce(namespace, '') AS namespace, coalesce(name, '') AS name, coalesce(object_uid, '') AS uid, code, coalesce(query, '') AS query
FROM calls WHERE {_WHERE} AND list_contains($places, coalesce(namespace, '')) ORDER BY received, completed, {ORDER}
LIMIT {{most}} OFFSET {{at}}"""
_PLACES = f"""
SELECT coalesce(namespace, '') AS namespace, count(*) AS deeds, bool_or(coalesce(has_request, false) OR coalesce(has_response, false)) AS has_body
FROM calls WHERE {_WHERE} GROUP BY 1 ORDER BY 1"""
_REPORTERS = (
    f"SELECT DISTINCT effective FROM calls WHERE {_WHERE} AND resource = 'pods' AND subresource = 'status' AND effective IS NOT NULL"
)
AT_ONCE = 100_000  # deeds in memory, if the namespaces allow
ROWS = 25_000  # rows of the table in memory, whatever the namespaces


class Log(Protocol):
    def sql(self, query: str, **params: Any) -> pd.DataFrame: ...

    def bodies(self, where: str = ..., **params: Any) -> Iterator[dict[str, Any]]: ...


class Span(NamedTuple):
    """Something happened not before ``earliest`` and not after ``latest`` (nanoseconds since 1970)."""

    earliest: int
    latest: int

    def until(self, latest: int) -> Span:
        """It had happened by then."""
        return Span(self.earliest, max(self.earliest, min(self.latest, latest)))


class Deed(NamedTuple):
    """One call that changed something (or found it gone: ``code`` 404). ``role``: the component behind it, "" a user; ``told``: of its bodies."""

    span: Span
    by: str
    role: str
    client: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    uid: str
    code: int
    query: str
    told: Told | None

    @property
    def at(self) -> int:
        return self.span.earliest


def deeds_of(log: Log) -> Iterator[Iterator[Deed]]:
    """All of them, by receipt; a part at a time, to be gone through before the next: each of whole namespaces, as nothing that pods and workloads
    do reaches beyond one."""
    places = log.sql(_PLACES)
    stories: dict[str, Told] = {}
    if bool(places["has_body"].any()):
        for body in log.bodies(f"{_WHERE} AND (has_request OR has_response)"):
            story = told(body)
            if story is not None:
                stories[body["audit_id"]] = story
    reporters = frozenset(user for user in log.sql(_REPORTERS)["effective"] if role_of(user, "") == "")
    part: list[str] = []
    waiting = 0
    for namespace, deeds in zip(places["namespace"].tolist(), places["deeds"].tolist(), strict=True):
        if part and waiting + deeds > AT_ONCE:
            yield _part(log, part, stories, reporters)
            part, waiting = [], 0
        part.append(namespace)
        waiting += deeds
    if part:
        yield _part(log, part, stories, reporters)


def _part(log: Log, places: list[str], stories: Mapping[str, Told], reporters: frozenset[str]) -> Iterator[Deed]:
    at = 0
    same: dict[str, str] = {}  # the same words stand in most rows
    rows = log.sql(_QUERY.format(most=ROWS, at=0), places=places)
    while len(rows):
        yield from _deeds(rows, stories, reporters, same)
        at += ROWS
        rows = log.sql(_QUERY.format(most=ROWS, at=at), places=places) if len(rows) == ROWS else rows[:0]


def _deeds(rows: pd.DataFrame, stories: Mapping[str, Told], reporters: frozenset[str], same: dict[str, str]) -> list[Deed]:
    received, completed = (_nanoseconds(rows[name]) for name in ("received", "completed"))
    columns = [rows[name].tolist() for name in rows.columns if name not in ("received", "completed")]
    found = []
    for start, end, (audit_id, who, component, client, *rest) in zip(received, completed, zip(*columns, strict=True), strict=True):
        first = end if start is None else start
        if first is None:
            continue
        by, agent, part = (each if isinstance(each, str) else "" for each in (who, client, component))
        verb, resource, subresource, namespace, name, uid, code, query = (
            same.setdefault(each, each) if isinstance(each, str) else each for each in rest
        )
        role = NODE if by in reporters else role_of(by, part)
        by, agent = same.setdefault(by, by), same.setdefault(agent, agent)
        span = Span(first, max(first, first if end is None else end))
        found.append(
            Deed(span, by, role, agent, verb, resource, subresource, namespace, name, uid, int(code), query, stories.get(audit_id))
        )
    return found


def _nanoseconds(times: pd.Series) -> list[int | None]:
    raw = pd.to_datetime(times, utc=True).astype("datetime64[ns, UTC]")
    return [None if missing else value for value, missing in zip(raw.astype("int64").tolist(), raw.isna().tolist(), strict=True)]


def role_of(user: str, component: str) -> str:
    """The component behind a call; of controllers that share one identity, by the end of their user agent.

    >>> role_of("system:serviceaccount:kube-system:replicaset-controller", ""), role_of("system:node:n1", ""), role_of("alice", "")
    ('replicaset-controller', 'node', '')
    """
    if user.startswith(_ACCOUNT):
        return user.removeprefix(_ACCOUNT)
    if user == "system:kube-controller-manager":
        return component.rpartition(":")[2] or MANAGER
    if user == "system:kube-scheduler":
        return SCHEDULER
    return NODE if user.startswith("system:node:") else ""
