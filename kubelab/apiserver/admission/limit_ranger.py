"""LimitRanger: default requests and limits of containers, and their bounds, from the LimitRanges of a namespace.

upstream: plugin/pkg/admission/limitranger/admission.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden
from kubelab.apiserver.admission.pod_resources import Resources, pod_limits, pod_requests
from kubelab.apiserver.authorization.rbac import aggregate
from kubelab.kinds import quantity
from kubelab.store.log import Object

ANNOTATION = "kubernetes.io/limit-ranger"


class LimitRanger:
    """Container resources cannot change after creation, so pods are looked at once."""

    name = "LimitRanger"
    handles = (("CREATE", "pods"), ("CREATE", "persistentvolumeclaims"), ("UPDATE", "persistentvolumeclaims"))
    needs = "limitranges"

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.kind.plural == "pods" and attributes.object is not None:
            for limits in _limits(attributes, cluster):
                _set_defaults(attributes.object, limits)

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        obj, old = attributes.object, attributes.old
        if obj is None or (old is not None and old["metadata"].get("deletionTimestamp")):
            return
        check = _pod_errors if attributes.kind.plural == "pods" else _claim_errors
        for limits in _limits(attributes, cluster):
            if errors := tuple(check(obj, limits)):
                raise forbidden(attributes, aggregate(errors))


def _limits(attributes: Attributes, cluster: Cluster) -> list[list[Object]]:
    """The limits of each LimitRange in the namespace."""
    return [each["spec"].get("limits") or [] for each in cluster.state.in_namespace("limitranges", attributes.namespace)]


# -- defaults ------------------------------------------------------------------------------------------------------------
def _set_defaults(pod: Object, limits: list[Object]) -> None:
    requests: dict[str, str] = {}
    maxima: dict[str, str] = {}
    for limit in limits:
        if limit["type"] == "Container":
            requests.update(limit.get("defaultRequest") or {})
            maxima.update(limit.get("default") or {})
    notes: list[str] = []
    for field, words in (("containers", "container"), ("initContainers", "init container")):
        for container in pod["spec"].get(field) or ():
            resources = container.get("resources") or {}
            merged = {**resources}
            for kind, defaults in (("requests", requests), ("limits", maxima)):
                have = resources.get(kind) or {}
                added = sorted(name for name in defaults if name not in have)
                if added:
                    merged[kind] = {**have, **{name: defaults[name] for name in added}}
                    notes.append(f"{', '.join(added)} {kind[:-1]} for {words} {container['name']}")
            container["resources"] = merged
    if notes:
        meta = pod["metadata"]
        meta["annotations"] = {**(meta.get("annotations") or {}), ANNOTATION: "LimitRanger plugin set: " + "; ".join(notes)}


# -- bounds --------------------------------------------------------------------------------------------------------------
def _pod_errors(pod: Object, limits: list[Object]) -> Iterator[str]:
    spec = pod["spec"]
    for limit in limits:
        if limit["type"] == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                resources = container.get("resources") or {}
                yield from _bounds(limit, resources.get("requests") or {}, resources.get("limits") or {})
        elif limit["type"] == "Pod":
            yield from _bounds(limit, pod_requests(spec), pod_limits(spec))


def _bounds(limit: Object, requests: Resources, limits: Resources) -> Iterator[str]:
    kind = limit["type"]
    for name, bound in sorted((limit.get("min") or {}).items()):
        yield from _minimum(kind, name, bound, requests, limits)
    for name, bound in sorted((limit.get("max") or {}).items()):
        yield from _maximum(kind, name, bound, requests, limits)
    for name, bound in sorted((limit.get("maxLimitRequestRatio") or {}).items()):
        yield from _ratio(kind, name, bound, requests, limits)


def _claim_errors(claim: Object, limits: list[Object]) -> Iterator[str]:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    for limit in limits:
        if limit["type"] != "PersistentVolumeClaim":
            continue
        for name, bound in sorted((limit.get("min") or {}).items()):
            yield from _minimum(limit["type"], name, bound, requests, {})
        for name, bound in sorted((limit.get("max") or {}).items()):
            head = f"maximum {name} usage per {limit['type']} is {quantity.canonical(bound)}"
            if name not in requests:
                yield f"{head}.  No request is specified"
            elif quantity.compare(requests[name], bound) > 0:
                yield f"{head}, but request is {quantity.canonical(requests[name])}"


def _minimum(kind: str, name: str, bound: str, requests: Resources, limits: Resources) -> Iterator[str]:
    head = f"minimum {name} usage per {kind} is {quantity.canonical(bound)}"
    request, limit = requests.get(name), limits.get(name)
    if request is None:
        yield f"{head}.  No request is specified"
    elif quantity.compare(request, bound) < 0:
        yield f"{head}, but request is {quantity.canonical(request)}"
    elif limit is not None and quantity.compare(limit, bound) < 0:
        yield f"{head}, but limit is {quantity.canonical(limit)}"


def _maximum(kind: str, name: str, bound: str, requests: Resources, limits: Resources) -> Iterator[str]:
    head = f"maximum {name} usage per {kind} is {quantity.canonical(bound)}"
    request, limit = requests.get(name), limits.get(name)
    if limit is None:
        yield f"{head}.  No limit is specified"
    elif quantity.compare(limit, bound) > 0:
        yield f"{head}, but limit is {quantity.canonical(limit)}"
    elif request is not None and quantity.compare(request, bound) > 0:
        yield f"{head}, but request is {quantity.canonical(request)}"


def _ratio(kind: str, name: str, bound: str, requests: Resources, limits: Resources) -> Iterator[str]:
    head = f"{name} max limit to request ratio per {kind} is {quantity.canonical(bound)}"
    request, limit = quantity.parse(requests.get(name, "0")), quantity.parse(limits.get(name, "0"))
    if not request.nano:
        yield f"{head}, but no request is specified or request is 0"
    elif not limit.nano:
        yield f"{head}, but no limit is specified or limit is 0"
    elif limit.milli() * 1000 > quantity.parse(bound).milli() * request.milli():
        yield f"{head}, but provided ratio is {limit.milli() / request.milli():f}"
