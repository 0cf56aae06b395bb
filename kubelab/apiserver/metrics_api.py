"""metrics.k8s.io as metrics-server answers it behind the aggregation layer: usage computed from its scrapes, nothing stored.

upstream: kubernetes-sigs/metrics-server pkg/api/{pod,node,filter,install}.go, 0.7 (deployed with --metric-resolution=15s);
spec/cri-metrics.md section 4. The scrapes themselves are ``server.metrics_door``'s; a server without one is a cluster without metrics-server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from kubelab.apiserver import status
from kubelab.apiserver.read import matcher
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.kinds.kind import Kind, Object
from kubelab.kinds.metrics.points import Kept, node_metrics, pod_metrics

UNAVAILABLE = "the server is currently unable to handle the request"
_NAMED = {
    "pods": Kind(kind="PodMetrics", plural="podmetrics", group="metrics.k8s.io"),
    "nodes": Kind(kind="NodeMetrics", plural="nodemetrics", group="metrics.k8s.io", namespaced=False),
}


class MetricsDoor(Protocol):
    """The way to metrics-server's memory."""

    def kept(self, pods: Sequence[Object], nodes: Sequence[Object]) -> Kept:
        """What it keeps now of these pods and nodes."""


def pods(work: Work) -> Response:
    """Usage of running pods: one, those of a namespace, or all."""
    request, table = work.request, work.server.store.head
    door = _door(work)
    if request.verb == "get":
        pod = table.get("pods", request.namespace, request.name)
        if pod is None or not _running(pod):
            raise status.not_found(registry.by_resource("pods"), request.name)
        found = pod_metrics(pod, door.kept((pod,), ()), work.context.now_ns)
        if found is None:
            raise status.not_found(_NAMED["pods"], f"{request.namespace}/{request.name}")
        return work.answer({**_type(work.kind), **found})
    there = table.in_namespace("pods", request.namespace) if request.namespace else table.all("pods").values()
    matches = matcher(work)
    wanted = sorted((pod for pod in there if _running(pod) and matches(pod)), key=_place)
    kept = door.kept(wanted, ())
    return _list(work, [pod_metrics(pod, kept, work.context.now_ns) for pod in wanted])


def nodes(work: Work) -> Response:
    """Usage of nodes: one, or all."""
    request, table = work.request, work.server.store.head
    door = _door(work)
    if request.verb == "get":
        node = table.get("nodes", "", request.name)
        if node is None:
            raise status.not_found(registry.by_resource("nodes"), request.name)
        found = node_metrics(node, door.kept((), (node,)), work.context.now_ns)
        if found is None:
            raise status.not_found(_NAMED["nodes"], request.name)
        return work.answer({**_type(work.kind), **found})
    matches = matcher(work)
    wanted = sorted((node for node in table.all("nodes").values() if matches(node)), key=_place)
    kept = door.kept((), wanted)
    return _list(work, [node_metrics(node, kept, work.context.now_ns) for node in wanted])


COMPUTED: dict[str, Callable[[Work], Response]] = {"pods.metrics.k8s.io": pods, "nodes.metrics.k8s.io": nodes}


def _door(work: Work) -> MetricsDoor:
    door = work.server.metrics_door
    if door is None:
        raise status.failure(503, "ServiceUnavailable", UNAVAILABLE, {})
    return door


def _running(pod: Object) -> bool:
    """metrics-server knows no other pods: its informer selects by ``status.phase``."""
    return (pod.get("status") or {}).get("phase") == "Running"


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _type(kind: Kind) -> Object:
    return {"kind": kind.kind, "apiVersion": kind.api_version}


def _list(work: Work, items: list[Object | None]) -> Response:
    found = [item for item in items if item is not None]
    return work.answer({"kind": f"{work.kind.kind}List", "apiVersion": work.kind.api_version, "metadata": {}, "items": found})
