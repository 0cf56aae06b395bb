"""SchedulingGates: a pod with gates does not enter the queue until the last of them is gone.

upstream: pkg/scheduler/framework/plugins/schedulinggates/scheduling_gates.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.scheduler.framework import POD_UPDATE

NAME = "SchedulingGates"
WAKES_ON = (POD_UPDATE,)


def pre_enqueue(pod: dict[str, Any]) -> bool:
    """Whether the pod may enter the queue."""
    return not pod["spec"].get("schedulingGates")
