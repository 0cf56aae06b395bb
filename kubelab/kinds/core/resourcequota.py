"""ResourceQuota.

upstream: pkg/registry/core/resourcequota/strategy.go, pkg/apis/core/validation/validation.go (ValidateResourceQuotaSpec …), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME
from kubelab.kinds.field import FieldError, Go, go_quote, invalid, required
from kubelab.kinds.go_values import strings
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, name_is_dns_subdomain, validate_kube_finalizers
from kubelab.kinds.podspec.defaults import default_resource_list
from kubelab.kinds.podspec.resources import HUGE_PAGES, QUOTA_NAMES, validate_amount, validate_quota_resource_name

_SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity")
_ONLY_EXISTS = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_POD_COMPUTE = ("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory")
_MUST_EXIST = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def default(obj: Object, ctx: Context) -> None:
    for part in ("spec", "status"):
        holder = obj.get(part) or {}
        new = {name: default_resource_list(holder[name]) for name in ("hard", "used") if holder.get(name)}
        if any(value is not holder[name] for name, value in new.items()):
            obj[part] = {**holder, **new}


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {}


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    obj["status"] = old.get("status") or {}


def prepare_status(obj: Object, old: Object, ctx: Context) -> None:
    obj["spec"] = old.get("spec") or {}


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"]) + _validate_spec(obj.get("spec") or {}) + _validate_amounts(obj, "status")


def _validate_amounts(obj: Object, part: str) -> list[FieldError]:
    return [
        error
        for field in ("hard", "used")
        for name, amount in ((obj.get(part) or {}).get(field) or {}).items()
        for check in (
            validate_quota_resource_name(name, f"{part}.{field}[{name}]"),
            validate_amount(name, amount, f"{part}.{field}[{name}]"),
        )
        for error in check
    ]


def _validate_spec(spec: Object) -> list[FieldError]:
    errors = _validate_amounts({"spec": {"hard": spec.get("hard")}}, "spec")
    scopes, names = spec.get("scopes") or [], sorted(spec.get("hard") or ())
    shown = _go_scopes(scopes)
    for scope in scopes:
        if scope not in _SCOPES:
            errors.append(invalid("spec.scopes", shown, "unsupported scope"))
        errors += (invalid("spec.scopes", shown, "unsupported scope applied to resource") for _ in _unfit(scope, names))
    errors += _conflicts(scopes, "spec.scopes", shown)
    if spec.get("scopeSelector") is not None:
        errors += _validate_selector(spec["scopeSelector"], names, shown)
    return errors


def _go_scopes(scopes: list[str]) -> Go:
    return Go("[]core.ResourceQuotaScope{" + ", ".join(map(go_quote, scopes)) + "}" if scopes else "[]core.ResourceQuotaScope(nil)")


def _unfit(scope: str, names: list[str]) -> list[str]:
    """The standard resources that a scope cannot count."""
    if scope not in _SCOPES:
        return []
    allowed = ("pods",) if scope == "BestEffort" else ("pods", *_POD_COMPUTE)
    standard = (name for name in names if name in QUOTA_NAMES or name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}")))
    return [name for name in standard if name not in allowed]


def _conflicts(scopes: list[str], path: str, shown: Go) -> list[FieldError]:
    pairs = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
    return [invalid(path, shown, "conflicting scopes") for pair in pairs if all(scope in scopes for scope in pair)]


def _validate_selector(selector: Object, names: list[str], shown: Go) -> list[FieldError]:
    path = "spec.scopeSelector.matchExpressions"
    requirements = selector.get("matchExpressions") or []
    errors: list[FieldError] = []
    for requirement in requirements:
        scope, operator, values = requirement.get("scopeName") or "", requirement.get("operator") or "", requirement.get("values") or []
        if scope not in _SCOPES:
            errors.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        errors += (invalid(path, _go_selector(requirements), "unsupported scope applied to resource") for _ in _unfit(scope, names))
        if scope in _ONLY_EXISTS and operator != "Exists":
            errors.append(invalid(f"{path}.operator", operator, _MUST_EXIST))
        if operator in ("In", "NotIn"):
            if not values:
                detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                errors.append(required(f"{path}.values", detail))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                errors.append(invalid(f"{path}.values", values, detail))
        else:
            errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors + _conflicts([each.get("scopeName") or "" for each in requirements], path, shown)


def _go_selector(requirements: list[Object]) -> Go:
    shown = ", ".join(
        f"core.ScopedResourceSelectorRequirement{{ScopeName:{go_quote(each.get('scopeName') or '')}, "
        f"Operator:{go_quote(each.get('operator') or '')}, Values:{strings(each.get('values'))}}}"
        for each in requirements
    )
    return Go(f"core.ScopeSelector{{MatchExpressions:[]core.ScopedResourceSelectorRequirement{{{shown}}}}}")


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    errors = validate_kube_finalizers(obj["metadata"]) + _validate_spec(spec)
    if sorted(spec.get("scopes") or ()) != sorted(before.get("scopes") or ()):
        errors.append(invalid("spec.scopes", _go_scopes(spec.get("scopes") or []), IMMUTABLE))
    return errors


def validate_status(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"]) + _validate_amounts(obj, "status")


def _used(*, limits: bool) -> Column:
    """The amounts in use, of limits or of all others."""

    def cell(obj: Object, now_ns: int) -> str:
        status = obj.get("status") or {}
        used, hard = status.get("used") or {}, status.get("hard") or {}
        return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in sorted(hard) if name.startswith("limits.") == limits)

    if limits:
        text = "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node."
        return Column("Limit", cell, description=text)
    return Column("Request", cell, description="Request represents a minimum amount of cpu/memory that a container may consume.")


KIND = Kind(
    kind="ResourceQuota",
    plural="resourcequotas",
    singular="resourcequota",
    short_names=("quota",),
    subresources=("status",),
    definition="core.v1.ResourceQuota",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    validate_name=name_is_dns_subdomain,
    columns=(NAME, AGE, _used(limits=False), _used(limits=True)),
    delete_returns_object=True,
)
