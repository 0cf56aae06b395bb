"""A picture of the cluster in which pods are tried on nodes, present and possible ones, with the scheduler's filters.

upstream: cluster-autoscaler/simulator/{clustersnapshot,predicatechecker}, cluster-autoscaler/utils/daemonset/daemonset.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kubelab.controllers.daemonset.eligibility import daemon_tolerations
from kubelab.controllers.daemonset.eligibility import fits as daemon_fits
from kubelab.scheduler import cycle
from kubelab.scheduler.cluster import Cluster, build
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import Status
from kubelab.scheduler.profile import DEFAULT
from kubelab.store.view import View

Object = dict[str, Any]


class Snapshot:
    """Changed by its own methods only; lives as long as one decision."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.cluster: Cluster = build(view, {})
        self._daemons = 0

    def entry(self, pod: Object) -> Entry:
        """A pod as it asks for a node, wherever it is now."""
        return self.cluster.entry_of(pod)._replace(node_name="")

    def add_node(self, node: Object) -> None:
        """A node that could be there, with the pods that DaemonSets would put on it."""
        self.cluster.set_node(node)
        self.cluster.refresh()
        for daemon_set in self.view.list("daemonsets.apps"):
            spec = daemon_set["spec"]["template"]["spec"]
            if daemon_fits(spec, daemon_tolerations(spec), node).run:
                self._daemons += 1
                name = f"daemon-{self._daemons}"
                meta = {"namespace": daemon_set["metadata"]["namespace"], "name": name, "uid": name}
                labels = daemon_set["spec"]["template"].get("metadata", {}).get("labels") or {}
                self.place(self.entry({"metadata": {**meta, "labels": labels}, "spec": spec}), node["metadata"]["name"])

    def remove_nodes(self, names: Iterable[str]) -> None:
        """Nodes, with what was tried on them."""
        for name in names:
            info = self.cluster.nodes.get(name)
            for uid in list(info.pods) if info is not None else ():
                self.cluster.remove(uid)
            self.cluster.remove_node(name)
        self.cluster.refresh()

    def place(self, entry: Entry, node: str) -> None:
        self.cluster.place(entry, node)

    def take(self, uid: str) -> None:
        self.cluster.remove(uid)

    def refusal(self, entry: Entry, node: str) -> Status | None:
        """Why a pod does not fit on a node; None if it does."""
        return self._asked(entry)(node)

    def first_fit(self, entry: Entry, nodes: Iterable[str]) -> str | None:
        """The first of some nodes on which a pod fits."""
        ask = self._asked(entry)
        return next((name for name in nodes if ask(name) is None), None)

    def _asked(self, entry: Entry) -> Callable[[str], Status | None]:
        """The filters for a pod, prepared once for all nodes."""
        cluster = self.cluster
        cluster.refresh()
        prepared = cycle.prepare(cluster, entry, DEFAULT)

        def ask(node: str) -> Status | None:
            info = cluster.nodes[node]
            status = cycle.check_alone(entry, info) or prepared.refusal
            return status or next(filter(None, (ask_one(state, info) for ask_one, state in prepared.rows)), None)

        return ask
