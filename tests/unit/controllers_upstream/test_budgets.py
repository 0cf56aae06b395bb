"""What upstream's disruption tests do step by step: objects come and change, a budget is synced, and its status says so many.

upstream: pkg/controller/disruption/disruption_test.go, 1.28.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from kubelab.controllers import disruption
from kubelab.kinds import registry
from kubelab.store.log import Object
from tests.unit.controllers_upstream.rows import DATA, Row
from tests.unit.controllers_upstream.world import ServedWorld as World
from tests.unit.storage.harness import NOW

APIS = {"PodDisruptionBudget": "policy/v1", "Pod": "v1", "ReplicationController": "v1"}
LEFT_OUT = {
    "TestScaleResource": "no custom resource with a scale is served to the harness: scenarios have that",
    "TestInvalidSelectors": "the server refuses such selectors",
}


def scenarios() -> list[Any]:
    found = [json.loads(line) for line in gzip.decompress((DATA / "disruption.jsonl.gz").read_bytes()).splitlines()]
    return [pytest.param(Row(each["row"]), id=each["name"]) for each in found if each["test"] not in LEFT_OUT]


def served(given: Object) -> Object:
    kind = given["kind"]
    meta = {"namespace": "default", "generation": 1, "creationTimestamp": NOW, "labels": {}, **given["metadata"]}
    meta.setdefault("uid", f"uid-{meta['name']}")
    return {"spec": {}, "status": {}, **given, "apiVersion": APIS.get(kind, "apps/v1"), "kind": kind, "metadata": meta}


def bring_up_to_date(world: World, objects: list[Object]) -> None:
    """Put what is new or changed, remove what is gone; the status that the controller wrote stays."""
    named: dict[tuple[str, str], Object] = {}
    for given in map(served, objects):
        kind = registry.by_kind(given["kind"], given["apiVersion"].rpartition("/")[0])
        assert kind is not None
        named[kind.resource, given["metadata"]["name"]] = given
        old = world.get(kind.resource, given["metadata"]["name"])
        if given["kind"] == "PodDisruptionBudget" and old is not None:
            given = {**given, "status": {**old["status"], **given["status"]}}
        world.put(given)
    for resource in ("pods", "replicasets.apps", "deployments.apps", "statefulsets.apps", "replicationcontrollers"):
        for _, name in [key for key in world.state.all(resource) if (resource, key[1]) not in named]:
            world.remove(resource, "default", name)


@pytest.mark.parametrize("row", scenarios())
def test_story(row):
    world = World(disruption.CONTROLLER)
    for number, step in enumerate(row["steps"], 1):
        if "sync" in step:
            bring_up_to_date(world, step["objects"])
            world.sync("default", step["sync"])
            continue
        if "event" in step:
            assert any(reason.endswith(f" {step['event']}") for reason, _ in world.events), f"step {number}"
            continue
        status = world.get("poddisruptionbudgets.policy", step["name"])["status"]
        counts = [status.get(field, 0) for field in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")]
        assert counts == step["status"] if "status" in step else counts[0] == step["allowed"], f"step {number}"
        if "status" in step:
            assert sorted(status.get("disruptedPods") or {}) == step["disrupted"]
            allowed = next(each["status"] for each in status["conditions"] if each["type"] == "DisruptionAllowed")
            assert allowed == str(counts[0] > 0)
