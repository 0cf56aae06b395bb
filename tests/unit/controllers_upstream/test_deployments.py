"""Deployments over upstream's own tables.

upstream: pkg/controller/deployment/{progress,recreate,sync}_test.go, …/util/deployment_util_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.controllers.common.template_hash import equal_templates
from kubelab.controllers.deployment.amounts import fenceposts, max_surge, max_unavailable, min_available, new_replicas
from kubelab.controllers.deployment.draft import Draft, clean_up
from kubelab.controllers.deployment.recreate import old_pods_running
from kubelab.controllers.deployment.replica_sets import new_and_old
from kubelab.controllers.deployment.scaling import scale
from kubelab.controllers.deployment.status import (
    deadline_check_ns,
    has_progress_deadline,
    is_complete,
    is_progressing,
    is_timed_out,
    rollout_status,
)
from kubelab.kinds.intstr import IntOrPercentError
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND, SECOND, parse_rfc3339
from tests.unit.controllers_upstream.rows import rows
from tests.unit.storage.harness import NOW, NOW_NS

FILE = "workloads"
DESIRED, MOST = "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"


def deployment(given: Object | None) -> Object:
    given = given or {}
    meta = {"name": "d", "namespace": "default", "uid": "d", "resourceVersion": "1", "generation": 0, **(given.get("metadata") or {})}
    spec = {"replicas": 0, "strategy": {"type": "RollingUpdate"}, **(given.get("spec") or {})}
    status = dict(given.get("status") or {})
    if status.get("conditions"):
        status["conditions"] = [{"reason": "", **each} for each in status["conditions"]]
    return {"apiVersion": "apps/v1", "kind": "Deployment", **given, "metadata": meta, "spec": spec, "status": status}


def replica_set(given: Object | None) -> Object | None:
    if given is None:
        return None
    name = given["metadata"]["name"]
    meta = {
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 0,
        "creationTimestamp": NOW,
        **given["metadata"],
    }
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "status": {"replicas": 0}, **given, "metadata": meta}


def told(replica_set: Object | None, desired: int, surge: int) -> Object | None:
    if replica_set is None:
        return None
    meta = replica_set["metadata"]
    notes = {**(meta.get("annotations") or {}), DESIRED: str(desired), MOST: str(desired + surge)}
    return {**replica_set, "metadata": {**meta, "annotations": notes}}


@pytest.mark.parametrize("row", rows(FILE, "TestScale"))
def test_scale(row):
    before, desired = deployment(row["oldDeployment"]), row["desiredReplicasAnnotations"] or {}
    replicas, surge = before["spec"]["replicas"], max_surge(before)
    new = told(replica_set(row["newRS"]), desired.get((row["newRS"] or {"metadata": {"name": ""}})["metadata"]["name"], replicas), surge)
    old = [told(replica_set(each), desired.get(each["metadata"]["name"], replicas), surge) for each in row["oldRSs"] or ()]
    sizes = {each["metadata"]["name"]: each["spec"].get("replicas", 0) for each in [*old, new] if each is not None}
    by_age = sorted((each for each in old if each is not None), key=lambda each: each["metadata"]["creationTimestamp"])
    draft = Draft(deployment(row["deployment"]), new, by_age, NOW_NS)

    scale(draft)

    for call in draft.plan().calls:
        if call.verb == "update" and call.resource.startswith("replicasets") and not (row["wasntUpdated"] or {}).get(call.name):
            sizes[call.name] = call.body["spec"]["replicas"]
    if row["expectedNew"] and new is not None:
        assert sizes[new["metadata"]["name"]] == row["expectedNew"]["spec"]["replicas"]
    for each, wanted in zip(row["oldRSs"] or (), row["expectedOld"] or (), strict=True):
        assert sizes[each["metadata"]["name"]] == wanted["spec"]["replicas"]


@pytest.mark.parametrize("row", rows(FILE, "TestSyncRolloutStatus"))
def test_rollout_status(row):
    old = [replica_set(each) for each in row["allRSs"] or ()]
    status = rollout_status(deployment(row["d"]), replica_set(row["newRS"]), old, NOW_NS)
    found = next((each for each in status.get("conditions") or () if each["type"] == row["conditionType"]), None)

    if found is None:
        assert row["d"]["spec"].get("progressDeadlineSeconds") in (None, 2**31 - 1)
    else:
        assert (found["status"], found["reason"]) == (row["conditionStatus"], row["conditionReason"])


def kept_or_gone(row):
    old = [replica_set(each) for each in row["oldRSs"]]
    draft = Draft(deployment({"spec": {"revisionHistoryLimit": row["revisionHistoryLimit"] or 0}}), None, old, NOW_NS)
    clean_up(draft, old)
    return [call.name for call in draft.plan().calls if call.verb == "delete"]


@pytest.mark.parametrize("row", rows(FILE, "TestDeploymentController_cleanupDeployment"))
def test_clean_up(row):
    assert len(kept_or_gone(row)) == (row["expectedDeletions"] or 0)


@pytest.mark.parametrize("row", rows(FILE, "TestDeploymentController_cleanupDeploymentOrder"))
def test_the_order_of_a_clean_up(row):
    assert sorted(kept_or_gone(row)) == sorted(row["expectedDeletedRSs"] or ())


@pytest.mark.parametrize("row", rows(FILE, "TestEqualIgnoreHash"))
def test_equal_templates(row):
    one, other = ({"spec": {}, "metadata": {}, **(row[name] or {})} for name in ("former", "latter"))

    assert equal_templates(one, other) == (row["expected"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestFindNewReplicaSet"))
def test_the_new_replica_set(row):
    found = new_and_old(deployment(row["deployment"]), [replica_set(each) for each in row["rsList"]]).new
    wanted = row["expected"]

    assert (found and found["metadata"]["name"]) == (wanted and wanted["metadata"]["name"])


@pytest.mark.parametrize("row", rows(FILE, "TestFindOldReplicaSets"))
def test_the_old_replica_sets(row):
    found = new_and_old(deployment(row["deployment"]), [replica_set(each) for each in row["rsList"]]).old

    assert sorted(each["metadata"]["name"] for each in found) == sorted(each["metadata"]["name"] for each in row["expected"] or ())


@pytest.mark.parametrize("row", rows(FILE, "TestDeploymentComplete"))
def test_complete(row):
    of = deployment(row["d"])

    assert is_complete(of, of["status"]) == (row["expected"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestDeploymentProgressing"))
def test_progressing(row):
    assert is_progressing(deployment(row["d"]), row["newStatus"]) == (row["expected"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestOldPodsRunning"))
def test_old_pods_running(row):
    """Pods by the uid of the ReplicaSet that controls them, those that have ended aside."""
    running: dict[str, int] = {}
    for uid, pods in (row["podMap"] or {}).items():
        running[uid] = sum((pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded") for pod in pods)
    draft = Draft(deployment({}), replica_set(row["newRS"]), [replica_set(each) for each in row["oldRSs"] or ()], NOW_NS)

    assert old_pods_running(draft, running) == (row["hasOldPodsRunning"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestResolveFenceposts"))
def test_fenceposts(row):
    rolling = {name: row[name] for name in ("maxSurge", "maxUnavailable") if row[name] is not None}
    of = deployment({"spec": {"replicas": row["desired"] or 0, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}})
    if row["expectError"]:
        with pytest.raises(IntOrPercentError):
            fenceposts(of)
    else:
        assert fenceposts(of) == (row["expectSurge"] or 0, row["expectUnavailable"] or 0)


@pytest.mark.parametrize("row", rows(FILE, "TestNewRSNewReplicas"))
def test_new_replicas(row):
    rolling = {"maxUnavailable": 1, "maxSurge": row["maxSurge"] or 0}
    strategy = {"type": row["strategyType"], **({"rollingUpdate": rolling} if row["strategyType"] == "RollingUpdate" else {})}
    of = deployment({"spec": {"replicas": row["depReplicas"], "strategy": strategy}})

    assert new_replicas(of, 0, row["newRSReplicas"]) == row["expected"]


@pytest.mark.parametrize("row", rows(FILE, "TestMaxUnavailable"))
def test_max_unavailable(row):
    assert max_unavailable(deployment(row["deployment"])) == (row["expected"] or 0)


@pytest.mark.parametrize("row", rows(FILE, "TestMinAvailable"))
def test_min_available(row):
    assert min_available(deployment(row["deployment"])) == (row["expected"] or 0)


def progress_of(of: Object) -> Object | None:
    return next((each for each in of["status"].get("conditions") or () if each["type"] == "Progressing"), None)


@pytest.mark.parametrize("row", rows(FILE, "TestDeploymentTimedOut"))
def test_timed_out(row):
    of = deployment(row["d"])
    found = has_progress_deadline(of) and is_timed_out(of, progress_of(of), parse_rfc3339(row["now"] or NOW))

    assert found == (row["expected"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestRequeueStuckDeployment"))
def test_when_a_stuck_rollout_is_looked_at_again(row):
    """A second after the deadline; where less than a second is left, at once (after the first delay of a queue)."""
    of = deployment(row["d"])
    found = deadline_check_ns(of, row["status"], parse_rfc3339(row["now"] or NOW))

    if row["expected"] == -1:
        assert found is None
    elif row["expected"]:
        assert found == row["expected"] + SECOND
    else:
        assert found is not None
        assert found < SECOND + 10 * MILLISECOND
