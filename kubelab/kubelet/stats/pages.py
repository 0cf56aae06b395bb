"""The kubelet's Prometheus pages by path.

upstream: pkg/kubelet/server/server.go InstallDefaultHandlers, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kubelab.apiserver.exposition import Family
from kubelab.apiserver.exposition import page as exposition
from kubelab.kubelet.stats import cadvisor_metrics, kubelet_metrics, own_metrics, probe_metrics, resource_metrics, summary
from kubelab.kubelet.stats.cgroups import Machine
from kubelab.kubelet.stats.prometheus import Row, families


def _resource(machine: Machine, t_ns: int) -> Iterator[Row]:
    try:
        found = summary.cpu_and_memory(machine, t_ns)
    except summary.Unavailable:
        return resource_metrics.rows(None)
    return resource_metrics.rows(found)


PAGES: dict[str, Callable[[Machine, int], Iterable[Row]]] = {
    "/metrics/resource": _resource,
    "/metrics/cadvisor": cadvisor_metrics.rows,
    "/metrics/probes": probe_metrics.rows,
    "/metrics": kubelet_metrics.rows,
}

HISTOGRAMS: dict[str, Callable[[Machine, int], Iterable[Family]]] = {
    "/metrics/probes": lambda machine, t_ns: [probe_metrics.durations(machine, t_ns)],
    "/metrics": own_metrics.histograms,
}


def page(machine: Machine, path: str, t_ns: int) -> str:
    """A page's text. Raises ValueError for a path that there is not."""
    make = PAGES.get(path)
    if make is None:
        raise ValueError(f"the kubelet has no page {path!r}: use one of {', '.join(PAGES)}")
    more = HISTOGRAMS.get(path)
    return exposition([*families(make(machine, t_ns)), *(more(machine, t_ns) if more is not None else ())])
