"""Container logs: Docker's JSON lines and the CRI text format, whose long lines come in parts (spec/audit.md B1)."""

from __future__ import annotations

import re
from typing import Any

import orjson

#: A part held for longer than this is no line of an audit log.
LONGEST = 256 * 1024 * 1024
_CRI = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP](?::\S*)?) (.*)$", re.DOTALL)
_DOCKER = {"log", "stream", "time", "attrs"}


class Parts:
    """Joins the parts of lines, one unfinished line for each stream."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, list[str]] = {}

    def cri(self, line: str) -> tuple[bool, str | None]:
        """Whether a line is of the CRI format; and its text, None while parts are missing."""
        match = _CRI.match(line)
        if match is None:
            return False, None
        stream, tag, text = match.groups()
        return True, self._joined(stream, text, tag.startswith("F"))

    def docker(self, value: dict[str, Any]) -> tuple[bool, str | None]:
        """Whether a value is of Docker's JSON log driver, or tagged as CRI's parts are; and the text of its line, None while parts are missing."""
        log, tag = value.get("log"), value.get("logtag")
        if not isinstance(log, str) or "stream" not in value or not (isinstance(tag, str) or value.keys() <= _DOCKER):
            return False, None
        stream = str(value["stream"])
        return True, self._joined(stream, log, tag.startswith("F") if isinstance(tag, str) else log.endswith("\n"))

    def rest(self) -> list[str]:
        """Lines that never were finished."""
        held = ["".join(parts) for parts in self._held.values()]
        self._held.clear()
        return held

    def _joined(self, stream: str, text: str, whole: bool) -> str | None:
        held = self._held.setdefault(stream, [])
        held.append(text)
        if not whole and sum(map(len, held)) < LONGEST and not _complete(held):
            return None
        del self._held[stream]
        return "".join(held).rstrip("\n")


def _complete(held: list[str]) -> bool:
    """Whether the parts are a line without its newline, as some shippers hand it on."""
    if not held[-1].rstrip().endswith("}"):
        return False
    try:
        orjson.loads("".join(held))
    except orjson.JSONDecodeError:
        return False
    return True
