"""Commands that are programs in a real image: text, files, dates.

Upstream: busybox coreutils; error texts are its.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from kubelab.cri.shell.call import Call
from kubelab.cri.shell.files import Denied
from kubelab.cri.shell.live import Live
from kubelab.cri.shell.state import FOREVER

_ESCAPE = re.compile(r"\\(0[0-7]{0,3}|x[0-9a-fA-F]{1,2}|[abefnrtv\\c\"])")
_ESCAPES = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "c": ""}
_DIRECTIVE = re.compile(r"%([-+ 0#]*)(\d*)(?:\.(\d+))?([sdiuxXocbqfeg%])")
_SECOND_NS = 1_000_000_000
_WIDTH_MAX = 4096
_SEQUENCE_MAX = 100_000


def unescape(text: str) -> str:
    """Backslash escapes of `echo -e` and `printf`; `\\c` cuts the rest off."""
    text = text.split("\\c", 1)[0] if "\\c" in text else text

    def one(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] == "0":
            return chr(int(code, 8) & 255)
        return chr(int(code[1:], 16)) if code[0] == "x" else _ESCAPES[code]

    return _ESCAPE.sub(one, text)


def echo(call: Call) -> int:
    """`echo [-neE] WORD…`."""
    flags = ""
    words = call.arguments
    while words and re.fullmatch(r"-[neE]+", words[0]):
        flags += words.pop(0)[1:]
    text = " ".join(words)
    call.out((unescape(text) if "e" in flags else text) + ("" if "n" in flags else "\n"))
    return 0


def printf(call: Call) -> int:
    """`printf FORMAT ARGUMENT…`: the format is used again while arguments are left."""
    if not call.arguments:
        return call.fail("usage: printf FORMAT [ARG]...")
    pattern, *rest = call.arguments
    status = 0
    while True:
        before = len(rest)

        def one(found: re.Match[str]) -> str:
            nonlocal status
            flags, width, precision, kind = found.groups()
            if kind == "%":
                return "%"
            argument = rest.pop(0) if rest else ""
            text, good = _format(argument, flags, precision, kind)
            status = status if good else 1
            size = min(int(width or 0), _WIDTH_MAX)
            if "-" in flags:
                return text.ljust(size)
            return text.rjust(size, "0" if "0" in flags and kind not in "sc" else " ")

        call.out(_DIRECTIVE.sub(one, unescape(pattern)))
        if not rest or len(rest) == before:
            return status


def _format(argument: str, flags: str, precision: str | None, kind: str) -> tuple[str, bool]:
    if kind in "sbqc":
        text = unescape(argument) if kind == "b" else argument
        return (text[:1] if kind == "c" else text if precision is None else text[: int(precision)]), True
    if kind in "feg":
        good = bool(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?", argument))
        return format(float(argument) if good else 0.0, f".{min(int(precision or 6), 30)}{kind}"), good or not argument
    good = bool(re.fullmatch(r"[+-]?\d{1,20}", argument))
    number = int(argument) if good else ord(argument[1]) if re.match(r"['\"].", argument) else 0
    return {"x": f"{number:x}", "X": f"{number:X}", "o": f"{number:o}"}.get(
        kind, f"{number:+d}" if "+" in flags else str(number)
    ), good or not argument


def touch(call: Call) -> int:
    """`touch FILE…`."""
    call.flags("cam")
    return _each(call, lambda path: None if call.machine.files.is_directory(path) else call.machine.files.write(path, "", append=True))


def mkdir(call: Call) -> int:
    """`mkdir [-p] DIRECTORY…`."""
    flags = call.flags("pmv")
    files = call.machine.files
    status = 0
    for word in call.arguments:
        path = call.path(word)
        parent = path.rpartition("/")[0] or "/"
        if "p" not in flags and (files.is_directory(path) or files.is_file(path)):
            status = call.fail(f"can't create directory '{word}': File exists")
        elif "p" not in flags and not files.is_directory(parent):
            status = call.fail(f"can't create directory '{word}': No such file or directory")
        else:
            steps = path.split("/")[1:]
            for count in range(1, len(steps) + 1):
                files.make_directory("/" + "/".join(steps[:count]))
    return status


def rm(call: Call) -> int:
    """`rm [-rf] FILE…`."""
    flags = call.flags("rRfiv")
    files = call.machine.files
    status = 0
    for word in call.arguments:
        path = call.path(word)
        try:
            if files.is_file(path):
                files.remove(path)
            elif files.is_directory(path):
                if "r" not in flags.lower():
                    status = call.fail(f"'{word}' is a directory")
                else:
                    files.remove(path)
            elif "f" not in flags:
                status = call.fail(f"can't remove '{word}': No such file or directory")
        except Denied as error:
            status = call.fail(f"can't remove '{word}': {error}")
    return status


def cat(call: Call) -> int:
    """`cat [FILE…]`: of standard input without files."""
    call.flags("netuv")
    status = 0
    for word in call.arguments or ["-"]:
        if word == "-":
            call.out(call.process.input)
            call.process.input = ""
            continue
        try:
            call.out(call.machine.files.read(call.path(word)))
        except Denied as error:
            message = f"can't open '{word}': {error}" if str(error).startswith("No such") else f"read error: {error}"
            status = call.fail(message)
    return status


def cp(call: Call) -> int:
    """`cp [-rf] SOURCE… TARGET`."""
    call.flags("rRfapLdHP")
    files = call.machine.files
    *sources, target = call.arguments if len(call.arguments) > 1 else [*call.arguments, ""]
    if not sources or not target:
        return call.fail("missing file operand")
    into = files.is_directory(call.path(target))
    for word in sources:
        try:
            name = word.rstrip("/").rpartition("/")[2]
            files.write(call.path(f"{target}/{name}" if into else target), files.read(call.path(word)))
        except Denied as error:
            return call.fail(f"can't stat '{word}': {error}")
    return 0


def ls(call: Call) -> int:
    """`ls [-1al] [PATH…]`: one name a line."""
    flags = call.flags("1alhtrAFRdiS")
    files = call.machine.files
    status = 0
    for word in call.arguments or ["."]:
        path = call.path(word)
        if files.is_file(path):
            call.out(f"{word}\n")
        elif files.is_directory(path):
            names = [name for name in files.names(path) if "a" in flags.lower() or not name.startswith(".")]
            call.out("".join(f"{name}\n" for name in names))
        else:
            status = call.fail(f"{word}: No such file or directory")
    return status


def find(call: Call) -> int:
    """`find [PATH…] [-mindepth N] [-maxdepth N] [-type f | d] [-delete]`: names first, then what is below them; deleted from below."""
    words = call.arguments
    paths: list[str] = []
    while words and not words[0].startswith("-"):
        paths.append(words.pop(0))
    least, most, kind, delete = 0, 1_000, "", False
    while words:
        word = words.pop(0)
        if word == "-delete":
            delete = True
        elif word in ("-mindepth", "-maxdepth") and words and words[0].isdigit():
            least, most = (int(words.pop(0)), most) if word == "-mindepth" else (least, int(words.pop(0)))
        elif word == "-type" and words and words[0] in ("f", "d"):
            kind = words.pop(0)
        elif word != "-print":
            return call.fail(f"unrecognized: {word}")
    files, status = call.machine.files, 0
    for path in paths or ["."]:
        if not files.is_file(call.path(path)) and not files.is_directory(call.path(path)):
            status = call.fail(f"{path}: No such file or directory")
            continue
        found = [name for name in _below(call, path, 0, most) if name[1] >= least and kind in ("", "f" if name[2] else "d")]
        if not delete:
            call.out("".join(f"{name}\n" for name, _, _ in found))
            continue
        try:
            for name, _, _ in reversed(found):
                files.remove(call.path(name))
        except Denied as error:
            status = call.fail(f"{path}: {error}")
    return status


def _below(call: Call, path: str, depth: int, most: int) -> list[tuple[str, int, bool]]:
    """A path and what is below it: name, depth, whether it is a file."""
    files = call.machine.files
    is_file = files.is_file(call.path(path))
    found = [(path, depth, is_file)]
    if not is_file and depth < most:
        for name in files.names(call.path(path)):
            found += _below(call, f"{path.rstrip('/')}/{name}", depth + 1, most)
    return found


def tail(call: Call) -> int | None:
    """`tail [-n N] [-f | -F] FILE…`."""
    lines, follow, names = 10, False, []
    words = call.arguments
    whole = False
    while words:
        word = words.pop(0)
        found = re.fullmatch(r"-n?([+-]?\d+)", word)
        if word == "-n" and words:
            found = re.fullmatch(r"()?([+-]?\d+)", words.pop(0))
            found = re.fullmatch(r"([+-]?\d+)", found[2]) if found else None
        if found:
            lines, whole = abs(int(found[1])), found[1] == "+1"
        elif word in ("-f", "-F", "--follow"):
            follow = True
        elif not word.startswith("-"):
            names.append(word)
    following: list[tuple[str, int]] = []
    status = 0
    for word in names:
        path = call.path(word)
        files = call.machine.files
        if not files.is_file(path):
            status = call.fail(f"can't open '{word}': No such file or directory")
            following.append((path, 0))
            continue
        text = files.read(path)
        call.out(text if whole else "".join(text.splitlines(keepends=True)[-lines:] if lines else []))
        following.append((path, len(text)))
    if not follow:
        return status
    watched = tuple(item for item in following if item[0] != "/dev/null")
    call.process.follow = watched
    call.process.until_ns = call.machine.now_ns + _SECOND_NS if watched else FOREVER
    call.process.status = 0
    return None if watched else 0


def seq(call: Call) -> int:
    """`seq [FIRST [STEP]] LAST`."""
    numbers = [int(word) for word in call.arguments if re.fullmatch(r"-?\d{1,18}", word)]
    if not numbers or len(numbers) != len(call.arguments) or len(numbers) > 3:
        return call.fail("invalid number")
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) > 2 else 1
    if step == 0:
        return call.fail("increment cannot be 0")
    values = range(first, numbers[-1] + (1 if step > 0 else -1), step)
    call.out("".join(f"{value}\n" for value in values[:_SEQUENCE_MAX]))
    return 0


def hostname(call: Call) -> int:
    """`hostname [-i | -f | --fqdn | -s | -d]`."""
    if call.words[1:2] in (["--fqdn"], ["--long"]):
        call.words[1] = "-f"
    flags, state = call.flags("ifsdI"), call.machine.state
    name = state.hostname
    if "i" in flags.lower():
        name = call.machine.world.address()
    elif "f" in flags and state.domain and not name.endswith(f".{state.domain}"):
        name = f"{name}.{state.domain}"
    elif "d" in flags:
        name = state.domain
    elif "s" in flags:
        name = name.partition(".")[0]
    call.out(name + "\n")
    return 0


def date(call: Call) -> int:
    """`date [-u] [+FORMAT]`: the virtual clock, UTC."""
    call.flags("uI")
    now_ns = call.machine.now_ns
    moment = datetime.fromtimestamp(now_ns // _SECOND_NS, UTC)
    pattern = next((word[1:] for word in call.arguments if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    pattern = pattern.replace("%s", str(now_ns // _SECOND_NS)).replace("%N", f"{now_ns % _SECOND_NS:09d}")
    pattern = pattern.replace("%e", f"{moment.day:2d}").replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
    call.out(moment.strftime(pattern) + "\n")
    return 0


def serve(process: Live) -> int:
    """The process runs on as a server."""
    process.until_ns = FOREVER
    process.awaiting = ("serve",)
    return 0


def _each(call: Call, act: Callable[[str], None]) -> int:
    status = 0
    for word in call.arguments:
        try:
            act(call.path(word))
        except Denied as error:
            text = "No such file or directory" if str(error).startswith("nonexistent") else str(error)
            status = call.fail(f"{word}: {text}")
    return status


UTILITIES: dict[str, Callable[[Call], int | None]] = {
    ":": lambda call: 0, "true": lambda call: 0, "false": lambda call: 1, "echo": echo, "printf": printf, "touch": touch,
    "mkdir": mkdir, "rm": rm, "cat": cat, "cp": cp, "ls": ls, "find": find, "tail": tail, "seq": seq, "hostname": hostname, "date": date,
}  # fmt: skip
