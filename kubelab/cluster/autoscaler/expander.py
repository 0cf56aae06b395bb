"""Expanders: of several pools that could help, which is to grow. Each leaves its best options; of what is left at the end one is drawn.

upstream: cluster-autoscaler/expander/{random,waste,mostpods,leastnodes,price,priority}, factory/chain.go, 1.28.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from kubelab.cluster.autoscaler.pools import NodePool
from kubelab.kinds import quantity

Object = dict[str, Any]

CONFIG_MAP, CONFIG_KEY = "cluster-autoscaler-priority-expander", "priorities"
# The price of a perfectly matching machine for a pod, per core and GiB (upstream: cloudprovider/gce/gce_price_info.go).
CORE_PRICE, GIBIBYTE_PRICE = 0.033174, 0.004446
_GIBIBYTE = 1024**3
STABILIZATION = 0.5 * CORE_PRICE + 500 / 1024 * GIBIBYTE_PRICE


class Option(NamedTuple):
    """``nodes`` more of a pool would take these pods."""

    pool: NodePool
    nodes: int
    pods: tuple[Object, ...]


class Situation(NamedTuple):
    """What expanders look at besides: template nodes by pool, how many nodes there are, the priorities' text (None: no ConfigMap)."""

    templates: Mapping[str, Object]
    cluster_size: int
    priorities: str | None = None


class Choice(NamedTuple):
    """``warnings``: (reason, message) of events on the ConfigMap of priorities."""

    option: Option | None
    warnings: tuple[tuple[str, str], ...] = ()


def choose(options: Sequence[Option], expander: str, situation: Situation, draw: int) -> Choice:
    """The best option by a chain of expanders. ``draw``: 64 random bits."""
    left, warnings = list(options), list[tuple[str, str]]()
    for name in expander.split(","):
        if name == "priority":
            left, said = by_priority(left, situation.priorities)
            warnings += said
        elif name != "random":
            left = FILTERS[name](left, situation)
        if len(left) <= 1:
            break
    return Choice(left[(draw * len(left)) >> 64] if left else None, tuple(warnings))


def requests(pods: Sequence[Object]) -> tuple[int, int]:
    """(milli cpu, bytes) that the containers of pods ask for."""
    cpu = memory = 0
    for pod in pods:
        for container in pod["spec"]["containers"]:
            asked = (container.get("resources") or {}).get("requests") or {}
            cpu += quantity.milli(asked["cpu"]) if "cpu" in asked else 0
            memory += quantity.value(asked["memory"]) if "memory" in asked else 0
    return cpu, memory


def capacity(node: Object) -> tuple[int, int]:
    found = node["status"]["capacity"]
    return quantity.milli(found.get("cpu", "0")), quantity.value(found.get("memory", "0"))


def _least(options: list[Option], cost: Callable[[Option], float]) -> list[Option]:
    if not options:
        return []
    costs = [cost(each) for each in options]
    return [each for each, found in zip(options, costs, strict=True) if found == min(costs)]


def least_waste(options: list[Option], situation: Situation) -> list[Option]:
    """The least unused share of cpu and memory."""

    def waste(option: Option) -> float:
        cpu, memory = requests(option.pods)
        node_cpu, node_memory = capacity(situation.templates[option.pool.name])
        has_cpu, has_memory = node_cpu * option.nodes, node_memory * option.nodes
        return (has_cpu - cpu) / has_cpu + (has_memory - memory) / has_memory

    return _least(options, waste)


def most_pods(options: list[Option], situation: Situation) -> list[Option]:
    return _least(options, lambda option: -len(option.pods))


def least_nodes(options: list[Option], situation: Situation) -> list[Option]:
    return _least(options, lambda option: option.nodes)


def by_price(options: list[Option], situation: Situation) -> list[Option]:
    """How well the money is spent, and how well the machine suits the cluster's size."""

    def cost(option: Option) -> float:
        cpu, memory = requests(option.pods)
        worth = cpu / 1000 * CORE_PRICE + memory / _GIBIBYTE * GIBIBYTE_PRICE
        preferred, has = preferred_milli_cpu(situation.cluster_size), capacity(situation.templates[option.pool.name])[0]
        return price_score(option.pool.price, option.nodes, worth, STABILIZATION, preferred, has)

    return _least(options, cost)


def price_score(price: float, nodes: int, worth: float, stabilization: float, preferred: int, has: int) -> float:
    """``price`` of a node against the ``worth`` of the pods, times how unlike the node (``has`` milli cpu) is to the ``preferred`` one, which
    matters the less the more nodes it takes."""
    unfitness = max(preferred / has, has / preferred)
    return ((unfitness - 1.0) * (1.0 - math.tanh((nodes - 1) / 15.0)) + 1.0) * (price * nodes + stabilization) / (worth + stabilization)


def preferred_milli_cpu(nodes: int) -> int:
    """Machines of twice the size each time the cluster has grown threefold.

    >>> [preferred_milli_cpu(nodes) for nodes in (2, 6, 20, 60, 200, 201)]
    [1000, 2000, 4000, 8000, 16000, 32000]
    """
    return next((1000 << power for power, most in enumerate((2, 6, 20, 60, 200)) if nodes <= most), 32_000)


def by_priority(options: list[Option], text: str | None) -> tuple[list[Option], list[tuple[str, str]]]:
    """Pools of the highest number whose list of patterns their name matches; all, if there is no readable ConfigMap."""
    if text is None:
        return options, []
    try:
        priorities = parse_priorities(text)
    except ValueError as error:
        return options, [("PriorityConfigMapInvalid", f"Wrong configuration for priority expander: {error}. Ignoring update.")]
    warnings: list[tuple[str, str]] = []
    best: list[Option] = []
    highest = -1
    for option in options:
        name = option.pool.name
        found = [number for number, patterns in priorities.items() if any(pattern.search(name) for pattern in patterns)]
        if not found:
            words = f"Priority expander: node group {name} not found in priority expander configuration. The group won't be used."
            warnings.append(("PriorityConfigMapNotMatchedGroup", words))
        for number in found:
            if number > highest:
                highest, best = number, []
            if number == highest:
                best.append(option)
    if not best:
        words = "Priority expander: no priorities info found for any of the expansion options. No options filtered."
        return options, [*warnings, ("PriorityConfigMapNoGroupMatched", words)]
    return best, warnings


def parse_priorities(text: str) -> dict[int, list[re.Pattern[str]]]:
    """``{number: [pattern, …]}`` as YAML. ValueError in upstream's words."""
    if not text:
        raise ValueError(f"priority configuration in {CONFIG_MAP} configmap is empty; please provide valid configuration")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"Can't parse YAML with priorities in the configmap: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(number, int) and isinstance(rows, list) for number, rows in found.items()):
        raise ValueError("Can't parse YAML with priorities in the configmap: give lists of patterns by whole numbers")
    priorities: dict[int, list[re.Pattern[str]]] = {}
    for number, rows in found.items():
        for row in rows:
            try:
                priorities.setdefault(number, []).append(re.compile(str(row)))
            except re.error as error:
                raise ValueError(f"Can't compile regexp rule for priority {number} and rule {row}: {error}") from None
    return priorities


FILTERS: dict[str, Callable[[list[Option], Situation], list[Option]]] = {
    "least-waste": least_waste,
    "most-pods": most_pods,
    "least-nodes": least_nodes,
    "price": by_price,
}
