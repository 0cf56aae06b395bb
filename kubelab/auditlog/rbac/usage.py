"""What was used: the calls of a log that an authorizer let through, as the attributes that it looked at.

upstream: staging/src/k8s.io/apiserver/pkg/endpoints/filters/{authorization,impersonation}.go, pkg/endpoints/request/requestinfo.go,
pkg/endpoints/handlers/create.go (withAuthorization), 1.28; spec/audit.md B3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

import pandas as pd

AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
ANONYMOUS, ACCOUNT = "system:anonymous", "system:serviceaccount:"
_SEPARATOR = "\x1f"

#: Whether a call was let through. Where the annotation is missing (before 1.11, GKE) the answer tells: a 403 of admission does not say "cannot".
VERDICT = """CASE
    WHEN decision = 'forbid' OR code = 401 THEN 'denied'
    WHEN decision = 'allow' THEN 'allowed'
    WHEN code IS NULL THEN 'never answered'
    WHEN code = 403 THEN CASE WHEN message IS NULL OR message LIKE '%cannot%' THEN 'denied' ELSE 'allowed' END
    WHEN code = 429 THEN 'turned away before it was authorized'
    WHEN code = 500 THEN 'failed before it was known whether it was allowed'
    ELSE 'allowed' END"""

_QUERY = f"""
SELECT username, array_to_string(list_sort(groups), chr(31)) AS groups, impersonated,
       array_to_string(list_sort(impersonated_groups), chr(31)) AS impersonated_groups,
       impersonated_uid, impersonated_extra,
       verb, coalesce(api_group, '') AS api_group, coalesce(resource, '') AS resource, coalesce(subresource, '') AS subresource,
       CASE WHEN resource IS NULL OR resource = 'namespaces' THEN '' ELSE coalesce(namespace, '') END AS namespace,
       CASE WHEN resource IS NULL OR verb = 'deletecollection' OR (verb = 'create' AND coalesce(subresource, '') = '') THEN ''
            ELSE coalesce(name, '') END AS name,
       CASE WHEN resource IS NULL THEN path ELSE '' END AS path,
       coalesce(code = 201 AND verb IN ('update', 'patch'), false) AS made,
       {VERDICT} AS verdict, count(*) AS calls, min(received) AS first, max(received) AS last
FROM calls
WHERE username IS NOT NULL {{also}}
GROUP BY ALL ORDER BY ALL"""


class Log(Protocol):
    """What is asked of a log: SQL over the table ``calls``."""

    def sql(self, query: str, **params: Any) -> pd.DataFrame: ...


class Use(NamedTuple):
    """One permission that somebody used: ``resource`` "" for a path that is no resource; ``name`` "" where the authorizer is given none;
    ``calls`` how often, ``first`` and ``last`` when."""

    user: str
    groups: tuple[str, ...]
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    path: str
    calls: int
    first: pd.Timestamp
    last: pd.Timestamp

    @property
    def what(self) -> tuple[str, ...]:
        """The permission itself, whoever used it."""
        return (self.verb, self.group, self.resource, self.subresource, self.namespace, self.name, self.path)

    @property
    def asked_namespace(self) -> str:
        """The namespace that the authorizer is asked about: of a namespace, its own name."""
        return self.name if self.resource == "namespaces" else self.namespace


class Usage(NamedTuple):
    """``uses``: each permission of each user once; ``left_out``: (user, why) → calls that are no use."""

    uses: tuple[Use, ...]
    left_out: dict[tuple[str, str], int]


def usage(log: Log, users: Sequence[str] | None = None, group: str | None = None) -> Usage:
    """What ``users`` (None: all), or the members of a group, used. Both the effective user of a call, whose permissions were checked, and the
    real one, who needed to impersonate."""
    also = ""
    params: dict[str, Any] = {}
    if users is not None:
        also = "AND (list_contains($users, username) OR list_contains($users, impersonated))"
        params["users"] = list(users)
    if group is not None:
        also += " AND (list_contains(groups, $member) OR list_contains(impersonated_groups, $member))"
        params["member"] = group
    rows = log.sql(_QUERY.format(also=also), **params)
    found: dict[tuple[Any, ...], Use] = {}
    left_out: dict[tuple[str, str], int] = {}
    for row in rows.itertuples(index=False):
        for use, verdict in _uses(row):
            if (users is not None and use.user not in users) or (group is not None and group not in use.groups):
                continue
            if verdict != "allowed":
                left_out[(use.user, verdict)] = left_out.get((use.user, verdict), 0) + use.calls
                continue
            key = use[:9]
            found[key] = _joined(found[key], use) if key in found else use
    return Usage(tuple(sorted(found.values(), key=lambda use: use[:9])), dict(sorted(left_out.items())))


def _joined(one: Use, other: Use) -> Use:
    return one._replace(calls=one.calls + other.calls, first=min(one.first, other.first), last=max(one.last, other.last))


def _uses(row: Any) -> Iterator[tuple[Use, str]]:
    """The permissions behind one kind of call: its own, ``create`` where it made what was not there, and ``impersonate``."""
    impersonated = row.impersonated if isinstance(row.impersonated, str) else None
    real = _identity(row.username, row.groups)
    user, groups = real if impersonated is None else _identity(impersonated, row.impersonated_groups)
    told = (int(row.calls), row.first, row.last)
    path = unquote(row.path) if row.path else ""
    own = Use(user, groups, row.verb, row.api_group, row.resource, row.subresource, row.namespace, row.name, path, *told)
    yield own, row.verdict
    if row.made:
        yield own._replace(verb="create"), row.verdict
    if impersonated is not None:
        # the call was let through to be one of somebody else's, whatever became of it then
        for resource, namespace, name in _wishes(impersonated, groups):
            yield Use(*real, "impersonate", "", resource, "", namespace, name, "", *told), "allowed"
        for resource, key, value in _more_wishes(row.impersonated_uid, row.impersonated_extra):
            yield Use(*real, "impersonate", "authentication.k8s.io", resource, key, "", value, "", *told), "allowed"


def _more_wishes(uid: Any, extra: Any) -> Iterator[tuple[str, str, str]]:
    """(resource, subresource, name) of the uid and the extra that somebody asked to have."""
    if isinstance(uid, str) and uid:
        yield "uids", "", uid
    found = json.loads(extra) if isinstance(extra, str) else None
    for key, values in sorted(found.items()) if isinstance(found, dict) else ():
        for value in sorted(each for each in values if isinstance(each, str)) if isinstance(values, list) else ():
            yield "userextras", key, value


def _wishes(user: str, groups: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(resource, namespace, name) of what somebody asked to be. Groups that the server adds by itself were not asked for."""
    account = split_account(user)
    added = {AUTHENTICATED, UNAUTHENTICATED}
    if account is None:
        yield "users", "", user
    else:
        yield "serviceaccounts", *account
        added |= {"system:serviceaccounts", f"system:serviceaccounts:{account[0]}"}
    for group in groups:
        if group not in added:
            yield "groups", "", group


def split_account(user: str) -> tuple[str, str] | None:
    """Namespace and name, if a user name is a service account's.

    >>> split_account("system:serviceaccount:shop:robot"), split_account("alice")
    (('shop', 'robot'), None)
    """
    parts = user.removeprefix(ACCOUNT).split(":")
    return (parts[0], parts[1]) if user.startswith(ACCOUNT) and len(parts) == 2 and all(parts) else None


def _identity(user: str, joined: Any) -> tuple[str, tuple[str, ...]]:
    """A user with its groups. Where a log has none (GKE), those that the server adds by itself."""
    if isinstance(joined, str) and joined:
        return user, tuple(joined.split(_SEPARATOR))
    account = split_account(user)
    if account is not None:
        return user, ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}", AUTHENTICATED)
    return user, (UNAUTHENTICATED if user == ANONYMOUS else AUTHENTICATED,)
