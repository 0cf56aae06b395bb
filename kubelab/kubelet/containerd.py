"""The runtime's own life on a node: programs go on when their time has come, containers end, and the kubelet hears of it.

upstream: containerd (github.com/containerd/containerd 1.7), pkg/kubelet/pleg/generic.go, 1.28. Keys: ``("tick",)`` when a container that is to
end has something to do, ``("idle-tick",)`` when one that runs for ever has; ``("poke", group)`` when members of a group shall look around.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from kubelab.cri.api import Container
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import Act, Batch, Key, Nudge, Plan
from kubelab.kubelet.durations import took
from kubelab.kubelet.network_world import Around
from kubelab.kubelet.pod.seen import relist_in_ns
from kubelab.kubelet.records import Stop
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

MESSAGE_LENGTH = 4096  # upstream: MaxContainerTerminationMessageLength, and …LogLength, …LogLines
LOG_LENGTH = 2048
LOG_LINES = 80
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Containerd:
    """The container runtime of the node ``machine``; it makes no calls."""

    name: str
    machine: str
    identity: Identity
    watches: ClassVar[tuple[Watch, ...]] = ()
    lanes: ClassVar[dict[str, int]] = {"": 0}
    max_retries: ClassVar[int | None] = None
    backoff: ClassVar[tuple[int, int]] = (SECOND, SECOND)
    background: ClassVar[frozenset[str]] = frozenset(("idle-tick",))

    @staticmethod
    def of(node_name: str) -> Containerd:
        identity = Identity(f"system:node:{node_name}", ("system:nodes", "system:authenticated"), "containerd", "containerd", node_name)
        return Containerd(f"containerd/{node_name}", node_name, identity)

    def client(self, timing: Timing) -> Client:
        return Client(timing.kubelet_qps, timing.kubelet_burst)

    def lane(self, key: Key) -> str:
        return ""

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        """Programs that were running go on."""
        return (("tick",),) if any(scope.local.get(table) for table in ("wakes", "kills", "exits", "ooms")) else ()

    def observe(self, scope: Scope, key: Key) -> Key:
        return key

    def plan(self, seen: Key) -> Plan:
        return Plan((Batch((Act(seen[0], seen[1:]),)),))

    def act(self, scope: Scope, act: Act) -> Plan:
        around = Around(scope)
        runtime = around.runtime(scope.local)
        if act.name == "poke":
            runtime.poke(act.arguments[0], scope.now_ns)
        exited = runtime.tick(scope.now_ns)
        for container in exited:
            _keep_message(scope, runtime, container)
        nudges = [*(self._tell(scope, container) for container in exited), *around.pokes(), *self._next(scope)]
        return Plan(nudge=tuple(nudges))

    def _tell(self, scope: Scope, container: Container) -> Nudge:
        """Who stops a container waits for it; any other end is seen at the PLEG's next look."""
        spec = container.spec
        stop: Stop | None = scope.local.get("stops", _NONE).get(container.id)
        after_ns = relist_in_ns(scope.local, scope.timing, scope.now_ns) if stop is None else scope.timing.container_stop_ns
        if stop is not None and 0 < stop.asked_ns < container.finished_ns:
            took(scope.local, "stop_container", container.finished_ns - stop.asked_ns + after_ns)
        return Nudge(f"kubelet/{self.machine}", ("pod", spec.pod_uid, spec.namespace, spec.pod_name), after_ns)

    def _next(self, scope: Scope) -> list[Nudge]:
        """The next ticks: one that counts as something moving, one that does not."""
        wakes, kills, finite = scope.local["wakes"], scope.local["kills"], scope.local.get("finite", _NONE)
        moving = [*kills.values(), *(at for container, at in wakes.items() if container in finite or container in kills)]
        idle = [at for container, at in wakes.items() if container not in finite and container not in kills]
        idle += scope.local["ooms"].values()
        out = [Nudge(self.name, ("tick",), max(0, min(moving) - scope.now_ns))] if moving else []
        return [*out, Nudge(self.name, ("idle-tick",), max(0, min(idle) - scope.now_ns))] if idle else out


def _keep_message(scope: Scope, runtime: SimulatedRuntime, container: Container) -> None:
    """What a container left as its last words stands in its status from now on.

    upstream: pkg/kubelet/kuberuntime/kuberuntime_container.go getTerminationMessage.
    """
    path, policy = scope.local.get("messages", _NONE).get(container.id, ("", ""))
    if not path or container.message:
        return
    text = (runtime.read_file(container.id, path, scope.now_ns) or "")[:MESSAGE_LENGTH]
    if not text and policy == "FallbackToLogsOnError" and container.exit_code != 0:
        lines = "".join(entry.text for entry in runtime.logs(container.id)).splitlines(keepends=True)[-LOG_LINES:]
        text = "".join(lines)[-LOG_LENGTH:]
    if text:
        scope.local["containers"][container.id] = replace(container, message=text)
