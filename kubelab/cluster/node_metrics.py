"""A kubelet's own pages: ``/stats/summary`` and the Prometheus texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.kubelet.static_pods import own_uid
from kubelab.kubelet.stats import pages
from kubelab.kubelet.stats import summary as summaries
from kubelab.kubelet.stats.cgroups import Machine

GATE = "PodAndContainerStatsFromCRI"


def machine_of(engine: Engine, node: str) -> Machine:
    """What the kubelet of a node reads; ValueError lists the nodes."""
    found = engine.store.head.get("nodes", "", node)
    if found is None or node not in engine.machines:
        known = ", ".join(name for name in engine.machines if name)
        raise ValueError(f"there is no node {node!r}: there are {known}")
    head = engine.store.head
    table = head.all("pods")
    pods = {own_uid(table[place]): table[place] for place in head.by_node.get(node, {})}
    disks = engine.machines[""].get("disks", {})
    gate = bool(engine.gates.get(GATE))
    runner = engine.runners.get(f"kubelet/{node}")
    memory = runner.memory if runner is not None else {}
    claims, workers = head.all("persistentvolumeclaims"), memory.get("workers", {})
    return Machine(found, engine.machines[node], pods, claims, disks, engine.streams.seed, gate, workers, memory, engine.timing)


def summary(engine: Engine, node: str, *, only_cpu_and_memory: bool = False) -> Object:
    """See ``Cluster.summary``."""
    _answers(engine, node)
    make = summaries.cpu_and_memory if only_cpu_and_memory else summaries.full
    return summaries.published(make(machine_of(engine, node), engine.now_ns))


def prometheus(engine: Engine, node: str, path: str) -> str:
    """See ``Cluster.prometheus``."""
    _answers(engine, node)
    return pages.page(machine_of(engine, node), path, engine.now_ns)


def _answers(engine: Engine, node: str) -> None:
    """Raise what a client meets where no kubelet listens."""
    runner = engine.runners.get(f"kubelet/{node}")
    if runner is not None and not runner.alive:
        raise ConnectionRefusedError(f"the kubelet of {node} does not run: connect to port 10250: connection refused")


def answer(engine: Engine, node: str, verb: str, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
    """What a kubelet answers on a path: code, and object or text.

    upstream: pkg/kubelet/server/server.go, pkg/kubelet/server/stats/handler.go (GET and POST; an error is a 500 in plain text), 1.28.
    """
    machine, now_ns = machine_of(engine, node), engine.now_ns
    if path == "/stats/summary":
        if verb not in ("get", "create"):
            return 405, "405: Method Not Allowed"
        only = query.get("only_cpu_and_memory") == ["true"]
        try:
            return 200, summary(engine, node, only_cpu_and_memory=only)
        except summaries.Unavailable as error:
            return 500, f"Internal Error: {error}"
    if path in pages.PAGES:
        return 200, pages.page(machine, path, now_ns)
    if path == "/healthz":
        return 200, "ok"
    if path in ("/pods", "/pods/"):
        return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(machine.pods.values())}
    return 404, "404 page not found"
