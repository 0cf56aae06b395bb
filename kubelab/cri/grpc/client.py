"""A client of any runtime that speaks the CRI: the calls and dicts of ``c.cri(node)``, over gRPC.

upstream: pkg/kubelet/cri/remote/{remote_runtime,remote_image}.go (deadlines, message size), 1.28; staging/src/k8s.io/cri-api. A refusal is a ``CriError``
with gRPC's code. What a real runtime answers has the same shape: every scalar, list and map of a message is there, a message that it did not send is not.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from kubelab.cri.api import CriError
from kubelab.cri.grpc import address as addresses
from kubelab.cri.grpc import messages
from kubelab.cri.grpc.codes import NAMES
from kubelab.cri.grpc.table import api

LARGEST_MESSAGE = 16 << 20
LARGEST_ANSWER = 64 << 20  # two streams of 16 MiB, as ExecSync may give, have room in it
DEADLINE_S = 120.0
SANDBOX_DEADLINE_S = 240.0
FIRST_WORD_S = 0.5
Object = dict[str, Any]


class Runtime:
    """A runtime at an address. ``timeout``: seconds that each call may take (None: the kubelet's own deadlines)."""

    def __init__(self, address: str | os.PathLike[str], timeout: float | None = None) -> None:
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < float("inf")):
            raise ValueError(f"timeout={timeout!r}: give seconds above 0, or None for the kubelet's deadlines")
        self._address = addresses.parse(address)
        self._timeout = timeout
        options = [("grpc.max_send_message_length", LARGEST_MESSAGE), ("grpc.max_receive_message_length", LARGEST_ANSWER)]
        self._channel = grpc.insecure_channel(self._address.target, options=options)
        self._calls: dict[str, grpc.UnaryUnaryMultiCallable] = {}

    @property
    def address(self) -> str:
        return str(self._address)

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<runtime at {self.address}>"

    def _ask(self, name: str, request: Object, deadline_s: float | None = DEADLINE_S) -> Object:
        """One RPC. Raises CriError."""
        method = api().methods[name]
        call = self._calls.get(name)
        if call is None:
            call = self._calls[name] = self._channel.unary_unary(method.path)
        try:
            answer = call(_encoded(method.request, request), timeout=deadline_s if self._timeout is None else self._timeout)
        except grpc.RpcError as error:
            raise self._refusal(error) from None
        except ValueError as error:  # "Cannot invoke RPC on closed channel!"
            raise CriError("Canceled", f"{self.address}: {error}") from None
        return messages.decode(method.answer, answer)

    def _refusal(self, error: grpc.RpcError) -> CriError:
        code = NAMES.get(error.code(), "Unknown")
        if code == "Unavailable":
            return CriError(code, f"nobody serves the CRI at {self.address}: {error.details()}")
        return CriError(code, error.details() or "")

    # -- the runtime ---------------------------------------------------------------------------------------------------------
    def version(self) -> Object:
        return self._ask("Version", {})

    def status(self) -> Object:
        return self._ask("Status", {})

    def runtime_config(self) -> Object:
        """RuntimeConfig: who makes cgroups."""
        return self._ask("RuntimeConfig", {})

    def update_runtime_config(self, config: Object) -> None:
        """UpdateRuntimeConfig: the node's pod CIDR, for network plug-ins that take it from the runtime."""
        self._ask("UpdateRuntimeConfig", {"runtimeConfig": config})

    # -- sandboxes -----------------------------------------------------------------------------------------------------------
    def run_pod_sandbox(self, config: Object, runtime_handler: str = "") -> Object:
        """RunPodSandbox: ``config`` has the proto's names; ``{"podSandboxId": …}``."""
        return self._ask("RunPodSandbox", {"config": config, "runtimeHandler": runtime_handler}, SANDBOX_DEADLINE_S)

    def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """StopPodSandbox: its containers are killed, its address is given back, all stays listed; of an unknown id nothing."""
        self._ask("StopPodSandbox", {"podSandboxId": pod_sandbox_id})

    def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """RemovePodSandbox: stopped and removed with its containers; of an unknown id nothing."""
        self._ask("RemovePodSandbox", {"podSandboxId": pod_sandbox_id})

    def pod_sandbox_status(self, pod_sandbox_id: str) -> Object:
        return self._part("PodSandboxStatus", {"podSandboxId": pod_sandbox_id}, "status")

    def list_pod_sandbox(self, *, id: str = "", state: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        return self._listed("ListPodSandbox", "items", id=id, state=state, labelSelector=labels)

    # -- containers ----------------------------------------------------------------------------------------------------------
    def create_container(self, pod_sandbox_id: str, config: Object, sandbox_config: Object | None = None) -> Object:
        """CreateContainer: ``config`` has the proto's names; ``{"containerId": …}``. The image must be there.

        Some runtimes want the sandbox's configuration too.
        """
        given = {} if sandbox_config is None else {"sandboxConfig": sandbox_config}
        return self._ask("CreateContainer", {"podSandboxId": pod_sandbox_id, "config": config, **given})

    def start_container(self, container_id: str) -> None:
        """StartContainer: only of a created one."""
        self._ask("StartContainer", {"containerId": container_id})

    def stop_container(self, container_id: str, timeout: int = 0) -> None:
        """StopContainer: TERM now, KILL after ``timeout`` seconds (0: at once); of one that does not run, or is unknown, nothing."""
        seconds = _seconds(timeout)
        self._ask("StopContainer", {"containerId": container_id, "timeout": seconds}, DEADLINE_S + seconds)

    def remove_container(self, container_id: str) -> None:
        """RemoveContainer: a running one is killed; of an unknown id nothing."""
        self._ask("RemoveContainer", {"containerId": container_id})

    def list_containers(
        self, *, id: str = "", pod_sandbox_id: str = "", state: str = "", labels: dict[str, str] | None = None
    ) -> list[Object]:
        return self._listed("ListContainers", "containers", id=id, podSandboxId=pod_sandbox_id, state=state, labelSelector=labels)

    def container_status(self, container_id: str) -> Object:
        return self._part("ContainerStatus", {"containerId": container_id}, "status")

    def update_container_resources(self, container_id: str, linux: Object) -> None:
        """UpdateContainerResources: ``linux`` has the proto's names (cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes, oomScoreAdj);
        what it leaves out stays.
        """
        self._ask("UpdateContainerResources", {"containerId": container_id, "linux": linux})

    def reopen_container_log(self, container_id: str) -> None:
        """ReopenContainerLog: of a running container, whose log goes on."""
        self._ask("ReopenContainerLog", {"containerId": container_id})

    def checkpoint_container(self, container_id: str, location: str = "", timeout: int = 0) -> None:
        """CheckpointContainer: of runtimes that can."""
        seconds = _seconds(timeout)
        self._ask("CheckpointContainer", {"containerId": container_id, "location": location, "timeout": seconds}, DEADLINE_S + seconds)

    def exec_sync(self, container_id: str, cmd: Sequence[str], timeout: int = 0) -> Object:
        """ExecSync; ``timeout`` in seconds, 0 for none. What is no UTF-8 in the output is replaced."""
        seconds = _seconds(timeout)
        request = {"containerId": container_id, "cmd": list(cmd), "timeout": seconds}
        found = self._ask("ExecSync", request, DEADLINE_S + seconds if seconds else None)
        return {**found, "stdout": found["stdout"].decode(errors="replace"), "stderr": found["stderr"].decode(errors="replace")}

    def exec(
        self, container_id: str, cmd: list[str], *, tty: bool = False, stdin: bool = False, stdout: bool = True, stderr: bool = False
    ) -> Object:
        """Exec: ``{"url": …}``, where a streaming server waits."""
        streams = {"tty": tty, "stdin": stdin, "stdout": stdout, "stderr": stderr}
        return self._ask("Exec", {"containerId": container_id, "cmd": cmd, **streams})

    def attach(self, container_id: str, *, tty: bool = False, stdin: bool = False, stdout: bool = True, stderr: bool = False) -> Object:
        """Attach: as ``exec``."""
        return self._ask("Attach", {"containerId": container_id, "tty": tty, "stdin": stdin, "stdout": stdout, "stderr": stderr})

    def port_forward(self, pod_sandbox_id: str, port: list[int] | None = None) -> Object:
        """PortForward: as ``exec``, of a sandbox."""
        return self._ask("PortForward", {"podSandboxId": pod_sandbox_id, "port": port or []})

    # -- stats ---------------------------------------------------------------------------------------------------------------
    def container_stats(self, container_id: str) -> Object:
        return self._part("ContainerStats", {"containerId": container_id}, "stats")

    def list_container_stats(self, *, id: str = "", pod_sandbox_id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        return self._listed("ListContainerStats", "stats", id=id, podSandboxId=pod_sandbox_id, labelSelector=labels)

    def pod_sandbox_stats(self, pod_sandbox_id: str) -> Object:
        return self._part("PodSandboxStats", {"podSandboxId": pod_sandbox_id}, "stats")

    def list_pod_sandbox_stats(self, *, id: str = "", labels: dict[str, str] | None = None) -> list[Object]:
        return self._listed("ListPodSandboxStats", "stats", id=id, labelSelector=labels)

    def list_metric_descriptors(self) -> list[Object]:
        return list(self._ask("ListMetricDescriptors", {})["descriptors"])

    def list_pod_sandbox_metrics(self) -> list[Object]:
        return list(self._ask("ListPodSandboxMetrics", {})["podMetrics"])

    # -- images --------------------------------------------------------------------------------------------------------------
    def list_images(self, image: str | Object = "") -> list[Object]:
        """ListImages: all, or the one that ``image`` names (of runtimes that filter)."""
        return list(self._ask("ListImages", {"filter": {"image": _image(image)}} if image else {})["images"])

    def image_status(self, image: str | Object) -> Object | None:
        """ImageStatus: by id, tag or digest; None if it is not there."""
        return self._ask("ImageStatus", {"image": _image(image)}).get("image")

    def pull_image(self, image: str | Object) -> Object:
        """PullImage: ``{"imageRef": …}``; it may take as long as it takes."""
        return self._ask("PullImage", {"image": _image(image)}, None)

    def remove_image(self, image: str | Object) -> None:
        """RemoveImage: by any of its names, all names go; of an unknown one nothing."""
        self._ask("RemoveImage", {"image": _image(image)})

    def image_fs_info(self) -> Object:
        return self._ask("ImageFsInfo", {})

    # -- events --------------------------------------------------------------------------------------------------------------
    def get_container_events(self) -> RemoteEvents:
        """GetContainerEvents: what happens to sandboxes and containers from now on."""
        method = api().methods["GetContainerEvents"]
        return RemoteEvents(self, self._channel.unary_stream(method.path)(_encoded(method.request, {})), method.answer)

    def _part(self, name: str, request: Object, part: str) -> Object:
        found = self._ask(name, request)
        if part not in found:
            raise CriError("Internal", f"{self.address}: {name} answered without {part!r}")
        return dict(found[part])

    def _listed(self, name: str, part: str, **given: Any) -> list[Object]:
        wanted = {field: value for field, value in given.items() if value}
        if "state" in wanted:
            wanted["state"] = {"state": wanted["state"]}
        return list(self._ask(name, {"filter": wanted} if wanted else {})[part])


class RemoteEvents:
    """The events of a runtime elsewhere, which come when they come: a thread of its own takes them in."""

    def __init__(self, runtime: Runtime, stream: Any, answer: str) -> None:
        self._stream = stream
        self._kept: deque[Object] = deque()
        self._come = threading.Condition()
        self._error: CriError | None = None
        self._runtime = runtime
        self._taken = False
        self.closed = False
        threading.Thread(target=self._take, args=(answer,), name="kubelab-cri-events", daemon=True).start()
        self._begun()

    def read(self, timeout: float = 0) -> list[Object]:
        """What has come since the last look; if nothing has, it waits up to ``timeout`` seconds. Raises CriError once the stream has broken."""
        until = time.monotonic() + timeout  # order-free: a runtime elsewhere is waited for in real time
        with self._come:
            while not (self._kept or self.closed or self._error):
                left = until - time.monotonic()  # order-free: as above
                if left <= 0:
                    break
                self._come.wait(left)
            found = list(self._kept)
            self._kept.clear()
            if not found and self._error is not None and not self.closed:
                raise self._error
            return found

    def __iter__(self) -> Iterator[Object]:
        """What has come so far, as ``read()``."""
        return iter(self.read())

    def close(self) -> None:
        """Hear no more."""
        with self._come:
            self.closed = True
            self._come.notify_all()
        self._stream.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _begun(self) -> None:
        """Wait until the runtime has taken the request, if it says so: what happens from now on is heard. Raises CriError if it refuses."""
        with self._come:
            self._come.wait_for(self._answered, FIRST_WORD_S)
            if self._error is not None:
                raise self._error

    def _answered(self) -> bool:
        return self._taken or self._error is not None

    def _take(self, answer: str) -> None:
        try:
            self._stream.initial_metadata()
            with self._come:
                self._taken = True
                self._come.notify_all()
            for wire in self._stream:
                event = messages.decode(answer, wire)
                with self._come:
                    self._kept.append(event)
                    self._come.notify_all()
            ended = CriError("Unavailable", f"{self._runtime.address}: the stream of events has ended")
        except grpc.RpcError as error:
            ended = self._runtime._refusal(error)
        with self._come:
            self._error = ended
            self._come.notify_all()


def connect(address: str | os.PathLike[str], *, timeout: float | None = None) -> Runtime:
    """See ``kubelab.cri.connect``."""
    found = Runtime(address, timeout)
    try:
        found.version()
    except CriError as error:
        found.close()
        if error.code == "Unimplemented":  # a runtime of before 1.23, or no runtime. upstream: remote_runtime.go validateServiceConnection
            raise CriError(error.code, f'validate CRI v1 runtime API for endpoint "{found.address}": {error.message}') from None
        raise
    return found


def _encoded(message: str, content: Object) -> bytes:
    try:
        return messages.encode(message, content)
    except messages.NotSuch as error:
        raise CriError("InvalidArgument", str(error)) from None


def _image(image: str | Object) -> Object:
    if isinstance(image, str) and image:
        return {"image": image}
    if isinstance(image, dict) and isinstance(image.get("image"), str) and image["image"]:
        return image
    raise CriError("InvalidArgument", f'{image!r} is not an image: write "nginx:1.25" or {{"image": "nginx:1.25"}}')


def _seconds(timeout: float) -> int:
    """Whole seconds, as the wire has them, rounded up."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < 2**31:
        raise CriError("InvalidArgument", f"timeout: {timeout!r} is not a number of seconds of at least 0")
    return -int(-timeout // 1)
