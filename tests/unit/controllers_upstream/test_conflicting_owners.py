"""Owners that a reference does not name as they are: what the garbage collector takes and what it leaves, by the outcomes of upstream's stories.

upstream: pkg/controller/garbagecollector/garbagecollector_test.go TestConflictingData, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.store.log import Object

TOLD = "Warning OwnerRefInvalidNamespace"


@pytest.fixture
def cluster() -> kl.Cluster:
    cluster = kl.Cluster(nodes=1)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns2"}})
    return cluster


def config_map(name: str, *owners: Object, namespace: str = "default") -> Object:
    meta: Object = {"name": name, "namespace": namespace, "ownerReferences": list(owners)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def owned(uid: str, api: str = "v1", kind: str = "ConfigMap", name: str = "owner") -> Object:
    return {"apiVersion": api, "kind": kind, "name": name, "uid": uid}


def cluster_role(uid: str) -> Object:
    """A cluster-scoped object that names a ConfigMap as its owner."""
    meta = {"name": "child", "ownerReferences": [owned(uid)]}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta, "rules": []}


def made(cluster: kl.Cluster, obj: Object, at: str = "cm/owner") -> str:
    cluster.apply(obj)
    return str(cluster[at]["metadata"]["uid"])


def left(cluster: kl.Cluster) -> list[str]:
    names = [each["metadata"]["name"] for kind in ("configmaps", "clusterroles") for each in cluster.list(kind, namespace=None)]
    return sorted(name for name in names if name in ("child", "good", "bad", "owner"))


def told(cluster: kl.Cluster) -> list[Any]:
    return [each["message"] for each in cluster.list("events") if f"{each['type']} {each['reason']}" == TOLD]


def test_a_cluster_scoped_owner_of_a_namespaced_child(cluster: kl.Cluster) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}, "rules": []}
    uid = made(cluster, role, "clusterrole/r")
    cluster.apply(config_map("child", owned(uid, "rbac.authorization.k8s.io/v1", "ClusterRole", "r")))
    assert left(cluster.run("60s")) == ["child"]

    cluster.delete("clusterrole/r")
    assert left(cluster.run("60s")) == []


def test_an_owner_in_another_namespace(cluster: kl.Cluster) -> None:
    cluster.apply(config_map("owner", namespace="ns2"))
    (uid,) = [each["metadata"]["uid"] for each in cluster.list("configmaps", namespace="ns2") if each["metadata"]["name"] == "owner"]
    cluster.apply(config_map("child", owned(uid)))

    assert left(cluster.run("60s")) == ["owner"]
    assert told(cluster) == [f'ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {uid}] does not exist in namespace "default"']


def test_a_namespaced_owner_of_a_cluster_scoped_child(cluster: kl.Cluster) -> None:
    uid = made(cluster, config_map("owner"))
    cluster.apply(cluster_role(uid))
    assert left(cluster.run("60s")) == ["child", "owner"]

    cluster.delete("cm/owner")
    assert left(cluster.run("60s")) == ["child"]
    assert told(cluster)[0] == f'ownerRef [v1/ConfigMap, namespace: , name: owner, uid: {uid}] does not exist in namespace ""'


@pytest.mark.parametrize("bad_first", [True, False])
def test_a_cluster_scoped_child_keeps_no_namespaced_one_of_a_missing_owner(cluster: kl.Cluster, bad_first: bool) -> None:
    children = [cluster_role("u-nobody"), config_map("good", owned("u-nobody"))]
    for each in children if bad_first else reversed(children):
        cluster.apply(each)

    assert left(cluster.run("60s")) == ["child"]


def test_an_owner_by_another_version_that_is_served(cluster: kl.Cluster) -> None:
    target = {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
    uid = made(cluster, {**scaler, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}, "hpa/h")
    cluster.apply(config_map("child", owned(uid, "autoscaling/v1", "HorizontalPodAutoscaler", "h")))
    assert left(cluster.run("60s")) == ["child"]

    cluster.delete("hpa/h")
    assert left(cluster.run("60s")) == []


@pytest.mark.parametrize("owner_first", [True, False])
def test_an_owner_by_a_version_that_is_not_served(cluster: kl.Cluster, owner_first: bool) -> None:
    """It stays, with the owner and without: there is nobody to ask."""
    uid = made(cluster, config_map("owner"))
    if not owner_first:
        cluster.delete("cm/owner")
    cluster.apply(config_map("child", owned(uid, "extensions/v1beta1")))
    assert "child" in left(cluster.run("60s"))
    if owner_first:
        cluster.delete("cm/owner")

    assert left(cluster.run("120s")) == ["child"]


@pytest.mark.parametrize("served_first", [True, False])
def test_a_missing_owner_by_a_served_version_and_by_one_that_is_not(cluster: kl.Cluster, served_first: bool) -> None:
    children = [config_map("good", owned("u-nobody")), config_map("child", owned("u-nobody", "extensions/v1beta1"))]
    for each in children if served_first else reversed(children):
        cluster.apply(each)

    assert left(cluster.run("120s")) == ["child"]


@pytest.mark.parametrize("bad_first", [True, False])
def test_an_owner_by_a_wrong_kind(cluster: kl.Cluster, bad_first: bool) -> None:
    """The one that names a kind under which the owner is not there goes, the other stays until the owner goes."""
    uid = made(cluster, config_map("owner"))
    children = [config_map("bad", owned(uid, kind="Secret")), config_map("good", owned(uid))]
    for each in children if bad_first else reversed(children):
        cluster.apply(each)
    assert left(cluster.run("120s")) == ["good", "owner"]

    cluster.delete("cm/owner")
    assert left(cluster.run("60s")) == []
