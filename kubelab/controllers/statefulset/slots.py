"""Slots: the ordinals that a StatefulSet wants filled, with the pods that fill them, and the pods beyond them.

upstream: pkg/controller/statefulset/stateful_set_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.store.log import Object
from kubelab.world.clock import parse_rfc3339

REVISION_LABEL = "controller-revision-hash"
POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
_NONE: dict[str, Any] = {}
_KNOWN_LIMIT = 1 << 18


class Slot(NamedTuple):
    """An ordinal and its pod, with the facts that the algorithm asks for. A missing pod has no phase."""

    ordinal: int
    name: str
    pod: Object | None
    phase: str
    ready: bool  # Running and Ready
    available: bool  # Ready for minReadySeconds, whatever the phase
    terminating: bool
    revision: str
    settled: bool  # nothing to wait for, and called as it should be

    @property
    def healthy(self) -> bool:
        return self.ready and not self.terminating

    @property
    def subject(self) -> str:
        return f"pod/{self.name}"


_KNOWN: dict[str, Slot] = {}


def start_ordinal(set_: Object) -> int:
    return int((set_["spec"].get("ordinals") or _NONE).get("start", 0))


def end_ordinal(set_: Object) -> int:
    """The first ordinal beyond the range."""
    return start_ordinal(set_) + int(set_["spec"].get("replicas", 1))


def pod_name(set_: Object, ordinal: int) -> str:
    return f"{set_['metadata']['name']}-{ordinal}"


def is_member(prefix: str, pod: Object) -> bool:
    """Whether a pod is called as a pod of the set; ``prefix`` is the set's name with a dash."""
    name = pod["metadata"]["name"]
    return name.startswith(prefix) and name[len(prefix) :].isdigit()


def by_ordinal(set_: Object, pods: Sequence[Object], min_ready_ns: int, now_ns: int) -> tuple[list[Slot], list[Slot]]:
    """The slots, lowest first, and the condemned pods, highest first."""
    start, end = start_ordinal(set_), end_ordinal(set_)
    prefix = len(set_["metadata"]["name"]) + 1
    filled: dict[int, Slot] = {}
    condemned: list[Slot] = []
    for pod in pods:
        slot = _KNOWN.get(pod["metadata"]["uid"])
        if slot is None or slot.pod is not pod or min_ready_ns:
            slot = slot_of(pod, int(pod["metadata"]["name"][prefix:]), min_ready_ns, now_ns)
            if not min_ready_ns:
                _remember(slot)
        if start <= slot.ordinal < end:
            filled[slot.ordinal] = slot
        else:
            condemned.append(slot)
    slots = [filled.get(ordinal) or missing_slot(pod_name(set_, ordinal)) for ordinal in range(start, end)]
    if len(condemned) > 1:
        condemned.sort(key=lambda slot: -slot.ordinal)
    return slots, condemned


def slot_of(pod: Object, ordinal: int, min_ready_ns: int, now_ns: int) -> Slot:
    meta, status = pod["metadata"], pod.get("status") or _NONE
    phase = status.get("phase") or ""
    ready = available = False
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready":
            if condition["status"] == "True":
                ready = True
                since = condition.get("lastTransitionTime") if min_ready_ns else None
                available = not min_ready_ns or (since is not None and parse_rfc3339(since) + min_ready_ns < now_ns)
            break
    labels, name, running = meta.get("labels") or _NONE, meta["name"], ready and phase == "Running"
    terminating = meta.get("deletionTimestamp") is not None
    settled = running and available and not terminating and labels.get(POD_NAME_LABEL) == name
    return Slot(ordinal, name, pod, phase, running, available, terminating, labels.get(REVISION_LABEL, ""), settled)


def _remember(slot: Slot) -> None:
    """Facts of a pod are read once per version of it: a memo, bounded, of which no result depends."""
    if len(_KNOWN) >= _KNOWN_LIMIT:
        _KNOWN.clear()
    if slot.pod is not None:
        _KNOWN[slot.pod["metadata"]["uid"]] = slot


@lru_cache(maxsize=1 << 14)
def missing_slot(name: str) -> Slot:
    return Slot(int(name.rpartition("-")[2]), name, None, "", False, False, False, "", False)


def first_unhealthy(slots: Sequence[Slot], condemned: Sequence[Slot]) -> Slot | None:
    """The lowest unhealthy slot, else the lowest unhealthy condemned pod."""
    for slot in slots:
        if not slot.healthy:
            return slot
    for slot in reversed(condemned):
        if not slot.healthy:
            return slot
    return None
