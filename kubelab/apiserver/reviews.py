"""Kinds that are asked and never stored: access reviews."""

from __future__ import annotations

from collections.abc import Callable

from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work

REVIEWS: dict[str, Callable[[Work], Response]] = {}
