"""Node pools and options: what is taken, and what is refused by name."""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.cluster.autoscaler import options, pools


def test_a_pools_nodes_bear_its_labels_taints_and_capacity():
    given = {"cpu": 8, "memory": "32Gi", "labels": {"disk": "ssd"}, "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}
    node = pools.read({"fast": given})["fast"].node("fast-1", 3, 0)
    assert node["metadata"]["labels"] | {"disk": "ssd", "lab.kubelab.dev/node-pool": "fast"} == node["metadata"]["labels"]
    assert node["spec"]["taints"] == [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    assert (node["status"]["capacity"]["cpu"], node["status"]["capacity"]["memory"]) == ("8", "32Gi")


BAD = [
    ({}, "node pools: "),
    ({"Big": {}}, "node pools['Big']: the name"),
    ({"a": 3}, "node pools['a']: 3: give a dict"),
    ({"a": {"size": 3}}, "node pools['a'].size: there is no such field"),
    ({"a": {"min": -1}}, "node pools['a'].min: -1"),
    ({"a": {"min": 3, "max": 2}}, "node pools['a'].max: 2 is less than min, 3"),
    ({"a": {"price": "cheap"}}, "node pools['a'].price: 'cheap'"),
    ({"a": {"price": -1}}, "node pools['a'].price: -1"),
    ({"a": {"cpu": "much"}}, "node pools['a'].cpu: 'much'"),
    ({"a": {"cpu": -2}}, "node pools['a'].cpu: -2"),
    ({"a": {"boot": "-3s"}}, "node pools['a'].boot"),
    ({"a": {"labels": {"x": 3}}}, "node pools['a'].labels"),
    ({"a": {"taints": [{"key": "k"}]}}, "node pools['a'].taints[0]"),
]


@pytest.mark.parametrize(("given", "words"), BAD, ids=range(len(BAD)))
def test_pools_that_will_not_do(given, words):
    with pytest.raises(ValueError) as error:
        pools.read(given)
    assert str(error.value).startswith(words)


BAD_OPTIONS = [
    ({"expander": "cheapest"}, "expander: 'cheapest' is none"),
    ({"colour": 1}, "autoscaler: there is no option 'colour'"),
    ({"scale_down_utilization_threshold": 2}, "scale_down_utilization_threshold: 2: give a number from 0 to 1"),
    ({"max_nodes_total": -1}, "max_nodes_total: -1"),
    ({"scale_down_enabled": "no"}, "scale_down_enabled: 'no'"),
    ({"scan_interval": 0}, "scan_interval: 0"),
]


@pytest.mark.parametrize(("given", "words"), BAD_OPTIONS, ids=range(len(BAD_OPTIONS)))
def test_options_that_will_not_do(given, words):
    with pytest.raises(ValueError) as error:
        options.read(given)
    assert str(error.value).startswith(words)


def test_a_refused_pool_changes_nothing():
    cluster = kl.Cluster(1, node_pools={"a": {"cpu": 2}})
    before = len(cluster._engine.store.log.commits)
    for given, words in (({"a": {}}, "there is a pool of this name already"), ({"b": {"cpu": "x"}}, "cpu")):
        with pytest.raises(ValueError, match=words):
            cluster.autoscale(given)
    with pytest.raises(ValueError, match="priority"):
        cluster.autoscale({"c": {}}, expander="priority")
    assert len(cluster._engine.store.log.commits) == before
    assert list(pools.pools(cluster._engine.machines[""])) == ["a"]
