"""An API server that is slow, or refuses some calls; watches that come late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment
from tests.scenario.e2e import conditions

Make = Callable[..., kl.Cluster]
PLURAL = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}


def latencies(cluster: kl.Cluster, component: str, resource: str = "") -> list[float]:
    calls = cluster._engine.store.log.calls
    return [call.latency_ns / 1e9 for call in calls if call.component == component and resource in ("", call.resource)]


def test_calls_take_longer_and_a_rollout_with_them(make: Make) -> None:
    took = []
    for slow in (False, True):
        cluster = make(2, seed=6)
        if slow:
            cluster.fault("ApiSlow", resources=["pods"], delay="2s")
            cluster.run("1s")
        begun = cluster.elapsed
        cluster.apply(deployment("web", 3))
        cluster.run(until="deployment/web ready")
        took.append(cluster.elapsed - begun)
    assert took[1] - took[0] > 6  # create, bind, status and status again, one after the other
    late = latencies(cluster, "replicaset-controller", "pods")
    assert all(2 <= each < 2.1 for each in late)
    assert max(latencies(cluster, "replicaset-controller", "replicasets.apps")) < 0.1


def test_a_call_that_takes_a_minute_is_ended_by_the_server(make: Make) -> None:
    cluster = make(2, seed=6)
    cluster.fault("ApiSlow", resources=["replicasets"], delay="5m", duration="4m")
    cluster.run("1s")
    cluster.apply(deployment("web", 1))
    cluster.run("3m")
    refused = [call for call in cluster._engine.store.log.calls if call.code == 504]
    assert refused
    assert {(call.resource, call.reason, call.latency_ns / 1e9) for call in refused} == {("replicasets.apps", "Timeout", 60.0)}
    assert refused[0].message == "Timeout: request did not complete within requested timeout - context deadline exceeded"
    with pytest.raises(kl.ApiError) as asked:
        cluster.list("replicasets")
    assert (asked.value.code, asked.value.reason) == (504, "Timeout")
    assert asked.value.message == "Timeout: request did not complete within the allotted timeout"
    cluster.run(until="deployment/web ready", timeout="5m")


def test_heartbeats_are_given_up_after_ten_seconds(make: Make) -> None:
    cluster = make(2, seed=6)
    cluster.fault("ApiSlow", users=["system:node:node-1"], delay="15s", duration="3m")
    cluster.run("90s")
    assert conditions(cluster["node/node-1"])["Ready"] == ("Unknown", "NodeStatusUnknown")
    assert conditions(cluster["node/node-2"])["Ready"] == ("True", "KubeletReady")
    cluster.run("4m")
    assert conditions(cluster["node/node-1"])["Ready"] == ("True", "KubeletReady")


def test_a_delay_below_their_patience_loses_no_heartbeat(make: Make) -> None:
    cluster = make(2, seed=6)
    cluster.fault("ApiSlow", users=["system:node:node-1"], delay="8s", duration="3m")
    cluster.run("3m")
    assert conditions(cluster["node/node-1"])["Ready"] == ("True", "KubeletReady")


SELECTED: list[tuple[dict[str, Any], tuple[str, str], int]] = [
    ({"resources": ["configmaps"]}, ("create", "alice"), 500),
    ({"resources": ["configmaps"], "code": 503}, ("create", "alice"), 503),
    ({"resources": ["configmaps"], "code": 429}, ("create", "alice"), 429),
    ({"resources": ["configmaps"], "code": 504}, ("create", "alice"), 504),
    ({"resources": ["secrets"]}, ("create", "alice"), 201),
    ({"verbs": ["update", "patch"]}, ("create", "alice"), 201),
    ({"verbs": ["create"]}, ("create", "alice"), 500),
    ({"users": ["bob"]}, ("create", "alice"), 201),
    ({"users": ["bob", "alice"]}, ("create", "alice"), 500),
    ({"components": ["scheduler"]}, ("create", "alice"), 201),
]


@pytest.mark.parametrize(("fields", "call", "code"), SELECTED, ids=[str(row[0]) for row in SELECTED])
def test_which_calls_are_refused(make: Make, fields: dict[str, Any], call: tuple[str, str], code: int) -> None:
    cluster = make(1, seed=6)
    cluster.fault("ApiError", **fields)
    cluster.run("1s")
    got, answer = cluster.request("POST", "/api/v1/namespaces/default/configmaps", PLURAL, user=call[1], groups=["system:masters"])
    assert got == code
    assert code < 400 or (answer["kind"], answer["code"]) == ("Status", code)


def test_a_share_of_the_calls_is_refused(make: Make) -> None:
    cluster = make(1, seed=6)
    cluster.fault("ApiError", resources=["configmaps"], share="25%")
    cluster.run("1s")
    codes = [cluster.request("POST", "/api/v1/namespaces/default/configmaps", PLURAL)[0] for _ in range(400)]
    assert set(codes) == {201, 500}
    assert 70 <= codes.count(500) <= 130


def test_one_component_alone_is_refused(make: Make) -> None:
    cluster = make(2, seed=6)
    cluster.fault("ApiError", components=["replicaset-controller"], duration="30s")
    cluster.run("1s")
    cluster.apply(deployment("web", 2))
    cluster.run("20s")
    refused = {call.component for call in cluster._engine.store.log.calls if call.code == 500}
    assert refused == {"replicaset-controller"}
    cluster.run(until="deployment/web ready", timeout="2m")


def test_the_later_of_two_delays_of_watches_holds(make: Make) -> None:
    cluster = make(1, seed=6)
    cluster.fault("WatchLag", components=["scheduler"], delay="3s", name="short")
    cluster.fault("WatchLag", components=["scheduler"], delay="8s", name="long")
    cluster.run("1s")
    runner = cluster._engine.runners["scheduler"]
    assert runner.lag_ns == 8 * 10**9
    cluster.delete("fault/long")
    cluster.run("1s")
    assert runner.lag_ns == 3 * 10**9
    cluster.apply(deployment("web", 1))
    cluster.run(until="deployment/web ready", timeout="1m")
    cluster.delete("fault/short")
    cluster.run("1s")
    assert runner.lag_ns == 0
    assert cluster._engine.lagging == {}


def test_slow_and_refusing_at_once(make: Make) -> None:
    cluster = make(1, seed=6)
    cluster.fault("ApiSlow", delay="1s", duration="1m")
    cluster.fault("ApiError", resources=["pods"], share=0.3, duration="1m")
    cluster.run("1s")
    cluster.apply(deployment("web", 3))
    cluster.run("3m")
    assert cluster.rollout("deployment/web").done
    assert cluster._engine.server.faults == {}
