"""``why_not``: why something is not (yet) as wished: not there, not scheduled, not ready. One answer over all who have a say.

It asks in the order in which a pod comes to be: was it refused (authorization, admission, quota), does its owner wait, does the scheduler
find no node, does the kubelet wait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from kubelab.cluster import until
from kubelab.cluster.errors import ApiError
from kubelab.cluster.explaining import CONTROLLERS, PREFIXES, confirm_readable, newest
from kubelab.cluster.references import Reference, kind_of
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.kinds.selectors import matches_labels
from kubelab.store.log import Commit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubelab.cluster.handle import Cluster
    from kubelab.scheduler.explain import NodeVerdict


SHOWN = 300  # letters of a refusal
NAMED = 5  # nodes in a line
STARTS_NOTHING = ("Suspended", "BrokenSchedule", "MissedStart", "StillRunning")  # rules of the CronJob controller
BAD = (
    "Failed",
    "FailureTarget",
    "ReplicaFailure",
    "Suspended",
    "ResourceQuotaExceeded",
)  # conditions that speak against it when they are True


@dataclass(frozen=True, slots=True)
class Answer:
    """``who`` is in the way (scheduler, kubelet, a controller, the API server …), ``reason`` in upstream's words, ``details`` the lines
    behind it; ``verdicts`` the scheduler's findings per node, where it was asked. ``fine``: nothing is in the way."""

    subject: str
    who: str
    reason: str
    details: tuple[str, ...] = ()
    verdicts: tuple[Any, ...] = field(default=(), repr=False)
    fine: bool = False

    def __str__(self) -> str:
        head = f"{self.subject}: {self.reason}" if not self.who else f"{self.subject}: {self.who}: {self.reason}"
        return "\n".join([head, *(f"  - {line}" for line in self.details)])

    __repr__ = __str__

    def table(self) -> str:
        """The scheduler's findings, a row per node: what each filter says (``ok`` or the reason), then each score with its weight, and the total."""
        return _table(self.verdicts)


def _table(verdicts: Sequence[NodeVerdict]) -> str:
    filters = list(dict.fromkeys(name for each in verdicts for name, _ in each.filters))
    scores = list(dict.fromkeys(name for each in verdicts for name, _ in each.scores))
    rows = [("NODE", *filters, *scores, "TOTAL")]
    for each in verdicts:
        said, got = dict(each.filters), dict(each.scores)
        words = [", ".join(said[name]) or "ok" if name in said else "-" for name in filters]
        numbers = [str(got[name]) if name in got else "-" for name in scores]
        rows.append((each.node, *words, *numbers, "-" if each.total is None else str(each.total)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def why_not(cluster: Cluster, reference: Reference) -> Answer:
    engine = cluster._engine
    subject = str(reference)
    try:
        confirm_readable(cluster, reference)
    except ApiError as error:
        return Answer(subject, "API server", error.message)
    obj = engine.store.head.get(reference.kind.resource, reference.namespace, reference.name)
    if obj is None:
        return _absent(cluster, reference, subject)
    if reference.kind.kind == "Pod":
        return _pod(cluster, obj, subject)
    if reference.kind.kind == "Service" and obj["spec"].get("selector"):
        return _service(cluster, obj, subject)
    if reference.kind.kind == "CronJob" and (idle := _starts_nothing(engine, reference)):
        return Answer(subject, CONTROLLERS["CronJob"], idle)
    if until.is_ready(obj):
        return Answer(subject, "", "nothing is in the way: it is there and ready", fine=True)
    return _workload(cluster, reference, obj, subject)


def _service(cluster: Cluster, service: Object, subject: str) -> Answer:
    """A Service is there at once; what may lack are pods behind it."""
    meta, selector = service["metadata"], service["spec"]["selector"]
    pods = cluster._engine.store.head.in_namespace("pods", meta["namespace"])
    chosen = [pod for pod in pods if matches_labels(selector, pod["metadata"].get("labels"))]
    if any(until.is_ready(pod) for pod in chosen) or (chosen and service["spec"].get("publishNotReadyAddresses")):
        return Answer(subject, "", "nothing is in the way: it has pods that are ready", fine=True)
    words = ",".join(f"{key}={text}" for key, text in selector.items())
    if not chosen:
        return Answer(subject, "endpoint-controller", f"its selector {words} matches no pods in namespace {meta['namespace']}")
    lacking = tuple(_pods_lines(cluster, chosen))
    return Answer(subject, "endpoint-controller", f"none of the {len(chosen)} pods that its selector {words} matches is ready", lacking)


def _workload(cluster: Cluster, reference: Reference, obj: Object, subject: str) -> Answer:
    """What the controller says it waits for, what was refused, and what its pods lack."""
    engine = cluster._engine
    status = obj.get("status") or {}
    lines = [
        f"{item['type']}={item['status']}: {item['message']}"
        for item in status.get("conditions") or ()
        if item.get("message") and (item["type"] in BAD) == (item["status"] == "True")
    ]
    lines += _stories(engine, reference)
    lines += _refusals(engine, reference.namespace, reference.name)
    lines += _pods_lines(cluster, _pods_of(engine, obj))
    if obj["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        reason = until.rollout_status(obj)[0]
    elif obj["kind"] == "PersistentVolumeClaim":
        reason = f"the claim is {status.get('phase', 'Pending')}"
        lines += [event["message"] for event in _events(engine, obj)][-2:]
    else:
        reason = _verdict(status) or "it is not ready"
    return Answer(subject, "", reason, tuple(line for line in dict.fromkeys(lines) if (line.partition(": ")[2] or line) not in reason))


def _verdict(status: Object) -> str:
    """Why it will never be ready, if a condition says so."""
    failed = (item for item in status.get("conditions") or () if item["type"] == "Failed" and item["status"] == "True")
    return next((f"it failed: {item.get('message') or item.get('reason')}" for item in failed), "")


def _pods_lines(cluster: Cluster, pods: list[Object]) -> list[str]:
    """What pods lack: a line for each reason, with the first pod that has it."""
    by_reason: dict[str, list[str]] = {}
    for pod in pods:
        answer = _pod(cluster, pod, f"pod/{pod['metadata']['name']}")
        if not answer.fine:
            by_reason.setdefault(answer.reason, []).append(answer.subject)
    return [f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}" for reason, names in by_reason.items()]


def _pods_of(engine: Engine, obj: Object) -> list[Object]:
    """Pods that the object controls, directly or through its ReplicaSets."""
    found: list[Object] = []
    state = engine.store.head
    uids = [obj["metadata"]["uid"]]
    while uids:
        for key in state.dependents.get(uids.pop(), {}):
            dependent = state.objects[key[0]][key[1:]]
            if key[0] == "pods":
                found.append(dependent)
            else:
                uids.append(dependent["metadata"]["uid"])
    return found


def _starts_nothing(engine: Engine, reference: Reference) -> str:
    """Why a CronJob starts no Job, where it is not only a matter of time; "" if nothing keeps it from it."""
    runner = engine.runners.get(CONTROLLERS["CronJob"])
    stories = () if runner is None else runner.stories.get((*PREFIXES["CronJob"], reference.namespace, reference.name), ())
    return next((str(because) for because in stories if because.rule in STARTS_NOTHING), "")


def _stories(engine: Engine, reference: Reference) -> list[str]:
    """What the controller in charge of an object waits for."""
    runner = engine.runners.get(CONTROLLERS.get(reference.kind.kind, ""))
    if runner is None:
        return []
    key = (*PREFIXES.get(reference.kind.kind, ()), reference.namespace, reference.name)
    return [f"{runner.name} waits: {because}" for because in runner.stories.get(key, ())]


def _events(engine: Engine, obj: Object) -> list[Object]:
    uid = obj["metadata"]["uid"]
    return [event for event in engine.store.head.all("events").values() if (event.get("involvedObject") or {}).get("uid") == uid]


def _refusals(engine: Engine, namespace: str, name: str) -> list[str]:
    """The newest refusal of a call about this name, or of a call that its owner's controller made for it, unless the same succeeded since."""
    succeeded = set()
    for call in reversed(engine.store.log.calls[-5000:]):
        if call.namespace != namespace or not (call.name == name or call.key.endswith(f"/{name}")):
            continue
        same = (call.component or call.user, call.verb, call.resource)
        if call.code < 400:
            succeeded.add(same)
        elif call.code not in (404, 409) and same not in succeeded:
            return [f"{same[0]} was refused: {shorten(call.message, SHOWN, placeholder=' …')}"]
    return []


def _absent(cluster: Cluster, reference: Reference, subject: str) -> Answer:
    engine = cluster._engine
    refused = _refusals(engine, reference.namespace, reference.name)
    if reference.kind.kind == "Pod":
        owner = _owner_by_name(engine, reference)
        if owner is not None:
            return _not_made(engine, owner, reference, subject, refused)
    if refused:
        return Answer(subject, "API server", refused[0])
    gone = newest(engine, (reference.kind.resource, reference.namespace, reference.name))
    if gone is not None:
        return Answer(subject, "", _removed(cluster, gone))
    return Answer(subject, "", f'{reference.kind.resource} "{reference.name}" not found, and nobody has asked for it')


def _removed(cluster: Cluster, gone: Commit) -> str:
    call = cluster._engine.store.log.calls[gone.call]
    because = f", because {call.because}" if call.because else ""
    return f"{call.component or call.user} removed it at {(gone.time_ns - cluster._world.start_ns) / 1e9:.3f} s{because}"


def _owner_by_name(engine: Engine, reference: Reference) -> Object | None:
    match = re.fullmatch(r"(.*)-([0-9]+)", reference.name)
    if not match:
        return None
    return engine.store.head.get("statefulsets.apps", reference.namespace, match[1])


def _not_made(engine: Engine, owner: Object, reference: Reference, subject: str, refused: list[str]) -> Answer:
    """A StatefulSet's pod that does not exist: out of range, refused, or waiting for those before it."""
    name = owner["metadata"]["name"]
    ordinal = int(reference.name.rpartition("-")[2])
    first = (owner["spec"].get("ordinals") or {}).get("start", 0)
    replicas = owner["spec"].get("replicas", 1)
    if not first <= ordinal < first + replicas:
        return Answer(
            subject,
            "statefulset-controller",
            f"statefulset/{name} has {replicas} replicas: its ordinals are {first} to {first + replicas - 1}",
        )
    waits = _stories(engine, Reference(kind_of("statefulset"), reference.namespace, name))
    refused = refused or _refusals(engine, reference.namespace, name)
    if refused:
        return Answer(subject, "API server", refused[0], tuple(waits))
    if waits:
        return Answer(subject, "statefulset-controller", waits[0].partition(" waits: ")[2], tuple(waits[1:]))
    return Answer(subject, "statefulset-controller", "it has not come to this pod yet")


def _lost(cluster: Cluster, pod: Object) -> str:
    """Why nobody stops a pod: its node is not ready; "" if it is."""
    name = pod["spec"].get("nodeName", "")
    node = cluster._engine.store.head.get("nodes", "", name) or {}
    for condition in (node.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] != "True":
            return f", and its node {name} cannot confirm it: {condition.get('message', '')}"
    return ""


def _pod(cluster: Cluster, pod: Object, subject: str) -> Answer:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return Answer(subject, "kubelet", f"the pod is terminating{_lost(cluster, pod)}")
    if not pod["spec"].get("nodeName"):
        return _unscheduled(cluster, pod, subject)
    if until.is_ready(pod) or status.get("phase") == "Succeeded":
        return Answer(subject, "", "nothing is in the way: it is there and ready", fine=True)
    lines, reason = [], ""
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if state.get(kind) and state[kind].get("reason") != "Completed":
                said = state[kind].get("message") or ""
                lines.append(f"container {container['name']}: {state[kind].get('reason', kind)}{': ' + said if said else ''}")
                reason = reason or state[kind].get("reason", kind)
    for condition in status.get("conditions") or ():
        said_above = lines and condition.get("reason") == "ContainersNotReady"
        if condition["status"] != "True" and condition.get("message") and not said_above:
            lines.append(f"{condition['type']}={condition['status']}: {condition['message']}")
    warnings = (event for event in _events(cluster._engine, pod) if event.get("type") == "Warning" and event["message"][:7] != "Error: ")
    lines += [f"{event['reason']}: {event['message']}" for event in warnings][-3:]
    if not reason:
        reason = status.get("reason") or (lines[0] if lines else f"the pod is {status.get('phase', 'Pending')}")
    return Answer(subject, "kubelet", reason, tuple(dict.fromkeys(lines)))


def _unscheduled(cluster: Cluster, pod: Object, subject: str) -> Answer:
    from kubelab.cluster import scheduling

    engine = cluster._engine
    conditions = (pod.get("status") or {}).get("conditions") or ()
    message = next((item.get("message", "") for item in conditions if item["type"] == "PodScheduled"), "")
    if scheduling.setup(engine).profile_of(pod) is None:
        return Answer(subject, "scheduler", f"no scheduler is called {pod['spec']['schedulerName']!r}: nobody looks at this pod")
    if pod["spec"].get("schedulingGates"):
        return Answer(subject, "scheduler", message or "Scheduling is blocked due to non-empty scheduling gates")
    verdicts = tuple(scheduling.verdicts(engine, pod))
    lines = (*_by_finding(verdicts), *_unbound(cluster, pod), *_autoscaler_lines(engine, pod))
    return Answer(subject, "scheduler", message or "it has not been looked at yet", lines, verdicts)


def _by_finding(verdicts: Sequence[NodeVerdict]) -> list[str]:
    """A line for each finding, with the nodes that it is about."""
    nodes: dict[str, list[str]] = {}
    for verdict in verdicts:
        nodes.setdefault(str(verdict).removeprefix(f"{verdict.node}: "), []).append(verdict.node)
    return [f"{_named(names)}: {finding}" for finding, names in nodes.items()]


def _named(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1} more nodes"


def _autoscaler_lines(engine: Engine, pod: Object) -> list[str]:
    """What the cluster autoscaler said last of a pod that finds no place."""
    told = [event for event in _events(engine, pod) if event["reason"] in ("TriggeredScaleUp", "NotTriggerScaleUp")]
    last = max(told, key=lambda event: event.get("lastTimestamp") or "", default=None)
    return [f"cluster-autoscaler: {last['message']}"] if last is not None else []


def _unbound(cluster: Cluster, pod: Object) -> list[str]:
    """Why its claims are not bound, if they are there."""
    kind, namespace, lines = kind_of("pvc"), pod["metadata"]["namespace"], []
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        claim = cluster._engine.store.head.get(kind.resource, namespace, name)
        if claim is not None and not until.is_ready(claim):
            reference = Reference(kind, namespace, name)
            said = [event["message"] for event in _events(cluster._engine, claim)][-1:] or _stories(cluster._engine, reference)
            lines += [f"{reference}: {line}" for line in said]
    return lines
