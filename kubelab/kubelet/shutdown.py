"""Graceful node shutdown: a machine about to go down lets its kubelet end the pods first, the critical ones last.

upstream: pkg/kubelet/nodeshutdown/nodeshutdown_manager_linux.go, 1.28; spec/scheduler-kubelet.md section 9. Here the machine's table
``shutdown`` stands for logind's signal (fault → (begin, periods)), and telling the lab that the power may go for giving back its lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubelab.cri.api import RUNNING
from kubelab.engine.component import Scope, Tables
from kubelab.engine.plan import NOTHING, Key, Nudge, Plan, Reason, wait
from kubelab.kubelet.node import SHUTDOWN, node_event
from kubelab.kubelet.pod.seen import pod_key
from kubelab.kubelet.pod.status import TERMINAL
from kubelab.kubelet.records import PodRecord, Worker
from kubelab.world.clock import SECOND
from kubelab.world.codec import value

Object = dict[str, Any]
Period = tuple[int, int]  # priority, seconds: upstream's ShutdownGracePeriodByPodPriority
KEY: Key = ("shutdown",)
TABLE = SHUTDOWN
SYSTEM_CRITICAL = 2_000_000_000
REASON, MESSAGE = "Terminated", "Pod was terminated in response to imminent node shutdown."
NOT_ADMITTED = ("NodeShutdown", "Pod was rejected as the node is shutting down.")
TOLD = {True: "Shutdown manager detected shutdown event", False: "Shutdown manager detected shutdown cancellation"}
POWER_OFF_NS = SECOND  # what the rest of the machine takes to stop, and a last status to be told
_NONE: dict[str, Any] = {}

ENDING = Reason("shutdown-ends-pods", "{subject} is shutting down: pods of priority {priority} and above have {seconds} s")
OVER = Reason("shutdown-done", "{subject} is shutting down, and its pods have ended or had their time")


def periods_of(total_s: int, critical_s: int) -> tuple[Period, ...]:
    """The two classes of pods that ``shutdownGracePeriod`` and ``shutdownGracePeriodCriticalPods`` make; none: not graceful.

    upstream: migrateConfig.
    """
    if total_s <= 0 or critical_s < 0 or critical_s > total_s:
        return ()
    return ((0, total_s - critical_s), (SYSTEM_CRITICAL, critical_s))


def group_of(periods: Sequence[Period], priority: int) -> int:
    """Which period a pod of a priority has: the highest that is not above it, or the lowest. upstream: groupByPriority."""
    return max((at for at, (least, _) in enumerate(periods) if least <= priority), default=0)


@value
class Going(NamedTuple):
    """A shutdown that the kubelet has begun to follow: per period (priority, seconds, uids); which is under way, until when."""

    groups: tuple[tuple[int, int, tuple[str, ...]], ...]
    at: int = -1
    until_ns: int = 0


class ShutdownSeen(NamedTuple):
    """``periods`` (None: nobody shuts the machine down); the pods that are active, and, of the group under way, those that still run."""

    name: str
    node: Object
    periods: tuple[Period, ...] | None
    going: Going | None
    pods: tuple[Object, ...]
    running: tuple[str, ...]
    disruption: bool
    now_ns: int


def observe(scope: Scope, node_name: str) -> ShutdownSeen | None:
    node = scope.view.get("nodes", "", node_name)
    if node is None:
        return None
    begun = scope.local.get(TABLE)
    periods = next(iter(begun.values()))[1] if begun else None
    going: Going | None = scope.memory.get(TABLE, _NONE).get("going")
    workers: dict[str, Worker] = scope.table("workers")
    pods = tuple(_as_known(scope, uid, worker) for uid, worker in workers.items() if _is_active(worker))
    uids = going.groups[going.at][2] if going is not None and 0 <= going.at < len(going.groups) else ()
    running = tuple(uid for uid in uids if _runs(scope.local, uid))
    disruption = scope.gates.get("PodDisruptionConditions", scope.release != "1.7")
    return ShutdownSeen(scope.name, node, periods, going, pods, running, disruption, scope.now_ns)


def _as_known(scope: Scope, uid: str, worker: Worker) -> Object:
    """The pod with the uid under which its worker is kept."""
    meta = worker.pod["metadata"]
    pod = scope.view.get("pods", meta["namespace"], meta["name"])
    return pod if pod is not None and pod["metadata"]["uid"] == uid else worker.pod


def _is_active(worker: Worker) -> bool:
    ended = (worker.pod.get("status") or _NONE).get("phase") in TERMINAL
    return not worker.done and worker.verdict is None and not ended


def _runs(tables: Tables, uid: str) -> bool:
    record: PodRecord | None = tables.get("records", _NONE).get(uid)
    containers = tables.get("containers", _NONE)
    found = [containers.get(instances.current) for instances in record.containers.values()] if record is not None else []
    return any(container is not None and container.state == RUNNING for container in found)


def plan(seen: ShutdownSeen) -> Plan:
    if seen.periods is None:
        return NOTHING if seen.going is None else _cancelled(seen)
    told = Plan()
    going = seen.going
    if going is None:
        going = Going(_grouped(seen.periods, seen.pods))
        told = Plan(events=(node_event(seen.node, "Normal", "NodeShutdown", TOLD[True]),), follow_up=(("node-status",),))
    elif going.at >= len(going.groups):
        return NOTHING
    elif seen.running and seen.now_ns < going.until_ns:
        priority, seconds, _ = going.groups[going.at]
        return wait(_ending(seen, priority, seconds), again_ns=going.until_ns - seen.now_ns)
    return told.then(_next(seen, going))


def _next(seen: ShutdownSeen, going: Going) -> Plan:
    """End the pods of the next period that has any, or let the power go."""
    at = next((at for at in range(going.at + 1, len(going.groups)) if going.groups[at][2]), len(going.groups))
    if at == len(going.groups):
        off = Nudge("fault-controller", ("power-off", seen.node["metadata"]["name"]), POWER_OFF_NS)
        because = OVER(f"node/{seen.node['metadata']['name']}")
        return Plan(note={TABLE: {"going": going._replace(at=at)}}, nudge=(off,), because=(because,))
    priority, seconds, uids = going.groups[at]
    pods = {pod["metadata"]["uid"]: pod for pod in seen.pods}
    victims = [pods[uid] for uid in uids if uid in pods]
    told = (MESSAGE, MESSAGE if seen.disruption else "")
    return Plan(
        note={
            TABLE: {"going": Going(going.groups, at, seen.now_ns + seconds * SECOND)},
            "evicted": {pod["metadata"]["uid"]: (*told, _grace_s(pod, seconds), REASON) for pod in victims},
        },
        nudge=tuple(Nudge(seen.name, pod_key(pod)) for pod in victims),
        again_ns=max(1, seconds * SECOND),
        because=(_ending(seen, priority, seconds),),
    )


def _ending(seen: ShutdownSeen, priority: int, seconds: int) -> Any:
    return ENDING(f"node/{seen.node['metadata']['name']}", priority=priority, seconds=seconds)


def _grouped(periods: tuple[Period, ...], pods: Sequence[Object]) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    periods = tuple(sorted(periods))
    found: list[list[str]] = [[] for _ in periods]
    for pod in pods:
        found[group_of(periods, int(pod["spec"].get("priority") or 0))].append(pod["metadata"]["uid"])
    return tuple((priority, seconds, tuple(uids)) for (priority, seconds), uids in zip(periods, found, strict=True))


def _grace_s(pod: Object, seconds: int) -> int:
    """The pod's own grace where it is shorter than the period."""
    own = pod["spec"].get("terminationGracePeriodSeconds")
    return int(own) if own is not None and own <= seconds else seconds


def _cancelled(seen: ShutdownSeen) -> Plan:
    """The machine stays: pods that have been ended stay so, no further ones are."""
    event = node_event(seen.node, "Normal", "NodeShutdown", TOLD[False])
    return Plan(events=(event,), note={TABLE: {"going": None}}, follow_up=(("node-status",),))
