"""RuntimeClass: a pod takes the overhead, node selector and tolerations of its runtime class.

upstream: plugin/pkg/admission/runtimeclass/admission.go, pkg/util/tolerations/tolerations.go (MergeTolerations), 1.28.
"""

from __future__ import annotations

from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden
from kubelab.kinds import quantity
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object

CLASSES = "runtimeclasses.node.k8s.io"
_TEXTS = ("key", "operator", "value", "effect")


class RuntimeClass:
    """Pods without a class must not bring an overhead of their own."""

    name = "RuntimeClass"
    handles = (("CREATE", "pods"),)
    needs = ""

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        found = _class(attributes, cluster)
        if found is None or attributes.object is None:
            return
        spec = attributes.object["spec"]
        if found.get("overhead") is not None:
            overhead = found["overhead"].get("podFixed")
            if spec.get("overhead") is not None and not _same_amounts(overhead, spec["overhead"]):
                raise forbidden(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
            if overhead is not None:
                spec["overhead"] = overhead
        if found.get("scheduling") is not None:
            _set_scheduling(attributes, spec, found["scheduling"])

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.object is None:
            return
        spec = attributes.object["spec"]
        if spec.get("runtimeClassName") is None and spec.get("overhead") is None:
            return
        found = _class(attributes, cluster)
        if found is not None and found.get("overhead") is not None:
            if not _same_amounts(found["overhead"].get("podFixed"), spec.get("overhead")):
                raise forbidden(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        elif spec.get("overhead") is not None:
            raise forbidden(attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")


def _class(attributes: Attributes, cluster: Cluster) -> Object | None:
    name = (attributes.object or {}).get("spec", {}).get("runtimeClassName")
    if name is None:
        return None
    found = cluster.state.get(CLASSES, "", name)
    if found is None:
        raise forbidden(attributes, f"pod rejected: RuntimeClass {go_quote(name)} not found")
    return found


def _same_amounts(left: Object | None, right: Object | None) -> bool:
    left, right = left or {}, right or {}
    return left.keys() == right.keys() and all(quantity.compare(left[name], right[name]) == 0 for name in left)


def _set_scheduling(attributes: Attributes, spec: Object, scheduling: Object) -> None:
    selector = {**(spec.get("nodeSelector") or {})}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if key in selector and selector[key] != value:
            why = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {selector[key]}"
            raise forbidden(attributes, why)
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    tolerations = _merged([*(spec.get("tolerations") or ()), *(scheduling.get("tolerations") or ())])
    if tolerations:
        spec["tolerations"] = tolerations


def _merged(tolerations: list[Object]) -> list[Object]:
    """Without those that another covers; of equal ones the first stays."""
    kept: list[Object] = []
    for index, each in enumerate(tolerations):
        later = tolerations[index + 1 :]
        if not any(_covers(other, each) for other in kept) and not any(not _equal(each, other) and _covers(other, each) for other in later):
            kept.append(each)
    return kept


def _equal(left: Object, right: Object) -> bool:
    return all((left.get(name) or None) == (right.get(name) or None) for name in _TEXTS) and _seconds(left) == _seconds(right)


def _seconds(toleration: Object) -> int | None:
    return toleration.get("tolerationSeconds")


def _covers(wide: Object, narrow: Object) -> bool:
    """upstream: isSuperset; an empty operator on the narrow side covers nothing but its equal."""
    if _equal(wide, narrow):
        return True
    operator, effect = wide.get("operator") or "", wide.get("effect") or ""
    if (wide.get("key") or "") != (narrow.get("key") or "") and (wide.get("key") or operator != "Exists"):
        return False
    if effect and effect != (narrow.get("effect") or ""):
        return False
    limit, asked = _seconds(wide), _seconds(narrow)
    if effect == "NoExecute" and limit is not None and (asked is None or asked > limit):
        return False
    if operator in ("", "Equal"):
        return narrow.get("operator") == "Equal" and (narrow.get("value") or "") == (wide.get("value") or "")
    return operator == "Exists"
