"""Breakdown: where each second between "I want these pods" and "they are ready" went, read off the log's own links.

A pod's way is cut at instants that are on record: the command (the caller's change of the workload), the change that made its controller
create the pod (``cause`` of the creating call), each call's times (asked, sent, answered), the kubelet's Events (named by the nanosecond),
the commit that made it ready. The stages between them are contiguous: their sum is the time from command to Ready.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from kubelab.frames.events import happened_ns
from kubelab.frames.lives import Life, controller_of
from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.store.log import CallRecord, Commit, Log

PREDECESSOR = "predecessor"
CONTROLLER = "controller"
CLIENT_LIMIT = "client limit"
API = "API"
SCHEDULER = "scheduler"
PULL = "pull"
START = "start"
INIT = "init containers"
PROBE = "probe"
STAGES = (PREDECESSOR, CONTROLLER, CLIENT_LIMIT, API, SCHEDULER, PULL, START, INIT, PROBE)

# The stage that a kubelet's event ends, by the event before it.
_ENDED_BY = {
    ("", "Pulling"): START,
    ("", "Pulled"): START,
    ("Pulling", "Pulled"): PULL,
    ("Pulled", "Created"): START,
    ("Created", "Started"): START,
    ("Started", "Pulling"): INIT,
    ("Started", "Pulled"): INIT,
}


class Work:
    """How long a worker's calls were held back and under way, summed from the beginning, so that any window is a difference."""

    def __init__(self, stretches: list[Stretch]) -> None:
        self._stretches = stretches
        self._starts = [each.start_ns for each in stretches]
        self._sums = [(0, 0)]
        for each in stretches:
            self._sums.append(self._plus(self._sums[-1], each, each.end_ns))

    @staticmethod
    def _plus(sums: tuple[int, int], stretch: Stretch, until_ns: int) -> tuple[int, int]:
        length_ns = min(stretch.end_ns, until_ns) - stretch.start_ns
        limited_ns, calling_ns = sums
        return (limited_ns + length_ns, calling_ns) if stretch.stage == CLIENT_LIMIT else (limited_ns, calling_ns + length_ns)

    def _until(self, time_ns: int) -> tuple[int, int]:
        at = bisect_right(self._starts, time_ns)
        return self._plus(self._sums[at - 1], self._stretches[at - 1], time_ns) if at else (0, 0)

    def between(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """Nanoseconds (held back, under way) within a window."""
        before, after = self._until(start_ns), self._until(end_ns)
        return after[0] - before[0], after[1] - before[1]


Worked = tuple[str, str]  # component, key
Turns = dict[str, list[tuple[int, str]]]  # ReplicaSet uid → instants of scaling, and what was waited for


class Stretch(NamedTuple):
    """A stage of one pod."""

    stage: str
    start_ns: int
    end_ns: int


def breakdown(log: Log, lives: Sequence[Life]) -> pd.DataFrame:
    """A row per pod that became ready and stage of its way there, in the order of creation, then of time.

    Columns: ``namespace``, ``name``, ``uid``, ``workload``, ``order`` (of creation, from 0), ``stage``, the instants ``start`` and ``end``,
    ``from_command`` (seconds from the command to the stage's start), ``seconds``.

    Stages: ``predecessor`` (its controller waits for pods before it), ``controller`` (watch, queue, sync), ``client limit`` (a client's QPS), ``API``
    (calls under way), ``scheduler`` (queue, cycle, volumes), ``pull`` (waiting for its turn included), ``start`` (all else that the kubelet does
    until the containers run: noticing, mounts, sandbox, create, start), ``init containers``, ``probe`` (from started to reported ready).
    """
    commands = _commands(log, lives)
    happened = _events_by_pod(log)
    turns, work = _turns(log), _work(log, lives)
    rows: list[tuple[int, Life, int, Stretch]] = []
    for order, life in enumerate(lives):
        if life.born is None or life.readied is None:
            continue
        command_ns = _command_ns(commands, life)
        stretches = [
            *_creation(log, life, command_ns, turns, work),
            *_scheduling(log, life),
            *_starting(log, life, happened.get(life.uid, ())),
        ]
        rows += [(order, life, command_ns, stretch) for stretch in _joined(stretches)]
    starts = [row[3].start_ns for row in rows]
    ends = [row[3].end_ns for row in rows]
    return pd.DataFrame(
        {
            "namespace": category([row[1].namespace for row in rows]),
            "name": text([row[1].name for row in rows]),
            "uid": text([row[1].uid for row in rows]),
            "workload": category([row[1].workload for row in rows]),
            "order": count([row[0] for row in rows]),
            "stage": category([row[3].stage for row in rows], STAGES),
            "start": instants(starts),
            "end": instants(ends),
            "from_command": seconds(starts, [row[2] for row in rows]),
            "seconds": seconds(ends, starts),
        }
    )


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Without empty ones, and neighbours of one stage as one."""
    found: list[Stretch] = []
    for each in stretches:
        if each.end_ns <= each.start_ns:
            continue
        if found and found[-1].stage == each.stage and found[-1].end_ns == each.start_ns:
            found[-1] = Stretch(each.stage, found[-1].start_ns, each.end_ns)
        else:
            found.append(each)
    return found


def _commands(log: Log, lives: Sequence[Life]) -> dict[tuple[str, str], list[int]]:
    """When callers who are no components changed a workload, or ended one of its pods: (namespace, reference) → instants, in order."""
    found: dict[tuple[str, str], list[int]] = {}
    for commit in log.commits:
        if commit.key[0].endswith((".apps", ".batch")) and not log.calls[commit.call].component:
            found.setdefault((commit.key[1], f"{commit.object['kind'].lower()}/{commit.key[2]}"), []).append(commit.time_ns)
    for life in lives:
        if life.ended is not None and not log.calls[life.ended.call].component:
            found.setdefault((life.namespace, life.workload), []).append(life.ended.time_ns)
    return {workload: sorted(times) for workload, times in found.items()}


def _command_ns(commands: dict[tuple[str, str], list[int]], life: Life) -> int:
    """The newest command before the pod was created; without one, its creation."""
    asked_ns = life.created_ns
    known = commands.get((life.namespace, life.workload), ())
    return next((time_ns for time_ns in reversed(known) if time_ns <= asked_ns), asked_ns)


def _creation(log: Log, life: Life, command_ns: int, turns: Turns, busy: dict[Worked, Work]) -> list[Stretch]:
    """From the command to the pod's creation: until it was its turn, until its controller asked for it, until it was there.

    What its controller did in between for other pods is summed up: first its own time, then calls under way, then calls held back.
    """
    born = life.born
    if born is None:
        return []
    call = log.calls[born.call]
    asked_ns = call.time_ns - call.latency_ns - call.wait_ns
    turn_ns, stage = _turn(log, life, call, turns)
    turn_ns = min(max(turn_ns, command_ns), asked_ns)
    limited_ns, calling_ns = busy[(call.component, call.key)].between(turn_ns, asked_ns) if call.component else (0, 0)
    own_ns = asked_ns - limited_ns - calling_ns
    return [
        Stretch(stage, command_ns, turn_ns),
        Stretch(CONTROLLER, turn_ns, own_ns),
        Stretch(API, own_ns, own_ns + calling_ns),
        Stretch(CLIENT_LIMIT, own_ns + calling_ns, asked_ns),
        *_on_the_way(log, born),
    ]


def _turn(log: Log, life: Life, call: CallRecord, turns: Turns) -> tuple[int, str]:
    """When it was the pod's turn, and what it had waited for until then.

    A ReplicaSet makes all its pods at once: their turn is when it was scaled. Others make a pod when a change, often another pod's, lets them.
    """
    scaled = turns.get(controller_of(life.pod)[1])
    if scaled:
        return next(((time_ns, stage) for time_ns, stage in reversed(scaled) if time_ns <= life.created_ns), scaled[0])
    if call.cause < log.first:
        return 0, CONTROLLER
    cause = log.at(call.cause)
    return cause.time_ns, PREDECESSOR if cause.key[0] == "pods" else CONTROLLER


def _turns(log: Log) -> Turns:
    """When each ReplicaSet was scaled: for the command's sake (its Deployment changed), or because pods before had got on."""
    found: Turns = {}
    for commit in log.commits:
        if commit.key[0] != "replicasets.apps" or (commit.old or {}).get("spec", {}).get("replicas") == commit.object["spec"].get(
            "replicas"
        ):
            continue
        cause = log.calls[commit.call].cause
        waited = cause >= log.first and log.at(cause).key[0] in ("pods", "replicasets.apps")
        found.setdefault(commit.object["metadata"]["uid"], []).append((commit.time_ns, PREDECESSOR if waited else CONTROLLER))
    return found


def _work(log: Log, lives: Sequence[Life]) -> dict[Worked, Work]:
    """What the workers that created pods did with their time: calls held back, calls under way; never overlapping.

    A key is worked on by one worker at a time: what it does for other pods, a later one waits for. That is their time, not a queue's.
    """
    asked: dict[Worked, list[CallRecord]] = {}
    for life in lives:
        if life.born is not None and (call := log.calls[life.born.call]).component:
            asked.setdefault((call.component, call.key), [])
    for call in log.calls:
        if call.resource != "events" and (calls := asked.get((call.component, call.key))) is not None:
            calls.append(call)
    return {worked: Work(_busy(calls)) for worked, calls in asked.items()}


def _busy(calls: list[CallRecord]) -> list[Stretch]:
    """Where calls overlap, one that is held back counts before one that is under way."""
    found: list[Stretch] = []
    at_ns = 0
    for call in sorted(calls, key=lambda call: (call.time_ns - call.latency_ns, call.time_ns)):
        sent_ns = call.time_ns - call.latency_ns
        if call.wait_ns and sent_ns > at_ns:
            while found and found[-1].start_ns >= sent_ns - call.wait_ns:
                found.pop()
            start_ns = sent_ns - call.wait_ns
            if found and found[-1].end_ns > start_ns:
                found[-1] = found[-1]._replace(end_ns=start_ns)
            found.append(Stretch(CLIENT_LIMIT, start_ns, sent_ns))
            at_ns = sent_ns
        if call.time_ns > at_ns:
            found.append(Stretch(API, max(sent_ns, at_ns), call.time_ns))
            at_ns = call.time_ns
    return _joined(found)


def _on_the_way(log: Log, commit: Commit) -> list[Stretch]:
    """The two stretches of a call: until it is sent, until it is answered."""
    call = log.calls[commit.call]
    sent_ns = call.time_ns - call.latency_ns
    return [Stretch(CLIENT_LIMIT, sent_ns - call.wait_ns, sent_ns), Stretch(API, sent_ns, call.time_ns)]


def _scheduling(log: Log, life: Life) -> list[Stretch]:
    if life.bound is None or life.bound is life.born:
        return []
    calling = _on_the_way(log, life.bound)
    return [Stretch(SCHEDULER, life.created_ns, calling[0].start_ns), *calling]


def _starting(log: Log, life: Life, happened: Iterable[tuple[int, str]]) -> list[Stretch]:
    """From bound to ready: cut at the kubelet's events, and at the last status report."""
    if life.readied is None:
        return []
    calling = _on_the_way(log, life.readied)
    found: list[Stretch] = []
    at_ns, before = life.scheduled_ns or life.created_ns, ""
    last_ns = calling[0].start_ns
    for time_ns, reason in happened:
        stage = _ENDED_BY.get((before, reason))
        if stage is None or not at_ns <= time_ns <= last_ns:
            continue
        found.append(Stretch(stage, at_ns, time_ns))
        at_ns, before = time_ns, reason
    return [*found, Stretch(PROBE if before == "Started" else START, at_ns, last_ns), *calling]


def _events_by_pod(log: Log) -> dict[str, list[tuple[int, str]]]:
    """Pod uid → the kubelet's events (instant, reason) in the order of time."""
    reasons = {reason for _, reason in _ENDED_BY}
    found: dict[str, list[tuple[int, str]]] = {}
    for commit in log.commits:
        if commit.key[0] == "events" and commit.type == "ADDED" and commit.object.get("reason") in reasons:
            about = commit.object.get("involvedObject") or {}
            found.setdefault(about.get("uid", ""), []).append((happened_ns(commit.object), commit.object["reason"]))
    for each in found.values():
        each.sort()
    return found
