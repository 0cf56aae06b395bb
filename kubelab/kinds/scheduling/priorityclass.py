"""PriorityClass: a name for a pod priority.

upstream: pkg/apis/scheduling/v1/{defaults,helpers}.go, pkg/apis/scheduling/validation/validation.go,
pkg/registry/scheduling/priorityclass/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import immutable, never_changed
from kubelab.kinds.field import FieldError, forbidden, not_supported, required
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain

HIGHEST_USER_PRIORITY = 1_000_000_000
SYSTEM_PREFIX = "system-"
SYSTEM_CLASSES = {"system-node-critical": 2 * HIGHEST_USER_PRIORITY + 1000, "system-cluster-critical": 2 * HIGHEST_USER_PRIORITY}
_POLICIES = ("PreemptLowerPriority", "Never")


def system_classes() -> list[Object]:
    """The two classes that every API server makes at its start."""
    words = {
        "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
        "system-cluster-critical": (
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
        ),
    }
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": words[name],
        }
        for name, value in SYSTEM_CLASSES.items()
    ]


def default(obj: Object, ctx: Context) -> None:
    obj.setdefault("value", 0)
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    name, value = obj["metadata"].get("name", ""), obj.get("value", 0)
    errors: list[FieldError] = []
    if name.startswith(SYSTEM_PREFIX):
        if problem := _system_class_problem(obj):
            reserved = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {problem}"
            errors.append(forbidden("metadata.name", reserved))
    elif value > HIGHEST_USER_PRIORITY:
        errors.append(forbidden("value", f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"))
    policy = obj.get("preemptionPolicy")
    if policy == "":
        errors.append(required("preemptionPolicy"))
    elif policy is not None and policy not in _POLICIES:
        errors.append(not_supported("preemptionPolicy", policy, _POLICIES))
    return errors


def _system_class_problem(obj: Object) -> str:
    name = obj["metadata"]["name"]
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    if obj.get("value", 0) != SYSTEM_CLASSES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if obj.get("globalDefault") else ""


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    if obj.get("value", 0) != old.get("value", 0):
        errors.append(forbidden("value", "may not be changed in an update."))
    return errors + immutable("preemptionPolicy", obj.get("preemptionPolicy"), old.get("preemptionPolicy"))


KIND = Kind(
    kind="PriorityClass",
    plural="priorityclasses",
    group="scheduling.k8s.io",
    short_names=("pc",),
    namespaced=False,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=never_changed,
    columns=(
        NAME,
        Column("Value", at("value", default=0), "integer"),
        Column("Global-Default", at("globalDefault", default=False), "boolean"),
        AGE,
    ),
)
