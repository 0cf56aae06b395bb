"""Replaying a workload: its tasks are created when they were, and time passes between them.

A task runs as long as it did in the trace, from whenever the cluster starts it; one that never ran is deleted when its user gave up.
With ``stay`` none ends, and the cluster fills up: how placement policies are compared on this trace (Weng et al., section 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from kubelab.cluster import references, running
from kubelab.cluster.errors import ApiError
from kubelab.cluster.workload.tasks import Task, Workload
from kubelab.controllers.nodelifecycle import controller as nodelifecycle
from kubelab.controllers.nodelifecycle.facts import MONITOR_NS
from kubelab.controllers.podgc import controller as podgc
from kubelab.engine.component import Later
from kubelab.engine.engine import Engine
from kubelab.engine.plan import Key
from kubelab.kubelet.node import STATUS_NS
from kubelab.storage.binder import controller as binder
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

CREATE, DELETE = 0, 1
#: What controllers do now and then: not at all, or seldom, while nodes are silent.
ROUNDS = {
    nodelifecycle.NAME: Later(MONITOR_NS, nodelifecycle.MONITOR),
    podgc.CONTROLLER.name: Later(podgc.PERIOD_NS, podgc.CHECK),
    binder.CONTROLLER.name: Later(binder.RESYNC_NS, binder.RESYNC),
}


class Replay(NamedTuple):
    """What became of a workload's tasks at the end of its replay: how many were created (and refused), and of these how many are what."""

    created: int
    refused: int
    succeeded: int
    failed: int
    running: int
    pending: int
    deleted: int


class Manner(NamedTuple):
    """How a workload is replayed; see ``Cluster.replay``."""

    pace: float
    stay: bool
    namespace: str


def replay(cluster: Cluster, workload: Workload, manner: Manner, *, heartbeats: bool) -> Replay:
    """See ``Cluster.replay``."""
    if not isinstance(workload, Workload):
        raise ValueError(f"workload={workload!r}: give what kl.workload.read returns")
    pace = manner.pace
    if isinstance(pace, bool) or not isinstance(pace, int | float) or not 0 < pace < float("inf"):
        raise ValueError(f"pace={pace!r}: give a number greater than 0, by how much faster than in the trace things happen")
    engine = cluster._engine
    if heartbeats or not engine.timing.heartbeats:
        refused = _play(cluster, workload, manner)
    else:
        with _silence(engine):
            refused = _play(cluster, workload, manner)
    return _outcome(cluster, workload, manner.namespace, refused)


def _play(cluster: Cluster, workload: Workload, manner: Manner) -> int:
    engine, start_ns, refused = cluster._engine, cluster._engine.now_ns, 0
    for seconds, what, task in _events(workload, manner.stay):
        running.advance(engine, start_ns + round(seconds * SECOND / manner.pace), cluster._world.start_ns)
        refused += not _do(cluster, workload, what, task, manner)
    running.advance(engine, start_ns + round(workload.seconds * SECOND / manner.pace), cluster._world.start_ns)
    return refused


def _events(workload: Workload, stay: bool) -> list[tuple[int, int, Task]]:
    """When which task is created, or given up."""
    found = [(task.created, CREATE, task) for task in workload.tasks]
    if not stay:
        found += [(task.deleted, DELETE, task) for task in workload.tasks if task.never_ran]
    return sorted(found, key=lambda event: event[:2])


def _do(cluster: Cluster, workload: Workload, what: int, task: Task, manner: Manner) -> bool:
    """Whether the server agreed; a task that was refused need not be deleted."""
    reference = references.parse(f"pod/{task.name}", namespace=manner.namespace)
    try:
        if what == CREATE:
            body = workload.pod(task, manner.pace, stay=manner.stay)
            cluster._call("create", reference._replace(name=""), body=body)
        else:
            cluster._call("delete", reference)
    except ApiError:
        return what == DELETE
    return True


def _outcome(cluster: Cluster, workload: Workload, namespace: str, refused: int) -> Replay:
    pods = cluster._engine.store.head.all("pods")
    phases = dict.fromkeys(("Succeeded", "Failed", "Running", "Pending"), 0)
    for task in workload.tasks:
        pod = pods.get((namespace, task.name))
        if pod is not None:
            phase = (pod.get("status") or {}).get("phase") or "Pending"
            phases[phase] += 1
    created = len(workload.tasks) - refused
    gone = created - sum(phases.values())
    return Replay(created, refused, phases["Succeeded"], phases["Failed"], phases["Running"], phases["Pending"], gone)


@contextmanager
def _silence(engine: Engine) -> Iterator[None]:
    """Without heartbeats for a while: nodes stay as they are, and months cost what the tasks cost."""
    usual = engine.timing
    _set(engine, engine.timing.with_(heartbeats=False))
    try:
        yield
    finally:
        _set(engine, usual)
        for runner in engine.runners.values():
            if not runner.alive:
                continue
            keys: list[Key | Later] = []
            if runner.component.machine:
                keys = [("lease",), Later(engine.streams.below(runner.name, STATUS_NS), ("node-status",))]
            elif runner.name in ROUNDS:
                keys = [ROUNDS[runner.name]]
            if keys:
                engine.queue(runner, keys)
                engine.go_on(runner)


def _set(engine: Engine, timing: Timing) -> None:
    engine.timing = timing
    for runner in engine.runners.values():
        runner.scope = None
