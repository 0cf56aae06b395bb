"""Canaries judged automatically: a release in stages, each of which lasts until a sequential test has heard enough.

The test is Wald's sequential probability ratio test of two error rates. Its bounds are those of Ville's inequality (the evidence is a
likelihood ratio, a martingale): however often it is looked at, a version that is as good as promised is rolled back with at most the stated
probability. A. Wald, "Sequential Tests of Statistical Hypotheses", 1945; G. Shafer et al., "Test Martingales, Bayes Factors and p-Values", 2011.

>>> judge = Judge(good=0.01, bad=0.05, false_alarm=0.05, missed=0.05)
>>> judge.verdict(requests=20, errors=0), judge.verdict(requests=100, errors=0), judge.verdict(requests=100, errors=5)
('', 'promote', 'roll back')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

from kubelab.cluster import looking
from kubelab.world.clock import SECOND, parse_duration

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

PROMOTE, ROLL_BACK, UNDECIDED = "promote", "roll back", ""
PROMOTED, ROLLED_BACK = "promoted", "rolled back"


@dataclass(frozen=True, slots=True)
class Judge:
    """``good`` and ``bad``: error rates (shares of requests) to be told apart; what lies between them may go either way. ``false_alarm``: at
    most so often a version with a rate of ``good`` or less is rolled back. ``missed``: at most so often one with ``bad`` or more is promoted.
    """

    good: float = 0.01
    bad: float = 0.05
    false_alarm: float = 0.05
    missed: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.good < self.bad < 1:
            raise ValueError(f"good={self.good!r}, bad={self.bad!r}: give shares with 0 < good < bad < 1")
        for name in ("false_alarm", "missed"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise ValueError(f"{name}={share!r}: give a probability between 0 and 1, such as 0.05")

    @property
    def bounds(self) -> tuple[float, float]:
        """The evidence at which it promotes, and at which it rolls back."""
        return log(self.missed), -log(self.false_alarm)

    def evidence(self, requests: int, errors: int) -> float:
        """The logarithm of how much likelier what was seen is at the rate ``bad`` than at ``good``."""
        if not 0 <= errors <= requests:
            raise ValueError(f"errors={errors!r} of requests={requests!r}: give counts, with no more errors than requests")
        return errors * log(self.bad / self.good) + (requests - errors) * log((1 - self.bad) / (1 - self.good))

    def verdict(self, requests: int, errors: int) -> str:
        """``promote``, ``roll back``, or nothing yet."""
        low, high = self.bounds
        found = self.evidence(requests, errors)
        return PROMOTE if found <= low else ROLL_BACK if found >= high else UNDECIDED

    def shared(self, stages: int) -> Judge:
        """The judge of one of several stages, so that what is stated holds for all of them together."""
        return replace(self, false_alarm=self.false_alarm / stages)


class Step(NamedTuple):
    """One look: ``requests`` and ``errors`` of this stage so far; ``verdict`` of the judge, "" while there is none."""

    elapsed: float
    stage: str
    requests: int
    errors: int
    evidence: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Release:
    """How a release went: ``verdict`` is promoted, rolled back, or "" (a stage was not decided in its time, and was rolled back as well)."""

    verdict: str
    steps: tuple[Step, ...]
    judge: Judge
    stages: tuple[str, ...]

    @property
    def promoted(self) -> bool:
        return self.verdict == PROMOTED

    @property
    def requests(self) -> int:
        """Requests that were sent to the new version."""
        return sum(step.requests for step in self._last())

    @property
    def errors(self) -> int:
        """Errors among them: what the canary has cost."""
        return sum(step.errors for step in self._last())

    def _last(self) -> list[Step]:
        """The last look of each stage."""
        return list({step.stage: step for step in self.steps}.values())

    def plot(self, ax: Any = None) -> Any:
        """The evidence over time, between the bounds."""
        return looking.canary(self, ax)

    def __repr__(self) -> str:
        last = self.steps[-1]
        told = self.verdict or "rolled back without a verdict"
        return f"{told} at stage {last.stage!r}, {last.elapsed:.1f} s: {self.errors} errors in {self.requests} requests"


def release(
    cluster: Cluster,
    stages: Sequence[tuple[str, Callable[[Cluster], Any]]],
    back: Callable[[Cluster], Any],
    ask: Callable[[Cluster, int], int],
    *,
    judge: Judge | None = None,
    requests: int = 20,
    every: str | float = "5s",
    limit: str | float = "10m",
) -> Release:
    """Lead a new version through stages: ``(name, move)``, where ``move(cluster)`` brings the cluster there.

    ``ask(cluster, requests)`` sends requests to the new version and returns how many of them failed; it is asked each ``every``, for at most
    ``limit`` of virtual time per stage. ``back(cluster)`` is called as soon as the judge says so, or where it has not decided within the limit.
    """
    if not stages or len(dict(stages)) != len(stages):
        raise ValueError("stages: give at least one, each with a name of its own")
    if requests < 1:
        raise ValueError(f"requests={requests!r}: give at least one per look")
    judge = (judge or Judge()).shared(len(stages))
    pace, patience = parse_duration(every) / SECOND, parse_duration(limit) / SECOND
    if pace <= 0 or patience < pace:
        raise ValueError(f"every={every!r}, limit={limit!r}: give durations, with at least one look before the limit")
    names, steps = tuple(name for name, _ in stages), []
    for name, move in stages:
        move(cluster)
        begun, sent, failed = cluster.elapsed, 0, 0
        while True:
            sent, failed = sent + requests, failed + ask(cluster, requests)
            steps.append(Step(cluster.elapsed, name, sent, failed, judge.evidence(sent, failed), judge.verdict(sent, failed)))
            if steps[-1].verdict or cluster.elapsed - begun + pace > patience:
                break
            cluster.run(pace)
        if steps[-1].verdict != PROMOTE:
            back(cluster)
            return Release(ROLLED_BACK if steps[-1].verdict else UNDECIDED, tuple(steps), judge, names)
    return Release(PROMOTED, tuple(steps), judge, names)


def ask(cluster: Cluster, url: str, requests: int, *, client: str = "pod/client", namespace: str = "default") -> int:
    """Send requests from within a pod that has ``curl``; returns how many were not answered with a success."""
    loop = f"i=0; while [ $i -lt {requests} ]; do curl -sf -o /dev/null {url} || echo failed; i=$((i+1)); done"
    return cluster.exec(client, ["sh", "-c", loop], namespace=namespace).count("failed")
