"""What programs do to the world, as values: log lines, writes to volumes, exits, signals; and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubelab.world.codec import value


@value
@dataclass(frozen=True, slots=True)
class Log:
    """A piece of output of the main process: `stream` is stdout or stderr; `text` may hold several lines or part of one."""

    stream: str
    text: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class WriteFile:
    """New contents of a file in a volume; `text` None removes it."""

    volume: str
    path: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Exit:
    """The main process ended; `reason` only where the exit code does not say it (OOMKilled)."""

    code: int
    time_ns: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """A process run by exec sends a signal to the main process."""

    sig: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Something the program's peers look at has changed: they should look again now."""

    group: str


# What an image's own command does: its exit code (None: it runs on, serving) and output.
Answer = tuple[int | None, str]
Effect = Log | WriteFile | Exit | Signal | Changed


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status code and body of an HTTP response; `location` is where a redirection points."""

    code: int
    body: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """ExecSyncResponse: `output` is stdout; `duration_ns` the virtual time that the command takes, None if it never ends. `terminal`: both
    streams in the order in which they were written, as a terminal shows them.
    """

    exit_code: int
    output: str = ""
    duration_ns: int | None = 0
    stderr: str = ""
    terminal: str = ""


@dataclass(frozen=True, slots=True)
class PeerView:
    """Another container of the same group, as one container sees it.

    `up`: its process runs; `reachable`: packets pass between the two; `state` is its program's state (None if not up).
    """

    pod_name: str
    container_id: str
    up: bool
    reachable: bool
    started_ns: int
    state: Any
