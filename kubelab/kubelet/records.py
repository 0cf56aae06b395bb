"""What a kubelet keeps: about each pod in its memory (lost with the process), and about each pod's containers on its machine (kept).

upstream: pkg/kubelet/pod_workers.go podSyncStatus, reason_cache.go, client-go/util/flowcontrol/backoff.go; the machine's records stand for
the labels and annotations that the kubelet writes on sandboxes and containers (pkg/kubelet/kuberuntime/labels.go), 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubelab.world.clock import SECOND
from kubelab.world.codec import value

Object = dict[str, Any]
_NONE: dict[Any, Any] = {}

BACKOFF_FIRST_NS = 10 * SECOND
BACKOFF_MAX_NS = 300 * SECOND


@value
@dataclass(frozen=True, slots=True)
class Instances:
    """The containers that one entry of a pod's spec has had: the latest, the one before it, and how often it was restarted."""

    current: str
    previous: str = ""
    restarts: int = 0


@value
@dataclass(frozen=True, slots=True)
class PodRecord:
    """A pod on its machine: sandbox, address, containers by name. It outlives the kubelet's process."""

    sandbox: str
    ip: str
    attempt: int = 0
    containers: Mapping[str, Instances] = field(default_factory=dict)


@value
@dataclass(frozen=True, slots=True)
class Stop:
    """A container being stopped: its preStop hook runs until ``hook_until_ns`` (0: no hook left), then TERM, and KILL at ``kill_ns``.

    ``asked_ns``: when the runtime was asked, where it has not stopped at once.
    """

    hook_until_ns: int
    kill_ns: int
    hook_error: str = ""
    asked_ns: int = 0


@value
@dataclass(frozen=True, slots=True)
class ProbeState:
    """A probe of one container instance: the standing result, the run of equal results since, whether it waits for a new container.

    ``result`` is "success", "failure" or "" (none yet); ``base_ns`` is the phase of its ticks. ``successes`` and ``failures`` count the
    answers of all the pod's containers of the name, ``asked_ns`` is when the last one came.
    """

    container: str
    base_ns: int
    result: str = ""
    last: str = ""
    run: int = 0
    on_hold: bool = False
    successes: int = 0
    failures: int = 0
    asked_ns: int = 0


@value
@dataclass(frozen=True, slots=True)
class Backoff:
    """A delay that doubles from 10 s to 5 min and is forgotten after twice the maximum."""

    delay_ns: int
    updated_ns: int

    def expired(self, event_ns: int) -> bool:
        return event_ns - self.updated_ns > 2 * BACKOFF_MAX_NS

    def active_since(self, event_ns: int, now_ns: int) -> bool:
        """upstream: IsInBackOffSince."""
        return not self.expired(event_ns) and now_ns - event_ns < self.delay_ns

    def active(self, now_ns: int) -> bool:
        """upstream: IsInBackOffSinceUpdate."""
        return not self.expired(now_ns) and now_ns - self.updated_ns < self.delay_ns


def next_backoff(known: Backoff | None, event_ns: int, now_ns: int) -> Backoff:
    """upstream: Backoff.Next."""
    if known is None or known.expired(event_ns):
        return Backoff(BACKOFF_FIRST_NS, now_ns)
    return Backoff(min(2 * known.delay_ns, BACKOFF_MAX_NS), now_ns)


@value
class Worker(NamedTuple):
    """A pod's worker in the kubelet's memory.

    ``pod``: last seen object (a deleted pod must still be stopped). ``start_time``: status.startTime. ``verdict``: (reason, message) that
    ends the pod as Failed. ``rejected``: never admitted. ``reasons``: container → (reason, message) of its last failed start.
    ``busy``: container whose image is pulled or whose postStart hook runs: the worker waits. ``resumed``: that has just ended, and the sync
    goes on where it was; ``pulled``: for this container. ``mounts``: (failed attempts at mounting, time of the first, what was missing at
    the last). ``grace_s``: grace of the termination under way (0: none).
    ``images``, ``crashes``: back-offs by image and by container. ``probes``: by container and kind. ``reported``: the digest
    of the status last reported. ``done``: all is stopped and taken down. ``disruption``: message of the DisruptionTarget condition that its
    last status carries.
    """

    pod: Object
    started_ns: int
    start_time: str
    verdict: tuple[str, str] | None = None
    rejected: bool = False
    reasons: Mapping[str, tuple[str, str]] = _NONE
    busy: str = ""
    resumed: bool = False
    pulled: str = ""
    mounted: bool = False
    mounts: tuple[int, int, str] = (0, 0, "")
    grace_s: int = 0
    images: Mapping[str, Backoff] = _NONE
    crashes: Mapping[str, Backoff] = _NONE
    probes: Mapping[tuple[str, str], ProbeState] = _NONE
    reported: tuple[str, ...] = ()
    done: bool = False
    disruption: str = ""
