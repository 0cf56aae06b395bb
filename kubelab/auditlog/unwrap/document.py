"""A JSON document over many lines, or one long line: an array, a list of events, an export. Its elements are handed on as they come.

Only the buffer of one element is held, so that an array of a gigabyte needs no gigabyte.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from kubelab.auditlog.files import Piece

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"
#: Lists of a wrapping that may be long.
LISTS = ("items", "events", "logEvents", "records", "Records", "results", "entries", "streams")
_BETWEEN = re.compile(r",\s*(?=\{)")
#: Fields of an element, where no other element tells which it has.
_MARKS = frozenset(("auditID", "message", "properties", "protoPayload", "AuditId", "log_s", "_source"))
_TRIES = 10_000
#: How much is read at once, when it is known that this is a document.
_CHUNK = 1 << 18


class Broken(ValueError):
    """The document ends or goes wrong at a line."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class Element(NamedTuple):
    """A value with the line on which it begins and its size."""

    value: Any
    line: int
    size: int


class Document:
    """Reads one document from the pieces of a file, beginning with ``first``."""

    def __init__(self, first: Piece, more: Iterator[Piece]) -> None:
        self._more = more
        self._decode = codecs.getincrementaldecoder("utf-8")("strict")
        self._text = ""
        self._at = 0
        self._line = first.number
        self._counted = 0
        self._step = 1
        self._bad: Broken | None = None
        self.begun = False
        self.taken: list[Piece] = []
        self.last = first.number
        self._open = False
        self._text = self._decoded(first) or ""

    def elements(self) -> Iterator[Element]:
        """The elements of the array, or of the long list in the object; or the object itself. Raises Broken."""
        if self._peek() == "[":
            self._at += 1
            for value, line, size in self._list():
                self._begin()
                yield Element(value, line, size)
        else:
            yield from self._object()

    def rest(self) -> list[Piece]:
        """What was read beyond the document: the rest of its last line, and lines after it."""
        line = self._number()
        first, *more = self._text[self._at :].split("\n")
        return self._pieces([first.strip(_SPACE + ","), *more], line)

    def _object(self) -> Iterator[Element]:
        first, start, listed = self._number(), self._at, False
        size = 0
        skeleton: dict[str, Any] = {}
        self._expect("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            key = self._value()
            if not isinstance(key, str):
                raise Broken(self._number(), "a key that is no text")
            self._expect(":")
            if key in LISTS and self._peek() == "[":
                listed = True
                self._at += 1
                for value, line, each in self._list():
                    self._begin()
                    yield Element(value if isinstance(value, Broken) else {**skeleton, key: [value]}, line, each)
            else:
                before = self._at
                skeleton[key] = self._value()
                size += max(self._at - before, 0)
            if self._peek() == "}":
                self._at += 1
                break
            self._expect(",")
        if not listed:
            yield Element(skeleton, first, max(self._at - start, size))

    def _list(self) -> Iterator[Element]:
        if self._peek() == "]":
            self._at += 1
            return
        shape: set[str] = set()
        while True:
            self._peek()
            line, before = self._number(), self._at
            try:
                value = self._value()
                size = max(self._at - before, 0)
                more = self._peek() != "]"
                if more:
                    self._expect(",")
            except Broken as broken:
                if not self._resumed(before, shape):
                    raise
                yield Element(broken, broken.line, 0)
                continue
            shape = set(value) if isinstance(value, dict) else shape
            yield Element(value, line, size)
            if not more:
                self._at += 1
                return

    def _resumed(self, start: int, shape: set[str]) -> bool:
        """Go on with the next element after a broken one: the next object of the same fields that stands between commas."""
        for match in islice(_BETWEEN.finditer(self._text, min(start, self._at) + 1), _TRIES):
            try:
                value, end = _DECODER.raw_decode(self._text, match.end())
            except (json.JSONDecodeError, RecursionError):
                continue
            alike = len(shape & value.keys()) * 3 >= len(shape) * 2 if shape else bool(_MARKS & value.keys())
            if alike and self._text[end : end + 100].lstrip(_SPACE)[:1] in (",", "]"):
                self._at = match.end()
                return True
        return False

    def _value(self) -> Any:
        """The next value, reading on as long as the text ends inside it."""
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (json.JSONDecodeError, RecursionError) as broken:
                if isinstance(broken, RecursionError):
                    raise Broken(self._number(), "nested too deep") from None
                cut = broken.msg.startswith("Unterminated string") or not self._text[broken.pos + 5 :].strip(_SPACE)
                if not cut or not self._read():
                    line = self._number(min(broken.pos, len(self._text.rstrip(_SPACE))))
                    raise self._bad or Broken(line, f"{broken.msg}{' (the end is missing)' if cut else ''}") from None
                continue
            if end == len(self._text) and self._text[end - 1].isdigit() and self._read():  # the number may go on
                continue
            self._at, self._step = end, 1
            return value

    def _peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._read():
                return ""

    def _expect(self, what: str) -> None:
        found = self._peek()
        if found != what:
            self._at = self._at if found else len(self._text.rstrip(_SPACE))
            raise self._bad or Broken(
                self._number(), f"expecting {what!r}, found {found!r}" if found else f"expecting {what!r}: the end is missing"
            )
        self._at += 1

    def _read(self) -> bool:
        """Take more: twice as many pieces as the last time, and a chunk once it is known that this is a document."""
        if self._bad is not None:
            return False
        self._number()
        texts = [self._text[self._at :]]
        self._at = self._counted = 0
        size = count = 0
        while count < self._step or (self.begun and size < _CHUNK):
            piece = next(self._more, None)
            if piece is None:
                break
            count += 1
            text = self._decoded(piece)
            if text is None:
                break
            size += len(text)
            texts.append(text)
        self._text = "".join(texts)
        self._step *= 2
        return size > 0

    def _decoded(self, piece: Piece) -> str | None:
        if not self.begun:
            self.taken.append(piece)
        self.last = piece.number
        try:
            text = self._decode.decode(piece.raw, final=piece.ends)
        except UnicodeDecodeError:
            self._bad = Broken(piece.number, "invalid UTF-8")
            return None
        self._open = not piece.ends
        return text + ("\n" if piece.ends else "")

    def _begin(self) -> None:
        """From the first element on this is a document, and what was taken for it need not be put back."""
        self.begun = True
        self.taken.clear()

    def _number(self, at: int | None = None) -> int:
        """The line of a place in the text."""
        at = self._at if at is None else at
        if at >= self._counted:
            self._line += self._text.count("\n", self._counted, at)
            self._counted = at
        return self._line

    def after(self, line: int) -> list[Piece]:
        """The lines after ``line`` that were read ahead of where the document broke."""
        if self._bad is not None:
            return []
        return self._pieces(self._text[self._counted :].split("\n")[1:], line + 1)

    def _pieces(self, texts: list[str], number: int) -> list[Piece]:
        pieces = [Piece(line, text.encode(), True) for line, text in enumerate(texts, number)]
        if pieces and self._open:
            pieces[-1] = pieces[-1]._replace(ends=False)
        elif pieces and not pieces[-1].raw:
            pieces.pop()
        return pieces
