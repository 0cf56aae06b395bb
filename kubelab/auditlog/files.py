"""Files of a log: found by path, folder or pattern; opened by what is in them and not by their names (gzip, zstd, plain)."""

from __future__ import annotations

import codecs
import glob
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

#: A longer line is handed on in pieces, so that one line with a list of a gigabyte needs no gigabyte.
LONGEST_WHOLE = 8 * 1024 * 1024
_BLOCK = 1 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class SourceError(ValueError):
    """A source of a log that cannot be read at all: what it was, and what would work."""


def files_of(source: str | os.PathLike[str]) -> list[Path]:
    """The files that a path, a folder or a pattern stands for, in the order of their names; hidden files of a folder are left out."""
    text = os.fspath(source)
    if os.path.isdir(text):
        found = [Path(folder) / name for folder, _, names in os.walk(text) for name in names if not name.startswith(".")]
    elif os.path.exists(text):
        if not os.access(text, os.R_OK):
            raise SourceError(f"audit log {text!r}: it may not be read; who runs this needs the permission to read it")
        return [Path(text)]
    elif glob.has_magic(text):
        found = [Path(name) for name in glob.glob(text, recursive=True) if os.path.isfile(name)]
    else:
        raise SourceError(f"audit log {text!r}: no such file or folder; a path, a folder, a pattern (*.log) or a list of these would do")
    if not found:
        raise SourceError(f"audit log {text!r}: no files in it")
    return sorted(found)


def is_stream(path: Path) -> bool:
    """Whether a path can be read but once: a pipe, a terminal, a socket."""
    mode = path.stat().st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def kept(source: BinaryIO, name: str, folder: str) -> Path:
    """A copy of what comes from a stream, as a log is read more than once."""
    path = Path(folder) / name
    with path.open("wb") as out:
        shutil.copyfileobj(source, out, _BLOCK)
    return path


def packing(path: Path) -> str:
    """``gzip``, ``zstd``, ``utf-16`` (as Windows' shells write it) or ``none``, by the first bytes."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(GZIP):
        return "gzip"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "zstd" if head == ZSTD else "none"


def blocks(path: Path, kind: str) -> Iterator[bytes]:
    """The contents, unpacked, block by block; several members one after the other; a cut end raises EOFError after what came before it."""
    with path.open("rb") as file:
        packed = iter(lambda: file.read(_BLOCK), b"")
        if kind == "none":
            yield from packed
        elif kind == "gzip":
            yield from _gunzip(packed)
        elif kind == "utf-16":
            yield from (text.encode() for text in codecs.iterdecode(packed, "utf-16", "replace"))
        else:
            yield from _unzstd(packed)


def _gunzip(packed: Iterable[bytes]) -> Iterator[bytes]:
    import zlib

    unpack = zlib.decompressobj(wbits=31)
    fresh = True
    for block in packed:
        while block:
            if fresh:
                block = block.lstrip(b"\x00")  # padding between members
                if not block:
                    break
            try:
                out = unpack.decompress(block)
            except zlib.error as broken:
                raise EOFError(f"gzip: {broken}") from None
            fresh = False
            if out:
                yield out
            block = b""
            if unpack.eof:
                block, unpack, fresh = unpack.unused_data, zlib.decompressobj(wbits=31), True
    if not fresh:
        yield unpack.flush()
        raise EOFError("gzip: the end is cut off")


def _unzstd(packed: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard

    unpack = zstandard.ZstdDecompressor().decompressobj()
    fresh = True
    for block in packed:
        while block:
            try:
                out = unpack.decompress(block)
            except zstandard.ZstdError as broken:
                raise EOFError(f"zstd: {broken}") from None
            fresh = False
            if out:
                yield out
            block = b""
            if unpack.eof:
                block, unpack, fresh = unpack.unused_data, zstandard.ZstdDecompressor().decompressobj(), True
    if not fresh:
        raise EOFError("zstd: the end is cut off")


class Piece(NamedTuple):
    """A line without its newline; a long one comes in several pieces, of which only the last ends it."""

    number: int
    raw: bytes
    ends: bool


def pieces(found: Iterable[bytes]) -> Iterator[Piece]:
    """The lines of a file, numbered from 1, out of its blocks."""
    rest: list[bytes] = []
    held, number = 0, 1
    try:
        for block in found:
            first, *more = block.split(b"\n")
            rest.append(first)
            held += len(first)
            if more:
                yield Piece(number, b"".join(rest), True)
                for line in more[:-1]:
                    number += 1
                    yield Piece(number, line, True)
                number += 1
                rest, held = [more[-1]], len(more[-1])
            elif held > LONGEST_WHOLE:
                yield Piece(number, b"".join(rest), False)
                rest, held = [], 0
    except EOFError:
        if rest and held:
            yield Piece(number, b"".join(rest), True)
        raise
    if held:
        yield Piece(number, b"".join(rest), True)
