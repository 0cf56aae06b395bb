"""A profile: which plug-ins a scheduler name has, with which arguments and weights. ``DEFAULT`` is that of a cluster without configuration.

A profile is made of a configuration, which is data, and thrown away with what is derived; nothing of it stands in the world.

upstream: pkg/scheduler/{profile,framework/runtime}, pkg/scheduler/apis/config/v1/default_plugins.go, 1.28.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.configuration.points import expand, weights
from kubelab.scheduler.facts import Entry
from kubelab.scheduler.framework import SCHEDULER_NAME, Status
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins import (
    image_locality,
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    node_unschedulable,
    node_volume_limits,
    pod_topology_spread,
    scheduling_gates,
    scoring_strategies,
    taint_toleration,
    volume_binding,
    volume_restrictions,
    volume_zone,
)
from kubelab.world.clock import SECOND

Object = dict[str, Any]
Ask = Callable[[Entry, NodeInfo], Status | None]


class Own(NamedTuple):
    """A filter that the node alone decides."""

    name: str
    filter: Ask


class Wide(NamedTuple):
    """A filter that looks beyond the node, or stands behind one that does: a state (or a refusal, or a skip) first, then each node."""

    name: str
    pre_filter: Callable[[Entry, Cluster], Any]
    filter: Callable[[Any, NodeInfo], Status | None]


OWN = tuple(
    Own(plugin.NAME, plugin.filter)
    for plugin in (node_unschedulable, node_name, taint_toleration, node_affinity, node_ports, node_resources_fit)
)
LIMITS = tuple(Wide(*each) for each in node_volume_limits.FILTERS)
WIDE = (
    Wide(volume_restrictions.NAME, volume_restrictions.pre_filter, volume_restrictions.filter),
    *(each for each in LIMITS if each.name != node_volume_limits.CINDER),
    *(
        Wide(plugin.NAME, plugin.pre_filter, plugin.filter)
        for plugin in (volume_binding, volume_zone, pod_topology_spread, inter_pod_affinity)
    ),
)
WEIGHTS = {
    plugin.NAME: plugin.WEIGHT
    for plugin in (
        taint_toleration,
        node_affinity,
        node_resources_fit,
        pod_topology_spread,
        inter_pod_affinity,
        node_resources_balanced_allocation,
        image_locality,
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """``own`` filters come before ``wide`` ones. ``confines``: NodeAffinity may name the only nodes to look at.

    ``added``: terms that NodeAffinity prefers besides the pod's. ``candidates``: least share (in percent) and number of nodes that a search
    for victims tries; None: no preemption. ``percentage`` of nodes to score; 0: by the number of nodes. ``first``: failures are told in the words of 1.7.
    """

    name: str = SCHEDULER_NAME
    is_default: bool = True
    own: tuple[Own, ...] = OWN
    wide: tuple[Wide, ...] = WIDE
    confines: bool = True
    has_gates: bool = True
    weights: dict[str, int] | None = None
    fit: scoring_strategies.Score = node_resources_fit.score
    balance: scoring_strategies.Score = node_resources_balanced_allocation.score
    added: tuple[tuple[int, Object], ...] = ()
    hard_affinity_weight: int = inter_pod_affinity.HARD_WEIGHT
    ignores_preferences: bool = False
    spread: pod_topology_spread.Defaults = pod_topology_spread.SYSTEM_DEFAULTS
    candidates: tuple[int, int] | None = (10, 100)
    percentage: int = 0
    bind_timeout_ns: int = 600 * SECOND
    first: bool = False

    def weight(self, plugin: str) -> int:
        """How much a plug-in's score weighs; 0 if the profile does not have it."""
        return (WEIGHTS if self.weights is None else self.weights).get(plugin, 0)


DEFAULT = Profile()


def profiles_of(configuration: Object | None) -> dict[str, Profile]:
    """The profiles of a complete configuration by scheduler name."""
    if configuration is None:
        return {SCHEDULER_NAME: DEFAULT}
    return dict(_parsed(json.dumps([configuration["profiles"], configuration["percentageOfNodesToScore"]], sort_keys=True)))


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[tuple[str, Profile], ...]:
    given, percentage = json.loads(text)
    return tuple((each["schedulerName"], _profile(each, percentage)) for each in given)


def _profile(given: Object, percentage: int) -> Profile:
    points = expand(given)
    args = {each["name"]: each["args"] for each in given["pluginConfig"]}
    added = (args.get("NodeAffinity") or {}).get("addedAffinity") or {}
    preferred = added.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    near, preemption = args.get("InterPodAffinity") or {}, args.get("DefaultPreemption") or {}
    spread = _spread(args.get("PodTopologySpread") or {})
    own, wide = _filters(points["filter"], args, added, spread)
    return Profile(
        name=given["schedulerName"],
        is_default=False,
        own=own,
        wide=wide,
        confines=node_affinity.NAME in points["preFilter"],
        has_gates=scheduling_gates.NAME in points["preEnqueue"],
        weights=weights(given, points["score"]),
        fit=scoring_strategies.strategy(args["NodeResourcesFit"]["scoringStrategy"])
        if "NodeResourcesFit" in args
        else node_resources_fit.score,
        balance=scoring_strategies.balance((args.get(node_resources_balanced_allocation.NAME) or {}).get("resources") or ()),
        added=tuple((each["weight"], each.get("preference") or {}) for each in preferred if each.get("weight")),
        hard_affinity_weight=near.get("hardPodAffinityWeight", inter_pod_affinity.HARD_WEIGHT),
        ignores_preferences=near.get("ignorePreferredTermsOfExistingPods", False),
        spread=spread,
        candidates=(preemption.get("minCandidateNodesPercentage", 10), preemption.get("minCandidateNodesAbsolute", 100))
        if points["postFilter"]
        else None,
        percentage=percentage if given.get("percentageOfNodesToScore") is None else given["percentageOfNodesToScore"],
        bind_timeout_ns=(args.get("VolumeBinding") or {}).get("bindTimeoutSeconds", 600) * SECOND,
    )


def _spread(args: Object) -> pod_topology_spread.Defaults:
    if args.get("defaultingType", "System") == "System":
        return pod_topology_spread.SYSTEM_DEFAULTS
    return pod_topology_spread.defaults_of(args.get("defaultConstraints") or ())


def _filters(
    names: list[str], args: Object, added: Object, spread: pod_topology_spread.Defaults
) -> tuple[tuple[Own, ...], tuple[Wide, ...]]:
    """The filters in their order: those that the node alone decides, up to the first that does not; and the others."""
    alone = {each.name: each for each in OWN}
    required = added.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None:
        terms = required.get("nodeSelectorTerms") or []
        alone[node_affinity.NAME] = Own(node_affinity.NAME, partial(node_affinity.filter_added, terms))
    fit = args.get("NodeResourcesFit") or {}
    ignored, groups = tuple(fit.get("ignoredResources") or ()), tuple(fit.get("ignoredResourceGroups") or ())
    if ignored or groups:
        alone[node_resources_fit.NAME] = Own(node_resources_fit.NAME, partial(node_resources_fit.filter_ignoring, ignored, groups))
    beyond = {each.name: each for each in (*WIDE, *LIMITS)}
    if spread.hard:
        ask = partial(pod_topology_spread.pre_filter, defaults=spread)
        beyond[pod_topology_spread.NAME] = beyond[pod_topology_spread.NAME]._replace(pre_filter=ask)
    known = [name for name in names if name in alone or name in beyond]
    first = next((index for index, name in enumerate(known) if name in beyond), len(known))
    later = [beyond[name] if name in beyond else Wide(name, _pod_alone, alone[name].filter) for name in known[first:]]
    return tuple(alone[name] for name in known[:first]), tuple(later)


def _pod_alone(pod: Entry, cluster: Cluster) -> Entry:
    """The state of a filter that the node alone decides."""
    return pod
