"""Where a pod may run: node selectors, affinity, tolerations, topology spread.

upstream: pkg/apis/core/validation/validation.go (validateAffinity, ValidateTolerations, validateTopologySpreadConstraints …), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, go_quote, invalid, not_supported, required
from kubelab.kinds.go_values import strings
from kubelab.kinds.kind import Object
from kubelab.kinds.names import is_dns1123_label, is_label_value, name_is_dns_subdomain, validate_label_name
from kubelab.kinds.podspec.resources import NOT_POSITIVE
from kubelab.kinds.selectors import validate_label_selector

TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def validate_affinity(affinity: Object | None, path: str) -> list[FieldError]:
    if not affinity:
        return []
    errors: list[FieldError] = []
    if affinity.get("nodeAffinity") is not None:
        errors += _validate_node_affinity(affinity["nodeAffinity"], f"{path}.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        for index, term in enumerate(terms.get(_REQUIRED) or ()):
            errors += _validate_pod_affinity_term(term, f"{path}.{kind}.{_REQUIRED}[{index}]")
        for index, weighted in enumerate(terms.get(_PREFERRED) or ()):
            at = f"{path}.{kind}.{_PREFERRED}[{index}]"
            errors += _validate_weight(weighted, at)
            errors += _validate_pod_affinity_term(weighted.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")
    return errors


def _validate_weight(weighted: Object, path: str) -> list[FieldError]:
    weight = weighted.get("weight") or 0
    return [] if 0 < weight <= 100 else [invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def _validate_pod_affinity_term(term: Object, path: str) -> list[FieldError]:
    errors = validate_label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    errors += validate_label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or ():
        errors += (invalid(f"{path}.namespace", name, each) for each in is_dns1123_label(name))
    key = term.get("topologyKey") or ""
    if not key:
        errors.append(required(f"{path}.topologyKey", "can not be empty"))
    return errors + validate_label_name(key, f"{path}.topologyKey")


def _validate_node_affinity(affinity: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if affinity.get(_REQUIRED) is not None:
        errors += validate_node_selector(affinity[_REQUIRED], f"{path}.{_REQUIRED}")
    for index, preferred in enumerate(affinity.get(_PREFERRED) or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        errors += _validate_weight(preferred, at)
        errors += validate_node_selector_term(preferred.get("preference") or {}, f"{at}.preference")
    return errors


def validate_node_selector(selector: Object, path: str) -> list[FieldError]:
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        return [required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    errors: list[FieldError] = []
    for index, term in enumerate(terms):
        errors += validate_node_selector_term(term, f"{path}.nodeSelectorTerms[{index}]")
    return errors


def validate_node_selector_term(term: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        errors += _validate_node_requirement(requirement, f"{path}.matchExpressions[{index}]")
    for index, requirement in enumerate(term.get("matchFields") or ()):
        errors += _validate_node_field(requirement, f"{path}.matchFields[{index}]")
    return errors


def _validate_node_requirement(requirement: Object, path: str) -> list[FieldError]:
    values = requirement.get("values") or []
    errors: list[FieldError] = []
    match requirement.get("operator"):
        case "In" | "NotIn":
            if not values:
                errors.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        case "Exists" | "DoesNotExist":
            if values:
                errors.append(forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        case "Gt" | "Lt":
            if len(values) != 1:
                errors.append(required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'"))
        case other:
            errors.append(invalid(f"{path}.operator", other or "", "not a valid selector operator"))
    return errors + validate_label_name(requirement.get("key") or "", f"{path}.key")


def _validate_node_field(requirement: Object, path: str) -> list[FieldError]:
    values, operator, key = requirement.get("values") or [], requirement.get("operator") or "", requirement.get("key") or ""
    errors: list[FieldError] = []
    if operator not in ("In", "NotIn"):
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    elif len(values) != 1:
        errors.append(required(f"{path}.values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
    if key != "metadata.name":
        return [*errors, invalid(f"{path}.key", key, "not a valid field selector key")]
    for index, value in enumerate(values):
        errors += (invalid(f"{path}.values[{index}]", value, each) for each in name_is_dns_subdomain(value, False))
    return errors


def validate_tolerations(tolerations: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, toleration in enumerate(tolerations):
        errors += _validate_toleration(toleration, f"{path}[{index}]")
    return errors


def _validate_toleration(toleration: Object, path: str) -> list[FieldError]:
    key, operator = toleration.get("key") or "", toleration.get("operator") or ""
    value, effect = toleration.get("value") or "", toleration.get("effect") or ""
    errors = validate_label_name(key, f"{path}.key") if key else []
    if not key and operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        errors.append(invalid(f"{path}.operator", operator, detail))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        errors.append(invalid(f"{path}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    if operator in ("Equal", ""):
        complaints = is_label_value(value)
        if complaints:
            errors.append(invalid(f"{path}.operator", value, ";".join(complaints)))
    elif operator == "Exists":
        if value:
            errors.append(invalid(f"{path}.operator", _go_toleration(toleration), "value must be empty when `operator` is 'Exists'"))
    else:
        errors.append(not_supported(f"{path}.operator", operator, ("Equal", "Exists")))
    return errors + (validate_taint_effect(effect, f"{path}.effect") if effect else [])


def _go_toleration(toleration: Object) -> Go:
    texts = ", ".join(f"{name.capitalize()}:{go_quote(toleration.get(name) or '')}" for name in ("key", "operator", "value", "effect"))
    seconds = "(*int64)(nil)" if toleration.get("tolerationSeconds") is None else "(*int64)(0xc000000000)"
    return Go(f"core.Toleration{{{texts}, TolerationSeconds:{seconds}}}")


def validate_taint_effect(effect: str, path: str) -> list[FieldError]:
    return [] if effect in TAINT_EFFECTS else [not_supported(path, effect, TAINT_EFFECTS)]


def validate_added_tolerations(new: Sequence[Object], old: Sequence[Object], path: str) -> list[FieldError]:
    """Old tolerations may only change their seconds; new ones may be added (upstream: validateOnlyAddedTolerations)."""
    kept = [{key: value for key, value in each.items() if key != "tolerationSeconds"} for each in new]
    for each in old:
        if {key: value for key, value in each.items() if key != "tolerationSeconds"} not in kept:
            return [forbidden(path, "existing toleration can not be modified except its tolerationSeconds")]
    return validate_tolerations(new, path)


def validate_spread_constraints(constraints: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, constraint in enumerate(constraints):
        errors += _validate_spread_constraint(constraint, constraints[index + 1 :], f"{path}[{index}]")
    return errors


def _validate_spread_constraint(constraint: Object, rest: Sequence[Object], path: str) -> list[FieldError]:
    skew, key, action = constraint.get("maxSkew") or 0, constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""
    errors: list[FieldError] = []
    if skew <= 0:
        errors.append(invalid(f"{path}.maxSkew", skew, NOT_POSITIVE))
    if not key:
        errors.append(required(f"{path}.topologyKey", "can not be empty"))
    if action not in ("DoNotSchedule", "ScheduleAnyway"):
        errors.append(not_supported(f"{path}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway")))
    if any((other.get("topologyKey") or "", other.get("whenUnsatisfiable") or "") == (key, action) for other in rest):
        errors.append(duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
    domains = constraint.get("minDomains")
    if domains is not None:
        if domains <= 0:
            errors.append(invalid(f"{path}.minDomains", domains, NOT_POSITIVE))
        if action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            errors.append(invalid(f"{path}.minDomains", domains, detail))
    for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if constraint.get(policy) is not None and constraint[policy] not in ("Honor", "Ignore"):
            errors.append(not_supported(f"{path}.{policy}", constraint[policy], ("Honor", "Ignore")))
    errors += _validate_match_label_keys(constraint, f"{path}.matchLabelKeys")
    return errors + validate_label_selector(constraint.get("labelSelector"), f"{path}.labelSelector")


def _validate_match_label_keys(constraint: Object, path: str) -> list[FieldError]:
    keys, selector = constraint.get("matchLabelKeys") or [], constraint.get("labelSelector")
    if not keys:
        return []
    errors = [forbidden(path, "must not be specified when labelSelector is not set")] if selector is None else []
    selector = selector or {}
    used = [*(selector.get("matchLabels") or ()), *(each.get("key") for each in selector.get("matchExpressions") or ())]
    for index, key in enumerate(keys):
        errors += validate_label_name(key, f"{path}[{index}]")
        if key in used:
            errors.append(invalid(f"{path}[{index}]", key, "exists in both matchLabelKeys and labelSelector"))
    return errors


def validate_narrower_affinity(new: Object | None, old: Object | None, path: str) -> list[FieldError]:
    """Node affinity of a gated pod may gain requirements, never lose or change one (upstream: validateNodeAffinityMutation)."""
    before = ((old or {}).get(_REQUIRED) or {}).get("nodeSelectorTerms")
    if not before:
        return []
    terms, at = ((new or {}).get(_REQUIRED) or {}).get("nodeSelectorTerms") or [], f"{path}.{_REQUIRED}.nodeSelectorTerms"
    if len(terms) != len(before):
        shown = ", ".join(map(_go_term, terms))
        value = Go(f"[]core.NodeSelectorTerm{{{shown}}}" if terms else "[]core.NodeSelectorTerm(nil)")
        return [invalid(at, value, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")]
    return [
        invalid(f"{at}[{index}]", Go(_go_term(term)), "only additions are allowed (no mutations or deletions)")
        for index, (term, was) in enumerate(zip(terms, before, strict=True))
        if not _only_adds(term, was)
    ]


_TERM_PARTS = (("MatchExpressions", "matchExpressions"), ("MatchFields", "matchFields"))


def _only_adds(term: Object, was: Object) -> bool:
    """An empty term selects nothing, so it may not become one that selects something."""
    if not any(was.get(part) for _, part in _TERM_PARTS):
        return not any(term.get(part) for _, part in _TERM_PARTS)
    return all((term.get(part) or [])[: len(was.get(part) or [])] == (was.get(part) or []) for _, part in _TERM_PARTS)


def _go_term(term: Object) -> str:
    parts = []
    for name, part in _TERM_PARTS:
        shown = ", ".join(
            f"core.NodeSelectorRequirement{{Key:{go_quote(each.get('key') or '')}, Operator:{go_quote(each.get('operator') or '')}, "
            f"Values:{strings(each.get('values'))}}}"
            for each in term.get(part) or ()
        )
        parts.append(f"{name}:[]core.NodeSelectorRequirement" + (f"{{{shown}}}" if term.get(part) else "(nil)"))
    return f"core.NodeSelectorTerm{{{', '.join(parts)}}}"
