"""``c.plot``: what happened in a cluster, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from kubelab.cluster import references
from kubelab.frames import Frames
from kubelab.frames.accessor import known
from kubelab.plot import (
    breakdown,
    by_node,
    calls,
    image_filesystem,
    ownership,
    placement,
    quorum,
    rollout,
    saturation,
    scheduling,
    throttling,
    timeline,
    usage,
)
from kubelab.world.turns import taking_turns

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster


@taking_turns
class Plot:
    """Pictures of what happened so far. Each returns a matplotlib Axes, draws into ``ax=`` if given, and says in its title what it found.
    ``since`` leaves out what ended before so many seconds after the start."""

    def __init__(self, cluster: Cluster) -> None:
        self._frames = Frames(cluster)
        self._turn = cluster._turn
        self._store = cluster._engine.store
        self._elapsed = cluster.elapsed

    def __repr__(self) -> str:
        names = [name for name in dir(self) if not name.startswith("_")]
        return f"plots: {', '.join(f'{name}()' for name in names)}"

    def timeline(self, reference: str | None = None, *, namespace: str | None = None, since: float = 0, ax: Axes | None = None) -> Axes:
        """Pods (one, those of one workload, of one namespace, or all) as a Gantt chart by phase."""
        frame = self._frames.transitions()
        if reference is not None:
            found = known(self._store, reference, namespace or "default")
            column, wanted = ("name", found.name) if found.kind.kind == "Pod" else ("workload", str(found))
            frame = frame[(frame[column] == wanted) & (frame["namespace"] == found.namespace)]
        elif namespace is not None:
            frame = frame[frame["namespace"] == namespace]
        alive = frame.groupby("uid")["to_seconds"].transform("max") > since
        return timeline.draw(timeline.tidy(frame[alive]), ax, since=since)

    def rollout(self, reference: str, *, namespace: str = "default", since: float = 0, ax: Axes | None = None) -> Axes:
        """Ready pods per revision over time, between the promised bounds (dashed)."""
        found = references.parse(reference, namespace=namespace)
        counts = self._frames.rollouts(reference, namespace=namespace)
        bounds = self._frames.bounds(reference, namespace=namespace)
        picture = rollout.tidy(str(found), counts, bounds, self._elapsed)
        return rollout.draw(rollout.cut(picture, since), ax)

    def by_node(self, reference: str, *, namespace: str = "default", since: float = 0, ax: Axes | None = None) -> Axes:
        """A row per node: which revision its pod of a workload had, and when it had none that was ready."""
        found = known(self._store, reference, namespace)
        frames = [self._frames.transitions(), self._frames.pods()]
        mine = [each[(each["workload"] == str(found)) & (each["namespace"] == found.namespace)] for each in frames]
        return by_node.draw(by_node.tidy(str(found), *mine, self._elapsed, since), ax)

    def placement(self, *, ax: Axes | None = None) -> Axes:
        """Pods on their nodes, now."""
        return placement.draw(*placement.tidy(self._frames.pods(), self._frames.nodes()), ax)

    def ownership(self, reference: str | None = None, *, namespace: str = "default", ax: Axes | None = None) -> Axes:
        """Who owns whom, now: under one object, or all."""
        owners = self._frames.owners()
        if reference is None:
            return ownership.draw(ownership.tidy(owners), owners, ax)
        found = known(self._store, reference, namespace)
        return ownership.draw(ownership.tidy(owners, found.name, found.kind.kind, found.namespace), owners, ax)

    def calls(self, *, since: float = 0, ax: Axes | None = None) -> Axes:
        """Calls to the API server over time by component, and where a client limit held them back. Watches, which are open for minutes, stand
        apart (``frames.watches()``)."""
        frame = self._frames.calls()
        frame = frame[frame["verb"] != "watch"]
        return calls.draw(calls.tidy(frame, self._elapsed, since=since), ax)

    def breakdown(self, reference: str | None = None, *, namespace: str = "default", since: float = 0, ax: Axes | None = None) -> Axes:
        """Where each second from the command to Ready went, per pod (created after ``since``)."""
        frame = self._frames.breakdown(reference, namespace=namespace, since=since)
        return breakdown.draw(breakdown.tidy(frame), ax)

    def quorum(self, reference: str, *, namespace: str = "default", since: float = 0, ax: Axes | None = None) -> Axes:
        """Ready members over time against the majority."""
        found = references.parse(reference, namespace=namespace)
        steps = quorum.tidy(self._frames.quorum(reference, namespace=namespace), self._elapsed)
        return quorum.draw(str(found), quorum.cut(steps, since), ax)

    def usage(
        self,
        reference: str | None = None,
        *,
        resource: str = "cpu",
        namespace: str = "default",
        since: float = 0,
        every: float = 2,
        ax: Axes | None = None,
    ) -> Axes:
        """CPU or memory of a pod's or workload's containers against requests and limits; memory up to the OOM kill. Ten minutes back at most."""
        frame = self._frames.usage(reference, namespace=namespace, since=since, every=every)
        return usage.draw(usage.tidy(reference or "all containers", frame, resource), ax)

    def throttling(
        self, reference: str | None = None, *, namespace: str = "default", since: float = 0, every: float = 5, ax: Axes | None = None
    ) -> Axes:
        """Where CPU quotas hold containers back, beside how much of their limit they use. Ten minutes back at most."""
        frame = self._frames.usage(reference, namespace=namespace, since=since, every=every)
        return throttling.draw(throttling.tidy(reference or "all containers", frame), ax)

    def image_filesystem(self, node: str | None = None, *, ax: Axes | None = None) -> Axes:
        """What images take on one node, or all, against the thresholds of garbage collection."""
        return image_filesystem.draw(image_filesystem.tidy(self._frames.image_filesystem(), node), ax)

    def scheduling(self, reference: str, *, namespace: str = "default", ax: Axes | None = None) -> Axes:
        """What each plug-in says of each node for a pod: filters that refuse, scores with their weights, totals; as a heat map."""
        frame = self._frames.scheduling(reference, namespace=namespace)
        return scheduling.draw(scheduling.tidy(frame, str(references.parse(reference, namespace=namespace))), ax)

    def saturation(self, *, resource: str = "cpu", since: float = 0, every: float = 15, ax: Axes | None = None) -> Axes:
        """How full each node is over time (``resource``: cpu, memory, filesystem), as a heat map. Ten minutes back at most."""
        shares = saturation.tidy(self._frames.node_usage(since=since, every=every), resource)
        return saturation.draw(shares, resource, ax)
