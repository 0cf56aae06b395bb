"""The fast scheduler against the plain one, on random worlds: same refusals, same totals, same place; also after a fork and a load."""

from __future__ import annotations

import json

import pytest

from kubelab.scheduler import explain
from kubelab.scheduler.cluster import build
from kubelab.scheduler.counters import CounterBook
from kubelab.scheduler.memory import derived
from kubelab.scheduler.scheduler import SCHEDULER
from kubelab.scheduler.table import Table
from kubelab.store.view import View
from kubelab.world.codec import decode, encode
from kubelab.world.streams import Streams
from tests.unit.scheduler import builders as b
from tests.unit.scheduler import naive


class Dice:
    """A stream of choices."""

    def __init__(self, seed):
        self.streams = Streams(seed)

    def below(self, n):
        return self.streams.below("dice", n)

    def pick(self, *choices):
        return choices[self.below(len(choices))]

    def often(self, percent):
        return self.below(100) < percent


def random_node(dice, at):
    zone = dice.pick("a", "b", "c", "")
    taints = [("dedicated", "x", dice.pick("NoSchedule", "PreferNoSchedule"))] if dice.often(15) else None
    labels = {"disk": dice.pick("ssd", "hdd")} if dice.often(60) else {}
    cpu, pods = dice.pick("1", "2", "4"), dice.pick("5", "110")
    return b.node(
        f"node-{at}", cpu=cpu, memory=dice.pick("2Gi", "8Gi"), pods=pods, zone=zone, taints=taints, labels=labels, cordoned=dice.often(5)
    )


def random_pod(dice, name):
    app = dice.pick("web", "db", "cache")
    more = {}
    if dice.often(20):
        more["tolerations"] = [{"key": "dedicated", "operator": "Exists"}]
    if dice.often(15):
        more["nodeSelector"] = {"disk": "ssd"}
    affinity = {}
    if dice.often(20):
        expression = {"key": "disk", "operator": "In", "values": ["ssd"]}
        affinity["nodeAffinity"] = {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1 + dice.below(9), "preference": {"matchExpressions": [expression]}}
            ]
        }
    for kind in ("podAffinity", "podAntiAffinity"):
        if dice.often(15):
            affinity.setdefault(kind, {})["requiredDuringSchedulingIgnoredDuringExecution"] = [random_term(dice)]
        if dice.often(20):
            weighted = {"weight": 1 + dice.below(99), "podAffinityTerm": random_term(dice)}
            affinity.setdefault(kind, {})["preferredDuringSchedulingIgnoredDuringExecution"] = [weighted]
    if affinity:
        more["affinity"] = affinity
    if dice.often(30):
        more["topologySpreadConstraints"] = [
            {
                "maxSkew": 1 + dice.below(3),
                "topologyKey": key,
                "whenUnsatisfiable": dice.pick("DoNotSchedule", "ScheduleAnyway"),
                "labelSelector": {"matchLabels": {"app": app}},
            }
            for key in (("topology.kubernetes.io/zone",), ("kubernetes.io/hostname", "topology.kubernetes.io/zone"))[dice.below(2)]
        ]
    owner = ("ReplicaSet", app) if dice.often(60) else None
    return b.pod(name, cpu=dice.pick(None, "100m", "500m"), memory=dice.pick(None, "64Mi", "1Gi"), labels={"app": app}, owner=owner, **more)


def random_term(dice):
    key = dice.pick("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    return {"labelSelector": {"matchLabels": {"app": dice.pick("web", "db", "cache")}}, "topologyKey": key}


def random_world(seed):
    dice = Dice(seed)
    nodes = [random_node(dice, at) for at in range(3 + dice.below(10))]
    sets = [b.replica_set(app, {"app": app}) for app in ("web", "db", "cache")]
    return dice, nodes, sets


@pytest.mark.parametrize("seed", range(60))
def test_totals_and_refusals_equal_the_plain_algorithm(seed):
    dice, nodes, sets = random_world(seed)
    pods = []
    for at in range(dice.below(25)):
        placed = random_pod(dice, f"old-{at}")
        placed["spec"]["nodeName"] = dice.pick(*nodes)["metadata"]["name"]
        if dice.often(10):
            placed["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        pods.append(placed)
    for at in range(4):
        waiting = random_pod(dice, f"new-{at}")
        view = View(b.store_of(*nodes, *sets, *pods).head, {}, b.START_NS)
        expected, refused = naive.totals(waiting, nodes, pods, sets)

        found = explain.verdicts(waiting, view)
        decision = explain.decision(waiting, view)

        assert {each.node: (each.plugin, each.reasons) for each in found if not each.fits} == refused
        assert {each.node: each.total for each in found if each.fits} == expected
        if not expected:
            assert decision.node == ""
            assert {name: (status.plugin, status.reasons) for name, status in decision.statuses} == refused
        elif len(expected) > 1:
            assert decision.score == expected[decision.node] == max(expected.values())


def assert_derived_equals_rebuilt(world):
    """Whatever the scheduler keeps for speed is what the view says."""
    scope = world.scope(())
    _, kept = derived(scope)
    kept.refresh()
    fresh = build(scope.view, dict(scope.table("zones")))

    def sums(cluster):
        return {node.name: (sorted(node.pods), node.milli_cpu, node.memory, node.counted_memory, node.priorities) for node in cluster.order}

    assert list(sums(kept).items()) == list(sums(fresh).items())
    assert (kept.anti_affinity, kept.preferences) == (fresh.anti_affinity, fresh.preferences)
    assert kept.counters.carriers == fresh.counters.carriers
    for question, counter in kept.counters.counters.items():
        assert counter.by_node == fresh.counters.ask(question, fresh.order).by_node
    for table in kept.tables.values():
        table.renew(kept)
        other = Table(table._pod)
        other.renew(fresh)
        assert (table.status, table.score, table.failing) == (other.status, other.score, other.failing)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_run_places_each_pod_as_the_plain_algorithm_would(seed, monkeypatch):
    monkeypatch.setattr(CounterBook, "LIMIT", 2 if seed % 2 else CounterBook.LIMIT)
    dice, nodes, sets = random_world(seed + 1000)
    world = b.World(*nodes, *sets, seed=seed)
    for at in range(40):
        if at % 7 == 5:
            victims = [each for each in world.store.head.all("pods").values() if each["spec"].get("nodeName")]
            if victims:
                world.put(dice.pick(*victims), delete=True)
        if at % 11 == 10:
            changed = random_node(dice, dice.below(len(nodes)))
            nodes = [changed if each["metadata"]["name"] == changed["metadata"]["name"] else each for each in nodes]
            world.put(changed)
        world.run(20)  # pods that a change has set free go first
        waiting = random_pod(dice, f"pod-{at}")
        bound = [each for each in world.store.head.all("pods").values() if each["spec"].get("nodeName")]
        expected, _ = naive.totals(waiting, nodes, bound, sets)
        world.put(waiting)

        world.run()

        node = world.node_of(f"pod-{at}")
        if expected:
            assert expected[node] == max(expected.values())
        else:
            assert node == ""
        assert_derived_equals_rebuilt(world)


def test_a_fork_and_a_loaded_world_place_alike():
    dice, nodes, sets = random_world(5)
    nodes = [b.node(f"node-{at}", zone=f"zone-{at % 3}") for at in range(130)]
    world = b.World(*nodes, *sets)
    for at in range(60):
        world.put(b.pod(f"pod-{at}", cpu="50m", labels={"app": "web"}, owner=("ReplicaSet", "web")))
    world.put(nodes[0], delete=True)
    world.put(nodes[0])
    world.run()
    fork = b.World()
    fork.store, fork.streams, fork.now_ns = world.store.fork(), world.streams.fork(), world.now_ns
    fork.memory = {name: dict(table) for name, table in world.memory.items()}
    loaded = b.World()
    loaded.store, loaded.streams, loaded.now_ns = world.store.fork(), world.streams.fork(), world.now_ns
    loaded.memory = decode(json.loads(json.dumps(encode(world.memory))))

    outcomes = []
    for each in (world, fork, loaded):
        for at in range(60, 120):
            each.put(b.pod(f"pod-{at}", cpu="50m", labels={"app": "web"}, owner=("ReplicaSet", "web")))
        each.run()
        outcomes.append([each.node_of(f"pod-{at}") for at in range(120)])

    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert all(outcomes[0])
    assert json.dumps(encode(world.memory)) == json.dumps(encode(fork.memory)) == json.dumps(encode(loaded.memory))


def test_a_plan_changes_nothing_of_what_was_observed():
    world = b.World(*(b.node(f"node-{at}") for at in range(3)))
    world.put(b.pod("web", cpu="1"))
    seen = SCHEDULER.observe(world.scope(("cycle",)), ("cycle",))
    before = json.dumps(encode(world.memory))

    first, second = SCHEDULER.plan(seen), SCHEDULER.plan(seen)

    assert first == second
    assert json.dumps(encode(world.memory)) == before
