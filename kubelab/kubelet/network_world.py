"""The cluster around a container: names, packets between addresses, peers. What DNS and the network do for programs and probes.

upstream: cluster DNS (github.com/kubernetes/dns specification 1.1.0: A records of services, headless services and named endpoints),
kube-proxy's choice of an endpoint. The addresses of pods stand in the cluster-wide table ``pod_ips``: ip → node.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubelab.cri.effects import HttpAnswer, PeerView
from kubelab.cri.runtime import TABLES, SimulatedRuntime
from kubelab.cri.usage.machine import Capacity
from kubelab.engine.component import Scope, Tables
from kubelab.engine.plan import Nudge

Object = dict[str, Any]
SUFFIX = ".cluster.local"
ISLANDS = "islands"
_NONE: dict[str, Any] = {}


class Around:
    """``Surroundings`` of the runtimes, over what a component knows. ``poked``: groups whose members must look at their peers."""

    __slots__ = ("poked", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.poked: dict[str, None] = {}

    # -- names -------------------------------------------------------------------------------------------------------------
    def resolve(self, name: str) -> str | None:
        """The address of ``svc.ns.svc.cluster.local``, ``host.svc.ns.svc.cluster.local`` or ``10-244-0-5.ns.pod.cluster.local``.

        The cluster's DNS is beyond the cut for a node that is cut off.
        """
        if not name.endswith(SUFFIX) or self._islands().get(self._node()):
            return None
        labels = name[: -len(SUFFIX)].split(".")
        if labels[-1] == "pod" and len(labels) == 3:
            address = labels[0].replace("-", ".")
            return address if address in self._pod_ips() else None
        if labels[-1] != "svc" or len(labels) not in (3, 4):
            return None
        namespace, service = labels[-2], self.scope.view.get("services", labels[-2], labels[-3])
        if service is None:
            return None
        spec = service["spec"]
        if len(labels) == 4:
            return self._named_endpoint(namespace, labels[1], labels[0])
        if spec.get("type") == "ExternalName":
            return None
        if spec.get("clusterIP") not in (None, "", "None"):
            return str(spec["clusterIP"])
        ready = [address["ip"] for _, address in self._endpoints(namespace, labels[0])]
        return ready[int(self.rand("dns") * len(ready))] if ready else None

    def _endpoints(self, namespace: str, service: str) -> list[tuple[Object, Object]]:
        """(subset, address) of each ready address."""
        endpoints = self.scope.view.get("endpoints", namespace, service) or _NONE
        return [(subset, address) for subset in endpoints.get("subsets") or () for address in subset.get("addresses") or ()]

    def _named_endpoint(self, namespace: str, service: str, host: str) -> str | None:
        for _, address in self._endpoints(namespace, service):
            if address.get("hostname") == host or address["ip"].replace(".", "-") == host:
                return str(address["ip"])
        return None

    # -- packets -----------------------------------------------------------------------------------------------------------
    def http(self, source: str, host: str, port: int, path: str, now_ns: int) -> HttpAnswer | None:
        target = self._target(host, port)
        if target is None:
            return None
        runtime, address, port = target
        return runtime.http(address, port, path, now_ns)

    def tcp(self, source: str, host: str, port: int, now_ns: int) -> bool:
        target = self._target(host, port)
        if target is None:
            return False
        runtime, address, port = target
        return runtime.tcp(address, port, now_ns)

    def _target(self, host: str, port: int) -> tuple[SimulatedRuntime, str, int] | None:
        """The pod that a packet reaches, through a service if the address is one's."""
        node = self._pod_ips().get(host)
        if node is None:
            behind = self._behind_service(host, port)
            if behind is None:
                return None
            host, port = behind
            node = self._pod_ips().get(host)
        if not node or self._apart(node):
            return None
        tables = self.scope.machines.get(node)
        return None if tables is None else (self.runtime(tables), host, port)

    def _islands(self) -> dict[str, tuple[str, ...]]:
        """Nodes cut off from others, each with the faults that do so: packets pass within what the same faults cut off."""
        found: dict[str, tuple[str, ...]] = self.scope.machines.get("", _NONE).get(ISLANDS, _NONE)
        return found

    def _apart(self, node: str) -> bool:
        """Whether packets do not pass between this component's node and another."""
        islands = self._islands()
        return bool(islands) and islands.get(node) != islands.get(self._node())

    def _node(self) -> str:
        return self.scope.name.partition("/")[2]

    def _behind_service(self, host: str, port: int) -> tuple[str, int] | None:
        for service in self.scope.view.list("services"):
            if service["spec"].get("clusterIP") != host:
                continue
            meta = service["metadata"]
            for entry in service["spec"].get("ports") or ():
                if entry["port"] == port:
                    return self._choose(meta["namespace"], meta["name"], entry.get("name", ""))
        return None

    def _choose(self, namespace: str, service: str, port_name: str) -> tuple[str, int] | None:
        found = [
            (address["ip"], port["port"])
            for subset, address in self._endpoints(namespace, service)
            for port in subset.get("ports") or ()
            if port.get("name", "") == port_name
        ]
        return found[int(self.rand("service") * len(found))] if found else None

    def _pod_ips(self) -> dict[str, str]:
        found: dict[str, str] = self.scope.machines.get("", _NONE).get("pod_ips", _NONE)
        return found

    # -- peers -------------------------------------------------------------------------------------------------------------
    def peers(self, source: str, group: str) -> tuple[PeerView, ...]:
        out: list[PeerView] = []
        for name, tables in self.scope.machines.items():
            if name and tables.get("groups"):
                apart = self._apart(name)
                out.extend(replace(peer, reachable=False) if apart else peer for _, peer in self.runtime(tables).members(group))
        return tuple(out)

    def capacity(self) -> Capacity:
        return Capacity.of(self.scope.view.get("nodes", "", self.scope.name.partition("/")[2]))

    def changed(self, group: str, now_ns: int) -> None:
        self.poked[group] = None

    def pokes(self) -> tuple[Nudge, ...]:
        """Nudges that let the members of changed groups look at their peers."""
        if not self.poked:
            return ()
        return tuple(
            Nudge(f"containerd/{node}", ("poke", group))
            for group in self.poked
            for node, tables in self.scope.machines.items()
            if node and group in tables.get("groups", _NONE).values()
        )

    def rand(self, name: str) -> float:
        return self.scope.streams.uniform(f"program/{name}")

    # -- runtimes ----------------------------------------------------------------------------------------------------------
    def runtime(self, tables: Tables) -> SimulatedRuntime:
        """The runtime over a machine's tables (made when first asked for); volumes belong to the whole cluster."""
        if "sandboxes" not in tables:
            for name in TABLES:
                tables[name] = {}
        return SimulatedRuntime(tables, shared(self.scope, "disks"), self)


def shared(scope: Scope, table: str) -> dict[Any, Any]:
    """A cluster-wide table: ``disks`` (volume → path → text), ``pod_ips`` (ip → node)."""
    machine = scope.machines.setdefault("", {})
    found = machine.get(table)
    if found is None:
        found = machine[table] = {}
    return found


def local(scope: Scope, table: str) -> dict[Any, Any]:
    """A table of the component's machine, made when first asked for."""
    found = scope.local.get(table)
    if found is None:
        found = scope.local[table] = {}
    return found
