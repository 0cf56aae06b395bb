"""The door to a node's runtime for people: the CRI's calls in snake_case with plain dicts in the proto's JSON names, logs, exec.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, pkg/kubelet/server/server.go (containerLogs, exec), 1.28. A call may wake
programs; ``nudges`` then holds what the engine has to pass on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from kubelab.cri import metrics, stats
from kubelab.cri.api import Container, ContainerSpec, CriError, ImageRecord, Sandbox, SandboxConfig
from kubelab.cri.effects import ExecResult
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Scope
from kubelab.engine.plan import Nudge
from kubelab.kubelet import hanging
from kubelab.kubelet.cri_work import CriWork, image_name, known_id
from kubelab.kubelet.network_world import Around
from kubelab.kubelet.pod.probing import taken_up_again
from kubelab.kubelet.pod.starting import tick_nudges
from kubelab.kubelet.records import Instances, PodRecord
from kubelab.kubelet.static_pods import own_uid
from kubelab.world.clock import SECOND, rfc3339_micro

Object = dict[str, Any]
_NONE: dict[str, Any] = {}


class CriDoor(CriWork):
    """The runtime of the node whose kubelet's scope ``look`` gives, as it is at each call; ``pass_on`` takes what calls set in motion."""

    def __init__(self, look: Callable[[], Scope], pass_on: Callable[[Nudge], None] | None = None) -> None:
        self._look = look
        self._pass_on = pass_on
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

    def version(self) -> Object:
        return self.runtime.version()

    def status(self) -> Object:
        return self.runtime.status()

    def list_pod_sandbox(self, *, id: str = "", state: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        return [_sandbox(item) for item in self.runtime.list_pod_sandbox(id=id, state=state, labels=labels)]

    def pod_sandbox_status(self, pod_sandbox_id: str) -> Object:
        runtime = self.runtime
        sandbox = runtime.pod_sandbox_status(known_id(runtime.tables["sandboxes"], pod_sandbox_id))
        return {**_sandbox(sandbox), "network": {"ip": sandbox.config.ip}}

    def list_containers(
        self, *, id: str = "", pod_sandbox_id: str = "", state: str = "", labels: dict[str, str] | None = None
    ) -> list[Object]:
        found = self.runtime.list_containers(id=id, pod_sandbox_id=pod_sandbox_id, state=state, labels=labels)
        return [self._container(item) for item in found]

    def container_status(self, container_id: str) -> Object:
        runtime = self.runtime
        container = runtime.container_status(known_id(runtime.tables["containers"], container_id))
        return {
            **self._container(container),
            "startedAt": container.started_ns,
            "finishedAt": container.finished_ns,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "message": container.message,
            "logPath": _log_path(runtime.pod_sandbox_status(container.sandbox_id).config, container.spec),
            "mounts": [
                {"containerPath": mount.container_path, "hostPath": mount.volume, "readonly": mount.readonly}
                for mount in container.spec.mounts
            ],
        }

    def _container(self, container: Container) -> Object:
        spec = container.spec
        pod = self._look().view.get("pods", spec.namespace, spec.pod_name)
        own = pod is not None and own_uid(pod) == spec.pod_uid
        return {
            "id": container.id,
            "podSandboxId": container.sandbox_id,
            "metadata": {"name": spec.name, "attempt": spec.attempt},
            "image": {"image": spec.image},
            "imageRef": container.image_ref,
            "state": container.state,
            "createdAt": container.created_ns,
            "labels": stats.labels_of(spec),
            "annotations": {**stats.annotations_of(spec), **(_annotations(pod, spec.name) if pod is not None and own else {})},
        }

    def list_images(self, image: str | Object = "") -> list[Object]:
        """ListImages: all, or the one that ``image`` names."""
        if not image:
            return [_image(each) for each in self.runtime.list_images()]
        found = self.runtime.image_status(image_name(image))
        return [] if found is None else [_image(found)]

    def image_status(self, image: str | Object) -> Object | None:
        """ImageStatus: by id, tag or digest; None if it is not there."""
        found = self.runtime.image_status(image_name(image))
        return None if found is None else _image(found)

    def exec_sync(self, container_id: str, cmd: Sequence[str], timeout: int = 0) -> Object:
        """ExecSync; ``timeout`` in seconds, 0 for none."""
        result = self.execute(container_id, tuple(cmd), timeout)
        return {"stdout": result.output, "stderr": result.stderr, "exitCode": result.exit_code}

    def execute(self, container_id: str, argv: tuple[str, ...], timeout: int = 0) -> ExecResult:
        scope = self._look()
        hanging.refuse(scope.local)
        self._around = Around(scope)
        runtime = self._around.runtime(scope.local)
        container_id = known_id(scope.local["containers"], container_id)
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
        return stats.container_stats(tables, known_id(tables["containers"], container_id), self._look().now_ns)

    def list_container_stats(self, *, id: str = "", pod_sandbox_id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        now_ns = self._look().now_ns
        return stats.list_container_stats(self.runtime.tables, now_ns, id=id, pod_sandbox_id=pod_sandbox_id, labels=labels)

    def pod_sandbox_stats(self, pod_sandbox_id: str) -> Object:
        tables = self.runtime.tables
        return stats.pod_sandbox_stats(tables, known_id(tables["sandboxes"], pod_sandbox_id), self._look().now_ns)

    def list_pod_sandbox_stats(self, *, id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        return stats.list_pod_sandbox_stats(self.runtime.tables, self._look().now_ns, id=id, labels=labels)

    def image_fs_info(self) -> Object:
        return stats.image_fs_info(self.runtime.tables, self._look().now_ns)

    def list_metric_descriptors(self) -> list[Object]:
        return metrics.list_metric_descriptors()

    def list_pod_sandbox_metrics(self) -> list[Object]:
        runtime = self.runtime
        return metrics.list_pod_sandbox_metrics(runtime.tables, self._around.capacity(), self._look().now_ns)

    def _tell(self, woken: tuple[Nudge, ...]) -> None:
        self._woken += woken
        if self._pass_on is not None:
            for nudge in woken:
                self._pass_on(nudge)


def _image(image: ImageRecord) -> Object:
    return {"id": image.id, "repoTags": list(image.tags), "repoDigests": list(image.digests), "size": image.size_bytes}


def _sandbox(sandbox: Sandbox) -> Object:
    config = sandbox.config
    return {
        "id": sandbox.id,
        "metadata": {"name": config.name, "uid": config.uid, "namespace": config.namespace, "attempt": config.attempt},
        "state": sandbox.state,
        "createdAt": sandbox.created_ns,
        "labels": dict(config.labels),
        "annotations": dict(config.annotations),
    }


def _annotations(pod: Object, name: str) -> dict[str, str]:
    """What the kubelet writes beside the restart count. upstream: pkg/kubelet/kuberuntime/labels.go newContainerAnnotations."""
    spec = pod["spec"]
    parts = (*spec["containers"], *(spec.get("initContainers") or ()), *(spec.get("ephemeralContainers") or ()))
    container = next((each for each in parts if each["name"] == name), None)
    if container is None:
        return {}
    found = {
        "io.kubernetes.container.terminationMessagePath": container.get("terminationMessagePath", ""),
        "io.kubernetes.container.terminationMessagePolicy": container.get("terminationMessagePolicy", ""),
    }
    if pod["metadata"].get("deletionGracePeriodSeconds") is not None:
        found["io.kubernetes.pod.deletionGracePeriod"] = str(pod["metadata"]["deletionGracePeriodSeconds"])
    if spec.get("terminationGracePeriodSeconds") is not None:
        found["io.kubernetes.pod.terminationGracePeriod"] = str(spec["terminationGracePeriodSeconds"])
    if (hook := (container.get("lifecycle") or _NONE).get("preStop")) is not None:
        found["io.kubernetes.container.preStopHandler"] = json.dumps(hook, separators=(",", ":"))
    if ports := container.get("ports"):
        found["io.kubernetes.container.ports"] = json.dumps(ports, separators=(",", ":"))
    return found


def _log_path(sandbox: SandboxConfig, spec: ContainerSpec) -> str:
    """Where a container's log lies. upstream: pkg/kubelet/kuberuntime/helpers.go BuildContainerLogsDirectory, buildContainerLogsPath."""
    folder = sandbox.log_directory or f"/var/log/pods/{sandbox.namespace}_{sandbox.name}_{sandbox.uid}"
    return f"{folder}/{spec.log_path or f'{spec.name}/{spec.attempt}.log'}"


def runtime_of(look: Callable[[], Scope], pass_on: Callable[[Nudge], None] | None = None) -> CriDoor:
    """What ``c.cri(node)`` gives; ``look`` gives the scope of the node's kubelet, ``pass_on`` goes to the engine."""
    return CriDoor(look, pass_on)


def _instances(scope: Scope, pod: Object, name: str) -> Instances:
    record: PodRecord | None = scope.local.get("records", _NONE).get(own_uid(pod))
    found = record.containers.get(name) if record is not None else None
    if found is None:
        waiting = f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: ContainerCreating'
        raise CriError("InvalidArgument", waiting)
    return found


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
    """What a container has written. Raises CriError where there is nothing to read yet.

    upstream: pkg/kubelet/kubelet_pods.go validateContainerLogStatus.
    """
    instances = _instances(scope, pod, container)
    container_id = instances.previous if previous else instances.current
    if not container_id:
        text = f'previous terminated container "{container}" in pod "{pod["metadata"]["name"]}" not found'
        raise CriError("InvalidArgument", text)
    lines: list[str] = []
    open_line = False
    for entry in scope.local.get("logs", _NONE).get(container_id, ()):
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
    """Run a command in a pod's container: its result, and what the engine has to pass on. Raises CriError."""
    door = CriDoor(lambda: scope)
    result = door.execute(_instances(scope, pod, container).current, tuple(argv))
    return result, door.nudges
