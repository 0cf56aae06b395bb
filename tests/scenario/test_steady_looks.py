"""A kubelet's look at its node's status that finds nothing new makes no whole sync; the world is the one in which each of them does."""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.kubelet.kubelet import Kubelet
from tests.builders import deployment, image_patch
from tests.scenario.test_determinism import digest

FAULTS = {
    "nothing breaks": {},
    "a runtime hangs": {"type": "RuntimeHang", "nodes": ["node-1"]},
    "a disk is full": {"type": "DiskFull", "nodes": ["node-2"]},
    "a node is cut off": {"type": "NodePartition", "nodes": ["node-1"]},
    "a kubelet crashes": {"type": "ComponentCrash", "components": ["kubelet/node-2"]},
    "a node crashes": {"type": "NodeCrash", "nodes": ["node-1"]},
}


def lived(fault: dict[str, object]) -> kl.Cluster:
    cluster = kl.Cluster(3, seed=5)
    cluster.apply([deployment("web", 4)])
    cluster.run("31s")
    if fault:
        options = {name: item for name, item in fault.items() if name != "type"}
        cluster.fault(str(fault["type"]), duration="95s", **options)
    cluster.run("3m")
    cluster.patch("deployment/web", image_patch("nginx:1.24"))
    cluster.patch("node/node-3", {"spec": {"unschedulable": True}})
    return cluster.run("6m")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_looks_that_are_over_at_once_leave_behind_what_whole_syncs_do(fault: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    steady = Kubelet.steady
    monkeypatch.setattr(Kubelet, "steady", lambda self, scope, key: looked.append(key) or steady(self, scope, key))
    quick = lived(fault)
    monkeypatch.setattr(Kubelet, "steady", None)
    whole = lived(fault)
    assert ("node-status",) in looked, "the short way was tried"
    assert digest(quick) == digest(whole)
    mine, its = (each._engine for each in (quick, whole))
    assert mine.wakes.sequence == its.wakes.sequence
    for number in (1, 2, 3):
        name = f"kubelet/node-{number}"
        assert mine.runners[name].dump() == its.runners[name].dump()
