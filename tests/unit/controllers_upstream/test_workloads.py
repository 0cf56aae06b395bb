"""ReplicaSets, StatefulSets and DaemonSets over upstream's own tables.

upstream: pkg/controller/{replicaset,statefulset,daemon,ttlafterfinished}/*_test.go, pkg/controller/controller_utils_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.controllers.common.deletion_order import pods_to_delete, youngest_first
from kubelab.controllers.common.pod_facts import is_terminating, phase
from kubelab.controllers.daemonset.eligibility import daemon_tolerations, fits
from kubelab.controllers.replicaset.status import Counts, count_pods, failure_status, new_status
from kubelab.controllers.statefulset.claims import is_stale, retention_calls
from kubelab.controllers.statefulset.slots import slot_of
from kubelab.controllers.statefulset.update import max_unavailable
from kubelab.controllers.ttlafterfinished.controller import Seen, finished_ns, plan
from kubelab.world.clock import SECOND, parse_rfc3339
from tests.unit.controllers_upstream.rows import dated, placed, rows
from tests.unit.storage.harness import NOW, NOW_NS

FILE = "workloads"


@pytest.mark.parametrize("row", rows(FILE, "TestGetPodsToDelete"))
def test_pods_to_delete(row):
    on_node: dict[str, int] = {}
    for pod in row["related"] or row["pods"] or ():
        node = (pod.get("spec") or {}).get("nodeName", "")
        on_node[node] = on_node.get(node, 0) + 1
    pods = [placed(dated(pod), pod["metadata"]["name"]) for pod in row["pods"] or ()]
    chosen = pods_to_delete(pods, row["diff"] or 0, on_node=on_node, now_ns=NOW_NS)

    assert sorted(pod["metadata"]["name"] for pod in chosen) == sorted(pod["metadata"]["name"] for pod in row["expectedPodsToDelete"] or ())


@pytest.mark.parametrize("row", rows(FILE, "TestSortingActivePods"))
def test_order_without_ranks(row):
    pods = [placed(dated(pod), pod["metadata"]["name"]) for pod in row["pods"]]

    assert [pod["metadata"]["name"] for pod in youngest_first(list(reversed(pods)))] == row["wantOrder"]


@pytest.mark.parametrize("row", rows(FILE, "TestCalculateStatus"))
def test_replica_set_status(row):
    counts = count_pods(row["replicaset"], [placed(dated(pod), f"p{at}") for at, pod in enumerate(row["filteredPods"])], NOW_NS)
    status = new_status(row["replicaset"], counts)

    assert {key: count for key, count in status.items() if count} == {
        key: count for key, count in row["expectedReplicaSetStatus"].items() if count
    }


@pytest.mark.parametrize("row", rows(FILE, "TestCalculateStatusConditions"))
def test_replica_set_failures(row):
    """Rows with an error say what it is; our status has a place for it until the answer is there."""
    counts = Counts(len(row["filteredPods"] or ()), 0, 0, 0)
    make = failure_status if row["manageReplicasErr"] else lambda *given: new_status(*given[:2])
    conditions = make(row["replicaset"], counts, NOW_NS).get("conditions") or []

    found = [
        (each["type"], each["status"], each.get("reason"), each.get("message", "").rpartition("{error}")[1] != "") for each in conditions
    ]
    expected = row["expectedReplicaSetConditions"] or []
    known = (row["replicaset"].get("status") or {}).get("conditions") or []
    assert found == [(each["type"], each["status"], each.get("reason"), not known) for each in expected]


@pytest.mark.parametrize("row", rows(FILE, "TestNodeShouldRunDaemonPod"))
def test_daemon_pods_and_nodes(row):
    template = row["ds"]["spec"]["template"]["spec"]
    conditions = row["nodeCondition"] or []
    taints = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}] if row["nodeUnschedulable"] else []
    meta = {"name": "test-node", "labels": {"name": "simple-daemon", "type": "production"}}
    node = {"metadata": meta, "spec": {"taints": taints}, "status": {"conditions": conditions}}

    assert tuple(fits(template, daemon_tolerations(template), node)) == (bool(row["shouldRun"]), bool(row["shouldContinueRunning"]))


@pytest.mark.parametrize("row", rows(FILE, "TestGetStatefulSetMaxUnavailable"))
def test_max_unavailable_of_a_stateful_set(row):
    """(No number at all is one pod: kubelab does not ask then.)"""
    value = 1 if row["maxUnavailable"] is None else row["maxUnavailable"]

    assert max_unavailable(value, row["replicaCount"]) == row["expectedMaxUnavailable"]


def stateful(row, replicas):
    policy = {"whenDeleted": row["setDeletePolicy"], "whenScaled": row["scaleDownPolicy"]}
    spec = {"replicas": replicas, "persistentVolumeClaimRetentionPolicy": policy, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s", "namespace": "default", "uid": "set"}, "spec": spec}


def retained(row, replicas, ordinal, *, condemned):
    set_ = stateful(row, replicas)
    slot = slot_of(placed({}, f"s-{ordinal}", uid="pod"), ordinal, 0, NOW_NS)
    found = []
    for owners in ([], ["set"], ["pod"], ["set", "pod"]):
        references = [
            {"apiVersion": "apps/v1" if uid == "set" else "v1", "kind": "StatefulSet" if uid == "set" else "Pod", "name": uid, "uid": uid}
            for uid in owners
        ]
        meta = {"name": f"data-s-{ordinal}", "namespace": "default", "uid": "c", "resourceVersion": "1", "ownerReferences": references}
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}}
        calls = retention_calls(set_, slot, {claim["metadata"]["name"]: claim}, condemned=condemned)
        body = calls[0].body if calls else claim
        found.append((owners, sorted(each["uid"] for each in body["metadata"]["ownerReferences"])))
    return found


@pytest.mark.parametrize("row", rows(FILE, "TestPodClaimIsStale"))
def test_claims_of_an_older_pod(row):
    references = {"stale": [{"name": "set-3", "uid": "stale"}], "with-ref": [{"name": "set-3", "uid": "123"}]}
    claims, templates = {}, []
    for at, state in enumerate(row["claimStates"]):
        templates.append({"metadata": {"name": f"claim-{at}"}})
        if state != "missing":
            claims[f"claim-{at}-set-3"] = {"metadata": {"name": f"claim-{at}-set-3", "ownerReferences": references.get(state, [])}}
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    set_ = {"metadata": {"name": "set"}, "spec": {"persistentVolumeClaimRetentionPolicy": policy, "volumeClaimTemplates": templates}}
    pod = placed({}, "set-3", uid="" if row["skipPodUID"] else "123")

    assert is_stale(set_, slot_of(pod, 3, 0, NOW_NS), claims) == row["expected"]


def owners_wanted(row):
    return sorted((["set"] if row["needsSetRef"] else []) + (["pod"] if row["needsPodRef"] else []))


@pytest.mark.parametrize("row", rows(FILE, "TestClaimOwnerMatchesSetAndPod"))
def test_owners_of_claims(row):
    """Whoever owns the claim before, it is left with the owners that the policy wants, and not touched if it has them."""
    replicas, ordinal = row["replicas"] or 0, row["ordinal"] or 0

    assert all(left == owners_wanted(row) for _, left in retained(row, replicas, ordinal, condemned=ordinal >= replicas))


@pytest.mark.parametrize("row", rows(FILE, "TestUpdateClaimOwnerRefForSetAndPod"))
def test_updated_owners_of_claims(row):
    replicas = 1
    ordinal = 1 if row["condemned"] else 0

    assert all(left == owners_wanted(row) for _, left in retained(row, replicas, ordinal, condemned=bool(row["condemned"])))


def test_terminating_pods():
    """TestCountTerminatingPods: those that have ended do not count."""
    pods = [placed(dated(row.values[0]), f"p{at}") for at, row in enumerate(rows(FILE, "TestCountTerminatingPods"))]

    assert sum(is_terminating(pod) and phase(pod) not in ("Succeeded", "Failed") for pod in pods) == 2


@pytest.mark.parametrize("row", [each for each in rows(FILE, "TestTimeLeft") if not each.values[0]["expectErr"]])
def test_time_to_live(row):
    ended = [("Complete", row["completionTime"]), ("Failed", row["failedTime"])]
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": time} for kind, time in ended if time and not time.startswith("0001")
    ]
    meta = {"name": "j", "namespace": "default", "uid": "u", "resourceVersion": "1", "creationTimestamp": NOW}
    spec = {"ttlSecondsAfterFinished": row["ttl"]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec, "status": {"conditions": conditions}}
    made = plan(Seen(job, finished_ns(job), parse_rfc3339(row["since"])))

    assert finished_ns(job) + row["ttl"] * SECOND == parse_rfc3339(row["expectedExpireAt"])
    assert (made.again_ns or 0) == max(0, row["expectedTimeLeft"])
    assert bool(made.calls) == (row["expectedTimeLeft"] <= 0)
