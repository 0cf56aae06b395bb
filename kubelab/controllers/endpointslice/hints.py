"""Topology hints: for whom an endpoint is, so that traffic stays in its zone where each zone has its share of the endpoints.

A service asks for them by an annotation. A zone's share is its share of the CPUs of ready nodes; where the endpoints of a zone are more than that,
some are hinted to a zone that has too few. If the shares cannot be had, no endpoint is hinted, and an event says why.

upstream: staging/src/k8s.io/endpointslice/topologycache/{topologycache,utils,sliceinfo,event}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from kubelab.controllers.endpointslice.slices import Changes
from kubelab.kinds.core.resources import amounts
from kubelab.store.log import Object

ANNOTATIONS = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")
ZONE = "topology.kubernetes.io/zone"
NOT_FOR_PODS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
OVERLOAD = 0.2

ENABLED, DISABLED = "Topology Aware Hints has been enabled", "Topology Aware Hints has been disabled"
NO_ZONE = "One or more endpoints do not have a zone specified"
NOTHING_ALLOCATED = "No hints allocated for zones"
NODES_UNKNOWN = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
ONE_ZONE = "Nodes only ready in one zone"
TOO_FEW = "Insufficient number of endpoints"
TOO_UNEVEN = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
_NONE: dict[str, Any] = {}


class Share(NamedTuple):
    """How many endpoints a zone must, may and should have."""

    minimum: int
    maximum: int
    desired: float


class Hinted(NamedTuple):
    """``given``: endpoints by zone, None if no endpoint has a hint. ``problem``: why not."""

    changes: Changes
    given: dict[str, int] | None
    problem: str = ""


def are_wanted(service: Object) -> bool:
    """The older annotation decides where both are there."""
    annotations = service["metadata"].get("annotations") or _NONE
    found = next((annotations[name] for name in ANNOTATIONS if name in annotations), "")
    return found in ("Auto", "auto")


# -- the zones ------------------------------------------------------------------------------------------------------------------
def zone_shares(nodes: Iterable[Object]) -> dict[str, float] | None:
    """Each zone's part of the CPUs of ready nodes, by zone; None if there is one zone, or a node that does not say."""
    cpu: dict[str, int] = {}
    for node in nodes:
        labels = node["metadata"].get("labels") or _NONE
        if any(label in labels for label in NOT_FOR_PODS) or not is_ready(node):
            continue
        has = amounts((node.get("status") or _NONE).get("allocatable") or {}).get("cpu", 0)
        if not labels.get(ZONE) or not has:
            return None
        cpu[labels[ZONE]] = cpu.get(labels[ZONE], 0) + has
    return {zone: cpu[zone] / sum(cpu.values()) for zone in sorted(cpu)} if len(cpu) > 1 else None


def is_ready(node: Object) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in (node.get("status") or _NONE).get("conditions") or ())


def shares_of(zones: Mapping[str, float] | None, endpoints: int) -> dict[str, Share] | str:
    """How the endpoints should be shared out, or why they cannot be."""
    if zones is None:
        return NODES_UNKNOWN
    if len(zones) < 2:
        return ONE_ZONE
    if len(zones) > endpoints:
        return f"{TOO_FEW} ({endpoints} endpoints, {len(zones)} zones)"
    least = {zone: ceil(ratio * endpoints * (1 / (1 + OVERLOAD))) for zone, ratio in zones.items()}
    spare = endpoints - sum(least.values())
    if spare < 0:
        return f"{TOO_UNEVEN} ({endpoints} endpoints, {len(zones)} zones)"
    return {zone: Share(least[zone], least[zone] + spare, max(ratio * endpoints, least[zone])) for zone, ratio in zones.items()}


def is_overloaded(given: Mapping[str, int], zones: Mapping[str, float] | None) -> bool:
    """Whether a zone has too few of the endpoints for its nodes as they are now."""
    if not given:
        return False
    if not zones:
        return True
    total = sum(given.values())
    return any(zone not in given or given[zone] < ceil(total * ratio * (1 / (1 + OVERLOAD))) for zone, ratio in zones.items())


# -- the slices -----------------------------------------------------------------------------------------------------------------
def add(changes: Changes, unchanged: Sequence[Object], zones: Mapping[str, float] | None) -> Hinted:
    """Hints for the slices that are written anyway, and for those whose hints will not do."""
    ready = sum(
        is_endpoint_ready(each) for slice_ in (*changes.create, *changes.update, *unchanged) for each in slice_.get("endpoints") or ()
    )
    shares = shares_of(zones, ready)
    if isinstance(shares, str):
        return Hinted(remove(changes, unchanged), None, shares)
    given: dict[str, int] = {}
    update = list(changes.update)
    for slice_ in unchanged:
        here = hints_of(slice_, given, shares)
        if here is None:
            update.append(slice_)
        for zone, count in (here or {}).items():
            given[zone] = given.get(zone, 0) + count
    mine = [{**slice_, "endpoints": [dict(each) for each in slice_.get("endpoints") or ()]} for slice_ in (*changes.create, *update)]
    for endpoint in (each for slice_ in mine for each in slice_["endpoints"]):
        endpoint.pop("hints", None)
        if not is_endpoint_ready(endpoint):
            continue
        if not endpoint.get("zone"):
            return Hinted(remove(changes, unchanged), None, NO_ZONE)
        given[endpoint["zone"]] = given.get(endpoint["zone"], 0) + 1
        endpoint["hints"] = _for_zone(endpoint["zone"])
    for zone, more in redistribute(mine, *givers_and_takers(shares, given)).items():
        given[zone] = given.get(zone, 0) + more
    if not given:
        return Hinted(remove(changes, unchanged), None, NOTHING_ALLOCATED)
    count = len(changes.create)
    return Hinted(changes._replace(create=tuple(mine[:count]), update=tuple(mine[count:])), given)


def remove(changes: Changes, unchanged: Iterable[Object]) -> Changes:
    """No endpoint has a hint any more: of the slices that stay, those that have some are written."""
    update = [*map(_without, changes.update), *(_without(each) for each in unchanged if has_hints(each))]
    return changes._replace(create=tuple(map(_without, changes.create)), update=tuple(update))


def has_hints(slice_: Object) -> bool:
    return any("hints" in each for each in slice_.get("endpoints") or ())


def _without(slice_: Object) -> Object:
    if not has_hints(slice_):
        return slice_
    return {**slice_, "endpoints": [{key: part for key, part in each.items() if key != "hints"} for each in slice_["endpoints"]]}


def _for_zone(zone: str) -> Object:
    return {"forZones": [{"name": zone}]}


def is_endpoint_ready(endpoint: Object) -> bool:
    return bool((endpoint.get("conditions") or _NONE).get("ready"))


def hints_of(slice_: Object, given: Mapping[str, int], shares: Mapping[str, Share]) -> dict[str, int] | None:
    """A slice's hints by zone; None if one is missing, or a zone would have too many."""
    found: dict[str, int] = {}
    for endpoint in slice_.get("endpoints") or ():
        if not is_endpoint_ready(endpoint):
            continue
        hinted = (endpoint.get("hints") or _NONE).get("forZones") or ()
        if not hinted or any(each["name"] not in shares for each in hinted):
            return None
        for each in hinted:
            found[each["name"]] = found.get(each["name"], 0) + 1
    return None if any(count + given.get(zone, 0) > shares[zone].maximum for zone, count in found.items()) else found


def givers_and_takers(shares: Mapping[str, Share], given: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """How many endpoints a zone gives away, and how many it takes; a whole one each time, or better than half of one on both sides."""
    over = {zone: given.get(zone, 0) - share.desired for zone, share in shares.items() if given.get(zone, 0) > share.desired}
    under = {zone: share.desired - given.get(zone, 0) for zone, share in shares.items() if given.get(zone, 0) < share.desired}
    giving: dict[str, int] = {}
    taking: dict[str, int] = {}
    while True:
        giver, has = _most(over)
        taker, lacks = _most(under)
        if not giver or not taker or (has < 1 and lacks < 1) or has < 0.5 or lacks < 0.5:
            return giving, taking
        giving[giver], taking[taker] = giving.get(giver, 0) + 1, taking.get(taker, 0) + 1
        over[giver] -= 1
        under[taker] -= 1


def _most(zones: Mapping[str, float]) -> tuple[str, float]:
    """Of equals the first by name."""
    found = max(sorted(zones), key=lambda zone: zones[zone], default="")
    return (found, zones[found]) if found and zones[found] > 0 else ("", 0)


def redistribute(slices: Sequence[Object], giving: dict[str, int], taking: dict[str, int]) -> dict[str, int]:
    """Hint endpoints of zones that have too many to zones that have too few; by how many each zone has changed."""
    moved: dict[str, int] = {}
    for endpoint in (each for slice_ in slices for each in slice_["endpoints"]):
        giver = endpoint.get("zone") or ""
        if not is_endpoint_ready(endpoint) or giving.get(giver, 0) <= 0:
            continue
        taker = next((zone for zone in sorted(taking) if taking[zone] > 0), None)
        if taker is None:
            break
        endpoint["hints"] = _for_zone(taker)
        giving[giver] -= 1
        taking[taker] -= 1
        moved[taker], moved[giver] = moved.get(taker, 0) + 1, moved.get(giver, 0) - 1
    return moved
