"""What the scheduler does when the cluster changes: pods into the queue or onto nodes, and waiting pods moved by events that may help them.

upstream: pkg/scheduler/eventhandlers.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from kubelab.engine.component import Change, Later, Scope, Watch
from kubelab.engine.plan import Key
from kubelab.kinds.core.node_selectors import untolerated
from kubelab.kinds.core.resources import spec_request
from kubelab.scheduler.cluster import Cluster, is_finished
from kubelab.scheduler.facts import Entry, term_matches
from kubelab.scheduler.framework import NODE_ADD, POD_ADD, POD_DELETE, POD_UPDATE, ClusterEvent
from kubelab.scheduler.memory import (
    ASSUMED,
    CYCLE_KEY,
    NOMINATED,
    apply,
    dequeue,
    derived,
    enqueue,
    next_sequence,
    standing,
)
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins import node_affinity, node_name, node_ports, node_resources_fit, scheduling_gates
from kubelab.scheduler.profile import Profile
from kubelab.scheduler.queue import BACKOFF_NS, UNSCHEDULABLE, Queued, is_updated, moved, node_event, requeued
from kubelab.scheduler.setup import DEFAULT_SETUP, Setup

Object = dict[str, Any]
Keys = Iterable[Key | Later]


# -- pods ----------------------------------------------------------------------------------------------------------------
def pod_changed(change: Change, scope: Scope, setup: Setup = DEFAULT_SETUP) -> Keys:
    new, old = change.object, change.old
    if old is not None and change.type == "MODIFIED" and _is_noise(new, old, scope):
        return ()
    here = change.type != "DELETED" and not is_finished(new)
    node = new["spec"].get("nodeName")
    if here and node:
        return _bound(change, scope, node)
    if node or (old is not None and old["spec"].get("nodeName")):
        return _left(new, old, scope)
    return _pending(change, scope, setup) if here else _given_up(new, scope)


def _is_noise(new: Object, old: Object, scope: Scope) -> bool:
    """A bound pod whose change neither moves sums nor could help a waiting pod."""
    node = new["spec"].get("nodeName")
    if not node or old["spec"].get("nodeName") != node or scope.table(UNSCHEDULABLE):
        return False
    before, after = old["metadata"], new["metadata"]
    return (
        before.get("labels") == after.get("labels")
        and before.get("deletionTimestamp") == after.get("deletionTimestamp")
        and is_finished(new) == is_finished(old)
        and after["uid"] not in scope.table(ASSUMED)
    )


def _bound(change: Change, scope: Scope, node: str) -> Keys:
    box, cluster = derived(scope)
    pod, uid = change.object, change.object["metadata"]["uid"]
    confirmed = scope.table(ASSUMED).pop(uid, None)
    cluster.promised.pop(uid, None)
    dequeue(scope, uid)
    _forget_promise(scope, cluster, uid)
    entry = cluster.entry(uid)
    if entry is None or cluster.placed[uid] != node or not _still_is(entry, pod):
        entry = cluster.entry_of(pod)
        cluster.place(entry, node)
    elif not entry.node_name:
        cluster.nodes[node].pods[uid] = entry = entry._replace(node_name=node)
    is_new = confirmed is not None or change.old is None or not change.old["spec"].get("nodeName")
    waiting = [each for each in scope.table(UNSCHEDULABLE).values() if _wants_near(each, entry, cluster)]
    return apply(scope, box, moved(waiting, POD_ADD if is_new else POD_UPDATE, scope.now_ns)) if waiting else ()


def _forget_promise(scope: Scope, cluster: Cluster, uid: str) -> None:
    scope.table(NOMINATED).pop(uid, None)
    cluster.nominate(uid, "", None)


def _still_is(known: Entry, pod: Object) -> bool:
    """Whether what is counted of a pod is as it was; its spec hardly changes once it is bound."""
    meta, spec = pod["metadata"], pod["spec"]
    if known.labels != (meta.get("labels") or {}) or known.terminating != bool(meta.get("deletionTimestamp")):
        return False
    return spec["containers"] == known.facts.spec["containers"] or spec_request(spec) == known.facts.request


def _wants_near(queued: Queued, arrived: Entry, cluster: Cluster) -> bool:
    """Whether a waiting pod has a required affinity term that means the arrived pod."""
    if not queued.near:
        return False
    pod = cluster.view.get("pods", queued.namespace, queued.name)
    if pod is None:
        return False
    namespace = cluster.view.get("namespaces", "", arrived.namespace)
    labels = (namespace["metadata"].get("labels") if namespace else None) or {}
    terms = cluster.entry_of(pod).facts.affinity
    return any(term_matches(term, arrived.namespace, arrived.labels, labels) for term in terms)


def _left(pod: Object, old: Object | None, scope: Scope) -> Keys:
    """A bound pod is gone, or has ended. (A cluster that was built just now has never seen it.)"""
    box, cluster = derived(scope)
    uid = pod["metadata"]["uid"]
    scope.table(ASSUMED).pop(uid, None)
    dequeue(scope, uid)
    stood = old is not None and bool(old["spec"].get("nodeName")) and not is_finished(old)
    if cluster.remove(uid) is None and not stood:
        return ()
    return apply(scope, box, moved(scope.table(UNSCHEDULABLE).values(), POD_DELETE, scope.now_ns))


def _given_up(pod: Object, scope: Scope) -> Keys:
    """A pod that had no node is gone, or has ended."""
    uid = pod["metadata"]["uid"]
    dequeue(scope, uid)
    box, cluster = derived(scope)
    _forget_promise(scope, cluster, uid)
    if scope.table(ASSUMED).pop(uid, None) is None:
        return ()
    cluster.remove(uid)
    cluster.promised.pop(uid, None)
    return apply(scope, box, moved(scope.table(UNSCHEDULABLE).values(), POD_DELETE, scope.now_ns))


def _pending(change: Change, scope: Scope, setup: Setup) -> Keys:
    pod, old = change.object, change.old
    profile = setup.profile_of(pod)
    if profile is None:
        return ()
    uid = pod["metadata"]["uid"]
    if uid in scope.table(ASSUMED):
        return ()
    nominated = (pod.get("status") or {}).get("nominatedNodeName")
    if nominated or (old is not None and (old.get("status") or {}).get("nominatedNodeName")):
        _, cluster = derived(scope)
        scope.table(NOMINATED).pop(uid, None)
        cluster.nominate(uid, nominated or "", cluster.entry_of(pod))
    where = standing(scope, uid)
    if where == "":
        return _new(pod, scope, setup, profile)
    if where != UNSCHEDULABLE or old is None or not is_updated(old, pod):
        return ()
    queued: Queued = scope.table(UNSCHEDULABLE)[uid]
    box, _ = derived(scope)
    if not queued.gated:
        return apply(scope, box, requeued([queued], scope.now_ns))
    if not scheduling_gates.pre_enqueue(pod):
        return ()
    return apply(scope, box, requeued([queued._replace(gated=False, plugins=())], scope.now_ns))


def _new(pod: Object, scope: Scope, setup: Setup, profile: Profile) -> Keys:
    meta = pod["metadata"]
    queued = Queued(meta["uid"], meta["namespace"], meta["name"], pod["spec"].get("priority") or 0, scope.now_ns, next_sequence(scope))
    if setup.backoff_ns is not BACKOFF_NS:
        queued = queued._replace(backoff_ns=setup.backoff_ns)
    if profile.has_gates and not scheduling_gates.pre_enqueue(pod):
        scope.table(UNSCHEDULABLE)[queued.uid] = queued._replace(gated=True, plugins=(scheduling_gates.NAME,))
        return ()
    box, _ = derived(scope)
    enqueue(scope, box, queued)
    return (CYCLE_KEY,)


# -- nodes ---------------------------------------------------------------------------------------------------------------
def node_changed(change: Change, scope: Scope) -> Keys:
    box, cluster = derived(scope)
    node, old = change.object, change.old
    name = node["metadata"]["name"]
    if change.type == "DELETED":
        cluster.remove_node(name)
        return ()
    cluster.set_node(node)
    event = NODE_ADD if old is None or change.type == "ADDED" else node_event(old, node)
    waiting = scope.table(UNSCHEDULABLE)
    if event is None or not waiting:
        return ()
    info = cluster.nodes[name]
    return apply(scope, box, moved([each for each in waiting.values() if _may_fit(each, info, cluster)], event, scope.now_ns))


def _may_fit(queued: Queued, node: NodeInfo, cluster: Cluster) -> bool:
    """Whether the changed node passes the cheap checks for a waiting pod (upstream: preCheckForNode)."""
    pod = cluster.view.get("pods", queued.namespace, queued.name)
    if pod is None:
        return False
    entry = cluster.entry_of(pod)
    if any(plugin.filter(entry, node) is not None for plugin in (node_resources_fit, node_affinity, node_name, node_ports)):
        return False
    return untolerated(node.taints, entry.facts.spec.get("tolerations") or (), ("NoSchedule",)) is None


# -- storage, and what default spreading reads ---------------------------------------------------------------------------
def storage_changed(change: Change, scope: Scope) -> Keys:
    if change.type == "DELETED" or not scope.table(UNSCHEDULABLE):
        return ()
    box, _ = derived(scope)
    event = ClusterEvent(change.resource, "add" if change.type == "ADDED" else "update")
    return apply(scope, box, moved(scope.table(UNSCHEDULABLE).values(), event, scope.now_ns))


def class_changed(change: Change, scope: Scope) -> Keys:
    is_immediate = change.type == "ADDED" and change.object.get("volumeBindingMode") != "WaitForFirstConsumer"
    return () if is_immediate else storage_changed(change, scope)


def service_changed(change: Change, scope: Scope) -> Keys:
    _, cluster = derived(scope)
    cluster.services.pop(change.object["metadata"]["namespace"], None)
    return ()


def watches(setup: Setup) -> tuple[Watch, ...]:
    """What a scheduler that is started so listens to."""
    return tuple(each if each.resource != "pods" else Watch("pods", partial(pod_changed, setup=setup)) for each in WATCHES)


WATCHES = (
    Watch("nodes", node_changed),
    Watch("pods", pod_changed),
    Watch("persistentvolumeclaims", storage_changed),
    Watch("persistentvolumes", storage_changed),
    Watch("storageclasses.storage.k8s.io", class_changed),
    Watch("csinodes.storage.k8s.io", storage_changed),
    Watch("csidrivers.storage.k8s.io", storage_changed),
    Watch("services", service_changed),
)
