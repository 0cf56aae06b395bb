"""Frames of usage, on a cluster whose truth is known: constants and spikes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.scenario.metrics import pod, usage

LIMITS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "250m", "memory": "128Mi"}}


@pytest.fixture
def cluster(make):
    found = make(2, seed=3)
    curves = {"cpu": {"spikes": {"base": "50m", "peak": "1", "every": "40s", "length": "10s"}}, "memory": {"constant": "96Mi"}}
    found.apply([usage("web", **curves), pod("web", **LIMITS), pod("bare")])
    found.run("3m")
    return found


def test_samples_reach_two_minutes_back_and_stand_in_their_order(cluster):
    frame = cluster.frames.stats()
    assert frame["time"].is_monotonic_increasing
    assert frame["age"].between(0, 120).all()
    assert frame["window"].between(10, 31).all()
    assert frame["memory_limit"].dropna().unique().tolist() == [128 * 2**20]


def test_a_sample_never_says_more_than_the_truth_did(cluster):
    sampled, truth = cluster.frames.stats(), cluster.frames.usage("pod/web", every=1)
    own = sampled[sampled["pod"] == "web"]
    assert own["cpu"].max() <= truth["cpu"].max() + 1e-9
    assert own["cpu"].min() >= truth["cpu"].min() - 1e-9


def test_the_truth_at_each_second(cluster):
    truth = cluster.frames.usage("pod/web", every=1)
    assert sorted(truth["cpu"].unique()) == [0.05, 0.25]
    assert sorted(truth["cpu_demand"].unique()) == [0.05, 1.0]
    assert set(zip(truth["cpu_request"], truth["cpu_limit"], truth["memory_request"], strict=True)) == {(0.1, 0.25, 64 * 2**20)}
    assert truth["working_set"].unique().tolist() == [96 * 2**20]
    counted = np.diff(truth["cpu_seconds"])
    assert counted.max() <= 0.25 + 0.025 + 1e-9
    assert truth["elapsed"].iloc[-1] == cluster.elapsed


def test_an_ended_container_is_there_up_to_its_end(make):
    cluster = make(1, seed=3)
    cluster.apply([usage("leak", memory={"ramp": {"from": "40Mi", "to": "1Gi", "over": "2m"}}), pod("leak", limits={"memory": "200Mi"})])
    cluster.run("90s")
    frame = cluster.frames.usage("pod/leak", every=1)
    killed = frame[frame["ended"] == "OOMKilled"]
    assert len(killed)
    assert (killed["elapsed"] < killed["ended_elapsed"]).all()
    assert killed["working_set"].max() < 200 * 2**20


def test_nodes_as_shares_of_what_they_have(cluster):
    frame = cluster.frames.node_usage(since=60, every=10)
    assert frame["node"].astype(str).unique().tolist() == ["node-1", "node-2"]
    assert frame["elapsed"].min() >= 60
    assert np.allclose(frame["cpu_share"], frame["cpu"] / 4)
    assert (frame["cpu_demand"] >= frame["cpu"]).all()
    assert np.allclose(frame["memory_share"], frame["memory"].astype(float) / (16 * 2**30))


def test_the_summary_has_a_row_of_each_level(cluster):
    frame = cluster.frames.summary()
    assert frame["level"].value_counts().to_dict() == {"system": 8, "node": 2, "pod": 2, "container": 2}
    inside = frame[frame["level"] == "container"].set_index("pod")
    assert inside["working_set"]["web"] == 96 * 2**20
    assert inside["available"]["web"] == 32 * 2**20
    assert inside["available"].isna()["bare"]


def test_images_as_the_kubelets_report_them(cluster):
    frame = cluster.frames.image_filesystem()
    last = frame.groupby("node", observed=True).last()
    assert (last["bytes"] > 0).all()
    assert np.allclose(frame["share"], frame["bytes"].astype(float) / (100 * 2**30))


def test_an_empty_cluster_has_the_same_columns(make, cluster):
    empty = make(1, seed=3)
    for name in ("stats", "summary", "usage", "node_usage", "image_filesystem"):
        ours, full = getattr(empty.frames, name)(), getattr(cluster.frames, name)()
        assert list(ours.columns) == list(full.columns)
        assert ours.drop(columns=["node", "namespace"], errors="ignore").dtypes.to_dict() == (
            full.drop(columns=["node", "namespace"], errors="ignore").dtypes.to_dict()
        )


def test_bad_input_is_told(cluster):
    with pytest.raises(ValueError, match="every=0: give seconds, more than 0"):
        cluster.frames.usage(every=0)
    with pytest.raises(ValueError, match="there never was a pod/nobody"):
        cluster.frames.usage("pod/nobody")
    assert len(cluster.frames.usage(since=10_000)) == 0
