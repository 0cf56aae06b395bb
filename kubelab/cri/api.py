"""What the kubelet says to a container runtime, and what programs in containers say to the world.

Upstream: staging/src/k8s.io/cri-api/pkg/apis/{services.go, runtime/v1/api.proto}, 1.28. The messages are frozen dataclasses
with the proto's field names; the calls are those of RuntimeService and ImageService. `RuntimeService` is the seam behind which
the simulated runtime (`cri.runtime`) stands, and a real one can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from kubelab.cri.effects import Answer, Effect, ExecResult, HttpAnswer, PeerView
from kubelab.world.codec import value

if TYPE_CHECKING:
    from kubelab.cri.usage.machine import Capacity

CREATED, RUNNING, EXITED, UNKNOWN = "CONTAINER_CREATED", "CONTAINER_RUNNING", "CONTAINER_EXITED", "CONTAINER_UNKNOWN"
READY, NOTREADY = "SANDBOX_READY", "SANDBOX_NOTREADY"


class CriError(Exception):
    """A refusal of the runtime: `code` is the gRPC code's name (`NotFound`, `Unknown`, `DeadlineExceeded`, …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@value
@dataclass(frozen=True, slots=True)
class Mount:
    """A volume in a container: `volume` identifies the contents for the whole cluster, so they follow a claim to its next pod."""

    container_path: str
    volume: str
    readonly: bool = False
    sub_path: str = ""


@value
@dataclass(frozen=True, slots=True)
class LinuxResources:
    """LinuxContainerResources: CPU weight and quota in microseconds per period, memory limit in bytes (0: none), the OOM killer's bias."""

    cpu_shares: int = 2
    cpu_quota: int = 0
    cpu_period: int = 100_000
    memory_limit: int = 0
    oom_score_adj: int = 0


NO_RESOURCES = LinuxResources()


@value
@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """ContainerConfig of the CRI, with what the lab's programs need besides: declared ports and the pod's names.

    `command` and `args` are the pod's, already expanded; empty ones mean the image's own entry point. `labels` and `annotations` are the
    container's own where it was made `by_hand`; the kubelet leaves the pod's annotations here, and its own follow from the pod. `domain` is
    that of a pod with a subdomain, `user` are user, group and further groups where the pod names one of them.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""
    ports: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    namespace: str = "default"
    pod_name: str = ""
    pod_uid: str = ""
    hostname: str = ""
    attempt: int = 0
    memory_limit_bytes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    linux: LinuxResources = NO_RESOURCES
    by_hand: bool = False
    domain: str = ""
    user: tuple[int, ...] = ()


@value
@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """PodSandboxConfig; `ip` is what the network plug-in allotted (the CNI result in a real runtime).

    `linux` holds the whole pod's resources; `cpu_request_milli` is what its QoS class's cgroup adds up. `labels` are all that it has where it was made
    `by_hand`, and else the pod's, to which the kubelet adds its own.
    """

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    ip: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_directory: str = ""
    linux: LinuxResources = NO_RESOURCES
    cgroup_parent: str = ""
    cpu_request_milli: int = 0
    by_hand: bool = False


@value
@dataclass(frozen=True, slots=True)
class Sandbox:
    """PodSandboxStatus."""

    id: str
    config: SandboxConfig
    state: str
    created_ns: int
    stopped_ns: int = 0


@value
@dataclass(frozen=True, slots=True)
class Container:
    """ContainerStatus; `program` names the behaviour of `cri.programs` that runs in it."""

    id: str
    sandbox_id: str
    spec: ContainerSpec
    image_ref: str
    program: str
    state: str
    created_ns: int
    started_ns: int = 0
    finished_ns: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""


@value
@dataclass(frozen=True, slots=True)
class ImageRecord:
    """Image: `id` stands for the contents, `tags` and `digests` are the references it was pulled by."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size_bytes: int


class Surroundings(Protocol):
    """What a node's runtime asks of the cluster around it: names, packets, the members of a group."""

    def resolve(self, name: str) -> str | None:
        """IP address of a fully qualified DNS name (no trailing dot), None if there is none."""

    def http(self, source: str, host: str, port: int, path: str, now_ns: int) -> HttpAnswer | None:
        """GET from one IP address to another; None if the connection is refused or times out."""

    def tcp(self, source: str, host: str, port: int, now_ns: int) -> bool:
        """Whether a TCP connection between two IP addresses is accepted."""

    def peers(self, source: str, group: str) -> tuple[PeerView, ...]:
        """All containers in the cluster whose program belongs to the group, as seen from an IP address."""

    def rand(self, name: str) -> float:
        """Next number in [0, 1) of the named random stream."""

    def capacity(self) -> Capacity:
        """How large the machine is."""

    def changed(self, group: str, now_ns: int) -> None:
        """Members of the group have something new to look at: `poke` them."""


class World(Protocol):
    """What a program may ask, from inside its container; answers depend on the instant only."""

    def resolve(self, name: str) -> str | None:
        """IP address of a name, short ones completed as in the pod's resolv.conf; None if there is none."""

    def http(self, host: str, port: int, path: str) -> HttpAnswer | None:
        """GET to a name or IP address; None if it does not resolve, is refused or times out."""

    def tcp(self, host: str, port: int) -> bool:
        """Whether a TCP connection to a name or IP address is accepted."""

    def peers(self, group: str) -> tuple[PeerView, ...]:
        """All containers in the cluster whose program belongs to the group, as seen from the asking container."""

    def files(self, volume: str) -> Mapping[str, str]:
        """Contents of a mounted volume: path in the volume → text."""

    def write_error(self, volume: str) -> str:
        """Why a write to a volume ("": the container's own layer) fails: the C library's text, "" if it does not."""

    def address(self) -> str:
        """The pod's own IP address."""

    def rand(self, name: str) -> float:
        """Next number in [0, 1) of the named random stream."""

    def command(self, words: list[str]) -> Answer | None:
        """What a command of the image that the shell does not have answers; None: there is no such command."""


class Program(Protocol):
    """The behaviour of a container: pure functions over a state that is plain data (None for programs without any)."""

    name: str

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        """Whether this program runs what the image (as the pod spells it) and command say."""

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Any:
        """State at the container's start."""

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        """Runs until nothing more can happen at this instant."""

    def next_wake_ns(self, state: Any) -> int | None:
        """When `advance` must be called next; None if nothing is pending."""

    def probe_http(self, spec: ContainerSpec, state: Any, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        """Answer to a GET; None if the connection is refused."""

    def probe_tcp(self, spec: ContainerSpec, state: Any, port: int, now_ns: int, world: World) -> bool:
        """Whether a connection to the port is accepted."""

    def exec(
        self, spec: ContainerSpec, state: Any, argv: tuple[str, ...], now_ns: int, world: World
    ) -> tuple[ExecResult, Any, tuple[Effect, ...]]:
        """Runs a command inside the container."""

    def signal(self, spec: ContainerSpec, state: Any, sig: str, now_ns: int) -> Any:
        """Delivers TERM, INT, QUIT, …; what comes of it shows in the next `advance` (never KILL: the runtime's own)."""

    def read_file(self, spec: ContainerSpec, state: Any, path: str, world: World) -> str | None:
        """Text of a file as the container sees it (the kubelet reads the termination message so)."""

    def describe(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> dict[str, Any]:
        """What there is to show of it: role, leader, in-sync replicas, memory; plain values."""

    def demands(self, spec: ContainerSpec, world: World) -> Mapping[str, Any]:
        """What it uses, by resource (cpu, memory, disk, network): curves as ``Usage`` objects write them. Empty: as at rest."""

    def group(self, spec: ContainerSpec) -> str:
        """Name under which this container finds its peers, empty if it has none."""


class RuntimeService(Protocol):
    """The runtime of one node. Every call takes the present instant; how long an operation takes is the kubelet's matter."""

    def version(self) -> dict[str, str]: ...
    def status(self) -> dict[str, Any]: ...
    def run_pod_sandbox(self, config: SandboxConfig, now_ns: int) -> str: ...
    def stop_pod_sandbox(self, sandbox_id: str, now_ns: int) -> None: ...
    def remove_pod_sandbox(self, sandbox_id: str, now_ns: int) -> None: ...
    def pod_sandbox_status(self, sandbox_id: str) -> Sandbox: ...
    def list_pod_sandbox(self, *, id: str = "", state: str = "", labels: dict[str, str] | None = None) -> list[Sandbox]: ...
    def create_container(self, sandbox_id: str, spec: ContainerSpec, now_ns: int) -> str: ...
    def start_container(self, container_id: str, now_ns: int) -> None: ...
    def stop_container(self, container_id: str, timeout_ns: int, now_ns: int) -> None: ...
    def remove_container(self, container_id: str, now_ns: int) -> None: ...
    def container_status(self, container_id: str) -> Container: ...
    def list_containers(
        self, *, id: str = "", pod_sandbox_id: str = "", state: str = "", labels: dict[str, str] | None = None
    ) -> list[Container]: ...
    def exec_sync(self, container_id: str, argv: tuple[str, ...], now_ns: int, timeout_ns: int = 0) -> ExecResult: ...
    def pull_image(self, image: str, now_ns: int) -> str: ...
    def image_status(self, image: str) -> ImageRecord | None: ...
    def list_images(self) -> list[ImageRecord]: ...
    def remove_image(self, image: str) -> None: ...
