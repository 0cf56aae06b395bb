"""What is wrong with the arguments of plug-ins, in upstream's words and order.

upstream: pkg/scheduler/apis/config/validation/validation_pluginargs.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, invalid, not_supported, required
from kubelab.kinds.names import validate_label_name
from kubelab.kinds.selectors import SelectorError, new_requirement

Object = dict[str, Any]
Finding = FieldError | str  # a text: words that a parser of its own has found

STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")
_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
_MOST_SCORE = 10
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}
_SHAPE_OFF = "unexpected field `shape`, remove it or turn on the feature gate VolumeCapacityPriority"


def default_preemption(path: str, args: Object) -> list[Finding]:
    percentage, absolute = args["minCandidateNodesPercentage"], args["minCandidateNodesAbsolute"]
    on_percentage, on_absolute = f"{path}.minCandidateNodesPercentage", f"{path}.minCandidateNodesAbsolute"
    errors: list[Finding] = []
    if not 0 <= percentage <= 100:
        errors.append(invalid(on_percentage, percentage, "not in valid range [0, 100]"))
    if absolute < 0:
        errors.append(invalid(on_absolute, absolute, "not in valid range [0, inf)"))
    if percentage == 0 and absolute == 0:
        errors.append(invalid(on_percentage, percentage, "cannot be zero at the same time as minCandidateNodesAbsolute"))
        errors.append(invalid(on_absolute, absolute, "cannot be zero at the same time as minCandidateNodesPercentage"))
    return errors


def inter_pod_affinity(path: str, args: Object) -> list[Finding]:
    weight = args["hardPodAffinityWeight"]
    return [] if 0 <= weight <= 100 else [invalid(f"{path}.hardPodAffinityWeight", weight, "not in valid range [0, 100]")]


def node_affinity(path: str, args: Object) -> list[Finding]:
    affinity = args.get("addedAffinity") or {}
    at = f"{path}.addedAffinity"
    errors: list[Finding] = []
    for index, term in enumerate((affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()):
        errors += _term(f"{at}.{_REQUIRED}.nodeSelectorTerms[{index}]", term)
    for index, each in enumerate(affinity.get(_PREFERRED) or ()):
        if each.get("weight"):
            errors += _term(f"{at}.{_PREFERRED}[{index}]", each.get("preference") or {})
    return errors


def _term(path: str, term: Object) -> list[Finding]:
    """upstream: component-helpers/scheduling/corev1/nodeaffinity newNodeSelectorTerm."""
    errors: list[Finding] = []
    for index, each in enumerate(term.get("matchExpressions") or ()):
        at, operator = f"{path}.matchExpressions[{index}]", each.get("operator") or ""
        if operator not in _OPERATORS:
            errors.append(not_supported(f"{at}.operator", operator, _OPERATORS))
            continue
        try:
            new_requirement(each.get("key") or "", _OPERATORS[operator], tuple(each.get("values") or ()), path=at)
        except SelectorError as error:
            errors.append(str(error))
    for index, each in enumerate(term.get("matchFields") or ()):
        at, operator, values = f"{path}.matchFields[{index}]", each.get("operator") or "", each.get("values") or []
        if operator not in ("In", "NotIn"):
            errors.append(not_supported(f"{at}.operator", operator, ("In", "NotIn")))
        elif len(values) != 1:
            errors.append(invalid(f"{at}.values", values, "must have one element"))
    return errors


def balanced_allocation(path: str, args: Object) -> list[Finding]:
    errors: list[Finding] = []
    seen: list[str] = []
    for index, each in enumerate(args["resources"]):
        at = f"{path}.resources[{index}]"
        if each["name"] in seen:
            errors.append(duplicate(f"{at}.name", each["name"]))
        seen.append(each["name"])
        if each["weight"] != 1:
            errors.append(invalid(f"{at}.weight", each["weight"], "must be 1"))
    return errors


def fit(path: str, args: Object) -> list[Finding]:
    errors: list[Finding] = []
    for index, name in enumerate(args.get("ignoredResources") or ()):
        errors += validate_label_name(name, f"{path}.ignoredResources[{index}]")
    for index, group in enumerate(args.get("ignoredResourceGroups") or ()):
        at = f"{path}.ignoredResourceGroups[{index}]"
        if "/" in group:
            errors.append(invalid(at, group, "resource group name can't contain '/'"))
        errors += validate_label_name(group, at)
    at, strategy = f"{path}.scoringStrategy", args["scoringStrategy"]
    if strategy.get("type") not in STRATEGIES:
        errors.append(not_supported(f"{at}.type", strategy.get("type") or "", STRATEGIES))
    for index, each in enumerate(strategy["resources"]):
        if not 0 < each["weight"] <= 100:
            words = f"resource weight of {each['name']} not in valid range (0, 100]"
            errors.append(invalid(f"{at}.resources[{index}].weight", each["weight"], words))
    if strategy.get("requestedToCapacityRatio") is not None:
        errors += _shape(strategy["requestedToCapacityRatio"].get("shape") or [], f"{at}.shape")
    return errors


def _shape(shape: list[Object], path: str) -> list[Finding]:
    if not shape:
        return [required(path, "at least one point must be specified")]
    errors: list[Finding] = []
    for index in range(1, len(shape)):
        if shape[index - 1].get("utilization", 0) >= shape[index].get("utilization", 0):
            words = "utilization values must be sorted in increasing order"
            errors.append(invalid(f"{path}[{index}].utilization", shape[index].get("utilization", 0), words))
            break
    for index, point in enumerate(shape):
        for name, most in (("utilization", 100), ("score", _MOST_SCORE)):
            if not 0 <= point.get(name, 0) <= most:
                errors.append(invalid(f"{path}[{index}].{name}", point[name], f"not in valid range [0, {most}]"))
    return errors


def topology_spread(path: str, args: Object) -> list[Finding]:
    errors: list[Finding] = []
    kind, constraints = args["defaultingType"], args.get("defaultConstraints") or []
    if kind not in ("System", "List"):
        errors.append(not_supported(f"{path}.defaultingType", kind, ("System", "List")))
    elif kind == "System" and constraints:
        errors.append(invalid(f"{path}.defaultingType", kind, "when .defaultConstraints are not empty"))
    for index, each in enumerate(constraints):
        errors += _constraint(f"{path}.defaultConstraints[{index}]", each, constraints[:index])
    return errors


def _constraint(at: str, given: Object, before: list[Object]) -> list[Finding]:
    errors: list[Finding] = []
    skew, key, action = given.get("maxSkew", 0), given.get("topologyKey") or "", given.get("whenUnsatisfiable") or ""
    if skew <= 0:
        errors.append(invalid(f"{at}.maxSkew", skew, "not in valid range (0, inf)"))
    errors += validate_label_name(key, f"{at}.topologyKey") if key else [required(f"{at}.topologyKey", "can not be empty")]
    if not action:
        errors.append(required(f"{at}.whenUnsatisfiable", "can not be empty"))
    elif action not in ("DoNotSchedule", "ScheduleAnyway"):
        errors.append(not_supported(f"{at}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway")))
    if given.get("labelSelector") is not None:
        errors.append(forbidden(f"{at}.labelSelector", "constraint must not define a selector, as they deduced for each pod"))
    if any((other.get("topologyKey") or "", other.get("whenUnsatisfiable") or "") == (key, action) for other in before):
        errors.append(duplicate(at, f"{{{key}, {action}}}"))
    return errors


def volume_binding(path: str, args: Object) -> list[Finding]:
    errors: list[Finding] = []
    timeout = args["bindTimeoutSeconds"]
    if timeout < 0:
        errors.append(invalid(f"{path}.bindTimeoutSeconds", timeout, "invalid BindTimeoutSeconds, should not be a negative value"))
    if args.get("shape") is not None:
        points = ", ".join(
            f"config.UtilizationShapePoint{{Utilization:{each.get('utilization', 0)}, Score:{each.get('score', 0)}}}"
            for each in args["shape"]
        )
        errors.append(invalid(f"{path}.shape", Go(f"[]config.UtilizationShapePoint{{{points}}}"), _SHAPE_OFF))
    return errors


# Upstream looks for the arguments of NodeResourcesFit under another name and so checks them only where the plug-in is made.
VALIDATIONS: dict[str, Callable[[str, Object], list[Finding]]] = {
    "DefaultPreemption": default_preemption,
    "InterPodAffinity": inter_pod_affinity,
    "NodeAffinity": node_affinity,
    "NodeResourcesBalancedAllocation": balanced_allocation,
    "PodTopologySpread": topology_spread,
    "VolumeBinding": volume_binding,
}
