"""The status of a DaemonSet: of each eligible node the oldest scheduled pod counts.

upstream: updateDaemonSetStatus and storeDaemonSetStatus in pkg/controller/daemon/daemon_controller.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.controllers.daemonset.shares import DaemonCounts
from kubelab.engine.plan import Reason
from kubelab.store.log import Object

STATUS = Reason("StatusChanged", "the status of {subject} is out of date")
_ALWAYS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
_UNLESS_ZERO = ("observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable")
_NONE: dict[str, Any] = {}


def new_status(daemon_set: Object, counts: DaemonCounts) -> Object:
    old = daemon_set.get("status") or _NONE
    numbers = {
        "currentNumberScheduled": counts.current,
        "numberMisscheduled": counts.misscheduled,
        "desiredNumberScheduled": counts.desired,
        "numberReady": counts.ready,
        "observedGeneration": daemon_set["metadata"].get("generation") or 0,
        "updatedNumberScheduled": counts.updated,
        "numberAvailable": counts.available,
        "numberUnavailable": counts.desired - counts.available,
    }
    kept = {key: item for key, item in old.items() if key not in numbers}
    return {**{key: number for key, number in numbers.items() if number or key in _ALWAYS}, **kept}


def same_status(daemon_set: Object, status: Object) -> bool:
    old = daemon_set.get("status") or _NONE
    if (old.get("observedGeneration") or 0) < status.get("observedGeneration", 0):
        return False
    return all((old.get(key) or 0) == status.get(key, 0) for key in (*_ALWAYS, *_UNLESS_ZERO[1:]))
