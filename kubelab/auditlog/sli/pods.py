"""Pod start-up: from creation until all containers are reported as started, without pulls and init containers.

upstream: sig-scalability/slos/pod_startup_latency.md: stateless pods mount nothing but secrets, config maps, the downward API and empty
directories (a projected volume is made of these); pods that could not be scheduled at once count in neither indicator. Of stateful pods
upstream has yet to say how much is allowed; there provisioning of volumes is taken off, here it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kubelab.auditlog.sli import objectives
from kubelab.auditlog.sli.objectives import OFFICIAL, STARTUP_OBJECTIVE, STATEFUL, STATELESS, WIP

Object = dict[str, Any]
_STATELESS_VOLUMES = ("secret", "configMap", "downwardAPI", "emptyDir", "projected")


class Startup(NamedTuple):
    """One pod's start: ``seconds`` as the indicator counts them."""

    stateful: bool
    seconds: float


def is_stateful(pod: Object) -> bool:
    """Whether it mounts a volume of another source than the stateless ones."""
    return any(not any(source in volume for source in _STATELESS_VOLUMES) for volume in (pod.get("spec") or {}).get("volumes") or ())


def all_started(pod: Object) -> bool:
    """Whether every container has been started at least once."""
    wanted = len((pod.get("spec") or {}).get("containers") or ())
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return wanted > 0 and sum(map(_was_started, found)) >= wanted


def _was_started(status: Object) -> bool:
    states = [status.get("state") or {}, status.get("lastState") or {}]
    return any("running" in state or "terminated" in state for state in states)


def unschedulable(pod: Object) -> bool:
    """Whether the scheduler has said that there is no place for it."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "PodScheduled" and each.get("status") == "False" for each in conditions)


def covered(stretches: Iterable[tuple[int, int]], start: int, end: int) -> int:
    """How much of a window the stretches cover, overlaps once.

    >>> covered([(0, 4), (2, 6), (8, 20)], 1, 10)
    7
    """
    total, at = 0, start
    for begin, finish in sorted(stretches):
        begin, finish = max(begin, at), min(finish, end)
        if finish > begin:
            total, at = total + finish - begin, finish
    return total


def rows(startups: Sequence[Startup], note: str, *, unplaced: int = 0, waiting: int = 0) -> Iterator[dict[str, Any]]:
    """The two rows of the report; ``unplaced`` pods were not schedulable at once, ``waiting`` ones have not started yet."""
    notes = [
        note,
        f"{unplaced} pods left out that could not be scheduled at once" if unplaced else "",
        f"{waiting} not started yet" if waiting else "",
    ]
    for stateful, sli, objective, status in ((False, STATELESS, STARTUP_OBJECTIVE, OFFICIAL), (True, STATEFUL, None, WIP)):
        took = np.array([each.seconds for each in startups if each.stateful is stateful])
        quantiles = [None, None, None] if not took.size else list(np.quantile(took, [0.5, 0.9, 0.99]))
        said = [*notes, "upstream: X, depending on the storage; provisioning is not taken off" if stateful else ""]
        yield objectives.row(sli, int(took.size), quantiles, objective, status, "; ".join(each for each in said if each), scope="cluster")
