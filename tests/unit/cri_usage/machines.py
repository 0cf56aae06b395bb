"""A machine whose runtime runs containers with curves: what the tests of usage need, without a cluster around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubelab.cri.api import Container, ContainerSpec, LinuxResources, SandboxConfig
from kubelab.cri.effects import HttpAnswer, PeerView
from kubelab.cri.power import power_cut
from kubelab.cri.runtime import SimulatedRuntime, empty_tables
from kubelab.cri.usage import shares
from kubelab.cri.usage.curves import CORE
from kubelab.cri.usage.demand import Asked, curve_of
from kubelab.cri.usage.machine import Capacity
from kubelab.cri.usage.reading import ContainerReading, NodeReading, SandboxReading, container_at, node_at, sandbox_at
from kubelab.world import codec
from kubelab.world.clock import SECOND

MIB = 1 << 20
START_NS = 1_767_225_600 * SECOND
PARENTS = {"Guaranteed": "/kubepods/pod{}", "Burstable": "/kubepods/burstable/pod{}", "BestEffort": "/kubepods/besteffort/pod{}"}


class Nobody:
    """Surroundings in which there is nothing but the machine."""

    def __init__(self, capacity: Capacity) -> None:
        self.size = capacity

    def resolve(self, name: str) -> str | None:
        return None

    def http(self, source: str, host: str, port: int, path: str, now_ns: int) -> HttpAnswer | None:
        return None

    def tcp(self, source: str, host: str, port: int, now_ns: int) -> bool:
        return False

    def peers(self, source: str, group: str) -> tuple[PeerView, ...]:
        return ()

    def rand(self, name: str) -> float:
        return 0.5

    def capacity(self) -> Capacity:
        return self.size

    def changed(self, group: str, now_ns: int) -> None:
        return None


class MachineLab:
    """One machine. Times are seconds since its start; curves are written as in ``Usage.spec``."""

    def __init__(self, cpu: float = 4, memory: int = 16 << 30, cgroup: int = 2) -> None:
        self.capacity = Capacity(round(cpu * CORE), memory, 100 << 30, START_NS, cgroup)
        self.tables = empty_tables()
        self.now = 0.0
        self.pods: dict[str, str] = {}
        self.attempts: dict[tuple[str, str], int] = {}
        self.boots = 0

    @property
    def runtime(self) -> SimulatedRuntime:
        return SimulatedRuntime(self.tables, {}, Nobody(self.capacity))

    @property
    def now_ns(self) -> int:
        return START_NS + round(self.now * SECOND)

    def pass_time(self, seconds: float) -> list[Container]:
        """Let time pass; the containers that ended meanwhile."""
        self.now += seconds
        return list(self.runtime.tick(self.now_ns))

    def crash(self) -> None:
        """The power is cut, and comes back at once: nothing runs."""
        power_cut(self.tables, self.now_ns)
        self.runtime.tick(self.now_ns)
        self.boots += 1
        self.pods = {}

    def pod(self, name: str, qos: str = "BestEffort", milli: int = 0, limit_milli: int = 0) -> str:
        linux = LinuxResources(shares.milli_cpu_to_shares(milli), shares.milli_cpu_to_quota(limit_milli))
        parent = PARENTS[qos].format(name)
        config = SandboxConfig(name, "default", name, self.boots, linux=linux, cgroup_parent=parent, cpu_request_milli=milli)
        self.pods[name] = self.runtime.run_pod_sandbox(config, self.now_ns)
        return self.pods[name]

    def start(
        self,
        pod: str,
        name: str = "c",
        *,
        milli: int = 0,
        limit_milli: int = 0,
        memory_limit: int = 0,
        adjust: int = 1000,
        **curves: Mapping[str, Any],
    ) -> str:
        """Start a container (the pod is made if there is none, BestEffort); again under the same name: its next attempt."""
        if pod not in self.pods:
            self.pod(pod)
        runtime, key = self.runtime, (pod, name)
        self.attempts[key] = self.attempts.get(key, -1) + 1
        runtime.pull_image("nginx", self.now_ns)
        linux = LinuxResources(
            shares.milli_cpu_to_shares(milli or limit_milli), shares.milli_cpu_to_quota(limit_milli), 100_000, memory_limit, adjust
        )
        spec = ContainerSpec(
            name, "nginx", pod_name=pod, pod_uid=pod, attempt=self.attempts[key], memory_limit_bytes=memory_limit, linux=linux
        )
        container_id = runtime.create_container(self.pods[pod], spec, self.now_ns)
        runtime.set_usage(container_id, asked(curves), self.now_ns)
        runtime.start_container(container_id, self.now_ns)
        return container_id

    def use(self, container_id: str, **curves: Mapping[str, Any]) -> None:
        """A Usage object made now."""
        self.runtime.set_usage(container_id, asked(curves, self.now_ns), self.now_ns)

    def at(self, seconds: float | None = None) -> int:
        return self.now_ns if seconds is None else START_NS + round(seconds * SECOND)

    def container(self, container_id: str, seconds: float | None = None) -> ContainerReading:
        found = container_at(self.tables, container_id, self.at(seconds))
        assert found is not None, "it does not run"
        return found

    def sandbox(self, pod: str, seconds: float | None = None) -> SandboxReading:
        found = sandbox_at(self.tables, self.pods[pod], self.at(seconds))
        assert found is not None, "there is none"
        return found

    def node(self, seconds: float | None = None) -> NodeReading:
        return node_at(self.tables, self.capacity, self.at(seconds))

    def saved_and_loaded(self) -> MachineLab:
        """The same machine out of a file."""
        other = MachineLab()
        other.__dict__.update(self.__dict__)
        other.tables = codec.decode(json.loads(json.dumps(codec.encode(self.tables))))
        return other


def asked(curves: Mapping[str, Mapping[str, Any]], since_ns: int = 0) -> dict[str, Asked]:
    return {name: Asked(curve_of(name, spec), since_ns) for name, spec in curves.items()}
