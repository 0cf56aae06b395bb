"""The order of changes of a real control plane (1.20.2): the same writers, fields and order in kubelab, up to true concurrency.

Recorded: a StatefulSet created, updated by partition, broken, caught in the forced-rollback trap, cured, scaled down and deleted; a Deployment
updated, broken and undone; a DaemonSet updated and rolled back (tests/data/audit/README.md); and a minute of a busier cluster. What is
compared, and what the words below mean, says tests/scenario/order.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, image_patch, statefulset
from tests.scenario import order
from tests.scenario.order import Run, Write

DATA = Path(__file__).parent.parent / "data"
EVENTS = order.read(DATA / "audit" / "real-1.20-rollouts.jsonl.gz")
RECORDED = order.writes(EVENTS)
BASE = kl.Timing.preset("real-1.20-2cpu")
#: True concurrency is what may come in either order at some pace: the measured one (often: some races are won once in ten times), narrower
#: clients, clients without limits.
PACES = [
    *((seed, BASE) for seed in range(1, 5)),
    (5, BASE.with_(client_qps=14.0)),
    (6, BASE.with_(client_burst=20)),
    (7, kl.Timing.preset("real-1.20-2cpu", client_qps="raised")),
    *((seed, BASE) for seed in range(8, 24)),
]
Object = dict[str, Any]


@pytest.fixture(scope="module")
def ours() -> list[Run]:
    return [Run.of(order.play(EVENTS, seed, timing)) for seed, timing in PACES]


def test_the_same_writes_on_each_object_and_the_same_order_across_objects(ours: list[Run]) -> None:
    assert len(RECORDED) > 250
    assert order.differences(RECORDED, ours) == []


def test_what_a_statefulset_and_a_daemonset_cause_is_the_same_at_every_pace(ours: list[Run]) -> None:
    for run in ours:
        assert [words for place, words in order.places(RECORDED, run).items() if "deployments/shop" not in place] == []


def test_hardly_a_pair_of_concurrent_writes_always_comes_the_other_way_round(ours: list[Run]) -> None:
    """Which of two independent writes is the faster one is a matter of pace; most are seen both ways."""
    assert len(list(order.orders(RECORDED, ours))) <= 2


def test_a_statefulset_s_status_is_written_word_for_word_as_recorded(ours: list[Run]) -> None:
    def told(found: list[Write]) -> list[Any]:
        return [(write.phase, write.role, write.fields) for write in found if write.what == "statefulsets/status"]

    assert len(told(RECORDED)) == 21
    for run in ours[:4]:
        assert told(run.writes) == told(RECORDED)


def test_no_cause_in_kubelab_comes_after_its_effect_in_the_recorded_log(ours: list[Run]) -> None:
    for run in ours:
        count, broken = order.broken_causes(RECORDED, run)
        assert count >= 40
        assert broken == []


def test_the_same_events_are_told_as_often(ours: list[Run]) -> None:
    sources = ("statefulset-controller", "daemonset-controller", "replicaset-controller", "deployment-controller")

    def by_source(counts: Counter[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
        return {kind: count for kind, count in sorted(counts.items()) if kind[0] in sources}

    recorded = by_source(order.told(EVENTS))
    assert sum(recorded.values()) > 60
    assert [by_source(order.told(run.cluster.audit_events())) == recorded for run in ours].count(True) >= 4


# -- the alarm works ---------------------------------------------------------------------------------------------------------------
def _without(found: list[Write], verb: str, role: str) -> list[Write]:
    at = next(index for index, write in enumerate(found) if write.verb == verb and write.role == role)
    return found[:at] + found[at + 1 :]


def _changed(found: list[Write], verb: str, role: str, **changes: Any) -> list[Write]:
    at = next(index for index, write in enumerate(found) if write.verb == verb and write.role == role)
    old = found[at]
    values = {name: changes.get(name, getattr(old, name)) for name in Write.__slots__}
    return [*found[:at], Write(**values), *found[at + 1 :]]


def test_a_missing_write_another_writer_and_another_field_are_noticed(ours: list[Run]) -> None:
    for spoiled, words in (
        (_without(RECORDED, "create", "pods/web-1"), "pods/web-1"),
        (_without(RECORDED, "patch", "a pod of replicasets of deployments/shop #2"), "a pod of replicasets of deployments/shop #2"),
        (_changed(RECORDED, "patch", "pods/web-2", writer="node-controller"), "pods/web-2"),
        (_changed(RECORDED, "create", "a pod of daemonsets/agent", fields={".metadata.namespace": "default"}), "a pod of daemonsets/agent"),
        (_changed(RECORDED, "update", "statefulsets/web", fields={".status.currentRevision": "another"}), ".status.currentRevision"),
    ):
        found = order.differences(spoiled, ours)
        assert any(words in line for line in found), words


def test_another_order_is_noticed(ours: list[Run]) -> None:
    """The second pod of an ordered set, made before the first is ready."""
    ready = next(write for write in RECORDED if write.verb == "patch" and write.role == "pods/web-0")
    early = ready.begun_ns - 3_000_000
    spoiled = _changed(RECORDED, "create", "pods/web-1", begun_ns=early, done_ns=early + 1_000_000)

    assert any("pods/web-1 create 1] before [kubelet pods/status pods/web-0 patch 1]" in line for line in order.differences(spoiled, ours))
    assert any(
        "pods/web-1 create 1] because of [kubelet pods/status pods/web-0 patch 1]" in line
        for line in order.broken_causes(spoiled, ours[0])[1]
    )


# -- the same story as its watch saw it -----------------------------------------------------------------------------------------------
KINDS = {"pods": "Pod", "statefulsets.apps": "StatefulSet", "controllerrevisions.apps": "ControllerRevision"}
UNWATCHED = (".metadata.managedFields", ".metadata.resourceVersion")
#: The second is over or not; 1.28 mounts a projected token under a generated name; upstream: stateful_set_control.go, 1.28 (availableReplicas).
PASSED_OVER = ("lastTransitionTime", ".spec.volumes[0].name", ".spec.containers[0].volumeMounts[0].name", ".status.availableReplicas")


def _difference(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = {f"{path}.{key}": (old.get(key), new.get(key), key in old, key in new) for key in sorted(old.keys() | new.keys())}
    elif isinstance(old, list) and isinstance(new, list):
        both = [(old[at : at + 1], new[at : at + 1]) for at in range(max(len(old), len(new)))]
        pairs = {f"{path}[{at}]": (*(each[0] if each else None for each in pair), *map(bool, pair)) for at, pair in enumerate(both)}
    else:
        if old != new:
            yield path
        return
    for below, (before, after, was, is_) in pairs.items():
        if below in UNWATCHED:
            continue
        if was and is_:
            yield from _difference(before, after, below)
        else:
            yield f"{'+' if is_ else '-'}{below}"


def _watched(cluster: kl.Cluster) -> dict[str, list[Any]]:
    """What a watch tells of each object: type, and the fields that changed since what it told of the object (or its namesake) before."""
    last: dict[str, Object] = {}
    told: dict[str, list[Any]] = {}
    for commit in cluster._engine.store.log.commits:
        if commit.key[0] not in KINDS or commit.key[1] != "default":
            continue
        name = f"{KINDS[commit.key[0]]}/{commit.key[2]}"
        changed = ["(new)"] if name not in last else [] if commit.type == "DELETED" else list(_difference(last[name], commit.object))
        last[name] = commit.object
        told.setdefault(name, []).append((commit.type, _counted(changed)))
    return told


def _counted(changed: list[str]) -> list[str]:
    return sorted(path for path in changed if not any(text in path for text in PASSED_OVER))


def test_a_watch_is_told_the_same_of_each_object_in_the_same_order(ours: list[Run]) -> None:
    rows = json.loads((DATA / "transcripts" / "watch-order-statefulset.json").read_text())
    recorded: dict[str, list[Any]] = {}
    for row in rows:
        if row["kind"] in KINDS.values():
            recorded.setdefault(f"{row['kind']}/{row['name']}", []).append((row["type"], _counted(row["changed"])))

    assert {name: len(told) for name, told in recorded.items() if name.startswith("Pod")} == {
        "Pod/web-0": 8,
        "Pod/web-1": 10,
        "Pod/web-2": 20,
    }
    for run in ours[:4]:
        told = _watched(run.cluster)
        assert {name: told[name][: len(expected)] for name, expected in recorded.items()} == recorded


# -- a busier minute, recorded without bodies ------------------------------------------------------------------------------------------
BUSY = order.read(DATA / "auditlog" / "busy-workloads.jsonl.gz")
WORKLOADS = ("pods", "replicasets", "statefulsets", "deployments", "daemonsets", "controllerrevisions")
Deed = tuple[str, str, str]


def _steps(events: list[Object]) -> Counter[tuple[Deed | None, Deed]]:
    """Which write on an object follows which; creations name none, so each object's first is the one after it."""
    last: dict[tuple[str, str], Deed] = {}
    found: Counter[tuple[Deed | None, Deed]] = Counter()
    for event in order.successful(events):
        reference, name = event["objectRef"], event["objectRef"].get("name")
        if reference["resource"] not in WORKLOADS or not name:
            continue
        what = f"{reference['resource']}/{reference['subresource']}" if reference.get("subresource") else reference["resource"]
        deed = (order.writer_of(event), event["verb"], what)
        if deed[0] == "kubelet" and deed[1] == "delete":
            continue  # the recorded agents race with the grace period of zero
        place = (reference["resource"], name)
        if last.get(place) != deed:
            found[last.get(place), deed] += 1
        last[place] = deed
    return found


def busy_cluster(seed: int) -> kl.Cluster:
    """The same workloads on as many nodes, and what users did to them, at the recorded times."""
    pod = {"terminationGracePeriodSeconds": 0}
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{index}"}, "status": {"capacity": _ROOM}} for index in range(20)]
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
    cluster = kl.Cluster(nodes, seed=seed, timing=kl.Timing.preset("real-1.20-2cpu", client_qps="raised"), audit_policy=policy)
    cluster.run("20s")
    for name, replicas in (("app0", 20), ("app1", 30), ("app2", 40)):
        cluster.create(deployment(name, replicas, "nginx:1", pod_spec=pod))
    cluster.create(statefulset("db", 10, "nginx:1", pod_spec=pod))
    cluster.create(statefulset("cache", 10, "nginx:1", pod_spec=pod, podManagementPolicy="Parallel"))
    agent = deployment("agent", 1, "nginx:1", pod_spec=pod)
    del agent["spec"]["replicas"]
    cluster.create({**agent, "kind": "DaemonSet"})
    cluster.run("4s")
    for name in ("deployment/app0", "deployment/app1", "sts/db", "ds/agent"):
        cluster.patch(name, image_patch("nginx:2"))
    cluster.run("7s")
    cluster.patch("deployment/app2", image_patch("broken:1"))
    cluster.run("10s")
    cluster.patch("deployment/app2", image_patch("nginx:1"))
    cluster.run("10s")
    for name in ("app0", "app1", "app2"):
        cluster.delete(f"deployment/{name}")
    return cluster.run("20s")


_ROOM = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "500Gi"}


def test_in_a_busy_minute_the_same_steps_follow_each_other_as_often() -> None:
    recorded, mine = _steps(BUSY), _steps(busy_cluster(1).audit_events())

    assert {step: 0 for step in mine if step not in recorded} == {}
    assert {step: 0 for step in recorded if step not in mine} == {}
    exact = {step: count for step, count in recorded.items() if step[1][2].startswith("pods") or "user" in (step[0] or ())[:1]}
    assert {step: mine[step] for step in exact} == exact
