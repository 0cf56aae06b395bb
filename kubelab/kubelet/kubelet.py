"""The kubelet of one node as a component: which keys it looks at, and who plans and acts for each.

upstream: pkg/kubelet/kubelet.go, pkg/kubelet/pod_workers.go, 1.28; spec/scheduler-kubelet.md sections 6 to 9. Keys:
``("pod", uid, namespace, name)`` a pod's worker; ``("pull", …)`` an image pull; ``("first-probe" | "probe", …)`` a probe that has not, or has,
succeeded; ``("refresh", …)`` a pod's ConfigMaps and Secrets; ``("post-start", …)``, ``("term", …)`` the ends of hooks; ``("kill", …)`` a
container whose hook failed; ``("lease",)``; ``("node-status",)``; ``("evict",)`` the eviction manager; ``("mirror", …)`` the mirror of a static
pod; ``("shutdown",)`` the shutdown manager.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Key, Nudge, Plan, step
from kubelab.kubelet import clients, durations, hanging, node, shutdown, static_pods, usages
from kubelab.kubelet.eviction import manager as eviction
from kubelab.kubelet.eviction.watching import EVICT
from kubelab.kubelet.network_world import local
from kubelab.kubelet.pod import admission, ending, hooks, preemption, probing, pulling, starting, stopping, sync
from kubelab.kubelet.pod.seen import PodSeen, observe, orphan_keys, pod_event, pod_key
from kubelab.kubelet.pod.status import digest
from kubelab.kubelet.records import Worker
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

Object = dict[str, Any]
TELL_AGAIN_NS = 10 * SECOND  # upstream: syncPeriod of pkg/kubelet/status/status_manager.go
_NONE: dict[str, Any] = {}


def _pod_changed(change: Change, scope: Scope) -> Iterable[Key]:
    """A pod's worker looks at every change of it, but not at the echo of its own report."""
    pod, old = change.object, change.old
    annotations = pod["metadata"].get("annotations")
    if annotations and static_pods.MIRROR in annotations:
        return static_pods.mirror_changed(change, scope)
    if change.type == "DELETED":
        uid, workers = pod["metadata"]["uid"], scope.table("workers")
        if uid not in workers:
            if uid not in scope.local.get("records", _NONE):
                return ()
            workers[uid] = Worker(pod, scope.now_ns, "")
        return (pod_key(pod),)
    if old is not None and not _concerns(scope, old, pod):
        return ()
    if old is not None and scope.memory.get("usages") and old["metadata"].get("labels") != pod["metadata"].get("labels"):
        return (pod_key(pod), usages.KEY)
    return (pod_key(pod),)


def _concerns(scope: Scope, old: Object, new: Object) -> bool:
    """Whether a change needs a look: of spec or metadata, or a status that is not what this kubelet reported last."""
    before, after = old["metadata"], new["metadata"]
    if "deletionTimestamp" in after:
        grace = after.get("deletionGracePeriodSeconds")
        return "deletionTimestamp" not in before or before.get("deletionGracePeriodSeconds") != grace
    if old["spec"] != new["spec"] or before.get("labels") != after.get("labels") or before.get("annotations") != after.get("annotations"):
        return True
    if new["spec"].get("readinessGates") and old.get("status") != new.get("status"):
        return True
    worker = scope.table("workers").get(after["uid"])
    return worker is None or worker.reported != digest(new.get("status") or _NONE)


_LANES = {"pull": "pull", "lease": "node", "node-status": "node", "evict": "node", "usage": "node"}


@dataclass(frozen=True, slots=True)
class Kubelet:
    """The kubelet of the node ``machine``; see ``of`` for how one is made."""

    name: str
    machine: str
    identity: Identity
    watches: ClassVar[tuple[Watch, ...]] = (Watch("pods", _pod_changed), Watch(usages.RESOURCE, usages.changed))
    lanes: ClassVar[dict[str, int]] = {"pod": 0, "pull": 1, "node": 1}
    max_retries: ClassVar[int | None] = None
    backoff: ClassVar[tuple[int, int]] = (10 * SECOND, 10 * SECOND)
    background: ClassVar[frozenset[str]] = frozenset(("lease", "node-status", "evict", "probe", "refresh"))
    through: ClassVar[dict[str, str]] = clients.THROUGH
    timeouts: ClassVar[dict[str, int]] = {"lease": 10, "node-status": 10}  # upstream: the heartbeat client, cmd/kubelet/app/server.go
    told_again: ClassVar[tuple[tuple[str, str], ...]] = (("pods", "status"),)  # by the status manager
    waits_for_runtime: ClassVar[tuple[str, ...]] = ("pod", "pull")
    runtime_acts: ClassVar[frozenset[str]] = hanging.ACTS

    @staticmethod
    def of(node_name: str) -> Kubelet:
        identity = Identity(f"system:node:{node_name}", ("system:nodes", "system:authenticated"), "kubelet", "kubelet", node_name)
        return Kubelet(f"kubelet/{node_name}", node_name, identity)

    def client(self, timing: Timing) -> Client:
        return clients.own(timing)

    def clients(self, timing: Timing, release: str) -> dict[str, Client]:
        return clients.further(timing, release)

    def lane(self, key: Key) -> str:
        return _LANES.get(key[0], "pod")

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        """Heartbeats, each node at its own phase, and the pods whose containers are here though their object is gone."""
        node.note_boot(scope)
        table = local(scope, "pleg")
        if "phase" not in table:
            period_ns = scope.timing.relist_ns
            table["phase"] = scope.now_ns + (scope.streams.below(self.name, period_ns) if period_ns else 0)
        status = Later(scope.streams.below(self.name, node.STATUS_NS), ("node-status",))
        asked = (usages.KEY,) if scope.local.get("asked") else ()
        static = static_pods.keys(scope.local) if scope.local.get(static_pods.TABLE) else ()
        going = (shutdown.KEY,) if scope.local.get(shutdown.TABLE) else ()
        return [("lease",), status, *orphan_keys(scope), *static, *going, *asked]

    @property
    def reads(self) -> tuple[tuple[str, str, str], ...]:
        return (("nodes", "", self.machine),)

    def asked(self, scope: Scope, act: Act) -> Plan:
        return hanging.asked(scope, act)

    def deadline_s(self, act: Act) -> int | None:
        return hanging.deadline_s(act)

    def overdue(self, scope: Scope, act: Act) -> Plan:
        return hanging.overdue(scope, act)

    def reconnected(self, scope: Scope) -> Iterable[Key | Later]:
        """The API server can be reached again: heartbeats, and, as the status manager does, each pod within ten seconds."""
        pods = [pod_key(pod) for pod in scope.view.on_node(self.machine)]
        pods += static_pods.keys(scope.local) if scope.local.get(static_pods.TABLE) else ()
        return [("lease",), ("node-status",), *(Later(scope.streams.below(self.name, TELL_AGAIN_NS), key) for key in pods)]

    def observe(self, scope: Scope, key: Key) -> Any:
        kind = key[0]
        if kind == "pod":
            return observe(scope, key, admission.judge)
        if kind in ("probe", "first-probe"):
            return probing.observe(scope, key)
        if kind == "pull":
            return pulling.observe(scope, key)
        if kind == "lease":
            return node.observe_lease(scope, self.machine)
        if kind == "node-status":
            return node.observe_status(scope, self.machine)
        if key == EVICT:
            return eviction.observe(scope, self.machine)
        if kind == "mirror":
            return static_pods.observe(scope, key, self.machine)
        if key == shutdown.KEY:
            return shutdown.observe(scope, self.machine)
        return Due(kind, key)

    def steady(self, scope: Scope, key: Key) -> int | None:
        return node.steady(scope, self.machine) if key[0] == "node-status" else None

    def plan(self, seen: Any) -> Plan:
        return _PLANS[type(seen)](seen)

    def act(self, scope: Scope, act: Act) -> Plan:
        do = _ACTS.get(act.name)
        return do(scope, *act.arguments) if do is not None else _KEYED[act.name](scope, act.arguments)


@dataclass(frozen=True, slots=True)
class Due:
    """A key that only says that the time of an act has come."""

    act: str
    key: Key


def _plan_due(due: Due) -> Plan:
    return step(Act(due.act, due.key))


def plan_pod(seen: PodSeen) -> Plan:
    """What to do for a pod; what is told of a static one goes to its mirror."""
    planned = _plan_pod(seen)
    return planned if seen.shown is None else static_pods.reported(planned, seen.shown, fresh=seen.fresh, pod=seen.pod)


def _plan_pod(seen: PodSeen) -> Plan:
    """End it, bring it up, or keep it as it shall be; or end others first."""
    if seen.turn is not None:
        return preemption.plan(seen, seen.turn)
    if seen.verdict is not None:
        reason, message = seen.verdict
        worker = seen.worker._replace(verdict=(reason, f"Pod was rejected: {message}"), rejected=True)
        return Plan(note={"workers": {seen.uid: worker}}, again_ns=0, events=(pod_event(seen.pod, "Warning", reason, message),))
    if ending.is_ending(seen):
        return ending.plan(seen)
    if seen.worker.done:
        return NOTHING
    return sync.plan(seen)


# -- acts ---------------------------------------------------------------------------------------------------------------------
def _run(scope: Scope, *arguments: Any) -> Plan:
    return starting.run(scope, arguments[:4], arguments[4], arguments[5])


def _request_pull(scope: Scope, *arguments: Any) -> Plan:
    return pulling.request(scope, arguments[:4], arguments[4], arguments[5])


def _stop(scope: Scope, *arguments: Any) -> Plan:
    worker = scope.table("workers").get(arguments[1])
    if worker is None:
        return NOTHING
    pod = static_pods.pod_of(scope, *arguments[1:4]) or worker.pod
    return stopping.stop(scope, pod, arguments[:4], *arguments[4:])


def _hook_ended(scope: Scope, key: Key) -> Plan:
    worker = scope.table("workers").get(key[1])
    return NOTHING if worker is None else stopping.hook_ended(scope, worker.pod, key)


def _kill(scope: Scope, key: Key) -> Plan:
    """A container whose postStart hook failed."""
    worker = scope.table("workers").get(key[1])
    if worker is None:
        return NOTHING
    grace_s = int(worker.pod["spec"].get("terminationGracePeriodSeconds") or 1)
    return stopping.stop(scope, worker.pod, ("pod", *key[1:4]), key[4], grace_s, key[6])


def _tear_down(scope: Scope, uid: str) -> Plan:
    admission.release(scope, uid)
    return _heard_by_others(scope, stopping.tear_down(scope, uid), ())


def _forget(scope: Scope, pod: Object) -> Plan:
    admission.release(scope, pod["metadata"]["uid"])
    if "evicted" in scope.memory:
        scope.memory["evicted"].pop(pod["metadata"]["uid"], None)
    durations.gone(scope.table(durations.STARTS), pod["metadata"]["uid"])
    place = (pod["metadata"]["namespace"], pod["metadata"]["name"])
    successor = scope.local[static_pods.TABLE].get(place) if scope.local.get(static_pods.TABLE) else None
    keys = (static_pods.key_of(successor), static_pods.mirror_key(successor)) if successor is not None else ()
    return _heard_by_others(scope, stopping.forget(scope, pod), keys)


def _heard_by_others(scope: Scope, plan: Plan, keys: tuple[Key, ...]) -> Plan:
    """The end of a pod is waited for by the shutdown manager, by a static pod that takes its place, and by one that preempts."""
    if scope.local.get(shutdown.TABLE):
        keys = (*keys, shutdown.KEY)
    if scope.memory.get(preemption.TABLE):
        waiting = preemption.awaiting(scope)
        plan = plan._replace(nudge=(*plan.nudge, *(Nudge(scope.name, key) for key in waiting)))
    nudges = (Nudge(scope.name, key, static_pods.HOUSEKEEPING_NS if key != shutdown.KEY else 0) for key in keys)
    return plan._replace(nudge=(*plan.nudge, *nudges)) if keys else plan


_ACTS: dict[str, Callable[..., Plan]] = {
    "run": _run,
    "request-pull": _request_pull,
    "pull": pulling.pull,
    "stop": _stop,
    "tear-down": _tear_down,
    "forget": _forget,
    "reclaim": eviction.reclaim,
    "collect-images": eviction.collect_images,
}
_KEYED: dict[str, Callable[[Scope, Key], Plan]] = {
    "mount": starting.mount,
    "sandbox": starting.sandbox,
    "probe": probing.probe,
    "refresh": starting.refresh,
    "post-start": hooks.post_start_ended,
    "term": _hook_ended,
    "kill": _kill,
    "usage": usages.apply,
}
_PLANS: dict[type, Callable[[Any], Plan]] = {
    PodSeen: plan_pod,
    pulling.PullSeen: pulling.plan,
    probing.ProbeSeen: probing.plan,
    node.LeaseSeen: node.plan_lease,
    node.StatusSeen: node.plan_status,
    eviction.EvictSeen: eviction.plan,
    static_pods.MirrorSeen: static_pods.plan,
    shutdown.ShutdownSeen: shutdown.plan,
    Due: _plan_due,
}
