"""Which of several classes marked as default counts: the newest, then the first by name.

upstream: pkg/volume/util/storageclass.go (GetDefaultClass), plugin/pkg/admission/network/defaultingressclass/admission.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.store.log import Object
from kubelab.store.state import State


def newest_default(state: State, resource: str, marks: Sequence[str]) -> str | None:
    """The name of the default class, by the annotations that mark one."""
    found: Object | None = None
    for each in sorted(state.all(resource).values(), key=lambda obj: str(obj["metadata"]["name"])):
        annotations = each["metadata"].get("annotations") or {}
        if not any(annotations.get(mark) == "true" for mark in marks):
            continue
        if found is None or each["metadata"]["creationTimestamp"] > found["metadata"]["creationTimestamp"]:
            found = each
    return None if found is None else str(found["metadata"]["name"])
