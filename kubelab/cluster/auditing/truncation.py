"""Events that are too large lose their bodies, or are dropped; batches that are too large are split.

upstream: apiserver/plugin/pkg/audit/truncate/truncate.go, 1.28. Sizes are those of the JSON form with its newline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubelab.cluster.auditing.formats import json_line
from kubelab.cluster.auditing.options import Truncate
from kubelab.kinds.kind import Object

ANNOTATION = "audit.k8s.io/truncated"
WITH_BODIES = ("Request", "RequestResponse")
TOO_LARGE = "event is too large even after truncating"


class Cut(NamedTuple):
    """What goes on, in batches, and what does not: ``(event, why)``."""

    batches: list[list[Object]]
    refused: list[tuple[Object, str]]


def cut(events: Sequence[Object], limits: Truncate, version: str) -> Cut:
    """One call of the truncating backend."""
    batches: list[list[Object]] = []
    refused: list[tuple[Object, str]] = []
    room = 0
    for event in events:
        try:
            size = len(json_line(event, version))
            if size > limits.max_event_size and event.get("level") in WITH_BODIES:
                event = without_bodies(event)
                size = len(json_line(event, version))
        except (TypeError, ValueError) as error:
            refused.append((event, str(error)))
            continue
        if size > limits.max_event_size:
            refused.append((event, TOO_LARGE))
            continue
        if not batches or room < size:
            batches.append([])
            room = limits.max_batch_size
        batches[-1].append(event)
        room -= size
    return Cut(batches, refused)


def without_bodies(event: Object) -> Object:
    """The event with neither request nor response, marked as such."""
    kept = {name: part for name, part in event.items() if name not in ("requestObject", "responseObject", "annotations")}
    annotations = {**(event.get("annotations") or {}), ANNOTATION: "true"}
    return {**kept, "annotations": dict(sorted(annotations.items()))}
