"""Collecting by each way, on a cluster whose truth is known."""

from __future__ import annotations

import pytest

from kubelab.frames.collecting import WAYS, collect, cost
from tests.scenario.metrics import pod, usage


@pytest.fixture
def cluster(make):
    found = make(2, seed=3)
    spikes = {"cpu": {"spikes": {"base": "50m", "peak": "1", "every": "60s", "length": "5s"}}}
    found.apply([usage("spiky", **spikes), pod("spiky"), usage("calm", cpu={"constant": "200m"}), pod("calm")])
    found.run("3m")
    return found


def test_the_runtime_tells_the_moment_and_each_way_behind_it_is_later(cluster):
    frame = collect(cluster, 60)
    ages = frame.groupby("way", observed=True)["age"]
    assert ages.max()["CRI"] == 0
    assert ages.max()["summary"] <= 21
    assert ages.median()["CRI"] < ages.median()["resource"] < ages.median()["metrics-server"]
    assert ages.max()["metrics-server"] <= 20 + 15 + 1
    assert cluster.elapsed == 240


def test_a_constant_is_told_rightly_by_every_way(cluster):
    frame = collect(cluster, 40, every=2)
    calm = frame[frame["pod"] == "calm"].dropna(subset="cpu")
    assert set(calm["way"]) == set(WAYS)
    assert calm["error"].abs().max() < 1e-3
    assert (calm["true_cpu"] == 0.2).all()


def test_a_spike_is_whole_in_the_runtime_alone(cluster):
    frame = collect(cluster, 120)
    highest = frame[frame["pod"] == "spiky"].groupby("way", observed=True)["cpu"].max()
    assert highest["CRI"] == pytest.approx(1)
    assert highest.drop("CRI").max() < 0.6


def test_the_rate_of_resource_is_that_of_its_own_counters(cluster):
    frame = collect(cluster, 60, ways=["resource"])
    own = frame[(frame["pod"] == "spiky") & frame["cpu"].notna()]
    first = own.iloc[0]
    later = own[own["cpu_seconds"] > first["cpu_seconds"]].iloc[0]
    taken = [row["elapsed"] - row["age"] for row in (first, later)]
    assert later["cpu"] == pytest.approx((later["cpu_seconds"] - first["cpu_seconds"]) / (taken[1] - taken[0]), rel=1e-2)


def test_looking_changes_nothing_of_what_is_looked_at(cluster):
    other = cluster.fork()
    collect(cluster, 30)
    other.run(30)
    assert cluster.frames.usage(every=1).equals(other.frames.usage(every=1))
    assert cluster.frames.stats().equals(other.frames.stats())
    assert len(cluster.frames.revisions()) == len(other.frames.revisions())


def test_what_a_look_costs(cluster):
    frame = cost(cluster).set_index("way")
    assert frame.loc["metrics-server", "asks"] == 1
    assert frame["containers"].unique().tolist() == [2]
    assert frame["bytes"].idxmax() == "cadvisor"
    assert frame.loc["CRI", "per_container"] == round(frame.loc["CRI", "bytes"] / 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"duration": 601}, "duration=601: from 0 to 600 seconds, further back the truth does not reach"),
        ({"duration": 10, "every": 0}, "every=0: seconds above 0 and up to the duration are needed"),
        ({"duration": 10, "ways": ["heapster"]}, "ways=\\['heapster'\\]: 'heapster' is not one of CRI, summary, resource, metrics-server"),
    ],
)
def test_bad_input(cluster, arguments, message):
    with pytest.raises(ValueError, match=message):
        collect(cluster, **arguments)
    assert cluster.elapsed == 180
