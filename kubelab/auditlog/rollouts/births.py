"""Which nameless create made which pod: at Metadata a pod of a ReplicaSet has no name before it is bound.

Creates and bindings are matched in order, from the last on, so that creates of pods that nobody bound are left over. Where several pods wait at once,
another order is possible: the creation is bounded by the first and the last create that the binding may belong to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from kubelab.auditlog.rollouts.deeds import Deed, Span
from kubelab.auditlog.rollouts.pods import Life


def match(lives: Sequence[Life], creates: Sequence[Deed]) -> list[Deed]:
    """Give the lives of one namespace and one kind of controller their creation; returns the creates that no life was found for."""
    waiting = sorted((life for life in lives if life.created is None and (life.scheduled or life.sighted)), key=lambda life: life.seen)
    found = _latest([life.seen for life in waiting], [deed.at for deed in creates])
    pairs = [(life, creates[at]) for life, at in zip(waiting, found, strict=True) if at is not None]
    ends, used = [life.seen for life, _ in pairs], [deed for _, deed in pairs]
    starts = [deed.at for deed in used]
    first = 0
    for at, (life, deed) in enumerate(pairs):
        if at and bisect_right(starts, ends[at - 1]) <= at:
            first = at  # all creates before were bound by then: nobody waited
        last = used[bisect_right(starts, ends[at]) - 1].span
        life.created = Span(used[first].span.earliest, last.latest).until(ends[at])
        life.born = min(deed.span.latest, ends[at])
        life.creator, life.known_before = deed.role or deed.by, False
        if deed.told is not None:
            life.images, life.hash = life.images or deed.told.images, life.hash or deed.told.hash
    taken = {at for at in found if at is not None}
    return [deed for number, deed in enumerate(creates) if number not in taken]


def _latest(ends: Sequence[int], starts: Sequence[int]) -> list[int | None]:
    """For each end the latest start before it, in order, each once; from the last on."""
    found: list[int | None] = [None] * len(ends)
    free = len(starts)
    for at in range(len(ends) - 1, -1, -1):
        free = min(free, bisect_right(starts, ends[at]))
        if free == 0:
            break
        free -= 1
        found[at] = free
    return found
