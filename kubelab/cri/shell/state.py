"""The state of a shell and its processes: plain values, constructible from their fields."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kubelab.cri.api import Mount
from kubelab.world.codec import value

FOREVER = 1 << 62
SHELLS = ("sh", "bash", "ash", "dash")
Streams = tuple[str, str, str]


@value
@dataclass(frozen=True, slots=True)
class Frame:
    """A place in a script: the main script, a function being called, a trap handler, a sourced file.

    `status`: for a trap the status to go back to; for a function 1 if its failure counts under `set -e`. `parameters`: the caller's.
    `streams`: where output and input went before each redirection in force. `shadowed`: variables to be put back at the end.
    """

    script: str
    body: int
    at: int = 0
    kind: str = "main"
    loops: tuple[tuple[str, ...], ...] = ()
    streams: tuple[Streams, ...] = ()
    status: int = 0
    parameters: tuple[str, ...] = ()
    shadowed: tuple[tuple[str, str | None], ...] = ()

    def goto(self, at: int) -> Frame:
        """The same frame at another instruction."""
        return Frame(self.script, self.body, at, self.kind, self.loops, self.streams, self.status, self.parameters, self.shadowed)

    def shadow(self, name: str, value: str | None) -> Frame:
        """The same frame, at whose end a variable gets its old value back (None: is unset)."""
        return replace(self, shadowed=((name, value), *self.shadowed))


@value
@dataclass(frozen=True, slots=True)
class Process:
    """A shell process; subshells, pipeline stages and background jobs are processes of their own.

    `out` and `err` name a target: `stdout`, `stderr`, `null`, `capture:PID`, `file:PATH`, `exec:stdout`, `exec:stderr`; `input` is the text left to read.
    `substituted`: outputs of the present command's substitutions by number, 0 the status before them. `until_ns`: asleep until then;
    `waiting`: for these children, to do `awaiting` with the result.
    """

    pid: int
    parent: int
    frames: tuple[Frame, ...]
    variables: dict[str, str]
    exported: dict[str, bool]
    functions: dict[str, tuple[str, int]]
    parameters: tuple[str, ...] = ()
    name: str = "sh"
    directory: str = "/"
    options: str = ""
    status: int = 0
    out: str = "stdout"
    err: str = "stderr"
    input: str = ""
    captured: str = ""
    piped: str = ""
    substituted: dict[int, str] = field(default_factory=dict)
    until_ns: int = 0
    waiting: tuple[int, ...] = ()
    awaiting: tuple[Any, ...] = ()
    follow: tuple[tuple[str, int], ...] = ()
    traps: dict[str, str] = field(default_factory=dict)
    pending: tuple[str, ...] = ()
    ended: dict[int, int] = field(default_factory=dict)
    children: tuple[int, ...] = ()
    last_background: int = 0
    replaced: bool = False
    leaving: bool = False
    exit_code: int | None = None
    busy: int = 0


@value
@dataclass(frozen=True, slots=True)
class ShellState:
    """A container's (or one exec's) processes and its own file layer.

    `files`: path → text, a directory made by hand ends in `/`. `main`: process 1 is the container's process 1, which the kernel
    spares signals without a trap.
    """

    processes: tuple[Process, ...]
    files: dict[str, str]
    mounts: tuple[Mount, ...]
    hostname: str
    namespace: str
    main: bool = True
    next_pid: int = 2
    domain: str = ""
    user: tuple[int, ...] = ()
