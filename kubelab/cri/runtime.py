"""The simulated container runtime of one node, shaped like the CRI.

Upstream: containerd internal/cri/server (behaviour), staging/src/k8s.io/cri-api (interface), 1.28. All memory is a table of
tables of immutable values, so `{name: dict(table)}` is a complete fork. Calls act at the instant given; a container that runs
no interesting program costs nothing after its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from kubelab.cri import programs
from kubelab.cri.api import (
    CREATED,
    EXITED,
    NOTREADY,
    READY,
    RUNNING,
    Container,
    ContainerSpec,
    CriError,
    LinuxResources,
    Sandbox,
    SandboxConfig,
    Surroundings,
)
from kubelab.cri.effects import Changed, Effect, ExecResult, Exit, Log, Signal, WriteFile
from kubelab.cri.images import ImageService
from kubelab.cri.usage import ledger, oom
from kubelab.cri.usage.demand import Asked, Run, runs_of
from kubelab.cri.window import Window

_TABLES = ("sandboxes", "containers", "members", "addresses", "images", "image_refs", "states", "wakes", "kills", "groups", "logs", "exits")
TABLES = (*_TABLES, "operations", *ledger.TABLES)
KILLED = 137
START_ERROR = 128
LOG_ENTRIES_KEPT = 20_000
ROUNDS_PER_TICK = 1_000_000


def empty_tables() -> dict[str, dict[Any, Any]]:
    """Memory of a runtime that has run nothing yet."""
    return {name: {} for name in TABLES}


class SimulatedRuntime(ImageService, Window):
    """RuntimeService and ImageService of a node over `tables`; `volumes` (volume → path → text) belongs to the whole cluster."""

    def __init__(self, tables: dict[str, dict[Any, Any]], volumes: dict[str, dict[str, str]], around: Surroundings) -> None:
        self.tables = tables
        self.volumes = volumes
        self.around = around
        self._sandboxes: dict[str, Sandbox] = tables["sandboxes"]
        self._containers: dict[str, Container] = tables["containers"]
        self._members: dict[str, tuple[str, ...]] = tables["members"]
        self._addresses: dict[str, tuple[str, ...]] = tables["addresses"]
        self._images = tables["images"]
        self._refs = tables["image_refs"]
        self._states: dict[str, Any] = tables["states"]
        self._wakes: dict[str, int] = tables["wakes"]
        self._kills: dict[str, int] = tables["kills"]
        self._groups: dict[str, str] = tables["groups"]
        self._logs: dict[str, tuple[Log, ...]] = tables["logs"]
        self._exits: dict[str, int] = tables["exits"]
        self._operations: dict[str, int] = tables["operations"]

    # Sandboxes

    def run_pod_sandbox(self, config: SandboxConfig, now_ns: int) -> str:
        """RunPodSandbox: READY when it returns; the same name, namespace, uid and attempt may exist once."""
        self._operations["run_podsandbox"] = self._operations.get("run_podsandbox", 0) + 1
        if not config.name:
            raise CriError("Unknown", "sandbox config must include metadata")
        sandbox_id = sha256(f"sandbox {config.uid} {config.namespace}/{config.name} {config.attempt}".encode()).hexdigest()
        if sandbox_id in self._sandboxes:
            name = f"{config.name}_{config.namespace}_{config.uid}_{config.attempt}"
            raise CriError("Unknown", f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{sandbox_id}"')
        self._sandboxes[sandbox_id] = Sandbox(sandbox_id, config, READY, now_ns)
        self._members[sandbox_id] = ()
        if config.ip:
            self._addresses[config.ip] = (*self._addresses.get(config.ip, ()), sandbox_id)
        ledger.turn(self.tables, now_ns)
        return sandbox_id

    def stop_pod_sandbox(self, sandbox_id: str, now_ns: int) -> None:
        """StopPodSandbox: kills its containers, gives the address back, keeps everything listed."""
        self._operations["stop_podsandbox"] = self._operations.get("stop_podsandbox", 0) + 1
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None or sandbox.state == NOTREADY:
            return
        for container_id in self._members[sandbox_id]:
            self._kill(container_id, now_ns)
        self._sandboxes[sandbox_id] = replace(sandbox, state=NOTREADY, stopped_ns=now_ns)
        ledger.turn(self.tables, now_ns)
        others = tuple(item for item in self._addresses.get(sandbox.config.ip, ()) if item != sandbox_id)
        if others:
            self._addresses[sandbox.config.ip] = others
        else:
            self._addresses.pop(sandbox.config.ip, None)

    def remove_pod_sandbox(self, sandbox_id: str, now_ns: int) -> None:
        """RemovePodSandbox: stops it and removes it with all its containers."""
        self._operations["remove_podsandbox"] = self._operations.get("remove_podsandbox", 0) + 1
        self.stop_pod_sandbox(sandbox_id, now_ns)
        for container_id in self._members.get(sandbox_id, ()):
            self.remove_container(container_id, now_ns)
        self._members.pop(sandbox_id, None)
        sandbox = self._sandboxes.pop(sandbox_id, None)
        if sandbox is not None:
            ledger.bury_sandbox(self.tables, sandbox)

    def pod_sandbox_status(self, sandbox_id: str) -> Sandbox:
        """PodSandboxStatus; NotFound for an unknown id."""
        return self._sandbox(sandbox_id)

    # Containers

    def create_container(self, sandbox_id: str, spec: ContainerSpec, now_ns: int) -> str:
        """CreateContainer: the image must be present; name and attempt are unique in the sandbox."""
        self._operations["create_container"] = self._operations.get("create_container", 0) + 1
        self._sandbox(sandbox_id)
        image_ref = self._image_ref(spec.image)
        container_id = sha256(f"{sandbox_id} {spec.name} {spec.attempt}".encode()).hexdigest()
        if container_id in self._containers:
            name = f"{spec.name}_{spec.pod_name}_{spec.namespace}_{spec.pod_uid}_{spec.attempt}"
            raise CriError("Unknown", f'failed to reserve container name "{name}": name "{name}" is reserved for "{container_id}"')
        program = programs.choose(spec.image, spec.command, spec.args)
        self._containers[container_id] = Container(container_id, sandbox_id, spec, image_ref, program.name, CREATED, now_ns)
        self._members[sandbox_id] += (container_id,)
        return container_id

    def start_container(self, container_id: str, now_ns: int) -> None:
        """StartContainer: only from CREATED; a failed start leaves EXITED, reason StartError, code 128."""
        self._operations["start_container"] = self._operations.get("start_container", 0) + 1
        container = self._container(container_id)
        if container.state != CREATED:
            raise CriError("Unknown", f"container is in {container.state} state")
        if self._sandbox(container.sandbox_id).state != READY:
            raise CriError("Unknown", f'sandbox container "{container.sandbox_id}" is not running')
        program = programs.get(container.program)
        spec = container.spec
        try:
            state = program.init(spec, now_ns, self._site(container, now_ns))
        except programs.StartError as error:
            failed = replace(container, state=EXITED, finished_ns=now_ns, exit_code=START_ERROR, reason="StartError", message=str(error))
            self._containers[container_id] = failed
            raise CriError("Unknown", str(error)) from error
        self._containers[container_id] = Container(
            container_id, container.sandbox_id, spec, container.image_ref, container.program, RUNNING, container.created_ns, now_ns
        )
        self._begin_usage(container_id, now_ns)
        if state is None:
            return
        self._states[container_id] = state
        group = program.group(spec)
        if group:
            self._groups[container_id] = group
        self._advance(container_id, now_ns)
        if group:
            self.around.changed(group, now_ns)

    def stop_container(self, container_id: str, timeout_ns: int, now_ns: int) -> None:
        """StopContainer: TERM now, KILL after `timeout_ns`; the exit shows in `tick` and in the status when it happens."""
        self._operations["stop_container"] = self._operations.get("stop_container", 0) + 1
        container = self._containers.get(container_id)
        if container is None or container.state != RUNNING:
            return
        if timeout_ns <= 0:
            self._kill(container_id, now_ns)
            return
        due = now_ns + timeout_ns
        self._kills[container_id] = min(due, self._kills.get(container_id, due))
        self._signal(container_id, "TERM", now_ns)

    def remove_container(self, container_id: str, now_ns: int) -> None:
        """RemoveContainer: kills it if it runs."""
        self._operations["remove_container"] = self._operations.get("remove_container", 0) + 1
        container = self._containers.get(container_id)
        if container is None:
            return
        self._kill(container_id, now_ns)
        ledger.bury(self.tables, self._containers[container_id], now_ns)
        siblings = self._members.get(container.sandbox_id, ())
        self._members[container.sandbox_id] = tuple(item for item in siblings if item != container_id)
        for table in (self._containers, self._states, self._logs, self._exits):
            table.pop(container_id, None)

    def container_status(self, container_id: str) -> Container:
        """ContainerStatus; NotFound for an unknown id."""
        return self._container(container_id)

    def exec_sync(self, container_id: str, argv: tuple[str, ...], now_ns: int, timeout_ns: int = 0) -> ExecResult:
        """ExecSync: a non-zero exit code is a normal answer; a command that outlasts the timeout is DeadlineExceeded."""
        self._operations["exec_sync"] = self._operations.get("exec_sync", 0) + 1
        container = self._container(container_id)
        if container.state != RUNNING:
            raise CriError("Unknown", f"container is in {container.state} state")
        program = programs.get(container.program)
        before = self._states.get(container_id)
        site = self._site(container, now_ns)
        try:
            result, state, effects = program.exec(container.spec, before, argv, now_ns, site)
        except programs.StartError as error:
            exec_id = sha256(f"exec {container_id}".encode()).hexdigest()
            raise CriError("Unknown", f'failed to exec in container: failed to start exec "{exec_id}": {error}') from None
        if state is not before:
            self._keep(container_id, container.program, state, now_ns)
        self._apply(container_id, effects, now_ns)
        if timeout_ns > 0 and (result.duration_ns is None or result.duration_ns > timeout_ns):
            command = " ".join(argv)
            raise CriError("DeadlineExceeded", f'command "{command}" timed out')
        return result

    def update_container_resources(self, container_id: str, linux: LinuxResources, now_ns: int) -> None:
        """UpdateContainerResources: new weight, quota and memory limit; of a container that does not run, its configuration alone."""
        self._operations["update_container"] = self._operations.get("update_container", 0) + 1
        container = self._container(container_id)
        spec = replace(container.spec, linux=linux, memory_limit_bytes=linux.memory_limit)
        changed = self._containers[container_id] = replace(container, spec=spec)
        if container.state == RUNNING:
            ledger.limits_changed(self.tables, container, changed, self.around.capacity(), now_ns)

    # What the kubelet asks beside the CRI

    def count(self, operation: str) -> None:
        """One more request, of one that failed before it came here."""
        self._operations[operation] = self._operations.get(operation, 0) + 1

    def set_usage(self, container_id: str, asked: Mapping[str, Asked], now_ns: int) -> None:
        """What ``Usage`` objects say that a container uses, by resource; what they leave out is its program's affair."""
        container = self._containers.get(container_id)
        table = self.tables["asked"]
        if container is None or table.get(container_id, {}) == asked:
            return
        if asked:
            table[container_id] = dict(asked)
        else:
            del table[container_id]
        if container.state == RUNNING:
            ledger.begin(self.tables, container, self._curves(container), self.around.capacity(), now_ns)

    def tick(self, now_ns: int) -> tuple[Container, ...]:
        """Runs what is due up to `now_ns`; answers the containers that have exited since the last tick, in order."""
        ooms: dict[str, int] = self.tables["ooms"]
        for _ in range(ROUNDS_PER_TICK):
            due = [(at, item) for item, at in self._wakes.items() if at <= now_ns]
            due += [(at, item) for item, at in self._kills.items() if at <= now_ns]
            due += [(at, item) for item, at in ooms.items() if at <= now_ns]
            if not due:
                break
            at, container_id = min(due)
            if ooms.get(container_id, at + 1) <= at:
                self._out_of_memory(container_id, at)
                continue
            self._wakes.pop(container_id, None)
            if self._kills.get(container_id, at + 1) <= at:
                self._kill(container_id, at)
            else:
                self._advance(container_id, at)
        else:
            container = self._containers[container_id]
            raise RuntimeError(f"program {container.program!r} in pod {container.spec.pod_name!r} never comes to rest at one instant")
        if not self._exits:
            return ()
        gone = sorted((at, item) for item, at in self._exits.items())
        self._exits.clear()
        return tuple(self._containers[item] for _, item in gone if item in self._containers)

    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do next."""
        return min([*self._wakes.values(), *self._kills.values(), *self.tables["ooms"].values()], default=None)

    def poke(self, group: str, now_ns: int) -> None:
        """Lets the group's members on this node look at their peers now."""
        for container_id in [item for item, name in self._groups.items() if name == group]:
            self._advance(container_id, now_ns)

    # Inner workings

    def _sandbox(self, sandbox_id: str) -> Sandbox:
        found = self._sandboxes.get(sandbox_id)
        if found is None:
            raise CriError("NotFound", f'an error occurred when try to find sandbox "{sandbox_id}": not found')
        return found

    def _keep(self, container_id: str, program_name: str, state: Any, now_ns: int) -> None:
        self._states[container_id] = state
        wake = programs.get(program_name).next_wake_ns(state)
        if wake is None:
            self._wakes.pop(container_id, None)
        else:
            self._wakes[container_id] = max(wake, now_ns)

    def _advance(self, container_id: str, now_ns: int) -> None:
        container = self._containers.get(container_id)
        if container is None or container.state != RUNNING:
            self._wakes.pop(container_id, None)
            return
        program = programs.get(container.program)
        before = self._states.get(container_id)
        state, effects = program.advance(container.spec, before, now_ns, self._site(container, now_ns))
        self._keep(container_id, container.program, state, now_ns)
        if effects:
            self._apply(container_id, effects, now_ns)
        elif self._wakes.get(container_id) == now_ns and state == before:
            # It asks to be woken for something that it does not do; asking again now would never end.
            del self._wakes[container_id]

    def _signal(self, container_id: str, sig: str, now_ns: int) -> None:
        container = self._containers[container_id]
        if container.state != RUNNING:
            return
        if sig == "KILL":
            self._kill(container_id, now_ns)
            return
        program = programs.get(container.program)
        self._states[container_id] = program.signal(container.spec, self._states.get(container_id), sig, now_ns)
        self._advance(container_id, now_ns)

    def _apply(self, container_id: str, effects: tuple[Effect, ...], now_ns: int) -> None:
        lines = tuple(effect for effect in effects if isinstance(effect, Log))
        if lines:
            self._logs[container_id] = (self._logs.get(container_id, ()) + lines)[-LOG_ENTRIES_KEPT:]
        for effect in effects:
            if isinstance(effect, WriteFile):
                self._write(effect)
            elif isinstance(effect, Exit):
                self._finish(container_id, effect.code, effect.reason, effect.time_ns)
            elif isinstance(effect, Signal):
                self._signal(container_id, effect.sig, now_ns)
            elif isinstance(effect, Changed):
                self.around.changed(effect.group, now_ns)

    def _write(self, effect: WriteFile) -> None:
        contents = dict(self.volumes.get(effect.volume, {}))
        if effect.text is None:
            contents.pop(effect.path, None)
        else:
            contents[effect.path] = effect.text
        self.volumes[effect.volume] = contents

    def _begin_usage(self, container_id: str, now_ns: int) -> None:
        """A container has started: on a machine without curves there is nothing to write down."""
        container = self._containers[container_id]
        curves = self._curves(container)
        if curves:
            ledger.begin(self.tables, container, curves, self.around.capacity(), now_ns, fresh=True)
        else:
            ledger.turn(self.tables, now_ns)

    def _curves(self, container: Container) -> dict[str, Run]:
        own = programs.get(container.program).demands(container.spec, self._site(container, container.started_ns))
        asked = self.tables["asked"].get(container.id)
        return runs_of(own, asked, container.started_ns) if own or asked else {}

    def _out_of_memory(self, container_id: str, now_ns: int) -> None:
        """A container has reached its limit, or (id "") the machine is full and the kernel chooses."""
        chosen = oom.victim(self.tables, now_ns) if container_id == oom.MACHINE else container_id
        if chosen is not None:
            self._finish(chosen, KILLED, "OOMKilled", now_ns)
        else:
            oom.foresee(self.tables, now_ns)

    def _kill(self, container_id: str, now_ns: int) -> None:
        self._finish(container_id, KILLED, "", now_ns)

    def _finish(self, container_id: str, code: int, reason: str, now_ns: int) -> None:
        container = self._containers[container_id]
        if container.state != RUNNING:
            return
        self._containers[container_id] = replace(
            container, state=EXITED, finished_ns=now_ns, exit_code=code, reason=reason or ("Error" if code else "Completed")
        )
        self._wakes.pop(container_id, None)
        self._kills.pop(container_id, None)
        self._exits[container_id] = now_ns
        ledger.turn(self.tables, now_ns)
        group = self._groups.pop(container_id, "")
        if group:
            self.around.changed(group, now_ns)
