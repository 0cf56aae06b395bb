"""The whole story of a log's workloads: deeds, lives, owners, births, steps, in this order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from weakref import WeakKeyDictionary

from kubelab.auditlog.rollouts.births import match
from kubelab.auditlog.rollouts.deeds import CONTROLLERS, MANAGER, Deed, Log, deeds_of
from kubelab.auditlog.rollouts.owners import AMBIGUOUS, UNKNOWN, settle
from kubelab.auditlog.rollouts.pods import Life, Lives
from kubelab.auditlog.rollouts.steps import Step, steps_of
from kubelab.auditlog.rollouts.workloads import Key, Workload, Workloads


class History(NamedTuple):
    """``lives``: pods in the order in which they were first heard of; ``steps``: by workload; ``workloads``: all that were seen; ``notes``: what the
    log does not tell; ``start`` and ``end``: its first and its last deed."""

    lives: list[Life]
    steps: list[Step]
    workloads: dict[Key, None]
    notes: list[str]
    start: int
    end: int


class Part(NamedTuple):
    """The pods and workloads of some namespaces. ``unmatched``: pods made that nobody saw again; ``told``: whether any body told something."""

    lives: list[Life]
    workloads: dict[Key, Workload]
    unmatched: int
    told: bool
    start: int
    end: int


_KNOWN: WeakKeyDictionary[Log, History] = WeakKeyDictionary()


def history_of(log: Log) -> History:
    """Reconstructed once for each log."""
    found = _KNOWN.get(log)
    if found is None:
        found = _KNOWN[log] = reconstruct(deeds_of(log))
    return found


def reconstruct(parts: Iterable[Iterable[Deed]]) -> History:
    """The history of all namespaces; ``parts``: deeds by receipt, each of whole namespaces."""
    found = [part for part in map(_part, parts) if part is not None]
    lives = sorted((life for part in found for life in part.lives), key=lambda life: (life.seen, life.namespace, life.name))
    by_workload: dict[Key, list[Life]] = {}
    for life in lives:
        if life.workload[1]:
            by_workload.setdefault((life.namespace, *life.workload), []).append(life)
    workloads = {key: workload for part in found for key, workload in part.workloads.items()}
    workloads |= {key: Workload(key) for key in by_workload if key not in workloads and key[1] in CONTROLLERS}
    end = max((part.end for part in found), default=0)
    steps = [step for key, each in sorted(workloads.items()) for step in steps_of(each, by_workload.get(key, []), end)]
    told = any(part.told for part in found)
    notes = _notes(lives, sum(part.unmatched for part in found), told=told)
    return History(lives, steps, dict.fromkeys(sorted(workloads)), notes, min((part.start for part in found), default=0), end)


def _part(deeds: Iterable[Deed]) -> Part | None:
    """None without deeds. Those of pods, nearly all, are not kept."""
    of_workloads: list[Deed] = []
    lives, told, start, end = Lives(), False, 0, 0
    for deed in deeds:
        if deed.resource == "pods":
            lives.take(deed)
        else:
            of_workloads.append(deed)
        told = told or deed.told is not None
        start, end = start or deed.at, max(end, deed.span.latest)
    if not end:
        return None
    workloads = Workloads(of_workloads)
    for life in lives.all:
        settle(life, workloads)
    return Part(lives.all, workloads.all, len(_births(lives)), told, start, end)


def _births(lives: Lives) -> list[Deed]:
    """Creations of pods whose name the create did not have."""
    creates: dict[tuple[str, str, tuple[str, str]], list[Deed]] = {}
    for deed in lives.nameless:
        owner = deed.told.owner if deed.told is not None else ("", "")
        creates.setdefault((deed.namespace, deed.role, owner), []).append(deed)
    kinds = {controller: kind for kind, controller in CONTROLLERS.items()}
    unmatched: list[Deed] = []
    for (namespace, role, owner), some in sorted(creates.items(), key=lambda each: (not each[0][2][0], each[0][1] not in kinds, each[0])):
        # what a user made has no owner; controllers that nothing tells apart may have made any
        fitting = (kinds[role], "") if role in kinds else tuple(kinds.values()) if role == MANAGER else ("",)
        here = [life for life in lives.all if life.namespace == namespace]
        unmatched += match([life for life in here if (life.owner == owner if owner[0] else life.owner[0] in fitting)], some)
    return unmatched


def _notes(lives: list[Life], unmatched: int, *, told: bool) -> list[str]:
    counted = (
        (sum(life.known_before for life in lives), "there before the log began, or their creation is not in it"),
        (unmatched, "created and never seen again: not scheduled within the log, so that it does not name them"),
        (
            sum(life.deleted is not None and life.gone is None for life in lives),
            "told to go, and nothing says that they went: by force, ended before, or their node is silent",
        ),
        (sum(life.evidence.startswith(AMBIGUOUS) for life in lives), "of a name that fits several workloads"),
        (sum(life.evidence == UNKNOWN for life in lives), "of no workload that the log shows"),
    )
    notes = [f"pods {words}: {number}" for number, words in counted if number]
    if not told and lives:
        notes.append(
            "no bodies: readiness lies between the first and the last report of a node, and what was asked is inferred from what followed"
        )
    return notes
