"""Volumes and nodes, over upstream's own tables.

upstream: pkg/scheduler/framework/plugins/{volumezone,volumerestrictions,nodevolumelimits,volumebinding}/*_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.scheduler.framework import Skip, Status
from kubelab.scheduler.plugins import node_volume_limits, volume_binding, volume_restrictions, volume_zone
from tests.unit.controllers_upstream.rows import rows
from tests.unit.scheduler import builders as b
from tests.unit.scheduler.upstream import cluster_of, served, told, wanted

FILE = "scheduler-volumes"
LIMITS = {name: (ask, judge) for name, ask, judge in node_volume_limits.FILTERS}
OF_KIND = {"EBS": "EBSLimits", "GCE": "GCEPDLimits", "AzureDisk": "AzureDiskLimits"}


def check(ask, judge, pod, cluster, pre_filter, filtered):
    """The pre-filter's answer, and the first node's unless it refuses or steps aside."""
    entry = cluster.entry_of(served("Pod", pod, "new"))
    state = ask(entry, cluster)

    assert told(state if isinstance(state, (Skip, Status)) else None) == wanted(pre_filter)
    if not isinstance(state, (Skip, Status)):
        assert told(judge(state, cluster.order[0])) == wanted(filtered)


@pytest.mark.parametrize(
    "row",
    [
        *rows(FILE, "TestSingleZone"),
        *rows(FILE, "TestMultiZone"),
        *rows(FILE, "TestWithBinding", {"unbound volume no storage class": "the words are those of upstream's stand-in for a lister"}),
    ],
)
def test_zones(row):
    cluster = cluster_of([row["Node"]], PersistentVolume=row["volumes"], PersistentVolumeClaim=row["claims"], StorageClass=row["classes"])
    check(volume_zone.pre_filter, volume_zone.filter, row["Pod"], cluster, row["wantPreFilterStatus"], row["wantFilterStatus"])


DISK_TESTS = ("TestGCEDiskConflicts", "TestAWSDiskConflicts", "TestRBDDiskConflicts", "TestISCSIDiskConflicts")


@pytest.mark.parametrize("row", [row for test in DISK_TESTS for row in rows(FILE, test)])
def test_disks_in_use(row):
    pods = [{**pod, "spec": {**(pod.get("spec") or {}), "nodeName": "node-0"}} for pod in row["nodeInfo"].get("pods") or ()]
    cluster = cluster_of([{}], pods)
    check(volume_restrictions.pre_filter, volume_restrictions.filter, row["pod"], cluster, row["preFilterWantStatus"], row["wantStatus"])


@pytest.mark.parametrize(
    "row",
    rows(FILE, "TestAccessModeConflicts"),
)
def test_claims_for_one_pod(row):
    cluster = cluster_of(row["existingNodes"] or [{}], row["existingPods"], PersistentVolumeClaim=row["existingPVCs"])
    check(volume_restrictions.pre_filter, volume_restrictions.filter, row["pod"], cluster, row["preFilterWantStatus"], row["wantStatus"])


def attached(row):
    """The node with its pods and what they use. (Claims of upstream's lists have no namespace: they stand in that of the new pod.)"""
    name = row["node"]["metadata"]["name"]
    where = (row["newPod"].get("metadata") or {}).get("namespace") or "default"
    pods = [
        {
            **(pod or {}),
            "metadata": {"name": f"p{at}", **((pod or {}).get("metadata") or {}), "namespace": where},
            "spec": {**((pod or {}).get("spec") or {}), "nodeName": name},
        }
        for at, pod in enumerate(row["existingPods"] or ())
    ]
    claims = [
        {**each, "metadata": {**each["metadata"], "namespace": where}, "spec": each.get("spec") or {}} for each in row["claims"] or ()
    ]
    csi_nodes = [row["csiNode"]] if row["csiNode"] else []
    return cluster_of(
        [row["node"]], pods, PersistentVolumeClaim=claims, PersistentVolume=row["volumes"], StorageClass=row["classes"], CSINode=csi_nodes
    )


MISSING = "VolumeRestrictions refuses a pod whose claim is not there before limits are looked at"
NOT_OWNED = "VolumeBinding refuses a pod whose claim belongs to another"


@pytest.mark.parametrize(
    "row",
    rows(
        FILE,
        "TestCSILimits",
        {
            "ephemeral volume missing": MISSING,
            "ephemeral volume not owned": NOT_OWNED,
            "don't skip Filter when the pod has ephemeral volumes": MISSING,
        },
    ),
)
def test_limits_of_drivers(row):
    check(*LIMITS["NodeVolumeLimits"], row["newPod"], attached(row), row["wantPreFilterStatus"], row["wantStatus"])


@pytest.mark.parametrize("row", [*rows(FILE, "TestEBSLimits"), *rows(FILE, "TestGCEPDLimits"), *rows(FILE, "TestAzureDiskLimits")])
def test_limits_of_disks(row):
    check(*LIMITS[OF_KIND[row["filterName"]]], row["newPod"], attached(row), row["wantPreFilterStatus"], row["wantStatus"])


@pytest.mark.parametrize(
    "row",
    rows(FILE, "TestEphemeralLimits", {"volume missing": MISSING, "volume not owned": NOT_OWNED}),
)
def test_limits_and_ephemeral_volumes(row):
    check(*LIMITS["GCEPDLimits"], row["newPod"], attached(row), row["wantPreFilterStatus"], row["wantStatus"])


@pytest.mark.parametrize("row", rows(FILE, "TestVolumeBinding"))
def test_binding(row):
    cluster = cluster_of(row["nodes"], PersistentVolumeClaim=row["pvcs"], PersistentVolume=row["pvs"], StorageClass=row["classes"])
    state = volume_binding.pre_filter(cluster.entry_of(served("Pod", row["pod"], "new")), cluster)

    assert told(state if isinstance(state, (Skip, Status)) else None) == wanted(row["wantPreFilterStatus"])
    if isinstance(state, (Skip, Status)):
        return
    only = (row["wantPreFilterResult"] or {}).get("NodeNames")
    assert (None if state.only_nodes is None else sorted(state.only_nodes)) == (sorted(only) if only else None)
    for node, status in zip(row["nodes"], row["wantFilterStatus"], strict=True):
        assert told(volume_binding.filter(state, cluster.nodes[node["metadata"]["name"]])) == wanted(status)


def test_a_claim_of_another_pod_is_not_an_ephemeral_volume_of_this_one():
    """upstream: component-helpers/storage/ephemeral VolumeIsForPod."""
    claim = {"metadata": {"name": "p-scratch"}, "spec": {}}
    pod = {"metadata": {"name": "p"}, "spec": {"volumes": [{"name": "scratch", "ephemeral": {}}]}}
    cluster = cluster_of([{}], PersistentVolumeClaim=[claim])

    refusal = volume_binding.pre_filter(cluster.entry_of(served("Pod", pod)), cluster)

    assert told(refusal) == (3, ["PVC default/p-scratch was not created for pod default/p (pod is not owner)"])


def test_a_pod_that_waits_for_room_on_a_driver_is_woken_by_a_new_csi_node():
    world = b.World(
        b.node("n1", **{"attachable-volumes-csi-d": "0"}),
        b.storage_class("standard", provisioner="d"),
        b.claim("c1"),
        b.pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c1"}}]),
    )
    world.run(1)
    assert any("1 node(s) exceed max volume count" in event.message for event in world.events)
    assert world.node_of("p") == ""
    driver = {"name": "d", "nodeID": "n1", "allocatable": {"count": 3}}
    world.put({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n1", "uid": "u"}, "spec": {"drivers": [driver]}})
    world.run(20)
    bound = [call for call in world.calls if call.verb == "update" and call.resource == "persistentvolumeclaims"]
    assert bound or world.node_of("p") == "n1"
