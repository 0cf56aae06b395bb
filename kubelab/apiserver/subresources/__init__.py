"""Subresources with their own handlers: (resource, subresource) → handler. ``status`` is an update like another and has none."""

from __future__ import annotations

from collections.abc import Callable

from kubelab.apiserver.request import Response
from kubelab.apiserver.subresources import binding
from kubelab.apiserver.work import Work

SUBRESOURCES: dict[tuple[str, str], Callable[[Work], Response]] = {
    ("pods", "binding"): binding.bind,
}
