"""Commands that are the shell's own: they change the process that runs them.

Upstream: POSIX.1-2017 Shell Command Language, 2.14 (special built-ins); busybox shell/ash.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubelab.cri.effects import Signal
from kubelab.cri.shell.arithmetic import ArithmeticFailure, evaluate
from kubelab.cri.shell.call import Call
from kubelab.cri.shell.conditions import BadTest
from kubelab.cri.shell.conditions import evaluate as evaluate_test
from kubelab.cri.shell.files import Denied
from kubelab.cri.shell.filters import FILTERS
from kubelab.cri.shell.network import NETWORK
from kubelab.cri.shell.state import FOREVER, Frame
from kubelab.cri.shell.texts import TEXTS
from kubelab.cri.shell.utilities import UTILITIES
from kubelab.cri.shell.who import WHO

__all__ = ["COMMANDS", "Call"]

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SLEEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIGNALS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM", "0": "EXIT"}
_SECOND_NS = 1_000_000_000


def sleep(call: Call) -> int | None:
    """`sleep N[smhd] …`, `sleep infinity`."""
    if not call.arguments:
        return call.fail("missing operand")
    total = 0.0
    for word in call.arguments:
        if word in ("infinity", "inf"):
            total = float(FOREVER)
            continue
        found = _SLEEP.fullmatch(word)
        if found is None:
            return call.fail(f"invalid number '{word}'")
        total += float(found[1]) * _UNITS[found[2]]
    until = FOREVER if total * _SECOND_NS >= FOREVER else call.machine.now_ns + round(total * _SECOND_NS)
    call.process.until_ns = until
    call.process.status = 0
    return 0


def exit_(call: Call) -> int | None:
    """`exit [N]`."""
    code = call.process.status
    if call.arguments:
        if not re.fullmatch(r"-?\d{1,18}", call.arguments[0]):
            call.machine.end(call.process, call.fail(f"Illegal number: {call.arguments[0]}", 2))
            return None
        code = int(call.arguments[0])
    for frame in call.process.frames:
        if frame.kind == "exit":
            call.process.leaving = True
    call.machine.end(call.process, code)
    return None


def return_(call: Call) -> int | None:
    """`return [N]`: out of a function, a sourced file or, lacking both, the script."""
    code = int(call.arguments[0]) if call.arguments and call.arguments[0].isdigit() else call.process.status
    frame = call.process.frames[-1]
    if frame.kind == "main":
        call.machine.end(call.process, code)
        return None
    last = len(_bodies(frame)[frame.body])
    call.process.frames[-1] = frame.goto(last)
    return code


def _bodies(frame: Frame) -> tuple[tuple[tuple[object, ...], ...], ...]:
    from kubelab.cri.shell.code import compile_script

    return compile_script(frame.script)


def trap(call: Call) -> int:
    """`trap HANDLER SIGNAL…`, `trap - SIGNAL…`; without arguments lists them."""
    words = call.arguments
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        for sig, handler in call.process.traps.items():
            call.out(f"trap -- '{handler}' {sig}\n")
        return 0
    handler, signals = (words[0], words[1:]) if len(words) > 1 else ("-", words)
    for word in signals:
        sig = _SIGNALS.get(word, word.upper().removeprefix("SIG"))
        if handler == "-":
            call.process.traps.pop(sig, None)
        else:
            call.process.traps[sig] = handler
    return 0


def wait(call: Call) -> int | None:
    """`wait [PID…]`: for the children named, else for all."""
    process = call.process
    wanted = [int(word) for word in call.arguments if word.isdigit()]
    living = tuple(pid for pid in (wanted or process.children) if pid in process.children)
    if living:
        process.waiting = living
        process.awaiting = ("wait", wanted[-1]) if wanted else ("wait",)
        return None
    return process.ended.pop(wanted[-1], 127) if wanted else 0


def kill(call: Call) -> int:
    """`kill [-SIG | -s SIG] PID…`; from an exec, process 1 is the container's."""
    words = call.arguments
    sig = "TERM"
    if words[:1] == ["-s"] and len(words) > 1:
        sig, words = words[1].upper().removeprefix("SIG"), words[2:]
    elif words and words[0].startswith("-"):
        name = words[0][1:].upper().removeprefix("SIG")
        sig, words = "0" if name == "0" else _SIGNALS.get(name, name), words[1:]
    status = 0
    for word in words:
        machine = call.machine
        if word == "1" and not machine.state.main:
            if sig != "0":
                machine.effects.append(Signal(sig))
        elif word.isdigit() and int(word) in machine.processes:
            machine.kill(machine.processes[int(word)], sig)
        else:
            status = call.fail(f"can't kill pid {word}: No such process")
    return status


def source(call: Call) -> int | None:
    """`. FILE`."""
    if not call.arguments:
        return call.fail("filename argument required", 2)
    word = call.arguments[0]
    try:
        text = call.machine.files.read(call.path(word))
    except Denied as error:
        call.machine.write(call.process.err, f"{call.process.name}: can't open '{word}': {error}\n")
        call.machine.end(call.process, 127)
        return None
    call.process.frames.append(Frame(text, -1, kind="source"))
    return None


def eval_(call: Call) -> int | None:
    """`eval WORD…`."""
    call.process.frames.append(Frame(" ".join(call.arguments), -1, kind="source"))
    return None


def set_(call: Call) -> int:
    """`set -e -u -x`, `set -- WORD…`."""
    words = call.arguments
    process = call.process
    if not words:
        call.out("".join(f"{name}='{text}'\n" for name, text in sorted(process.variables.items())))
        return 0
    while words and words[0][:1] in ("-", "+") and words[0] != "--":
        flag = words.pop(0)
        letters = flag[1:]
        if letters.endswith("o") and words:
            letters = letters[:-1] + {"errexit": "e", "nounset": "u", "xtrace": "x", "noglob": "f"}.get(words.pop(0), "")
        for letter in letters:
            process.options = process.options.replace(letter, "") + (letter if flag[0] == "-" else "")
    if words:
        process.parameters = tuple(words[1:] if words[0] == "--" else words)
    return 0


def export(call: Call) -> int:
    """`export NAME[=VALUE]…`; also `readonly`, `declare`."""
    call.flags("pxnrga")
    for word in call.arguments:
        name, equals, text = word.partition("=")
        if not _NAME.fullmatch(name):
            return call.fail(f"{word}: bad variable name", 2)
        if equals:
            call.process.put(name, text)
        if call.words[0] == "export":
            call.process.exported[name] = True
    return 0


def local(call: Call) -> int:
    """`local NAME[=VALUE]…`: the caller's value comes back when the function ends."""
    frames = call.process.frames
    inside = next((index for index in reversed(range(len(frames))) if frames[index].kind == "function"), None)
    if inside is None:
        return call.fail("not in a function", 2)
    for word in call.arguments:
        name, equals, text = word.partition("=")
        if not _NAME.fullmatch(name):
            return call.fail(f"{word}: bad variable name", 2)
        frames[inside] = frames[inside].shadow(name, call.process.variables.get(name))
        call.process.put(name, text if equals else "")
    return 0


def unset(call: Call) -> int:
    """`unset NAME…`."""
    call.flags("vf")
    for name in call.arguments:
        call.process.variables.pop(name, None)
        call.process.exported.pop(name, None)
        call.process.functions.pop(name, None)
    return 0


def env(call: Call) -> int:
    """`env`: the exported variables."""
    if call.arguments and call.words[0] == "printenv":
        value = call.process.get(call.arguments[0])
        call.out(f"{value}\n" if value is not None else "")
        return int(value is None)
    variables = call.process.variables
    call.out("".join(f"{name}={variables[name]}\n" for name in call.process.exported if name in variables))
    return 0


def cd(call: Call) -> int:
    """`cd [DIRECTORY]`."""
    target = call.arguments[0] if call.arguments else call.process.get("HOME") or "/"
    path = call.path(target)
    if not call.machine.files.is_directory(path):
        return call.fail(f"can't cd to {target}: No such file or directory", 2)
    call.process.directory = path
    call.process.put("PWD", path)
    return 0


def pwd(call: Call) -> int:
    """`pwd`."""
    call.out(call.process.directory + "\n")
    return 0


def shift(call: Call) -> int:
    """`shift [N]`."""
    count = int(call.arguments[0]) if call.arguments and call.arguments[0].isdigit() else 1
    if count > len(call.process.parameters):
        return 1
    call.process.parameters = call.process.parameters[count:]
    return 0


def read(call: Call) -> int:
    """`read [-r] NAME…`: one line of standard input."""
    call.flags("r")
    process = call.process
    line, newline, rest = process.input.partition("\n")
    process.input = rest
    names = call.arguments or ["REPLY"]
    values = line.split(None, len(names) - 1) if len(names) > 1 else [line.strip()]
    for index, name in enumerate(names):
        process.put(name, values[index].rstrip() if index < len(values) else "")
    return int(not newline)


def let(call: Call) -> int:
    """`let EXPRESSION`, `(( EXPRESSION ))`."""
    outcome = 0
    for expression in call.arguments:
        try:
            outcome = evaluate(expression, call.process.get, call.process.put)
        except ArithmeticFailure as error:
            return call.fail(str(error))
    return int(outcome == 0)


def test(call: Call) -> int:
    """`test EXPRESSION`, `[ EXPRESSION ]`."""
    words = call.arguments
    if call.words[0] == "[":
        if words[-1:] != ["]"]:
            return call.fail("missing ]", 2)
        words = words[:-1]
    try:
        return int(not evaluate_test(words, call.process, call.machine.files))
    except BadTest as error:
        return call.fail(str(error), 2)


def command(call: Call) -> int:
    """`command -v NAME`, `type NAME`: whether a command exists."""
    call.flags("vV")
    for name in call.arguments:
        known = name in COMMANDS or name in call.process.functions or call.machine.world.command([name]) is not None
        if not known:
            return 127
        call.out(f"{name}\n")
    return 0


def shell(call: Call) -> int | None:
    """`sh -c SCRIPT`, `sh FILE`: a shell inside the shell."""
    from kubelab.cri.shell.machine import read_argv

    script, options, name, parameters = read_argv(tuple(call.words))
    child = call.machine.spawn(call.process, -1)
    child.frames = [Frame(script, -1)]
    child.options, child.name, child.parameters = options, name, parameters
    call.process.waiting, call.process.awaiting = (child.pid,), ("fg", False)
    return None


COMMANDS: dict[str, Callable[[Call], int | None]] = {
    **UTILITIES,
    **NETWORK,
    **FILTERS,
    **TEXTS,
    **WHO,
    "sleep": sleep, "exit": exit_, "return": return_, "trap": trap, "wait": wait, "kill": kill, ".": source, "source": source,
    "eval": eval_, "set": set_, "export": export, "readonly": export, "local": local, "declare": export, "unset": unset,
    "env": env, "printenv": env, "cd": cd, "pwd": pwd, "shift": shift, "read": read, "let": let, "test": test, "[": test,
    "command": command, "type": command, "sh": shell, "bash": shell,
    "break": lambda call: 0, "continue": lambda call: 0,
}  # fmt: skip
