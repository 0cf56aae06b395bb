"""The cluster around the nodes' runtimes: addresses, the members of a group, reachability.

What a network plug-in and DNS are to a real runtime. Holds nothing of its own but a list of groups that must look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubelab.cri.effects import HttpAnswer, PeerView
from kubelab.cri.runtime import SimulatedRuntime

Resolve = Callable[[str], str | None]
Reaches = Callable[[str, str], bool]


class Fabric:
    """`Surroundings` over all runtimes of a cluster.

    `resolve` answers fully qualified names (services, pods of headless services); `translate` an address and port to the pod's
    behind it (ClusterIPs); `reaches(source, target)` whether packets pass between two pod addresses; `rand` draws from a named stream.
    """

    def __init__(
        self,
        runtimes: Mapping[str, SimulatedRuntime],
        *,
        resolve: Resolve,
        rand: Callable[[str], float],
        translate: Callable[[str, int], tuple[str, int] | None] | None = None,
        reaches: Reaches | None = None,
    ) -> None:
        self._runtimes = runtimes
        self._resolve = resolve
        self._rand = rand
        self._translate = translate
        self._reaches = reaches
        self._stale: list[str] = []

    def resolve(self, name: str) -> str | None:
        return self._resolve(name)

    def http(self, source: str, host: str, port: int, path: str, now_ns: int) -> HttpAnswer | None:
        found = self._behind(source, host, port)
        return None if found is None else found[0].http(found[1], found[2], path, now_ns)

    def tcp(self, source: str, host: str, port: int, now_ns: int) -> bool:
        found = self._behind(source, host, port)
        return found is not None and found[0].tcp(found[1], found[2], now_ns)

    def peers(self, source: str, group: str) -> tuple[PeerView, ...]:
        found: list[PeerView] = []
        for runtime in self._runtimes.values():
            for address, peer in runtime.members(group):
                if self._reaches is not None and address != source and not self._reaches(source, address):
                    peer = PeerView(peer.pod_name, peer.container_id, peer.up, False, peer.started_ns, peer.state)
                found.append(peer)
        return tuple(found)

    def rand(self, name: str) -> float:
        return self._rand(name)

    def changed(self, group: str, now_ns: int) -> None:
        """Every member of the group looks again; what that changes in turn is looked at afterwards, not in between."""
        if group in self._stale:
            return
        self._stale.append(group)
        if len(self._stale) > 1:
            return
        while self._stale:
            current = self._stale[0]
            self._stale[0] = ""
            for runtime in self._runtimes.values():
                runtime.poke(current, now_ns)
            del self._stale[0]

    def _behind(self, source: str, host: str, port: int) -> tuple[SimulatedRuntime, str, int] | None:
        if self._translate is not None:
            translated = self._translate(host, port)
            if translated is None:
                return None
            host, port = translated
        if self._reaches is not None and source != host and not self._reaches(source, host):
            return None
        for runtime in self._runtimes.values():
            if runtime.has_address(host):
                return runtime, host, port
        return None
