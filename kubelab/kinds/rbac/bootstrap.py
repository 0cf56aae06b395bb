"""The roles and bindings that an API server makes for itself at its start.

upstream: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/{policy,controller_policy,namespace_policy}.go,
pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go, 1.28. Facts: kinds/data/rbac-{1.28,1.7}.json
(tools/make_rbac.py).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from kubelab.kinds.kind import Object

_GROUP = "rbac.authorization.k8s.io"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_VERSIONS = {"1.28": "v1", "1.7": "v1beta1"}
_ORDER = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


def objects(release: str = "1.28") -> list[Object]:
    """All bootstrap objects, in the order in which a server makes them; admin, edit and view with their aggregated rules.

    Upstream writes the aggregated roles empty and its clusterrole-aggregation-controller fills them within the first second.
    """
    text = files("kubelab.kinds").joinpath(f"data/rbac-{release}.json").read_text(encoding="utf-8")
    facts: dict[str, list[Object]] = json.loads(text)
    made = {kind: [_expand(kind, fact, _VERSIONS[release]) for fact in facts[kind]] for kind in _ORDER}
    made["ClusterRole"] = aggregated(made["ClusterRole"])
    return [obj for kind in _ORDER for obj in made[kind]]


def _expand(kind: str, fact: Object, version: str) -> Object:
    metadata: Object = {"name": fact["name"], "annotations": dict(_ANNOTATIONS), "labels": {**_LABELS, **fact.get("labels", {})}}
    if "namespace" in fact:
        metadata["namespace"] = fact["namespace"]
    obj: Object = {"apiVersion": f"{_GROUP}/{version}", "kind": kind, "metadata": metadata}
    for key in ("aggregationRule", "roleRef", "subjects"):
        if key in fact:
            obj[key] = fact[key]
    if kind.endswith("Role"):
        obj["rules"] = fact.get("rules")
    return obj


def aggregated(roles: list[Object]) -> list[Object]:
    """The same ClusterRoles, the rules of those with an aggregationRule gathered from the roles that their selectors match.

    Rules keep the order of the selectors, then of the names of the matched roles; equal rules stand once. Roles that aggregate
    others which themselves aggregate (admin over edit over view) settle in further rounds, as upstream's controller does.
    """
    current = {role["metadata"]["name"]: role for role in roles}
    for _ in range(len(current)):
        changed = False
        for name, role in sorted(current.items()):
            rules = _gathered(role, current)
            if rules is not None and rules != (role.get("rules") or []):
                current[name] = {**role, "rules": rules}
                changed = True
        if not changed:
            break
    return [current[role["metadata"]["name"]] for role in roles]


def _gathered(role: Object, roles: dict[str, Object]) -> list[Any] | None:
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not selectors:
        return None
    rules: list[Any] = []
    for selector in selectors:
        wanted = (selector.get("matchLabels") or {}).items()
        for name, other in sorted(roles.items()):
            if name == role["metadata"]["name"] or not wanted <= (other["metadata"].get("labels") or {}).items():
                continue
            rules.extend(rule for rule in other.get("rules") or () if rule not in rules)
    return rules
