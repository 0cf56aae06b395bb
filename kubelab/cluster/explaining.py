"""``explain``: the causal chain behind an object's present state, walked along the log's own links; ``plan``: what a component would do next.

Each commit names its call, each call the wake and the revision that caused it, that revision its call, and so on to the user's call.
Nothing is guessed: where a link ends, the chain ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

from kubelab.apiserver.apply.last_applied import ANNOTATION as LAST_APPLIED
from kubelab.apiserver.authorization import check
from kubelab.apiserver.request import Request
from kubelab.apiserver.status import ApiFailure
from kubelab.cluster import node_door
from kubelab.cluster.errors import ApiError
from kubelab.cluster.references import Reference
from kubelab.engine.engine import Engine
from kubelab.engine.plan import NOTHING, Key, Plan
from kubelab.engine.syncing import write
from kubelab.scheduler.memory import attend_only
from kubelab.store.log import CallRecord, Commit, Object

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

CONTROLLERS = {
    "Deployment": "deployment-controller",
    "ReplicaSet": "replicaset-controller",
    "StatefulSet": "statefulset-controller",
    "DaemonSet": "daemon-set-controller",
    "ReplicationController": "replication-controller",
    "CronJob": "cronjob-controller",
    "Job": "job-controller",
    "Service": "endpoint-controller",
    "PodDisruptionBudget": "disruption-controller",
    "Namespace": "namespace-controller",
    "PersistentVolumeClaim": "persistentvolume-binder",
    "HorizontalPodAutoscaler": "horizontal-pod-autoscaler",
}
UNTOLD = ("metadata.resourceVersion", "metadata.managedFields", f"metadata.annotations.{LAST_APPLIED}")
SHOWN = 80  # letters of a value
PREFIXES = {"CronJob": ("cronjob",), "HorizontalPodAutoscaler": ("autoscale",)}  # what the keys of their controllers begin with


@dataclass(frozen=True, slots=True)
class Step:
    """One link: at ``seconds`` since the start ``who`` did ``what``, because of ``because``."""

    seconds: float
    who: str
    what: str
    because: str
    revision: int

    def __str__(self) -> str:
        text = f"{self.seconds:>10.3f}s  {self.who}: {self.what}"
        return f"{text}\n{'':>13}because {self.because}" if self.because else text


@dataclass(frozen=True, slots=True)
class Explanation:
    """``steps`` from the first cause to the present state; ``subject`` is the reference."""

    subject: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join([self.subject, *map(str, self.steps)])

    __repr__ = __str__


def explain(cluster: Cluster, reference: Reference) -> Explanation:
    """The chain behind the newest change of an object (which may be its deletion)."""
    engine = cluster._engine
    confirm_readable(cluster, reference)
    key = (reference.kind.resource, reference.namespace, reference.name)
    commit = newest(engine, key)
    if commit is None:
        cluster._call("get", reference)  # refused as upstream words it
        return Explanation(str(reference), ())
    own = _told(engine.store.log.history(commit))
    chain: dict[int, Commit] = {}
    for each in (own[0], *own[-6:]):
        for link in _links(engine, each):
            chain.setdefault(link.revision, link)
    steps = tuple(_step(engine, cluster._world.start_ns, chain[number]) for number in sorted(chain))
    return Explanation(str(reference), steps)


def _told(own: list[Commit]) -> list[Commit]:
    """Without the mark that a call puts on a pod which it removes at once."""
    goes = {commit.call for commit in own if commit.type == "DELETED"}
    return [commit for commit in own if commit.type != "MODIFIED" or commit.call not in goes]


def confirm_readable(cluster: Cluster, reference: Reference) -> None:
    """Who may not read an object is not told about it: the refusal is raised. Looking is no call, and leaves no record."""
    request = Request("get", reference.kind.resource, reference.namespace, reference.name, user=cluster._user)
    try:
        check.authorize(cluster._engine.server, request)
    except ApiFailure as refusal:
        raise ApiError(refusal.status) from None


def newest(engine: Engine, key: tuple[str, str, str]) -> Commit | None:
    """The newest commit of an object, present or gone."""
    store = engine.store
    return store.newest(key) or next((commit for commit in reversed(store.log.commits) if commit.key == key), None)


def _links(engine: Engine, commit: Commit) -> list[Commit]:
    """A commit and those that caused it, newest first."""
    log = engine.store.log
    chain = [commit]
    while True:
        cause = log.calls[chain[-1].call].cause
        if not cause or cause >= chain[-1].revision:
            return chain
        chain.append(log.at(cause))


def _step(engine: Engine, start_ns: int, commit: Commit) -> Step:
    call = engine.store.log.calls[commit.call]
    who = call.component or call.user
    return Step((commit.time_ns - start_ns) / 1e9, who, what(commit, call), call.because, commit.revision)


def what(commit: Commit, call: CallRecord) -> str:
    """A commit in words: what was done to which object, and what that changed."""
    obj = commit.object
    name = f"{obj['kind'].lower()}/{obj['metadata']['name']}"
    if commit.type == "ADDED":
        return f"created {name}"
    if commit.type == "DELETED":
        return f"removed {name}"
    if call.verb == "delete":
        meta = obj["metadata"]
        at_once = meta.get("deletionGracePeriodSeconds") == 0 and not meta.get("finalizers")
        return f"removed {name}" if at_once else f"asked {name} to terminate"
    if call.subresource == "eviction" and obj["metadata"].get("deletionTimestamp"):
        return f"evicted {name}"
    if call.subresource == "binding":
        return f"bound {name} to {obj['spec'].get('nodeName')}"
    changed = ", ".join(changes(commit.old or {}, obj)[:4])
    return f"updated {name}: {changed}" if changed else f"updated {name}"


def changes(old: Object, new: Object) -> list[str]:
    """The fields that differ, a line each, with small values shown."""
    found: list[str] = []
    _compare(old, new, "", found)
    return found


def _compare(old: Object, new: Object, path: str, found: list[str]) -> None:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before is after or before == after or path + name in UNTOLD:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            _compare(before, after, f"{path}{name}.", found)
        elif name == "conditions":
            found.extend(_conditions(before or [], after or []))
        elif isinstance(after, (str, int, float, bool)) or after is None:
            found.append(f"{path}{name} {_shown(before)} → {_shown(after)}")
        else:
            found.append(f"{path}{name}")


def _conditions(old: list[Object], new: list[Object]) -> list[str]:
    before = {item["type"]: item for item in old}
    lines = []
    for item in new:
        known = before.get(item["type"], {})
        if known.get("status") != item.get("status") or known.get("reason") != item.get("reason"):
            reason = f" ({item['reason']})" if item.get("reason") else ""
            lines.append(f"{item['type']}={item['status']}{reason}")
    return lines


def _shown(value: object) -> str:
    return "nothing" if value is None else shorten(str(value), SHOWN, placeholder=" …")


# -- plan -----------------------------------------------------------------------------------------------------------------
def plan(cluster: Cluster, reference: Reference) -> Plan:
    """What the component in charge would do next, and because of what. Nothing happens: it is asked in a fork, as if its watches had just
    brought it everything; what it must ask the API server before it can decide is asked there too."""
    obj = dict(cluster._call("get", reference).object)
    engine = cluster._engine.fork()
    node_door.connect(engine)
    engine.catch_up()
    name, key = _in_charge(engine, reference, obj)
    runner = engine.runners[name]
    while True:
        seen = runner.component.observe(engine.scope(runner, key), key)
        planned = NOTHING if seen is None else runner.component.plan(seen)
        questions = getattr(runner.component, "act_on_world", None) if planned.again_ns == 0 else None
        if questions is None:
            return planned
        for act in planned.calls:
            write(runner.memory, questions(engine, act).note)


def _in_charge(engine: Engine, reference: Reference, obj: Object) -> tuple[str, Key]:
    kind = reference.kind.kind
    if kind == "Pod":
        node = obj["spec"].get("nodeName")
        if node and f"kubelet/{node}" in engine.runners:
            return f"kubelet/{node}", ("pod", obj["metadata"]["uid"], reference.namespace, reference.name)
        return "scheduler", attend_only(engine.runners["scheduler"].memory, obj)
    name = CONTROLLERS.get(kind)
    if name is None or name not in engine.runners:
        known = ", ".join(sorted(kind for kind, name in CONTROLLERS.items() if name in engine.runners))
        raise ValueError(f"no component plans for a {kind}: plan() knows Pod, {known}")
    key = (reference.namespace, reference.name) if reference.namespace else (reference.name,)
    return name, (*PREFIXES.get(kind, ()), *key)
