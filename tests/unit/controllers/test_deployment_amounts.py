"""Numbers of a Deployment: surge, proportions, sizes. Rows: upstream pkg/controller/deployment/{sync,rolling}_test.go and
util/deployment_util_test.go, 1.28."""

import pytest

from kubelab.controllers.deployment.amounts import fenceposts, is_saturated, max_surge, max_unavailable, min_available, new_replicas
from kubelab.controllers.deployment.draft import Draft
from kubelab.controllers.deployment.recreate import old_pods_running
from kubelab.controllers.deployment.rolling import clean_up_unhealthy, grow_new, shrink_available, shrink_old
from kubelab.controllers.deployment.scaling import is_scaling_event, scale
from kubelab.kinds.intstr import IntOrPercentError
from tests.unit.controllers.builders import NOW_NS, ago, deployment, replica_set, template

DESIRED, MOST = "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [  # TestResolveFenceposts
        ("0%", "0%", 0, (0, 1)),
        ("39%", "39%", 10, (4, 3)),
        (None, "39%", 10, (0, 3)),
        ("39%", None, 10, (4, 0)),
        (None, None, 10, (0, 1)),
    ],
)
def test_fenceposts(surge, unavailable, replicas, expected):
    assert fenceposts(deployment(replicas=replicas, surge=surge, unavailable=unavailable)) == expected


@pytest.mark.parametrize(("surge", "unavailable"), [("oops", "39%"), ("55%", "urg")])  # TestResolveFenceposts
def test_fenceposts_refuse_what_is_no_percentage(surge, unavailable):
    with pytest.raises(IntOrPercentError):
        fenceposts(deployment(replicas=10, surge=surge, unavailable=unavailable))


@pytest.mark.parametrize(
    ("replicas", "unavailable", "recreate", "expected"),
    [  # TestMaxUnavailable
        (10, 5, False, 5),
        (10, 10, False, 10),
        (5, 10, False, 5),
        (0, 10, False, 0),
        (1, "50%", False, 0),
        (10, "50%", False, 5),
        (10, "100%", False, 10),
        (5, 10, True, 0),
    ],
)
def test_max_unavailable(replicas, unavailable, recreate, expected):
    assert max_unavailable(deployment(replicas=replicas, surge=1, unavailable=unavailable, recreate=recreate)) == expected


@pytest.mark.parametrize(
    ("replicas", "unavailable", "recreate", "expected"),
    [
        (10, 5, False, 5),
        (10, 10, False, 0),
        (5, 10, False, 0),
        (0, 10, False, 0),
        (10, "50%", False, 5),
        (10, 5, True, 0),
    ],  # TestMinAvailable
)
def test_min_available(replicas, unavailable, recreate, expected):
    assert min_available(deployment(replicas=replicas, surge=1, unavailable=unavailable, recreate=recreate)) == expected


@pytest.mark.parametrize(
    ("replicas", "own", "surge", "recreate", "others", "expected"),
    [  # TestNewRSNewReplicas: another ReplicaSet has 5
        (1, 5, 1, False, 0, 5),
        (6, 2, 10, False, 5, 6),
        (3, 1, 1, True, 5, 3),
    ],
)
def test_new_replicas(replicas, own, surge, recreate, others, expected):
    assert new_replicas(deployment(replicas=replicas, surge=surge, unavailable=1, recreate=recreate), others, own) == expected


# -- proportional scaling ---------------------------------------------------------------------------------------------------
def sized(name, replicas, age, told=10, most=None, **status):
    annotations = {DESIRED: str(told), MOST: str(most if most is not None else told)}
    return replica_set(name, replicas, created=ago(age), annotations=annotations, status={"replicas": 0, **status})


def sizes(draft):
    """The size that each update gives, by name."""
    return {call.name: call.body["spec"]["replicas"] for batch in draft.batches for call in batch.calls}


SCALES = [  # TestScale: deployment size before, after; surge before, after; new; old; expected sizes of all
    ("normal scaling event: 10 -> 12", 10, 12, 0, 0, 10, [], [12]),
    ("normal scaling event: 10 -> 5", 10, 5, 0, 0, 10, [], [5]),
    ("proportional scaling: 5 -> 10", 5, 10, 0, 0, 2, [3], [4, 6]),
    ("proportional scaling: 5 -> 3", 5, 3, 0, 0, 2, [3], [1, 2]),
    ("proportional scaling: 9 -> 4", 9, 4, 0, 0, 8, [1], [4, 0]),
    ("proportional scaling: 7 -> 10", 7, 10, 0, 0, 2, [3, 2], [3, 4, 3]),
    ("proportional scaling: 13 -> 8", 13, 8, 0, 0, 2, [8, 3], [1, 5, 2]),
    ("leftover distribution: 3 -> 4", 3, 4, 0, 0, 1, [1, 1], [2, 1, 1]),
    ("leftover distribution: 3 -> 2", 3, 2, 0, 0, 1, [1, 1], [1, 1, 0]),
    ("proportional scaling (no new rs): 4 -> 5", 4, 5, 0, 0, None, [2, 2], [3, 2]),
    ("proportional scaling: 6 -> 0", 6, 0, 0, 0, 3, [2, 1], [0, 0, 0]),
    ("proportional scaling: 0 -> 6", 6, 6, 0, 0, 0, [0, 0], [6, 0, 0]),
    ("deployment with surge pods", 10, 20, 2, 2, 6, [6], [11, 11]),
    ("change both surge and size", 10, 50, 3, 6, 5, [8], [22, 34]),
    ("change both size and template", 10, 14, 0, 0, None, [7, 3], [10, 4]),
]


@pytest.mark.parametrize(
    ("name", "before", "after", "surge_before", "surge", "new", "old", "expected"), SCALES, ids=[row[0] for row in SCALES]
)
def test_scale(name, before, after, surge_before, surge, new, old, expected):
    most = before + (surge_before or 0)
    newest = None if new is None else sized("foo-new", new, 0, before, most)
    olds = [sized(f"foo-old{at}", size, 3600 * (at + 1), before, most) for at, size in enumerate(old)]
    draft = Draft(deployment("foo", after, surge=surge, unavailable=1), newest, olds[::-1], NOW_NS)
    scale(draft)
    before_sizes = {each["metadata"]["name"]: each["spec"]["replicas"] for each in draft.all}
    result = {**before_sizes, **sizes(draft)}
    assert [result[each["metadata"]["name"]] for each in ([newest] if newest else []) + olds] == expected


def test_a_scale_that_failed_halfway_is_finished():
    # TestScale: failed rs update: foo-v2 knows of 3, the others of 5
    newest, second = sized("foo-v3", 2, 0, 5), sized("foo-v2", 1, 3600, 3)
    oldest = sized("foo-v1", 1, 7200, 5)
    draft = Draft(deployment("foo", 5, surge=0, unavailable=1), newest, [oldest, second], NOW_NS)
    assert is_scaling_event(draft)
    scale(draft)
    assert sizes(draft) == {"foo-v2": 2}


def test_a_saturated_but_broken_new_replica_set_does_not_affect_old_pods():
    # TestScale: available 0
    draft = Draft(deployment("foo", 2, surge=1, unavailable=1), sized("foo-v2", 2, 0, 2, 3), [sized("foo-v1", 1, 3600, 2, 3)], NOW_NS)
    scale(draft)
    assert sizes(draft) == {}


def test_the_old_ones_go_once_the_new_one_is_saturated():
    newest = sized("foo-v2", 2, 0, 2, 3, availableReplicas=2)
    draft = Draft(deployment("foo", 2, surge=1, unavailable=1), newest, [sized("foo-v1", 1, 3600, 2, 3)], NOW_NS)
    assert is_saturated(draft.deployment, newest)
    scale(draft)
    assert sizes(draft) == {"foo-v1": 0}


def test_recreate_with_several_active_ones_scales_nothing():
    draft = Draft(deployment("foo", 4, recreate=True), sized("foo-v2", 1, 0), [sized("foo-v1", 1, 3600)], NOW_NS)
    scale(draft)
    assert sizes(draft) == {}


# -- rolling ----------------------------------------------------------------------------------------------------------------
def rolling_draft(replicas, new, old, *, surge=0, unavailable=0, old_available=None, new_available=0):
    olds = [replica_set("foo-old", old, status={"availableReplicas": old if old_available is None else old_available}, created=ago(60))]
    newest = replica_set("foo-new", new, status={"availableReplicas": new_available}, template=template("app:2"))
    return Draft(deployment("foo", replicas, surge=surge, unavailable=unavailable), newest, olds, NOW_NS)


@pytest.mark.parametrize(
    ("replicas", "surge", "old", "new", "expected"),
    [(10, 0, 10, 0, None), (10, 2, 10, 0, 2), (10, 2, 5, 0, 7), (10, 2, 10, 2, None), (10, 2, 2, 11, 10)],  # …_reconcileNewReplicaSet
)
def test_grow_new(replicas, surge, old, new, expected):
    draft = rolling_draft(replicas, new, old, surge=surge)
    grow_new(draft, draft.new)
    assert sizes(draft) == ({} if expected is None else {"foo-new": expected})


@pytest.mark.parametrize(
    ("replicas", "unavailable", "old", "new", "old_ready", "new_ready", "expected"),
    [  # …_reconcileOldReplicaSets; surge 0 and unavailable 0 give unavailable 1
        (10, 0, 10, 0, 10, 0, 9),
        (10, 2, 10, 0, 10, 0, 8),
        (10, 2, 10, 0, 8, 0, 8),
        (10, 2, 10, 0, 9, 0, 8),
        (10, 2, 8, 2, 8, 0, None),
        # cleanupUnhealthyReplicas, rolling.go: the old status still counts more than the size: an invalid request, which is dropped
        (30, 8, 16, 22, 23, 15, None),
    ],
)
def test_shrink_old(replicas, unavailable, old, new, old_ready, new_ready, expected):
    draft = rolling_draft(replicas, new, old, unavailable=unavailable, old_available=old_ready, new_available=new_ready)
    shrink_old(draft, draft.new)
    assert sizes(draft) == ({} if expected is None else {"foo-old": expected})


@pytest.mark.parametrize(("available", "most", "expected"), [(8, 1, 9), (8, 3, 8), (8, 0, 10), (10, 3, 10)])  # …_cleanupUnhealthyReplicas
def test_unhealthy_pods_go_first(available, most, expected):
    draft = rolling_draft(10, 0, 10, surge=2, unavailable=2, old_available=available)
    left = clean_up_unhealthy(draft, draft.old, most)
    assert [each["spec"]["replicas"] for each in left] == [expected]


@pytest.mark.parametrize(
    ("unavailable", "available", "old", "expected"),
    [(0, 10, 10, 9), (2, 10, 10, 8), (2, 8, 10, None), (2, 10, 0, None), (2, 1, 10, None)],  # …_scaleDownOldReplicaSetsForRollingUpdate
)
def test_shrink_available(unavailable, available, old, expected):
    draft = rolling_draft(10, 0, old, unavailable=unavailable, old_available=available)
    shrink_available(draft, draft.old, available - min_available(draft.deployment))
    assert sizes(draft) == ({} if expected is None else {"foo-old": expected})


def test_an_old_replica_set_whose_write_is_refused_does_not_end_the_sync():
    # upstream: reconcileOldReplicaSets drops the error, and the status is written; reconcileNewReplicaSet returns it
    draft = rolling_draft(10, 0, 10, unavailable=2, old_available=10)
    shrink_old(draft, draft.new)
    assert 409 in draft.batches[0].calls[0].accept
    draft = rolling_draft(10, 5, 0, surge=2)
    grow_new(draft, draft.new)
    assert draft.batches[0].calls[0].accept == ()


def test_the_second_write_of_a_replica_set_in_one_sync_has_no_resource_version():
    # upstream: cleanupUnhealthyReplicas hands the updated ReplicaSet on
    draft = rolling_draft(10, 0, 10, unavailable=2, old_available=9)
    shrink_old(draft, draft.new)
    first, second = (batch.calls[0] for batch in draft.batches)
    assert (first.body["metadata"].get("resourceVersion"), second.body["metadata"].get("resourceVersion")) == ("1", None)
    messages = [event.message for call in (first, second) for event in call.on_success]
    assert messages == ["Scaled down replica set foo-old to 9 from 10", "Scaled down replica set foo-old to 8 from 9"]


# -- recreate ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "running", "expected"),
    [  # TestOldPodsRunning
        ([], {}, False),
        ([replica_set("a", 0), replica_set("b", 0)], {"uid-a": 1, "uid-b": 1}, True),
        ([replica_set("a", 0, status={"replicas": 1})], {}, True),
        ([replica_set("a", 0)], {}, False),
        ([replica_set("a", 0)], {"uid-a": 0}, False),
        ([replica_set("a", 0)], {"uid-a": 0, "uid-b": 0, "uid-c": 1}, True),
        ([], {"uid-new": 1}, False),  # those of the new one do not count
    ],
)
def test_old_pods_running(old, running, expected):
    draft = Draft(deployment(recreate=True), replica_set("new"), old, NOW_NS)
    assert old_pods_running(draft, running) is expected


def test_recreate_has_no_surge():
    assert (max_surge(deployment(recreate=True)), max_unavailable(deployment(recreate=True))) == (0, 0)
