"""metrics-server: its scrapes of the kubelets' ``/metrics/resource``, worked out when somebody asks. Nothing ticks, nothing is stored.

upstream: kubernetes-sigs/metrics-server pkg/{server/server.go, scraper/scraper.go, scraper/client/resource/decode.go}, 0.7, as its manifests
deploy it (--metric-resolution=15s); spec/cri-metrics.md section 4. It starts with the cluster. Each round asks every node after a random
delay below 8 ms per node, at most 4 s, and what it found is served from the end of the round on.

As looks are at most 30 s apart, what is kept now follows from the last five rounds (60 s).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kubelab.cluster.node_metrics import machine_of
from kubelab.cri.api import Sandbox
from kubelab.engine import trouble
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.kinds.metrics.points import RESOLUTION_NS, Kept, Point, Points, complete, store
from kubelab.kubelet.stats.cgroups import Machine, root_of
from kubelab.kubelet.stats.looks import instants, look_at
from kubelab.kubelet.stats.scrapes import scraped
from kubelab.world.clock import MILLISECOND, SECOND
from kubelab.world.streams import Streams

ROUNDS = 5
DELAY_PER_NODE_MS, MOST_DELAY_MS = 8, 4000


class Round(NamedTuple):
    """A scrape of all nodes: its number, when it began, when what it found is served."""

    number: int
    start_ns: int
    end_ns: int


class Door:
    """What ``metrics.k8s.io`` is answered from."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def kept(self, pods: Sequence[Object], nodes: Sequence[Object]) -> Kept:
        """What metrics-server keeps now of these pods and nodes."""
        machines = {name: machine_of(self._engine, name) for name in _reachable(self._engine, pods, nodes)}
        rounds = self.rounds()
        asked = {name: [self.scraped_ns(machine, one) for one in rounds] for name, machine in machines.items()}
        of_pods = self._of_pods(machines, asked, pods)
        of_nodes: list[dict[str, Point]] = [{} for _ in rounds]
        for name in (node["metadata"]["name"] for node in nodes if node["metadata"]["name"] in machines):
            for found, point in zip(of_nodes, node_points(machines[name], asked[name]), strict=True):
                if point is not None:
                    found[name] = point
        kept = Kept()
        for number in range(len(rounds)):
            kept = store(kept, of_pods[number], of_nodes[number])
        return kept

    def _of_pods(
        self, machines: Mapping[str, Machine], asked: Mapping[str, list[int]], pods: Sequence[Object]
    ) -> list[dict[tuple[str, str], Points]]:
        """Per round, the points of the pods' containers."""
        boxes = {name: _by_pod(machine) for name, machine in machines.items()} if pods else {}
        made: list[dict[tuple[str, str], Points]] = [{} for _ in next(iter(asked.values()), ())]
        for pod in pods:
            name, meta = pod["spec"].get("nodeName"), pod["metadata"]
            if name not in machines:
                continue
            for found, points in zip(made, pod_points(machines[name], boxes[name].get(meta["uid"], ()), asked[name]), strict=True):
                whole = complete(points)
                if whole is not None:
                    found[meta["namespace"], meta["name"]] = whole
        return made or [{} for _ in self.rounds()]

    def rounds(self) -> list[Round]:
        """The last rounds that have ended, oldest first."""
        engine = self._engine
        longest_ns = self._longest_ms() * MILLISECOND
        newest = (engine.now_ns - engine.start_ns - longest_ns) // RESOLUTION_NS
        numbers = range(max(0, newest - ROUNDS + 1), newest + 1)
        begun = ((number, engine.start_ns + number * RESOLUTION_NS) for number in numbers)
        return [Round(number, start_ns, start_ns + longest_ns) for number, start_ns in begun]

    def scraped_ns(self, machine: Machine, one: Round) -> int:
        """When a round asks a node."""
        delay = Streams(machine.seed).below(f"scrape/{machine.name}/{one.number}", max(1, self._longest_ms()))
        return one.start_ns + delay * MILLISECOND

    def _longest_ms(self) -> int:
        return min(DELAY_PER_NODE_MS * len(self._engine.store.head.all("nodes")), MOST_DELAY_MS)


def _reachable(engine: Engine, pods: Iterable[Object], nodes: Iterable[Object]) -> list[str]:
    """The nodes concerned whose kubelets answer."""
    names = [pod["spec"].get("nodeName") for pod in pods] + [node["metadata"]["name"] for node in nodes]
    there = engine.store.head.all("nodes")
    return [name for name in dict.fromkeys(names) if name and ("", name) in there and trouble.reachable(engine, name)]


# -- what a scrape reads --------------------------------------------------------------------------------------------------
def pod_points(machine: Machine, boxes: Iterable[Sandbox], at: Sequence[int]) -> list[dict[str, Point]]:
    """The points of a pod's containers at several instants, as ``/metrics/resource`` tells them: seconds as floats, timestamps in milliseconds."""
    found: list[dict[str, Point]] = [{} for _ in at]
    table = machine.tables.get("containers", {})
    for container_id in (item for box in boxes for item in machine.tables["members"].get(box.id, ())):
        container = table[container_id]
        for points, one in zip(found, scraped(machine, container, at), strict=True):
            if one is not None:
                start_ns = int(float(container.created_ns) / SECOND * SECOND)
                points[container.spec.name] = Point(start_ns, _milliseconds(one.time_ns), _counter(one.cpu_ns), one.working_set)
    return found


def _by_pod(machine: Machine) -> dict[str, list[Sandbox]]:
    found: dict[str, list[Sandbox]] = {}
    for box in machine.tables.get("sandboxes", {}).values():
        found.setdefault(box.config.uid, []).append(box)
    return found


def node_points(machine: Machine, at: Sequence[int]) -> list[Point | None]:
    """A node's points at several instants; None where it says nothing or has used nothing."""
    root = root_of(machine)
    looked = [instants(machine, root, t_ns, 1) for t_ns in at]
    seen = {at_ns: look_at(machine, root, at_ns) for at_ns in dict.fromkeys(at_ns for one in looked for at_ns in one)}
    looks = [seen[one[0]] if one else None for one in looked]
    return [
        Point(None, _milliseconds(look.time_ns), _counter(look.cpu_ns), look.working_set)
        if look and look.cpu_ns and look.working_set
        else None
        for look in looks
    ]


def _counter(cpu_ns: int) -> int:
    """A counter after its way through the page as seconds."""
    return int(float(cpu_ns) / SECOND * SECOND)


def _milliseconds(time_ns: int) -> int:
    return time_ns // MILLISECOND * MILLISECOND
