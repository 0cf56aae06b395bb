"""The history of a log's workloads as frames: moments, pods, phases, steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from kubelab.auditlog.rollouts.deeds import Deed, Log, Span
from kubelab.auditlog.rollouts.history import History, history_of
from kubelab.auditlog.rollouts.pods import Life
from kubelab.auditlog.rollouts.steps import Step
from kubelab.cluster.references import parse
from kubelab.frames.phases import CREATING, PENDING, PHASES, READY, RUNNING, TERMINATING
from kubelab.frames.typed import category, count, instants, seconds, text

STARTING, UP = "Starting", "Up"  # at Metadata: between a node's first and last report; after it, ready or not
CUT_NS = 999  # times in a log are cut to microseconds: what it dates happened up to so much later
GANTT = (*PHASES[:2], STARTING, UP, *PHASES[2:])
MOMENTS = ("asked", "revision", "created", "scheduled", "started", "ready", "deleted", "gone", "done")


class Moment(NamedTuple):
    namespace: str
    workload: str
    object: str
    uid: str
    moment: str
    at: int
    span: Span
    by: str
    what: str
    evidence: str


def rollouts(log: Log, reference: str | None = None, *, namespace: str | None = None) -> pd.DataFrame:
    """A row per moment of a workload (one, those of a namespace, or all) and of its pods, in the order of time.

    Columns: ``namespace``, ``workload`` (``deployment/web``), ``object`` (the workload itself or ``pod/web-0``), ``uid``, ``moment`` (asked,
    revision, created, scheduled, started, ready, deleted, gone, done), ``at`` (the likeliest instant), ``earliest`` and ``latest`` (it was not
    before, not after), ``by`` (who did it), ``what`` (image, revision, node, reason), ``evidence`` (by what it is known whose pod it is).
    """
    history = history_of(log)
    lives, steps = chosen(history, reference, namespace)
    moments = [each for step in steps for each in _of_step(step)] + [each for life in lives for each in _of_life(life)]
    moments.sort(key=lambda each: (each.at, each.namespace, each.workload, MOMENTS.index(each.moment), each.object))
    return pd.DataFrame(
        {
            "namespace": category([each.namespace for each in moments]),
            "workload": category([each.workload for each in moments]),
            "object": text([each.object for each in moments]),
            "uid": text([each.uid for each in moments]),
            "moment": category([each.moment for each in moments], MOMENTS),
            "at": instants([each.at for each in moments]),
            "earliest": instants([each.span.earliest for each in moments]),
            "latest": instants([each.span.latest + CUT_NS for each in moments]),
            "by": category([each.by for each in moments]),
            "what": text([each.what for each in moments]),
            "evidence": category([each.evidence for each in moments]),
        }
    )


def _of_step(step: Step) -> Iterator[Moment]:
    namespace, name = step.workload.key[0], step.workload.reference
    if step.asked is not None:
        words = f"{step.what}: {step.change}" if step.change else step.what
        span = step.asked.span
        yield Moment(namespace, name, name, step.asked.uid, "asked", span.latest, span, step.asked.by, words, "call")
    if step.revised is not None:
        yield Moment(namespace, name, name, "", "revision", step.revised.latest, step.revised, "", step.revision, "call")
    if step.end is not None:
        yield Moment(
            namespace, name, name, "", "done", step.end.latest, step.end, "", step.outcome, "status" if step.outcome == "done" else "quiet"
        )


def _of_life(life: Life) -> Iterator[Moment]:
    workload = reference_of(life)
    spans = (
        ("created", life.created, life.creator, life.hash),
        ("scheduled", life.scheduled, "", life.node),
        ("started", life.started, "", ""),
        ("ready", life.ready, "", "" if life.tells_ready else "or at no time: only bracketed"),
        ("deleted", life.deleted, life.deleted_by, life.deleted_via),
        ("gone", life.gone, "", life.reason),
    )
    for moment, span, by, what in spans:
        if span is not None:
            likeliest = {"created": life.born, "started": life.began}.get(moment)
            at = span.latest if likeliest is None else likeliest
            yield Moment(life.namespace, workload, f"pod/{life.name}", life.uid, moment, at, span, by, what, life.evidence)


def reference_of(life: Life) -> str:
    """The workload of a pod as the frames name it; "" if it has none."""
    kind, name = life.workload
    return f"{kind.lower()}/{name}" if kind else ""


def chosen(history: History, reference: str | None, namespace: str | None) -> tuple[list[Life], list[Step]]:
    """Those of one workload, of one namespace, or all. Raises ValueError for one that the log does not know."""
    lives, steps = history.lives, history.steps
    if reference is not None:
        found = parse(reference, namespace=namespace or "default")
        key = (found.namespace, found.kind.kind, found.name)
        if key not in history.workloads:
            there = sorted({f"{kind.lower()}/{name} -n {where}" for where, kind, name in history.workloads if kind == found.kind.kind})
            others = f"of its kind there are {', '.join(there[:8])}" if there else "there are none of its kind"
            raise ValueError(f"this log does not show {found} in namespace {found.namespace}: {others}")
        return [life for life in lives if (life.namespace, *life.workload) == key], [step for step in steps if step.workload.key == key]
    if namespace is not None:
        return [life for life in lives if life.namespace == namespace], [step for step in steps if step.workload.key[0] == namespace]
    return lives, steps


def rollout_pods(log: Log, reference: str | None = None, *, namespace: str | None = None) -> pd.DataFrame:
    """A row per pod incarnation, in the order in which they were first heard of.

    Columns: ``namespace``, ``name``, ``uid``, ``workload``, ``owner``, ``revision`` (hash; "" unknown), ``images``, ``node``, the instants
    ``created``, ``scheduled``, ``started``, ``ready``, ``deleted``, ``gone``, each also as ``created_earliest`` and ``created_latest`` (not before,
    not after; the plain one is the likeliest), ``deleted_by``, ``reason``, ``before_log``, ``evidence``.
    """
    lives, _ = chosen(history_of(log), reference, namespace)
    spans: dict[str, list[tuple[Span | None, int | None]]] = {
        "created": [(life.created, life.born) for life in lives],
        "scheduled": [(life.scheduled, None) for life in lives],
        "started": [(life.started, life.began) for life in lives],
        **{name: [(getattr(life, name), None) for life in lives] for name in ("ready", "deleted", "gone")},
    }
    times: dict[str, Any] = {}
    for name, each in spans.items():
        times[name] = instants([None if span is None else at or span.latest for span, at in each])
        times[f"{name}_earliest"] = instants([None if span is None else span.earliest for span, _ in each])
        times[f"{name}_latest"] = instants([None if span is None else span.latest + CUT_NS for span, _ in each])
    return pd.DataFrame(
        {
            "namespace": category([life.namespace for life in lives]),
            "name": text([life.name for life in lives]),
            "uid": text([life.uid for life in lives]),
            "workload": category([reference_of(life) for life in lives]),
            "owner": category([f"{life.owner[0].lower()}/{life.owner[1]}" if life.owner[0] else "" for life in lives]),
            "revision": category([life.hash for life in lives]),
            "images": category([life.images for life in lives]),
            "node": category([life.node for life in lives]),
            **times,
            "deleted_by": category([life.deleted_by for life in lives]),
            "reason": text([life.reason for life in lives]),
            "before_log": pd.array([life.known_before for life in lives], dtype="boolean"),
            "evidence": category([life.evidence for life in lives]),
        }
    )


def rollout_steps(log: Log, reference: str | None = None, *, namespace: str | None = None) -> pd.DataFrame:
    """A row per thing that was asked of a workload, by workload and time.

    Columns: ``namespace``, ``workload``, ``asked`` (NaT: before the log), ``by``, ``client``, ``what`` (create, template, restart, undo, scale,
    continue, settings, delete, before the log), ``change`` (in words, where bodies tell), ``revision`` and ``from_revision`` (hashes), ``began``,
    ``end``, ``seconds`` (from asked to end), ``created`` and ``deleted`` (pods, by its controller), ``not_replaced`` (pods of an older
    revision at its end), ``outcome`` (done, came to rest, unfinished, nothing followed), ``why``.
    """
    _, steps = chosen(history_of(log), reference, namespace)
    asked = [step.asked.span.latest if step.asked else None for step in steps]
    ends = [step.end.latest if step.end else None for step in steps]
    return pd.DataFrame(
        {
            "namespace": category([step.workload.key[0] for step in steps]),
            "workload": category([step.workload.reference for step in steps]),
            "asked": instants(asked),
            "by": category([_word(step.asked, "by") for step in steps]),
            "client": category([_word(step.asked, "client") for step in steps]),
            "what": category([step.what for step in steps]),
            "change": text([step.change for step in steps]),
            "revision": category([step.revision for step in steps]),
            "from_revision": category([step.before for step in steps]),
            "began": instants([step.first for step in steps]),
            "end": instants(ends),
            "seconds": seconds(ends, [step.asked.at if step.asked else None for step in steps]),
            "created": count([step.created for step in steps]),
            "deleted": count([step.deleted for step in steps]),
            "not_replaced": count([step.old_left for step in steps]),
            "outcome": category([step.outcome for step in steps]),
            "why": text([step.why for step in steps]),
        }
    )


def _word(asked: Deed | None, name: str) -> str:
    return str(getattr(asked, name)) if asked is not None else ""


def rollout_notes(log: Log) -> list[str]:
    """What the log does not tell: cut windows, names that fit several workloads, brackets."""
    return list(history_of(log).notes)


def rollout_phases(log: Log, reference: str | None = None, *, namespace: str | None = None) -> pd.DataFrame:
    """A row per pod incarnation and phase, as ``c.frames.transitions()``, for a Gantt chart.

    Columns: ``namespace``, ``name``, ``uid``, ``workload``, ``revision``, ``node``, ``phase``, ``reason``, the instants ``start`` and ``end`` (NaT:
    it lasts), ``from_seconds`` and ``to_seconds`` since the log's first deed, ``seconds``, ``lasts``. Where no body tells of readiness,
    ``Starting`` is between a node's first and last report and ``Up`` after it: ready or not.
    """
    history = history_of(log)
    lives, _ = chosen(history, reference, namespace)
    rows: list[tuple[Life, str, str, int, int | None]] = []
    for life in lives:
        steps = phases_of(life, history.start)
        ends = [at for at, _, _ in steps[1:]] + [life.gone.latest if life.gone else None]
        rows += [(life, phase, reason, at, end) for (at, phase, reason), end in zip(steps, ends, strict=True) if end is None or end >= at]
    starts = [row[3] for row in rows]
    until = [history.end if row[4] is None else row[4] for row in rows]
    return pd.DataFrame(
        {
            "namespace": category([row[0].namespace for row in rows]),
            "name": text([row[0].name for row in rows]),
            "uid": text([row[0].uid or f"{row[0].namespace}/{row[0].name}@{row[0].seen}" for row in rows]),
            "workload": category([reference_of(row[0]) for row in rows]),
            "revision": category([row[0].hash for row in rows]),
            "node": category([row[0].node for row in rows]),
            "phase": category([row[1] for row in rows], GANTT),
            "reason": text([row[2] for row in rows]),
            "start": instants(starts),
            "end": instants([row[4] for row in rows]),
            "from_seconds": seconds(starts, history.start),
            "to_seconds": seconds(until, history.start),
            "seconds": seconds(until, starts),
            "lasts": pd.array([row[4] is None for row in rows], dtype="boolean"),
        }
    )


def phases_of(life: Life, start: int) -> list[tuple[int, str, str]]:
    """(when, phase, reason) for each change of phase. A pod that was there before is as its first deed tells, from the log's beginning on."""
    found: list[tuple[int, str, str]] = []
    if life.born is not None:
        found.append((life.born, PENDING, ""))
    if life.scheduled is not None:
        found.append((life.scheduled.latest, CREATING, ""))
    if not found:
        found.append((start, CREATING if life.reports else UP, ""))
    if life.tells_ready:
        found += [(span.latest, told.phase or _by_ready(told.ready), told.reason) for span, told in life.reports if told is not None]
    elif life.reports and life.ready is not None:
        found += [(life.reports[0][0].latest, STARTING, "")] if life.ready.latest > life.reports[0][0].latest else []
        found.append((life.ready.latest, UP, ""))
    if life.deleted is not None:
        found = [each for each in found if each[0] <= life.deleted.latest]
        found.append((life.deleted.latest, TERMINATING, ""))
    return _changes(found)


def _by_ready(ready: bool | None) -> str:
    return READY if ready else RUNNING


def _changes(steps: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    kept: list[tuple[int, str, str]] = []
    latest = 0
    for at, phase, reason in steps:
        latest = max(latest, at)
        if not kept or kept[-1][1] != phase:
            kept.append((latest, phase, reason))
    return kept
