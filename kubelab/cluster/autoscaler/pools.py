"""Node pools: machines of one kind that can be had, how many of them, how fast and at which price.

upstream: cluster-autoscaler/cloudprovider/cloud_provider.go NodeGroup, 1.28 (a group's template node stands for its nodes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.engine.component import Tables
from kubelab.kinds import quantity
from kubelab.kinds.names import is_dns1123_label
from kubelab.kubelet import node_object
from kubelab.world.clock import SECOND, parse_duration
from kubelab.world.codec import value

Object = dict[str, Any]

POOLS = "node pools"  # on the world's own machine: name -> NodePool
INSTANCES = "instances"  # name -> Instance
LABEL = "lab.kubelab.dev/node-pool"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@value
class NodePool(NamedTuple):
    """``price``: of one node for an hour, in any currency. ``boot_ns``: from the request until the node registers."""

    name: str
    capacity: tuple[tuple[str, str], ...]
    least: int = 0
    most: int = 10
    price: float = 0.0
    boot_ns: int = 60 * SECOND
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()

    def node(self, name: str, index: int, now_ns: int) -> Object:
        """A node of the pool, as its kubelet registers it."""
        labels = {LABEL: self.name, **dict(self.labels)}
        found = node_object(name, index, now_ns, labels=labels, capacity=dict(self.capacity))
        if self.taints:
            found["spec"]["taints"] = [
                {"key": key, **({"value": text} if text else {}), "effect": effect} for key, text, effect in self.taints
            ]
        return found


@value
class Instance(NamedTuple):
    """A machine of a pool: asked for, joined (0: not yet), gone (0: still there)."""

    name: str
    pool: str
    price: float
    asked_ns: int
    joined_ns: int = 0
    gone_ns: int = 0


_FIELDS = ("cpu", "memory", "pods", "capacity", "min", "max", "price", "boot", "labels", "taints")


def read(given: Any) -> dict[str, NodePool]:
    """Pools from ``{"name": {"cpu": 4, "memory": "16Gi", "max": 10, "price": 0.2, …}}``. ValueError names what will not do."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f'node pools: {given!r}: give a dict such as {{"small": {{"cpu": 4, "memory": "16Gi", "max": 10, "price": 0.2}}}}')
    return {name: _pool(name, fields) for name, fields in given.items()}


def _pool(name: Any, given: Any) -> NodePool:
    place = f"node pools[{name!r}]"
    if not isinstance(name, str) or is_dns1123_label(name):
        raise ValueError(f"{place}: the name is part of its nodes' names: use lower case letters, digits and '-'")
    if not isinstance(given, Mapping):
        raise ValueError(f"{place}: {given!r}: give a dict with some of {', '.join(_FIELDS)}")
    unknown = [key for key in given if key not in _FIELDS]
    if unknown:
        raise ValueError(f"{place}.{unknown[0]}: there is no such field: use {', '.join(_FIELDS)}")
    least, most = _count(place, "min", given.get("min", 0)), _count(place, "max", given.get("max", 10))
    if most < least:
        raise ValueError(f"{place}.max: {most} is less than min, {least}")
    price = given.get("price", 0)
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e12:
        raise ValueError(f"{place}.price: {price!r}: give a number, the price of one node for an hour")
    boot_ns = parse_duration(given.get("boot", "60s"))
    if boot_ns < 0:
        raise ValueError(f"{place}.boot: {given['boot']!r}: give a duration from 0")
    labels = given.get("labels") or {}
    if not isinstance(labels, Mapping) or not all(isinstance(text, str) for text in labels.values()):
        raise ValueError(f"{place}.labels: {labels!r}: give a dict of texts")
    return NodePool(name, _capacity(place, given), least, most, float(price), boot_ns, tuple(labels.items()), _taints(place, given))


def _count(place: str, name: str, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ValueError(f"{place}.{name}: {given!r}: give a whole number from 0")
    return given


def _capacity(place: str, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    wanted = {**{name: given[name] for name in ("cpu", "memory", "pods") if name in given}, **(given.get("capacity") or {})}
    for name, amount in wanted.items():
        try:
            parsed = quantity.parse(str(amount))
        except quantity.QuantityError as error:
            raise ValueError(f"{place}.{name}: {amount!r}: {error}") from None
        if parsed.nano < 0:
            raise ValueError(f"{place}.{name}: {amount!r}: give an amount from 0")
    return tuple((name, str(amount)) for name, amount in wanted.items())


def _taints(place: str, given: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    found: list[tuple[str, str, str]] = []
    taints = given.get("taints") or ()
    if not isinstance(taints, Sequence) or isinstance(taints, str):
        raise ValueError(f"{place}.taints: {taints!r}: give a list of taints")
    for index, taint in enumerate(taints):
        if not isinstance(taint, Mapping) or not taint.get("key") or taint.get("effect") not in EFFECTS:
            raise ValueError(f"{place}.taints[{index}]: {taint!r}: give key, effect ({', '.join(EFFECTS)}) and, if there is one, value")
        found.append((taint["key"], taint.get("value") or "", taint["effect"]))
    return tuple(found)


# -- what there is now ---------------------------------------------------------------------------------------------------
def pools(machine: Tables) -> dict[str, NodePool]:
    return machine.get(POOLS, {})


def instances(machine: Tables) -> dict[str, Instance]:
    """The machines that are there or on their way."""
    return {name: each for name, each in machine.get(INSTANCES, {}).items() if not each.gone_ns}


def size(machine: Tables, pool: str) -> int:
    """How many machines a pool shall have (upstream: TargetSize)."""
    return sum(each.pool == pool for each in instances(machine).values())
