"""Priority: a pod's priority comes from its PriorityClass, or from the one that is the default.

upstream: plugin/pkg/admission/priority/admission.go, 1.28.
"""

from __future__ import annotations

from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden
from kubelab.store.log import Object
from kubelab.store.state import State

CLASSES = "priorityclasses.scheduling.k8s.io"


class Priority:
    """Pods get the number; classes may name only one default."""

    name = "Priority"
    handles = (("CREATE", "pods"), ("UPDATE", "pods"), ("CREATE", CLASSES), ("UPDATE", CLASSES))
    needs = ""

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.kind.plural != "pods" or attributes.object is None:
            return
        spec = attributes.object["spec"]
        if attributes.operation == "UPDATE":
            _keep(spec, (attributes.old or {}).get("spec") or {})
        else:
            _resolve(attributes, cluster, spec)

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        obj = attributes.object
        if attributes.kind.plural == "pods" or obj is None or not obj.get("globalDefault"):
            return
        present = default_class(cluster.state)
        if present is None:
            return
        name = present["metadata"]["name"]
        if attributes.operation == "CREATE" or name != obj["metadata"]["name"]:
            raise forbidden(attributes, f"PriorityClass {name} is already marked as default. Only one default can exist")


def default_class(state: State) -> Object | None:
    """The global default; of several, the lowest."""
    marked = [each for each in state.all(CLASSES).values() if each.get("globalDefault")]
    return min(marked, key=lambda each: each["value"], default=None)


def _keep(spec: Object, old: Object) -> None:
    for field in ("priority", "preemptionPolicy"):
        if spec.get(field) is None and old.get(field) is not None:
            spec[field] = old[field]


def _resolve(attributes: Attributes, cluster: Cluster, spec: Object) -> None:
    name = spec.get("priorityClassName")
    if name:
        found = cluster.state.get(CLASSES, "", name)
        if found is None:
            raise forbidden(attributes, f"no PriorityClass with name {name} was found")
    else:
        found = default_class(cluster.state)
        if found is not None:
            spec["priorityClassName"] = found["metadata"]["name"]
    value: int = found.get("value", 0) if found is not None else 0
    policy = found.get("preemptionPolicy") if found is not None else "PreemptLowerPriority"
    given = spec.get("priority")
    if given is not None and given != value:
        why = f"the integer value of priority ({given}) must not be provided in pod spec; "
        raise forbidden(attributes, f"{why}priority admission controller computed {value} from the given PriorityClass name")
    spec["priority"] = value
    if policy is None:
        return
    chosen = spec.get("preemptionPolicy")
    if chosen is not None and chosen != policy:
        why = f"the string value of PreemptionPolicy ({chosen}) must not be provided in pod spec; "
        raise forbidden(attributes, f"{why}priority admission controller computed {policy} from the given PriorityClass name")
    spec["preemptionPolicy"] = policy
