"""Topology hints of endpoint slices.

upstream: staging/src/k8s.io/endpointslice/topologycache/*_test.go, …/endpointslice/{reconciler,utils}_test.go, 1.28.
"""

from __future__ import annotations

from collections import Counter

import pytest

from kubelab.controllers import endpointslice
from kubelab.controllers.endpointslice import hinting, hints
from kubelab.controllers.endpointslice.slices import Changes
from tests.unit.controllers_upstream.rows import rows
from tests.unit.storage.harness import World

FILE = "hints"
ZONES = {"a": "zone-a", "b": "zone-b", "c": "zone-c"}
AUTO = {"service.kubernetes.io/topology-mode": "Auto"}
REFUSED = "Warning TopologyAwareHintsDisabled"


@pytest.mark.parametrize("row", rows(FILE, "Test_hintsEnabled"))
def test_who_asks_for_hints(row):
    assert hints.are_wanted({"metadata": {"annotations": row["annotations"]}}) == row["expectEnabled"]


@pytest.mark.parametrize("row", rows(FILE, "TestSetNodes"))
def test_each_zone_has_its_part_of_the_cpus(row):
    nodes = [node(f"n{at}", each.get("zone"), each.get("cpu"), each["ready"], each.get("labels")) for at, each in enumerate(row["nodes"])]
    assert hints.zone_shares(nodes) == row["expectedRatios"]


@pytest.mark.parametrize("row", rows(FILE, "Test_redistributeHints"))
def test_endpoints_are_given_to_other_zones(row):
    moved = hints.redistribute(row["slices"], dict(row["givingZones"]), dict(row["receivingZones"]))
    assert moved == row["expectedRedistributions"]


@pytest.mark.parametrize("row", rows(FILE, "Test_getGivingAndReceivingZones"))
def test_who_gives_and_who_takes(row):
    shares = {zone: hints.Share(0, 0, each.get("desired", 0)) for zone, each in row["allocations"].items()}
    assert hints.givers_and_takers(shares, row["allocatedHintsByZone"]) == (row["expectedGivingZones"], row["expectedReceivingZones"])


@pytest.mark.parametrize("row", rows(FILE, "Test_getHintsByZone"))
def test_hints_that_stay(row):
    shares = {zone: hints.Share(0, each.get("maximum", 0), 0) for zone, each in row["allocations"].items()}
    assert hints.hints_of(row["slice"], row["allocatedHintsByZone"], shares) == row["expectedHintsByZone"]


@pytest.mark.parametrize("row", rows(FILE, "TestAddHints"))
def test_hints_for_changed_slices(row):
    info = row["sliceInfo"]
    changes = Changes(tuple(info.get("ToCreate") or ()), tuple(info.get("ToUpdate") or ()))
    found = hints.add(changes, info.get("Unchanged") or (), row["cpuRatiosByZone"])

    assert found.given == (row["expectedEndpointsByAddrType"] or {}).get("IPv4")
    assert list(found.changes.create) == row["expectedSlicesToCreate"]
    assert list(found.changes.update) == row["expectedSlicesToUpdate"]
    (event,) = row["expectedEvents"]
    assert event["Message"] in (found.problem or hints.ENABLED)


# -- in a cluster ---------------------------------------------------------------------------------------------------------------
def node(name, zone, cpu="100m", ready="True", more=None):
    labels = {**(more or {}), **({} if zone is None else {"topology.kubernetes.io/zone": zone})}
    status = {"conditions": [{"type": "Ready", "status": ready}], "allocatable": {"cpu": cpu} if cpu else {}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name, "labels": labels}, "spec": {}, "status": status}


def service(annotations=None):
    meta = {"name": "s", "namespace": "default", "uid": "s", "annotations": annotations or {}}
    spec = {"clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "selector": {"app": "s"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": {}}


def pod(name, on):
    ip = f"10.1.0.{int(name.removeprefix('p')) + 1}"
    status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": "True"}]}
    meta = {"name": name, "namespace": "default", "uid": name, "labels": {"app": "s"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"nodeName": on, "containers": []}, "status": status}


def world(zones, annotations=None):
    """A service with a pod in each of these zones, and as many nodes in one zone as in another; its slices are made."""
    nodes = [node(f"n-{letter}-{at}", zone) for letter, zone in ZONES.items() for at in range(3)]
    made = World(endpointslice.CONTROLLER, service(), *nodes, *(pod(f"p{at}", f"n-{letter}-0") for at, letter in enumerate(zones)))
    made.sync("default", "s")
    made.calls.clear()
    if annotations:
        made.put(service(annotations))
        made.sync("default", "s")
    return made


def hinted(of):
    """How many endpoints are for each zone, and how many of them are of another one."""
    endpoints = [each for (_, slice_) in sorted(of.state.all(endpointslice.controller.RESOURCE).items()) for each in slice_["endpoints"]]
    given = [(each["zone"], zone["name"]) for each in endpoints for zone in each.get("hints", {}).get("forZones", ())]
    return dict(Counter(zone for _, zone in given)), sum(own != zone for own, zone in given)


@pytest.mark.parametrize(
    ("situation", "zones", "annotation", "expected", "away", "writes"),
    [  # TestReconcileTopology
        ("all in one zone", "ccc", "auto", {"zone-a": 1, "zone-b": 1, "zone-c": 1}, 2, 1),
        ("ratio beyond threshold", "aacc", "auto", {}, 0, 0),
        ("more endpoints", "aaccaabbb", "Auto", {"zone-a": 3, "zone-b": 3, "zone-c": 3}, 1, 1),
        ("annotation == disabled", "aaccaabbb", "disabled", {}, 0, 0),
    ],
)
def test_a_service_asks_for_hints(situation, zones, annotation, expected, away, writes):
    of = world(zones, {"service.kubernetes.io/topology-mode": annotation})

    assert hinted(of) == (expected, away)
    assert len(of.calls) == writes


def test_hints_stay_as_they_are_while_nothing_changes():
    of = world("abc", AUTO)
    of.calls.clear()
    of.sync("default", "s")

    assert of.calls == []
    assert of.events == [("Normal TopologyAwareHintsEnabled", "Topology Aware Hints has been enabled, addressType: IPv4")]


def test_without_the_annotation_hints_go():
    of = world("abc", AUTO)
    of.put(service())
    of.sync("default", "s")

    assert hinted(of) == ({}, 0)
    assert of.events[-1] == (REFUSED, "Topology Aware Hints has been disabled, addressType: IPv4")
    assert of.memory[hinting.HINTED] == {}


def test_too_few_endpoints_for_the_zones():
    of = world("abc", AUTO)
    of.remove("pods", "default", "p2")
    of.sync("default", "s")

    assert hinted(of) == ({}, 0)
    assert of.events[-1] == (REFUSED, "Insufficient number of endpoints (2 endpoints, 3 zones), addressType: IPv4")


def test_a_zone_that_loses_its_nodes_has_the_service_looked_at():
    of = world("aabbcc", AUTO)
    of.queued.clear()
    of.put(node("n-a-0", "zone-a", ready="False"))
    assert of.queued == []  # two of six endpoints are enough for three of eight nodes
    of.put(node("n-a-1", "zone-a", ready="False"))
    assert of.queued == [("default", "s")]

    of.sync("default", "s")
    assert hinted(of) == ({}, 0)
    assert of.events[-1] == (REFUSED, f"{hints.TOO_UNEVEN} (6 endpoints, 3 zones), addressType: IPv4")


def test_a_heartbeat_looks_at_nothing():
    of = world("abc", AUTO)
    of.put(node("n-d", "zone-d"))
    of.queued.clear()
    of.put(node("n-d", "zone-d"))

    assert of.queued == []
