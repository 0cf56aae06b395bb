"""The events of a file, line by line, with the line of each and what was wrong with the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import orjson

from kubelab.auditlog.files import Piece
from kubelab.auditlog.unwrap.document import Broken, Document
from kubelab.auditlog.unwrap.found import Found, damaged
from kubelab.auditlog.unwrap.shapes import Unwrapper

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_EXCERPT = 160
_REPLACED = "\ufffd".encode()
#: What may be left on a line when the elements of a broken list are read one by one.
_LEFT_OVER = frozenset("]}, ")


class Read(NamedTuple):
    """A finding, its line, its size, and the beginning of the text."""

    found: Found
    line: int
    size: int
    excerpt: bytes


class Reader:
    """Reads the pieces of one file; ``lines`` counts those that are not blank."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._source = pieces
        self._back: deque[Piece] = deque()
        self._unwrapper = Unwrapper()
        self._after_break = self._broke = False
        self.lines = 0
        self._seen = 0
        self.last = 0

    def read(self) -> Iterator[Read]:
        """All findings; raises what the pieces raise, after all that came before."""
        for piece in self._pieces():
            raw = piece.raw.removeprefix(_BOM).strip(_BLANK) if piece.number == 1 else piece.raw.strip(_BLANK)
            if not raw:
                continue
            if not piece.ends:
                yield from self._document(piece._replace(raw=raw) if piece.number == 1 else piece, raw)
                continue
            yield from self._line(piece, raw)
        for found in self._unwrapper.rest():
            yield Read(found, self.last, 0, b"")

    def _line(self, piece: Piece, raw: bytes) -> Iterator[Read]:
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            yield from self._broken(piece, raw)
            return
        if self._after_break and not isinstance(value, dict | list):
            return  # what is left of a broken document
        self._after_break = False
        for found in self._unwrapper.value(value):
            yield Read(found, piece.number, len(raw), raw[:_EXCERPT])

    def _broken(self, piece: Piece, raw: bytes) -> Iterator[Read]:
        try:
            text = raw.decode()
        except UnicodeDecodeError as wrong:
            yield Read(damaged(f"invalid UTF-8: byte {wrong.start + 1}"), piece.number, len(raw), raw[:_EXCERPT])
            yield from self._salvaged(piece, raw)
            return
        if self._broke and set(text) <= _LEFT_OVER:
            return
        if self._after_break and not (text == "{" or text.startswith('{"')):
            return  # what is left of a broken document
        if text.startswith(("{", "[")):
            yield from self._document(piece, raw)
            return
        for found in self._unwrapper.line(text):
            yield Read(found, piece.number, len(raw), raw[:_EXCERPT])

    def _salvaged(self, piece: Piece, raw: bytes) -> Iterator[Read]:
        """Of a line with broken bytes, the events that have none: a list on one line is not lost for one of its elements."""
        for found in Unwrapper().line(raw.decode("utf-8", "replace")):
            if found.event is not None and _REPLACED not in orjson.dumps(found.event):
                yield Read(found, piece.number, len(orjson.dumps(found.event)), b"")

    def _document(self, piece: Piece, raw: bytes) -> Iterator[Read]:
        """A document that begins here; where it is none, its first line is read as a line."""
        if not raw.startswith((b"{", b"[")):
            yield Read(damaged("a line of more than 8 MiB that is no JSON"), piece.number, len(raw), raw[:_EXCERPT])
            self._skip(piece)
            return
        document = Document(piece, self._pieces())
        try:
            for element in document.elements():
                if isinstance(element.value, Broken):
                    yield Read(damaged(str(element.value)), element.line, 0, raw[:_EXCERPT] if element.line == piece.number else b"")
                    continue
                for found in self._unwrapper.value(element.value):
                    yield Read(found, element.line, element.size, b"" if found.event is not None else _begin(element.value))
        except Broken as broken:
            yield from self._break(broken, document, piece, raw)
            return
        self._back.extendleft(reversed(document.rest()))

    def _break(self, broken: Broken, document: Document, piece: Piece, raw: bytes) -> Iterator[Read]:
        """A document that goes wrong: what follows its broken line is read line by line; if nothing came out of it, it never was one."""
        if document.begun or not piece.ends:
            yield Read(damaged(str(broken)), broken.line, 0, raw[:_EXCERPT] if broken.line == piece.number else b"")
            self._after_break = self._broke = True
            self._back.extendleft(reversed(document.after(broken.line)))
            return
        self._back.extendleft(reversed(document.taken[1:]))
        for found in self._unwrapper.line(raw.decode("utf-8", "replace")):
            yield Read(found, piece.number, len(raw), raw[:_EXCERPT])

    def _skip(self, piece: Piece) -> None:
        """Leave out the rest of a line."""
        for each in self._pieces():
            if each.ends or each.number != piece.number:
                return

    def _pieces(self) -> Iterator[Piece]:
        """What was put back, then the file's own."""
        while True:
            if self._back:
                piece = self._back.popleft()
            else:
                try:
                    piece = next(self._source)
                except StopIteration:
                    return
            if piece.number > self._seen and piece.raw.strip(_BLANK):
                self.lines += 1
                self._seen = piece.number
            self.last = max(self.last, piece.number)
            yield piece


def _begin(value: object) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)[:_EXCERPT]
