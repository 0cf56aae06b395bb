"""Claims of a StatefulSet's pods. Rows: upstream pkg/controller/statefulset/{stateful_pod_control,stateful_set_utils}_test.go, 1.28."""

import pytest

from kubelab.controllers.statefulset.claims import with_claims
from kubelab.controllers.statefulset.controller import plan
from tests.unit.controllers.builders import NOW, done, meta, rules, seen

CLAIM = {"metadata": {"name": "data", "labels": {"disk": "fast"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}
VOLUMES = {"volumes": []}


def policy(when_deleted, when_scaled):
    return {
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted, "whenScaled": when_scaled},
        "volumeClaimTemplates": [CLAIM],
    }


def claim(ordinal, *owners, **more):
    name = f"data-web-{ordinal}"
    references = [{"apiVersion": "v1", "kind": kind, "name": owner, "uid": uid} for kind, owner, uid in owners]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta(name, ownerReferences=references, **more),
        "spec": CLAIM["spec"],
    }


SET = ("StatefulSet", "web", "uid-web")


def pod_ref(ordinal, uid=None):
    return ("Pod", f"web-{ordinal}", uid or f"uid-web-{ordinal}")


def planned(pods, claims=(), when=("Retain", "Retain"), **more):
    mounted = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}]
    by_name = {each["metadata"]["name"]: each for each in claims}
    return plan(seen(pods, spec=policy(*when), claims=by_name, pods={"volumes": mounted}, **more))


def calls(result):
    return [text for text in done(result) if "/status" not in text]


def test_claims_are_made_before_the_pod():
    # TestStatefulPodControlCreatesPods
    result = planned("-")
    assert calls(result) == ["create persistentvolumeclaims data-web-0", "create pods web-0"]
    made, pod = (call.body for call in result.calls[:2])
    assert made["metadata"]["labels"] == {"disk": "fast", "app": "web"}  # the selector's are added
    assert pod["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}]
    events = [event.message for call in result.calls[:1] for event in (*call.on_success, *call.on_refusal)]
    assert events == [
        "create Claim data-web-0 Pod web-0 in StatefulSet web success",
        "create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: {error}",
        "create Pod web-0 in StatefulSet web failed error: failed to create PVC data-web-0: {error}",
    ]


def test_a_claim_that_is_there_is_used():
    assert calls(planned("-", [claim(0)])) == ["create pods web-0"]


def test_a_claim_being_deleted_stops_the_pod():
    # TestStatefulPodControlCreatePodPVCDeleting
    result = planned("-", [claim(0, deletionTimestamp=NOW)])
    assert (calls(result), result.error) == ([], "pvc data-web-0 is being deleted")
    assert [event.message for event in result.events] == [
        "create Pod web-0 in StatefulSet web failed error: pvc data-web-0 is being deleted"
    ]


def test_a_pending_pod_gets_the_claims_it_lacks():
    # upstream: createMissingPersistentVolumeClaims
    assert calls(planned("pending")) == ["create persistentvolumeclaims data-web-0"]


def test_parallel_pods_get_their_claims_together():
    assert calls(planned("- - -", policy="Parallel")) == [
        "create persistentvolumeclaims data-web-0",
        "create pods web-0",
        "create persistentvolumeclaims data-web-1, create persistentvolumeclaims data-web-2",
        "create pods web-1, create pods web-2",
    ]


@pytest.mark.parametrize(
    ("when", "owners", "wanted"),
    [  # TestClaimOwnerMatchesSetAndPod, TestUpdateClaimOwnerRefForSetAndPod: a pod in range
        (("Retain", "Retain"), [], None),
        (("Retain", "Retain"), [SET], []),
        (("Delete", "Retain"), [], ["StatefulSet"]),
        (("Delete", "Retain"), [SET], None),
        (("Retain", "Delete"), [], None),
        (("Retain", "Delete"), [pod_ref(0)], []),
        (("Delete", "Delete"), [pod_ref(0)], ["StatefulSet"]),
        (("Delete", "Delete"), [SET], None),
    ],
)
def test_owners_of_claims_in_range(when, owners, wanted):
    result = planned("ready", [claim(0, *owners)], when)
    if wanted is None:
        assert calls(result) == []
        return
    # a pod whose claims were wrong is written too
    assert calls(result) == ["update persistentvolumeclaims data-web-0", "update pods web-0"]
    assert [each["kind"] for each in result.calls[0].body["metadata"]["ownerReferences"]] == wanted


@pytest.mark.parametrize(
    ("when", "owners", "wanted"),
    [  # the same, a condemned pod
        (("Retain", "Retain"), [], None),
        (("Delete", "Retain"), [], ["StatefulSet"]),
        (("Retain", "Delete"), [], ["Pod"]),
        (("Retain", "Delete"), [pod_ref(0)], None),
        (("Delete", "Delete"), [SET], ["Pod"]),
        (("Delete", "Delete"), [pod_ref(0)], None),
    ],
)
def test_owners_of_claims_of_condemned_pods(when, owners, wanted):
    result = planned("ready", [claim(0, *owners)], when, replicas=0)
    updates = [call for call in result.calls if call.verb == "update" and call.resource == "persistentvolumeclaims"]
    assert [[each["kind"] for each in call.body["metadata"]["ownerReferences"]] for call in updates] == ([] if wanted is None else [wanted])
    assert calls(result)[-1] == "delete pods web-0"


@pytest.mark.parametrize(
    ("when", "owners", "stale"),
    [  # TestPodClaimIsStale
        (("Retain", "Retain"), [pod_ref(0, "older")], False),
        (("Retain", "Delete"), [pod_ref(0, "older")], True),
        (("Retain", "Delete"), [], False),
        (("Retain", "Delete"), [SET], False),
        (("Delete", "Delete"), [pod_ref(0, "older")], True),
    ],
)
def test_a_claim_of_an_older_pod_blocks_the_new_one(when, owners, stale):
    result = planned("-", [claim(0, *owners)], when)
    assert ("create pods web-0" not in calls(result)) is stale
    assert (rules(result) == ["ClaimStale"]) is stale


def test_the_other_slots_are_filled_while_one_waits_in_parallel():
    result = planned("- -", [claim(0, pod_ref(0, "older"))], ("Retain", "Delete"), policy="Parallel")
    assert calls(result) == ["create persistentvolumeclaims data-web-1", "create pods web-1"]


def test_a_volume_of_the_templates_name_gives_way():
    # upstream: updateStorage
    owner = seen("-", spec=policy("Retain", "Retain")).set
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "other", "emptyDir": {}}]
    assert with_claims(owner, 3, volumes) == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-3"}},
        {"name": "other", "emptyDir": {}},
    ]
