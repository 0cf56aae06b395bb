"""What an object uses up of a quota, which quotas look at it, and what a namespace uses in all.

upstream: pkg/quota/v1/evaluator/core/{pods,services,persistent_volume_claims,registry}.go,
staging/src/k8s.io/apiserver/pkg/quota/v1/{resources.go,generic/evaluator.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubelab.apiserver.admission.pod_resources import Resources, add, pod_limits, pod_requests
from kubelab.kinds import quantity
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object
from kubelab.store.state import State
from kubelab.world.clock import SECOND, parse_rfc3339

COMPUTE = ("cpu", "memory", "ephemeral-storage")
_POD_NAMES = ("count/pods", "pods", *COMPUTE, *(f"requests.{name}" for name in COMPUTE), *(f"limits.{name}" for name in COMPUTE))
_SERVICE_NAMES = ("count/services", "services", "services.nodeports", "services.loadbalancers")
_CLAIM_NAMES = ("persistentvolumeclaims", "requests.storage")
_BY_CLASS = ".storageclass.storage.k8s.io/"
_LEGACY = ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
REQUIRED = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def matching(kind: Kind, names: Iterable[str]) -> list[str]:
    """Those of a quota's resource names that objects of a kind can use up."""
    match kind.resource:
        case "pods":
            return [name for name in names if name in _POD_NAMES or _is_pod_extra(name)]
        case "services":
            return [name for name in names if name in _SERVICE_NAMES]
        case "persistentvolumeclaims":
            return [name for name in names if name == "count/persistentvolumeclaims" or _is_claim_name(name)]
        case resource:
            return [name for name in names if name == f"count/{resource}" or (name == resource and resource in _LEGACY)]


def _is_pod_extra(name: str) -> bool:
    if name.startswith(("hugepages-", "requests.hugepages-")):
        return True
    return name.startswith("requests.") and is_extended(name.removeprefix("requests."))


def is_extended(name: str) -> bool:
    """A resource that is not Kubernetes' own: ``example.com/gpu``."""
    domain, slash, _ = name.partition("/")
    return bool(slash) and domain != "kubernetes.io" and not domain.endswith(".kubernetes.io")


def _is_claim_name(name: str) -> bool:
    return name in _CLAIM_NAMES or any(name.endswith(f"{_BY_CLASS}{each}") for each in _CLAIM_NAMES)


# -- one object ----------------------------------------------------------------------------------------------------------
def usage_of(kind: Kind, obj: Object, now_ns: int) -> Resources:
    """What one object uses up."""
    match kind.resource:
        case "pods":
            return _of_pod(obj, now_ns)
        case "services":
            return _of_service(obj["spec"])
        case "persistentvolumeclaims":
            return _of_claim(obj)
        case resource:
            counted = {f"count/{resource}": "1"}
            return {**counted, resource: "1"} if resource in _LEGACY else counted


def _of_pod(pod: Object, now_ns: int) -> Resources:
    used = {"count/pods": "1"}
    if not is_charged(pod, now_ns):
        return used
    spec = pod["spec"]
    used.update(compute_usage(pod_requests(spec, overhead=True), pod_limits(spec, overhead=True)))
    return used


def is_charged(pod: Object, now_ns: int) -> bool:
    """Whether a pod counts: it has neither ended nor is it overdue for deletion (upstream: QuotaV1Pod)."""
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return False
    meta = pod["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("deletionGracePeriodSeconds") is None:
        return True
    return bool(now_ns <= parse_rfc3339(meta["deletionTimestamp"]) + meta["deletionGracePeriodSeconds"] * SECOND)


def compute_usage(requests: Resources, limits: Resources) -> Resources:
    """Requests and limits under the names that quotas use for them."""
    used = {"pods": "1"}
    for name in COMPUTE:
        if name in requests:
            used[name] = used[f"requests.{name}"] = requests[name]
        if name in limits:
            used[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            used[name] = used[f"requests.{name}"] = amount
        elif is_extended(name):
            used[f"requests.{name}"] = amount
    return used


def _of_service(spec: Object) -> Resources:
    ports = spec.get("ports") or ()
    node_ports = balancers = 0
    if spec.get("type") == "NodePort":
        node_ports = len(ports)
    elif spec.get("type") == "LoadBalancer":
        balancers = 1
        given = sum(1 for port in ports if port.get("nodePort"))
        node_ports = given if spec.get("allocateLoadBalancerNodePorts") is False else len(ports)
    counted = {"count/services": "1", "services": "1"}
    return {**counted, "services.nodeports": str(node_ports), "services.loadbalancers": str(balancers)}


def _of_claim(claim: Object) -> Resources:
    used = {"persistentvolumeclaims": "1", "count/persistentvolumeclaims": "1"}
    annotations = claim["metadata"].get("annotations") or {}
    name = annotations.get(_BETA_CLASS) or claim["spec"].get("storageClassName") or ""
    if name:
        used[f"{name}{_BY_CLASS}persistentvolumeclaims"] = "1"
    asked = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage")
    if asked is not None:
        parsed = quantity.parse(asked)
        used["requests.storage"] = quantity.of(parsed.value(), parsed.format)
        if name:
            used[f"{name}{_BY_CLASS}requests.storage"] = used["requests.storage"]
    return used


# -- scopes --------------------------------------------------------------------------------------------------------------
def in_scope(quota: Object, kind: Kind, obj: Object) -> bool:
    """Whether an object has all of a quota's scopes; only pods have any."""
    spec = quota["spec"]
    wanted: list[Object] = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    wanted += (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    return not wanted or (kind.resource == "pods" and all(_has_scope(each, obj) for each in wanted))


def _has_scope(wanted: Object, pod: Object) -> bool:
    spec = pod["spec"]
    match wanted["scopeName"]:
        case "Terminating":
            return (spec.get("activeDeadlineSeconds") or -1) >= 0
        case "NotTerminating":
            return (spec.get("activeDeadlineSeconds") or -1) < 0
        case "BestEffort":
            return _is_best_effort(spec)
        case "NotBestEffort":
            return not _is_best_effort(spec)
        case "PriorityClass":
            return _has_class(wanted, spec.get("priorityClassName") or "")
        case "CrossNamespacePodAffinity":
            return any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in _affinity_terms(spec))
        case _:
            return False


def _is_best_effort(spec: Object) -> bool:
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            resources = container.get("resources") or {}
            for amounts in (resources.get("requests") or {}, resources.get("limits") or {}):
                if any(quantity.parse(amounts[name]).nano for name in ("cpu", "memory") if name in amounts):
                    return False
    return True


def _has_class(wanted: Object, name: str) -> bool:
    operator, values = wanted.get("operator"), wanted.get("values") or ()
    if operator == "In":
        return bool(name) and name in values
    if operator == "NotIn":
        return name not in values
    return bool(name) if operator == "Exists" else not name


def _affinity_terms(spec: Object) -> list[Object]:
    terms: list[Object] = []
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = (spec.get("affinity") or {}).get(kind) or {}
        terms += rules.get("requiredDuringSchedulingIgnoredDuringExecution") or []
        terms += (each["podAffinityTerm"] for each in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ())
    return terms


# -- a namespace ---------------------------------------------------------------------------------------------------------
def total(state: State, quota: Object, kinds: Iterable[Kind], now_ns: int) -> Resources:
    """What all objects of a quota's namespace use of what it limits: its status.used."""
    hard = quota["spec"].get("hard") or {}
    namespace = quota["metadata"]["namespace"]
    used: Resources = dict.fromkeys(hard, "0")
    for kind in kinds:
        names = matching(kind, hard)
        if not names:
            continue
        for obj in state.in_namespace(kind.resource, namespace):
            if in_scope(quota, kind, obj):
                mine = usage_of(kind, obj, now_ns)
                add(used, {name: mine[name] for name in names if name in mine})
    return used
