"""Filters that probes and hooks of real manifests put behind a pipe: `grep`, `head`, `wc`, `cut`, `awk`, and `mv` beside them.

Upstream: busybox findutils/grep.c, coreutils.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubelab.cri.shell.call import Call
from kubelab.cri.shell.files import Denied
from kubelab.cri.shell.patterns import posix_regex

_BASIC = re.compile(r"\\([(){}|+?])|([(){}|+?])")
_PRINT = re.compile(r"\{\s*print\s*(\$\d{1,3}(?:\s*,\s*\$\d{1,3})*)?\s*;?\s*\}")
_LINE_MAX = 8192


def grep(call: Call) -> int:
    """`grep [-qivcEFoxw] PATTERN [FILE…]`: 0 if a line was selected, 1 if none, 2 for errors."""
    flags = call.flags("qivcEFoxwHhnsar")
    if not call.arguments:
        return call.fail("usage: grep [-qivcEFoxw] PATTERN [FILE]...", 2)
    pattern, *names = call.arguments
    if "F" in flags:
        pattern = re.escape(pattern)
    elif "E" not in flags:
        pattern = basic(pattern)
    pattern = rf"\b({pattern})\b" if "w" in flags else pattern
    pattern = rf"^({pattern})$" if "x" in flags else pattern
    try:
        matcher = posix_regex(f"(?i){pattern}" if "i" in flags else pattern)
    except ValueError as error:
        return call.fail(f"bad regex '{call.arguments[0]}': {error}", 2)
    text = text_of(call, names)
    if text is None:
        return 2
    chosen = [line for line in text.splitlines() if bool(matcher.search(line[:_LINE_MAX])) != ("v" in flags)]
    if "c" in flags:
        call.out(f"{len(chosen)}\n")
    elif "q" not in flags:
        lines = [found[0] for line in chosen for found in matcher.finditer(line[:_LINE_MAX])] if "o" in flags else chosen
        call.out("".join(f"{line}\n" for line in lines))
    return int(not chosen)


def basic(pattern: str) -> str:
    """A basic expression as an extended one: in it the plain characters are literal and the escaped ones special."""
    return _BASIC.sub(lambda found: found[1] or "\\" + found[2], pattern)


def head(call: Call) -> int:
    """`head [-n N | -c N] [FILE…]`."""
    words, count, unit = call.arguments, 10, "n"
    if words and (found := re.fullmatch(r"-([nc]?)(\d{1,9})", words[0])):
        unit, count, words = found[1] or "n", int(found[2]), words[1:]
    elif words[:1] in (["-n"], ["-c"]) and len(words) > 1 and words[1].isdigit():
        unit, count, words = words[0][1], int(words[1]), words[2:]
    text = text_of(call, words)
    if text is None:
        return 1
    call.out("".join(text.splitlines(keepends=True)[:count]) if unit == "n" else text.encode()[:count].decode(errors="ignore"))
    return 0


def wc(call: Call) -> int:
    """`wc [-lwc] [FILE]`."""
    flags = call.flags("lwc") or "lwc"
    text = text_of(call, call.arguments)
    if text is None:
        return 1
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    call.out(" ".join(str(counts[flag]) for flag in "lwc" if flag in flags) + "".join(f" {name}" for name in call.arguments) + "\n")
    return 0


def cut(call: Call) -> int:
    """`cut -d C -f N[-M]… [FILE…]`, `cut -c N[-M]… [FILE…]`."""
    words, separator, wanted, unit, only, names = call.arguments, "\t", "", "", False, list[str]()
    while words:
        word = words.pop(0)
        if word[:2] in ("-d", "-f", "-c", "-b") and (len(word) > 2 or words):
            value = word[2:] or words.pop(0)
            separator, wanted, unit = (value[:1], wanted, unit) if word[1] == "d" else (separator, value, word[1])
        elif word == "-s":
            only = True
        else:
            names.append(word)
    if not re.fullmatch(r"[\d,-]+", wanted):
        return call.fail("expected a list of bytes, characters, or fields")
    text = text_of(call, names)
    if text is None:
        return 1
    for line in text.splitlines():
        pieces = line.split(separator) if unit == "f" else list(line)
        if unit != "f":
            call.out("".join(_fields(pieces, wanted)) + "\n")
        elif len(pieces) > 1 or not only:
            call.out((separator.join(_fields(pieces, wanted)) if len(pieces) > 1 else line) + "\n")
    return 0


def mv(call: Call) -> int:
    """`mv SOURCE… TARGET`."""
    flags = call.flags("finv")
    files = call.machine.files
    *sources, target = call.arguments if len(call.arguments) > 1 else [*call.arguments, ""]
    if not sources or not target:
        return call.fail("missing file operand")
    into = files.is_directory(call.path(target))
    for word in sources:
        path = call.path(word)
        try:
            text = files.read(path)
            name = f"{target.rstrip('/')}/{path.rpartition('/')[2]}" if into else target
            files.write(call.path(name), text)
            files.remove(path)
            if "v" in flags:
                call.out(f"'{word}' -> '{name}'\n")
        except Denied as error:
            return call.fail(f"can't rename '{word}': {error}")
    return 0


def awk(call: Call) -> int:
    """`awk [-F SEPARATOR] '{print $N, …}' [FILE…]`: the one program that scripts of manifests use it for."""
    words, separator = call.arguments, None
    if words and words[0].startswith("-F"):
        separator, words = (words[0][2:], words[1:]) if len(words[0]) > 2 else (words[1], words[2:]) if len(words) > 1 else ("", [])
    found = _PRINT.fullmatch(words[0].strip()) if words else None
    if found is None:
        return call.fail("only a program of the form '{print $N, ...}' is known", 2)
    text = text_of(call, words[1:])
    if text is None:
        return 2
    wanted = [int(item.strip()[1:]) for item in (found[1] or "$0").split(",")]
    for line in text.splitlines():
        fields = [line, *line.split(separator)]
        call.out(" ".join(fields[index] if index < len(fields) else "" for index in wanted) + "\n")
    return 0


def _fields(pieces: list[str], wanted: str) -> list[str]:
    chosen: list[str] = []
    for item in wanted.split(","):
        first, dash, last = item.partition("-")
        start = int(first) if first else 1
        end = int(last) if last else (len(pieces) if dash else start)
        chosen.extend(pieces[start - 1 : end])
    return chosen


def text_of(call: Call, names: list[str]) -> str | None:
    """Text of the files named, or of standard input; None (and a message) if one cannot be read."""
    if not names or names == ["-"]:
        text, call.process.input = call.process.input, ""
        return text
    texts: list[str] = []
    for word in names:
        try:
            texts.append(call.machine.files.read(call.path(word)))
        except Denied as error:
            call.fail(f"{word}: {error}")
            return None
    return "".join(texts)


FILTERS: dict[str, Callable[[Call], int | None]] = {"grep": grep, "head": head, "wc": wc, "cut": cut, "mv": mv, "awk": awk}
