"""``c.frames``: what happened in a cluster, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kubelab.cluster import node_metrics, references
from kubelab.cluster import scheduling as schedulers
from kubelab.cluster.autoscaler.pools import INSTANCES
from kubelab.cluster.references import Reference
from kubelab.frames import (
    audit,
    breakdown,
    calls,
    changes,
    costs,
    events,
    images,
    nodes,
    occupancy,
    ownership,
    pods,
    quorum,
    rollouts,
    scheduling,
    stats,
    summary,
    usage,
)
from kubelab.frames.lives import lives, of_workload
from kubelab.kubelet.stats.cgroups import Machine
from kubelab.scheduler.profile import WEIGHTS
from kubelab.store.store import Store
from kubelab.world.turns import taking_turns

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

WORKLOADS = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "replicasets.apps",
    "replicationcontrollers",
    "jobs.batch",
    "cronjobs.batch",
)


@taking_turns
class Frames:
    """DataFrames of everything that happened so far. Columns are typed (string, category, datetime64[ns, UTC], float64, Int64), times in UTC,
    lengths in seconds; ``elapsed`` counts seconds from the cluster's start (what happened while it was put together has a negative one). The
    rows stand in the order in which things happened. Each method's docstring names its columns."""

    def __init__(self, cluster: Cluster) -> None:
        self._engine = cluster._engine
        self._turn = cluster._turn
        self._store = cluster._engine.store
        self._log = self._store.log
        self._start_ns = cluster._world.start_ns
        self._now_ns = cluster._engine.now_ns
        self._auditing = cluster._world.auditing

    def __repr__(self) -> str:
        names = ", ".join(f"{name}()" for name in dir(self) if not name.startswith("_"))
        return f"frames of {len(self._log.commits)} revisions and {len(self._log.calls) + len(self._log.informers)} calls: {names}"

    def pods(self) -> pd.DataFrame:
        return pods.pods(lives(self._log), self._start_ns)

    def transitions(self) -> pd.DataFrame:
        return pods.transitions(lives(self._log), self._start_ns, self._now_ns)

    def calls(self) -> pd.DataFrame:
        return calls.calls(self._log, self._start_ns)

    def watches(self) -> pd.DataFrame:
        return calls.watches(self._log, self._start_ns)

    def audit(self) -> pd.DataFrame:
        return audit.audit(self._auditing, self._start_ns)

    def revisions(self) -> pd.DataFrame:
        return calls.revisions(self._log, self._start_ns)

    def events(self) -> pd.DataFrame:
        return events.events(self._log, self._start_ns)

    def nodes(self) -> pd.DataFrame:
        return nodes.nodes(self._log, lives(self._log))

    def rollouts(self, reference: str | None = None, *, namespace: str = "default") -> pd.DataFrame:
        workload, where = self._workload(reference, namespace)
        return rollouts.rollouts(of_workload(lives(self._log), workload, where), self._start_ns)

    def bounds(self, reference: str | None = None, *, namespace: str = "default") -> pd.DataFrame:
        frame = rollouts.bounds(self._log, self._start_ns)
        workload, where = self._workload(reference, namespace)
        return frame if workload is None else _rows(frame, workload, where)

    def breakdown(self, reference: str | None = None, *, namespace: str = "default", since: float = 0) -> pd.DataFrame:
        workload, where = self._workload(reference, namespace)
        first_ns = self._start_ns + round(since * 1e9)
        found = [life for life in of_workload(lives(self._log), workload, where) if life.created_ns >= first_ns]
        return breakdown.breakdown(self._log, found)

    def quorum(self, reference: str, *, namespace: str = "default") -> pd.DataFrame:
        workload, where = self._workload(reference, namespace)
        counts = rollouts.rollouts(of_workload(lives(self._log), workload, where), self._start_ns)
        return quorum.quorum(counts, _rows(rollouts.bounds(self._log, self._start_ns), workload, where), str(workload))

    def owners(self) -> pd.DataFrame:
        return ownership.owners(self._log)

    def changes(self, reference: str, *, namespace: str = "default") -> pd.DataFrame:
        found = known(self._store, reference, namespace)
        return changes.changes(self._log, (found.kind.resource, found.namespace, found.name), self._start_ns)

    def scheduling(self, reference: str, *, namespace: str = "default") -> pd.DataFrame:
        found = known(self._store, reference, namespace)
        pod = self._store.head.get(found.kind.resource, found.namespace, found.name)
        if found.kind.kind != "Pod" or pod is None:
            raise ValueError(f"{found}: give a pod that is there, pending or bound")
        setup = schedulers.setup(self._engine)
        profile = setup.profile_of(pod)
        if profile is None:
            raise ValueError(f"{found}: no scheduler is called {pod['spec']['schedulerName']!r}: there is {', '.join(setup.profiles)}")
        weights = {name: profile.weight(name) for name in WEIGHTS}
        return scheduling.scheduling(schedulers.verdicts(self._engine, pod), weights)

    def occupancy(self, *, since: float = 0, every: float | None = None) -> pd.DataFrame:
        grid = occupancy.grid(self._start_ns, self._now_ns, since, every)
        return occupancy.occupancy(self._log, self._start_ns, grid)

    def costs(self) -> pd.DataFrame:
        return costs.costs(self._engine.machines[""].get(INSTANCES, {}), self._start_ns, self._now_ns)

    def stats(self) -> pd.DataFrame:
        return stats.stats(self._machines(), self._now_ns, self._start_ns)

    def summary(self) -> pd.DataFrame:
        return summary.summary(self._machines(), self._now_ns)

    def usage(self, reference: str | None = None, *, namespace: str = "default", since: float = 0, every: float = 5) -> pd.DataFrame:
        uids = None if reference is None else self._uids(reference, namespace)
        return usage.usage(self._machines(), self._instants(since, every), self._start_ns, uids)

    def node_usage(self, *, since: float = 0, every: float = 15) -> pd.DataFrame:
        return usage.node_usage(self._machines(), self._instants(since, every), self._start_ns)

    def image_filesystem(self) -> pd.DataFrame:
        now = {machine.name: usage.image_bytes(machine, self._now_ns) for machine in self._machines()}
        return images.image_filesystem(self._log, now, self._start_ns, self._now_ns)

    def _machines(self) -> list[Machine]:
        """The nodes that are there, in their order."""
        there = self._store.head.all("nodes")
        return [node_metrics.machine_of(self._engine, name) for name in self._engine.machines if ("", name) in there]

    def _instants(self, since: float, every: float) -> list[int]:
        if not 0 < every < float("inf"):
            raise ValueError(f"every={every!r}: give seconds, more than 0")
        if not abs(since) < float("inf"):
            raise ValueError(f"since={since!r}: give seconds since the cluster's start")
        return usage.grid(self._now_ns, self._start_ns + round(since * 1e9), max(1, round(every * 1e9)))

    def _uids(self, reference: str, namespace: str) -> frozenset[str]:
        """The pods that a reference means: one, or all of a workload."""
        found = known(self._store, reference, namespace)
        if found.kind.kind == "Pod":
            return frozenset(life.uid for life in lives(self._log) if (life.namespace, life.name) == (found.namespace, found.name))
        workload, where = self._workload(reference, namespace)
        return frozenset(life.uid for life in of_workload(lives(self._log), workload, where))

    def _workload(self, reference: str | None, namespace: str) -> tuple[str | None, str | None]:
        """A reference as the frames name it, and its namespace; without one, all."""
        if reference is None:
            return None, None
        found = known(self._store, reference, namespace)
        if found.kind.resource not in WORKLOADS:
            raise ValueError(f"{found} has no pods of its own: give one of {', '.join(name.partition('.')[0] for name in WORKLOADS)}")
        return str(found), found.namespace


for _name, _made in (
    ("pods", pods.pods),
    ("transitions", pods.transitions),
    ("calls", calls.calls),
    ("watches", calls.watches),
    ("audit", audit.audit),
    ("revisions", calls.revisions),
    ("events", events.events),
    ("nodes", nodes.nodes),
    ("rollouts", rollouts.rollouts),
    ("bounds", rollouts.bounds),
    ("breakdown", breakdown.breakdown),
    ("quorum", quorum.quorum),
    ("occupancy", occupancy.occupancy),
    ("owners", ownership.owners),
    ("changes", changes.changes),
    ("scheduling", scheduling.scheduling),
    ("costs", costs.costs),
    ("stats", stats.stats),
    ("summary", summary.summary),
    ("usage", usage.usage),
    ("node_usage", usage.node_usage),
    ("image_filesystem", images.image_filesystem),
):
    getattr(Frames, _name).__doc__ = _made.__doc__


def known(store: Store, reference: str, namespace: str) -> Reference:
    """What is there or was once; where only others of its kind were, the name is mistyped (where there were none, it may still come)."""
    found = references.parse(reference, namespace=namespace)
    key = (found.kind.resource, found.namespace, found.name)
    if store.head.get(*key) is not None or any(commit.key == key for commit in store.log.commits):
        return found
    there = sorted({str(found._replace(name=commit.key[2])) for commit in store.log.commits if commit.key[:2] == key[:2]})
    if not there:
        return found
    where = f" in namespace {found.namespace}" if found.namespace else ""
    raise ValueError(f"there never was a {found}{where}: there is {', '.join(there[:8])}")


def _rows(frame: pd.DataFrame, workload: str | None, namespace: str | None) -> pd.DataFrame:
    return frame[(frame["workload"] == workload) & (frame["namespace"] == namespace)].reset_index(drop=True)
