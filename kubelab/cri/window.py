"""Looks into a node: the CRI's lists, and what the kubelet and the network ask beside the CRI: probes, packets, group members, logs, files.

Upstream's counterparts: pkg/probe (the kubelet connects to the pod itself), the CNI's network, the log files of a real runtime.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri import programs
from kubelab.cri.api import RUNNING, Container, CriError, Sandbox, Surroundings
from kubelab.cri.effects import HttpAnswer, Log, PeerView
from kubelab.cri.site import Site
from kubelab.cri.stats import labels_of, sandbox_labels_of


class Window:
    """Looks into the tables of a simulated runtime; changes nothing."""

    around: Surroundings
    tables: dict[str, dict[Any, Any]]
    volumes: dict[str, dict[str, str]]
    _sandboxes: dict[str, Sandbox]
    _containers: dict[str, Container]
    _members: dict[str, tuple[str, ...]]
    _addresses: dict[str, tuple[str, ...]]
    _groups: dict[str, str]
    _states: dict[str, Any]
    _logs: dict[str, tuple[Log, ...]]

    def version(self) -> dict[str, str]:
        """Version."""
        return {"version": "0.1.0", "runtimeName": "kubelab", "runtimeVersion": "1.0.0", "runtimeApiVersion": "v1"}

    def status(self) -> dict[str, Any]:
        """Status: the two conditions that the kubelet relies on."""
        return {"status": {"conditions": [{"type": "RuntimeReady", "status": True}, {"type": "NetworkReady", "status": True}]}}

    def list_pod_sandbox(self, *, id: str = "", state: str = "", labels: dict[str, str] | None = None) -> list[Sandbox]:
        """ListPodSandbox: filters are ANDed, an id may be a prefix."""
        return [
            sandbox
            for sandbox in self._sandboxes.values()
            if sandbox.id.startswith(id)
            and state in ("", sandbox.state)
            and (not labels or _selects(labels, sandbox_labels_of(sandbox.config)))
        ]

    def list_containers(
        self, *, id: str = "", pod_sandbox_id: str = "", state: str = "", labels: dict[str, str] | None = None
    ) -> list[Container]:
        """ListContainers: filters are ANDed, ids may be prefixes."""
        if pod_sandbox_id in self._members:
            candidates = [self._containers[item] for item in self._members[pod_sandbox_id]]
        else:
            candidates = [item for item in self._containers.values() if item.sandbox_id.startswith(pod_sandbox_id)]
        return [
            item for item in candidates if item.id.startswith(id) and state in ("", item.state) and _selects(labels, labels_of(item.spec))
        ]

    def probe_http(self, container_id: str, port: int, path: str, now_ns: int) -> HttpAnswer | None:
        """GET to a container's port as the kubelet does it; None: connection refused."""
        container = self._containers.get(container_id)
        if container is None or container.state != RUNNING:
            return None
        program = programs.get(container.program)
        return program.probe_http(container.spec, self._states.get(container_id), port, path, now_ns, self._site(container, now_ns))

    def probe_tcp(self, container_id: str, port: int, now_ns: int) -> bool:
        """TCP connection to a container's port."""
        container = self._containers.get(container_id)
        if container is None or container.state != RUNNING:
            return False
        program = programs.get(container.program)
        return program.probe_tcp(container.spec, self._states.get(container_id), port, now_ns, self._site(container, now_ns))

    def http(self, address: str, port: int, path: str, now_ns: int) -> HttpAnswer | None:
        """GET to a pod's IP address on this node."""
        for container_id in self._at(address):
            answer = self.probe_http(container_id, port, path, now_ns)
            if answer is not None:
                return answer
        return None

    def tcp(self, address: str, port: int, now_ns: int) -> bool:
        """TCP connection to a pod's IP address on this node."""
        return any(self.probe_tcp(container_id, port, now_ns) for container_id in self._at(address))

    def has_address(self, address: str) -> bool:
        """Whether a sandbox on this node has the IP address."""
        return address in self._addresses

    def members(self, group: str) -> tuple[tuple[str, PeerView], ...]:
        """The running members of a group on this node, each with its pod's IP address."""
        found = []
        for container_id, name in self._groups.items():
            if name == group:
                container = self._containers[container_id]
                state = self._states.get(container_id)
                peer = PeerView(container.spec.pod_name, container_id, True, True, container.started_ns, state)
                found.append((self._sandboxes[container.sandbox_id].config.ip, peer))
        return tuple(found)

    def logs(self, container_id: str) -> tuple[Log, ...]:
        """What the main process has written, oldest first."""
        return self._logs.get(container_id, ())

    def read_file(self, container_id: str, path: str, now_ns: int) -> str | None:
        """A file of a container, running or exited: the termination message, for one."""
        container = self._container(container_id)
        program = programs.get(container.program)
        return program.read_file(container.spec, self._states.get(container_id), path, self._site(container, now_ns))

    def describe(self, container_id: str, now_ns: int) -> dict[str, Any]:
        """What a running program shows of itself: role, leader, in-sync replicas, memory."""
        container = self._container(container_id)
        if container.state != RUNNING:
            return {}
        program = programs.get(container.program)
        return program.describe(container.spec, self._states.get(container_id), now_ns, self._site(container, now_ns))

    def _at(self, address: str) -> list[str]:
        """Containers of the sandboxes that share an IP address (several on the host's network)."""
        return [item for sandbox_id in self._addresses.get(address, ()) for item in self._members[sandbox_id]]

    def _container(self, container_id: str) -> Container:
        found = self._containers.get(container_id)
        if found is None:
            raise CriError("NotFound", f'an error occurred when try to find container "{container_id}": not found')
        return found

    def _site(self, container: Container, now_ns: int) -> Site:
        return Site(self.around, self.volumes, self._sandboxes[container.sandbox_id].config, container, now_ns, self.tables)


def _selects(selector: dict[str, str] | None, labels: Any) -> bool:
    return not selector or all(labels.get(key) == wanted for key, wanted in selector.items())
