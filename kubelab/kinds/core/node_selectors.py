"""Node selectors and tolerations: which node a pod (or a volume) accepts, and which taints it bears.

upstream: staging/src/k8s.io/component-helpers/scheduling/corev1/{nodeaffinity/nodeaffinity.go,helpers.go},
staging/src/k8s.io/api/core/v1/toleration.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubelab.kinds.name_rules import is_label_value

Object = dict[str, Any]
Labels = Mapping[str, str]


def required_affinity(spec: Object) -> list[Object] | None:
    """The terms of the required node affinity of a pod spec; None if there is none."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return None if required is None else required.get("nodeSelectorTerms") or []


def matches_required(spec: Object, labels: Labels, name: str) -> bool:
    """Whether a node satisfies a pod spec's nodeSelector and its required node affinity."""
    selector = spec.get("nodeSelector")
    if selector and any(labels.get(key) != text for key, text in selector.items()):
        return False
    terms = required_affinity(spec)
    return terms is None or matches_any_term(terms, labels, name)


def matches_any_term(terms: Iterable[Object], labels: Labels, name: str) -> bool:
    """Terms are ORed; an empty term matches no node."""
    return any(matches_term(term, labels, name) for term in terms)


def matches_term(term: Object, labels: Labels, name: str) -> bool:
    """The expressions and fields of one term are ANDed; a term that has neither matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields or not all(_is_readable(each) for each in expressions):
        return False
    return all(_holds(each, labels.get(each["key"])) for each in expressions) and all(_field_holds(each, name) for each in fields)


def tolerates(tolerations: Iterable[Object], key: str, text: str, effect: str) -> bool:
    """Whether some toleration bears the taint."""
    for each in tolerations:
        if each.get("effect") and each["effect"] != effect:
            continue
        if each.get("key") and each["key"] != key:
            continue
        operator = each.get("operator") or "Equal"
        if operator == "Exists" or (operator == "Equal" and (each.get("value") or "") == text):
            return True
    return False


def untolerated(taints: Iterable[Object], tolerations: Sequence[Object], effects: tuple[str, ...]) -> Object | None:
    """The first taint with one of the effects that is not tolerated."""
    for taint in taints:
        if taint["effect"] in effects and not tolerates(tolerations, taint["key"], taint.get("value") or "", taint["effect"]):
            return taint
    return None


def _is_readable(expression: Object) -> bool:
    """Whether the values are label values: the API takes others too, and then the whole term matches nothing."""
    return not any(is_label_value(text) for text in expression.get("values") or ())


def _holds(expression: Object, found: str | None) -> bool:
    values = expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return found is not None and found in values
        case "NotIn":
            return found is None or found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt":
            return found is not None and _compares(found, values, 1)
        case "Lt":
            return found is not None and _compares(found, values, -1)
    return False


def _compares(found: str, values: Sequence[str], sign: int) -> bool:
    try:
        return len(values) == 1 and (int(found) - int(values[0])) * sign > 0
    except ValueError:
        return False


def _field_holds(expression: Object, name: str) -> bool:
    values = expression.get("values") or ()
    if expression["key"] != "metadata.name" or len(values) != 1:
        return False
    return (name in values) == (expression.get("operator") == "In")
