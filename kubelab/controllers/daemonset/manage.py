"""Making and taking away daemon pods, node by node, and sending that: creations start slowly, deletions go at once, each at most 250.

upstream: manage, podsShouldBeOnNode and syncNodes in pkg/controller/daemon/daemon_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kubelab.controllers.common.events import normal, pod_created, pod_deleted, pod_not_created, pod_not_deleted, warning
from kubelab.controllers.common.pod_facts import is_available, is_ready, phase
from kubelab.controllers.common.slow_start import slow_start
from kubelab.controllers.daemonset.backoff import DaemonBackoff, backoff_key, next_backoff, waits_ns
from kubelab.controllers.daemonset.observe import Seen
from kubelab.controllers.daemonset.pods import HASH_LABEL, Mould, by_age
from kubelab.controllers.daemonset.shares import Place
from kubelab.engine.plan import Batch, Because, Call, EventDraft, Key, Plan, Reason, create, delete
from kubelab.store.log import Object

BURST_REPLICAS = 250

NO_POD = Reason("NodeWithoutPod", "{subject} has no pod of {owner} and shall have one")
NOT_ELIGIBLE = Reason("NodeNotEligible", "{subject} may not stay on {node}")
FAILED = Reason("PodFailed", "{subject} has failed")
SUCCEEDED = Reason("PodSucceeded", "{subject} has ended")
EXCESS = Reason("ExcessPod", "{subject} is one too many on {node}")
REPLACED = Reason("PodReplaced", "{subject} has been replaced on {node}")
NODE_GONE = Reason("NodeGone", "{subject} waits for {node}, which does not exist")
BACKING_OFF = Reason("FailedPodBackOff", "{subject} has failed and is left alone for {delay}")


@dataclass(slots=True)
class Work:
    """What a sync decides about pods. ``create``: nodes; ``delete``: pods; both with the reason."""

    create: list[tuple[str, Because]] = field(default_factory=list)
    delete: list[tuple[Object, Because]] = field(default_factory=list)
    events: list[EventDraft] = field(default_factory=list)
    backoffs: dict[Key, DaemonBackoff] = field(default_factory=dict)
    again_ns: int | None = None
    waits: list[Because] = field(default_factory=list)

    def look_again(self, after_ns: int) -> None:
        self.again_ns = after_ns if self.again_ns is None else min(self.again_ns, after_ns)


def manage(seen: Seen) -> Work:
    """For each node that needs care: the pods that must be there, and those that must not."""
    work = Work()
    for place in seen.care:
        if not place.exists:
            work.delete += [
                (pod, NODE_GONE(_subject(pod), node=f"node/{place.name}")) for pod in place.live if not pod["spec"].get("nodeName")
            ]
        elif place.fit.run and not place.pods:
            if place.name in seen.crowded:
                words = (f'failed to place pod on "{place.name}": {lack}' for lack in seen.crowded[place.name])
                work.events += [warning(seen.set, "FailedPlacement", text) for text in words]
            else:
                work.create.append((place.name, _no_pod(seen, place)))
        elif place.fit.stay:
            _tend(seen, place, work)
        else:
            work.delete += [(pod, NOT_ELIGIBLE(_subject(pod), node=f"node/{place.name}")) for pod in place.live]
    return work


def _tend(seen: Seen, place: Place, work: Work) -> None:
    running = [pod for pod in place.live if _goes_on(seen, place, pod, work)]
    if len(running) > 1:
        running.sort(key=by_age)
    if seen.basis is None or not seen.basis.surging:
        work.delete += [(pod, EXCESS(_subject(pod), node=f"node/{place.name}")) for pod in running[1:]]
    elif running[1:]:
        _tend_surging(seen, place, running, work)
    elif not running and place.fit.run:
        work.create.append((place.name, _no_pod(seen, place)))


def _goes_on(seen: Seen, place: Place, pod: Object, work: Work) -> bool:
    """Whether a pod is neither failed, and then taken away with back-off, nor succeeded, and then taken away."""
    meta, state = pod["metadata"], phase(pod)
    if state == "Failed":
        key = backoff_key(seen.set, place.name)
        known = {**seen.backoffs, **work.backoffs} if work.backoffs else seen.backoffs
        delay_ns = waits_ns(known, key, seen.now_ns)
        if delay_ns:
            work.look_again(delay_ns)
            work.waits.append(BACKING_OFF(_subject(pod), delay=f"{delay_ns / 1e9:g}s"))
            return False
        work.backoffs[key] = next_backoff(known, key, seen.now_ns)
        text = f"Found failed daemon pod {meta['namespace']}/{meta['name']} on node {place.name}, will try to kill it"
        work.events.append(warning(seen.set, "FailedDaemonPod", text))
        work.delete.append((pod, FAILED(_subject(pod))))
        return False
    if state == "Succeeded":
        text = f"Found succeeded daemon pod {meta['namespace']}/{meta['name']} on node {place.name}, will try to delete it"
        work.events.append(normal(seen.set, "SucceededDaemonPod", text))
        work.delete.append((pod, SUCCEEDED(_subject(pod))))
        return False
    return True


def _tend_surging(seen: Seen, place: Place, running: Sequence[Object], work: Work) -> None:
    """Two pods may be there: an old one that is ready, and a new one that is not available yet."""
    new: Object | None = None
    old: Object | None = None
    for pod in running:
        is_new = (pod["metadata"].get("labels") or {}).get(HASH_LABEL) == seen.history.hash
        if is_new and new is None:
            new = pod
        elif not is_new and old is None:
            old = pod
        else:
            work.delete.append((pod, EXCESS(_subject(pod), node=f"node/{place.name}")))
    if new is None or old is None:
        return
    min_ready = seen.set["spec"].get("minReadySeconds") or 0
    if not is_ready(old) or is_available(new, min_ready, seen.now_ns):
        work.delete.append((old, REPLACED(_subject(old), node=f"node/{place.name}")))


def sync_nodes(seen: Seen, work: Work) -> Plan:
    """The calls for it. A refused creation ends the creations after its batch; the deletions are sent all the same."""
    batches: list[Batch] = []
    if work.create:
        mould = Mould(seen.set, seen.history.hash, seen.release)
        done, refused = (pod_created(seen.set),), (pod_not_created(seen.set),)
        namespace = seen.set["metadata"]["namespace"]
        creations = [
            create("pods", mould.pod_for(node), namespace, on_success=done, on_refusal=refused, ignore_terminating=True, because=because)
            for node, because in work.create[:BURST_REPLICAS]
        ]
        batches += [Batch(tuple(batch)) for batch in slow_start(creations)]
    if work.delete:
        deletions: list[Call] = [
            delete(
                "pods",
                pod,
                accept=(404,),
                on_success=(pod_deleted(seen.set, pod),),
                on_refusal=(pod_not_deleted(seen.set),),
                because=because,
            )
            for pod, because in work.delete[:BURST_REPLICAS]
        ]
        batches.append(Batch(tuple(deletions), always=True))
    return Plan(tuple(batches), events=tuple(work.events))


def _no_pod(seen: Seen, place: Place) -> Because:
    return NO_POD(f"node/{place.name}", owner=f"daemonset/{seen.set['metadata']['name']}")


def _subject(pod: Object) -> str:
    return f"pod/{pod['metadata']['name']}"
