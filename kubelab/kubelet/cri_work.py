"""The half of the CRI's door that does something: sandboxes, containers and images made, stopped and removed by hand.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28; containerd internal/cri/server (codes, words); spec/cri-metrics.md 1.
Calls act at once and pass no time: a container that has been told to stop ends when its program does or its time is over. Ids may be
shortened, as containerd's indexes allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kubelab.cri.api import READY, RUNNING, ContainerSpec, CriError, LinuxResources, Mount, SandboxConfig
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.cri.shell.who import identity
from kubelab.engine.component import Scope
from kubelab.engine.plan import Nudge
from kubelab.kubelet import hanging
from kubelab.kubelet.addresses import NoAddress, allocate, release
from kubelab.kubelet.network_world import Around
from kubelab.kubelet.pod.starting import tick_nudges
from kubelab.world.clock import LONGEST_S, SECOND

Object = dict[str, Any]
HANDLERS = ("", "runc")
LINUX_FIELDS = {
    "cpuShares": "cpu_shares",
    "cpuQuota": "cpu_quota",
    "cpuPeriod": "cpu_period",
    "memoryLimitInBytes": "memory_limit",
    "oomScoreAdj": "oom_score_adj",
}
NO_ID = "-"  # ids are hexadecimal
FIND_CONTAINER = "an error occurred when try to find container"
FIND_SANDBOX = "an error occurred when try to find sandbox"
UNMODELLED = ("cpusetCpus", "cpusetMems", "hugepageLimits", "unified", "memorySwapLimitInBytes")
STREAMS = "streams over a socket are not served by the lab's runtime: use exec_sync(…), c.logs(…) or c.exec(…)"


class CriWork:
    """RPCs that change the runtime of the node whose kubelet's scope ``_look`` gives; ``_tell`` takes what they set in motion."""

    _look: Callable[[], Scope]

    def _tell(self, woken: tuple[Nudge, ...]) -> None:
        raise NotImplementedError

    def _open(self) -> tuple[Scope, Around, SimulatedRuntime]:
        """What a call works on. Raises CriError if the runtime does not answer."""
        scope = self._look()
        hanging.refuse(scope.local)
        around = Around(scope)
        return scope, around, around.runtime(scope.local)

    def _done(self, scope: Scope, around: Around, runtime: SimulatedRuntime, container_ids: Iterable[str] = ()) -> None:
        woken = [nudge for each in container_ids for nudge in tick_nudges(scope, runtime, each)]
        self._tell((*dict.fromkeys(woken), *around.pokes()))

    def _container_id(self, tables: Mapping[str, Mapping[str, Any]], given: str) -> str:
        """The whole id of a container, as most RPCs look for it."""
        with worded(f'{FIND_CONTAINER} "{given}"'):
            return known_id(tables["containers"], given)

    # -- sandboxes ---------------------------------------------------------------------------------------------------------------
    def run_pod_sandbox(self, config: Object, runtime_handler: str = "") -> Object:
        """RunPodSandbox: ``config`` has the proto's names; ``{"podSandboxId": …}``."""
        scope, around, runtime = self._open()
        if runtime_handler not in HANDLERS:
            raise CriError("Unknown", f'failed to get sandbox runtime: no runtime for "{runtime_handler}" is configured')
        wanted = sandbox_config(config)
        names = [each.config for each in runtime.list_pod_sandbox()]
        if not _on_host_network(config) and not any(_place(each) == _place(wanted) for each in names):
            try:
                wanted = replace(wanted, ip=allocate(scope, _place(wanted), scope.name.partition("/")[2]))
            except NoAddress as error:
                raise CriError("Unknown", f"failed to setup network for sandbox: {error}") from None
        made = runtime.run_pod_sandbox(wanted, scope.now_ns)
        self._done(scope, around, runtime)
        return {"podSandboxId": made}

    def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """StopPodSandbox: its containers are killed, its address is given back, all stays listed; of an unknown id nothing."""
        scope, around, runtime = self._open()
        with worded(f'{FIND_SANDBOX} "{pod_sandbox_id}"'):
            found = known_id(scope.local["sandboxes"], pod_sandbox_id)
        members = scope.local["members"].get(found, ())
        runtime.stop_pod_sandbox(found, scope.now_ns)
        if found in scope.local["sandboxes"]:
            release(scope, _place(scope.local["sandboxes"][found].config))
        self._done(scope, around, runtime, members)

    def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """RemovePodSandbox: stopped and removed with its containers; of an unknown id nothing."""
        scope, around, runtime = self._open()
        with worded(f'{FIND_SANDBOX} "{pod_sandbox_id}"'):
            found = known_id(scope.local["sandboxes"], pod_sandbox_id)
        if found in scope.local["sandboxes"]:
            release(scope, _place(scope.local["sandboxes"][found].config))
        runtime.remove_pod_sandbox(found, scope.now_ns)
        self._done(scope, around, runtime)

    # -- containers --------------------------------------------------------------------------------------------------------------
    def create_container(self, pod_sandbox_id: str, config: Object, sandbox_config: Object | None = None) -> Object:
        """CreateContainer: ``config`` has the proto's names; ``{"containerId": …}``. The image must be there."""
        scope, around, runtime = self._open()
        with worded(f'failed to find sandbox id "{pod_sandbox_id}"'):
            found = known_id(scope.local["sandboxes"], pod_sandbox_id)
            box = runtime.pod_sandbox_status(found)
        made = runtime.create_container(found, container_config(config, box.config), scope.now_ns)
        self._done(scope, around, runtime)
        return {"containerId": made}

    def start_container(self, container_id: str) -> None:
        """StartContainer: only of a created one."""
        scope, around, runtime = self._open()
        found = self._container_id(scope.local, container_id)
        with worded(in_state=f'failed to set starting state for container "{found}": '):
            runtime.start_container(found, scope.now_ns)
        self._done(scope, around, runtime, (found,))

    def stop_container(self, container_id: str, timeout: int = 0) -> None:
        """StopContainer: TERM now, KILL after ``timeout`` seconds (0: at once); of one that does not run, or is unknown, nothing."""
        scope, around, runtime = self._open()
        found = self._container_id(scope.local, container_id)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < LONGEST_S:
            raise CriError("InvalidArgument", f"timeout: {timeout!r} is not a number of seconds of at least 0")
        runtime.stop_container(found, round(timeout * SECOND), scope.now_ns)
        self._done(scope, around, runtime, (found,))

    def remove_container(self, container_id: str) -> None:
        """RemoveContainer: a running one is killed; of an unknown id nothing."""
        scope, around, runtime = self._open()
        runtime.remove_container(self._container_id(scope.local, container_id), scope.now_ns)
        self._done(scope, around, runtime)

    def update_container_resources(self, container_id: str, linux: Object) -> None:
        """UpdateContainerResources: ``linux`` has the proto's names (cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes, oomScoreAdj);
        what it leaves out stays.
        """
        scope, around, runtime = self._open()
        with worded("failed to find container"):
            found = known_id(scope.local["containers"], container_id)
            known = runtime.container_status(found).spec.linux
        runtime.update_container_resources(found, linux_of(known, linux), scope.now_ns)
        self._done(scope, around, runtime, (found,))

    def reopen_container_log(self, container_id: str) -> None:
        """ReopenContainerLog: of a running container, whose log goes on."""
        _, _, runtime = self._open()
        if runtime.container_status(self._container_id(runtime.tables, container_id)).state != RUNNING:
            raise CriError("Unknown", "container is not running")

    def checkpoint_container(self, container_id: str, location: str = "", timeout: int = 0) -> None:
        """CheckpointContainer: not of this runtime, as of containerd's by default."""
        raise CriError("Unimplemented", "method CheckpointContainer not implemented")

    def update_runtime_config(self, config: Object) -> None:
        """UpdateRuntimeConfig: there is no network plug-in that would take its pod CIDR from here, as with containerd without a template."""
        self._open()

    # -- streams -----------------------------------------------------------------------------------------------------------------
    def exec(
        self, container_id: str, cmd: list[str], *, tty: bool = False, stdin: bool = False, stdout: bool = True, stderr: bool = False
    ) -> Object:
        """Exec: refused as upstream refuses, and else Unimplemented: there is no socket to stream over."""
        return self._stream(container_id, f'container "{container_id}"', tty=tty, stdin=stdin, stdout=stdout, stderr=stderr)

    def attach(self, container_id: str, *, tty: bool = False, stdin: bool = False, stdout: bool = True, stderr: bool = False) -> Object:
        """Attach: as ``exec``."""
        return self._stream(container_id, "container", tty=tty, stdin=stdin, stdout=stdout, stderr=stderr)

    def port_forward(self, pod_sandbox_id: str, port: list[int] | None = None) -> Object:
        """PortForward: NotFound of an unknown sandbox, else Unimplemented."""
        _, _, runtime = self._open()
        with worded(f'failed to find sandbox "{pod_sandbox_id}"'):
            box = runtime.pod_sandbox_status(known_id(runtime.tables["sandboxes"], pod_sandbox_id))
        if box.state != READY:
            raise CriError("Unknown", "sandbox container is not running")
        raise CriError("Unimplemented", STREAMS)

    def _stream(self, container_id: str, named: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> Object:
        _, _, runtime = self._open()
        with worded(f"failed to find {named} in store"):
            found = runtime.container_status(known_id(runtime.tables["containers"], container_id))
        if found.state != RUNNING:
            raise CriError("Unknown", f"container is in {found.state} state")
        if tty and stderr:
            raise CriError("InvalidArgument", "tty and stderr cannot both be true")
        if not (stdin or stdout or stderr):
            raise CriError("InvalidArgument", "one of stdin, stdout, or stderr must be set")
        raise CriError("Unimplemented", STREAMS)

    # -- images ------------------------------------------------------------------------------------------------------------------
    def pull_image(self, image: str | Object) -> Object:
        """PullImage: ``{"imageRef": …}``; refused in the registry's words."""
        scope, _, runtime = self._open()
        try:
            name = "" if image in ("", {}) else image_name(image)  # which is no reference, as the registry's client says
            return {"imageRef": runtime.pull_image(name, scope.now_ns)}
        except CriError as error:
            raise _bare(error) from None

    def remove_image(self, image: str | Object) -> None:
        """RemoveImage: by any of its names, all names go; of an unknown one nothing."""
        _, _, runtime = self._open()
        runtime.remove_image(image_name(image))


# -- words ------------------------------------------------------------------------------------------------------------------------
class Unclear(CriError):
    """An id that could not be looked for."""


@contextmanager
def worded(finding: str = "", *, in_state: str = "") -> Iterator[None]:
    """A refusal in the words of its RPC: what it says of an id that it does not find, and what stands before a state in which it cannot be done.

    upstream: containerd 1.7 pkg/cri/server/*.go; each RPC has its own.
    """
    try:
        yield
    except CriError as error:
        if finding and (error.code == "NotFound" or isinstance(error, Unclear)):
            raise CriError(error.code, f"{finding}: {error.message if isinstance(error, Unclear) else 'not found'}") from None
        if in_state and error.message.startswith("container is in "):
            raise CriError(error.code, in_state + error.message) from None
        raise


# -- what was given -----------------------------------------------------------------------------------------------------------------
def known_id(table: Mapping[str, Any], given: str) -> str:
    """The whole id of a shortened one; what nothing begins with stays as it is. Raises Unclear if several begin so.

    upstream: the truncated indexes of containerd's stores (moby/pkg/truncindex).
    """
    if not isinstance(given, str):
        raise CriError("InvalidArgument", f"{given!r} is not an id: write it as text")
    if given in table:
        return given
    if not given:
        raise Unclear("Unknown", "Prefix can't be empty")
    found = [each for each in table if each.startswith(given)]
    if len(found) > 1:
        raise Unclear("Unknown", f"Multiple IDs found with provided prefix: {given}")
    return found[0] if found else given


def image_name(image: str | Object) -> str:
    """An image as text or as an ImageSpec."""
    name = image.get("image") if isinstance(image, dict) else image
    if not isinstance(name, str) or not name:
        raise CriError("InvalidArgument", f'{image!r} is not an image: write "nginx:1.25" or {{"image": "nginx:1.25"}}')
    return name


def sandbox_config(config: Object) -> SandboxConfig:
    """A PodSandboxConfig with the proto's names."""
    meta = _part(config, "metadata")
    if not meta.get("name"):
        raise CriError("Unknown", "sandbox config must include metadata")
    linux = _part(config, "linux")
    return SandboxConfig(
        meta["name"],
        meta.get("namespace", ""),
        meta.get("uid", ""),
        meta.get("attempt", 0),
        config.get("hostname", ""),
        labels=_part(config, "labels"),
        annotations=_part(config, "annotations"),
        log_directory=config.get("logDirectory", ""),
        linux=linux_of(LinuxResources(), _part(linux, "resources")),
        cgroup_parent=linux.get("cgroupParent", ""),
        by_hand=True,
    )


def container_config(config: Object, sandbox: SandboxConfig) -> ContainerSpec:
    """A ContainerConfig with the proto's names, in its sandbox."""
    meta = _part(config, "metadata")
    if not meta.get("name"):
        raise CriError("Unknown", "container config must include metadata")
    linux = linux_of(LinuxResources(), _part(_part(config, "linux"), "resources"))
    context = _part(_part(config, "linux"), "securityContext")
    sealed = (Mount("/", "", True),) if context.get("readonlyRootfs") else ()
    return ContainerSpec(
        meta["name"],
        image_name(config.get("image") or ""),
        _words(config, "command"),
        _words(config, "args"),
        dict(_variable(each) for each in config.get("envs") or ()),
        config.get("workingDir", ""),
        mounts=(*(_mount(each) for each in config.get("mounts") or ()), *sealed),
        namespace=sandbox.namespace,
        pod_name=sandbox.name,
        pod_uid=sandbox.uid,
        hostname=sandbox.hostname or sandbox.name,
        attempt=meta.get("attempt", 0),
        memory_limit_bytes=linux.memory_limit,
        labels=_part(config, "labels"),
        annotations=_part(config, "annotations"),
        log_path=config.get("logPath", ""),
        linux=linux,
        by_hand=True,
        user=_user(context),
    )


def _user(context: Object) -> tuple[int, ...]:
    """As whom a container runs by its LinuxContainerSecurityContext."""
    uid, gid = (None if context.get(name) is None else _part(context, name).get("value", 0) for name in ("runAsUser", "runAsGroup"))
    user, more = context.get("runAsUsername") or uid, context.get("supplementalGroups") or ()
    for number in (uid, gid, *more):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
            raise CriError("InvalidArgument", f"securityContext: {number!r} is not the number of a user or a group")
    if user is None and gid is not None:
        raise CriError("Unknown", f'failed to generate user string: user group "{gid}" is specified without user')
    try:
        return identity(user, gid, more)
    except ValueError as error:
        raise CriError("Unknown", str(error)) from None


def _mount(given: Object) -> Mount:
    if not given.get("containerPath") or not given.get("hostPath"):
        raise CriError("InvalidArgument", f"mounts: {given!r} needs containerPath and hostPath")
    return Mount(given["containerPath"], f"host{given['hostPath']}", bool(given.get("readonly")))


def _words(config: Object, name: str) -> tuple[str, ...]:
    found = config.get(name) or ()
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise CriError("InvalidArgument", f"{name}: {found!r} is not a list of texts")
    return tuple(found)


def _variable(given: Object) -> tuple[str, str]:
    if not isinstance(given, dict) or not isinstance(given.get("key"), str):
        raise CriError("InvalidArgument", f'envs: {given!r} is not as {{"key": "A", "value": "1"}}')
    return given["key"], str(given.get("value", ""))


def _bare(error: CriError) -> CriError:
    """A refusal in the words that a client adds to code and message."""
    head, _, message = error.message.partition(" desc = ")
    code = head.rpartition("code = ")[2]
    return CriError(code, message) if message and head.startswith("rpc error: code = ") else error


def _part(source: Object, name: str) -> Object:
    found = source.get(name) if isinstance(source, dict) else None
    if found is not None and not isinstance(found, dict):
        raise CriError("InvalidArgument", f"{name}: {found!r} is not a map")
    return found or {}


def linux_of(known: LinuxResources, given: Object) -> LinuxResources:
    """Known resources with those given instead; what the lab does not model (CPU sets, huge pages, swap, ``unified``) is taken and has no effect."""
    for name, amount in given.items():
        if name in UNMODELLED:
            continue
        if name not in LINUX_FIELDS:
            raise CriError("InvalidArgument", f"linux.{name} is no field of the lab's runtime: use {', '.join(LINUX_FIELDS)}")
        if isinstance(amount, bool) or not isinstance(amount, int) or (amount < 0 and name not in ("oomScoreAdj", "cpuQuota")):
            raise CriError("InvalidArgument", f"linux.{name}: {amount!r} is not a whole number of at least 0")
    return replace(known, **{LINUX_FIELDS[name]: amount for name, amount in given.items() if name in LINUX_FIELDS})


def _on_host_network(config: Object) -> bool:
    options = _part(_part(_part(config, "linux"), "securityContext"), "namespaceOptions")
    return options.get("network") == "NODE"


def _place(config: SandboxConfig) -> str:
    """Under what a sandbox made by hand holds its address."""
    return f"cri/{config.namespace}/{config.name}/{config.uid}/{config.attempt}"
