"""A file that is set aside when it has grown: by size, with so many kept and none too old, packed if wished. Time is the cluster's.

upstream: gopkg.in/natefinch/lumberjack.v2 v2.2.1 (lumberjack.go), apiserver/pkg/server/options/audit.go ensureLogFile, 1.28.
Two rotations in one millisecond of virtual time get names one millisecond apart; upstream would overwrite the first.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kubelab.world.clock import MILLISECOND, SECOND

MEGABYTE = 1024 * 1024
DEFAULT_SIZE = 100
DAY_NS = 86400 * SECOND
HELD = 1024 * 1024  # bytes that wait for one write
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}")


class TooLong(ValueError):
    """A line that no file can hold."""


class Backup(NamedTuple):
    time_ns: int
    path: Path


class RotatingFile:
    """Lines in; ``sync`` brings them to the disk. Sizes in megabytes, ages in days; 0: upstream's default, or no limit."""

    def __init__(self, path: Path, max_size: int = 0, max_backups: int = 0, max_age: int = 0, *, compress: bool = False) -> None:
        self.path = path
        self._max_bytes = (max_size or DEFAULT_SIZE) * MEGABYTE
        self._max_backups = max_backups
        self._max_age_ns = max_age * DAY_NS
        self._compress = compress
        self._file: BinaryIO | None = None
        self._size = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600))

    def write(self, line: bytes, now_ns: int) -> None:
        """Take a line. TooLong if it is longer than a file may be; OSError from the disk."""
        if len(line) > self._max_bytes:
            raise TooLong(f"write length {len(line)} exceeds maximum file size {self._max_bytes}")
        if self._file is None:
            self._open(len(line), now_ns)
        if self._size + len(line) > self._max_bytes:
            self._rotate(now_ns)
        self._held.append(line)
        self._held_bytes += len(line)
        self._size += len(line)
        if self._held_bytes >= HELD:
            self.sync()

    @property
    def held(self) -> int:
        """How many lines are not on the disk yet."""
        return len(self._held)

    def sync(self) -> None:
        """Bring what is held to the disk; after an OSError it is gone, and the file is opened anew for the next line."""
        if self._file is None or not self._held:
            return
        held, self._held, self._held_bytes = memoryview(b"".join(self._held)), [], 0
        try:
            while held:  # a disk that is nearly full takes a part
                held = held[self._file.write(held) :]
        except OSError:
            self._shut()
            raise

    def close(self) -> None:
        try:
            self.sync()
        finally:
            self._shut()

    def backups(self) -> list[Backup]:
        """What has been set aside, newest first by the time in the name."""
        found = []
        for path in self.path.parent.iterdir():
            time_ns = self._time_of(path.name)
            if time_ns is not None and path.is_file():
                found.append(Backup(time_ns, path))
        return sorted(found, key=lambda backup: (-backup.time_ns, backup.path.name))

    def _open(self, length: int, now_ns: int) -> None:
        self._mill(now_ns)
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            self._new(now_ns)
            return
        if size + length >= self._max_bytes:
            self._rotate(now_ns)
            return
        self._file = os.fdopen(os.open(self.path, os.O_APPEND | os.O_WRONLY), "ab", buffering=0)
        self._size = size

    def _rotate(self, now_ns: int) -> None:
        self.close()
        self._new(now_ns)
        self._mill(now_ns)

    def _new(self, now_ns: int) -> None:
        """A new file with the mode of the old one, which gets the time into its name."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        mode = 0o600
        if self.path.exists():
            mode = self.path.stat().st_mode & 0o777
            self.path.rename(self._aside(now_ns))
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, mode)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._size = 0

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _aside(self, now_ns: int) -> Path:
        while True:
            name = self.path.with_name(f"{self.path.stem}-{_stamp(now_ns)}{self.path.suffix}")
            if not name.exists() and not name.with_name(f"{name.name}.gz").exists():
                return name
            now_ns += MILLISECOND

    def _time_of(self, name: str) -> int | None:
        prefix, suffix = f"{self.path.stem}-", self.path.suffix
        name = name.removesuffix(".gz")
        if not name.startswith(prefix) or not name.endswith(suffix):
            return None
        stamp = name[len(prefix) : len(name) - len(suffix)]
        if not _TIME.fullmatch(stamp):
            return None
        try:
            found = datetime.strptime(stamp[:19], "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        return int(found.timestamp()) * SECOND + int(stamp[20:]) * MILLISECOND

    def _mill(self, now_ns: int) -> None:
        """Remove what is too much or too old, and pack the rest; what the disk refuses stays as it is, as upstream has it."""
        if not (self._max_backups or self._max_age_ns or self._compress):
            return
        kept: dict[str, None] = {}
        for backup in self.backups():
            if self._max_backups:
                kept[backup.path.name.removesuffix(".gz")] = None
            too_old = self._max_age_ns and backup.time_ns < now_ns - self._max_age_ns
            with contextlib.suppress(OSError):
                if len(kept) > self._max_backups or too_old:
                    backup.path.unlink()
                elif self._compress and backup.path.suffix != ".gz":
                    _pack(backup)


def _pack(backup: Backup) -> None:
    packed = backup.path.with_name(f"{backup.path.name}.gz")
    descriptor = os.open(packed, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, backup.path.stat().st_mode & 0o777)
    with (
        os.fdopen(descriptor, "wb") as raw,
        backup.path.open("rb") as plain,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=backup.time_ns // SECOND) as out,
    ):
        shutil.copyfileobj(plain, out)
    backup.path.unlink()


def _stamp(now_ns: int) -> str:
    moment = datetime.fromtimestamp(now_ns // SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{now_ns % SECOND // MILLISECOND:03d}"
