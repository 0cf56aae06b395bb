"""The Deployment controller's plans and statuses. Rows: upstream pkg/controller/deployment/*_test.go, 1.28, and recorded syncs."""

import pytest

from kubelab.controllers.common.conditions import find_condition
from kubelab.controllers.deployment.amounts import DESIRED_REPLICAS, MAX_REPLICAS
from kubelab.controllers.deployment.controller import Seen, plan
from kubelab.controllers.deployment.draft import Draft, clean_up
from kubelab.controllers.deployment.replica_sets import (
    REVISION,
    REVISION_HISTORY,
    ROLLBACK_TO,
    annotated_as_new,
    last_revision,
    new_and_old,
    new_replica_set,
)
from tests.unit.controllers.builders import NOW, NOW_NS, ago, deployment, done, replica_set, rules, status_of, template

OLD, NEW = template("app:1"), template("app:2")


def told(replicas=4, most=5, revision="1", **more):
    return {DESIRED_REPLICAS: str(replicas), MAX_REPLICAS: str(most), REVISION: revision, **more}


def condition(reason, status="True", at=NOW, type_="Progressing"):
    return {"type": type_, "status": status, "lastUpdateTime": at, "lastTransitionTime": at, "reason": reason, "message": ""}


AVAILABLE = {**condition("MinimumReplicasAvailable", type_="Available"), "message": "Deployment has minimum availability."}
DONE = {"observedGeneration": 1, "replicas": 4, "updatedReplicas": 4, "readyReplicas": 4, "availableReplicas": 4}
FULL = {"replicas": 4, "readyReplicas": 4, "availableReplicas": 4, "observedGeneration": 1}


def settled(**more):
    """A Deployment of 4 whose rollout is over."""
    status = {**DONE, "conditions": [AVAILABLE, condition("NewReplicaSetAvailable")]}
    return deployment(
        replicas=4, surge="25%", unavailable="25%", status=status, annotations={REVISION: "1", **more.pop("annotations", {})}, **more
    )


FIRST = replica_set("web-1", 4, created=ago(60), annotations=told(), status=FULL, template=OLD)


# -- whole syncs ------------------------------------------------------------------------------------------------------------
def test_the_first_sync_creates_a_replica_set():
    # TestSyncDeploymentCreatesReplicaSet; recorded: create deployment shop, 4 replicas: create, status, status (refused with 409)
    result = plan(Seen(deployment(replicas=4, surge="25%", unavailable="25%"), [], NOW_NS))
    name = result.calls[0].name
    assert done(result) == [f"create replicasets.apps {name}", "update deployments.apps/status web", "update deployments.apps/status web"]
    created = result.calls[0]
    assert created.body["spec"]["replicas"] == 4
    assert created.body["metadata"]["annotations"] == told()
    assert [event.message for event in created.on_success] == [f"Scaled up replica set {name} to 4"]
    assert [event.message for event in created.on_refusal] == [f'Failed to create new replica set "{name}": {{error}}']
    first = result.calls[1].body
    assert first["metadata"]["annotations"][REVISION] == "1"
    assert [(each["reason"], each["message"]) for each in first["status"]["conditions"]] == [
        ("NewReplicaSetCreated", f'Created new replica set "{name}"')
    ]
    assert {key: status_of(result)[key] for key in ("observedGeneration", "unavailableReplicas")} == {
        "observedGeneration": 1,
        "unavailableReplicas": 4,
    }


def test_hash_goes_into_name_labels_selector_and_template():
    made = new_replica_set(deployment(replicas=1, spec={"minReadySeconds": 5}), 1, 1)
    hash_ = made["metadata"]["name"].removeprefix("web-")
    labels = {"app": "web", "pod-template-hash": hash_}
    spec = made["spec"]
    assert (made["metadata"]["labels"], spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]) == (labels, labels, labels)
    assert spec["minReadySeconds"] == 5


def test_an_update_creates_the_new_and_shrinks_the_old_in_one_sync():
    # recorded: image nginx:2: create with 1 of 4, status, old to 3, status (refused with 409)
    result = plan(Seen(settled(template=NEW), [FIRST], NOW_NS))
    name = result.calls[0].name
    assert done(result) == [
        f"create replicasets.apps {name}",
        "update deployments.apps/status web",
        "update replicasets.apps web-1",
        "update deployments.apps/status web",
    ]
    assert [call.body["spec"]["replicas"] for call in (result.calls[0], result.calls[2])] == [1, 3]
    assert rules(result) == ["NewTemplate", "Scale"]


def test_nothing_to_do():
    result = plan(Seen(settled(template=OLD), [FIRST], NOW_NS))
    assert (done(result), rules(result)) == ([], ["RolloutComplete"])


def test_a_waiting_rollout_says_for_what():
    second = replica_set(
        "web-2", 2, created=ago(1), annotations=told(revision="2"), template=NEW, status={"replicas": 2, "observedGeneration": 1}
    )
    first = {
        **FIRST,
        "spec": {**FIRST["spec"], "replicas": 3},
        "status": {**FULL, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3},
    }
    owner = settled(template=NEW, annotations={REVISION: "2"})
    result = plan(Seen(owner, [first, second], NOW_NS))
    assert [str(because) for because in result.because] == ["deployment/web waits for pods of web-2: 0 of 2 are available"]


def test_back_to_an_old_template_raises_its_revision():
    # recorded: undo by image nginx:2: revision 2 becomes 4, its old number joins the history
    second = replica_set("web-2", 0, created=ago(1), annotations=told(revision="3"), template=NEW, status={"replicas": 0})
    first = {**FIRST, "metadata": {**FIRST["metadata"], "annotations": told(revision="2")}}
    result = plan(Seen(settled(template=OLD, annotations={REVISION: "3"}), [first, second], NOW_NS))
    assert done(result) == ["update replicasets.apps web-1"]
    annotations = result.calls[0].body["metadata"]["annotations"]
    assert (annotations[REVISION], annotations[REVISION_HISTORY]) == ("4", "2")
    assert result.again_ns == 0


def test_somebody_elses_replica_set_of_the_name_is_a_collision():
    # upstream: getNewReplicaSet, AlreadyExists: collisionCount goes up and the key is tried again
    result = plan(Seen(deployment(), [], NOW_NS, occupied=True))
    assert result.calls[0].accept == (409,)
    assert status_of(result)["collisionCount"] == 1
    assert result.error.endswith("already exists")


def test_a_deployment_being_deleted_only_reports():
    # TestSyncDeploymentDontDoAnythingDuringDeletion
    result = plan(Seen(deployment(deletionTimestamp=NOW), [], NOW_NS))
    assert done(result) == ["update deployments.apps/status web"]


def test_an_empty_selector_is_complained_about():
    # TestDontSyncDeploymentsWithEmptyPodSelector
    result = plan(Seen(deployment(spec={"selector": {}}), [], NOW_NS))
    assert [event.reason for event in result.events] == ["SelectingAll"]
    assert done(result) == ["update deployments.apps/status web"]


@pytest.mark.parametrize(
    ("paused", "conditions", "written"),
    [  # upstream: checkPausedConditions, sync.go
        (True, [condition("ReplicaSetUpdated")], "Deployment is paused"),
        (True, [condition("DeploymentPaused", "Unknown")], None),
        (True, [condition("ProgressDeadlineExceeded", "False")], None),
        (False, [condition("DeploymentPaused", "Unknown")], "Deployment is resumed"),
        (False, [condition("NewReplicaSetAvailable")], None),
    ],
)
def test_pausing_is_told_in_the_progressing_condition(paused, conditions, written):
    owner = settled(template=OLD)
    owner = {**owner, "spec": {**owner["spec"], "paused": paused}, "status": {**owner["status"], "conditions": [AVAILABLE, *conditions]}}
    result = plan(Seen(owner, [FIRST], NOW_NS))
    messages = [find_condition(call.body["status"]["conditions"], "Progressing") for call in result.calls[:1]]
    assert [each["message"] for each in messages if each["reason"].startswith("Deployment")] == ([written] if written else [])


def test_a_paused_deployment_is_scaled_but_not_rolled_out():
    owner = settled(template=NEW, spec={"paused": True, "replicas": 6})
    result = plan(Seen(owner, [FIRST], NOW_NS))
    assert "update replicasets.apps web-1" in done(result)
    assert not any(call.verb == "create" for call in result.calls)


def test_recreate_waits_until_old_pods_are_gone():
    owner = {**settled(template=NEW), "spec": {**settled(template=NEW)["spec"], "strategy": {"type": "Recreate"}}}
    shrinking = plan(Seen(owner, [FIRST], NOW_NS))
    assert done(shrinking)[0] == "update replicasets.apps web-1"
    empty = {**FIRST, "spec": {**FIRST["spec"], "replicas": 0}, "status": {"replicas": 0}}
    waiting = plan(Seen(owner, [empty], NOW_NS, running={"uid-web-1": 1}))
    assert not any(call.verb == "create" for call in waiting.calls)
    assert [because.rule for because in waiting.because] == ["OldPodsRunning"]
    going_on = plan(Seen(owner, [empty], NOW_NS, running={"uid-web-1": 0}))
    assert going_on.calls[0].verb == "create"
    assert going_on.calls[0].body["spec"]["replicas"] == 4


# -- rollback by annotation -------------------------------------------------------------------------------------------------
SECOND_SET = replica_set(
    "web-2", 4, created=ago(1), annotations=told(revision="2"), template=NEW, status=FULL
)  # the new one; web-1 is the last revision
EMPTY_FIRST = {**FIRST, "spec": {**FIRST["spec"], "replicas": 0}, "metadata": {**FIRST["metadata"], "annotations": told(note="old")}}


@pytest.mark.parametrize(
    ("to", "sets", "image", "warning", "message"),
    [  # upstream: rollback.go; TestReentrantRollback
        ("0", [EMPTY_FIRST, SECOND_SET], "app:1", None, 'Rolled back deployment "web" to revision 1'),
        ("1", [EMPTY_FIRST, SECOND_SET], "app:1", None, 'Rolled back deployment "web" to revision 1'),
        ("7", [EMPTY_FIRST, SECOND_SET], "app:2", "DeploymentRollbackRevisionNotFound", "Unable to find the revision to rollback to."),
        ("0", [SECOND_SET], "app:2", "DeploymentRollbackRevisionNotFound", "Unable to find last revision."),
        (
            "2",
            [EMPTY_FIRST, SECOND_SET],
            "app:2",
            "DeploymentRollbackTemplateUnchanged",
            'The rollback revision contains the same template as current deployment "web"',
        ),
    ],
)
def test_rollback(to, sets, image, warning, message):
    owner = settled(template=NEW, annotations={REVISION: "2", ROLLBACK_TO: to})
    result = plan(Seen(owner, sets, NOW_NS))
    written = result.calls[-1]
    assert (written.resource, written.subresource) == ("deployments.apps", "")
    assert written.body["spec"]["template"]["spec"]["containers"][0]["image"] == image
    assert ROLLBACK_TO not in written.body["metadata"]["annotations"]
    events = written.on_success if warning is None else result.events
    assert [(event.reason, event.message) for event in events] == [(warning or "DeploymentRollback", message)]
    assert ("note" in written.body["metadata"]["annotations"]) is (warning is None)


@pytest.mark.parametrize(
    ("numbers", "last"), [([], 0), (["1"], 0), (["1", "2"], 1), (["1", "3", "2"], 2), (["x", "3", "2"], 2)]
)  # LastRevision
def test_last_revision(numbers, last):
    assert last_revision([replica_set(f"r{number}", annotations={REVISION: number}) for number in numbers]) == last


# -- ReplicaSets ------------------------------------------------------------------------------------------------------------
def test_the_oldest_with_an_equal_template_is_the_new_one():
    # TestFindNewReplicaSet
    young, old = replica_set("young", template=NEW, created=NOW), replica_set("old", template=NEW, created=ago(60))
    other = replica_set("other", template=OLD, created=ago(120))
    found = new_and_old(deployment(template=NEW), [young, other, old])
    assert (found.new, found.old) == (old, [other, young])
    assert new_and_old(deployment(template=NEW), [other]).new is None


@pytest.mark.parametrize(
    ("annotations", "revision", "limit_reached", "expected"),
    [  # TestAnnotationUtils and SetNewReplicaSetAnnotations
        ({}, 2, False, {REVISION: "2"}),
        ({REVISION: "1"}, 2, False, {REVISION: "2", REVISION_HISTORY: "1"}),
        ({REVISION: "3", REVISION_HISTORY: "1"}, 4, False, {REVISION: "4", REVISION_HISTORY: "1,3"}),
        ({REVISION: "5"}, 4, False, {REVISION: "5"}),
        ({REVISION: "x"}, 4, False, {REVISION: "x"}),
    ],
)
def test_annotations_of_the_newest(annotations, revision, limit_reached, expected):
    assert (
        annotated_as_new(deployment(), replica_set(annotations=annotations), revision, exists=True)["metadata"]["annotations"] == expected
    )


def test_a_long_revision_history_drops_its_oldest():
    history = ",".join(str(number) for number in range(1000, 1400))  # 400 × 4 + 399 = 1999 characters
    updated = annotated_as_new(deployment(), replica_set(annotations={REVISION: "1400", REVISION_HISTORY: history}), 1401, exists=True)
    kept = updated["metadata"]["annotations"][REVISION_HISTORY]
    assert (kept.split(",")[0], kept.split(",")[-1], len(kept) <= 2000) == ("1001", "1400", True)


def test_annotations_are_copied_but_for_its_own():
    given = {"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}", REVISION: "9", ROLLBACK_TO: "1"}
    updated = annotated_as_new(deployment(annotations=given), replica_set(annotations={REVISION: "1"}), 1, exists=True)
    assert updated["metadata"]["annotations"] == {REVISION: "1", "note": "x"}


EMPTY = {"replicas": 0, "observedGeneration": 1}


@pytest.mark.parametrize(
    ("olds", "limit", "deleted"),
    [  # TestDeploymentController_cleanupDeployment and …Order
        ([("a", 0, EMPTY), ("b", 0, EMPTY), ("c", 0, EMPTY)], 1, ["a", "b"]),
        ([("a", 0, EMPTY), ("b", 0, EMPTY)], 0, ["a", "b"]),
        ([("a", 0, EMPTY), ("b", 1, EMPTY), ("c", 0, EMPTY)], 0, ["a", "c"]),
        ([("a", 1, EMPTY), ("b", 1, EMPTY)], 0, []),
        ([("a", 0, {"replicas": 1, "observedGeneration": 1})], 0, []),
        ([("a", 0, {"replicas": 0})], 0, []),  # not observed yet
        ([("a", 0, EMPTY)], 2147483647, []),
    ],
)
def test_clean_up(olds, limit, deleted):
    sets = [replica_set(name, size, status=status, annotations={REVISION: str(at)}) for at, (name, size, status) in enumerate(olds)]
    draft = Draft(deployment(spec={"revisionHistoryLimit": limit}), None, sets, NOW_NS)
    clean_up(draft, sets[::-1])
    assert [batch.calls[0].name for batch in draft.batches] == deleted
