"""A workload: machines and tasks as a trace has them, and the Node and Pod manifests that they become.

GPUs are an extended resource, as everything is for the scheduler that comes with Kubernetes. ``gpus="shared"`` counts thousandths
(``alibabacloud.com/gpu-milli``), so that a task may ask for 0.46 of one: the scheduler then knows how much of a node's GPUs is free, and not
on which of them. ``gpus="whole"`` counts devices (``nvidia.com/gpu``), and a share costs a whole one. The names of the first resource and
of the label for the model are those of the trace's own converter (cluster-trace-gpu-v2023/pod_csv_to_yaml.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

Object = dict[str, Any]
GPU_MILLI, GPU = "alibabacloud.com/gpu-milli", "nvidia.com/gpu"
MODEL = "alibabacloud.com/gpu-card-model"
QOS = "qos"
GPUS = ("shared", "whole")
IMAGE = "task:1"
FAILED, PENDING = "Failed", "Pending"


@dataclass(frozen=True, slots=True)
class Machine:
    """A node of the trace: thousandths of a core, MiB, GPUs and their model ("" without one)."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the trace. Times in seconds from the trace's beginning; ``scheduled`` is None for one that never was.

    ``gpu_milli`` is asked for of each of its ``gpus``; ``models`` are the GPU models that will do (none: any).
    """

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int
    gpu_milli: int
    models: tuple[str, ...]
    qos: str
    phase: str
    created: int
    deleted: int
    scheduled: int | None = None

    @property
    def seconds(self) -> int:
        """How long it ran; 0 if it never did."""
        return 0 if self.scheduled is None else self.deleted - self.scheduled

    @property
    def never_ran(self) -> bool:
        """Whether it waited for a place until its user gave up."""
        return self.scheduled is None or self.phase == PENDING


@dataclass(frozen=True, slots=True)
class Workload:
    """Machines and tasks of a trace, and how its GPUs are counted. ``len()`` is the number of tasks."""

    machines: tuple[Machine, ...]
    tasks: tuple[Task, ...]
    gpus: str = "shared"

    def __len__(self) -> int:
        return len(self.tasks)

    def __repr__(self) -> str:
        gpus = sum(machine.gpus for machine in self.machines)
        return f"{len(self.machines):,} nodes with {gpus:,} GPUs, {len(self.tasks):,} tasks in {self.days:.1f} days"

    @property
    def seconds(self) -> int:
        """From the trace's beginning to the last deletion."""
        return max((task.deleted for task in self.tasks), default=0)

    @property
    def days(self) -> float:
        return self.seconds / 86400

    @property
    def resource(self) -> str:
        """The extended resource that its GPUs are."""
        return GPU_MILLI if self.gpus == "shared" else GPU

    @property
    def nodes(self) -> list[Object]:
        """Node manifests, as ``kl.Cluster(nodes=…)`` takes them."""
        return [self._node(machine) for machine in self.machines]

    @property
    def pods(self) -> list[Object]:
        """The tasks as Pod manifests, in the order of the file."""
        return [self.pod(task) for task in self.tasks]

    def cluster(self, seed: int = 0, *, timing: str | Timing = "default", **options: Any) -> Cluster:
        """A cluster of the trace's nodes; everything else as for ``kl.Cluster``."""
        from kubelab.cluster.handle import Cluster

        return Cluster(self.nodes, seed, timing=timing, **options)

    def head(self, tasks: int, machines: int | None = None) -> Workload:
        """The first tasks by creation, on so many machines, evenly from the whole list, where like stands by like (None: all)."""
        first, there = sorted(self.tasks, key=lambda task: task.created)[:tasks], len(self.machines)
        wanted = there if machines is None else min(machines, there)
        return Workload(tuple(self.machines[number * there // wanted] for number in range(wanted)), tuple(first), self.gpus)

    def _node(self, machine: Machine) -> Object:
        capacity = {"cpu": f"{machine.cpu_milli}m", "memory": f"{machine.memory_mib}Mi"}
        meta: Object = {"name": machine.name}
        if machine.gpus:
            capacity[self.resource] = str(machine.gpus * 1000 if self.gpus == "shared" else machine.gpus)
            meta["labels"] = {MODEL: machine.model} if machine.model else {}
        return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": {"capacity": capacity}}

    def pod(self, task: Task, pace: float = 1.0, *, stay: bool = False) -> Object:
        """A task as a pod that runs as long as the task did, ``pace`` times faster, and ends as it ended; for ever, if it never ran or with
        ``stay``."""
        requests = {"cpu": f"{task.cpu_milli}m", "memory": f"{task.memory_mib}Mi"}
        if task.gpus:
            requests[self.resource] = str(task.gpus * task.gpu_milli if self.gpus == "shared" else task.gpus)
        resources: Object = {"requests": requests}
        if task.qos == "Guaranteed":
            resources["limits"] = requests
        elif task.gpus:
            resources["limits"] = {self.resource: requests[self.resource]}  # an extended resource must have one
        container = {"name": "main", "image": IMAGE, "command": _command(task, pace, stay), "resources": resources}
        spec: Object = {"restartPolicy": "Never", "containers": [container]}
        if task.models:
            spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": _of_models(task.models)}}
        meta = {"name": task.name, "labels": {QOS: task.qos} if task.qos else {}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _command(task: Task, pace: float, stay: bool) -> list[str]:
    if stay or task.never_ran:
        return ["sleep", "infinity"]
    length = f"{task.seconds / pace:.3f}".rstrip("0").rstrip(".")
    return ["sh", "-c", f"sleep {length}; exit 1"] if task.phase == FAILED else ["sleep", length]


def _of_models(models: Sequence[str]) -> Object:
    return {"nodeSelectorTerms": [{"matchExpressions": [{"key": MODEL, "operator": "In", "values": list(models)}]}]}
