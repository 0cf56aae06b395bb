"""Containers whose command is a shell line, or a single command that the small shell knows."""

from __future__ import annotations

from typing import Any

from kubelab.cri import shell
from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Effect, ExecResult, Exit, HttpAnswer
from kubelab.cri.programs.base import Base, read_container_file, run_command
from kubelab.cri.programs.tools import base_image, tools_of
from kubelab.cri.shell.commands import COMMANDS
from kubelab.cri.shell.state import ShellState

_SHELLS = ("sh", "bash", "ash", "dash")
_FOREVER_COMMANDS = ("httpd", "top", "telnetd", "crond", "sshd")


class Shell(Base):
    """The small shell as a container's main process."""

    name = "shell"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        argv = command or (args if base_image(image) else ())
        if not argv:
            return base_image(image)
        name = argv[0].rpartition("/")[2]
        return name in _SHELLS or (name in COMMANDS and name not in ("command", "type", "let", "set"))

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Any:
        argv = (*spec.command, *spec.args) or ("sh",)
        return shell.start(
            argv, env=spec.env, hostname=spec.hostname or spec.pod_name, namespace=spec.namespace,
            directory=spec.working_dir or "/", mounts=spec.mounts, commands=tools_of(spec.image),
        )  # fmt: skip

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        return shell.advance(state, now_ns, world)

    def next_wake_ns(self, state: Any) -> int | None:
        return shell.next_wake_ns(state)

    def probe_http(self, spec: ContainerSpec, state: Any, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        return HttpAnswer(200, "ok\n") if port in spec.ports else None

    def exec(
        self, spec: ContainerSpec, state: ShellState, argv: tuple[str, ...], now_ns: int, world: World
    ) -> tuple[ExecResult, Any, tuple[Effect, ...]]:
        result, files, effects = run_command(spec, state.files, argv, now_ns, world, tools_of(spec.image))
        if files != state.files:
            state = _with_files(state, files)
        return result, state, effects

    def signal(self, spec: ContainerSpec, state: Any, sig: str, now_ns: int) -> Any:
        return shell.signal(state, sig, now_ns)

    def read_file(self, spec: ContainerSpec, state: Any, path: str, world: World) -> str | None:
        return read_container_file(spec, state.files if isinstance(state, ShellState) else {}, path, world)


def _with_files(state: ShellState, files: dict[str, str]) -> ShellState:
    return ShellState(
        state.processes, files, state.mounts, state.hostname, state.namespace, state.commands, state.main, state.next_pid
    )


__all__ = ["Exit", "Shell"]
