"""The aggregation controller: a ClusterRole with an ``aggregationRule`` has the rules of the roles that its selectors match.

upstream: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go, 1.28. Bootstrap roles come with their rules gathered
(``kinds/rbac/bootstrap.py``), so that nothing is to do until somebody makes, changes or deletes a role.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Key, Plan, Reason, patch, step, wait
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object

RESOURCE = "clusterroles.rbac.authorization.k8s.io"
MANAGER = "clusterrole-aggregation-controller"
RULE_FIELDS = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")

DIFFER = Reason("RulesDiffer", "{subject} has {found} rules, the roles that its selectors match have {wanted}")
AGREE = Reason("RulesAgree", "{subject} has the rules of the roles that its selectors match")


@dataclass(frozen=True, slots=True)
class Seen:
    """An aggregated role, and all roles there are."""

    role: Object
    roles: Sequence[Object]


def observe(scope: Scope, key: Key) -> Seen | None:
    role = scope.view.get(RESOURCE, "", key[0])
    return None if role is None or role.get("aggregationRule") is None else Seen(role, scope.view.list(RESOURCE))


def plan(seen: Seen) -> Plan:
    role, rules = seen.role, gathered(seen.role, seen.roles)
    name, found = role["metadata"]["name"], role.get("rules") or []
    subject = f"clusterrole/{name}"
    if rules == found:
        return wait(AGREE(subject))
    body: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    if rules:
        body["rules"] = [{field: rule[field] for field in RULE_FIELDS if rule.get(field)} for rule in rules]
    because = DIFFER(subject, found=len(found), wanted=len(rules))
    return step(patch(RESOURCE, role, body, "apply", manager=MANAGER, because=because))


def gathered(role: Object, roles: Sequence[Object]) -> list[Object]:
    """The rules that a role should have: by its selectors' order, then by the names of the roles; each once."""
    rules: list[Object] = []
    for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
        chosen = (other for other in roles if other["metadata"]["name"] != role["metadata"]["name"] and _selects(selector, other))
        for other in sorted(chosen, key=_name):
            rules.extend(rule for rule in other.get("rules") or () if rule not in rules)
    return rules


def _selects(selector: Object, role: Object) -> bool:
    return matches_selector(selector, role["metadata"].get("labels"))


def _name(role: Object) -> str:
    return str(role["metadata"]["name"])


def role_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Upstream looks at every role after each change; here at those that the change can concern."""
    roles = scope.view.list(RESOURCE)
    aggregated = (role for role in roles if role.get("aggregationRule") is not None)
    if change.type != "ADDED":
        return [(_name(role),) for role in aggregated]
    new = change.object
    if new.get("aggregationRule") is not None and gathered(new, roles) != (new.get("rules") or []):
        return [(_name(new),)]
    return [(_name(role),) for role in aggregated if _lacks(role, new)]


def _lacks(role: Object, new: Object) -> bool:
    """Whether an aggregated role has not yet the rules of a new one that it selects."""
    if role["metadata"]["name"] == new["metadata"]["name"]:
        return False
    if not any(_selects(selector, new) for selector in role["aggregationRule"].get("clusterRoleSelectors") or ()):
        return False
    known = role.get("rules") or ()
    return any(rule not in known for rule in new.get("rules") or ())


CONTROLLER = Controller(
    name="clusterrole-aggregation-controller",
    identity=service_account("clusterrole-aggregation-controller"),
    watches=(Watch(RESOURCE, role_keys),),
    observe=observe,
    plan=plan,
)
