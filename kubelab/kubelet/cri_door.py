"""The door to a node's runtime for people: the CRI's calls in snake_case with plain dicts in the proto's JSON names, logs, exec.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, pkg/kubelet/server/server.go (containerLogs, exec), 1.28. A call may wake
programs; ``nudges`` then holds what the engine has to pass on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from kubelab.cri import metrics, stats
from kubelab.cri.api import RUNNING, CriError, SandboxConfig
from kubelab.cri.effects import ExecResult
from kubelab.cri.events import ContainerEvents, Happened
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Scope
from kubelab.engine.plan import Nudge
from kubelab.kubelet import cri_dicts, hanging, logs
from kubelab.kubelet.cri_work import FIND_SANDBOX, NO_ID, CriWork, Unclear, image_name, known_id, worded
from kubelab.kubelet.network_world import Around
from kubelab.kubelet.pod.probing import taken_up_again
from kubelab.kubelet.pod.starting import tick_nudges
from kubelab.kubelet.records import Instances, PodRecord
from kubelab.kubelet.static_pods import own_uid
from kubelab.world.clock import SECOND, format_duration, rfc3339_micro
from kubelab.world.turns import ALONE, Turn, taking_turns

if TYPE_CHECKING:
    from kubelab.cri.grpc.server import Server

Object = dict[str, Any]
_NONE: dict[str, Any] = {}
WAITING = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}


class Outside(NamedTuple):
    """What a door needs of the cluster around it: ``pass_on`` takes what calls set in motion, ``turn`` is taken by every call, ``listen`` lets
    somebody hear of the runtime's events, and ``look`` tells who listens that something may have happened.
    """

    pass_on: Callable[[Nudge], None] | None = None
    turn: Turn = ALONE
    listen: Callable[[ContainerEvents], None] | None = None
    look: Callable[[], None] | None = None


@taking_turns
class CriDoor(CriWork):
    """The runtime of the node whose kubelet's scope ``look`` gives, as it is at each call."""

    def __init__(self, look: Callable[[], Scope], outside: Outside | None = None) -> None:
        self._look = look
        self._outside = outside or Outside()
        self._turn = self._outside.turn
        self._around = Around(look())
        self._woken: tuple[Nudge, ...] = ()

    @property
    def runtime(self) -> SimulatedRuntime:
        """The runtime now. Raises CriError if it does not answer."""
        hanging.refuse(self._look().local)
        return self._around.runtime(self._look().local)

    @property
    def nudges(self) -> tuple[Nudge, ...]:
        """What the calls so far have set in motion."""
        return self._woken

    @property
    def off(self) -> bool:
        """Whether its machine is switched off: what is on its disks can still be looked at from here, but it serves nobody."""
        return bool(self._look().local.get("off"))

    def version(self) -> Object:
        return self.runtime.version()

    def status(self) -> Object:
        conditions = self.runtime.status()["status"]["conditions"]
        return {"status": {"conditions": [{**each, "reason": "", "message": ""} for each in conditions]}, "info": {}}

    def list_pod_sandbox(self, *, id: str = "", state: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        found = self.runtime.list_pod_sandbox(id=self._sought("sandboxes", id), state=state, labels=labels)
        return [cri_dicts.sandbox(item, self._pod_of(item.config)) for item in found]

    def pod_sandbox_status(self, pod_sandbox_id: str) -> Object:
        runtime = self.runtime
        with worded(FIND_SANDBOX):
            sandbox = runtime.pod_sandbox_status(known_id(runtime.tables["sandboxes"], pod_sandbox_id))
        return cri_dicts.sandbox_status(sandbox, self._pod_of(sandbox.config))

    def list_containers(
        self, *, id: str = "", pod_sandbox_id: str = "", state: str = "", labels: dict[str, str] | None = None
    ) -> list[Object]:
        id, pod_sandbox_id = self._sought("containers", id), self._sought("sandboxes", pod_sandbox_id)
        found = self.runtime.list_containers(id=id, pod_sandbox_id=pod_sandbox_id, state=state, labels=labels)
        boxes = self.runtime.tables["sandboxes"]
        return [cri_dicts.container(item, self._pod_of(boxes[item.sandbox_id].config)) for item in found]

    def container_status(self, container_id: str) -> Object:
        runtime = self.runtime
        container = runtime.container_status(self._container_id(runtime.tables, container_id))
        config = runtime.pod_sandbox_status(container.sandbox_id).config
        return cri_dicts.container_status(container, config, self._pod_of(config))

    def _sought(self, table: str, given: str) -> str:
        """An id in a filter: a shortened one counts if it names one; if several begin so, it is taken as it stands, and nothing is found.

        upstream: containerd 1.7 pkg/cri/server/container_list.go normalizeContainerFilter.
        """
        try:
            return known_id(self.runtime.tables[table], given) if given else ""
        except Unclear:
            return NO_ID

    def _pod_of(self, config: SandboxConfig) -> Object | None:
        """The pod for which the kubelet has made a sandbox."""
        pod = None if config.by_hand else self._look().view.get("pods", config.namespace, config.name)
        return pod if pod is not None and own_uid(pod) == config.uid else None

    def list_images(self, image: str | Object = "") -> list[Object]:
        """ListImages: all, or the one that ``image`` names."""
        if not image:
            return [cri_dicts.image(each) for each in self.runtime.list_images()]
        found = self.runtime.image_status(image_name(image))
        return [] if found is None else [cri_dicts.image(found)]

    def image_status(self, image: str | Object) -> Object | None:
        """ImageStatus: by id, tag or digest; None if it is not there."""
        found = self.runtime.image_status(image_name(image))
        return None if found is None else cri_dicts.image(found)

    def exec_sync(self, container_id: str, cmd: Sequence[str], timeout: int = 0) -> Object:
        """ExecSync; ``timeout`` in seconds, 0 for none."""
        head = "failed to exec in container: "
        with worded(f'{head}failed to find container "{container_id}" in store', in_state=head):
            hanging.refuse(self._look().local)
            try:
                result = self.execute(container_id, tuple(cmd), timeout)
            except CriError as error:
                if error.code != "DeadlineExceeded":
                    raise
                length = format_duration(round(timeout * SECOND))
                raise CriError(error.code, f"{head}timeout {length} exceeded: context deadline exceeded") from None
        return {"stdout": result.output, "stderr": result.stderr, "exitCode": result.exit_code}

    def execute(self, container_id: str, argv: tuple[str, ...], timeout: int = 0) -> ExecResult:
        scope = self._look()
        hanging.refuse(scope.local)
        self._around = Around(scope)
        runtime = self._around.runtime(scope.local)
        container_id = known_id(scope.local["containers"], container_id)
        if not argv and runtime.container_status(container_id).state == RUNNING:
            exec_id = sha256(f"exec {container_id}".encode()).hexdigest()
            words = "OCI runtime exec failed: exec failed: args must not be empty: unknown"
            raise CriError("Unknown", f'failed to exec in container: failed to start exec "{exec_id}": {words}')
        steady = container_id not in scope.local["states"]
        result = runtime.exec_sync(container_id, argv, scope.now_ns, timeout * SECOND)
        woken = (*tick_nudges(scope, runtime, container_id), *self._around.pokes())
        woken += taken_up_again(scope, container_id) if steady else ()
        self._tell(woken)
        return result

    # -- stats ---------------------------------------------------------------------------------------------------------------
    def runtime_config(self) -> Object:
        """RuntimeConfig: who makes cgroups."""
        return {"linux": {"cgroupDriver": "CGROUPFS"}}

    def container_stats(self, container_id: str) -> Object:
        tables = self.runtime.tables
        with worded("failed to find container"):
            return stats.container_stats(tables, known_id(tables["containers"], container_id), self._look().now_ns)

    def list_container_stats(self, *, id: str = "", pod_sandbox_id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        now_ns = self._look().now_ns
        id, pod_sandbox_id = self._sought("containers", id), self._sought("sandboxes", pod_sandbox_id)
        return stats.list_container_stats(self.runtime.tables, now_ns, id=id, pod_sandbox_id=pod_sandbox_id, labels=labels)

    def pod_sandbox_stats(self, pod_sandbox_id: str) -> Object:
        tables = self.runtime.tables
        with worded(f"an error occurred when trying to find sandbox {pod_sandbox_id}"):
            return stats.pod_sandbox_stats(tables, known_id(tables["sandboxes"], pod_sandbox_id), self._look().now_ns)

    def list_pod_sandbox_stats(self, *, id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        return stats.list_pod_sandbox_stats(self.runtime.tables, self._look().now_ns, id=self._sought("sandboxes", id), labels=labels)

    def image_fs_info(self) -> Object:
        return stats.image_fs_info(self.runtime.tables, self._look().now_ns)

    def list_metric_descriptors(self) -> list[Object]:
        return metrics.list_metric_descriptors()

    def list_pod_sandbox_metrics(self) -> list[Object]:
        runtime = self.runtime
        return metrics.list_pod_sandbox_metrics(runtime.tables, self._around.capacity(), self._look().now_ns)

    # -- events, and the door for others -------------------------------------------------------------------------------------------
    def get_container_events(self) -> ContainerEvents:
        """GetContainerEvents: what happens to sandboxes and containers from now on."""
        events = ContainerEvents()
        self.tell_events(events)
        return events

    def tell_events(self, events: ContainerEvents) -> None:
        """Let somebody hear of what happens from now on, until it is closed or forgotten."""
        if self._outside.listen is None:
            raise CriError("Unimplemented", "there is no cluster around this runtime that could tell of events")
        self._outside.listen(events)

    def event(self, event: Happened) -> Object:
        """An event as ContainerEventResponse."""
        found: Object = {"containerId": event.id, "containerEventType": event.type, "createdAt": event.time_ns, "containersStatuses": []}
        if event.sandbox is not None:
            config, pod = event.sandbox.config, self._pod_of(event.sandbox.config)
            found["podSandboxStatus"] = cri_dicts.sandbox_status(event.sandbox, pod)
            found["containersStatuses"] = [cri_dicts.container_status(each, config, pod) for each in event.containers]
        return found

    def serve(self, address: str = "") -> Server:
        """Serve the CRI over gRPC to kubelet, crictl and other clients, in threads of its own, until the handle that it returns is closed.

        ``address``: ``unix:///path/to.sock`` (without one: a socket in a new folder) or ``127.0.0.1:PORT`` (0: any). ValueError where nobody could
        listen, ImportError without the extra ``cri``.
        """
        from kubelab.cri.grpc.extra import require

        require()
        from kubelab.cri.grpc.server import Server

        return Server(self, address)

    def _tell(self, woken: tuple[Nudge, ...]) -> None:
        self._woken += woken
        if self._outside.pass_on is not None:
            for nudge in woken:
                self._outside.pass_on(nudge)
        if self._outside.look is not None:
            self._outside.look()


def runtime_of(look: Callable[[], Scope], outside: Outside | None = None) -> CriDoor:
    """What ``c.cri(node)`` gives; ``look`` gives the scope of the node's kubelet."""
    return CriDoor(look, outside)


def _instances(scope: Scope, pod: Object, name: str) -> Instances | None:
    record: PodRecord | None = scope.local.get("records", _NONE).get(own_uid(pod))
    return record.containers.get(name) if record is not None else None


def _no_log(pod: Object, name: str) -> str:
    """Why there is nothing to read of a container that has not run."""
    status, which = pod.get("status") or _NONE, f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    known = [entry for group in ("containerStatuses", "initContainerStatuses") for entry in status.get(group) or ()]
    state = next((entry.get("state") or _NONE for entry in known if entry["name"] == name), None)
    if state is None and known:
        return f"{which} is not available"
    if state is not None and "terminated" in state:
        return f"{which} is terminated"
    reason = ((state or _NONE).get("waiting") or _NONE).get("reason") or "ContainerCreating"
    return f"{which} is waiting to start: {WAITING.get(reason, reason)}"


def container_logs(
    scope: Scope,
    pod: Object,
    container: str,
    *,
    previous: bool = False,
    tail_lines: int | None = None,
    since_ns: int = 0,
    timestamps: bool = False,
) -> str:
    """What a container has written, as far as it stands in the file that it writes to. Raises CriError where there is nothing to read yet.

    upstream: pkg/kubelet/kubelet_pods.go validateContainerLogStatus.
    """
    instances = _instances(scope, pod, container)
    container_id = instances and (instances.previous if previous else instances.current)
    if not container_id:
        missing = f'previous terminated container "{container}" in pod "{pod["metadata"]["name"]}" not found'
        raise CriError("InvalidArgument", missing if previous else _no_log(pod, container))
    lines: list[str] = []
    open_line = False
    node = scope.view.get("nodes", "", pod["spec"].get("nodeName", ""))
    policy = logs.DEFAULT if node is None else logs.policy_of(node)
    for entry in logs.live(scope.local, container_id, policy, scope.now_ns):
        if entry.time_ns < since_ns:
            continue
        for piece in entry.text.splitlines(keepends=True):
            if open_line:
                lines[-1] += piece
            else:
                lines.append(f"{rfc3339_micro(entry.time_ns)} {piece}" if timestamps else piece)
            open_line = not piece.endswith("\n")
    if tail_lines is not None:
        lines = lines[-tail_lines:] if tail_lines > 0 else []
    return "".join(lines)


def exec_in(scope: Scope, pod: Object, container: str, argv: Sequence[str]) -> tuple[ExecResult, tuple[Nudge, ...]]:
    """Run a command in a pod's container: its result, and what the engine has to pass on. Raises CriError.

    upstream: pkg/kubelet/kubelet_pods.go GetExec.
    """
    door, instances = CriDoor(lambda: scope), _instances(scope, pod, container)
    current = scope.local["containers"].get(instances.current) if instances is not None else None
    if current is None or current.state != RUNNING:
        raise CriError("Unknown", f'container not found ("{container}")')
    result = door.execute(current.id, tuple(argv))
    return result, door.nudges
