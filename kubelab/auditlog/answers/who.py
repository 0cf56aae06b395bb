"""Who did it: the calls that touched an object, whence and as whom, in the order of time.

Spec: audit.md B2.7 (the effective user is whose permissions were checked, the real one impersonated), B5. What took an object away may not
carry its name: deletions of its collection and of its namespace are shown too, and ``how`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, MUTATING, Log, limited, tidy
from kubelab.auditlog.schema import ORDER
from kubelab.kinds import registry

#: Managed clouds give many people one name; EKS keeps the person's in user.extra.
_PERSON = "coalesce(json_extract_string(extra, '$.sessionName[0]'), json_extract_string(extra, '$.arn[0]'))"
_COLUMNS = f"""received AS time, effective AS who, CASE WHEN impersonated IS NOT NULL THEN username END AS really, {_PERSON} AS person,
  role, verb, api_group, resource,
  subresource, namespace, name, code, source_ip, user_agent, client, component, decision_reason AS allowed_by, apart, audit_id, uri"""


class Wanted(NamedTuple):
    """What a reference names; None where it leaves open."""

    resource: str | None = None
    group: str | None = None
    name: str | None = None


def who(
    log: Log,
    reference: str | None = None,
    *,
    verb: str | Sequence[str] | None = None,
    resource: str | None = None,
    name: str | None = None,
    namespace: str | None = None,
    user: str | None = None,
    subresource: str | None = None,
    done: bool = True,
    top: int | None = None,
) -> pd.DataFrame:
    """The calls that changed (or, with ``verb``, did something else with) an object, a kind, or whatever ``user`` touched.

    ``reference`` is kubectl's (``pod/web-1``, ``sts/web``, ``deployments.apps/web``) or a kind; ``verb`` one or several (default: all that
    change); ``user`` matches the effective and the real one; ``done=False`` shows refused calls as well.

    Columns: ``time``, ``who`` (effective user), ``really`` (the user behind an impersonation, else missing), ``person`` (whom EKS says
    behind the user, else missing), ``role``, ``verb``, ``api_group``, ``resource``, ``subresource``, ``namespace``, ``name``, ``code``,
    ``source_ip``, ``user_agent``, ``client``, ``component``, ``allowed_by`` (the authorizer's reason), ``apart`` (kind of background, ""
    none), ``audit_id``, ``uri``, ``how`` (``by name``, ``its collection``, ``its namespace``, ``its kind``). Creates with generateName
    carry no name and are not found by one.
    """
    wanted = _wanted(reference, resource, name)
    verbs = (verb,) if isinstance(verb, str) else tuple(verb or MUTATING)
    params: dict[str, Any] = {"verbs": list(verbs)}
    frame = log.sql(_query(wanted, namespace, user, subresource, done, top, params), **params)
    return tidy(frame)


def _query(
    wanted: Wanted, namespace: str | None, user: str | None, subresource: str | None, done: bool, top: int | None, params: dict[str, Any]
) -> str:
    always = ["list_contains($verbs, verb)"]
    if user is not None:
        params["user"] = user
        always.append("(effective = $user OR username = $user)")
    if done:
        always.append("(code IS NULL OR code < 400)")
    direct = []
    for column, value in (("resource", wanted.resource), ("api_group", wanted.group), ("name", wanted.name), ("namespace", namespace)):
        if value is not None:
            params[column] = value
            direct.append(f"{column} = ${column}")
    if subresource is not None:
        params["subresource"] = subresource
        direct.append("coalesce(subresource, '') = $subresource")
    # of a namespaced object; which namespace holds it is not known unless it is given
    wide = []
    if wanted.resource is not None and wanted.name is not None and subresource is None:
        within = "namespace = $namespace" if namespace is not None else _HOME
        kind = "resource = $resource" + (" AND api_group = $api_group" if wanted.group is not None else "")
        wide.append(f"WHEN verb = 'deletecollection' AND {kind} AND {within} THEN 'its collection'")
        if wanted.resource != "namespaces":
            home = within.replace("namespace ", "name ", 1)
            wide.append(
                f"WHEN verb = 'delete' AND resource = 'namespaces' AND coalesce(subresource, '') = '' AND {home} THEN 'its namespace'"
            )
    named = "'by name'" if wanted.name is not None else "'its kind'" if wanted.resource is not None else "''"
    how = f"CASE WHEN {' AND '.join(direct) or 'true'} THEN {named} {' '.join(wide)} END"
    homes = _HOMES + (" AND api_group = $api_group" if wanted.group is not None else "") if any(_HOME in each for each in wide) else ""
    prefix = f"WITH homes AS ({homes}) " if homes else ""
    return f"""{prefix}SELECT {_COLUMNS}, {how} AS how FROM {CALLS_MORE}
      WHERE {" AND ".join(always)} AND ({how}) IS NOT NULL ORDER BY {ORDER}{limited(top)}"""


_HOMES = "SELECT DISTINCT namespace FROM calls WHERE name = $name AND resource = $resource AND coalesce(namespace, '') <> ''"
_HOME = "namespace IN (SELECT namespace FROM homes)"


def _wanted(reference: str | None, resource: str | None, name: str | None) -> Wanted:
    if reference is not None and (resource is not None or name is not None):
        raise ValueError(f"reference {reference!r} and resource= or name= say the same thing: give one of them")
    if reference is None:
        kind = _kind(resource) if resource is not None else Wanted()
        return kind._replace(name=name)
    word, slash, found = reference.partition("/")
    if not word or (slash and not found) or "/" in found:
        raise ValueError(f"{reference!r} is not a reference: what would work is KIND/NAME such as 'pod/web-1', or a kind such as 'secrets'")
    return _kind(word)._replace(name=found if slash else None)


def _kind(word: str) -> Wanted:
    """A kind as kubectl names it; what the lab does not know (custom resources, older versions) is taken for a plural, with its group after
    a dot."""
    known = registry.lookup(word)
    if known is not None:
        return Wanted(known.plural, known.group if "." in word else None)
    plural, dot, group = word.partition(".")
    return Wanted(plural.lower(), group if dot else None)
