"""RBAC rules as values: what a rule allows, whether rules cover others, and how missing ones are printed.

upstream: pkg/apis/rbac/v1/evaluation_helpers.go, plugin/pkg/auth/authorizer/rbac/rbac.go (RuleAllows),
staging/src/k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go, pkg/registry/rbac/validation/policy_compact.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubelab.kinds.field import go_quote
from kubelab.store.log import Object

ALL = "*"


def allows_except_name(rule: Object, verb: str, group: str, resource: str, subresource: str) -> bool:
    """Whether a rule lets a verb through on a resource, its resourceNames aside."""
    return matches_verb(rule, verb) and _has(rule.get("apiGroups"), group) and _matches_resource(rule, resource, subresource)


def allows_name(rule: Object, name: str) -> bool:
    names = rule.get("resourceNames")
    return not names or name in names


def allows(rule: Object, verb: str, group: str, resource: str, subresource: str, name: str) -> bool:
    return allows_except_name(rule, verb, group, resource, subresource) and allows_name(rule, name)


def allows_path(rule: Object, verb: str, path: str) -> bool:
    """Whether a rule lets a verb through on a non-resource path; only a ``*`` at the end stands for anything."""
    return matches_verb(rule, verb) and any(_url_matches(url, path) for url in rule.get("nonResourceURLs") or ())


def matches_verb(rule: Object, verb: str) -> bool:
    return _has(rule.get("verbs"), verb)


def _has(values: Sequence[str] | None, wanted: str) -> bool:
    return values is not None and (wanted in values or ALL in values)


def _matches_resource(rule: Object, resource: str, subresource: str) -> bool:
    listed = rule.get("resources") or ()
    if not subresource:
        return resource in listed or ALL in listed
    return f"{resource}/{subresource}" in listed or ALL in listed or f"*/{subresource}" in listed


def _url_matches(url: str, path: str) -> bool:
    return url in (ALL, path) or (url.endswith("*") and path.startswith(url.rstrip("*")))


# -- covering ------------------------------------------------------------------------------------------------------------
def uncovered(owned: Iterable[Object], wanted: Iterable[Object]) -> list[Object]:
    """The parts of ``wanted``, each of one verb, resource and name, that no single rule of ``owned`` covers."""
    owned = list(owned)
    parts = [part for rule in wanted for part in broken_down(rule)]
    return [part for part in parts if not any(_covers(rule, part) for rule in owned)]


def broken_down(rule: Object) -> list[Object]:
    parts: list[Object] = []
    verbs = rule.get("verbs") or ()
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in verbs:
                part: Object = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                names = rule.get("resourceNames")
                parts.extend({**part, "resourceNames": [name]} for name in names) if names else parts.append(part)
    for url in rule.get("nonResourceURLs") or ():
        parts.extend({"nonResourceURLs": [url], "verbs": [verb]} for verb in verbs)
    return parts


def _covers(owner: Object, part: Object) -> bool:
    return (
        _has_all(owner.get("verbs"), part.get("verbs"))
        and _has_all(owner.get("apiGroups"), part.get("apiGroups"))
        and all(_covers_resource(owner.get("resources") or (), resource) for resource in part.get("resources") or ())
        and all(any(_url_covers(url, path) for url in owner.get("nonResourceURLs") or ()) for path in part.get("nonResourceURLs") or ())
        and _covers_names(owner.get("resourceNames"), part.get("resourceNames"))
    )


def _has_all(have: Sequence[str] | None, wanted: Sequence[str] | None) -> bool:
    have = have or ()
    return ALL in have or all(item in have for item in wanted or ())


def _covers_resource(listed: Sequence[str], resource: str) -> bool:
    if ALL in listed or resource in listed:
        return True
    _, slash, subresource = resource.partition("/")
    return bool(slash) and f"*/{subresource}" in listed


def _url_covers(owner: str, path: str) -> bool:
    return owner == path or (owner.endswith("*") and path.startswith(owner.rstrip("*")))


def _covers_names(owner: Sequence[str] | None, part: Sequence[str] | None) -> bool:
    if not owner:
        return True
    return bool(part) and all(name in owner for name in part or ())


# -- words ---------------------------------------------------------------------------------------------------------------
def compact(parts: Iterable[Object]) -> list[Object]:
    """Parts that differ by their verb alone, joined."""
    joined: dict[tuple[str, str, str | None], Object] = {}
    others: list[Object] = []
    for part in parts:
        if "resources" not in part:
            others.append(part)
            continue
        names = part.get("resourceNames")
        key = (part["apiGroups"][0], part["resources"][0], names[0] if names else None)
        if key in joined:
            joined[key]["verbs"].extend(part["verbs"])
        else:
            joined[key] = {**part, "verbs": list(part["verbs"])}
    return [*others, *joined.values()]


_SHOWN = (
    ("apiGroups", "APIGroups"),
    ("resources", "Resources"),
    ("nonResourceURLs", "NonResourceURLs"),
    ("resourceNames", "ResourceNames"),
    ("verbs", "Verbs"),
)


def compact_text(rule: Object) -> str:
    """A rule as escalation errors print it.

    >>> print(compact_text({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}))
    {APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}
    """
    return "{" + ", ".join(f"{shown}:{go_list(rule[name])}" for name, shown in _SHOWN if rule.get(name)) + "}"


def go_list(texts: Iterable[str]) -> str:
    """Go's ``%q`` of a slice of strings."""
    return "[" + " ".join(map(go_quote, texts)) + "]"
