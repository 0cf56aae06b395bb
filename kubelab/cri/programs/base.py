"""The usual answers of a program: runs for ever, listens on its declared ports, answers 200, dies of TERM with code 0.

What a process does besides answering (files written by hooks, commands run by probes) is a small shell over the container's
files, kept in `Memory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kubelab.cri import shell
from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Answer, Effect, ExecResult, Exit, HttpAnswer, Log
from kubelab.cri.programs import pages, tools
from kubelab.cri.programs.catalog import StartError
from kubelab.cri.programs.pages import read_container_file
from kubelab.cri.site import Inside
from kubelab.world.codec import value

NO_CURVES: Mapping[str, Any] = {}
STREAM_LIMIT = 16 << 20  # containerd drops what a command writes beyond that to a stream
EXEC_HORIZON_NS = 3600 * 1_000_000_000


@value
@dataclass(frozen=True, slots=True)
class Memory:
    """State of a simple program: its container's own files, the signal that is to end it, whatever else it keeps in `own`."""

    files: dict[str, str] = field(default_factory=dict)
    ending: str = ""
    own: Any = None


class Base:
    """Program with the usual answers; subclass and change what differs. State is None until something must be remembered."""

    name = "base"
    image = ""

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return bool(self.image) and tools.matches(image, self.image)

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Any:
        return None

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        if isinstance(state, Memory) and state.ending:
            return state, (Exit(self.exit_on(state.ending), now_ns),)
        return state, ()

    def exit_on(self, sig: str) -> int:
        """Exit code after a signal: a server that ends in order says 0."""
        return 0

    def next_wake_ns(self, state: Any) -> int | None:
        return None

    def probe_http(self, spec: ContainerSpec, state: Any, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        return pages.answer(spec, _files(spec, state), path, world) if port in spec.ports else None

    def probe_tcp(self, spec: ContainerSpec, state: Any, port: int, now_ns: int, world: World) -> bool:
        return port in spec.ports

    def exec(
        self, spec: ContainerSpec, state: Any, argv: tuple[str, ...], now_ns: int, world: World
    ) -> tuple[ExecResult, Any, tuple[Effect, ...]]:
        files = _files(spec, state)
        inside = Inside(world, lambda words: self.command(spec, state, words, now_ns, world) or unknown_command(words))
        result, files_after, effects = run_command(spec, files, argv, now_ns, inside)
        if files_after == files:
            return result, state, effects
        return result, replace(state if isinstance(state, Memory) else Memory(), files=files_after), effects

    def command(self, spec: ContainerSpec, state: Any, words: list[str], now_ns: int, world: World) -> Answer | None:
        """Answer of a command of the image that the shell does not have; None: the usual one."""
        return tools.answer(spec.image, words)

    def signal(self, spec: ContainerSpec, state: Any, sig: str, now_ns: int) -> Any:
        if sig not in ("TERM", "INT", "QUIT"):
            return state
        return replace(state if isinstance(state, Memory) else Memory(_files(spec, state)), ending=sig)

    def read_file(self, spec: ContainerSpec, state: Any, path: str, world: World) -> str | None:
        return read_container_file(spec, _files(spec, state), path, world)

    def describe(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> dict[str, Any]:
        return {}

    def demands(self, spec: ContainerSpec, world: World) -> Mapping[str, Any]:
        return NO_CURVES

    def group(self, spec: ContainerSpec) -> str:
        return ""


def _files(spec: ContainerSpec, state: Any) -> dict[str, str]:
    """The container's own files; before anything was written, those of its image."""
    return state.files if isinstance(state, Memory) else pages.image_files(spec.image)


def unknown_command(words: list[str]) -> Answer | None:
    """The lab does not know what most images contain: whatever a probe or hook calls in a running image is there, and succeeds.

    Only looking for processes by name finds none: hooks wait for them to disappear.
    """
    return None if words[0] in ("killall", "pkill", "pgrep", "pidof") else (0, "")


class _AskedOnce:
    """A world in which the first command acts once, though it is asked twice: whether it is there, and what it does."""

    __slots__ = ("_world", "_kept")

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: tuple[list[str], Answer | None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def command(self, words: list[str]) -> Answer | None:
        if self._kept is None:
            self._kept = words, self._world.command(words)
            return self._kept[1]
        kept, self._kept = self._kept, ([], None)
        return kept[1] if kept[0] == words else self._world.command(words)


def run_command(
    spec: ContainerSpec,
    files: Mapping[str, str],
    argv: tuple[str, ...],
    now_ns: int,
    world: World,
) -> tuple[ExecResult, dict[str, str], tuple[Effect, ...]]:
    """A command in a process beside the container's main one: result, the container's files afterwards, effects. StartError if there is none."""
    started = shell.start(
        argv, env=spec.env, hostname=spec.hostname or spec.pod_name, namespace=spec.namespace, directory=spec.working_dir or "/",
        files=files, mounts=spec.mounts, main=False, domain=spec.domain, user=spec.user,
    )  # fmt: skip
    asked = _AskedOnce(world)
    if why := shell.missing(started, argv, cast(World, asked)):
        raise StartError(f"OCI runtime exec failed: exec failed: {why}")
    ended, effects, duration_ns = shell.run_to_end(started, now_ns, cast(World, asked), EXEC_HORIZON_NS)
    first = ended.processes[0]
    code = first.exit_code if first.exit_code is not None else 137
    said = [item for item in effects if isinstance(item, Log) and item.stream.startswith("exec:")]
    stdout, stderr = (
        "".join(item.text for item in said if item.stream == stream)[:STREAM_LIMIT] for stream in ("exec:stdout", "exec:stderr")
    )
    result = ExecResult(code, stdout, duration_ns, stderr, "".join(item.text for item in said)[:STREAM_LIMIT])
    return result, ended.files, tuple(item for item in effects if not isinstance(item, Exit) and item not in said)
