"""Which level a request is recorded at: the policy's decision, from what it may see of a request and nothing else.

upstream: staging/src/k8s.io/apiserver/pkg/audit/policy/checker.go, pkg/authorization/authorizer/interfaces.go, 1.28; spec/audit.md A1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubelab.apiserver.audit.policy import AuditPolicy, AuditResources, AuditRule


class Attributes(NamedTuple):
    """What a rule may see. ``user`` None: nobody, as after a failed authentication. ``resource`` "" means a path that is no resource; ``path``
    is without its query, and is looked at for those alone."""

    user: str | None
    groups: tuple[str, ...] = ()
    verb: str = ""
    namespace: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    path: str = ""


class Decision(NamedTuple):
    """``rule`` is the index of the rule that decided, -1 if none did."""

    level: str
    omit_stages: tuple[str, ...] = ()
    omit_managed_fields: bool = False
    rule: int = -1


def evaluate(policy: AuditPolicy, attributes: Attributes, *, release: str = "1.28") -> Decision:
    """The decision of the first rule that matches. Under ``release="1.7"`` a resource stands for its subresources too.

    >>> from kubelab.apiserver.audit.policy import load
    >>> secrets = load({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [
    ...     {"level": "Metadata", "resources": [{"resources": ["secrets"]}]}, {"level": "Request"}]}).policy
    >>> evaluate(secrets, Attributes("alice", verb="get", resource="secrets", name="db")).level
    'Metadata'
    """
    for index, rule in enumerate(policy.rules):
        if matches(rule, attributes, release=release):
            omit = rule.omit_managed_fields
            stages = tuple(dict.fromkeys(policy.omit_stages + rule.omit_stages))
            return Decision(rule.level, stages, policy.omit_managed_fields if omit is None else omit, index)
    return Decision("None", policy.omit_stages, policy.omit_managed_fields)


def matches(rule: AuditRule, attributes: Attributes, *, release: str = "1.28") -> bool:
    """Whether all that a rule asks for holds."""
    if rule.users and (attributes.user is None or attributes.user not in rule.users):
        return False
    if rule.user_groups and (attributes.user is None or not any(group in rule.user_groups for group in attributes.groups)):
        return False
    if rule.verbs and attributes.verb not in rule.verbs:
        return False
    if rule.namespaces or rule.resources:
        return bool(attributes.resource) and _on_resource(rule, attributes, release)
    if rule.non_resource_urls:
        return not attributes.resource and any(_on_path(pattern, attributes.path) for pattern in rule.non_resource_urls)
    return True


def _on_path(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def _on_resource(rule: AuditRule, attributes: Attributes, release: str) -> bool:
    if rule.namespaces and attributes.namespace not in rule.namespaces:
        return False
    return not rule.resources or any(_in_entry(entry, attributes, release) for entry in rule.resources)


def _in_entry(entry: AuditResources, attributes: Attributes, release: str) -> bool:
    if entry.group != attributes.group:
        return False
    if not entry.resources:
        return True
    if release == "1.7":
        return attributes.resource in entry.resources
    if entry.resource_names and attributes.name not in entry.resource_names:
        return False
    return any(_named(pattern, attributes.resource, attributes.subresource) for pattern in entry.resources)


def _named(pattern: str, resource: str, subresource: str) -> bool:
    """``pods``, ``pods/log``, ``*``, ``*/log``; ``pods/*`` is the pods themselves as well."""
    if pattern == "*" or pattern == (f"{resource}/{subresource}" if subresource else resource):
        return True
    if subresource and pattern.startswith("*/") and pattern[2:] == subresource:
        return True
    return pattern.endswith("/*") and pattern[:-2] == resource


class Sight(NamedTuple):
    """What the rules of a policy look at, so that decisions can be remembered by no more than that."""

    users: bool
    namespaces: bool
    names: bool
    paths: bool


def sight(policy: AuditPolicy) -> Sight:
    rules: Sequence[AuditRule] = policy.rules
    return Sight(
        any(rule.users or rule.user_groups for rule in rules),
        any(rule.namespaces for rule in rules),
        any(entry.resource_names for rule in rules for entry in rule.resources),
        any(rule.non_resource_urls for rule in rules),
    )
