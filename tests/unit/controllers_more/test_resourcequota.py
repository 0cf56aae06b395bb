"""The resource quota controller: what a quota's status becomes, and what makes it count again.

upstream: pkg/controller/resourcequota/resource_quota_controller_test.go TestSyncResourceQuota, TestAddQuota; quota/v1/install/update_filter.go,
1.28.
"""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.controllers.resourcequota.controller import Seen, plan, usage


def quota(hard, status=None, **spec):
    found = {"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": hard, **spec}}
    return {**found, "status": status} if status is not None else found


def seen(found, counted):
    return Seen(found, usage(found, counted))


def written(found, counted):
    [call] = plan(seen(found, counted)).calls
    return call.subresource, call.body["status"]


def test_a_quota_without_status_is_told_what_is_used():
    assert written(quota({"pods": "5", "cpu": "3"}), {"pods": "2", "cpu": "200m"}) == (
        "status",
        {"hard": {"pods": "5", "cpu": "3"}, "used": {"pods": "2", "cpu": "200m"}},
    )


def test_nothing_is_written_where_the_status_is_right():
    status = {"hard": {"cpu": "4"}, "used": {"cpu": "0"}}
    assert plan(seen(quota({"cpu": "4"}, status), {"cpu": "0"})).calls == ()
    same = {"hard": {"cpu": "4000m"}, "used": {"cpu": "0"}}
    assert plan(seen(quota({"cpu": "4"}, same), {"cpu": "0"})).calls == ()


def test_limits_that_changed_are_taken_over():
    """upstream: "quota-missing-hard"-like rows: spec wins, what is no more limited is no more told."""
    status = {"hard": {"cpu": "3", "memory": "1Gi"}, "used": {"cpu": "0", "memory": "0"}}
    assert written(quota({"cpu": "4"}, status), {"cpu": "0"})[1] == {"hard": {"cpu": "4"}, "used": {"cpu": "0"}}


def test_what_nobody_can_count_keeps_its_usage():
    status = {"hard": {"pods": "5", "count/widgets.example.com": "9"}, "used": {"pods": "1", "count/widgets.example.com": "3"}}
    found = quota({"pods": "5", "count/widgets.example.com": "9"}, status)
    assert usage(found, {"pods": "2", "count/widgets.example.com": "0"}) == {"pods": "2", "count/widgets.example.com": "3"}


@pytest.fixture
def cluster():
    return kl.Cluster(2)


def pod(name, cpu="500m", **spec):
    container = {"name": "a", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def used(cluster):
    return cluster["quota/q"]["status"]["used"]


def create(cluster, hard, **spec):
    cluster.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard, **spec}})


def test_a_new_quota_counts_what_is_there(cluster):
    cluster.create(pod("a"))
    create(cluster, {"pods": "5", "requests.cpu": "2", "count/pods": "9"})
    cluster.run("1s")
    assert used(cluster) == {"pods": "1", "requests.cpu": "500m", "count/pods": "1"}


def test_what_goes_is_given_back(cluster):
    create(cluster, {"pods": "1", "configmaps": "9"})
    cluster.run("1s").create(pod("a"))
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}})
    with pytest.raises(kl.ApiError, match="exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"):
        cluster.create(pod("b"))
    before = used(cluster)
    cluster.delete("pod/a")
    cluster.delete("configmap/m")
    cluster.run("1m")
    assert (before["pods"], used(cluster)["pods"]) == ("1", "0")
    assert int(used(cluster)["configmaps"]) == int(before["configmaps"]) - 1
    cluster.create(pod("b"))


def test_a_pod_that_has_ended_is_given_back_though_it_is_there(cluster):
    create(cluster, {"pods": "1", "count/pods": "9"})
    done = pod("a", restartPolicy="Never")
    done["spec"]["containers"][0]["command"] = ["sh", "-c", "sleep 5"]
    cluster.run("1s").create(done)
    cluster.run("1m")
    assert used(cluster) == {"pods": "0", "count/pods": "1"}


def test_a_service_that_gives_up_its_node_port(cluster):
    create(cluster, {"services.nodeports": "5"})
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"port": 80}]},
    }
    cluster.run("1s").create(service)
    assert used(cluster) == {"services.nodeports": "1"}
    cluster.patch("service/s", {"spec": {"type": "ClusterIP"}})
    assert used(cluster.run("1s")) == {"services.nodeports": "0"}


def test_scopes_count_only_their_pods(cluster):
    cluster.create(pod("a"))
    cluster.create(pod("b", activeDeadlineSeconds=600))
    create(cluster, {"pods": "5"}, scopes=["Terminating"])
    assert used(cluster.run("1s")) == {"pods": "1"}


def test_all_is_counted_again_every_five_minutes_where_there_are_quotas(cluster):
    create(cluster, {"count/leases.coordination.k8s.io": "9"})
    cluster.run("1s")
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {}}
    cluster.create(lease)
    cluster.delete("lease/l")
    assert used(cluster.run("1m")) == {"count/leases.coordination.k8s.io": "1"}
    assert used(cluster.run("5m")) == {"count/leases.coordination.k8s.io": "0"}


def test_without_quotas_the_controller_does_nothing(cluster):
    cluster.create(pod("a"))
    cluster.run("20m")
    cluster.delete("pod/a")
    calls = cluster.run("1m").frames.calls()
    assert not (calls["component"] == "resourcequota-controller").any()
