"""Processes while they run: the mutable twin of `state.Process`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from kubelab.cri.shell.state import Frame, Process, Streams


@dataclass(slots=True)
class Live:
    """A process during one `advance`; the fields are those of `Process`."""

    pid: int
    parent: int
    frames: list[Frame]
    variables: dict[str, str]
    exported: dict[str, bool]
    functions: dict[str, tuple[str, int]]
    parameters: tuple[str, ...]
    name: str
    directory: str
    options: str
    status: int
    out: str
    err: str
    input: str
    captured: str
    piped: str
    substituted: dict[int, str]
    until_ns: int
    waiting: tuple[int, ...]
    awaiting: tuple[Any, ...]
    follow: tuple[tuple[str, int], ...]
    traps: dict[str, str]
    pending: tuple[str, ...]
    ended: dict[int, int]
    children: tuple[int, ...]
    last_background: int
    replaced: bool
    leaving: bool
    exit_code: int | None
    busy: int

    def streams(self) -> Streams:
        """Where output and input go now, to be put back later."""
        return self.out, self.err, self.input

    def get(self, name: str) -> str | None:
        """Value of a variable or special parameter; None if unset."""
        if name.isdigit():
            index = int(name)
            return self.name if index == 0 else self.parameters[index - 1] if index <= len(self.parameters) else None
        if name in _SPECIAL:
            return self._special(name)
        return self.variables.get(name)

    def _special(self, name: str) -> str | None:
        match name:
            case "?":
                return str(self.status)
            case "$":
                return str(self.pid)
            case "!":
                return str(self.last_background) if self.last_background else None
            case "#":
                return str(len(self.parameters))
            case "-":
                return self.options
        return " ".join(self.parameters)

    def put(self, name: str, text: str) -> None:
        """Assigns a variable."""
        self.variables[name] = text

    def restore(self, name: str, text: str | None) -> None:
        """Puts an old value back; None unsets."""
        if text is None:
            self.variables.pop(name, None)
        else:
            self.variables[name] = text

    def path(self, path: str) -> str:
        """A path made absolute and free of `.` and `..`."""
        steps: list[str] = []
        for step in (path if path.startswith("/") else f"{self.directory}/{path}").split("/"):
            if step == "..":
                del steps[-1:]
            elif step not in ("", "."):
                steps.append(step)
        return "/" + "/".join(steps)


_SPECIAL = frozenset("?$!#-@*")
_FIELDS = tuple(item.name for item in fields(Process))
_FRAMES = _FIELDS.index("frames")


def thaw(process: Process) -> Live:
    """A live copy; the process itself stays as it is."""
    live = Live(*[getattr(process, name) for name in _FIELDS])
    live.frames = list(process.frames)
    for name in ("variables", "exported", "functions", "substituted", "traps", "ended"):
        setattr(live, name, dict(getattr(process, name)))
    return live


def freeze(live: Live) -> Process:
    """The value of a live process, which must not run on."""
    values: list[Any] = [getattr(live, name) for name in _FIELDS]
    values[_FRAMES] = tuple(live.frames)
    return Process(*values)
