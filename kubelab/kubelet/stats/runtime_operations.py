"""``kubelet_runtime_operations_total``: how often a kubelet has asked its runtime, by operation: what collecting costs beside the work itself.

upstream: pkg/kubelet/metrics/metrics.go, pkg/kubelet/kuberuntime/instrumented_services.go, 1.28. Work is counted as it is done (the runtime's
table ``operations``); looks at regular times follow from how long the kubelet has been up: PLEG, status, eviction, garbage collection, and the
scrapes of metrics-server. Who asks for a page by hand is not counted: reading changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kubelab.kubelet.stats.cgroups import Machine
from kubelab.kubelet.stats.prometheus import COUNTER, Metric, Row
from kubelab.world.clock import SECOND

TOTAL = Metric(
    "kubelet_runtime_operations_total", COUNTER, "ALPHA", "Cumulative number of runtime operations by operation type.", ("operation_type",)
)
LISTS = ("list_podsandbox", "list_containers")
STATS, POD_STATS = "list_container_stats", "list_podsandbox_stats"
LOOKS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (1, LISTS),  # pleg/generic.go
    (5, ("status",)),  # kubelet.go updateRuntimeUp
    (10, (*LISTS, STATS, "image_fs_info")),  # eviction_manager.go synchronize
    (15, (*LISTS, STATS)),  # metrics-server
    (30, ("list_images",)),  # image_gc_manager.go, its cache
    (60, LISTS),  # kubelet.go StartGarbageCollection
    (300, ("list_images", *LISTS, "image_fs_info")),  # image_gc_manager.go
)


def counts(machine: Machine, t_ns: int) -> dict[str, int]:
    """Operations up to an instant, by upstream's names."""
    found: Counter[str] = Counter(machine.tables.get("operations", {}))
    up_s = max(0, t_ns - machine.capacity.started_ns) // SECOND
    for period_s, operations in LOOKS:
        for each in operations:
            found[POD_STATS if machine.gate and each == STATS else each] += up_s // period_s
    return {name: count for name, count in sorted(found.items()) if count}


def rows(machine: Machine, t_ns: int) -> Iterator[Row]:
    yield from (Row(TOTAL, count, (name,)) for name, count in counts(machine, t_ns).items())
