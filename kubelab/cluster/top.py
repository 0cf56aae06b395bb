"""``kubectl top``: the usage of pods or nodes, as metrics.k8s.io has it.

upstream: kubectl/pkg/cmd/top/{top_pod,top_node}.go, kubectl/pkg/metricsutil/metrics_printer.go, 1.28: millicores rounded up, MiB down, shares of
what is allocatable truncated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kubelab.apiserver.request import ListOptions
from kubelab.cluster import references, tables
from kubelab.cluster.references import Reference
from kubelab.kinds import quantity, registry
from kubelab.kinds.kind import Object
from kubelab.world.clock import SECOND, format_duration, parse_rfc3339

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

CREATION_DELAY_NS = 120 * SECOND
RESOURCES = ("cpu", "memory")
UNKNOWN = "<unknown>"


class MetricsUnavailable(Exception):
    """There are no metrics (yet), in kubectl's words."""


def top(
    cluster: Cluster, what: str, namespace: str | None, selector: str, *, containers: bool, sort_by: str = "", total: bool = False
) -> str:
    """The table for ``pods`` or ``nodes``. Raises MetricsUnavailable, ValueError for anything else."""
    if sort_by not in ("", *RESOURCES):
        raise ValueError(f"--sort-by accepts only cpu or memory, not {sort_by!r}")
    kind = registry.lookup(what)
    if kind is None or kind.resource not in ("pods", "nodes"):
        raise ValueError(f"top {what!r}: use pods or nodes")
    references.check_selectors(selector, "")
    if kind.resource == "nodes":
        return _nodes(cluster, selector, sort_by)
    return _pods(cluster, namespace, selector, containers=containers, sort_by=sort_by, total=total)


def _list(cluster: Cluster, resource: str, namespace: str, selector: str) -> list[Object]:
    reference = Reference(registry.by_resource(resource), namespace, "")
    items: list[Object] = cluster._call("list", reference, list_options=ListOptions(selector)).object["items"]
    return items


def _sorted(items: list[Object], sort_by: str) -> list[Object]:
    """The largest first; else as they are listed, by their names."""
    return sorted(items, key=lambda item: -quantity.parse(item["usage"][sort_by]).nano) if sort_by else items


def _pods(cluster: Cluster, namespace: str | None, selector: str, *, containers: bool, sort_by: str, total: bool) -> str:
    found = _list(cluster, "pods.metrics.k8s.io", namespace or "", selector)
    if not found:
        there = _list(cluster, "pods", namespace or "", selector)
        if not there:
            return "No resources found" if namespace is None else f"No resources found in {namespace} namespace."
        raise MetricsUnavailable(next(filter(None, (_too_old(pod, cluster._engine.now_ns) for pod in there)), "metrics not available yet"))
    head = [*(["NAMESPACE"] if namespace is None else []), *(["POD"] if containers else []), "NAME", "CPU(cores)", "MEMORY(bytes)"]
    rows = [head]
    for pod in _sorted([{**pod, "usage": _sum(pod["containers"])} for pod in found], sort_by):
        meta = pod["metadata"]
        place = [meta["namespace"]] if namespace is None else []
        if containers:
            parts = _sorted(sorted(pod["containers"], key=lambda part: str(part["name"])), sort_by)
            rows += [[*place, meta["name"], part["name"], *_shown(part["usage"])] for part in parts]
        else:
            rows.append([*place, meta["name"], *_shown(pod["usage"])])
    if total:
        blank = [""] * (len(head) - 2)
        rows += [[*blank, "________", "________"], [*blank, *_shown(_sum([part for pod in found for part in pod["containers"]]))]]
    return tables.text(rows)


def _sum(parts: list[Object]) -> dict[str, str]:
    return {name: quantity.add(part["usage"][name] for part in parts) for name in RESOURCES}


def _too_old(pod: Object, now_ns: int) -> str:
    """What kubectl says of a pod that should have metrics by now."""
    meta = pod["metadata"]
    age_ns = now_ns - parse_rfc3339(meta["creationTimestamp"])
    if age_ns <= CREATION_DELAY_NS:
        return ""
    return f"Metrics not available for pod {meta['namespace']}/{meta['name']}, age: {format_duration(age_ns)}"


def _nodes(cluster: Cluster, selector: str, sort_by: str) -> str:
    found = _list(cluster, "nodes.metrics.k8s.io", "", selector)
    if not found:
        raise MetricsUnavailable("metrics not available yet")
    allocatable = {node["metadata"]["name"]: node["status"]["allocatable"] for node in _list(cluster, "nodes", "", selector)}
    rows = [["NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"]]
    for node in _sorted(found, sort_by):
        name = node["metadata"]["name"]
        cpu, memory = _shown(node["usage"])
        shares = [_share(node["usage"], allocatable.pop(name, {}), resource) for resource in RESOURCES]
        rows.append([name, cpu, shares[0], memory, shares[1]])
    rows += [[name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN] for name in allocatable]
    return tables.text(rows)


def _shown(usage: Mapping[str, Any]) -> tuple[str, str]:
    """Cores and bytes as kubectl prints them.

    >>> _shown({"cpu": "1000001n", "memory": "2047Ki"})
    ('2m', '1Mi')
    """
    return f"{quantity.milli(usage['cpu'])}m", f"{quantity.value(usage['memory']) // (1 << 20)}Mi"


def _share(usage: Mapping[str, str], available: Mapping[str, str], resource: str) -> str:
    of = quantity.milli(available.get(resource))
    return f"{int(quantity.milli(usage[resource]) / of * 100)}%" if of else ""
