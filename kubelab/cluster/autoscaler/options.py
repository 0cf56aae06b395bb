"""What the autoscaler is told by its flags.

upstream: cluster-autoscaler/main.go, config/const.go, 1.28.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.engine.component import Tables
from kubelab.world.clock import MINUTE, SECOND, parse_duration
from kubelab.world.codec import value

OPTIONS = "autoscaler options"  # on the world's own machine
EXPANDERS = ("random", "least-waste", "most-pods", "least-nodes", "price", "priority")


@value
class AutoscalerOptions(NamedTuple):
    """Lengths in nanoseconds; the names are those of upstream's flags."""

    expander: str = "random"
    scan_interval: int = 10 * SECOND
    scale_down_enabled: bool = True
    scale_down_delay_after_add: int = 10 * MINUTE
    scale_down_delay_after_delete: int = 10 * SECOND
    scale_down_delay_after_failure: int = 3 * MINUTE
    scale_down_unneeded_time: int = 10 * MINUTE
    scale_down_unready_time: int = 20 * MINUTE
    scale_down_utilization_threshold: float = 0.5
    max_nodes_total: int = 0
    max_node_provision_time: int = 15 * MINUTE
    max_empty_bulk_delete: int = 10
    max_drain_parallelism: int = 1
    max_graceful_termination_sec: int = 600
    max_pod_eviction_time: int = 2 * MINUTE
    max_bulk_soft_taint_count: int = 10
    node_delete_delay_after_taint: int = 5 * SECOND
    unremovable_node_recheck_timeout: int = 5 * MINUTE
    skip_nodes_with_system_pods: bool = True
    skip_nodes_with_local_storage: bool = True
    expendable_pods_priority_cutoff: int = -10
    new_pod_scale_up_delay: int = 0
    initial_node_group_backoff_duration: int = 5 * MINUTE
    max_node_group_backoff_duration: int = 30 * MINUTE
    max_total_unready_percentage: float = 45.0
    ok_total_unready_count: int = 3


DEFAULT = AutoscalerOptions()
_COUNTS = (
    "max_nodes_total",
    "max_empty_bulk_delete",
    "max_drain_parallelism",
    "max_graceful_termination_sec",
    "max_bulk_soft_taint_count",
    "expendable_pods_priority_cutoff",
    "ok_total_unready_count",
)
_SHARES = {"scale_down_utilization_threshold": 1, "max_total_unready_percentage": 100}


def read(given: dict[str, Any]) -> AutoscalerOptions:
    """Options by their flags' names with underscores. ValueError names what will not do."""
    found: dict[str, Any] = {}
    for name, item in given.items():
        if name not in AutoscalerOptions._fields:
            raise ValueError(f"autoscaler: there is no option {name!r}: use {', '.join(AutoscalerOptions._fields)}")
        found[name] = _checked(name, item)
    return DEFAULT._replace(**found)


def _checked(name: str, item: Any) -> Any:
    if name == "expander":
        chain = item.split(",") if isinstance(item, str) else [str(item)]
        wrong = next((each for each in chain if each not in EXPANDERS), None)
        if wrong is not None:
            raise ValueError(f"expander: {wrong!r} is none: use {', '.join(EXPANDERS)}, or several of them, such as 'priority,least-waste'")
        return item
    if isinstance(DEFAULT._asdict()[name], bool):
        if not isinstance(item, bool):
            raise ValueError(f"{name}: {item!r}: give True or False")
        return item
    if name in _SHARES:
        if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item <= _SHARES[name]:
            raise ValueError(f"{name}: {item!r}: give a number from 0 to {_SHARES[name]}")
        return float(item)
    if name in _COUNTS:
        if isinstance(item, bool) or not isinstance(item, int) or (item < 0 and name != "expendable_pods_priority_cutoff"):
            raise ValueError(f"{name}: {item!r}: give a whole number")
        return item
    length_ns = parse_duration(item)
    if length_ns < 0 or (name == "scan_interval" and length_ns == 0):
        raise ValueError(f"{name}: {item!r}: give a duration above 0")
    return length_ns


def options(machine: Tables) -> AutoscalerOptions:
    found: AutoscalerOptions = machine.get(OPTIONS, {}).get("", DEFAULT)
    return found
