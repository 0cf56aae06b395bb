"""The controllers of this folder and those of storage at work in a whole cluster: stories that need more than one of them."""

import pytest

import kubelab as kl

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1.25", "ports": [{"containerPort": 80}]}]},
        },
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
USER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "user"},
    "spec": {
        "containers": [{"name": "c", "image": "nginx:1.25"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    },
}
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/web"


@pytest.fixture
def cluster():
    return kl.Cluster(nodes=3)


def names(cluster, *kinds: str) -> list[int]:
    return [len(cluster.list(kind)) for kind in kinds]


@pytest.mark.parametrize(
    ("policy", "left"),
    [("Background", [0, 0, 0]), ("Foreground", [0, 0, 0]), ("Orphan", [0, 1, 3])],
)
def test_the_three_ways_of_deleting(cluster, policy, left):
    cluster.apply(WEB)
    cluster.run(until="deployment/web ready")
    code, _ = cluster.request("DELETE", DEPLOYMENT, {"propagationPolicy": policy})
    assert code == 200
    cluster.run("60s")
    assert names(cluster, "deployments", "replicasets", "pods") == left
    cluster.settle()


def test_endpoints_and_slices_follow_the_pods(cluster):
    cluster.apply(WEB)
    cluster.apply(SERVICE)
    cluster.run(until="deployment/web ready")
    cluster.run("1s")
    (subset,) = cluster["endpoints/web"]["subsets"]
    ips = sorted(pod["status"]["podIP"] for pod in cluster.list("pods"))
    assert [each["ip"] for each in subset["addresses"]] == ips
    (slice_,) = cluster.list("endpointslices", selector="kubernetes.io/service-name=web")
    assert sorted(each["addresses"][0] for each in slice_["endpoints"]) == ips
    cluster.scale("deployment/web", 0)
    cluster.run("40s")
    assert "subsets" not in cluster["endpoints/web"]
    cluster.delete("service/web")
    cluster.run("10s")
    assert [each["metadata"]["name"] for each in cluster.list("endpoints")] == []
    assert cluster.list("endpointslices", selector="kubernetes.io/service-name=web") == []


def test_a_namespace_goes_with_all_that_is_in_it(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    cluster.run("1s")
    assert [each["metadata"]["name"] for each in cluster.list("serviceaccounts", namespace="team")] == ["default"]
    assert [each["metadata"]["name"] for each in cluster.list("configmaps", namespace="team")] == ["kube-root-ca.crt"]
    for manifest in (WEB, CLAIM, USER):
        cluster.apply(manifest, namespace="team")
    cluster.run("20s")
    assert len(cluster.list("pods", namespace="team")) == 4
    cluster.delete("namespace/team")
    cluster.run(until="namespace/team gone", timeout="3m")
    assert names(cluster, "persistentvolumes") == [1]
    cluster.run("30s")
    assert names(cluster, "persistentvolumes") == [0]
    cluster.settle()


def test_a_claim_in_use_stays_until_its_pod_is_gone(cluster):
    cluster.apply(CLAIM)
    cluster.run("2s")
    assert cluster["pvc/data"]["status"]["phase"] == "Pending"
    cluster.apply(USER)
    cluster.run(until="pod/user ready")
    cluster.delete("pvc/data")
    cluster.run("5s")
    assert cluster["pvc/data"]["status"]["phase"] == "Bound"
    cluster.delete("pod/user")
    cluster.run(until="pvc/data gone", timeout="2m")
    cluster.run("10s")
    assert names(cluster, "persistentvolumes") == [0]


@pytest.mark.parametrize("component", ["persistentvolume-binder", "dynamic-provisioner", "garbage-collector-controller", "job-controller"])
def test_a_component_that_is_killed_again_and_again_gets_there(cluster, component):
    engine = cluster._engine
    cluster.apply(CLAIM)
    cluster.apply(USER)
    job = {
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1.28", "command": ["sh", "-c", "sleep 1"]}]}
        }
    }
    cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {**job, "completions": 3}})
    cluster.apply(WEB)
    cluster.run("2s")
    cluster.request("DELETE", DEPLOYMENT, {"propagationPolicy": "Foreground"})
    for _ in range(200):
        cluster.run("53ms")
        engine.crash(component)
        engine.restart(component)
    cluster.run("2m")
    assert cluster["pvc/data"]["status"]["phase"] == "Bound"
    assert cluster["job/j"]["status"]["succeeded"] == 3
    assert names(cluster, "deployments", "replicasets") == [0, 0]
    cluster.settle()


def test_the_same_story_twice_and_in_a_fork():
    def story() -> kl.Cluster:
        cluster = kl.Cluster(nodes=3, seed=5)
        for manifest in (WEB, SERVICE, CLAIM, USER):
            cluster.apply(manifest)
        cluster.run("3s")
        return cluster

    def log(cluster: kl.Cluster) -> list:
        return [(commit.time_ns, commit.type, commit.key, commit.object) for commit in cluster._engine.store.log.commits]

    one, two = story(), story()
    fork = one.fork()
    for cluster in (one, two, fork):
        cluster.run("20s")
    assert log(one) == log(two) == log(fork)
