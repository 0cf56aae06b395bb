"""What each instruction does to a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kubelab.cri.shell.commands import COMMANDS, Call
from kubelab.cri.shell.conditions import conditional
from kubelab.cri.shell.expand import Expander
from kubelab.cri.shell.files import Denied
from kubelab.cri.shell.live import Live
from kubelab.cri.shell.patterns import compile_pattern
from kubelab.cri.shell.state import Frame, Streams
from kubelab.cri.shell.syntax import For, Redirect, Simple, Text, Word
from kubelab.cri.shell.utilities import serve

if TYPE_CHECKING:
    from kubelab.cri.shell.machine import Machine

_SIGNAL_NUMBERS = {"HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12, "TERM": 15}
_KEEP_INPUT = "\0"
_TO_MAIN = {"/dev/stdout": "stdout", "/dev/stderr": "stderr", "/proc/1/fd/1": "stdout", "/proc/1/fd/2": "stderr"}
_FRAMES_MAX = 200


def run_trap(machine: Machine, process: Live) -> None:
    """The first pending signal's handler is called; a `wait` under way ends with 128 + signal."""
    sig, process.pending = process.pending[0], process.pending[1:]
    handler = process.traps.get(sig)
    if handler is None:
        if process.pid != 1 or not machine.state.main:
            machine.kill(process, sig)
        return
    if process.waiting:
        process.waiting, process.awaiting = (), ()
        process.status = 128 + _SIGNAL_NUMBERS.get(sig, 15)
    if handler:
        process.frames.append(Frame(handler, -1, kind="trap", status=process.status))


def fail_expansion(machine: Machine, process: Live, message: str) -> None:
    """An expansion error ends a shell that is not interactive, with code 2."""
    machine.write(process.err, f"sh: {message}\n")
    machine.end(process, 2)


def finish(machine: Machine, process: Live, status: int, checked: bool) -> None:
    """Status of a command; under `set -e` a failure where nobody asks for it ends the process."""
    process.status = status
    if status and checked and "e" in process.options and all(frame.kind != "function" or frame.status for frame in process.frames):
        machine.end(process, status)


def restore_streams(process: Live, saved: Streams) -> None:
    """Puts back where the streams went before a redirection."""
    process.out, process.err = saved[:2]
    if saved[2] != _KEEP_INPUT:
        process.input = saved[2]


def redirect(machine: Machine, process: Live, redirects: tuple[Redirect, ...]) -> Streams | None:
    """Applies redirections; answers what to put back, None (and a message) if a file cannot be opened."""
    saved = (process.out, process.err, process.input if any(item.fd == 0 for item in redirects) else _KEEP_INPUT)
    expander = Expander(process, machine.files)
    for item in redirects:
        target = expander.text(item.target)
        if item.operator == "<<":
            process.input = target
        elif item.operator in (">&", "<&") and (target.isdigit() or target == "-"):
            _point(process, item.fd, {"1": process.out, "2": process.err, "-": "null"}.get(target, "null"))
        elif item.operator == "<":
            try:
                process.input = machine.files.read(process.path(target))
            except Denied as error:
                restore_streams(process, saved)
                machine.write(process.err, f"sh: can't open {target}: {_open_error(error)}\n")
                return None
        else:
            opened = _open(machine, process, target, append=item.operator.endswith(">>"))
            if opened is None:
                restore_streams(process, saved)
                return None
            _point(process, item.fd, opened)
            if item.operator.startswith("&") or item.operator == ">&":
                _point(process, 2, opened)
    return saved


def _open(machine: Machine, process: Live, target: str, *, append: bool) -> str | None:
    path = process.path(target)
    if path == "/dev/null":
        return "null"
    if path in _TO_MAIN:
        main = _TO_MAIN[path]
        return main if machine.state.main or path.startswith("/proc") else {"stdout": process.out, "stderr": process.err}[main]
    try:
        machine.files.write(path, "", append=append)
    except Denied as error:
        machine.write(process.err, f"sh: can't create {target}: {error}\n")
        return None
    return f"file:{path}"


def _open_error(error: Denied) -> str:
    return "no such file" if str(error).startswith("No such file") else str(error)


def _point(process: Live, fd: int, target: str) -> None:
    if fd == 1:
        process.out = target
    elif fd == 2:
        process.err = target


def _simple(machine: Machine, process: Live, node: Simple, checked: bool) -> None:
    expander = Expander(process, machine.files)
    if node.words and node.words[0] == (Text("[[", True),):
        verdict = _with_redirects(machine, process, node, lambda: conditional(node, expander, process, machine.files))
        process.substituted.clear()
        finish(machine, process, verdict, checked)
        return
    words = expander.fields(node.words)
    saved = redirect(machine, process, node.redirects) if node.redirects else (*process.streams()[:2], _KEEP_INPUT)
    if saved is None:
        finish(machine, process, 1, checked)
        return
    if not words:
        if not process.substituted:
            process.status = 0
        if not node.assignments and [item.operator for item in node.redirects] == ["<"] and process.out.startswith("capture:"):
            # `$(<file)` is short for `$(cat file)`.
            machine.write(process.out, process.input)
        _assign(process, expander, node)
        process.substituted.clear()
        restore_streams(process, saved)
        finish(machine, process, process.status, checked)
        return
    if "x" in process.options:
        machine.write(process.err, "+ " + " ".join(words) + "\n")
    variables, exported = (dict(process.variables), dict(process.exported)) if node.assignments else ({}, {})
    _assign(process, expander, node)
    if node.assignments:
        process.exported.update(dict.fromkeys((name.rstrip("+") for name, _ in node.assignments), True))
    process.substituted.clear()
    depth = len(process.frames)
    status = _run(machine, process, words, checked)
    if process.exit_code is not None:
        return
    if status is None:
        _go_on(process, saved, checked, depth)
        if len(process.frames) > depth and process.frames[-1].kind == "function":
            for name, _ in node.assignments:
                process.frames[-1] = process.frames[-1].shadow(name.rstrip("+"), variables.get(name.rstrip("+")))
    elif words != ["exec"]:
        restore_streams(process, saved)
    if node.assignments and len(process.frames) == depth:
        process.variables, process.exported = variables, exported
    if status is not None:
        finish(machine, process, status, checked)


def _go_on(process: Live, saved: Streams, checked: bool, depth: int) -> None:
    """A command that is not over: its redirections last as long as the frame it has put on, or belong to the child it waits for."""
    if len(process.frames) > depth:
        process.frames[-1] = replace(process.frames[-1], streams=(saved,))
    elif process.waiting:
        restore_streams(process, saved)
        if process.awaiting[:1] == ("fg",):
            process.awaiting = ("fg", checked)


def _with_redirects(machine: Machine, process: Live, node: Simple, act: Callable[[], int]) -> int:
    saved = redirect(machine, process, node.redirects)
    if saved is None:
        return 1
    status = act()
    restore_streams(process, saved)
    return status


def _assign(process: Live, expander: Expander, node: Simple) -> None:
    for name, word in node.assignments:
        text = expander.text(word)
        if name.endswith("+"):
            name = name[:-1]
            text = (process.get(name) or "") + text
        process.put(name, text)


def _run(machine: Machine, process: Live, words: list[str], checked: bool) -> int | None:
    """Runs a command; None if it has put something on the process that goes on by itself."""
    name = words[0]
    if name == "exec":
        if len(words) == 1:
            return 0
        process.replaced = True
        process.traps.clear()
        words = words[1:]
        name = words[0]
    function = process.functions.get(name)
    if function is not None:
        if len(process.frames) > _FRAMES_MAX:
            machine.write(process.err, f"sh: {name}: maximum function nesting level exceeded\n")
            machine.end(process, 2)
            return None
        script, body = function
        process.frames.append(Frame(script, body, kind="function", status=int(checked), parameters=process.parameters))
        process.parameters = tuple(words[1:])
        return None
    command = COMMANDS.get(name.rpartition("/")[2] if name.startswith(("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/")) else name)
    if command is not None:
        return command(Call(machine, process, words))
    answer = machine.world.command(words)
    if answer is not None:
        machine.write(process.out, answer[1])
        return answer[0] if answer[0] is not None else serve(process)
    return _run_file(machine, process, words)


def _run_file(machine: Machine, process: Live, words: list[str]) -> int | None:
    path = process.path(words[0])
    if "/" in words[0] and machine.files.is_file(path):
        child = machine.spawn(process, -1)
        child.frames = [Frame(machine.files.read(path), -1)]
        child.parameters, child.name = tuple(words[1:]), words[0]
        process.waiting, process.awaiting = (child.pid,), ("fg", False)
        return None
    machine.write(process.err, f"sh: {words[0]}: not found\n")
    return 127


def _sub(machine: Machine, process: Live, number: int, body: int) -> None:
    child = machine.spawn(process, body, out="")
    process.substituted.setdefault(0, str(process.status))
    process.waiting, process.awaiting = (child.pid,), ("sub", number)


def _spawn(machine: Machine, process: Live, body: int) -> None:
    child = machine.spawn(process, body, text="")
    process.last_background = child.pid
    process.status = 0


def _subshell(machine: Machine, process: Live, body: int, checked: bool) -> None:
    child = machine.spawn(process, body)
    if not checked:
        child.options = child.options.replace("e", "")
    process.waiting, process.awaiting = (child.pid,), ("fg", checked)


def _pipe(machine: Machine, process: Live, body: int) -> None:
    child = machine.spawn(process, body, out="", text=process.piped)
    process.waiting, process.awaiting = (child.pid,), ("pipe",)


def _pipe_last(machine: Machine, process: Live, body: int, checked: bool) -> None:
    child = machine.spawn(process, body, text=process.piped)
    process.piped = ""
    process.waiting, process.awaiting = (child.pid,), ("fg", checked)


def _not(machine: Machine, process: Live) -> None:
    process.status = int(process.status == 0)


def _jump(machine: Machine, process: Live, to: int) -> None:
    process.frames[-1] = process.frames[-1].goto(to)


def _jump_ok(machine: Machine, process: Live, to: int) -> None:
    if process.status == 0:
        _jump(machine, process, to)


def _jump_fail(machine: Machine, process: Live, to: int) -> None:
    if process.status != 0:
        _jump(machine, process, to)


def _status(machine: Machine, process: Live, code: int) -> None:
    process.status = code


def _for(machine: Machine, process: Live, node: For) -> None:
    values = tuple(Expander(process, machine.files).fields(node.words))
    process.substituted.clear()
    process.status = 0
    frame = process.frames[-1]
    process.frames[-1] = replace(frame, loops=(*frame.loops, values))


def _next(machine: Machine, process: Live, variable: str, end: int) -> None:
    frame = process.frames[-1]
    *outer, values = frame.loops
    if not values:
        process.frames[-1] = replace(frame, loops=tuple(outer), at=end)
        return
    process.put(variable, values[0])
    process.frames[-1] = replace(frame, loops=(*outer, values[1:]))


def _quit(machine: Machine, process: Live) -> None:
    machine.end(process, 0)


def _begin(machine: Machine, process: Live) -> None:
    """A `while` loop's status is that of the last command of its body, 0 if the body never ran: kept on the stack of loops."""
    frame = process.frames[-1]
    process.frames[-1] = replace(frame, loops=(*frame.loops, ("0",)))


def _keep(machine: Machine, process: Live) -> None:
    frame = process.frames[-1]
    process.frames[-1] = replace(frame, loops=(*frame.loops[:-1], (str(process.status),)))


def _end(machine: Machine, process: Live) -> None:
    process.status = int(process.frames[-1].loops[-1][0])
    _unfor(machine, process)


def _unfor(machine: Machine, process: Live) -> None:
    frame = process.frames[-1]
    process.frames[-1] = replace(frame, loops=frame.loops[:-1])


def _redirect(machine: Machine, process: Live, redirects: tuple[Redirect, ...], skip: int) -> None:
    saved = redirect(machine, process, redirects)
    process.substituted.clear()
    if saved is None:
        process.status = 1
        _jump(machine, process, skip)
        return
    frame = process.frames[-1]
    process.frames[-1] = replace(frame, streams=(*frame.streams, saved))


def _restore(machine: Machine, process: Live) -> None:
    frame = process.frames[-1]
    restore_streams(process, frame.streams[-1])
    process.frames[-1] = replace(frame, streams=frame.streams[:-1])


def _case(machine: Machine, process: Live, subject: Word, patterns: tuple[Word, ...], otherwise: int) -> None:
    expander = Expander(process, machine.files)
    text = expander.text(subject)
    if not any(compile_pattern(expander.pattern(pattern)).fullmatch(text) for pattern in patterns):
        _jump(machine, process, otherwise)
        return
    process.substituted.clear()


def _function(machine: Machine, process: Live, name: str, body: int) -> None:
    process.functions[name] = (process.frames[-1].script, body)
    process.status = 0


STEPS: dict[str, Callable[..., Any]] = {
    "simple": _simple,
    "sub": _sub,
    "spawn": _spawn,
    "subshell": _subshell,
    "pipe": _pipe,
    "pipe_last": _pipe_last,
    "not": _not,
    "jump": _jump,
    "jump_ok": _jump_ok,
    "jump_fail": _jump_fail,
    "status": _status,
    "quit": _quit,
    "begin": _begin,
    "keep": _keep,
    "end": _end,
    "for": _for,
    "next": _next,
    "unfor": _unfor,
    "redirect": _redirect,
    "restore": _restore,
    "case": _case,
    "function": _function,
}
