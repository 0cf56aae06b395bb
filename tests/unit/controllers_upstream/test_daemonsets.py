"""What upstream's DaemonSet tests do step by step, done here: nodes and pods come, the set changes, and a sync makes and takes away pods.

A row is one run of a test: before each step objects are put or removed, or all pods become ready; the step says how many pods a sync makes
and takes away and how many events (those of pods aside) it sends.

upstream: pkg/controller/daemon/{daemon_controller,update}_test.go, 1.28.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from kubelab.controllers.common.template_hash import template_hash
from kubelab.store.log import Object
from tests.unit.controllers_daemonset.builders import Patched
from tests.unit.controllers_daemonset.builders import world as world_of
from tests.unit.controllers_upstream.rows import DATA, Row, dated
from tests.unit.storage.harness import NOW

RESOURCES = {"nodes": "nodes", "pods": "pods", "sets": "daemonsets.apps"}
LEFT_OUT = {
    "TestNodeShouldRunDaemonPod": "test_workloads has its table",
    **dict.fromkeys(
        ("TestSimpleDaemonSetUpdatesStatusError", "TestDaemonSetPodCreateExpectationsError", "TestSimpleDaemonSetPodCreateErrors"),
        "the harness refuses nothing",
    ),
    "TestDaemonKillFailedPodsBackoff": "its clock stands still: test_pods_on_nodes has the back-off",
    "TestDaemonSetUpdatesPodsWithMaxSurge": "pods are taken away and made in one sync only where expectations are met at once",
    "TestDontDoAnythingIfBeingDeletedRace": "the plan asks the server before it adopts: test_claiming has that",
    "TestSurgePreservesOldReadyWithUnsatisfiedMinReady": "on a clock of its own: test_update has it",
    "TestSurgeDeletesOldReadyWithUnsatisfiedMinReady": "on a clock of its own: test_update has it",
}


def scenarios() -> list[Any]:
    found = [json.loads(line) for line in gzip.decompress((DATA / "daemonsets.jsonl.gz").read_bytes()).splitlines()]
    return [pytest.param(Row(each["row"]), id=each["name"]) for each in found if each["test"] not in LEFT_OUT]


def hashed(value: Any) -> Any:
    """Where upstream's rows have the hash of a template, ours."""
    if isinstance(value, dict):
        return {key: hashed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [hashed(part) for part in value]
    if isinstance(value, str) and value.startswith("HASH:"):
        return template_hash(json.loads(value[5:]), None)
    return value


def served(kind: str, given: Object, generation: int) -> Object:
    given = {"metadata": {}, **given}
    named = given["metadata"].get("name") or "unnamed"
    api = {"nodes": ("v1", "Node"), "pods": ("v1", "Pod"), "sets": ("apps/v1", "DaemonSet")}[kind]
    where = {} if kind == "nodes" else {"namespace": "default"}
    meta = {"name": named, "uid": f"uid-{named}", "labels": {}, "creationTimestamp": NOW, **where, **given["metadata"]}
    if meta.get("ownerReferences"):
        meta["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Other", "name": "other", "uid": f"uid-{each.get('name')}", **each}
            for each in meta["ownerReferences"]
        ]
    if kind == "sets":
        meta["generation"] = generation
    return {"status": {}, **given, "apiVersion": api[0], "kind": api[1], "metadata": meta, "spec": {**(given.get("spec") or {})}}


def make_ready(world: Patched) -> None:
    for pod in list(world.state.all("pods").values()):
        status = pod.get("status") or {}
        others = [each for each in status.get("conditions") or () if each["type"] != "Ready"]
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": NOW}
        world.put({**pod, "status": {**status, "conditions": [*others, ready]}})


def carry_out(world: Patched, step: Row, generation: int) -> None:
    listed = {kind: {(each.get("metadata") or {}).get("name", ""): each for each in step[kind]} for kind in RESOURCES}
    for what, kind, name in sorted(step["ops"], key=lambda op: op[1] != "sets"):  # a pod's owner is there before it
        if what == "ready":
            make_ready(world)
        elif what == "add" and kind in RESOURCES and name in listed[kind]:
            world.put(served(kind, hashed(dated(listed[kind][name])), generation))
        elif what == "delete" and kind in RESOURCES:
            old = world.get(RESOURCES[kind], name)
            if old is not None:
                world.remove(RESOURCES[kind], old["metadata"].get("namespace", ""), name)


@pytest.mark.parametrize("row", scenarios())
def test_story(row):
    world = world_of()
    for number, step in enumerate(row["steps"], 1):
        carry_out(world, step, number)
        before, said = len(world.calls), len(world.events)
        for each in step["sets"]:
            world.sync(each["metadata"]["namespace"], each["metadata"]["name"])
        calls = world.calls[before:]
        made = sum(call.startswith("create pods") for call in calls)
        gone = sum(call.startswith("delete pods") for call in calls)
        events = [event for event in world.events[said:] if not event[0].startswith(("Normal SuccessfulCreate", "Normal SuccessfulDelete"))]
        assert [made, gone, len(events)] == step["expect"], f"step {number}"
