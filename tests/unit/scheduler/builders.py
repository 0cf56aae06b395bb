"""Nodes, pods and a small world to schedule them in: the scheduler's own rules without the rest of the control plane."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from kubelab.engine.component import Change, Later, Scope
from kubelab.engine.plan import Act, Call, EventDraft, Plan
from kubelab.scheduler.cluster import Cluster, build
from kubelab.scheduler.cycle import Decision, decide
from kubelab.scheduler.scheduler import SCHEDULER
from kubelab.store.log import Manager
from kubelab.store.store import Store
from kubelab.store.view import View
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing

Object = dict[str, Any]
START_NS = 1_767_225_600_000_000_000
MANAGER = Manager("test", "Update", "v1")


def node(
    name: str, *, cpu="4", memory="16Gi", pods="110", zone="", labels=None, taints=None, cordoned=False, images=None, **allocatable
) -> Object:
    spec: Object = {}
    if taints:
        spec["taints"] = [dict(zip(("key", "value", "effect"), taint, strict=True)) for taint in taints]
    if cordoned:
        spec["unschedulable"] = True
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                **({"topology.kubernetes.io/zone": zone} if zone else {}),
                **(labels or {}),
            },
        },
        "spec": spec,
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "pods": pods, "ephemeral-storage": "100Gi", **allocatable},
            "images": [{"names": [image], "sizeBytes": size} for image, size in (images or {}).items()],
        },
    }


def pod(
    name: str,
    *,
    cpu=None,
    memory=None,
    node="",
    labels=None,
    namespace="default",
    owner=None,
    image="nginx:1",
    port=0,
    requests=None,
    **spec,
) -> Object:
    """``requests`` adds to cpu and memory. ``owner``: (kind, name) of its controller. Further keywords go into the spec."""
    wanted = {key: text for key, text in {"cpu": cpu, "memory": memory, **(requests or {})}.items() if text is not None}
    container: Object = {"name": "c", "image": image, "resources": {"requests": wanted} if wanted else {}}
    if port:
        container["ports"] = [{"containerPort": port, "hostPort": port, "protocol": "TCP"}]
    body: Object = {"containers": [container], "schedulerName": "default-scheduler", **spec}
    if node:
        body["nodeName"] = node
    meta: Object = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "labels": labels or {}}
    if owner:
        kind, owner_name = owner
        meta["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": kind, "name": owner_name, "uid": f"uid-{owner_name}", "controller": True}
        ]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body, "status": {"phase": "Pending"}}


def replica_set(name: str, labels: dict[str, str], kind="ReplicaSet") -> Object:
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": {"selector": {"matchLabels": labels}}}


def claim(
    name: str, *, storage_class="standard", volume="", size="1Gi", modes=("ReadWriteOnce",), annotations=None, phase="Pending"
) -> Object:
    spec: Object = {"storageClassName": storage_class, "accessModes": list(modes), "resources": {"requests": {"storage": size}}}
    notes = dict(annotations or {})
    if volume:
        spec["volumeName"] = volume
        notes["pv.kubernetes.io/bind-completed"] = "yes"
    meta = {"name": name, "namespace": "default", "uid": f"uid-claim-{name}", "annotations": notes}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec, "status": {"phase": phase}}


def volume(name: str, *, hosts=(), zone="", size="1Gi", storage_class="standard", phase="Available", claim=None) -> Object:
    spec: Object = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": storage_class}
    if hosts:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(hosts)}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    if claim:
        spec["claimRef"] = {"name": claim, "namespace": "default", "uid": f"uid-claim-{claim}"}
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    meta = {"name": name, "uid": f"uid-volume-{name}", "labels": labels}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec, "status": {"phase": phase}}


def storage_class(name="standard", *, mode="WaitForFirstConsumer", provisioner="lab.kubelab.dev/disk") -> Object:
    meta = {"name": name, "uid": f"uid-class-{name}"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": meta,
        "provisioner": provisioner,
        "volumeBindingMode": mode,
    }


RESOURCES = {
    "Node": "nodes",
    "Pod": "pods",
    "Service": "services",
    "Namespace": "namespaces",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PersistentVolume": "persistentvolumes",
    "StorageClass": "storageclasses.storage.k8s.io",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "CSINode": "csinodes.storage.k8s.io",
}


def budget(name: str, labels: dict[str, str], allowed=0, **disrupted) -> Object:
    meta = {"name": name, "namespace": "default", "uid": f"uid-budget-{name}"}
    status = {"disruptionsAllowed": allowed, "disruptedPods": disrupted}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {"selector": {"matchLabels": labels}},
        "status": status,
    }


def store_of(*objects: Object) -> Store:
    store = Store()
    for obj in objects:
        put(store, obj)
    return store


def put(store: Store, obj: Object, *, delete=False) -> Change:
    resource, meta = RESOURCES[obj["kind"]], obj["metadata"]
    stored = {**obj, "metadata": {**meta, "resourceVersion": str(store.revision + 1)}}
    key = (resource, meta.get("namespace", ""), meta["name"])
    old = store.head.get(*key)
    kind = "DELETED" if delete else "ADDED" if old is None else "MODIFIED"
    store.commit(0, kind, key, stored, MANAGER, 0)
    return Change(kind, resource, stored, old, store.revision)


def cluster_of(*objects: Object) -> Cluster:
    return build(View(store_of(*objects).head, {}, START_NS), {})


def place(waiting: Object, *objects: Object, start=0, draw=0) -> Decision:
    """The decision for a pod in a cluster of the given objects."""
    cluster = cluster_of(*objects)
    return decide(cluster, cluster.entry_of(waiting), start, draw)


class World:
    """The scheduler alone with a store: its calls are carried out at once, its keys run in order of time."""

    def __init__(self, *objects: Object, timing: Timing | None = None, seed=7) -> None:
        self.store = Store()
        self.now_ns = START_NS
        self.streams = Streams(seed)
        self.timing = timing or Timing.preset("instant")
        self.memory: dict[str, dict[Any, Any]] = {}
        self.heap: list[tuple[int, int, tuple[Any, ...]]] = []
        self.waiting: dict[tuple[Any, ...], int] = {}
        self.sequence = 0
        self.events: list[EventDraft] = []
        self.calls: list[Call] = []
        self.plans: list[Plan] = []
        self.refuse: dict[str, int] = {}
        for key in SCHEDULER.start(self.scope(())):
            self._queue(key)
        for obj in objects:
            self.put(obj)

    def scope(self, key, attempt=0) -> Scope:
        view = View(self.store.head, {}, self.now_ns)
        return Scope(view, self.memory, self.now_ns, self.streams, self.timing, "scheduler", "1.28", {}, {}, {}, attempt)

    def put(self, obj: Object, *, delete=False) -> None:
        change = put(self.store, obj, delete=delete)
        for watch in SCHEDULER.watches:
            if watch.resource == change.resource:
                for key in watch.keys(change, self.scope(())):
                    self._queue(key)

    def get(self, kind: str, name: str) -> Object:
        return self.store.head.get(
            RESOURCES[kind], "" if kind in ("Node", "PersistentVolume", "StorageClass", "CSINode") else "default", name
        )

    def node_of(self, name: str) -> str:
        return self.get("Pod", name)["spec"].get("nodeName", "")

    def run(self, seconds=0.0) -> None:
        """Everything that is due until then."""
        end = self.now_ns + int(seconds * 1e9)
        while self.heap and self.heap[0][0] <= end:
            time_ns, _, key = heappop(self.heap)
            self.now_ns = max(self.now_ns, time_ns)
            if self.waiting.get(key) == time_ns:
                del self.waiting[key]
                self._step(key)
        self.now_ns = end

    def _queue(self, key, after_ns=0) -> None:
        if isinstance(key, Later):
            after_ns, key = key.after_ns, key.key
        due_ns = self.now_ns + after_ns
        if self.waiting.get(key, due_ns + 1) <= due_ns:
            return  # as in the engine: the earlier time for a key wins
        self.waiting[key] = due_ns
        self.sequence += 1
        heappush(self.heap, (due_ns, self.sequence, key))

    def _step(self, key, attempt=0) -> None:
        plan = SCHEDULER.plan(SCHEDULER.observe(self.scope(key, attempt), key))
        self.plans.append(plan)
        self._write(plan.note)
        self.events.extend(plan.events)
        for nudge in plan.nudge:
            self._queue(nudge.key, nudge.after_ns)
        for call in plan.calls:
            if isinstance(call, Act):
                self.events.extend(SCHEDULER.act(self.scope(key), call).events)
                continue
            self.calls.append(call)
            if self.refuse.get(call.subresource or call.verb, 0) > 0:
                self.refuse[call.subresource or call.verb] -= 1
                self.events.extend(call.on_refusal)
                self._step(key, attempt + 1)
                return
            self._carry_out(call)
        self._write(plan.remember)
        for more in plan.follow_up:
            self._queue(more)
        if plan.again_ns is not None:
            self._queue(key, plan.again_ns)

    def _write(self, tables) -> None:
        for name, rows in tables.items():
            table = self.memory.setdefault(name, {})
            for key, value in rows.items():
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value

    def _carry_out(self, call: Call) -> None:
        self.events.extend(call.on_success)
        if call.verb == "update":
            self.put(call.body)
            return
        found = self.store.head.get("pods", call.namespace, call.name)
        if found is None:
            return
        if call.subresource == "binding":
            self.put({**found, "spec": {**found["spec"], "nodeName": call.body["target"]["name"]}})
        else:
            [changed] = call.body["status"].get("conditions") or [{}]
            others = [each for each in found["status"].get("conditions", []) if each["type"] != changed.get("type")]
            old = next((each for each in found["status"].get("conditions", []) if each["type"] == changed.get("type")), {})
            self.put({**found, "status": {**found["status"], "conditions": [*others, {**old, **changed}]}})
