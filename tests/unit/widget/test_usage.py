"""The usage widget, driven as a browser would."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

import kubelab as kl
from kubelab.widget.usage_model import UsageFrame, UsageModel
from kubelab.widget.usage_view import finding, svg
from tests.scenario.metrics import pod, usage


@pytest.fixture
def cluster(make):
    found = make(2, seed=3)
    found.apply([usage("web", cpu={"constant": "1"}), pod("web", limits={"cpu": "250m", "memory": "64Mi"}), pod("bare")])
    found.run("1m")
    return found


def test_it_follows_a_cluster_that_others_move(cluster):
    view = kl.widget.usage(cluster)
    before = view.canvas.value
    view.player.value = 1
    assert view.canvas.value == before
    cluster.run("10s")
    view.player.value = 2
    assert view.canvas.value != before
    assert "at 70 s" in view.canvas.value


def test_with_a_pace_each_beat_lets_time_pass(cluster):
    view = kl.widget.usage(cluster, pace=5)
    view.player.value = 1
    assert cluster.elapsed == 65
    view.pace.value = 0
    view.player.value = 2
    assert cluster.elapsed == 65


def test_what_it_shows(cluster):
    frame = UsageModel(cluster).frame()
    assert [node.name for node in frame.nodes] == ["node-1", "node-2"]
    assert [line.name for line in frame.lines] == ["web/c", "bare/c"]
    web = frame.lines[0]
    assert (web.cpu[-1], web.cpu_limit, web.memory_limit, web.throttled) == ((60.0, 0.25), 0.25, 64 * 2**20, 1.0)
    assert finding(frame) == "web/c is throttled at 60 s"
    ElementTree.fromstring(svg(frame))


def test_only_one_workload(cluster):
    assert [line.name for line in UsageModel(cluster, "pod/bare").frame().lines] == ["bare/c"]
    with pytest.raises(ValueError, match="there never was a pod/nobody"):
        UsageModel(cluster, "pod/nobody")
    with pytest.raises(ValueError, match="pace=-1: give virtual seconds per beat, from 0"):
        UsageModel(cluster, pace=-1)


def test_names_are_text_and_never_markup():
    picture = svg(UsageFrame(0, (), (), 3))
    assert "and 3 containers that use less" in picture
    ElementTree.fromstring(picture)
