"""A critical pod that does not fit: at its admission the kubelet ends others, one after the other, and then admits it whatever came of it.

upstream: pkg/kubelet/preemption/preemption.go, Preemptable in pkg/kubelet/types/pod_update.go, killPodNow in pkg/kubelet/pod_workers.go, 1.28;
spec/scheduler-kubelet.md section 6. Upstream's sync loop stands still meanwhile; here no other pod is admitted until it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kubelab.engine.component import Scope
from kubelab.engine.plan import Key, Nudge, Plan, Reason
from kubelab.kinds.core.pod import qos_class
from kubelab.kinds.quantity import NANO
from kubelab.kubelet.eviction.ranking import is_critical
from kubelab.kubelet.eviction.ranking import request as requested_nano
from kubelab.kubelet.pod.seen import PodSeen, pod_event, pod_key
from kubelab.kubelet.records import Worker
from kubelab.world.clock import SECOND
from kubelab.world.codec import value

Object = dict[str, Any]
TABLE = "preempting"  # of the kubelet's memory: uid of the pod that waits → Preempting
COUNTED = "preemptions"  # of the kubelet's memory: what was short → how many pods went for it
REASON, MESSAGE = "Preempting", "Preempted in order to admit critical pod"
DISRUPTED = "Pod was preempted by Kubelet to accommodate a critical pod."
LATE = ("ExceededGracePeriod", "Container runtime did not kill the pod within specified grace period.")
LEAST_WAIT_S = 10
_NONE: dict[str, Any] = {}

PREEMPTING = Reason("preempting", "{subject} is critical and does not fit: {victim} goes")
WAITING = Reason("awaiting-preemption", "{subject} is not admitted yet: pods are being preempted")


class Lack(NamedTuple):
    """A resource of which a node has not enough for a pod."""

    resource: str
    requested: int
    used: int
    capacity: int

    @property
    def missing(self) -> int:
        return self.requested - (self.capacity - self.used)

    def __str__(self) -> str:
        told = f"requested: {self.requested}, used: {self.used}, capacity: {self.capacity}"
        return f"Node didn't have enough resource: {self.resource}, {told}"


class NoVictims(Exception):
    """No pods whose end would make room, in upstream's words."""


# -- who goes -------------------------------------------------------------------------------------------------------------------
Requirements = tuple[tuple[str, int], ...]  # resource, amount


def victims(preemptor: Object, pods: Sequence[Object], requirements: Requirements) -> list[Object]:
    """The pods that go: as few as can be, Guaranteed ones only if Burstable ones do not suffice, and these before BestEffort ones.

    Raises NoVictims. upstream: getPodsToPreempt.
    """
    best_effort, burstable, guaranteed = (
        [pod for pod in pods if qos(pod) == name and preemptable(preemptor, pod)] for name in ("BestEffort", "Burstable", "Guaranteed")
    )
    _refuse(without(requirements, [*best_effort, *burstable, *guaranteed]))
    first = by_distance(guaranteed, without(requirements, [*best_effort, *burstable]))
    second = by_distance(burstable, without(requirements, [*best_effort, *first]))
    third = by_distance(best_effort, without(requirements, [*second, *first]))
    return [*third, *second, *first]


def _refuse(requirements: Requirements) -> None:
    if requirements:
        told = "".join(f"(res: {resource}, q: {amount}), " for resource, amount in requirements)
        raise NoVictims(f"no set of running pods found to reclaim resources: [{told}]")


def by_distance(pods: Sequence[Object], requirements: Requirements) -> list[Object]:
    """Pods that meet the requirements, each time the one that meets most of what is left (upstream: getPodsToPreemptByDistance)."""
    left, gone = list(pods), []
    while requirements:
        if not left:
            _refuse(requirements)
        best = 0
        nearest = float(len(requirements) + 1)
        for at, pod in enumerate(left):
            far = distance(requirements, pod)
            if far < nearest or (far == nearest and smaller(pod, left[best])):
                nearest, best = far, at
        requirements = without(requirements, [left[best]])
        gone.append(left[best])
        left[best] = left[-1]
        left.pop()
    return gone


def distance(requirements: Requirements, pod: Object) -> float:
    """How much of the requirements a pod leaves unmet: for each the square of the share."""
    shares = [(amount - requested(pod, resource)) / amount for resource, amount in requirements]
    return sum(share**2 for share in shares if share > 0)


def without(requirements: Requirements, pods: Iterable[Object]) -> Requirements:
    """What is left of the requirements when pods are gone."""
    gone = list(pods)
    left = ((resource, amount - sum(requested(pod, resource) for pod in gone)) for resource, amount in requirements)
    return tuple((resource, amount) for resource, amount in left if amount > 0)


def smaller(pod: Object, other: Object) -> bool:
    """Whether a pod asks for less memory, or as much of it and less CPU; equal ones count as smaller (upstream: smallerResourceRequest)."""
    for resource in ("memory", "cpu"):
        mine, others = requested(pod, resource), requested(other, resource)
        if mine != others:
            return mine < others
    return True


def requested(pod: Object, resource: str) -> int:
    """What a pod asks for: thousandths of CPU, else units (upstream: GetResourceRequest)."""
    if resource == "pods":
        return 1
    unit = NANO // 1000 if resource == "cpu" else NANO
    return -(-requested_nano(pod, resource) // unit)


def qos(pod: Object) -> str:
    return str((pod.get("status") or _NONE).get("qosClass") or qos_class(pod["spec"]))


def preemptable(preemptor: Object, pod: Object) -> bool:
    """A critical pod preempts those that are not, and those of a lower priority."""
    if is_critical(preemptor) and not is_critical(pod):
        return True
    mine, others = preemptor["spec"].get("priority"), pod["spec"].get("priority")
    return mine is not None and others is not None and mine > others


# -- how it goes ----------------------------------------------------------------------------------------------------------------
@value
class Preempting(NamedTuple):
    """Keys of the pods that go, what was short first; how many have been told to go, until when the last of these is waited for (0: no more)."""

    victims: tuple[Key, ...]
    short_of: str
    begun: int = 0
    until_ns: int = 0


class Turn(NamedTuple):
    """What there is to do before a critical pod is admitted: end ``victim``, or tell of ``late``, which has not ended in time, or wait.

    ``number``: how many pods have gone for what is short, with this one.
    """

    going: Preempting
    victim: Object | None = None
    late: Object | None = None
    wait_ns: int = 0
    disruption: bool = True
    number: int = 0


def begin(scope: Scope, pod: Object, lacks: Sequence[Lack]) -> Turn | None:
    """The first turn. Raises NoVictims."""
    workers: dict[str, Worker] = scope.table("workers")
    active = [worker.pod for worker in workers.values() if not worker.done and not worker.rejected]
    chosen = victims(pod, active, tuple((lack.resource, lack.missing) for lack in lacks))
    keys = tuple(pod_key(each) for each in chosen)
    return _next(scope, Preempting(keys, lacks[0].resource))


def go_on(scope: Scope, uid: str) -> Turn | None:
    """The next turn; None once all victims have had theirs: the pod is admitted."""
    going: Preempting = scope.memory[TABLE][uid]
    worker: Worker | None = scope.table("workers").get(going.victims[going.begun - 1][1])
    if going.until_ns and worker is not None and not worker.done:
        if scope.now_ns < going.until_ns:
            return Turn(going, wait_ns=going.until_ns - scope.now_ns)
        return Turn(going, late=worker.pod)
    turn = _next(scope, going)
    if turn is None:
        del scope.memory[TABLE][uid]
    return turn


def _next(scope: Scope, going: Preempting) -> Turn | None:
    if going.begun == len(going.victims):
        return None
    worker: Worker | None = scope.table("workers").get(going.victims[going.begun][1])
    if worker is None:
        return _next(scope, going._replace(begun=going.begun + 1))
    number = scope.memory.get(COUNTED, _NONE).get(going.short_of, 0) + 1
    return Turn(going, worker.pod, disruption=scope.gates.get("PodDisruptionConditions", scope.release != "1.7"), number=number)


def blocked(scope: Scope) -> Turn | None:
    """What a pod that is to be admitted waits for, if others are being preempted."""
    ends = [going.until_ns for going in scope.memory[TABLE].values() if going.until_ns > scope.now_ns]
    return Turn(Preempting((), ""), wait_ns=min(ends) - scope.now_ns) if ends else None


def awaiting(scope: Scope) -> tuple[Key, ...]:
    """The pods that may be admitted when one has ended: those that preempt, then those that wait for them."""
    workers, preempting = scope.table("workers"), scope.memory[TABLE]
    pods = [pod for pod in scope.view.on_node(scope.name.partition("/")[2]) if pod["metadata"]["uid"] not in workers]
    static = [pod for pod in scope.local.get("static", _NONE).values() if pod["metadata"]["uid"] not in workers]
    return tuple(pod_key(pod) for pod in sorted([*static, *pods], key=lambda pod: pod["metadata"]["uid"] not in preempting))


def plan(seen: PodSeen, turn: Turn) -> Plan:
    """Tell the next victim to go, or that it is late; or wait."""
    subject, going = f"pod/{seen.pod['metadata']['name']}", turn.going
    if turn.late is not None:
        return Plan(note={TABLE: {seen.uid: going._replace(until_ns=0)}}, events=(pod_event(turn.late, "Warning", *LATE),), again_ns=0)
    if turn.victim is None:
        return Plan(again_ns=turn.wait_ns, because=(WAITING(subject),))
    pod = turn.victim
    grace_s = int(pod["spec"].get("terminationGracePeriodSeconds") or 0)
    wait_ns = max(LEAST_WAIT_S, grace_s + grace_s // 2) * SECOND
    return Plan(
        note={
            TABLE: {seen.uid: going._replace(begun=going.begun + 1, until_ns=seen.now_ns + wait_ns)},
            "evicted": {pod["metadata"]["uid"]: (MESSAGE, DISRUPTED if turn.disruption else "", 0, REASON)},
            COUNTED: {going.short_of: turn.number},
        },
        events=(pod_event(pod, "Warning", REASON, MESSAGE),),
        nudge=(Nudge(f"kubelet/{seen.pod['spec']['nodeName']}", pod_key(pod)),),
        again_ns=wait_ns,
        because=(PREEMPTING(subject, victim=f"pod/{pod['metadata']['name']}"),),
    )
