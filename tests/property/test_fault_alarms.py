"""The swarm's alarms about faults work: a cut that lets calls through, a hang that lets containers start, a dead leader that goes on are noticed."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster import leaders
from kubelab.engine import trouble
from tests.builders import deployment
from tests.property.swarm import Broken, beyond_trouble, one_world


def let_through(*_: Any) -> str:
    return ""


def test_a_world_in_trouble_raises_no_alarm_by_itself() -> None:
    cluster = kl.Cluster(3, seed=2, control_planes=2)
    cluster.apply(deployment("web", 6))
    cluster.run("1s")
    cluster.fault("NodePartition", nodes=["node-1"])
    cluster.fault("RuntimeHang", nodes=["node-2"])
    cluster.fault("ComponentCrash", components=[name for name in cluster._engine.runners if leaders.is_replica(name)])
    cluster.run("1m")
    assert list(beyond_trouble(cluster)) == []


@pytest.mark.parametrize(
    ("kind", "words"), [("NodePartition", "kubelet/node-1 is cut off, and its"), ("RuntimeHang", "node-1 hangs, and a container")]
)
def test_calls_and_acts_that_get_through_are_noticed(monkeypatch: pytest.MonkeyPatch, kind: str, words: str) -> None:
    monkeypatch.setattr(trouble, "in_the_way", let_through)
    cluster = kl.Cluster(1, seed=2)
    cluster.fault(kind, nodes=["node-1"])
    cluster.run("1s")
    cluster.apply(deployment("web", 2))
    cluster.run("20s")
    assert any(words in complaint for complaint in beyond_trouble(cluster))


def test_a_leader_that_works_after_its_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = kl.Cluster(1, seed=2, control_planes=1)
    cluster.fault("ComponentCrash", components=["kube-scheduler/control-plane-1"])
    cluster.run("1s")
    cluster._engine.restart("scheduler")
    assert "nobody leads, and scheduler works" in list(beyond_trouble(cluster))


def test_the_swarm_notices_a_cut_that_lets_calls_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "in_the_way", let_through)
    told = ""
    for seed in range(40):
        try:
            one_world(seed)
        except Broken as error:
            told = str(error)
            if "is cut off" in told or "hangs, and" in told:
                break
    assert "is cut off" in told or "hangs, and" in told, "no seed of forty has noticed it"


def test_the_swarm_notices_watches_that_never_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "reconnect", lambda *_: None)
    told = ""
    for seed in range(60):
        try:
            one_world(seed)
        except Broken as error:
            told = str(error)
            break
    assert "not settled" in told, "no seed of sixty has noticed it"
