"""JSON values out of text: whole, several on one line, behind a prefix, or joined onto what was cut off before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

_DECODER = json.JSONDecoder()
_EVENT_START = re.compile(r'\{\s*"(?:kind|apiVersion|auditID|level)"\s*:')
#: What may stand before the object: ``oc adm node-logs`` writes the node, exports to files the time, syslog both.
_PREFIX = re.compile(r'^(?![\[{])([^{}"]{1,300}?)[ \t]+(?=\{)')
_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT")
#: klog's lines, and those of k3s and rke2 themselves between them.
KLOG = re.compile(r'^(?:[IWEF]\d{4} \d\d:\d\d:\d\d|time="[^"]{1,40}" level=)')
#: ``kubectl logs --prefix``.
_POD = re.compile(r"^\[pod/([^/\]]+)/[^\]]*\]")
_SPACE = " \t\r\n\x00\ufeff"


class Value(NamedTuple):
    """A JSON value with the name before it, or what is wrong in its place."""

    value: Any = None
    prefix: str = ""
    wrong: str = ""


def values(text: str) -> Iterator[Value]:
    """All JSON values of a text that is no single JSON value itself."""
    text = text.strip(_SPACE)
    match = _PREFIX.match(text)
    prefix = ""
    if match is not None:
        prefix = match[1] if _NAME.match(match[1]) and not _TIME.match(match[1]) else ""
        text = text[match.end() :]
    at, end = 0, len(text)
    while at < end:
        if text[at] in " \t\r\n\x00\ufeff,":
            at += 1
            continue
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as broken:
            again = _EVENT_START.search(text, at + 1)
            while again is not None and not _whole(text, again.start()):
                again = _EVENT_START.search(text, again.start() + 1)
            if again is not None and not at and _only_before(text[: again.start()]):
                pod = _POD.match(text)
                prefix = pod[1] if pod else prefix
            else:
                yield Value(wrong=_words(broken), prefix=prefix)
            if again is None:
                return
            at = again.start()
            continue
        yield Value(value, prefix)


def _only_before(text: str) -> bool:
    """Whether a text before an event is a prefix (a grep's file, syslog's data, a pod) and no rest of another event."""
    return len(text) <= 300 and '":' not in text and "}" not in text and "\x00" not in text


def _whole(text: str, at: int) -> bool:
    try:
        value, _ = _DECODER.raw_decode(text, at)
    except (json.JSONDecodeError, RecursionError):
        return False
    return "auditID" in value


def _words(broken: Exception) -> str:
    if isinstance(broken, json.JSONDecodeError):
        return f"{broken.msg}: column {broken.pos + 1}"
    return "nested too deep"


def parsed(text: str | bytes) -> Any:
    """A text that is one JSON value; raises ValueError."""
    return orjson.loads(text)
