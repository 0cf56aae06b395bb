"""Pictures of usage: what they draw, and what their titles find."""

from __future__ import annotations

import pandas as pd
import pytest

from kubelab.plot import image_filesystem, saturation, throttling
from kubelab.plot import usage as plot_usage
from tests.scenario.metrics import pod, usage

LIMITS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "250m", "memory": "128Mi"}}


@pytest.fixture
def cluster(make):
    found = make(2, seed=3)
    found.apply(
        [
            usage("web", cpu={"spikes": {"base": "50m", "peak": "1", "every": "40s", "length": "10s"}}),
            usage("leak", memory={"ramp": {"from": "40Mi", "to": "1Gi", "over": "2m"}}),
            pod("web", **LIMITS),
            pod("leak", limits={"memory": "200Mi"}),
            pod("bare"),
        ]
    )
    found.run("100s")
    return found


def test_cpu_at_its_limit(cluster):
    picture = plot_usage.tidy("pod/web", cluster.frames.usage("pod/web", every=1), "cpu")
    share = (picture.lines["used"] >= 0.2475).mean()
    assert plot_usage.finding(picture) == f"pod/web: at its CPU limit for {share:.0%} of the time"
    assert 0.2 < share < 0.32


def test_memory_up_to_the_kill(cluster):
    picture = plot_usage.tidy("pod/leak", cluster.frames.usage("pod/leak", every=1), "memory")
    assert len(picture.kills) >= 1
    assert picture.kills["at"].unique().tolist() == [200.0]
    assert "OOM-killed" in plot_usage.finding(picture)
    ax = plot_usage.draw(picture)
    assert ax.get_ylabel() == "working set, MiB"
    assert ax.get_xlim()[1] >= picture.kills["elapsed"].max()


def test_a_kill_stands_on_the_curve_of_cpu_too(cluster):
    picture = plot_usage.tidy("pod/leak", cluster.frames.usage("pod/leak", every=1), "cpu")
    assert len(picture.kills) >= 1
    assert picture.kills["at"].max() <= picture.lines["used"].max()
    figure = plot_usage.draw(picture).figure
    box = figure.get_tightbbox()
    assert box.height < 2 * figure.get_figheight(), "a notebook cuts its pictures to what is drawn"


def test_steps_that_are_no_numbers(cluster):
    for step in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="every="):
            cluster.frames.usage("pod/leak", every=step)
    with pytest.raises(ValueError, match="since="):
        cluster.frames.usage("pod/leak", since=float("nan"))


def test_what_asked_for_nothing(cluster):
    picture = plot_usage.tidy("pod/bare", cluster.frames.usage("pod/bare"), "cpu")
    assert plot_usage.finding(picture) == "pod/bare: 0.001 cores of CPU at most, and nothing asked for"


def test_throttled_below_the_limit_on_average(cluster):
    picture = throttling.tidy("pod/web", cluster.frames.usage("pod/web", every=5))
    assert "throttled in" in throttling.finding(picture)
    assert "though it uses" in throttling.finding(picture)
    assert picture.steps["throttled"].between(0, 1).all()
    assert throttling.finding(throttling.tidy("pod/bare", cluster.frames.usage("pod/bare"))) == "pod/bare: no container has a CPU limit"


def test_nodes_that_want_more_than_they_have(cluster):
    frame = cluster.frames.node_usage()
    assert saturation.finding(saturation.tidy(frame, "memory"), "memory").startswith("No node is full: memory in use is at most")
    full = frame.assign(cpu_demand_share=[1.2 if node == "node-2" else 0.1 for node in frame["node"]])
    assert saturation.finding(saturation.tidy(full, "cpu"), "cpu") == "1 node of 2 full: node-2 (CPU wanted at 120%)"
    assert [label.get_text() for label in cluster.plot.saturation().get_yticklabels()] == ["node-1", "node-2"]


def test_images_up_to_their_collection():
    shares = [0.2, 0.7, 0.9, 0.78]
    frame = pd.DataFrame({"elapsed": [0.0, 60, 180, 300], "node": "n", "share": shares, "images": [1, 2, 3, 2]})
    steps = image_filesystem.tidy(frame)
    assert image_filesystem.finding(steps) == "Images take up to 90% of n's filesystem; images were removed once, 12% of it freed"
    assert image_filesystem.draw(steps).get_ylim() == (0, 1)
    low = image_filesystem.tidy(frame.assign(share=0.01))
    assert image_filesystem.finding(low) == "Images take up to 1.0% of n's filesystem, far from collection at 85 %"


def test_nothing_yet(make):
    empty = make(0, seed=1)
    titles = [
        draw().get_title(loc="left")
        for draw in (empty.plot.usage, empty.plot.throttling, empty.plot.saturation, empty.plot.image_filesystem)
    ]
    assert titles == [
        "all containers: no container has run",
        "all containers: no container has a CPU limit",
        "No nodes",
        "No node has images yet",
    ]


def test_a_resource_that_there_is_not(cluster):
    with pytest.raises(ValueError, match="resource='disk': use one of cpu, memory"):
        cluster.plot.usage("pod/web", resource="disk")
    with pytest.raises(ValueError, match="resource='gpu': use one of cpu, memory, filesystem"):
        cluster.plot.saturation(resource="gpu")


def test_a_request_that_is_the_limit_is_named_once(make):
    cluster = make(1, seed=3)
    cluster.apply([pod("web", limits={"memory": "64Mi"}), usage("web", memory={"constant": "8Mi"})])
    axes = cluster.run("1m").plot.usage("pod/web", resource="memory")
    assert [text.get_text() for text in axes.texts if "limit" in text.get_text()] == ["request and limit 64 MiB"]
