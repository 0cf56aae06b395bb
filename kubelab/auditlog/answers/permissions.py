"""Permissions used against granted: which rules of which bindings a log's calls needed, and which none did.

upstream: plugin/pkg/auth/authorizer/rbac/rbac.go, 1.28 (``kubelab.apiserver.authorization.rules`` decides). Spec: audit.md B2.7: the
effective user is whose permissions were checked. Without roles to compare with, the authorizer's own reasons on record tell which bindings
were used, and not what was granted besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from kubelab.apiserver.authorization import rules
from kubelab.auditlog.answers.asking import CALLS_MORE, Log, tidy
from kubelab.auditlog.rbac.usage import Use, usage
from kubelab.cluster import manifests

Object = dict[str, Any]
KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
_ALLOWED = "(decision = 'allow' OR (decision IS NULL AND (code IS NULL OR code NOT IN (401, 403))))"
_REASON = r'^RBAC: allowed by (\w+) "([^"]*)" of (\w+) "([^"]*)" to (\w+) "([^"]*)"$'


def permissions(log: Log, roles: Any = None, *, unused: bool = False) -> pd.DataFrame:
    """Each permission of ``roles`` (a file, YAML text, objects, or a cluster) and how often it was used; ``unused=True`` those alone that
    never were.

    Columns: ``subject`` (``User alice``), ``binding``, ``role``, ``namespace`` ("" cluster-wide), ``verb``, ``what`` (resource with its
    group, or a path), ``names`` (joined by ",", "" any), ``calls`` (allowed ones that it covers), ``used``, ``last``. A call counts for
    every permission that covers it. Without ``roles``: ``subject``, ``binding``, ``role``, ``namespace``, ``calls``, ``verbs``,
    ``resources`` (joined by ","), ``first``, ``last``, from the reasons on record.
    """
    if roles is None:
        return _from_reasons(log)
    uses = usage(log).uses
    covered: dict[Use, bool] = {}
    by_subject: dict[tuple[str, str], list[Use]] = {}
    rows = []
    for grant in _grants(_objects(roles)):
        subject = _key(grant)
        if subject not in by_subject:
            by_subject[subject] = [use for use in uses if (use.user == subject[1] if subject[0] == "User" else subject[1] in use.groups)]
        matching = [use for use in by_subject[subject] if _covers(grant, use)]
        covered.update(dict.fromkeys(matching, True))
        rows.append(_row(grant, matching))
    columns = ["subject", "binding", "role", "namespace", "verb", "what", "names", "calls", "used", "last"]
    frame = pd.DataFrame(rows, columns=columns).astype({"calls": "int64", "used": "bool"})
    frame["last"] = pd.to_datetime(frame["last"], utc=True)
    if unused:
        frame = frame[~frame["used"]]
    uncovered = sum(use.calls for use in uses if use not in covered)
    return tidy(frame.reset_index(drop=True), {"calls that no role covers": uncovered})


def _from_reasons(log: Log) -> pd.DataFrame:
    parts = ", ".join(
        f"regexp_extract(decision_reason, $reason, {at}) AS {name}" for at, name in enumerate(("a", "b", "c", "d", "e", "f"), 1)
    )
    frame = log.sql(
        f"""
        WITH granted AS (SELECT *, {parts} FROM {CALLS_MORE} WHERE {_ALLOWED} AND starts_with(coalesce(decision_reason, ''), 'RBAC: allowed by '))
        SELECT e || ' ' || f AS subject, a || ' ' || CASE WHEN a = 'RoleBinding' THEN split_part(b, '/', 1) ELSE b END AS binding, c || ' ' || d AS role,
          CASE WHEN a = 'RoleBinding' THEN split_part(b, '/', 2) ELSE '' END AS namespace, count(*) AS calls,
          string_agg(DISTINCT verb, ',' ORDER BY verb) AS verbs,
          string_agg(DISTINCT target, ',' ORDER BY target)
            FILTER (WHERE resource IS NOT NULL) AS resources, min(received) AS first, max(received) AS last
        FROM granted GROUP BY ALL ORDER BY calls DESC, subject, binding, role""",
        reason=_REASON,
    )
    without = log.sql(
        f"SELECT count(*) AS calls FROM calls WHERE {_ALLOWED} AND NOT starts_with(coalesce(decision_reason, ''), 'RBAC: allowed by ')"
    )
    return tidy(frame, {"calls without such a reason": int(without["calls"].iloc[0])})


def _objects(roles: Any) -> list[Object]:
    """The RBAC objects of a source; of a cluster, those it has."""
    if hasattr(roles, "as_user"):
        return [obj for kind in KINDS for obj in roles.list(f"{kind.lower()}s", namespace=None)]
    found = [document.object for document in manifests.read(roles)]
    wrong = next((obj for obj in found if obj.get("kind") not in KINDS), None)
    if wrong is not None:
        raise ValueError(f"roles: a {wrong.get('kind')} is no role or binding: what would work are objects of the kinds {', '.join(KINDS)}")
    return found


class Grant(NamedTuple):
    """A part of a rule, of one verb and one resource or path, that a binding gives to a subject."""

    subject: Object
    binding: Object
    namespace: str
    part: Object


def _grants(objects: list[Object]) -> Iterator[Grant]:
    roles = {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in objects}
    for binding in objects:
        if not binding["kind"].endswith("Binding"):
            continue
        namespace = binding["metadata"].get("namespace", "default") if binding["kind"] == "RoleBinding" else ""
        reference = binding["roleRef"]
        role = roles.get((reference["kind"], namespace if reference["kind"] == "Role" else "", reference["name"]))
        for subject in binding.get("subjects") or ():
            for rule in (role or {}).get("rules") or ():
                for part in _parts(rule):
                    yield Grant(subject, binding, namespace, part)


def _parts(rule: Object) -> Iterator[Object]:
    """A rule taken apart by verb and resource; its names stay together."""
    names = {"resourceNames": rule["resourceNames"]} if rule.get("resourceNames") else {}
    for part in rules.broken_down({**rule, "resourceNames": None}):
        yield {**part, **names} if "resources" in part else part


def _covers(grant: Grant, use: Use) -> bool:
    part = grant.part
    if not use.resource:
        return not grant.namespace and rules.allows_path(part, use.verb, use.path)
    if grant.namespace and grant.namespace != use.asked_namespace:
        return False
    return rules.allows(part, use.verb, use.group, use.resource, use.subresource, use.name)


def _key(grant: Grant) -> tuple[str, str]:
    """The subject as calls name it: a user or a group."""
    subject = grant.subject
    if subject["kind"] == "ServiceAccount":
        return "User", f"system:serviceaccount:{subject.get('namespace') or grant.namespace}:{subject['name']}"
    return subject["kind"], subject["name"]


def _row(grant: Grant, matching: list[Use]) -> tuple[Any, ...]:
    subject, part, reference = grant.subject, grant.part, grant.binding["roleRef"]
    home = f"{subject.get('namespace') or grant.namespace}/" if subject["kind"] == "ServiceAccount" else ""
    what = part["nonResourceURLs"][0] if "nonResourceURLs" in part else part["resources"][0]
    group = (part.get("apiGroups") or [""])[0]
    return (
        f"{subject['kind']} {home}{subject['name']}",
        f"{grant.binding['kind']} {grant.binding['metadata']['name']}",
        f"{reference['kind']} {reference['name']}",
        grant.namespace,
        part["verbs"][0],
        f"{what}.{group}" if group and "resources" in part else what,
        ",".join(part.get("resourceNames") or ()),
        sum(use.calls for use in matching),
        bool(matching),
        max((use.last for use in matching), default=pd.NaT),
    )
