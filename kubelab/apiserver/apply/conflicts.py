"""The refusal of an apply that would change what others own.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go, 1.28. Spec: apimachinery, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubelab.apiserver.apply.entries import Manager
from kubelab.apiserver.apply.field_set import Path, path_text


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that ``manager`` owns and the apply would change."""

    manager: Manager
    path: Path

    @property
    def field(self) -> str:
        return path_text(self.path)


class Conflicts(Exception):
    """An apply refused: 409 Conflict with ``message`` and ``causes``. Conflicts are sorted by manager."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        super().__init__(_message(conflicts))
        self.conflicts = conflicts

    @property
    def message(self) -> str:
        return str(self)

    @property
    def causes(self) -> list[dict[str, str]]:
        """The causes of the Status: ``FieldManagerConflict`` each."""
        return [
            {"reason": "FieldManagerConflict", "message": f"conflict with {conflict.manager.description}", "field": conflict.field}
            for conflict in self.conflicts
        ]


class ApplyRejected(Exception):
    """An apply that is a bad request: 400 BadRequest with the message."""


def _message(conflicts: list[Conflict]) -> str:
    if len(conflicts) == 1:
        only = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {only.manager.description}: {only.field}"
    by_manager: dict[str, list[Conflict]] = {}
    for conflict in conflicts:
        by_manager.setdefault(conflict.manager.identifier, []).append(conflict)
    lines: list[str] = []
    for identifier in sorted(by_manager):
        mine = by_manager[identifier]
        lines.append(f"conflicts with {mine[0].manager.description}:")
        lines += [f"- {conflict.field}" for conflict in mine]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
