"""Pods: a row per incarnation, and a row per phase that each went through."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kubelab.frames.lives import Life
from kubelab.frames.phases import PHASES
from kubelab.frames.typed import category, count, instants, seconds, text

GONE = "Deleted"


def pods(lives: Sequence[Life], start_ns: int) -> pd.DataFrame:
    """A row per pod incarnation, in the order of creation.

    Columns: ``namespace``, ``name``, ``uid``, ``workload`` (the controller at the top: ``deployment/web``), ``owner`` (the next one:
    ``replicaset/web-5d4f8``), ``revision`` (hash of the template), ``images``, ``node``, ``phase`` (of now; ``Deleted`` once gone),
    ``reason``, ``restarts``; the instants ``created``, ``scheduled``, ``initialized``, ``started``, ``ready`` (for the first time),
    ``terminating``, ``deleted``; ``elapsed``: seconds from the cluster's start to creation; and seconds from creation: ``to_scheduled``,
    ``to_started``, ``to_ready``, ``to_deleted``.
    """
    created = [life.created_ns for life in lives]
    return pd.DataFrame(
        {
            "namespace": category([life.namespace for life in lives]),
            "name": text([life.name for life in lives]),
            "uid": text([life.uid for life in lives]),
            "workload": category([life.workload for life in lives]),
            "owner": category([life.owner for life in lives]),
            "revision": category([life.revision for life in lives]),
            "images": category([life.images for life in lives]),
            "node": category([life.node for life in lives]),
            "phase": category([GONE if life.deleted_ns is not None else life.steps[-1][1] for life in lives], (*PHASES, GONE)),
            "reason": text([life.steps[-1][2] for life in lives]),
            "restarts": count([life.restarts for life in lives]),
            "created": instants(created),
            "scheduled": instants([life.scheduled_ns for life in lives]),
            "initialized": instants([life.initialized_ns for life in lives]),
            "started": instants([life.started_ns for life in lives]),
            "ready": instants([life.ready_ns for life in lives]),
            "terminating": instants([life.terminating_ns for life in lives]),
            "deleted": instants([life.deleted_ns for life in lives]),
            "elapsed": seconds(created, start_ns),
            "to_scheduled": seconds([life.scheduled_ns for life in lives], created),
            "to_started": seconds([life.started_ns for life in lives], created),
            "to_ready": seconds([life.ready_ns for life in lives], created),
            "to_deleted": seconds([life.deleted_ns for life in lives], created),
        }
    )


def transitions(lives: Sequence[Life], start_ns: int, now_ns: int) -> pd.DataFrame:
    """A row per pod incarnation and phase, in the order of creation, then of time.

    Columns: ``namespace``, ``name``, ``uid``, ``workload``, ``revision``, ``node``, ``phase``, ``reason``, the instants ``start`` and ``end``
    (NaT: it lasts), ``from_seconds`` and ``to_seconds`` since the cluster's start (of one that lasts: now), ``seconds`` (its length), ``lasts``.
    """
    rows: list[tuple[Life, str, str, int, int | None]] = []
    for life in lives:
        ends = [time_ns for time_ns, _, _ in life.steps[1:]] + [life.deleted_ns]
        rows += [(life, phase, reason, time_ns, end_ns) for (time_ns, phase, reason), end_ns in zip(life.steps, ends, strict=True)]
    starts = [row[3] for row in rows]
    until = [now_ns if row[4] is None else row[4] for row in rows]
    return pd.DataFrame(
        {
            "namespace": category([row[0].namespace for row in rows]),
            "name": text([row[0].name for row in rows]),
            "uid": text([row[0].uid for row in rows]),
            "workload": category([row[0].workload for row in rows]),
            "revision": category([row[0].revision for row in rows]),
            "node": category([row[0].node for row in rows]),
            "phase": category([row[1] for row in rows], PHASES),
            "reason": text([row[2] for row in rows]),
            "start": instants(starts),
            "end": instants([row[4] for row in rows]),
            "from_seconds": seconds(starts, start_ns),
            "to_seconds": seconds(until, start_ns),
            "seconds": seconds(until, starts),
            "lasts": pd.array([row[4] is None for row in rows], dtype="boolean"),
        }
    )
