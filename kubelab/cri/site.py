"""A container's window on the world: names resolved as in its pod, its own address, the volumes that it mounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256

from kubelab.cri import disks
from kubelab.cri.api import Container, SandboxConfig, Surroundings, World
from kubelab.cri.effects import Answer, HttpAnswer, PeerView

CLUSTER_DOMAIN = "cluster.local"
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_NDOTS = 5
_PUBLIC = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:ch|com|dev|edu|io|net|org)")
_OUTSIDE = "203.0.113."
_WEB_PORTS = (80, 443)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Site:
    """`World` for one container at one instant."""

    __slots__ = ("_around", "_volumes", "_sandbox", "_container", "_now_ns", "_tables")

    def __init__(
        self,
        around: Surroundings,
        volumes: Mapping[str, Mapping[str, str]],
        sandbox: SandboxConfig,
        container: Container,
        now_ns: int,
        tables: disks.Tables,
    ) -> None:
        self._around = around
        self._volumes = volumes
        self._sandbox = sandbox
        self._container = container
        self._now_ns = now_ns
        self._tables = tables

    def resolve(self, name: str) -> str | None:
        """upstream: pkg/kubelet/network/dns/dns.go (search list, ndots:5), 1.28."""
        if name == "localhost":
            return "127.0.0.1"
        if _ADDRESS.fullmatch(name):
            return name
        if name == self._sandbox.hostname and self._sandbox.ip:
            return self._sandbox.ip
        for candidate in search(name, self._sandbox.namespace):
            found = self._around.resolve(candidate)
            if found is not None:
                return found
        return outside(name)

    def http(self, host: str, port: int, path: str) -> HttpAnswer | None:
        address = self._address_of(host)
        if address is None:
            return None
        answer = self._around.http(self._sandbox.ip, address, port, path, self._now_ns)
        if answer is None and is_outside(address) and port in _WEB_PORTS:
            return HttpAnswer(200, f"<html><body>{host}</body></html>\n")
        return answer

    def tcp(self, host: str, port: int) -> bool:
        address = self._address_of(host)
        if address is None:
            return False
        return self._around.tcp(self._sandbox.ip, address, port, self._now_ns) or (is_outside(address) and port in _WEB_PORTS)

    def peers(self, group: str) -> tuple[PeerView, ...]:
        return self._around.peers(self._sandbox.ip, group)

    def files(self, volume: str) -> Mapping[str, str]:
        return self._volumes.get(volume, {})

    def write_error(self, volume: str) -> str:
        return disks.refusal(self._tables, volume)

    def address(self) -> str:
        return self._sandbox.ip

    def rand(self, name: str) -> float:
        return self._around.rand(f"{name}/{self._container.id}")

    def command(self, words: list[str]) -> Answer | None:
        return None

    def _address_of(self, host: str) -> str | None:
        return self._sandbox.ip if host in _LOOPBACK else self.resolve(host)


class Inside:
    """A world in which an image's own commands exist as well."""

    __slots__ = ("_world", "_answer")

    def __init__(self, world: World, answer: Callable[[list[str]], Answer | None]) -> None:
        self._world = world
        self._answer = answer

    def resolve(self, name: str) -> str | None:
        return self._world.resolve(name)

    def http(self, host: str, port: int, path: str) -> HttpAnswer | None:
        return self._world.http(host, port, path)

    def tcp(self, host: str, port: int) -> bool:
        return self._world.tcp(host, port)

    def peers(self, group: str) -> tuple[PeerView, ...]:
        return self._world.peers(group)

    def files(self, volume: str) -> Mapping[str, str]:
        return self._world.files(volume)

    def write_error(self, volume: str) -> str:
        return self._world.write_error(volume)

    def address(self) -> str:
        return self._world.address()

    def rand(self, name: str) -> float:
        return self._world.rand(name)

    def command(self, words: list[str]) -> Answer | None:
        return self._answer(words)


def outside(name: str) -> str | None:
    """Address of a site on the lab's own little internet, which has every name under a few public domains and nothing else.

    The documentation's init container fetches a page from there. Addresses are of TEST-NET-3 (RFC 5737).
    """
    name = name.rstrip(".").lower()
    if not _PUBLIC.fullmatch(name):
        return None
    return f"{_OUTSIDE}{1 + sha256(name.encode()).digest()[0] % 254}"


def is_outside(address: str) -> bool:
    """Whether an address is not the cluster's but of the lab's internet."""
    return address.startswith(_OUTSIDE)


def search(name: str, namespace: str) -> list[str]:
    """The fully qualified names tried for `name` in a pod of the namespace, in order."""
    if name.endswith("."):
        return [name[:-1]]
    domains = (f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN)
    completed = [f"{name}.{domain}" for domain in domains]
    return [*completed, name] if name.count(".") < _NDOTS else [name, *completed]
