"""What the front door raises: refusals, input that cannot be read, and time that ran out. Each says what was found and what would work."""

from __future__ import annotations

from typing import Any

from kubelab.store.log import Object


class ApiError(Exception):
    """A refused call. ``status`` is the Status object that the API server answered; ``document`` says which document it was about."""

    def __init__(self, status: Object, document: str = "") -> None:
        self.status = status
        self.document = document
        super().__init__(status, document)  # what a copy is made from

    @property
    def code(self) -> int:
        return int(self.status.get("code", 0))

    @property
    def reason(self) -> str:
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.status.get("message", ""))

    @property
    def causes(self) -> list[dict[str, Any]]:
        return list((self.status.get("details") or {}).get("causes") or [])

    def __str__(self) -> str:
        """As kubectl prints it (upstream: kubectl/pkg/cmd/util/helpers.go checkErr)."""
        details = self.status.get("details") or {}
        if self.reason == "Invalid" and (details.get("kind") or details.get("name")):
            text = f'The {details.get("kind", "")} "{details.get("name", "")}" is invalid: '
            lines = list(dict.fromkeys(f"{cause['field']}: {cause['message']}" for cause in self.causes))
            text += lines[0] if len(lines) == 1 else "".join(f"\n* {line}" for line in lines)
        elif self.reason:
            text = f"Error from server ({self.reason}): {self.message}"
        else:
            text = f"Error from server: {self.message}"
        return f"{self.document}: {text}" if self.document else text


class ApiWarning(UserWarning):
    """A warning that the API server sent with its answer: an unknown field dropped, something deprecated."""


class ManifestError(ValueError):
    """A manifest that cannot be read. ``source`` names the file or text, ``line`` and ``column`` (from 1) the place, if known."""

    def __init__(self, message: str, source: str = "", line: int = 0, column: int = 0) -> None:
        place = source
        if line:
            place = f"{source}:{line}:{column}" if source else f"line {line}, column {column}"
        super().__init__(f"{place}: {message}" if place else message)
        self.source, self.line, self.column = source, line, column


class UnknownReference(ValueError):
    """A reference such as ``pod/web-1`` that cannot be understood."""


class ExecError(RuntimeError):
    """A command in a container ended with another code than 0."""

    def __init__(self, argv: list[str], exit_code: int, stdout: str, stderr: str) -> None:
        self.argv, self.exit_code, self.stdout, self.stderr = argv, exit_code, stdout, stderr
        super().__init__(argv, exit_code, stdout, stderr)  # what a copy is made from

    def __str__(self) -> str:
        said = (self.stderr or self.stdout).strip()
        return f"{' '.join(self.argv)}: command terminated with exit code {self.exit_code}{': ' + said if said else ''}"


class Unsettled(TimeoutError):
    """``run(until=…)`` or ``settle`` ran out of virtual time. ``moving`` lists what is still going on, and because of what."""

    def __init__(self, message: str, moving: list[str]) -> None:
        self.head, self.moving = message, moving
        super().__init__(message, moving)  # what a copy is made from

    def __str__(self) -> str:
        shown = "\n".join(f"  - {line}" for line in self.moving[:12])
        more = f"\n  … and {len(self.moving) - 12} more" if len(self.moving) > 12 else ""
        return f"{self.head}\n{shown}{more}" if self.moving else self.head
