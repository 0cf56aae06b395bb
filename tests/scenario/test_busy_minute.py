"""A recorded busy spell beside ours, call by call counted: what a real 1.20.2 sent in ten seconds with six workloads on 20 hollow nodes.

Recorded (audit log of level Metadata, users' calls at their instants): three Deployments of 20, 30 and 50 pods, two StatefulSets of 10, a DaemonSet; four
seconds later new images for two of the Deployments, one StatefulSet and the DaemonSet (maxUnavailable 3). Nothing of it was fitted (docs/timing.md).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import kubelab as kl
from kubelab.frames import prediction

#: (controller, verb, resource, subresource) → how often it was answered with success, until the last pod of the updates was there
RECORDED = {
    ("daemon-set-controller", "create", "controllerrevisions.apps", ""): 2,
    ("daemon-set-controller", "create", "pods", ""): 40,
    ("daemon-set-controller", "delete", "pods", ""): 20,
    ("daemon-set-controller", "create", "events", ""): 13,
    ("daemon-set-controller", "patch", "events", ""): 12,
    ("deployment-controller", "create", "replicasets.apps", ""): 5,
    ("statefulset-controller", "create", "controllerrevisions.apps", ""): 3,
    ("statefulset-controller", "create", "pods", ""): 30,
    ("statefulset-controller", "delete", "pods", ""): 10,
}
#: those whose number depends on what coalesces: within a sixth of the recorded
ABOUT = {
    ("deployment-controller", "update", "replicasets.apps", ""): 13,
    ("deployment-controller", "create", "events", ""): 18,
    ("replicaset-controller", "create", "pods", ""): 133,
    ("replicaset-controller", "delete", "pods", ""): 37,
    ("statefulset-controller", "create", "events", ""): 28,
    ("statefulset-controller", "patch", "events", ""): 7,
    ("statefulset-controller", "update", "statefulsets.apps", "status"): 38,
    ("daemon-set-controller", "update", "daemonsets.apps", "status"): 19,
    ("replicaset-controller", "update", "replicasets.apps", "status"): 27,
}
#: status writes that met a conflict, as a share of all, over the whole minute
CONFLICTS = {"deployments.apps": 0.22, "replicasets.apps": 0.24, "statefulsets.apps": 0.16, "daemonsets.apps": 0.21}
NEW = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "app:2"}]}}}}
START, END = 12.33, 23.1
SEEDS = (1, 2, 3)


def _workload(kind: str, name: str, pods: int = 0, policy: str = "", **spec: Any) -> dict[str, Any]:
    made = prediction.workload(prediction.Row(kind, pods, policy))
    labels = {"app": name}
    template = {**made["spec"]["template"], "metadata": {"labels": labels}}
    return {**made, "metadata": {"name": name}, "spec": {**made["spec"], "selector": {"matchLabels": labels}, "template": template, **spec}}


STORY = (
    (12.33, _workload("Deployment", "app0", 20)),
    (12.345, _workload("Deployment", "app1", 30)),
    (12.36, _workload("Deployment", "app2", 50)),
    (12.38, _workload("StatefulSet", "db", 10, "OrderedReady")),
    (12.409, _workload("StatefulSet", "cache", 10, "Parallel")),
    (12.47, _workload("DaemonSet", "agent", updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 3}})),
    (16.069, "deployment/app0"),
    (16.082, "deployment/app1"),
    (16.105, "statefulset/db"),
    (16.129, "daemonset/agent"),
)


def _spell(seed: int) -> tuple[Counter[tuple[str, ...]], Counter[str], Counter[str]]:
    """Calls that were answered with success; status writes by resource, and those that met a conflict."""
    c = kl.Cluster(prediction._nodes(20), seed=seed, timing=kl.Timing.preset(prediction.PRESET))
    c.run("60s")
    begun, before = c.elapsed - START, len(c._engine.store.log.calls)
    for at, what in STORY:
        c.run(max(0.0, begun + at - c.elapsed))
        if isinstance(what, str):
            c.patch(what, NEW)
        else:
            c.create(what)
    c.run(begun + END - c.elapsed)
    good, written, refused = Counter[tuple[str, ...]](), Counter[str](), Counter[str]()
    for call in list(c._engine.store.log.calls)[before:]:
        if call.code < 300:
            good[call.component, call.verb, call.resource, call.subresource] += 1
        if call.subresource == "status" and call.verb == "update":
            written[call.resource] += 1
            refused[call.resource] += call.code == 409
    return good, written, refused


@pytest.fixture(scope="module")
def spells() -> list[tuple[Counter[tuple[str, ...]], Counter[str], Counter[str]]]:
    return [_spell(seed) for seed in SEEDS]


@pytest.mark.parametrize("call", RECORDED, ids=" ".join)
def test_what_follows_from_the_objects_alone_is_sent_as_often_as_recorded(spells, call):
    assert [good[call] for good, _, _ in spells] == [RECORDED[call]] * len(SEEDS)


@pytest.mark.parametrize("call", ABOUT, ids=" ".join)
def test_what_depends_on_coalescing_is_sent_about_as_often_as_recorded(spells, call):
    mean = sum(good[call] for good, _, _ in spells) / len(SEEDS)

    assert mean == pytest.approx(ABOUT[call], rel=1 / 6)


@pytest.mark.parametrize("resource", CONFLICTS)
def test_status_writes_meet_conflicts_about_as_often_as_recorded(spells, resource):
    written, refused = (sum(spell[which][resource] for spell in spells) for which in (1, 2))

    assert refused / written == pytest.approx(CONFLICTS[resource], abs=0.08)
