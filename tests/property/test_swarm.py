"""The swarm in the test run: thirty worlds always, three hundred on request, and a canary for each alarm."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

import kubelab as kl
from kubelab.controllers.deployment.controller import CONTROLLER as DEPLOYMENTS
from kubelab.controllers.statefulset.controller import CONTROLLER as STATEFUL_SETS
from kubelab.engine.plan import Plan
from kubelab.world.streams import Streams
from tests.builders import deployment, image_patch, statefulset
from tests.invariants import Mutations
from tests.property.swarm import Broken, one_world
from tests.scenario.e2e import is_ready

Object = dict[str, Any]
USUAL = range(30)
MANY = range(1000, 1300)


@pytest.mark.parametrize("seed", USUAL)
def test_a_troubled_world_does_nothing_wrong_and_settles(seed: int) -> None:
    one_world(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", MANY)
def test_many_troubled_worlds(seed: int) -> None:
    one_world(seed)


# -- canaries: a controller that breaks a promise must be caught ------------------------------------------------------------------
@dataclass(frozen=True)
class Sabotaged:
    """A component whose plans are spoiled on the way."""

    real: Any
    spoil: Callable[[Any, Plan], Plan]

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "real"), name)

    def plan(self, seen: Any) -> Plan:
        return self.spoil(seen, self.real.plan(seen))


def sabotage(real: Any, spoil: Callable[[Any, Plan], Plan]) -> Callable[[kl.Cluster], None]:
    def change(cluster: kl.Cluster) -> None:
        cluster._engine.runners[real.name].component = Sabotaged(real, spoil)

    return change


def _altered(value: Any, **changes: Any) -> Any:
    return value._replace(**changes) if isinstance(value, tuple) else replace(value, **changes)


def _changed(plan: Plan, change: Callable[[Any], Any]) -> Plan:
    batches = tuple(_altered(batch, calls=tuple(change(call) for call in batch.calls)) for batch in plan.batches)
    return _altered(plan, batches=batches)  # type: ignore[no-any-return]


def too_many(seen: Any, plan: Plan) -> Plan:
    """Every ReplicaSet is asked for three pods more than it should have."""

    def change(call: Any) -> Any:
        if getattr(call, "resource", "") != "replicasets.apps" or call.verb not in ("create", "update") or call.subresource:
            return call
        spec = call.body["spec"]
        return _altered(call, body={**call.body, "spec": {**spec, "replicas": spec["replicas"] + 3}})

    return _changed(plan, change)


def does_nothing(seen: Any, plan: Plan) -> Plan:
    return Plan()


def writes_into_what_it_sees(seen: Any, plan: Plan) -> Plan:
    if seen is not None:
        seen.set["metadata"].setdefault("annotations", {})["touched"] = "yes"
    return plan


CANARIES = [
    ("a Deployment over its surge", DEPLOYMENTS, too_many, "are allowed|not settled"),
    ("a StatefulSet that is forgotten", STATEFUL_SETS, does_nothing, "not settled"),
    (
        "an object that is changed in place",
        STATEFUL_SETS,
        writes_into_what_it_sees,
        "was changed after its commit|differs from what the log says",
    ),
]


@pytest.mark.parametrize(("title", "real", "spoil", "words"), CANARIES, ids=[row[0] for row in CANARIES])
def test_the_alarm_works(title: str, real: Any, spoil: Callable[[Any, Plan], Plan], words: str) -> None:
    told = ""
    for seed in range(12):
        try:
            one_world(seed, sabotage=sabotage(real, spoil))
        except Broken as error:
            told = str(error)
            if re.search(words, told):
                break
    assert re.search(words, told), "no seed of twelve has noticed the sabotage"
    assert told.startswith("seed ") and "apply " in told


# -- worlds without faults keep what an update promises -------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(12))
def test_a_calm_rollout_never_goes_below_its_promise(seed: int) -> None:
    """Available pods of a Deployment ≥ replicas - maxUnavailable at every instant; of an ordered StatefulSet at most one is not ready."""
    draw = Streams(seed)
    cluster = kl.Cluster(nodes=3, seed=seed)
    replicas, unavailable, surge = 2 + draw.below("replicas", 8), draw.below("unavailable", 3), 1 + draw.below("surge", 3)
    bounds = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}
    cluster.apply(deployment("web", replicas, strategy=bounds, minReadySeconds=draw.below("min", 2) * 3))
    cluster.apply(statefulset("db", replicas))
    for name in ("deployment/web", "statefulset/db"):
        cluster.run(until=f"{name} ready")
    mutations = Mutations()
    mutations.watch(cluster._engine.store)
    begun = len(cluster._engine.store.log.commits)
    for image in ("nginx:1.24", "nginx:1.161", "nginx:1.25"):
        cluster.patch("deployment/web", image_patch(image))
        if image != "nginx:1.161":
            cluster.patch("statefulset/db", image_patch(image))
        cluster.run(f"{20 + draw.below('pause', 60)}s")
    cluster.run(until="deployment/web ready", timeout="30m")
    pods = dict(cluster._engine.store.at_revision(begun).all("pods"))
    for commit in cluster._engine.store.log.commits[begun:]:
        if commit.key[0] != "pods":
            continue
        pods.pop(commit.key[1:], None)
        if commit.type != "DELETED":
            pods[commit.key[1:]] = commit.object
        live = [obj for obj in pods.values() if "deletionTimestamp" not in obj["metadata"]]
        ready = {app: sum(is_ready(obj) for obj in live if obj["metadata"]["labels"]["app"] == app) for app in ("web", "db")}
        assert ready["web"] >= replicas - unavailable, f"seed {seed}: {ready} at revision {commit.revision}"
        assert ready["db"] >= replicas - 1, f"seed {seed}: {ready} at revision {commit.revision}"
        total = sum(obj["metadata"]["labels"]["app"] == "web" for obj in live)
        assert total <= replicas + surge, f"seed {seed}: {total} pods at revision {commit.revision}"
    assert list(mutations.complaints(cluster._engine.store)) == []
