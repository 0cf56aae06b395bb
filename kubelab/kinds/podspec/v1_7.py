"""What 1.7 asked of a pod's spec and today's rules do not, found at a Pod as in every template.

What today's rules say otherwise is put in the words of then elsewhere (older_words), what they ask and 1.7 did not is left out there.
upstream: pkg/api/validation/validation.go, 1.7.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required
from kubelab.kinds.go_values import quantity as go_quantity
from kubelab.kinds.kind import Object
from kubelab.kinds.names import is_c_identifier
from kubelab.kinds.podspec.resources import NOT_INTEGER
from kubelab.kinds.quantity import NANO, compare, parse

_SPEC, _TEMPLATE = "spec", "spec.template.spec"
_PATHS = {"Pod": _SPEC, "PodTemplate": "template.spec"}
_TEMPLATES = ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")
_PROTOCOLS = ("TCP", "UDP")
_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default")
_LATER_PATHS = ("metadata.uid", "status.hostIPs", "status.podIPs")
_SUBSCRIPTS = ("metadata.annotations[", "metadata.labels[")
_GPU, _OPAQUE = "alpha.kubernetes.io/nvidia-gpu", "pod.alpha.kubernetes.io/opaque-int-resource-"


def additions(kind: str, obj: Object) -> list[FieldError]:
    """The findings of a kind's pod spec that only 1.7 has; none of kinds without one."""
    path = _PATHS.get(kind) or (_TEMPLATE if kind in _TEMPLATES else "")
    if not path:
        return []
    spec: Object = obj
    for part in path.split("."):
        spec = spec.get(part) or {}
    return _validate_spec(spec, path)


def _validate_spec(spec: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    on_host = bool(spec.get("hostNetwork"))
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            errors += _validate_container(container, f"{path}.{field}[{index}]", on_host=on_host and field == "containers")
    if on_host and spec.get("hostAliases"):
        errors.append(forbidden(path, "may not be set when `hostNetwork` is true"))
    if spec.get("dnsPolicy") == "None":
        errors.append(not_supported(f"{path}.dnsPolicy", "None", _POLICIES))
    nodes = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    needed = "requiredDuringSchedulingIgnoredDuringExecution"
    for index, term in enumerate((nodes.get(needed) or {}).get("nodeSelectorTerms") or ()):
        if not term.get("matchExpressions"):
            where = f"{path}.affinity.{needed}.nodeSelectorTerms[{index}].matchExpressions"
            errors.append(required(where, "must have at least one node selector requirement"))
    return errors


def _validate_container(container: Object, path: str, *, on_host: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, port in enumerate(container.get("ports") or ()):
        at, number = f"{path}.ports[{index}]", port.get("containerPort") or 0
        if port.get("protocol") == "SCTP":
            errors.append(not_supported(f"{at}.protocol", "SCTP", _PROTOCOLS))
        if on_host and (port.get("hostPort") or 0) != number:
            errors.append(invalid(f"{at}.containerPort", number, "must match `hostPort` when `hostNetwork` is true"))
    for index, variable in enumerate(container.get("env") or ()):
        errors += _validate_variable(variable, f"{path}.env[{index}]")
    for index, source in enumerate(container.get("envFrom") or ()):
        prefix = source.get("prefix") or ""
        errors += (invalid(f"{path}.envFrom[{index}].prefix", prefix, each) for each in (is_c_identifier(prefix) if prefix else ()))
    return errors + _validate_resources(container.get("resources") or {}, f"{path}.resources")


def _validate_variable(variable: Object, path: str) -> list[FieldError]:
    name = variable.get("name") or ""
    errors = [invalid(f"{path}.name", name, each) for each in (is_c_identifier(name) if name else ())]
    asked = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if asked and (asked in _LATER_PATHS or asked.startswith(_SUBSCRIPTS)):
        detail = f"error converting fieldPath: field label not supported: {asked}"
        errors.append(invalid(f"{path}.valueFrom.fieldRef.fieldPath", asked, detail))
    return errors


def _validate_resources(resources: Object, path: str) -> list[FieldError]:
    """A limit below its request is the limit's fault; only what is counted by the node itself is whole."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    errors: list[FieldError] = []
    for name, limit in sorted(limits.items()):
        request = requests.get(name)
        if request is None:
            continue
        order = compare(limit, request)
        if name == _GPU and order:
            errors.append(invalid(f"{path}.requests", parse(request).text, f"must be equal to {_GPU} limit"))
        elif order < 0:
            errors.append(invalid(f"{path}.limits", parse(limit).text, f"must be greater than or equal to {name} request"))
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in sorted(amounts.items()):
            if is_fraction(name, amount):
                errors.append(invalid(f"{path}.{field}[{name}]", go_quantity(amount), NOT_INTEGER))
    return errors


def is_fraction(name: str, amount: str) -> bool:
    """Whether less than a whole is asked of what is counted (upstream: IsOpaqueIntResourceName)."""
    return name.startswith(_OPAQUE) and parse(amount).nano % NANO != 0
