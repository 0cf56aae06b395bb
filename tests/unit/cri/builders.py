"""One-line builders for the runtime's tests: a world that answers, a small cluster of simulated nodes, a script's story."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from kubelab.cri import shell
from kubelab.cri.api import ContainerSpec, Mount, SandboxConfig
from kubelab.cri.effects import Answer, Exit, HttpAnswer, Log, PeerView
from kubelab.cri.runtime import SimulatedRuntime, empty_tables
from kubelab.cri.usage.machine import Capacity
from kubelab.world import codec

SECOND = 1_000_000_000


class FakeWorld:
    """Answers from tables; names appear at an instant."""

    def __init__(self, names: Mapping[str, str] | None = None, pages: Mapping[str, HttpAnswer] | None = None) -> None:
        self.names = dict(names or {})
        self.pages = dict(pages or {})
        self.contents: dict[str, dict[str, str]] = {}
        self.errors: dict[str, str] = {}

    def resolve(self, name: str) -> str | None:
        return self.names.get(name)

    def http(self, host: str, port: int, path: str) -> HttpAnswer | None:
        return self.pages.get(f"{host}:{port}{path}")

    def tcp(self, host: str, port: int) -> bool:
        return any(page.startswith(f"{host}:{port}/") for page in self.pages)

    def peers(self, group: str) -> tuple[PeerView, ...]:
        return ()

    def files(self, volume: str) -> Mapping[str, str]:
        return self.contents.get(volume, {})

    def write_error(self, volume: str) -> str:
        return self.errors.get(volume, "")

    def address(self) -> str:
        return "10.0.0.5"

    def rand(self, name: str) -> float:
        return 0.5

    def command(self, words: list[str]) -> Answer | None:
        return None


def story(
    script: str | tuple[str, ...],
    *,
    world: FakeWorld | None = None,
    signals: Mapping[float, str] | None = None,
    until: float = 1000,
    env: Mapping[str, str] | None = None,
    mounts: tuple[Mount, ...] = (),
    saved: bool = False,
) -> list[tuple[float, str]]:
    """What happened in a script, as (seconds, text): output (stderr marked `!`), and at the end `exit N` or `running`.

    `saved`: the shell is written to a file and read back at every stop.
    """
    argv = ("sh", "-c", script) if isinstance(script, str) else script
    around = world or FakeWorld()
    state = shell.start(argv, env=env or {}, hostname="web-0", mounts=mounts)
    due = {round(at * SECOND): sig for at, sig in (signals or {}).items()}
    now, lines = 0, []
    while True:
        state, effects = shell.advance(state, now, around)
        for effect in effects:
            if isinstance(effect, Log):
                lines.append((effect.time_ns / SECOND, ("!" if effect.stream == "stderr" else "") + effect.text))
            elif isinstance(effect, Exit):
                return [*lines, (effect.time_ns / SECOND, f"exit {effect.code}")]
        if saved:
            state = codec.decode(json.loads(json.dumps(codec.encode(state))))
        wake = shell.next_wake_ns(state)
        moments = [at for at in (wake, *due) if at is not None]
        if not moments or min(moments) > until * SECOND:
            return [*lines, (until, "running")]
        now = max(now, min(moments))
        if now in due:
            state = shell.signal(state, due.pop(now), now)


class Fabric:
    """`Surroundings` over all runtimes: `resolve` names, `reaches` says whether packets pass between two pod addresses."""

    def __init__(
        self,
        runtimes: Mapping[str, SimulatedRuntime],
        *,
        resolve: Callable[[str], str | None],
        rand: Callable[[str], float],
        reaches: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._runtimes = runtimes
        self._resolve = resolve
        self._rand = rand
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

    def capacity(self) -> Capacity:
        return Capacity.of(None)

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
        if self._reaches is not None and source != host and not self._reaches(source, host):
            return None
        for runtime in self._runtimes.values():
            if runtime.has_address(host):
                return runtime, host, port
        return None


class MiniCluster:
    """Nodes with runtimes over one fabric; pods are one container each, `name` to container id."""

    def __init__(self, nodes: int = 1) -> None:
        self.now = 0
        self.runtimes: dict[str, SimulatedRuntime] = {}
        self.volumes: dict[str, dict[str, str]] = {}
        self.dns: dict[str, str] = {}
        self.cut: set[str] = set()
        self.draws: list[float] = []
        self.fabric = Fabric(
            self.runtimes, resolve=self.dns.get, rand=lambda name: self.draws.pop(0) if self.draws else 0.5,
            reaches=lambda source, target: source not in self.cut and target not in self.cut,
        )  # fmt: skip
        for number in range(nodes):
            self.runtimes[f"node-{number + 1}"] = SimulatedRuntime(empty_tables(), self.volumes, self.fabric)
        self.where: dict[str, tuple[str, str, str]] = {}
        self.starts = 0

    def start(self, pod: str, image: str, node: str = "node-1", **fields: object) -> str:
        """Runs a pod's only container; answers its id."""
        self.starts += 1
        runtime = self.runtimes[node]
        address = f"10.0.0.{self.starts}"
        sandbox = runtime.run_pod_sandbox(SandboxConfig(pod, "default", f"uid-{self.starts}", hostname=pod, ip=address), self.now)
        if runtime.image_status(image) is None:
            runtime.pull_image(image, self.now)
        spec = ContainerSpec(name="main", image=image, pod_name=pod, hostname=pod, **fields)  # type: ignore[arg-type]
        container = runtime.create_container(sandbox, spec, self.now)
        self.where[pod] = (node, container, address)
        runtime.start_container(container, self.now)
        return container

    def next_wakes(self) -> list[int]:
        """When the nodes have something to do."""
        return [wake for runtime in self.runtimes.values() if (wake := runtime.next_wake_ns()) is not None]

    def run(self, seconds: float) -> None:
        """Lets virtual time pass."""
        end = self.now + round(seconds * SECOND)
        while True:
            wakes = self.next_wakes()
            if not wakes or min(wakes) > end:
                break
            self.now = max(self.now, min(wakes))
            for runtime in self.runtimes.values():
                runtime.tick(self.now)
        self.now = end

    def kill(self, pod: str, grace: float = 0) -> None:
        """Stops a pod's container."""
        node, container, _ = self.where[pod]
        self.runtimes[node].stop_container(container, round(grace * SECOND), self.now)

    def exec(self, pod: str, *argv: str) -> tuple[int, str]:
        """Exit code and output of a command in a pod."""
        node, container, _ = self.where[pod]
        result = self.runtimes[node].exec_sync(container, argv, self.now)
        return result.exit_code, result.terminal or result.output

    def http(self, pod: str, port: int, path: str) -> int | None:
        """Status code of a GET, None if refused."""
        node, container, _ = self.where[pod]
        answer = self.runtimes[node].probe_http(container, port, path, self.now)
        return None if answer is None else answer.code

    def tcp(self, pod: str, port: int) -> bool:
        """Whether a port is open."""
        node, container, _ = self.where[pod]
        return self.runtimes[node].probe_tcp(container, port, self.now)

    def about(self, pod: str) -> dict[str, object]:
        """What the pod's program shows."""
        node, container, _ = self.where[pod]
        return self.runtimes[node].describe(container, self.now)

    def log(self, pod: str) -> str:
        """The container's output."""
        node, container, _ = self.where[pod]
        return "".join(entry.text for entry in self.runtimes[node].logs(container))
