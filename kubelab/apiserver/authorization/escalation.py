"""Nobody may grant what they do not have: the check on writes of roles and bindings.

upstream: pkg/registry/rbac/{clusterrole,role,clusterrolebinding,rolebinding}/policybased/storage.go, pkg/registry/rbac/escalation_check.go,
pkg/registry/rbac/validation/rule.go (ConfirmNoEscalation), pkg/registry/rbac/helpers.go (IsOnlyMutatingGCFields), 1.28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.apiserver import status
from kubelab.apiserver.authorization import check, rbac, rules
from kubelab.kinds.equality import same
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object

if TYPE_CHECKING:
    from kubelab.apiserver.work import Work

_FULL_AUTHORITY: list[Object] = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_GC_FIELDS = ("ownerReferences", "finalizers", "managedFields")


def confirm(work: Work) -> None:
    """Refuse a role or binding that would give more than its writer holds. Called after the mutating plug-ins, before validation."""
    user = work.request.user
    if work.kind.group != rbac.GROUP or check.MASTERS in user.groups:
        return
    if work.old is not None and _only_for_the_collector(work.object, work.old):
        return
    if work.kind.plural in ("roles", "clusterroles"):
        _confirm_role(work)
    else:
        _confirm_binding(work)


def _only_for_the_collector(obj: Object, old: Object) -> bool:
    """Whether nothing differs but what the garbage collector writes."""
    meta = {**obj["metadata"]}
    for name in _GC_FIELDS:
        meta.pop(name, None)
        if name in old["metadata"]:
            meta[name] = old["metadata"][name]
    return same({**obj, "metadata": meta}, old)


def _confirm_role(work: Work) -> None:
    request = work.request
    name = request.name if work.request.verb != "create" else ""
    if check.can(work.server, request.user, "escalate", work.kind.resource, "", request.namespace, name).allowed:
        return
    _confirm_rules(work, work.object.get("rules") or [])
    if _aggregates(work.object) or (work.old is not None and _aggregates(work.old)):
        held = _held(work)
        if rules.uncovered((each.rule for each in held.rules), _FULL_AUTHORITY):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise status.forbidden(work.kind, work.object["metadata"].get("name", ""), why)


def _aggregates(role: Object) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _confirm_binding(work: Work) -> None:
    reference, namespace = work.object.get("roleRef") or {}, work.request.namespace
    kind, name = reference.get("kind", ""), reference.get("name", "")
    if kind in ("Role", "ClusterRole"):
        plural = "roles" if kind == "Role" else "clusterroles"
        resource = f"{plural}.{reference.get('apiGroup')}" if reference.get("apiGroup") else plural
        if check.can(work.server, work.request.user, "bind", resource, "", namespace, name).allowed:
            return
    else:
        raise status.plain_error(f"unsupported role reference kind: {go_quote(kind)}")
    try:
        wanted = rbac.rules_of(work.server.store.head, reference, namespace)
    except rbac.RoleMissing as missing:
        details = {"name": missing.name, "group": rbac.GROUP, "kind": missing.singular}
        raise status.failure(404, "NotFound", str(missing), details) from None
    _confirm_rules(work, wanted)


def _held(work: Work) -> rbac.Grants:
    return work.server.decisions.grants_of(work.server.store.head, work.request.user, work.request.namespace)


def _confirm_rules(work: Work, wanted: list[Object]) -> None:
    held = _held(work)
    missing = rules.uncovered((each.rule for each in held.rules), wanted)
    if not missing:
        return
    user = work.request.user
    lines = sorted({rules.compact_text(rule): None for rule in rules.compact(missing)})
    text = f"user {go_quote(user.name)} (groups={rules.go_list(user.groups)}) is attempting to grant RBAC permissions not currently held:\n"
    text += "\n".join(lines)
    if held.errors:
        text += f"; resolution errors: [{rbac.aggregate(held.errors)}]"
    raise status.forbidden(work.kind, work.object["metadata"].get("name", ""), text)
