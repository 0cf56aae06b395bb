"""The pod garbage collector: a look at all pods every 20 s, by four rules.

upstream: pkg/controller/podgc/gc_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubelab.controllers.common.pod_facts import created_ns, is_terminating, phase
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Batch, Because, Call, Key, Plan, Reason, delete
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339

CHECK: Key = ("check",)
PERIOD_NS = 20 * SECOND
SILENT_NS = 600 * SECOND  # where nodes have no heartbeats
QUARANTINE_NS = 40 * SECOND
THRESHOLD = 12_500
FIELD_MANAGER = "PodGC"  # each of those that apply to a pod's status has its own: applying drops what the same manager applied before
MISSING_NODES, LOOKED = "missing nodes", "looked"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"

TERMINATED = Reason("TooManyTerminated", "{subject} has finished, and {count} more than 12500 pods have")
OUT = Reason("OutOfService", "{subject} terminates on {node}, which is out of service")
ORPHANED = Reason("NodeGone", "{subject} is on {node}, which is gone for 40 s")
UNSCHEDULED = Reason("Unscheduled", "{subject} terminates and never had a node")


@dataclass(frozen=True, slots=True)
class Doomed:
    """A pod to be marked as failed and deleted at once."""

    pod: Object
    because: Because
    is_orphan: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """``missing``: since when nodes that pods are on are not there; ``found``: those that are back or have no pods. ``looked``: what
    spares the next look: at which revisions there was nothing to do, and which nodes are out of service."""

    doomed: tuple[Doomed, ...]
    missing: tuple[tuple[str, int], ...]
    found: tuple[str, ...]
    asked: tuple[str, ...]
    now_ns: int
    looked: dict[str, Any]
    period_ns: int = PERIOD_NS


def observe(scope: Scope, key: Key) -> Seen:
    view, now_ns = scope.view, scope.now_ns
    touched, memory = view.state.touched, scope.table(LOOKED)
    stamp = (touched.get("pods", 0), touched.get("nodes", 0))
    if memory.get("quiet") == stamp:
        return _QUIET if scope.timing.heartbeats else _SILENT
    since = scope.table(MISSING_NODES)
    nodes = view.state.all("nodes")
    absent = [name for name in view.state.by_node if ("", name) not in nodes]
    nodes_at, out = memory.get("out", (-1, ()))
    if nodes_at != stamp[1]:
        out = _out_of_service(view.list("nodes"))
    doomed = [*_terminated(scope), *(entry for node in out for entry in _terminating_on(view.on_node(node), node))]
    ripe = [name for name in absent if name in since and now_ns - since[name] >= QUARANTINE_NS]
    for name in ripe:
        doomed += [Doomed(pod, ORPHANED(_subject(pod), node=name), True) for pod in view.on_node(name)]
    doomed += [Doomed(pod, UNSCHEDULED(_subject(pod))) for pod in _unscheduled(scope)]
    missing = tuple((name, now_ns) for name in absent if name not in since)
    found = tuple(name for name in since if name not in absent or name in ripe)
    looked = {"quiet": stamp if not (doomed or absent or since) else None, "out": (stamp[1], out)}
    return Seen(tuple(doomed), missing, found, tuple(ripe), now_ns, looked, PERIOD_NS if scope.timing.heartbeats else SILENT_NS)


_QUIET = Seen((), (), (), (), 0, {})
_SILENT = replace(_QUIET, period_ns=SILENT_NS)


def _terminated(scope: Scope) -> list[Doomed]:
    if len(scope.view.state.all("pods")) <= THRESHOLD:
        return []
    pods = [pod for pod in scope.view.list("pods") if phase(pod) in ("Succeeded", "Failed")]
    surplus = len(pods) - THRESHOLD
    if surplus <= 0:
        return []
    pods.sort(key=lambda pod: (not _is_evicted(pod), created_ns(pod), pod["metadata"]["name"]))
    return [Doomed(pod, TERMINATED(_subject(pod), count=surplus)) for pod in pods[:surplus]]


def _is_evicted(pod: Object) -> bool:
    return phase(pod) == "Failed" and (pod.get("status") or {}).get("reason") == "Evicted"


def _out_of_service(nodes: Sequence[Object]) -> tuple[str, ...]:
    return tuple(
        node["metadata"]["name"]
        for node in nodes
        if any(taint["key"] == OUT_OF_SERVICE for taint in node["spec"].get("taints") or ()) and not _is_ready(node)
    )


def _is_ready(node: Object) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in (node.get("status") or {}).get("conditions") or ())


def _terminating_on(pods: Sequence[Object], node: str) -> list[Doomed]:
    pods = sorted(
        (pod for pod in pods if is_terminating(pod)), key=lambda pod: (not _is_evicted(pod), created_ns(pod), pod["metadata"]["name"])
    )
    return [Doomed(pod, OUT(_subject(pod), node=node)) for pod in pods]


def _unscheduled(scope: Scope) -> list[Object]:
    places = scope.table("unscheduled terminating")
    pods = (scope.view.get("pods", *place) for place in places)
    return [pod for pod in pods if pod is not None and is_terminating(pod) and not pod["spec"].get("nodeName")]


def plan(seen: Seen) -> Plan:
    if not seen.looked:
        return _AGAIN[seen.period_ns]
    batches = [Batch((Call("get", "nodes", "", name, accept=(404,)),)) for name in seen.asked]
    for entry in seen.doomed:
        batches += _force_delete(entry, seen.now_ns)
    remember: dict[str, int | None] = dict(seen.missing)
    remember.update(dict.fromkeys(seen.found))
    note: dict[str, dict[str, Any]] = {LOOKED: seen.looked}
    return Plan(tuple(batches), again_ns=seen.period_ns, note=note | {MISSING_NODES: remember} if remember else note)


def _force_delete(entry: Doomed, now_ns: int) -> list[Batch]:
    """First Failed, so that whoever replaces it may do so; then deleted without grace."""
    pod, batches = entry.pod, []
    meta = pod["metadata"]
    if phase(pod) not in ("Succeeded", "Failed"):
        status: Object = {"phase": "Failed"}
        if entry.is_orphan:
            status["conditions"] = [
                {
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "DeletionByPodGC",
                    "message": "PodGC: node no longer exists",
                    "lastTransitionTime": rfc3339(now_ns),
                }
            ]
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "status": status,
        }
        call = Call(
            "patch", "pods", meta["namespace"], meta["name"], "status", body, "apply", (404,), because=entry.because, manager=FIELD_MANAGER
        )
        batches.append(Batch((call,), always=True))
    gone = delete("pods", pod, options={"gracePeriodSeconds": 0}, accept=(404,), because=entry.because)
    return [*batches, Batch((gone,), always=True)]


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Pods wake nobody; those that terminate without a node are noted."""
    meta = change.object["metadata"]
    if meta.get("deletionTimestamp") is None:
        return ()
    place, table = (meta["namespace"], meta["name"]), scope.table("unscheduled terminating")
    if change.type == "DELETED" or change.object["spec"].get("nodeName"):
        table.pop(place, None)
    else:
        table[place] = True
    return ()


_AGAIN = {period_ns: Plan(again_ns=period_ns) for period_ns in (PERIOD_NS, SILENT_NS)}


def _subject(pod: Object) -> str:
    return f"pod/{pod['metadata']['name']}"


CONTROLLER = Controller(
    name="pod-garbage-collector-controller",
    identity=service_account("pod-garbage-collector"),
    watches=(Watch("pods", pod_keys),),
    observe=observe,
    plan=plan,
    workers=1,
    max_retries=0,
    background=frozenset({"check"}),
    first=(CHECK,),
)
