"""Shell patterns: `*`, `?`, `[…]`, with quoted characters escaped by a backslash; and POSIX regular expressions."""

from __future__ import annotations

import re
from functools import lru_cache

SPECIAL = re.compile(r"[*?\[\]\\]")


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern, for `fullmatch`."""
    out: list[str] = []
    pos = 0
    while pos < len(pattern):
        char = pattern[pos]
        pos += 1
        if char == "*":
            if out[-1:] != [".*"]:
                out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "\\" and pos < len(pattern):
            out.append(re.escape(pattern[pos]))
            pos += 1
        elif char == "[" and (end := pattern.find("]", pos + 2 if pattern[pos : pos + 1] in "!^" else pos + 1)) > 0:
            inside = pattern[pos:end]
            negated = inside[:1] in ("!", "^")
            inside = inside[negated:].replace("\\", "\\\\").replace("[:digit:", "0-9").replace("[", "\\[").replace("^", "\\^")
            out.append(f"[{'^' if negated else ''}{inside}]")
            pos = end + 1
        else:
            out.append(re.escape(char))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))


_CLASSES = {
    "space": r"\s",
    "digit": "0-9",
    "alpha": "a-zA-Z",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "blank": r" \t",
    "punct": "!-/:-@[-`{-~",
}
_BRACKET = re.compile(r"\[(\^?)(\]?(?:\[:\w+:\]|[^\]])*)\]")
_CLASS = re.compile(r"\[:(\w+):\]|([\[\]\\&|~])")


def posix_regex(expression: str) -> re.Pattern[str]:
    """An extended regular expression of POSIX in Python's spelling; ValueError if it is none."""

    def bracket(found: re.Match[str]) -> str:
        inside = _CLASS.sub(lambda item: _CLASSES.get(item[1], "") if item[1] else "\\" + item[2], found[2])
        return f"[{found[1]}{inside.replace('--', '-')}]" if inside else re.escape(found[0])

    pieces: list[str] = []
    pos = 0
    while pos < len(expression):
        found = _BRACKET.match(expression, pos) if expression[pos] == "[" else None
        if found:
            pieces.append(bracket(found))
            pos = found.end()
            continue
        if expression[pos] == "[":
            raise ValueError("brackets ([ ]) not balanced")
        size = 2 if expression[pos] == "\\" else 1
        pieces.append(expression[pos : pos + size])
        pos += size
    try:
        return re.compile("".join(pieces))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def escape(text: str) -> str:
    """A pattern that matches the text itself."""
    return SPECIAL.sub(lambda found: "\\" + found[0], text)


def trim(text: str, operator: str, pattern: str) -> str:
    """`${text#pattern}`, `##`, `%`, `%%`."""
    matcher = compile_pattern(pattern)
    lengths = range(len(text) + 1)
    if operator in ("##", "%"):
        ordered = reversed(lengths)
    else:
        ordered = iter(lengths)
    for cut in ordered:
        piece = text[:cut] if operator[0] == "#" else text[cut:]
        if matcher.fullmatch(piece):
            return text[cut:] if operator[0] == "#" else text[:cut]
    return text


def substitute(text: str, pattern: str, replacement: str, *, everywhere: bool) -> str:
    """`${text/pattern/replacement}`, `//` everywhere."""
    matcher = compile_pattern(pattern)
    return matcher.sub(lambda _: replacement, text, count=0 if everywhere else 1) if pattern else text
