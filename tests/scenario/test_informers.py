"""The calls of informers through a cluster's life: the boot, the ends of watches, crashes, elections, cut-off nodes, refusals.

upstream: client-go/tools/cache/reflector.go, pkg/kubelet/util/manager/watch_based_manager.go, apiserver/pkg/endpoints/filters/audit.go, 1.28.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kubelab as kl
from tests.builders import container, deployment, pod

Object = dict[str, Any]


def watches(cluster: kl.Cluster, component: str, resource: str = "", since: float = -60) -> pd.DataFrame:
    frame = cluster.frames.watches()
    frame = frame[(frame["component"] == component) & (frame["began"] >= since)]
    return frame[frame["resource"] == resource] if resource else frame


def lists(cluster: kl.Cluster, component: str, since: float = -60) -> pd.DataFrame:
    return cluster.frames.calls().query("component == @component and verb == 'list' and elapsed >= @since")


def stories(events: list[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for event in events:
        found.setdefault(event["auditID"], []).append(event)
    return found


# -- the boot and the ends of watches --------------------------------------------------------------------------------------------
def test_the_boot_is_on_record_before_anything_a_user_does():
    cluster = kl.Cluster(2, audit_policy="Metadata")
    cluster.create(pod("first"))
    events = cluster.audit_events()
    mine = next(at for at, event in enumerate(events) if event["user"]["username"] == "kubernetes-admin")
    booting = events[:mine]
    verbs = {(event["user"]["username"], event["verb"], event["requestURI"].partition("?")[0]) for event in booting}
    for node in ("node-1", "node-2"):
        assert (f"system:node:{node}", "create", "/api/v1/nodes") in verbs
        assert (f"system:node:{node}", "create", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases") in verbs
        assert (f"system:node:{node}", "watch", "/api/v1/pods") in verbs
    assert ("system:apiserver", "create", "/api/v1/namespaces") in verbs
    assert ("system:kube-scheduler", "list", "/api/v1/nodes") in verbs
    assert all(event["responseStatus"]["code"] < 300 for event in booting if event["stage"] == "ResponseComplete")
    times = [event["stageTimestamp"] for event in events]
    assert times == sorted(times)


def test_a_watch_has_three_events_of_one_id_and_the_next_goes_on_from_there():
    cluster = kl.Cluster(1, audit_policy="RequestResponse")
    cluster.run("11m")
    told = [event for event in cluster.audit_events() if event["user"]["username"] == "system:node:node-1" and event["verb"] == "watch"]
    of_services = [story for story in stories(told).values() if story[0]["objectRef"]["resource"] == "services"]
    first, second = of_services[:2]
    assert [event["stage"] for event in first] == ["RequestReceived", "ResponseStarted", "ResponseComplete"]
    assert "responseStatus" not in first[0] and first[1]["responseStatus"] == {"metadata": {}, "code": 200}
    assert not any("responseObject" in event or "requestObject" in event for event in first)
    assert first[2]["annotations"] == {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
    assert second[0]["requestReceivedTimestamp"] == first[2]["stageTimestamp"]
    seconds = int(first[0]["requestURI"].partition("timeoutSeconds=")[2].partition("&")[0])
    lasted = pd.Timestamp(first[2]["stageTimestamp"]) - pd.Timestamp(first[0]["requestReceivedTimestamp"])
    assert lasted.total_seconds() == seconds
    seen = [int(story[0]["requestURI"].partition("&resourceVersion=")[2].partition("&")[0]) for story in of_services]
    assert seen == sorted(seen) and seen[0] < seen[1]
    [(stage, uri)] = {(event["stage"], event["requestURI"]) for event in of_services[-1] if event["stage"] == "ResponseStarted"}
    assert stage == "ResponseStarted" and uri == of_services[-1][0]["requestURI"]


def test_a_list_answers_what_there_was_then():
    cluster = kl.Cluster(1, audit_policy="RequestResponse")
    cluster.create(pod("later"))
    cluster.fault("ComponentCrash", components=["scheduler"], start="1s", duration="1s")
    cluster.run("1m")
    found = [event for event in cluster.audit_events() if event["user"]["username"] == "system:kube-scheduler" and event["verb"] == "list"]
    of_pods = [
        event["responseObject"] for event in found if event["objectRef"]["resource"] == "pods" and event["stage"] == "ResponseComplete"
    ]
    assert [[item["metadata"]["name"] for item in answer["items"]] for answer in of_pods] == [[], ["later"]]
    assert {answer["kind"] for answer in of_pods} == {"PodList"} and "managedFields" in of_pods[1]["items"][0]["metadata"]


def test_calls_and_revisions_count_alike():
    cluster = kl.Cluster(2)
    cluster.apply(deployment("web", 3))
    cluster.run("8m")
    calls, revisions = cluster.frames.calls(), cluster.frames.revisions()
    assert calls["time"].is_monotonic_increasing
    assert (calls.loc[revisions["call"], "time"].to_numpy() == revisions["time"].to_numpy()).all()
    assert len(calls) == len(cluster._engine.store.log.calls) + len(cluster._engine.store.log.informers)


def test_what_is_counted_is_what_there_is():
    cluster = kl.Cluster(1, audit_policy="Metadata")
    cluster.run("7m")
    cluster.fault("ComponentCrash", components=["kubelet/node-1", "scheduler"], duration="30s")
    cluster.run("7m")
    assert cluster.audit.counts()["event_total"] == len(cluster.audit_events())


def test_a_policy_that_speaks_of_watches_has_them():
    rules = [
        {"level": "None", "verbs": ["list"]},
        {"level": "Metadata", "verbs": ["watch"], "resources": [{"group": "", "resources": ["pods"]}]},
    ]
    cluster = kl.Cluster(
        1, audit_policy={"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}
    )
    events = cluster.audit_events()
    assert {(event["verb"], event["stage"]) for event in events} == {("watch", "ResponseStarted")}
    users = {event["user"]["username"] for event in events}
    assert users == {"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:node:node-1"}


def test_backends_get_every_event_once_however_the_time_is_cut(tmp_path: Path):
    files = []
    for name, pieces in (("whole", ["15m"]), ("cut", ["7m", "1s", "2m", "5m59s"])):
        cluster = kl.Cluster(1, seed=5, audit_policy="Metadata")
        cluster.audit.log(tmp_path / name, from_start=True)
        for piece in pieces:
            cluster.run(piece)
        files.append(sorted((tmp_path / name).read_text().splitlines()))
        assert len(files[-1]) == len(cluster.audit_events()) == len(set(files[-1]))
    assert files[0] == files[1]


# -- processes that end ------------------------------------------------------------------------------------------------------------
def test_a_kubelet_that_crashes_ends_its_watches_and_lists_anew():
    cluster = kl.Cluster(1)
    cluster.run("10s")
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], duration="20s")
    cluster.run("1m")
    before, after = watches(cluster, "kubelet/node-1").query("began < 0"), watches(cluster, "kubelet/node-1", since=0)
    assert len(before) == len(after) == 5
    assert before["ended"].between(10, 10.1).all() and after["ended"].isna().all()
    own = after["resource"] == "pods"  # upstream: NewSourceApiserver looks once a second whether the node has been seen
    assert after[~own]["began"].between(30, 30.1).all() and after[own]["began"].between(31, 31.1).all()
    assert len(lists(cluster, "kubelet/node-1", since=10)) == 5
    assert watches(cluster, "scheduler")["ended"].isna().all()


def test_a_node_without_power_leaves_its_watches_to_their_time():
    cluster = kl.Cluster(1)
    cluster.fault("NodeCrash", nodes=["node-1"], duration="1m")
    cluster.run("12m")
    before = watches(cluster, "kubelet/node-1").query("began < 0")
    assert (before["ended"] - before["began"] > 299).all()
    assert (before["lasted"].round() == before["timeout"]).all()
    assert len(watches(cluster, "kubelet/node-1", "pods", since=60).query("began < 70")) == 1


def test_a_node_that_is_shut_down_in_good_order_closes_its_watches():
    cluster = kl.Cluster(1)
    cluster.fault("NodeShutdown", nodes=["node-1"], grace="5s", critical="0s", duration="1m")
    cluster.run("2m")
    before, after = watches(cluster, "kubelet/node-1").query("began < 0"), watches(cluster, "kubelet/node-1", since=0)
    assert len(before) == len(after) == 5
    assert (before["ended"] < 10).all() and (before["lasted"] < 60).all() and after["began"].between(60, 61.2).all()


def test_the_controllers_share_their_informers_as_one_process():
    cluster = kl.Cluster(1)
    cluster.fault("ComponentCrash", components=["deployment-controller"], duration="10s")
    cluster.run("30s")
    assert watches(cluster, "kube-controller-manager")["ended"].isna().all()
    assert not len(watches(cluster, "kube-controller-manager", since=10))


def test_a_new_leader_lists_and_each_replica_of_the_scheduler_is_told():
    cluster = kl.Cluster(1, seed=4, control_planes=2)
    holder = cluster.get("lease/kube-controller-manager", namespace="kube-system")["spec"]["holderIdentity"].partition("_")[0]
    assert len(watches(cluster, "kube-controller-manager", "pods")) == 1
    for replica in ("control-plane-1", "control-plane-2"):
        assert len(watches(cluster, f"kube-scheduler/{replica}", "pods")) == 1
    cluster.fault("ComponentCrash", components=[f"kube-controller-manager/{holder}"], duration="1h")
    cluster.run("1m")
    first, second = watches(cluster, "kube-controller-manager", "pods").itertuples()
    assert first.ended < 1 and second.began > 10
    assert not len(watches(cluster, "scheduler"))


@pytest.mark.parametrize(("length", "anew"), [("20s", False), ("2m", True)])
def test_a_kubelet_that_was_cut_off_lists_from_what_it_has_seen_if_its_connection_was_given_up(length: str, anew: bool):
    cluster = kl.Cluster(1, audit_policy="Metadata")
    cluster.run("1s")
    cluster.fault("NodePartition", nodes=["node-1"], duration=length)
    cluster.run("4m")
    again = [
        event
        for event in cluster.audit_events()
        if event["user"]["username"] == "system:node:node-1" and event["verb"] == "list" and event["stageTimestamp"] > "2026-01-01T00:00:01"
    ]
    assert bool(again) == anew
    for event in again:
        query = event["requestURI"].partition("?")[2]
        assert "limit=" not in query and "resourceVersion=0" not in query and "resourceVersion=" in query


def test_a_watch_that_ends_while_its_node_is_cut_off_goes_on_afterwards():
    cluster = kl.Cluster(1)
    first = watches(cluster, "kubelet/node-1").sort_values("timeout").iloc[0]
    cluster.run(float(first.began + first.timeout) - 10)
    cluster.fault("NodePartition", nodes=["node-1"], duration="25s")
    cluster.run("2m")
    found = watches(cluster, "kubelet/node-1", first.resource)
    assert len(found) == 2
    gap = found["began"].iloc[1] - found["ended"].iloc[0]
    assert 10 < gap < 40


# -- what pods refer to --------------------------------------------------------------------------------------------------------------
def test_a_kubelet_watches_the_objects_of_its_pods_while_one_needs_them():
    cluster = kl.Cluster(1)
    cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"a": "b"}})
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}})
    using = container(envFrom=[{"configMapRef": {"name": "settings"}}])
    volumes = [{"name": "key", "secret": {"secretName": "key"}}]
    cluster.create(pod("one", using, volumes=volumes))
    cluster.create(pod("two", using))
    cluster.run("1m")
    found = watches(cluster, "kubelet/node-1", since=0)
    selectors = sorted(zip(found["resource"].astype(str), found["selector"].astype(str), strict=True))
    assert selectors == [
        ("configmaps", "metadata.name=kube-root-ca.crt"),
        ("configmaps", "metadata.name=settings"),
        ("secrets", "metadata.name=key"),
    ]
    assert set(found["namespace"]) == {"default"} and set(found["code"]) == {200}
    cluster.delete("pod/one", grace_period=1)
    cluster.run("30s")
    ended = watches(cluster, "kubelet/node-1", since=0).query("ended == ended")
    assert list(ended["resource"]) == ["secrets"]
    cluster.delete("pod/two", grace_period=1)
    cluster.run("30s")
    assert watches(cluster, "kubelet/node-1", since=0)["ended"].notna().all()


def test_a_pod_that_is_done_needs_nothing_more():
    cluster = kl.Cluster(1)
    cluster.create(pod("short", container("busybox", command=["sh", "-c", "exit 0"]), restartPolicy="Never"))
    cluster.run("1m")
    assert cluster["pod/short"]["status"]["phase"] == "Succeeded"
    assert watches(cluster, "kubelet/node-1", "configmaps")["ended"].notna().all()


# -- refusals -----------------------------------------------------------------------------------------------------------------------
def test_an_informer_that_is_refused_lists_again_with_back_off():
    cluster = kl.Cluster(1, audit_policy="Metadata")
    cluster.delete("clusterrolebinding/system:kube-scheduler")
    cluster.delete("clusterrolebinding/system:volume-scheduler")
    cluster.fault("ComponentCrash", components=["scheduler"], duration="1s")
    cluster.run("2m")
    refused = lists(cluster, "scheduler", since=1).query("resource == 'replicationcontrollers' and code == 403")
    gaps = refused["elapsed"].diff().dropna()
    assert len(refused) >= 4 and gaps.iloc[0] >= 0.8 and gaps.max() <= 60.1 and gaps.iloc[2] > gaps.iloc[0]
    event = next(e for e in cluster.audit_events() if e["verb"] == "list" and (e.get("responseStatus") or {}).get("code") == 403)
    assert event["annotations"]["authorization.k8s.io/decision"] == "forbid" and event["responseStatus"]["reason"] == "Forbidden"
    assert not len(watches(cluster, "scheduler", "replicationcontrollers", since=1))


def test_faults_of_the_api_server_hit_them_too():
    cluster = kl.Cluster(1)
    cluster.fault("ApiError", resources=["services"], verbs=["list", "watch"], code=503, duration="30s")
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], start="1s", duration="1s")
    cluster.run("2m")
    assert 503 in set(lists(cluster, "kubelet/node-1", since=0).query("resource == 'services'")["code"])
    assert len(watches(cluster, "kubelet/node-1", "services", since=30)) == 1


# -- they change nothing else ---------------------------------------------------------------------------------------------------------
def story(cluster: kl.Cluster) -> kl.Cluster:
    cluster.apply(deployment("web", 4))
    cluster.run("3m")
    cluster.fault("NodeCrash", nodes=["node-1"], duration="5m")
    cluster.run("6m")
    cluster.delete("deployment/web")
    return cluster.run("4m")


def told(cluster: kl.Cluster) -> Any:
    return cluster._engine.store.log.informers.state(), cluster._engine.reflectors.state()


def test_two_runs_make_the_same_calls():
    assert told(story(kl.Cluster(2, seed=3))) == told(story(kl.Cluster(2, seed=3)))


def test_another_hash_seed_makes_the_same_calls():
    code = "import kubelab as kl, json; c = kl.Cluster(2, seed=3); c.run('12m'); print(json.dumps(c._engine.store.log.informers.state(), default=str))"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "4242")
    ]
    assert outputs[0] == outputs[1] and len(outputs[0]) > 1000


def test_the_rest_of_a_world_is_as_without_them(monkeypatch: pytest.MonkeyPatch):
    with_them = story(kl.Cluster(2, seed=3))
    monkeypatch.setattr("kubelab.engine.reflectors._begin", lambda *_: None)
    monkeypatch.setattr("kubelab.engine.referred._hold", lambda *_: None)
    monkeypatch.setattr("kubelab.engine.referred._let_go", lambda *_: None)
    without = story(kl.Cluster(2, seed=3))
    assert not len(without._engine.store.log.informers) and len(with_them._engine.store.log.informers)
    assert list(with_them._engine.store.log.commits) == list(without._engine.store.log.commits)
    assert list(with_them._engine.store.log.calls) == list(without._engine.store.log.calls)
    assert with_them._engine.wakes.sequence == without._engine.wakes.sequence


def test_forks_and_saved_worlds_go_on_in_the_middle_of_watches(tmp_path: Path):
    cluster = kl.Cluster(2, seed=3, audit_policy="RequestResponse")
    cluster.apply(deployment("web", 3))
    cluster.fault("ComponentCrash", components=["kubelet/node-2"], start="4m", duration="2m")
    cluster.run("5m")
    worlds = [cluster, cluster.fork(), kl.load(cluster.save(tmp_path / "x.klab"))]
    for world in worlds:
        world.run("10m")
    first, *others = worlds
    for other in others:
        assert told(other) == told(first)
        assert other.audit_events() == first.audit_events()


def test_nothing_waits_for_them():
    cluster = kl.Cluster(1)
    assert cluster.settle().elapsed == 0
    cluster.create(pod("p"))
    cluster.settle()
    assert cluster.elapsed < 10 and cluster._engine.moving == 0
    assert len(watches(cluster, "kubelet/node-1", "configmaps")) == 1
