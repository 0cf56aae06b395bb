"""More filters that examples and hooks use: `sort`, `uniq`, `tr`, `tee`, `sed`.

Upstream: busybox coreutils, editors/sed.c. Of sed: addresses by number, `$` and `/…/`, ranges of them, and `s`, `p`, `d`, `q`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from kubelab.cri.shell.call import Call
from kubelab.cri.shell.files import Denied
from kubelab.cri.shell.filters import basic, text_of
from kubelab.cri.shell.patterns import posix_regex
from kubelab.cri.shell.utilities import unescape

_NUMBER = re.compile(r"\s*(-?\d+)")
_SETS = {
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "lower": "abcdefghijklmnopqrstuvwxyz", "digit": "0123456789", "space": "\t\n\v\f\r ",
    "alpha": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "blank": "\t ",
    "alnum": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}  # fmt: skip
_ITEM = re.compile(r"\[:(\w+):\]|(\\\\|\\?.)-(\\\\|\\?.)|(\\[0-7]{1,3}|\\.|.)", re.DOTALL)
_COMMAND = re.compile(r"\s*(!?)\s*([pdq]|s)")


def sort(call: Call) -> int:
    """`sort [-nru] [-t C] [-k N] [FILE…]`."""
    flags, separator, field, names, words = "", None, 0, [], call.arguments
    while words:
        word = words.pop(0)
        if word[:2] in ("-k", "-t") and (len(word) > 2 or words):
            value = word[2:] or words.pop(0)
            if word[1] == "t":
                separator = value
            elif found := _NUMBER.match(value):
                field = int(found[1])
        elif len(word) > 1 and word[0] == "-":
            if not set(word[1:]) <= set("nrub"):
                return call.fail(f"invalid option -- '{word[1:].strip('nrub')[0]}'")
            flags += word[1:]
        else:
            names.append(word)
    text = text_of(call, names)
    if text is None:
        return 1

    def key(line: str) -> tuple[int, str]:
        piece = line
        if field:
            pieces = line.split(separator)
            piece = (" " if separator is None else separator).join(pieces[field - 1 :])
        found = _NUMBER.match(piece) if "n" in flags else None
        return int(found[1]) if found else 0, "" if "n" in flags else piece

    lines = sorted(text.splitlines(), key=lambda line: (*key(line), "" if "u" in flags else line), reverse="r" in flags)
    if "u" in flags:
        lines = [line for index, line in enumerate(lines) if not index or key(line) != key(lines[index - 1])]
    call.out("".join(f"{line}\n" for line in lines))
    return 0


def uniq(call: Call) -> int:
    """`uniq [-cdu] [FILE]`."""
    flags = call.flags("cdu")
    text = text_of(call, call.arguments)
    if text is None:
        return 1
    runs: list[tuple[str, int]] = []
    for line in text.splitlines():
        if runs and runs[-1][0] == line:
            runs[-1] = (line, runs[-1][1] + 1)
        else:
            runs.append((line, 1))
    for line, count in runs:
        if not ("d" in flags and count == 1 or "u" in flags and count > 1):
            call.out((f"{count:7d} " if "c" in flags else "") + line + "\n")
    return 0


def tr(call: Call) -> int:
    """`tr [-cds] SET1 [SET2]`."""
    flags, words = call.flags("cds"), call.arguments
    if not words or len(words) == 1 and not set(flags) & {"d", "s"}:
        return call.fail("missing operand")
    text, first = text_of(call, []) or "", _set_of(words[0])
    second = _set_of(words[1]) if len(words) > 1 else ""

    def inside(char: str) -> bool:
        return (char in first) != ("c" in flags)

    if "d" in flags:
        text = "".join(char for char in text if not inside(char))
    elif second:
        full = second + second[-1] * max(0, len(first) - len(second))
        table = {char: full[index] for index, char in reversed(list(enumerate(first)))}
        text = "".join((second[-1] if "c" in flags else table[char]) if inside(char) else char for char in text)
    if "s" in flags:
        squeezed = second or first
        text = "".join(char for index, char in enumerate(text) if not (index and char == text[index - 1] and char in squeezed))
    call.out(text)
    return 0


def _set_of(text: str) -> str:
    out = []
    for name, low, high, char in _ITEM.findall(text):
        if name:
            out.append(_SETS.get(name, ""))
        elif low:
            out.append("".join(chr(code) for code in range(ord(_char(low)), ord(_char(high)) + 1)))
        else:
            out.append(_char(char))
    return "".join(out)


def _char(text: str) -> str:
    return chr(int(text[1:], 8) & 255) if len(text) > 1 and text[1].isdigit() else unescape(text) if len(text) > 1 else text


def tee(call: Call) -> int:
    """`tee [-a] FILE…`."""
    flags = call.flags("ai")
    text, status, files = text_of(call, []) or "", 0, call.machine.files
    call.out(text)
    for word in call.arguments:
        path = call.path(word)
        try:
            files.write(path, text, append="a" in flags)
        except Denied as error:
            status = call.fail(f"{word}: {error}")
    return status


class Address(NamedTuple):
    """A line by number (−1: the last), or by what stands in it."""

    number: int
    pattern: re.Pattern[str] | None = None

    def meets(self, number: int, line: str, is_last: bool) -> bool:
        if self.pattern is not None:
            return self.pattern.search(line) is not None
        return is_last if self.number < 0 else number == self.number


class Edit(NamedTuple):
    """One command of a script; ``flags`` of an `s`, the text that it puts in."""

    first: Address | None
    last: Address | None
    is_other: bool
    name: str
    pattern: re.Pattern[str] | None = None
    text: str = ""
    flags: str = ""


def sed(call: Call) -> int:
    """`sed [-nEri] [-e SCRIPT]… [SCRIPT] [FILE…]`."""
    flags, scripts, words = "", [], call.arguments
    while words and len(words[0]) > 1 and words[0][0] == "-":
        word = words.pop(0)
        if word == "-e" and words:
            scripts.append(words.pop(0))
        elif set(word[1:]) <= set("nEri"):
            flags += word[1:]
        else:
            return call.fail(f"invalid option -- '{word[1:].strip('nEri')[:1]}'")
    if not scripts and not words:
        return call.fail("usage: sed [-nEri] [-e SCRIPT]... [FILE]...")
    script = "\n".join(scripts) if scripts else words.pop(0)
    try:
        edits = _edits(script, is_extended="E" in flags or "r" in flags)
    except ValueError as error:
        return call.fail(str(error))
    if "i" not in flags:
        text = text_of(call, words)
        call.out("" if text is None else _edited(text, edits, quiet="n" in flags))
        return int(text is None)
    status = 0
    for word in words:
        try:
            path = call.path(word)
            call.machine.files.write(path, _edited(call.machine.files.read(path), edits, quiet="n" in flags))
        except Denied as error:
            status = call.fail(f"{word}: {error}")
    return status


def _edits(script: str, *, is_extended: bool) -> list[Edit]:
    out: list[Edit] = []
    at = 0
    while (at := len(script) - len(script[at:].lstrip(" \t\n;"))) < len(script):
        first, at = _address(script, at, is_extended)
        last, after = _address(script, at + 1, is_extended) if first is not None and script[at : at + 1] == "," else (None, at)
        found = _COMMAND.match(script, after)
        if found is None:
            raise ValueError(f"unsupported command {script[after : after + 1] or script}")
        at = found.end()
        if found[2] != "s":
            out.append(Edit(first, last, bool(found[1]), found[2]))
            continue
        mark, at = script[at : at + 1], at + 1
        wanted, at = _until(script, at, mark)
        text, at = _until(script, at, mark)
        end = at
        while end < len(script) and script[end] in "gpIi0123456789":
            end += 1
        pattern = _pattern(wanted, is_extended, "i" in script[at:end].lower())
        out.append(Edit(first, last, bool(found[1]), "s", pattern, text, script[at:end]))
        at = end
    return out


def _address(script: str, at: int, is_extended: bool) -> tuple[Address | None, int]:
    if found := re.compile(r"\d+").match(script, at):
        return Address(int(found[0])), found.end()
    if script[at : at + 1] == "$":
        return Address(-1), at + 1
    if script[at : at + 1] == "/":
        wanted, at = _until(script, at + 1, "/")
        return Address(0, _pattern(wanted, is_extended, False)), at
    return None, at


def _until(script: str, at: int, mark: str) -> tuple[str, int]:
    """What stands up to the next mark, and where it goes on behind it."""
    out = list[str]()
    while at < len(script):
        char = script[at]
        if char == mark:
            return "".join(out), at + 1
        if char == "\\" and at + 1 < len(script):
            out.append(mark if script[at + 1] == mark else script[at : at + 2])
            at += 1
        else:
            out.append(char)
        at += 1
    raise ValueError(f"unmatched '{mark}'")


def _pattern(wanted: str, is_extended: bool, is_blind: bool) -> re.Pattern[str]:
    wanted = wanted if is_extended else basic(wanted)
    return posix_regex(f"(?i){wanted}" if is_blind else wanted)


def _edited(text: str, edits: list[Edit], *, quiet: bool) -> str:
    lines, out = text.splitlines(), list[str]()
    within = [False] * len(edits)
    for number, line in enumerate(lines, 1):
        is_last, kept, ends = number == len(lines), True, False
        for index, edit in enumerate(edits):
            if _chosen(edit, index, within, number, line, is_last) == edit.is_other:
                continue
            if edit.name == "s":
                line, changed = _replaced(edit, line)
                if changed and "p" in edit.flags:
                    out.append(line)
            elif edit.name == "p":
                out.append(line)
            elif edit.name == "d":
                kept = False
                break
            else:
                ends = True
                break
        if kept and not quiet:
            out.append(line)
        if ends:
            break
    return "".join(f"{line}\n" for line in out)


def _chosen(edit: Edit, index: int, within: list[bool], number: int, line: str, is_last: bool) -> bool:
    if edit.first is None:
        return True
    if edit.last is None:
        return edit.first.meets(number, line, is_last)
    if within[index]:
        past = edit.last.pattern is None and 0 <= edit.last.number < number
        within[index] = not (past or edit.last.meets(number, line, is_last))
        return not past
    if not edit.first.meets(number, line, is_last):
        return False
    within[index] = edit.last.pattern is not None or edit.last.number < 0 and not is_last or edit.last.number > number
    return True


def _replaced(edit: Edit, line: str) -> tuple[str, bool]:
    which = int("".join(char for char in edit.flags if char.isdigit()) or "1")
    count = 0

    def one(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        if count < which or count > which and "g" not in edit.flags:
            return found[0]
        parts = re.split(r"(\\.|&)", edit.text)
        return "".join(_part(part, found) for part in parts)

    changed = edit.pattern.sub(one, line) if edit.pattern is not None else line
    return changed, count >= which


def _part(part: str, found: re.Match[str]) -> str:
    if part == "&":
        return found[0]
    if len(part) == 2 and part[0] == "\\":
        return (found[int(part[1])] or "") if part[1].isdigit() else {"n": "\n", "t": "\t"}.get(part[1], part[1])
    return part


TEXTS: dict[str, Callable[[Call], int | None]] = {"sort": sort, "uniq": uniq, "tr": tr, "tee": tee, "sed": sed}
