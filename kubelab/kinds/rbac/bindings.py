"""What RoleBinding and ClusterRoleBinding share: subjects, the reference to a role, columns.

upstream: pkg/apis/rbac/v1/defaults.go, pkg/apis/rbac/validation/validation.go, pkg/apis/rbac/helpers.go (SubjectsStrings), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.field import FieldError, invalid, not_supported, required
from kubelab.kinds.go_values import struct
from kubelab.kinds.kind import Column, Context, Object
from kubelab.kinds.names import is_dns1123_subdomain, is_path_segment_name
from kubelab.kinds.path_copy import own

GROUP = "rbac.authorization.k8s.io"
_SUBJECT_KINDS = ("ServiceAccount", "User", "Group")


def default(obj: Object, ctx: Context) -> None:
    reference = own(obj, "roleRef")
    if not reference.get("apiGroup"):
        reference["apiGroup"] = GROUP
    if subjects := obj.get("subjects"):
        obj["subjects"] = [_defaulted_subject(subject) for subject in subjects]


def _defaulted_subject(subject: Object) -> Object:
    if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
        return {**subject, "apiGroup": GROUP}
    return subject


def validate_binding(obj: Object, role_kinds: Sequence[str], *, namespaced: bool) -> list[FieldError]:
    reference = obj.get("roleRef") or {}
    group, kind, name = reference.get("apiGroup", ""), reference.get("kind", ""), reference.get("name", "")
    errors: list[FieldError] = []
    if group != GROUP:
        errors.append(not_supported("roleRef.apiGroup", group, [GROUP]))
    if kind not in role_kinds:
        errors.append(not_supported("roleRef.kind", kind, role_kinds))
    if not name:
        errors.append(required("roleRef.name"))
    errors += (invalid("roleRef.name", name, complaint) for complaint in (is_path_segment_name(name) if name else ()))
    for index, subject in enumerate(obj.get("subjects") or ()):
        errors += _validate_subject(subject, f"subjects[{index}]", namespaced=namespaced)
    return errors


def _validate_subject(subject: Object, path: str, *, namespaced: bool) -> list[FieldError]:
    name, group = subject.get("name", ""), subject.get("apiGroup", "")
    errors = [] if name else [required(f"{path}.name")]
    match subject.get("kind", ""):
        case "ServiceAccount":
            errors += (invalid(f"{path}.name", name, complaint) for complaint in (is_dns1123_subdomain(name) if name else ()))
            if group:
                errors.append(not_supported(f"{path}.apiGroup", group, [""]))
            if not namespaced and not subject.get("namespace"):
                errors.append(required(f"{path}.namespace"))
        case "User" | "Group":
            if group != GROUP:
                errors.append(not_supported(f"{path}.apiGroup", group, [GROUP]))
        case other:
            errors.append(not_supported(f"{path}.kind", other, _SUBJECT_KINDS))
    return errors


def validate_same_role(obj: Object, old: Object) -> list[FieldError]:
    """The role of a binding never changes."""
    reference = _reference(obj)
    if reference == _reference(old):
        return []
    group, kind, name = reference
    return [invalid("roleRef", struct("rbac.RoleRef", APIGroup=group, Kind=kind, Name=name), "cannot change roleRef")]


def _reference(obj: Object) -> tuple[str, str, str]:
    reference = obj.get("roleRef") or {}
    return reference.get("apiGroup", ""), reference.get("kind", ""), reference.get("name", "")


def _role(obj: Object, now_ns: int) -> str:
    _, kind, name = _reference(obj)
    return f"{kind}/{name}"


def _names(kind: str, obj: Object) -> str:
    return ", ".join(subject.get("name", "") for subject in obj.get("subjects") or () if subject.get("kind") == kind)


def _users(obj: Object, now_ns: int) -> str:
    return _names("User", obj)


def _groups(obj: Object, now_ns: int) -> str:
    return _names("Group", obj)


def _service_accounts(obj: Object, now_ns: int) -> str:
    accounts = (subject for subject in obj.get("subjects") or () if subject.get("kind") == "ServiceAccount")
    return ", ".join(f"{subject.get('namespace', '')}/{subject.get('name', '')}" for subject in accounts)


def binding_columns(kind: str) -> tuple[Column, ...]:
    return (
        NAME,
        Column("Role", _role),
        AGE,
        Column("Users", _users, description=f"Users in the {kind}", priority=1),
        Column("Groups", _groups, description=f"Groups in the {kind}", priority=1),
        Column("ServiceAccounts", _service_accounts, description=f"ServiceAccounts in the {kind}", priority=1),
    )
