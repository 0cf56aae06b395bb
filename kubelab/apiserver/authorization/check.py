"""The authorization step of the line: ask the authorizers in turn, remember decisions while no rule changes.

upstream: apiserver/pkg/endpoints/filters/authorization.go, 1.28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.apiserver.request import Request

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer


class Decisions:
    """Remembered decisions."""

    def fork(self) -> Decisions:
        return Decisions()


def authorize(server: ApiServer, request: Request) -> None:
    """Raise Forbidden unless some authorizer allows the request."""
    return None
