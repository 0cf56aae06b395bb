"""How many pods of each revision there were over time, as ``c.frames.rollouts()`` tells of the lab's own clusters."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from kubelab.auditlog.rollouts.deeds import Log
from kubelab.auditlog.rollouts.frames import STARTING, UP, chosen, phases_of, reference_of
from kubelab.auditlog.rollouts.history import history_of
from kubelab.frames import rollouts as counted
from kubelab.frames.phases import READY, RUNNING

_SHOWN = {STARTING: RUNNING, UP: READY}


class Course(NamedTuple):
    """What the counting asks of a life."""

    namespace: str
    workload: str
    revision: str
    images: str
    steps: list[tuple[int, str, str]]
    deleted_ns: int | None


def rollout_counts(log: Log, reference: str | None = None, *, namespace: str | None = None) -> pd.DataFrame:
    """A row each time that a count changes, in the order of time; between two rows it stays.

    Columns: ``time``, ``elapsed`` (seconds since the log's first deed), ``namespace``, ``workload``, ``revision``, ``images``; the counts after the
    change: ``pods``, ``ready``, ``terminating``. At Metadata ``ready`` counts what is up: no fewer than are ready.
    """
    history = history_of(log)
    lives, _ = chosen(history, reference, namespace)
    courses = [
        Course(
            life.namespace,
            reference_of(life),
            life.hash,
            life.images,
            [(at, _SHOWN.get(phase, phase), reason) for at, phase, reason in phases_of(life, history.start)],
            life.gone.latest if life.gone else None,
        )
        for life in lives
    ]
    return counted.rollouts(courses, history.start)  # type: ignore[arg-type]
