"""The eviction manager: each ten seconds it compares the node's signals with the thresholds, frees what nobody needs, and evicts a pod.

A node on which nothing can become scarce does nothing of this: ``watchful`` tells, at each look at the node's status, whether the most that its
containers can ask for comes near a threshold.

upstream: synchronize in pkg/kubelet/eviction/eviction_manager.go, StartGarbageCollection in pkg/kubelet/kubelet.go, 1.28; spec/cri-metrics.md
section 4. The image collector's own look, each five minutes, is part of the same sync.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.cri.usage.reading import Capacity
from kubelab.engine.component import Scope
from kubelab.engine.plan import NOTHING, Act, EventDraft, Nudge, Plan, Reason, step
from kubelab.kubelet.eviction import collecting
from kubelab.kubelet.eviction.config import Config, config_of, pods_memory
from kubelab.kubelet.eviction.ranking import REASON, exceeded, is_critical, message, offence, ranked
from kubelab.kubelet.eviction.thresholds import (
    ALLOCATABLE,
    MEMORY,
    PID,
    RESOURCE,
    Observation,
    Observations,
    Threshold,
    Thresholds,
    by_priority,
    conditions_of,
    first_observed,
    last_observed,
    merged,
    met,
    observed_since,
    past_grace,
    updated,
)
from kubelab.kubelet.eviction.usage import Measured, measure
from kubelab.kubelet.eviction.watching import EVICT
from kubelab.kubelet.logs import policy_of
from kubelab.kubelet.network_world import Around, shared
from kubelab.kubelet.node import node_event
from kubelab.kubelet.pod.seen import pod_event, pod_key
from kubelab.kubelet.pod.status import TERMINAL
from kubelab.world.clock import MINUTE, SECOND
from kubelab.world.codec import value

Object = dict[str, Any]
TABLE, EVICTED = "eviction", "evicted"
COUNTED = "evictions"  # signal → how many pods have gone for it
SYNC_NS, POLL_NS, CLEANUP_NS = 10 * SECOND, SECOND, 30 * SECOND
LEAST_WAIT_S = 10  # for the killing of a pod
IMAGE_GC_NS = 5 * MINUTE
_NONE: dict[str, Any] = {}

SOUND = Reason("NothingStarved", "{subject}: nothing is starved")
STARVED = Reason("NodeStarved", "{subject} is low on {resource}")
CLEANING = Reason("EvictedPodsStop", "{subject}: evicted pods are being cleaned up")


@value
class State(NamedTuple):
    """What the manager remembers: conditions that hold, when each was last seen, since when thresholds are met, which are met (grace over),
    and the signals of the last look, all as pairs.
    """

    conditions: tuple[str, ...] = ()
    last: tuple[tuple[str, int], ...] = ()
    since: tuple[tuple[Threshold, int], ...] = ()
    met: Thresholds = ()
    observed: tuple[tuple[str, Observation], ...] = ()


@value
class Waiting(NamedTuple):
    """Evicted pods. Until ``kill_ns`` their killing is awaited; what takes longer is told, and until ``until_ns`` their cleaning up."""

    uids: tuple[str, ...]
    kill_ns: int
    until_ns: int
    told: bool = False


class Assessed(NamedTuple):
    state: State
    act_on: Thresholds


def assess(state: State, observations: Observations, config: Config, now_ns: int) -> Assessed:
    """The new state, and the thresholds to act on, memory first."""
    now_met = merged(met(config.thresholds, observations), met(state.met, observations, with_reclaim=True))
    since = first_observed(now_met, dict(state.since), now_ns)
    last = last_observed(conditions_of(now_met), dict(state.last), now_ns)
    conditions = observed_since(last, config.transition_ns, now_ns)
    last = {name: at_ns for name, at_ns in last.items() if name in conditions}
    over = past_grace(since, now_ns)
    act_on = by_priority(updated(over, observations, dict(state.observed)))
    return Assessed(State(conditions, tuple(last.items()), tuple(since.items()), over, tuple(observations.items())), act_on)


# -- one sync ---------------------------------------------------------------------------------------------------------------------
class EvictSeen(NamedTuple):
    """``pods``: the active ones. ``measured`` is None while evicted ones are being cleaned up: ``waiting``, of which ``pods`` are now late.
    ``collect``: the number of the image collector's look that is due. ``disruption``: whether evicted pods get a DisruptionTarget condition.
    ``counted``: how many have been evicted, by signal.
    """

    name: str
    node: Object
    state: State
    measured: Measured | None
    pods: tuple[Object, ...]
    now_ns: int
    collect: int | None = None
    disruption: bool = True
    config: Config = Config()
    waiting: Waiting | None = None
    counted: Mapping[str, int] = _NONE


def observe(scope: Scope, node_name: str) -> EvictSeen | None:
    node = scope.view.get("nodes", "", node_name)
    if node is None:
        return None
    memory = scope.memory.get(TABLE, _NONE)
    state: State = memory.get("state", State())
    now_ns = scope.now_ns
    waiting: Waiting | None = memory.get("waiting")
    if waiting is not None and (late := _unfinished(scope, waiting)) and now_ns < waiting.until_ns:
        late = late if now_ns >= waiting.kill_ns and not waiting.told else ()
        return EvictSeen(scope.name, node, state, None, late, now_ns, waiting=waiting)
    pods = active_pods(scope, node_name)
    measured = measure(
        scope.local, Capacity.of(node), pods, shared(scope, "disks"), now_ns, policy_of(node), pods_memory(node, config_of(node))
    )
    disruption = scope.gates.get("PodDisruptionConditions", scope.release != "1.7")
    return EvictSeen(
        scope.name, node, state, measured, pods, now_ns, _collector_is_due(scope), disruption, config_of(node), None, _counts(scope)
    )


def _counts(scope: Scope) -> Mapping[str, int]:
    found: Mapping[str, int] = scope.memory.get(COUNTED, _NONE)
    return found


def _collector_is_due(scope: Scope) -> int | None:
    """The image collector looks at a grid of instants from the kubelet's start on."""
    base_ns, now_ns = _base_ns(scope), scope.now_ns
    number = (now_ns - base_ns) // IMAGE_GC_NS
    last: int = scope.memory.get(TABLE, _NONE).get("collected", (now_ns - SYNC_NS - base_ns) // IMAGE_GC_NS)
    return number if number > last else None


def _base_ns(scope: Scope) -> int:
    return int(scope.local.get("pleg", _NONE).get("phase", 0))


def _unfinished(scope: Scope, waiting: Waiting) -> tuple[Object, ...]:
    """The evicted pods that have not ended."""
    workers = scope.table("workers")
    return tuple(workers[uid].pod for uid in waiting.uids if uid in workers and not workers[uid].done)


def active_pods(scope: Scope, node_name: str) -> tuple[Object, ...]:
    """The pods that have or may still have something running, evicted ones excepted."""
    workers, evicted = scope.table("workers"), scope.memory.get(EVICTED, _NONE)
    return tuple(
        pod
        for pod in scope.view.on_node(node_name)
        if (worker := workers.get(pod["metadata"]["uid"])) is not None
        and not worker.done
        and worker.verdict is None
        and pod["metadata"]["uid"] not in evicted
        and (pod.get("status") or _NONE).get("phase") not in TERMINAL
    )


def plan(seen: EvictSeen) -> Plan:
    subject = f"node/{seen.node['metadata']['name']}"
    if seen.measured is None:
        return _wait(seen, subject)
    assessed = assess(seen.state, seen.measured.signals, seen.config, seen.now_ns)
    noted = Plan(note={TABLE: {"state": _kept(assessed.state), "waiting": None}}, events=_complaint(seen))
    if seen.collect is not None:
        noted = noted.then(Plan(note={TABLE: {"collected": seen.collect}})).then(step(Act("collect-images", ())))
    uses = seen.measured.pods
    told = [(pod, *exceeded(pod, uses[pod["metadata"]["uid"]])) for pod in seen.pods if pod["metadata"]["uid"] in uses]
    over = [(pod, signal, text) for pod, signal, text in told if text and not is_critical(pod)]
    if over:
        noted = noted.then(_counted(seen, [signal for _, signal, _ in over]))
        return noted.then(evicted(seen.name, [(pod, text, "") for pod, _, text in over], seen.now_ns, 0))
    if not assessed.act_on:
        return noted.then(Plan(because=(SOUND(subject),)))
    resource = RESOURCE[assessed.act_on[0].signal]
    because = STARVED(subject, resource=resource)
    event = node_event(seen.node, "Warning", "EvictionThresholdMet", f"Attempting to reclaim {resource}")
    noted = noted.then(Plan(events=(event,), because=(because,)))
    if assessed.act_on[0].signal in (MEMORY, ALLOCATABLE, PID):
        return noted.then(first_victim(seen, seen.pods, seen.measured, assessed.act_on))
    return noted.then(step(Act("reclaim", (assessed.act_on, seen.config, seen.disruption), because=because)))


def _wait(seen: EvictSeen, subject: str) -> Plan:
    """Evicted pods stop; the first time that they are late, it is told (upstream: killPodNow)."""
    waited = Plan(again_ns=POLL_NS, because=(CLEANING(subject),))
    if not seen.pods or seen.waiting is None:
        return waited
    words = "Container runtime did not kill the pod within specified grace period."
    events = tuple(pod_event(pod, "Warning", "ExceededGracePeriod", words) for pod in seen.pods)
    return waited._replace(events=events, note={TABLE: {"waiting": seen.waiting._replace(told=True)}})


def _complaint(seen: EvictSeen) -> tuple[EventDraft, ...]:
    """What is wrong with the node's annotations (a real kubelet would not start), said where the collector's look is due."""
    if seen.collect is None:
        return ()
    errors = (("InvalidEvictionConfiguration", seen.config.error), ("InvalidLogConfiguration", policy_of(seen.node).error))
    return tuple(node_event(seen.node, "Warning", reason, f"{error}; the defaults hold") for reason, error in errors if error)


def _kept(state: State) -> State | None:
    """Nothing is remembered of a node that is well."""
    return state if state.conditions or state.since else None


def first_victim(seen: EvictSeen, pods: Sequence[Object], measured: Measured, thresholds: Thresholds) -> Plan:
    """Evict the first pod that may be: at most one at a time. ``thresholds``: those met, the first is acted on."""
    grace_s = 0 if thresholds[0].hard else seen.config.max_grace_s
    resource = RESOURCE[thresholds[0].signal]
    for pod in ranked(pods, measured.pods, thresholds[0].signal):
        if not is_critical(pod):
            words = message(resource, pod, measured.pods, thresholds, measured.signals)
            notes = offence(resource, pod, measured.pods).annotations(resource)
            told = evicted(seen.name, [(pod, words, words if seen.disruption else "")], seen.now_ns, grace_s, notes)
            return _counted(seen, [thresholds[0].signal]).then(told)
    return NOTHING


def _counted(seen: EvictSeen, signals: Sequence[str]) -> Plan:
    """upstream: the metric kubelet_evictions."""
    return Plan(note={COUNTED: {signal: seen.counted.get(signal, 0) + signals.count(signal) for signal in signals}})


def evicted(name: str, victims: Sequence[tuple[Object, str, str]], now_ns: int, grace_s: int, annotations: Object | None = None) -> Plan:
    """Kill pods: (pod, message, message of its DisruptionTarget condition). The manager waits until they are cleaned up. ``annotations``: of
    the events that tell of it.

    A grace of 0 leaves each pod its own: that is what upstream's calculateEffectiveGracePeriod makes of it in 1.28.
    """
    kill_ns = now_ns + max(LEAST_WAIT_S, grace_s + grace_s // 2) * SECOND
    uids = tuple(pod["metadata"]["uid"] for pod, _, _ in victims)
    return Plan(
        note={
            EVICTED: {pod["metadata"]["uid"]: (*told, grace_s) for pod, *told in victims},
            TABLE: {"waiting": Waiting(uids, kill_ns, kill_ns + CLEANUP_NS)},
        },
        events=tuple(pod_event(pod, "Warning", REASON, words)._replace(annotations=annotations) for pod, words, _ in victims),
        nudge=(*(Nudge(name, pod_key(pod)) for pod, _, _ in victims), Nudge(name, EVICT, POLL_NS)),
    )


# -- acts -------------------------------------------------------------------------------------------------------------------------
def reclaim(scope: Scope, thresholds: Thresholds, config: Config, disruption: bool) -> Plan:
    """Remove dead containers and unused images; if that does not suffice, evict a pod (upstream: reclaimNodeLevelResources)."""
    node_name = scope.name.partition("/")[2]
    node = scope.view.get("nodes", "", node_name)
    if node is None:
        return NOTHING
    runtime = Around(scope).runtime(scope.local)
    for container_id in collecting.dead_containers(scope.local["containers"].values(), _ended(scope), scope.now_ns):
        runtime.remove_container(container_id, scope.now_ns)
    _remove_images(scope, None)
    pods = active_pods(scope, node_name)
    before = measure(scope.local, Capacity.of(node), pods, shared(scope, "disks"), scope.now_ns, policy_of(node), pods_memory(node, config))
    if not met(config.thresholds, before.signals, with_reclaim=True):
        return NOTHING
    seen = EvictSeen(scope.name, node, State(), before, pods, scope.now_ns, None, disruption, config, None, _counts(scope))
    return first_victim(seen, pods, before, thresholds)


def collect_images(scope: Scope) -> Plan:
    """The image collector's look: free space if the filesystem is too full (upstream: GarbageCollect)."""
    node = scope.view.get("nodes", "", scope.name.partition("/")[2])
    if node is None:
        return NOTHING
    capacity = Capacity.of(node)
    memory = scope.table("images")
    if not capacity.fs_bytes:
        words = "invalid capacity 0 on image filesystem"
        return _collect_failed(scope, node, memory, "InvalidDiskCapacity", words)
    signals = measure(scope.local, capacity, (), _NONE, scope.now_ns, policy_of(node)).signals
    wanted = collecting.bytes_to_free(signals["imagefs.available"].available, capacity.fs_bytes)
    if wanted <= 0:
        _look_at_images(scope)
        memory.pop("failed", None)
        return NOTHING
    total = _remove_images(scope, wanted)
    if total >= wanted:
        memory.pop("failed", None)
        return NOTHING
    words = (
        f"Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, "
        f"but only found {total} bytes eligible to free."
    )
    return _collect_failed(scope, node, memory, "FreeDiskSpaceFailed", words)


def _collect_failed(scope: Scope, node: Object, memory: dict[str, Any], reason: str, words: str) -> Plan:
    """The second failure running is told as such too."""
    events = [node_event(node, "Warning", reason, words)]
    if memory.get("failed"):
        events.append(node_event(node, "Warning", "ImageGCFailed", words))
    memory["failed"] = True
    return Plan(events=tuple(events))


def _look_at_images(scope: Scope) -> tuple[dict[str, collecting.ImageUse], dict[str, None]]:
    """Images that this kubelet sees for the first time were there before it looked, but those whose pull it has seen."""
    memory, images = scope.table("images"), scope.local.get("images", _NONE)
    used = collecting.in_use(scope.local.get("containers", _NONE).values())
    pulled: Mapping[str, int] = scope.memory.get("pulled", _NONE)
    known = dict(memory.get("uses", ()))
    known = {image: known.get(image, collecting.ImageUse(_detected_ns(scope, pulled.get(image, 0)))) for image in images}
    uses = collecting.detected(known, images, used, scope.now_ns, scope.now_ns)
    memory["uses"] = tuple(uses.items())
    return uses, used


def _detected_ns(scope: Scope, pulled_ns: int) -> int:
    """When the collector has seen an image first: at its next look after the pull, which may be now."""
    looks = -(-(pulled_ns - _base_ns(scope)) // IMAGE_GC_NS)
    return min(_base_ns(scope) + looks * IMAGE_GC_NS, scope.now_ns) if pulled_ns else 0


def _remove_images(scope: Scope, wanted: int | None) -> int:
    uses, used = _look_at_images(scope)
    freed = collecting.freed(uses, used, scope.local.get("images", _NONE), wanted, scope.now_ns)
    runtime = Around(scope).runtime(scope.local)
    for image in freed.images:
        runtime.remove_image(image)
    return freed.total


def _ended(scope: Scope) -> dict[str, None]:
    """The pods of which nothing will run again."""
    return {uid: None for uid, worker in scope.table("workers").items() if worker.done}
