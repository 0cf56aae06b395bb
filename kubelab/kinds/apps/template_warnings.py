"""What upstream warns about in a workload's name and pod template: obsolete labels and volumes, odd duplicates, selectors that match nothing.

upstream: pkg/api/pod/warnings.go (warningsForPodSpecAndMeta), pkg/api/node/util.go, pkg/api/persistentvolumeclaim/util.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kubelab.kinds.field import go_quote
from kubelab.kinds.kind import Object
from kubelab.kinds.names import is_dns1123_label
from kubelab.kinds.node.deprecated_labels import DEPRECATED_NODE_LABELS
from kubelab.kinds.quantity import parse

_DEPRECATED_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_DEPRECATED_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "ephemeral": "",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SHOWN_VOLUME = {"storageos": "storageOS"}
_BYTES = ("memory", "ephemeral-storage")
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_SECCOMP_GONE = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_NULL_SELECTOR = "a null labelSelector results in matching no pod"


def pod_template_warnings(template: Object, path: str) -> list[str]:
    """Warnings in upstream's order; ``path`` is that of the template (``spec.template``), empty for a Pod, which has the same parts."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    annotations: dict[str, str] = metadata.get("annotations") or {}
    prefix = f"{path}." if path else ""
    at, notes = f"{prefix}spec", f"{prefix}metadata.annotations"
    found = _placement_warnings(spec, at)
    found += (f"{notes}[{key}]: {words}" for key, words in _DEPRECATED_ANNOTATIONS.items() if key in annotations)
    found += _volume_warnings(spec.get("volumes") or (), f"{at}.volumes")
    found += _duplicate_warnings(spec, at)
    found += _fraction_warnings(spec.get("overhead") or {}, f"{at}.overhead")
    if _SECCOMP_POD in annotations and not _has_seccomp(spec):
        found.append(f"{notes}[{_SECCOMP_POD}]: {_SECCOMP_GONE}")
    for container, place in _containers(spec, at):
        key = _SECCOMP_CONTAINER + container.get("name", "")
        if key in annotations and not _has_seccomp(container):
            found.append(f"{notes}[{key}]: {_SECCOMP_GONE}")
        found += _container_warnings(container, place)
    found += _port_warnings(_containers(spec, at))
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        found.append(f"{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1")
    return found + _affinity_warnings(spec.get("affinity") or {}, f"{at}.affinity")


def _placement_warnings(spec: Object, path: str) -> list[str]:
    found = [
        f"{path}.nodeSelector[{key}]: {DEPRECATED_NODE_LABELS[key]}"
        for key in spec.get("nodeSelector") or ()
        if key in DEPRECATED_NODE_LABELS
    ]
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    at = f"{path}.affinity.nodeAffinity"
    required = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    for index, term in enumerate(required):
        found += _term_warnings(term, f"{at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{index}]")
    for index, term in enumerate(affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        found += _term_warnings(term.get("preference") or {}, f"{at}.preferredDuringSchedulingIgnoredDuringExecution[{index}].preference")
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        key, place = constraint.get("topologyKey", ""), f"{path}.topologySpreadConstraints[{index}]"
        if key in DEPRECATED_NODE_LABELS:
            found.append(f"{place}.topologyKey: {key} is {DEPRECATED_NODE_LABELS[key]}")
        if constraint.get("labelSelector") is None:
            found.append(f"{place}.labelSelector: {_NULL_SELECTOR}")
    return found


def _term_warnings(term: Object, path: str) -> list[str]:
    return [
        f"{path}.matchExpressions[{index}].key: {expression['key']} is {DEPRECATED_NODE_LABELS[expression['key']]}"
        for index, expression in enumerate(term.get("matchExpressions") or ())
        if expression.get("key") in DEPRECATED_NODE_LABELS
    ]


def _volume_warnings(volumes: Sequence[Object], path: str) -> list[str]:
    found: list[str] = []
    for index, volume in enumerate(volumes):
        for source, words in _DEPRECATED_VOLUMES.items():
            if volume.get(source) is None:
                continue
            if words:
                found.append(f"{path}[{index}].{_SHOWN_VOLUME.get(source, source)}: {words}")
            elif claim := volume[source].get("volumeClaimTemplate"):
                found += claim_warnings(claim.get("spec") or {}, f"{path}[{index}].ephemeral.volumeClaimTemplate.spec")
    return found


def claim_warnings(spec: Object, path: str) -> list[str]:
    """A claim for a part of a byte (upstream: GetWarningsForPersistentVolumeClaimSpec)."""
    resources = spec.get("resources") or {}
    return [
        warning
        for name in ("requests", "limits")
        for warning in _fraction_warnings(resources.get(name) or {}, f"{path}.resources.{name}", ("storage",))
    ]


def _fraction_warnings(amounts: Object, path: str, names: Iterable[str] = _BYTES) -> list[str]:
    return [
        f"{path}[{name}]: fractional byte value {go_quote(amounts[name])} is invalid, must be an integer"
        for name in names
        if name in amounts and parse(amounts[name]).milli() % 1000
    ]


def _duplicate_warnings(spec: Object, path: str) -> list[str]:
    found: list[str] = []
    for field, key in (("hostAliases", "ip"), ("imagePullSecrets", "name")):
        seen: list[str] = []
        for index, item in enumerate(spec.get(field) or ()):
            value = item.get(key, "")
            if value in seen:
                found.append(f"{path}.{field}[{index}].{key}: duplicate {key} {go_quote(value)}")
            seen.append(value)
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            found.append(f'{path}.imagePullSecrets[{index}].name: invalid empty name ""')
    return found


def _has_seccomp(holder: Object) -> bool:
    return (holder.get("securityContext") or {}).get("seccompProfile") is not None


def _containers(spec: Object, path: str) -> Iterator[tuple[Object, str]]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield container, f"{path}.{field}[{index}]"


def _container_warnings(container: Object, path: str) -> list[str]:
    resources = container.get("resources") or {}
    found: list[str] = []
    for name in _BYTES:
        for part in ("limits", "requests"):
            found += _fraction_warnings(resources.get(part) or {}, f"{path}.resources.{part}", (name,))
    seen: list[str] = []
    for index, variable in enumerate(container.get("env") or ()):
        name, value = variable.get("name", ""), variable.get("value", "")
        reference = f"$({name})"
        # Building on the value before it is fine: PATH=$(PATH):/more.
        if name in seen and (variable.get("valueFrom") is not None or value == reference or reference not in value):
            found.append(f"{path}.env[{index}]: hides previous definition of {go_quote(name)}")
        seen.append(name)
    return found


def _port_warnings(containers: Iterable[tuple[Object, str]]) -> list[str]:
    found: list[str] = []
    known: dict[tuple[int, str], list[tuple[str, Object]]] = {}
    for container, path in containers:
        for index, port in enumerate(container.get("ports") or ()):
            at = f"{path}.ports[{index}]"
            if port.get("hostIP") and not port.get("hostPort"):
                found.append(f"{at}: hostIP set without hostPort: {_go_port(port)}")
            others = known.setdefault((port.get("containerPort", 0), port.get("protocol", "")), [])
            found += (f"{at}: {words} port definition with {place}" for place, other in others if (words := _conflict(port, other)))
            others.append((at, port))
    return found


def _conflict(port: Object, other: Object) -> str:
    ip, host_port, other_ip, other_port = port.get("hostIP", ""), port.get("hostPort", 0), other.get("hostIP", ""), other.get("hostPort", 0)
    if (ip, host_port) == (other_ip, other_port):
        return "duplicate"
    if not host_port or not other_port:
        return "overlapping"
    return "dangerously ambiguous" if host_port == other_port and bool(ip) != bool(other_ip) else ""


def _go_port(port: Object) -> str:
    return (
        f"{{Name:{port.get('name', '')} HostPort:{port.get('hostPort', 0)} ContainerPort:{port.get('containerPort', 0)} "
        f"Protocol:{port.get('protocol', '')} HostIP:{port.get('hostIP', '')}}}"
    )


def _affinity_warnings(affinity: Object, path: str) -> list[str]:
    found: list[str] = []
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        required, preferred = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
        for index, term in enumerate(terms.get(required) or ()):
            if term.get("labelSelector") is None:
                found.append(f"{path}.{kind}.{required}[{index}].labelSelector: {_NULL_SELECTOR}")
        for index, weighted in enumerate(terms.get(preferred) or ()):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                found.append(f"{path}.{kind}.{preferred}[{index}].podAffinityTerm.labelSelector: {_NULL_SELECTOR}")
    return found


def name_warnings(obj: Object) -> list[str]:
    """A name that is no DNS label makes odd host names for its pods."""
    complaints = is_dns1123_label(obj["metadata"].get("name", ""))
    if not complaints:
        return []
    advice = "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended"
    return [f"metadata.name: {advice}: [{' '.join(complaints)}]"]
