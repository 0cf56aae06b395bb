"""What a runtime answers to each RPC: the request's dict, a call of the door, the answer's dict.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28. A request has what was set in it alone, so each field may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubelab.cri.api import CREATED, READY

Object = dict[str, Any]
Answer = Callable[[Any, Object], Object]
NOTHING: Object = {}
LARGEST_OUTPUT = 16 << 20  # upstream: the rest is dropped without a word (CVE-2022-1708)


def _filtered(request: Object, *names: str) -> Object:
    """The keyword arguments of a list: of a filter what it has."""
    given = request.get("filter", NOTHING)
    found = {_snake(name): given[name] for name in names if name in given}
    if "labelSelector" in given:
        found["labels"] = given["labelSelector"]
    return found


def _snake(name: str) -> str:
    return {"podSandboxId": "pod_sandbox_id"}.get(name, name)


def _in_state(request: Object, zero: str) -> Object:
    """A state asked for; the first of an enum is not on the wire."""
    given = request.get("filter", NOTHING).get("state")
    return {} if given is None else {"state": given.get("state", zero)}


def _done(result: None) -> Object:
    return {}


# -- RuntimeService ---------------------------------------------------------------------------------------------------------------
def _list_pod_sandbox(door: Any, request: Object) -> Object:
    return {"items": door.list_pod_sandbox(**_filtered(request, "id"), **_in_state(request, READY))}


def _pod_sandbox_status(door: Any, request: Object) -> Object:
    return {"status": door.pod_sandbox_status(request.get("podSandboxId", ""))}


def _run_pod_sandbox(door: Any, request: Object) -> Object:
    return dict(door.run_pod_sandbox(request.get("config", {}), request.get("runtimeHandler", "")))


def _create_container(door: Any, request: Object) -> Object:
    return dict(door.create_container(request.get("podSandboxId", ""), request.get("config", {}), request.get("sandboxConfig")))


def _stop_container(door: Any, request: Object) -> Object:
    return _done(door.stop_container(request.get("containerId", ""), max(0, request.get("timeout", 0))))


def _list_containers(door: Any, request: Object) -> Object:
    return {"containers": door.list_containers(**_filtered(request, "id", "podSandboxId"), **_in_state(request, CREATED))}


def _container_status(door: Any, request: Object) -> Object:
    return {"status": door.container_status(request.get("containerId", ""))}


def _update_container_resources(door: Any, request: Object) -> Object:
    return _done(door.update_container_resources(request.get("containerId", ""), request.get("linux", {})))


def _exec_sync(door: Any, request: Object) -> Object:
    found = door.exec_sync(request.get("containerId", ""), request.get("cmd", []), request.get("timeout", 0))
    return {**found, "stdout": _output(found["stdout"]), "stderr": _output(found["stderr"])}


def _output(text: str) -> bytes:
    return text.encode(errors="surrogateescape")[:LARGEST_OUTPUT]


def _streamed(request: Object) -> Object:
    return {name: request.get(name, False) for name in ("tty", "stdin", "stdout", "stderr")}


def _exec(door: Any, request: Object) -> Object:
    return dict(door.exec(request.get("containerId", ""), request.get("cmd", []), **_streamed(request)))


def _attach(door: Any, request: Object) -> Object:
    return dict(door.attach(request.get("containerId", ""), **_streamed(request)))


def _port_forward(door: Any, request: Object) -> Object:
    return dict(door.port_forward(request.get("podSandboxId", ""), request.get("port", [])))


def _checkpoint_container(door: Any, request: Object) -> Object:
    return _done(door.checkpoint_container(request.get("containerId", ""), request.get("location", ""), request.get("timeout", 0)))


def _list_container_stats(door: Any, request: Object) -> Object:
    return {"stats": door.list_container_stats(**_filtered(request, "id", "podSandboxId"))}


def _list_pod_sandbox_stats(door: Any, request: Object) -> Object:
    return {"stats": door.list_pod_sandbox_stats(**_filtered(request, "id"))}


# -- ImageService -----------------------------------------------------------------------------------------------------------------
def _list_images(door: Any, request: Object) -> Object:
    return {"images": door.list_images(request.get("filter", NOTHING).get("image", NOTHING).get("image", ""))}


def _image_status(door: Any, request: Object) -> Object:
    found = door.image_status(request.get("image", {}))
    return {} if found is None else {"image": found}


ANSWERS: dict[str, Answer] = {
    "Version": lambda door, request: dict(door.version()),
    "Status": lambda door, request: dict(door.status()),
    "RuntimeConfig": lambda door, request: dict(door.runtime_config()),
    "UpdateRuntimeConfig": lambda door, request: _done(door.update_runtime_config(request.get("runtimeConfig", {}))),
    "RunPodSandbox": _run_pod_sandbox,
    "StopPodSandbox": lambda door, request: _done(door.stop_pod_sandbox(request.get("podSandboxId", ""))),
    "RemovePodSandbox": lambda door, request: _done(door.remove_pod_sandbox(request.get("podSandboxId", ""))),
    "PodSandboxStatus": _pod_sandbox_status,
    "ListPodSandbox": _list_pod_sandbox,
    "CreateContainer": _create_container,
    "StartContainer": lambda door, request: _done(door.start_container(request.get("containerId", ""))),
    "StopContainer": _stop_container,
    "RemoveContainer": lambda door, request: _done(door.remove_container(request.get("containerId", ""))),
    "ListContainers": _list_containers,
    "ContainerStatus": _container_status,
    "UpdateContainerResources": _update_container_resources,
    "ReopenContainerLog": lambda door, request: _done(door.reopen_container_log(request.get("containerId", ""))),
    "ExecSync": _exec_sync,
    "Exec": _exec,
    "Attach": _attach,
    "PortForward": _port_forward,
    "CheckpointContainer": _checkpoint_container,
    "ContainerStats": lambda door, request: {"stats": door.container_stats(request.get("containerId", ""))},
    "ListContainerStats": _list_container_stats,
    "PodSandboxStats": lambda door, request: {"stats": door.pod_sandbox_stats(request.get("podSandboxId", ""))},
    "ListPodSandboxStats": _list_pod_sandbox_stats,
    "ListMetricDescriptors": lambda door, request: {"descriptors": door.list_metric_descriptors()},
    "ListPodSandboxMetrics": lambda door, request: {"podMetrics": door.list_pod_sandbox_metrics()},
    "ListImages": _list_images,
    "ImageStatus": _image_status,
    "PullImage": lambda door, request: dict(door.pull_image(request.get("image", {}))),
    "RemoveImage": lambda door, request: _done(door.remove_image(request.get("image", {}))),
    "ImageFsInfo": lambda door, request: dict(door.image_fs_info()),
}
