"""The log backend: events as lines of a file, or on standard output.

upstream: apiserver/plugin/pkg/audit/log/backend.go, apiserver/pkg/server/options/audit.go (AuditLogOptions), 1.28.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kubelab.cluster.auditing.backend import Backend, Errors
from kubelab.cluster.auditing.formats import json_line, legacy_line
from kubelab.cluster.auditing.options import (
    FORMATS,
    Batch,
    Truncate,
    check_batch,
    check_truncate,
    check_version,
    refuse,
    whole,
)
from kubelab.cluster.auditing.rotation import RotatingFile
from kubelab.kinds.kind import Object

PLUGIN = "log"


def backend(
    path: str | Path,
    form: str,
    mode: str,
    version: str,
    sizes: tuple[Any, Any, Any],
    compress: bool,
    batch: Batch,
    truncate: Truncate,
    now_ns: int,
) -> Backend:
    """A log backend; ``sizes`` are max_size, max_backups, max_age. ValueError with all of upstream's complaints."""
    if not isinstance(path, (str, Path)) or not str(path):
        raise ValueError(f"path={path!r}: give the path of a file, or '-' for standard output")
    max_size, max_backups, max_age = (whole(name, given) for name, given in zip(("max_size", "max_backups", "max_age"), sizes, strict=True))
    complaints = [*check_batch(PLUGIN, mode, batch), *check_truncate(PLUGIN, truncate), *check_version(version)]
    if form not in FORMATS:
        complaints.append(f'invalid audit log format {form}, allowed formats are "{",".join(FORMATS)}"')
    for flag, given in (("maxage", max_age), ("maxbackup", max_backups), ("maxsize", max_size)):
        if given < 0:
            complaints.append(f"--audit-log-{flag} {given} can't be a negative number")
    refuse(complaints)
    file = None
    if str(path) != "-":
        try:
            file = RotatingFile(Path(path).absolute(), max_size, max_backups, max_age, compress=compress)
        except FileExistsError as error:  # something that is no folder stands in the way
            raise ValueError(f"ensureLogFile: mkdir {error.filename}: not a directory") from None
        except OSError as error:
            raise ValueError(f"ensureLogFile: open {path}: {(error.strerror or str(error)).lower()}") from None
        except ValueError as error:
            raise ValueError(f"path={path!r}: {error}: give the path of a file") from None
    return Backend(LogSink(file, form, version), mode, batch, truncate, version, now_ns)


class LogSink:
    """Lines of events. ``file`` None: standard output."""

    plugin = PLUGIN

    def __init__(self, file: RotatingFile | None, form: str, version: str) -> None:
        self.file = file
        self.where = str(file.path) if file is not None else "standard output"
        self._form = form
        self._version = version
        self._sent = 0

    def take(self, events: list[Object], at_ns: int, errors: Errors) -> None:
        for event in events:
            if why := self._write(event, at_ns):
                errors.count(PLUGIN, *why)

    def pass_time(self, now_ns: int, errors: Errors) -> None:
        if why := self._sync():
            errors.count(PLUGIN, *why)

    def store_now(self, event: Object, at_ns: int) -> str:
        why = self._write(event, at_ns) or self._sync()
        return why[0] if why else ""

    def finish(self, now_ns: int, errors: Errors) -> None:
        self.pass_time(now_ns, errors)

    def hope(self) -> None:
        return

    def close(self) -> None:
        if self.file is not None:
            self.file.close()

    def sent(self) -> int:
        return self._sent

    def waiting(self) -> int:
        return self.file.held if self.file is not None else 0

    def _write(self, event: Object, at_ns: int) -> tuple[str, int] | None:
        """Take a line; why not, and how many are lost (those that were to go to the disk before it, too)."""
        held = self.file.held if self.file is not None else 0
        try:
            line = legacy_line(event) if self._form == "legacy" else json_line(event, self._version)
            if self.file is None:
                sys.stdout.write(line.decode())
                self._sent += 1
                return None
            self.file.write(line, at_ns)
        except (OSError, TypeError, ValueError) as error:
            return _words(error), 1 + held - (self.file.held if self.file is not None else 0)
        self._sent += held + 1 - self.file.held
        return None

    def _sync(self) -> tuple[str, int] | None:
        """Bring lines to the disk; why not, and how many."""
        if self.file is None or not self.file.held:
            return None
        held = self.file.held
        try:
            self.file.sync()
        except OSError as error:
            return _words(error), held
        self._sent += held
        return None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror.lower()}"
    return str(error)
