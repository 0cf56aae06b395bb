"""Several profiles, a back-off of one's own, extenders: what a user of a configured scheduler sees."""

from __future__ import annotations

import pytest

import kubelab as kl

CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 3
profiles:
- schedulerName: default-scheduler
- schedulerName: packer
  plugins:
    score:
      disabled: [{name: NodeResourcesBalancedAllocation}, {name: PodTopologySpread}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}
"""


def pod(name, cpu="500m", **spec):
    container = {"name": "a", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def places(cluster):
    return {each["metadata"]["name"]: each["spec"].get("nodeName") for each in cluster.list("pods")}


@pytest.fixture
def cluster(make):
    return make(4, scheduler_config=CONFIGURATION)


def test_each_profile_places_its_own_pods(cluster):
    for number in range(4):
        cluster.create(pod(f"spread-{number}"))
        cluster.create(pod(f"packed-{number}", schedulerName="packer"))
        cluster.run("1s")
    found = places(cluster)
    assert len({node for name, node in found.items() if name.startswith("packed")}) == 1
    assert len({node for name, node in found.items() if name.startswith("spread")}) == 4


def test_events_are_told_under_the_profiles_name(cluster):
    cluster.create(pod("packed", schedulerName="packer"))
    cluster.create(pod("big", cpu="99", schedulerName="packer"))
    cluster.run("5s")
    told = {event["reason"]: event for event in cluster.list("events") if event["reportingComponent"] == "packer"}
    assert sorted(told) == ["FailedScheduling", "Scheduled"]
    assert told["Scheduled"]["message"].startswith("Successfully assigned default/packed to node-")
    assert told["Scheduled"]["reportingInstance"].startswith("packer-")


def test_a_name_that_no_profile_has_is_looked_at_by_nobody(cluster):
    cluster.create(pod("lost", schedulerName="other"))
    cluster.run("1m")
    assert places(cluster) == {"lost": None}
    assert "no scheduler is called 'other'" in str(cluster.why_not("pod/lost"))
    with pytest.raises(ValueError, match="no scheduler is called 'other': there is default-scheduler, packer"):
        cluster.frames.scheduling("pod/lost")


def test_the_back_off_is_that_of_the_configuration(cluster):
    cluster.create(pod("big", cpu="5"))
    cluster.run("200ms")
    [queued] = cluster._engine.runners["scheduler"].memory["unschedulable"].values()
    assert (queued.backoff_until_ns - queued.timestamp_ns) / 1e9 == 2
    assert (queued._replace(attempts=5).backoff_until_ns - queued.timestamp_ns) / 1e9 == 3


def test_a_configuration_goes_into_forks_files_and_new_lives(cluster, tmp_path):
    cluster.create(pod("packed-0", schedulerName="packer"))
    cluster.run("5s")
    loaded = kl.load(cluster.save(tmp_path / "x.klab"))
    for each in (cluster.fork(), loaded):
        each.fault("ComponentCrash", components=["scheduler"], duration="5s")
        each.run("10s").create(pod("packed-1", schedulerName="packer"))
        assert len(set(places(each.run("10s")).values())) == 1


def test_a_bad_configuration_makes_no_cluster():
    with pytest.raises(kl.ConfigurationError, match=r"percentageOfNodesToScore: Invalid value: 101: not in valid range \[0-100\]"):
        kl.Cluster(1, scheduler_config={"percentageOfNodesToScore": 101})


def test_extenders_choose_and_refuse(make, tmp_path):
    def licensed(pod, nodes):
        names = [node["metadata"]["name"] for node in nodes]
        return {"nodeNames": names[1:], "failedNodes": dict.fromkeys(names[:1], "no licence")}

    licences = kl.Extender("http://licences", filter=licensed)
    cluster = make(2, extenders=[licences])
    cluster.create(pod("a"))
    cluster.run("5s")
    assert places(cluster)["a"] == "node-2"
    frame = cluster.frames.scheduling("pod/a")
    refused = frame[(frame["plugin"] == "extenders") & ~frame["passed"]]
    assert refused[["node", "reasons"]].values.tolist() == [["node-1", "no licence"]]
    loaded = kl.load(cluster.save(tmp_path / "x.klab"))
    loaded.create(pod("b"))
    assert 'Post "http://licences/filter": dial tcp: connect: connection refused' in str(loaded.run("5s").why_not("pod/b"))
    attached = kl.load(tmp_path / "x.klab", extenders=[licences])
    attached.create(pod("b"))
    assert places(attached.run("5s"))["b"] == "node-2"


def test_an_extender_that_binds(make):
    bound = []

    def bind(pod, node):
        bound.append((pod["metadata"]["name"], node))
        return "not this one" if pod["metadata"]["name"] == "b" else None

    cluster = make(1, extenders=[kl.Extender(bind=bind)])
    cluster.create(pod("a"))
    cluster.create(pod("b"))
    cluster.run("3s")
    assert places(cluster) == {"a": "node-1", "b": None}
    assert ("a", "node-1") in bound and ("b", "node-1") in bound
    assert "not this one" in str(cluster.why_not("pod/b"))


def test_the_table_and_the_picture_agree_with_the_scheduler(make):
    cluster = make(5)
    cluster.cordon("node-2")
    for number in range(6):
        cluster.create(pod(f"p{number}", cpu="900m"))
    cluster.run("10s")
    cluster.create(pod("new", cpu="700m"))
    before = cluster.frames.scheduling("pod/new").drop_duplicates("node").set_index("node")
    cluster.run("5s")
    chosen = places(cluster)["new"]
    assert before.loc[chosen, "total"] == before["total"].max()
    assert not before.loc["node-2", "fits"]
    table = cluster.fork().run("0s").why_not("pod/new")
    assert table.fine and table.table() == "NODE  TOTAL"
    ax = cluster.plot.scheduling("pod/new")
    assert ax.get_title(loc="left").startswith("4 nodes of 5 fit pod/new")
    cluster.create(pod("big", cpu="64"))
    answer = cluster.run("5s").why_not("pod/big")
    assert answer.table().splitlines()[1].split()[0] == "node-1" and "Insufficient cpu" in answer.table()
    assert cluster.plot.scheduling("pod/big").get_title(loc="left").startswith("No node fits pod/big: NodeResourcesFit refuses 5 of 5")


def test_what_frames_scheduling_is_about(make):
    cluster = make(1)
    with pytest.raises(ValueError, match="give a pod that is there"):
        cluster.frames.scheduling("pod/none")
    with pytest.raises(ValueError, match="give a pod that is there"):
        cluster.frames.scheduling("node/node-1")
    cluster.create(pod("a"))
    frame = cluster.frames.scheduling("pod/a")
    assert frame["stage"].unique().tolist() == ["filter", "score"]
    weighted = frame[frame["stage"] == "score"]
    assert (weighted["score"] * weighted["weight"] == weighted["weighted"]).all()
    assert weighted["weighted"].sum() == frame["total"].iloc[0]


def test_explain_follows_a_preemption_to_its_victim(make):
    cluster = make(1)
    cluster.apply({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 100})
    cluster.create(pod("low", cpu="3"))
    cluster.run("10s")
    cluster.create(pod("high", cpu="3", priorityClassName="high"))
    cluster.run("1m")
    assert places(cluster) == {"high": "node-1"}
    chain = str(cluster.explain("pod/low"))
    assert "scheduler: asked pod/low to terminate" in chain
    assert "because pod/high needs the place of 1 pods of lower priority on node-1" in chain


def test_explain_follows_an_eviction_and_a_collection(make):
    cluster = make(2)
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod("x")["spec"]}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
    cluster.settle()
    moved = next(each for each in cluster.list("pods") if each["spec"]["nodeName"] == "node-1")
    cluster.drain("node-1")
    cluster.settle()
    assert f"kubernetes-admin: evicted pod/{moved['metadata']['name']}" in str(cluster.explain(moved))
    replica_set = cluster.list("replicasets")[0]
    cluster.delete("deploy/web")
    cluster.settle()
    chain = str(cluster.explain(replica_set)).splitlines()
    assert "kubernetes-admin: removed deployment/web" in chain[-3]
    assert "garbage-collector-controller: removed replicaset/web" in chain[-2] and "has no living owner" in chain[-1]
