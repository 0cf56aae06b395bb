"""What each node answers to one kind of pod, as far as the node alone decides: kept per signature, renewed only where a node changed.

The answers are those of the plug-ins' own functions; a table only remembers them. Replicas share a signature, so a burst asks each node once
and then one node per pod.
"""

from __future__ import annotations

from typing import Any

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import Status
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins import (
    image_locality,
    node_affinity,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    node_unschedulable,
    taint_toleration,
)
from kubelab.scheduler.profile import DEFAULT, Profile

TABLES = 256  # kinds of pods of which a table is kept: those asked for last


class Table:
    """Columns over ``Cluster.order``: ``status`` (None: passes the node's own filters), ``score`` (Fit + Balanced + ImageLocality, weighted),
    ``taints`` and ``preference`` (raw scores, to be normalised over the feasible nodes). ``failing``: how many statuses are refusals;
    ``tainted``: how many nodes have unwelcome taints.
    ``refusal``: the last decision that no node fits, with what it depends on.
    """

    __slots__ = (
        "_pod",
        "epoch",
        "failing",
        "fixed",
        "image",
        "preference",
        "refusal",
        "resources",
        "score",
        "seen",
        "spread",
        "status",
        "tainted",
        "taints",
    )

    def __init__(self, pod: Entry) -> None:
        self._pod = pod._replace(node_name="")
        self.epoch = -1
        self.seen = 0
        self.failing = 0
        self.tainted = 0
        self.refusal: tuple[Any, Any] | None = None
        self.spread: tuple[int, ...] = ()
        self.fixed: list[Status | None] = []
        self.status: list[Status | None] = []
        self.resources: list[int] = []
        self.image: list[int] = []
        self.score: list[int] = []
        self.taints: list[int] = []
        self.preference: list[int] = []

    def renew(self, cluster: Cluster) -> None:
        """Ask again where something has changed."""
        if self.epoch != cluster.epoch:
            self._fill(cluster)
        elif self.seen != len(cluster.log):
            for mark in dict.fromkeys(cluster.log[self.seen :]):
                if mark < 0:
                    self._ask_node(~mark, cluster.order[~mark], cluster)
                else:
                    self._ask_pods(mark, cluster.order[mark])
        self.seen = len(cluster.log)
        spread = self._image_spread(cluster)
        if spread != self.spread:
            self._ask_images(cluster)
            self.spread = spread

    def _fill(self, cluster: Cluster) -> None:
        size = len(cluster.order)
        self.epoch = cluster.epoch
        self.failing = self.tainted = 0
        self.fixed = [None] * size
        self.status = [None] * size
        self.resources = [0] * size
        self.image = [0] * size
        self.score = [0] * size
        self.taints = [0] * size
        self.preference = [0] * size
        for index, node in enumerate(cluster.order):
            self._ask_node(index, node, cluster)
        self.spread = self._image_spread(cluster)

    def _ask_node(self, index: int, node: NodeInfo, cluster: Cluster) -> None:
        pod = self._pod
        self.fixed[index] = node_unschedulable.filter(pod, node) or taint_toleration.filter(pod, node) or node_affinity.filter(pod, node)
        unwelcome = taint_toleration.score(pod, node)
        self.tainted += (unwelcome > 0) - (self.taints[index] > 0)
        self.taints[index] = unwelcome
        if self.fixed[index] is None:  # what refuses has no score
            self.preference[index] = node_affinity.score(pod, node)
            self.image[index] = image_locality.WEIGHT * image_locality.score(pod, node, cluster.image_spread, len(cluster.order))
        self._ask_pods(index, node)

    def _ask_pods(self, index: int, node: NodeInfo) -> None:
        pod = self._pod
        status = self.fixed[index] or node_ports.filter(pod, node) or node_resources_fit.filter(pod, node)
        self.failing += (status is not None) - (self.status[index] is not None)
        self.status[index] = status
        if status is not None:
            self.resources[index] = self.score[index] = 0
            return
        self.resources[index] = node_resources_fit.WEIGHT * node_resources_fit.score(
            pod, node
        ) + node_resources_balanced_allocation.WEIGHT * node_resources_balanced_allocation.score(pod, node)
        self.score[index] = self.resources[index] + self.image[index]

    def _image_spread(self, cluster: Cluster) -> tuple[int, ...]:
        spread = cluster.image_spread
        return tuple([spread.get(image, 0) for image in self._pod.facts.images])

    def _ask_images(self, cluster: Cluster) -> None:
        self.image = [image_locality.WEIGHT * each for each in image_locality.scores(self._pod, cluster.order, cluster.image_spread)]
        pairs = zip(self.status, self.resources, self.image, strict=True)
        self.score = [one + other if status is None else 0 for status, one, other in pairs]


class ProfiledTable(Table):
    """The same by the filters, weights and arguments of a profile that is not the default one."""

    __slots__ = ("_profile",)

    def __init__(self, pod: Entry, profile: Profile) -> None:
        super().__init__(pod)
        self._profile = profile

    def _ask_node(self, index: int, node: NodeInfo, cluster: Cluster) -> None:
        pod, profile = self._pod, self._profile
        unwelcome = taint_toleration.score(pod, node) if profile.weight(taint_toleration.NAME) else 0
        self.tainted += (unwelcome > 0) - (self.taints[index] > 0)
        self.taints[index] = unwelcome
        self.preference[index] = node_affinity.score(pod, node, profile.added)
        images = image_locality.score(pod, node, cluster.image_spread, len(cluster.order))
        self.image[index] = profile.weight(image_locality.NAME) * images
        self._ask_pods(index, node)

    def _ask_pods(self, index: int, node: NodeInfo) -> None:
        pod, profile = self._pod, self._profile
        status = next(filter(None, (ask(pod, node) for _, ask in profile.own)), None)
        self.failing += (status is not None) - (self.status[index] is not None)
        self.status[index] = status
        fit, balance = profile.weight(node_resources_fit.NAME), profile.weight(node_resources_balanced_allocation.NAME)
        self.resources[index] = (fit and fit * profile.fit(pod, node)) + (balance and balance * profile.balance(pod, node))
        self.score[index] = self.resources[index] + self.image[index]

    def _ask_images(self, cluster: Cluster) -> None:
        weight = self._profile.weight(image_locality.NAME)
        self.image = [weight * each for each in image_locality.scores(self._pod, cluster.order, cluster.image_spread)]
        self.score = [one + other for one, other in zip(self.resources, self.image, strict=True)]


def table_for(cluster: Cluster, pod: Entry, profile: Profile = DEFAULT) -> Table:
    """The up-to-date table of the pod's signature."""
    cluster.refresh()
    signature = pod.facts.signature if profile.is_default else f"{profile.name} {pod.facts.signature}"
    tables = cluster.tables
    found = tables.pop(signature, None)
    if found is None:
        if len(tables) >= TABLES:
            del tables[next(iter(tables))]
        found = Table(pod) if profile.is_default else ProfiledTable(pod, profile)
    tables[signature] = found
    found.renew(cluster)
    return found
