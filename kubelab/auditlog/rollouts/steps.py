"""Steps: from one thing that somebody asked of a workload to the next: what it was, what followed, and how it ended.

With bodies the differences are read; at Metadata what was asked is inferred from what its controller did: a revision made (template), one taken up
again (undo), pods replaced under the same revision (an update let through: partition), pods more or fewer (scale). spec/audit.md B4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

from kubelab.auditlog.rollouts.bodies import Told
from kubelab.auditlog.rollouts.deeds import CONTROLLERS, MANAGER, Deed, Span
from kubelab.auditlog.rollouts.pods import Life
from kubelab.auditlog.rollouts.workloads import Made, Workload

T = TypeVar("T")

#: A workload that was quiet for this long had come to rest, or had given up: Deployment's default progressDeadlineSeconds.
QUIET_NS = 600 * 1_000_000_000
DONE, UNFINISHED, RESTED, NOTHING = "done", "unfinished", "came to rest", "nothing followed"


class Step(NamedTuple):
    """``asked`` is None for what was under way when the log began. ``what``: create, template, restart, undo, scale, continue, settings, delete,
    before the log. ``change``: in words, where bodies tell. ``first``, ``end``: when its controller began, and when it was done."""

    workload: Workload
    asked: Deed | None
    what: str
    change: str
    revision: str
    before: str
    revised: Span | None
    first: int | None
    end: Span | None
    outcome: str
    why: str
    created: int
    deleted: int
    old_left: int | None


class Window(NamedTuple):
    """From an ask to the next: revisions made or taken up, pods made and removed within."""

    start: int
    end: int
    made: Sequence[Made]
    born: Sequence[Life]
    died: Sequence[Life]


def steps_of(workload: Workload, lives: Sequence[Life], log_end: int) -> list[Step]:
    """All steps of one workload, in order."""
    found: list[Step] = []
    current, last, whole = "", None, False
    all_born = sorted((life for life in lives if life.created is not None and not life.known_before), key=_born)
    all_died = sorted((life for life in lives if life.deleted is not None), key=_died)
    there = Present(lives)
    replaced = {life.name for life in lives if life.deleted is not None and life.deleted_via == CONTROLLERS["StatefulSet"]}
    for asked, start, end in _windows(workload, lives, log_end):
        made = _between(workload.revisions, start, end, lambda each: each.deed.at)
        born = _between(all_born, start, end, _born)
        died = _between(all_died, start, end, _died)
        window = Window(start, end, made, born, died)
        if asked is None and not (made or born or died):
            continue
        target, how = _target(workload, made, born, died, current)
        told = asked.told if asked else None
        what, change = _asked_for(asked, told, last, how, born, died)
        last = _as_asked(told, last)
        step = _followed(workload, asked, what, change, target, current, window, there)
        found.append(step)
        current = target
        whole = what == "create" or step.old_left == 0 or (whole and step.old_left is None)
        _name_revisions(workload, born, replaced, current, whole)
    return found


class Present:
    """Which pods there are at an instant. Asked in the order of time it goes through them once: a workload of a year has many steps and many pods."""

    def __init__(self, lives: Sequence[Life]) -> None:
        self._coming = sorted(((life.seen, _left_at(life), life) for life in lives), key=lambda each: each[0])
        self._begin()

    def _begin(self) -> None:
        self._next, self._asked = 0, 0
        self._here: list[tuple[int, int | None, Life]] = []

    def at(self, instant: int) -> list[Life]:
        """Those first heard of before an instant, and not gone before it."""
        if instant < self._asked:
            self._begin()
        self._asked = instant
        until = bisect_left(self._coming, instant, self._next, key=lambda each: each[0])
        self._here += self._coming[self._next : until]
        self._next = until
        self._here = [each for each in self._here if each[1] is None or each[1] >= instant]
        return [life for _, _, life in self._here]


def _left_at(life: Life) -> int | None:
    return min((span.earliest for span in (life.deleted, life.gone) if span is not None), default=None)


def _as_asked(told: Told | None, last: Told | None) -> Told | None:
    """How a workload stands after an ask: whole, or with other replicas alone."""
    if told is None or told.kind == "":
        return last
    if told.kind == "Scale":
        return last._replace(replicas=told.replicas) if last is not None else None
    return told


def _windows(workload: Workload, lives: Sequence[Life], log_end: int) -> Iterator[tuple[Deed | None, int, int]]:
    """From ask to ask; before the first one, and the last one until the log ends. Repeated deletes of what is gone are no new ones."""
    asks = [
        ask for number, ask in enumerate(workload.asks) if ask.verb != "delete" or number == 0 or workload.asks[number - 1].verb != "delete"
    ]
    starts = [ask.at for ask in asks]
    if not asks or asks[0].verb != "create":
        yield None, 0, starts[0] if starts else log_end + 1
    for ask, end in zip(asks, [*starts[1:], log_end + 1][: len(asks)], strict=True):
        yield ask, ask.at, end


def _between(things: Sequence[T], start: int, end: int, when: Callable[[T], int]) -> list[T]:
    """Of things in the order of time those from ``start`` on and before ``end``."""
    return list(things[bisect_left(things, start, key=when) : bisect_left(things, end, key=when)])


def _died(life: Life) -> int:
    return life.deleted.earliest if life.deleted is not None else life.seen


def _born(life: Life) -> int:
    return life.born if life.born is not None else life.seen


def _target(
    workload: Workload, made: Sequence[Made], born: Sequence[Life], died: Sequence[Life], current: str
) -> tuple[str, Literal["new", "again", "same"]]:
    """The revision that a window led to ("": nobody knows), and whether it is new, was taken up again, or was the current one before."""
    new = [each.hash for each in made if each.verb == "create"]
    if new:
        return new[-1], "new"
    if not made:
        return current, "same"
    if workload.key[1] != "Deployment":
        return made[-1].hash, "same" if made[-1].hash == current else "again"
    # a Deployment's ReplicaSets are also updated to scale them
    touched = list(dict.fromkeys(each.hash for each in made))
    if not current:
        # which of them was the current one is before the log: a scaling touches one, a return two
        got = [mark for mark in touched if any(life.hash == mark for life in born)]
        return (got or touched)[0], "again" if len(touched) > 1 else "same"
    old = next((each for each in made if each.hash != current), None)
    if old is None or any(life.hash == current and _born(life) > old.deed.span.latest for life in born):
        return current, "same"
    # it went back, if an old one got pods, or came first and the current one lost some
    if any(life.hash == old.hash for life in born) or (made[0] is old and any(life.hash == current for life in died)):
        return old.hash, "again"
    return current, "same"


def _asked_for(
    asked: Deed | None,
    told: Told | None,
    last: Told | None,
    how: str,
    born: Sequence[Life],
    died: Sequence[Life],
) -> tuple[str, str]:
    """What was asked, in a word and, where bodies tell, in words."""
    if asked is None:
        return "before the log", ""
    if asked.verb in ("create", "delete"):
        images = told.images if told else ""
        return (
            asked.verb,
            f"{images}, {told.replicas} replicas" if told and told.replicas is not None and asked.verb == "create" else images,
        )
    if asked.subresource == "scale":
        replicas = told.replicas if told else None
        return "scale", (f"replicas {last.replicas} → {replicas}" if last else f"to {replicas}") if replicas is not None else ""
    if told is not None and last is not None and told.template and last.template:
        what, change = _difference(told, last)
        return ("undo" if how == "again" and what in ("template", "restart") else what), change
    if how != "same":
        return ("undo" if how == "again" else "template"), ""
    removed = {life.name for life in died}
    if any(life.name in removed for life in born):
        return "continue", ""
    return ("scale" if born or died else "settings"), ""


def _difference(told: Told, last: Told) -> tuple[str, str]:
    """The first thing that differs names the step; all are said."""
    words, what = [], ""
    if told.template != last.template:
        what = "restart" if told.restarted != last.restarted and told.images == last.images else "template"
        words.append(
            f"image {last.images} → {told.images}" if told.images != last.images else "restarted" if what == "restart" else "template"
        )
    if told.replicas != last.replicas:
        what = what or "scale"
        words.append(f"replicas {last.replicas} → {told.replicas}")
    for (name, new), (_, old) in zip(told.settings, last.settings, strict=True):
        if new != old:
            what = what or "settings"
            words.append(f"{name} {old} → {new}")
    return what or "settings", ", ".join(words)


def _followed(
    workload: Workload, asked: Deed | None, what: str, change: str, revision: str, before: str, window: Window, there: Present
) -> Step:
    """What its controller made of it within the window."""
    own = (CONTROLLERS[workload.key[1]], MANAGER, CONTROLLERS["ReplicaSet"])
    mine = [life for life in window.died if life.deleted_via in own or what == "delete"]
    own_died = set(mine)
    others = [life for life in window.died if life not in own_died and life.hash in ("", revision)]
    born = _without_replacements(window.born, others)
    acts = [each.deed.at for each in window.made] + [_born(life) for life in born] + [_died(life) for life in mine]
    acts = _together(sorted(acts), window.start)
    rest = [life.gone.latest for life in mine if life.gone and window.start <= life.gone.earliest < window.end]
    last = max([*acts, *rest], default=window.start)
    stop = min((_died(life) for life in others if _died(life) > last), default=window.end)
    statuses = _between(workload.statuses, window.start, stop, lambda deed: deed.at)
    finish, outcome, why = _end(what, statuses, acts, rest)
    left = _left(window, there, revision) if revision and what in ("template", "restart", "undo", "continue") else None
    if outcome == RESTED and left:
        outcome, why = UNFINISHED, f"{left} pods not replaced: a partition, a pause, or stuck"
    if outcome == UNFINISHED:
        why = why or next((life.reason for life in reversed(born) if life.reason), "")
    span = window.made[0].deed.span if window.made and what not in ("scale", "settings") else None
    counts = (len(born), len(mine), left)
    return Step(workload, asked, what, change, revision, before, span, acts[0] if acts else None, finish, outcome, why, *counts)


def _without_replacements(born: Sequence[Life], others: Sequence[Life]) -> list[Life]:
    """Pods that were not made in the place of one of the same revision that somebody else removed: they have another cause."""
    kept = sorted(born, key=_born)
    for lost in sorted(others, key=_died):
        same = [life for life in kept if _born(life) >= _died(lost) and (life.owner[0] != "StatefulSet" or life.name == lost.name)]
        if same:
            kept.remove(same[0])
    return kept


def _left(window: Window, there: Present, revision: str) -> int:
    """Pods that were there at the end of a window with another revision."""
    born = set(window.born)
    return sum(life.hash != revision if life.hash else life not in born for life in there.at(window.end))


def _together(acts: Sequence[int], start: int) -> list[int]:
    """Until it was quiet for so long that what comes later has another cause."""
    kept, last = [], start or (acts[0] if acts else 0)
    for act in acts:
        if act - last > QUIET_NS:
            break
        kept.append(act)
        last = act
    return kept


def _end(what: str, statuses: Sequence[Deed], acts: Sequence[int], rest: Sequence[int]) -> tuple[Span | None, str, str]:
    """When it was done: told by the status of its controller; at Metadata with the last status that followed it before all was quiet."""
    if what == "delete":
        ends = [*rest, *acts]
        return (Span(max(ends), max(ends)), DONE, "") if ends else (None, DONE, "")
    finished = next((deed for deed in statuses if deed.told is not None and deed.told.finished), None)
    if finished is not None:
        return finished.span, DONE, ""
    last_act = max([*acts, *rest], default=None)
    if last_act is None:
        return None, NOTHING, ""
    if any(deed.told is not None and deed.told.finished is not None for deed in statuses):
        stuck = next((deed.told.stuck for deed in reversed(statuses) if deed.told is not None and deed.told.stuck), "")
        return None, UNFINISHED, stuck
    chain, last = None, last_act
    for deed in statuses:
        if deed.at - last > QUIET_NS:
            break
        chain, last = deed.span, max(last, deed.at)
    return chain or Span(last_act, last_act), RESTED, ""


def _name_revisions(workload: Workload, born: Sequence[Life], replaced: set[str], current: str, whole: bool) -> None:
    """At Metadata a StatefulSet's and a DaemonSet's pods do not show their revision. It is the newest one for those of a DaemonSet; of a StatefulSet,
    once all pods have it (``whole``), and for those that its controller replaces (``replaced``)."""
    kind = workload.key[1]
    if kind not in ("StatefulSet", "DaemonSet"):
        return
    for life in born:
        if not life.hash and not life.told and (kind == "DaemonSet" or whole or life.name in replaced):
            life.hash = current
