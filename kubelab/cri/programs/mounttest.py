"""The test image's subcommands that do something once and end: `mounttest` reads and writes mounted files, `entrypoint-tester` prints its words.

Upstream: test/images/agnhost/{mounttest/mt.go, entrypoint-tester/ep.go}, 1.28. Owners, modes and file systems are not modelled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Effect, Exit, Log
from kubelab.cri.programs import tools
from kubelab.cri.programs.base import Base, Memory
from kubelab.cri.programs.settings import number, option
from kubelab.cri.shell.files import Denied, FileView

_SECOND_NS = 1_000_000_000
_EVERY_NS = 2 * _SECOND_NS
_NEW = "mount-tester new file\n"
_NEW_FILES = ("--new_file_0644", "--new_file_0666", "--new_file_0660", "--new_file_0777")
_ONCE = ("mounttest", "entrypoint-tester")


class Mounttest(Base):
    """Ends with 1 if anything could not be done; `--file_content_in_loop` looks every two seconds for `--retry_time` seconds."""

    name = "mounttest"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        if tools.repository(image).rpartition("/")[2] != "agnhost":
            return False
        words = (*command, *args) if command else ("/agnhost", *args)
        return words[0].rpartition("/")[2].startswith("agnhost") and words[1:2] != () and words[1] in _ONCE

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        return Memory(own=(now_ns, now_ns))

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        if state.ending:
            return super().advance(spec, state, now_ns, world)
        words = (*spec.command, *spec.args) if spec.command else ("/agnhost", *spec.args)
        if words[1] == "entrypoint-tester":
            return state, (Log("stdout", f"[{' '.join(words)}]\n", now_ns), Exit(0, now_ns))
        started_ns, due_ns = state.own
        if now_ns < due_ns:
            return state, ()
        view = FileView(state.files, spec.mounts, spec.hostname or spec.pod_name, spec.namespace, world)
        lines, good = _once(spec, view) if due_ns == started_ns else ([], True)
        looped = option(spec, ("--file_content_in_loop",))
        over = not looped or now_ns - started_ns >= number(option(spec, ("--retry_time",)), 180) * _SECOND_NS
        if looped and not over:
            found = _read(view, looped)
            lines.append(_said(looped, found) if found is not None else f"Error reading file {looped}: {_missing(looped)}, retrying\n")
            if found is not None and option(spec, ("--break_on_expected_content",)) != "false":
                over = found == _NEW
                lines += [] if over else [f"Unexpected content. Expected: {_NEW}. Retrying"]
        effects: tuple[Effect, ...] = (*(Log("stdout", line, now_ns) for line in lines), *view.effects)
        if over:
            return replace(state, files=view.files), (*effects, Exit(0 if good else 1, now_ns))
        return replace(state, files=view.files, own=(started_ns, now_ns + _EVERY_NS)), effects

    def next_wake_ns(self, state: Memory) -> int | None:
        return int(state.own[1])


def _once(spec: ContainerSpec, view: FileView) -> tuple[list[str], bool]:
    """What the options ask for besides the loop: lines, and whether all went well."""
    lines, good = [], True
    for flag in _NEW_FILES:
        path = option(spec, (flag,))
        if not path:
            continue
        try:
            view.write(path, _NEW)
            lines.append(_said(path, _NEW))
        except Denied as error:
            lines.append(f'error writing new file "{path}": open {path}: {str(error).lower()}\n')
            good = False
    path = option(spec, ("--file_content",))
    if path:
        found = _read(view, path)
        lines.append(_said(path, found) if found is not None else f'error reading file content for "{path}": {_missing(path)}\n')
        good = good and found is not None
    return lines, good


def _read(view: FileView, path: str) -> str | None:
    try:
        return view.read(path)
    except Denied:
        return None


def _said(path: str, text: str) -> str:
    return f'content of file "{path}": {text}\n'


def _missing(path: str) -> str:
    return f"open {path}: no such file or directory"
