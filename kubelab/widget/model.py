"""The rollout widget's model: two futures of one cluster, side by side, and the knobs of their workload. It knows nothing of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubelab.cluster import references
from kubelab.cluster.references import Reference, kind_of
from kubelab.frames.lives import REVISION_LABELS
from kubelab.frames.phases import READY, TERMINATING, phase_of
from kubelab.frames.rollouts import promised
from kubelab.store.log import Object

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

WORKLOADS = ("daemonsets.apps", "deployments.apps", "statefulsets.apps")
POLICIES = {
    "DaemonSet": ("RollingUpdate", "OnDelete"),
    "Deployment": ("RollingUpdate", "Recreate"),
    "StatefulSet": ("OrderedReady", "Parallel"),
}
UNAVAILABLE_GATE = "MaxUnavailableStatefulSet"
HISTORY = 2000  # frames kept


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs. ``replicas``, ``partition``: None where the kind has none; ``max_unavailable``: None where the cluster does not let it be set."""

    replicas: int | None
    partition: int | None
    max_unavailable: int | str | None
    policy: str


@dataclass(frozen=True, slots=True)
class Square:
    """A pod in its place. ``revision`` counts from 0 in the order of appearance."""

    slot: int
    name: str
    revision: int
    phase: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What is to be seen of a variant at an instant. ``history``: (elapsed seconds, ready, pods) of the frames so far."""

    name: str
    elapsed: float
    squares: tuple[Square, ...]
    revisions: tuple[str, ...]
    ready: int
    desired: int
    minimum: int | None
    maximum: int | None
    history: tuple[tuple[float, int, int], ...]


class Variant:
    """One future. A pod keeps its slot while it lives; a new one takes the first that is free."""

    def __init__(self, name: str, cluster: Cluster, reference: Reference) -> None:
        self.name = name
        self.cluster = cluster
        self.reference = reference
        self.slots: dict[str, int] = {}
        self.revisions: dict[str, str] = {}
        self.history: list[tuple[float, int, int]] = []

    @property
    def workload(self) -> Object | None:
        """None while it is not there."""
        resource, namespace, name = self.reference.kind.resource, self.reference.namespace, self.reference.name
        return self.cluster._engine.store.head.get(resource, namespace, name)

    def pods(self) -> list[Object]:
        """The workload's pods: through their owners, or by selector where they have none."""
        workload = self.workload
        if workload is None:
            return []
        state, found, uids = self.cluster._engine.store.head, [], [workload["metadata"]["uid"]]
        while uids:
            for key in state.dependents.get(uids.pop(), {}):
                obj = state.objects[key[0]][key[1:]]
                if key[0] == "pods":
                    found.append(obj)
                else:
                    uids.append(obj["metadata"]["uid"])
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], _ordinal(pod), pod["metadata"]["name"]))

    def frame(self) -> Frame:
        """What is to be seen now; recorded in the history."""
        workload, pods = self.workload, self.pods()
        self._give_slots(pods)
        squares, ready, alive = [], 0, 0
        for pod in pods:
            phase = phase_of(pod)
            ready += phase == READY
            alive += phase != TERMINATING
            squares.append(Square(self.slots[pod["metadata"]["uid"]], pod["metadata"]["name"], self._revision(pod), phase))
        elapsed = self.cluster.elapsed
        if not self.history or self.history[-1] != (elapsed, ready, alive):
            self.history = [*self.history[-HISTORY:], (elapsed, ready, alive)]
        desired, minimum, maximum = promised(workload) if workload is not None else (0, None, None)
        revisions = tuple(self.revisions.values())
        return Frame(self.name, elapsed, tuple(squares), revisions, ready, desired or 0, minimum, maximum, tuple(self.history))

    def _give_slots(self, pods: list[Object]) -> None:
        stateful = self.reference.kind.kind == "StatefulSet"
        kept = {pod["metadata"]["uid"]: self.slots.get(pod["metadata"]["uid"]) for pod in pods}
        taken = {slot: None for slot in kept.values() if slot is not None}
        free = 0
        for pod in pods:
            uid = pod["metadata"]["uid"]
            if kept[uid] is not None:
                continue
            if stateful:
                kept[uid] = _ordinal(pod)
                continue
            while free in taken:
                free += 1
            kept[uid] = free
            taken[free] = None
        self.slots = {uid: slot for uid, slot in kept.items() if slot is not None}

    def _revision(self, pod: Object) -> int:
        labels = pod["metadata"].get("labels") or {}
        found = next((labels[label] for label in REVISION_LABELS if label in labels), "")
        if found not in self.revisions:
            image = pod["spec"]["containers"][0]["image"].rpartition("/")[2]
            self.revisions[found] = f"{image} ({found.rpartition('-')[2]})" if found else image
        return list(self.revisions).index(found)


class RolloutModel:
    """Two variants of one cluster's future. The cluster that was given stays as it is: the variants are forks.

    ``pace``: virtual seconds per step. Every change is a call that may be refused (``ApiError``), which leaves the variant as it was.
    """

    def __init__(self, cluster: Cluster, reference: str | None = None, *, namespace: str = "default", pace: float = 0.5) -> None:
        self._base = cluster
        self.reference = references.parse(reference, namespace=namespace) if reference else _first(cluster)
        if self.reference.kind.resource not in WORKLOADS:
            raise ValueError(f"{self.reference} is a {self.reference.kind.kind}: give a Deployment, a StatefulSet or a DaemonSet")
        cluster._call("get", self.reference)  # refused as upstream words it, if it is not there
        self.pace = pace
        self.playing = False
        self.variants: tuple[Variant, ...] = ()
        self.restart()

    def restart(self) -> None:
        """Begin again: both variants fork from the cluster as it was."""
        self.playing = False
        self.variants = tuple(Variant(name, self._base.fork(), self.reference) for name in ("A", "B"))

    def play(self) -> None:
        self.playing = True

    def pause(self) -> None:
        self.playing = False

    def tick(self) -> bool:
        """A beat of the player's clock: a step if it plays; whether it did."""
        if self.playing:
            self.step()
        return self.playing

    def step(self, seconds: float | None = None) -> None:
        """Let time pass in both variants."""
        for variant in self.variants:
            variant.cluster.run(self.pace if seconds is None else seconds)

    def frames(self) -> tuple[Frame, ...]:
        return tuple(variant.frame() for variant in self.variants)

    def settings(self, at: int) -> Settings:
        """The knobs of a variant (0 or 1) as they stand."""
        variant = self.variants[at]
        workload = variant.workload
        if workload is None:
            return Settings(0, None, None, "")
        spec = workload["spec"]
        if self.reference.kind.kind == "Deployment":
            strategy = spec.get("strategy") or {}
            return Settings(
                spec.get("replicas", 1), None, (strategy.get("rollingUpdate") or {}).get("maxUnavailable"), strategy.get("type", "")
            )
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        if self.reference.kind.kind == "DaemonSet":
            return Settings(None, None, rolling.get("maxUnavailable"), (spec.get("updateStrategy") or {}).get("type", ""))
        unavailable = rolling.get("maxUnavailable", 1) if self.may_set_unavailable else None
        return Settings(spec.get("replicas", 1), rolling.get("partition", 0), unavailable, spec.get("podManagementPolicy", ""))

    @property
    def may_set_unavailable(self) -> bool:
        """A StatefulSet's maxUnavailable stands behind an alpha gate."""
        return self.reference.kind.kind != "StatefulSet" or bool(self._base._engine.gates.get(UNAVAILABLE_GATE))

    @property
    def policies(self) -> tuple[str, ...]:
        return POLICIES[self.reference.kind.kind]

    def set(
        self,
        at: int,
        *,
        replicas: int | None = None,
        partition: int | None = None,
        max_unavailable: int | str | None = None,
        policy: str | None = None,
    ) -> None:
        """Turn knobs of one variant; only those given."""
        cluster, reference = self.variants[at].cluster, str(self.reference)
        namespace = self.reference.namespace
        if replicas is not None:
            cluster.scale(reference, replicas, namespace=namespace)
        strategy = "strategy" if self.reference.kind.kind == "Deployment" else "updateStrategy"
        rolling = {"partition": partition, "maxUnavailable": max_unavailable}
        given = {name: value for name, value in rolling.items() if value is not None}
        if given:
            cluster.patch(reference, {"spec": {strategy: {"type": "RollingUpdate", "rollingUpdate": given}}}, namespace=namespace)
        if policy is not None and policy != self.settings(at).policy:
            self._set_policy(at, policy)

    def _set_policy(self, at: int, policy: str) -> None:
        if policy not in self.policies:
            raise ValueError(f"policy={policy!r}: use {' or '.join(self.policies)}")
        cluster, namespace = self.variants[at].cluster, self.reference.namespace
        if self.reference.kind.kind != "StatefulSet":
            strategy = "strategy" if self.reference.kind.kind == "Deployment" else "updateStrategy"
            body: dict[str, Any] = {"type": policy} if policy == "RollingUpdate" else {"type": policy, "rollingUpdate": None}
            cluster.patch(str(self.reference), {"spec": {strategy: body}}, namespace=namespace)
            return
        # podManagementPolicy is immutable: as on a real cluster, the set is deleted without its pods and made again
        old = cluster.get(str(self.reference), namespace=namespace)
        cluster.delete(str(self.reference), namespace=namespace, cascade="orphan")
        cluster.run(until=f"{self.reference} gone", namespace=namespace, timeout="1m")
        meta = {name: value for name, value in old["metadata"].items() if name in ("name", "namespace", "labels", "annotations")}
        spec = {**old["spec"], "podManagementPolicy": policy}
        cluster.create({"apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": meta, "spec": spec}, namespace=namespace)

    def update(self) -> None:
        """A new revision in both variants, as ``kubectl rollout restart`` makes one."""
        for variant in self.variants:
            variant.cluster.rollout(str(self.reference), namespace=self.reference.namespace).restart()

    def undo(self) -> None:
        """Back to the revision before, in both variants."""
        for variant in self.variants:
            variant.cluster.rollout(str(self.reference), namespace=self.reference.namespace).undo()


def _ordinal(pod: Object) -> int:
    tail = str(pod["metadata"]["name"]).rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _first(cluster: Cluster) -> Reference:
    """The workload to show if none is named: the first that there is."""
    state = cluster._engine.store.head
    for resource in WORKLOADS[::-1]:
        for namespace, name in state.all(resource):
            return Reference(kind_of(resource), namespace, name)
    raise ValueError("the cluster has no StatefulSet, Deployment or DaemonSet yet: apply one, or name it, as in rollout(c, 'sts/web')")
