"""Containers whose command is a shell line, or a single command that the small shell knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubelab.cri import shell
from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Effect, ExecResult, HttpAnswer
from kubelab.cri.programs import pages, tools
from kubelab.cri.programs.base import Base, run_command
from kubelab.cri.programs.catalog import StartError
from kubelab.cri.programs.pages import read_container_file
from kubelab.cri.shell.state import SHELLS, ShellState
from kubelab.cri.site import Inside


class Shell(Base):
    """The small shell as a container's main process."""

    name = "shell"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        base = tools.base_image(image)
        starts_shell = bool(args) and args[0].rpartition("/")[2] in SHELLS
        argv = command or (args if base or starts_shell else ())
        if not argv:
            return base
        return base or argv[0].rpartition("/")[2] in SHELLS or _knows(argv[0])

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Any:
        argv = (*spec.command, *spec.args) or ("sh",)
        started = shell.start(
            argv, env=spec.env, hostname=spec.hostname or spec.pod_name, namespace=spec.namespace,
            directory=spec.working_dir or "/", files=pages.image_files(spec.image), mounts=spec.mounts,
            domain=spec.domain, user=spec.user,
        )  # fmt: skip
        inside = Inside(world, lambda words: tools.answer(spec.image, words))
        if why := shell.missing(started, argv, inside):
            head = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed"
            raise StartError(f"{head}: {why}")
        return started

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        return shell.advance(state, now_ns, Inside(world, lambda words: tools.answer(spec.image, words)))

    def next_wake_ns(self, state: Any) -> int | None:
        return shell.next_wake_ns(state)

    def probe_http(self, spec: ContainerSpec, state: Any, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        if not self.probe_tcp(spec, state, port, now_ns, world):
            return None
        return pages.answer(spec, state.files, path, world)

    def probe_tcp(self, spec: ContainerSpec, state: Any, port: int, now_ns: int, world: World) -> bool:
        return port in spec.ports and any(shell.serving(process) for process in state.processes)

    def exec(
        self, spec: ContainerSpec, state: ShellState, argv: tuple[str, ...], now_ns: int, world: World
    ) -> tuple[ExecResult, Any, tuple[Effect, ...]]:
        inside = Inside(world, lambda words: tools.answer(spec.image, words))
        result, files, effects = run_command(spec, state.files, argv, now_ns, inside)
        if files != state.files:
            state = replace(state, files=files)
        return result, state, effects

    def signal(self, spec: ContainerSpec, state: Any, sig: str, now_ns: int) -> Any:
        return shell.signal(state, sig, now_ns)

    def read_file(self, spec: ContainerSpec, state: Any, path: str, world: World) -> str | None:
        return read_container_file(spec, state.files if isinstance(state, ShellState) else {}, path, world)


def _knows(name: str) -> bool:
    """Whether the small shell has a program of that name; asking imports it."""
    from kubelab.cri.shell.binaries import is_binary

    return is_binary(name)
