"""Counts by revision, promises, quorum."""

import pytest

from kubelab.frames.lives import lives
from kubelab.frames.quorum import quorum
from kubelab.frames.rollouts import bounds, promised, rollouts
from tests.unit.frames.builders import START_NS, Story, pod, workload


def update_of_one_pod():
    story = Story()
    owner = workload("StatefulSet", "db", 1, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    story.put(0, owner)
    for seconds, words in ((1, ""), (2, "ready"), (4, "ready going")):
        story.put(seconds, pod("db-0", words, owner=owner, uid="old", revision="aa"))
    story.drop(5, pod("db-0"))
    for seconds, words in ((6, ""), (8, "ready")):
        story.put(seconds, pod("db-0", words, owner=owner, uid="new", revision="bb", image="app:2"))
    return story


def test_a_row_each_time_that_a_count_changes():
    frame = rollouts(lives(update_of_one_pod().log), START_NS)
    assert frame[["elapsed", "revision", "images", "pods", "ready", "terminating"]].astype(object).to_numpy().tolist() == [
        [1, "aa", "app:1", 1, 0, 0],
        [2, "aa", "app:1", 1, 1, 0],
        [4, "aa", "app:1", 0, 0, 1],
        [5, "aa", "app:1", 0, 0, 0],
        [6, "bb", "app:2", 1, 0, 0],
        [8, "bb", "app:2", 1, 1, 0],
    ]


def test_changes_at_one_instant_are_one_row():
    story = Story()
    owner = workload("StatefulSet", "db", 2)
    for name in ("db-0", "db-1"):
        story.put(1, pod(name, owner=owner))
    frame = rollouts(lives(story.log), START_NS)
    assert frame["pods"].tolist() == [2]


ROLLING = {"type": "RollingUpdate"}


@pytest.mark.parametrize(
    ("kind", "replicas", "spec", "promise"),
    [
        # deployment_util.go ResolveFenceposts: surge rounds up, unavailable down; if both are 0 one may be unavailable
        ("Deployment", 10, {"strategy": {**ROLLING, "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}, (10, 8, 13)),
        ("Deployment", 5, {"strategy": {**ROLLING, "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}, (5, 4, 6)),
        ("Deployment", 3, {"strategy": {**ROLLING, "rollingUpdate": {"maxSurge": "0%", "maxUnavailable": "10%"}}}, (3, 2, 3)),
        ("Deployment", 3, {"strategy": {"type": "Recreate"}}, (3, None, 3)),
        # stateful_set_control.go: without maxUnavailable one pod at a time; a percentage rounds up
        ("StatefulSet", 3, {"updateStrategy": ROLLING}, (3, 2, 3)),
        ("StatefulSet", 5, {"updateStrategy": {**ROLLING, "rollingUpdate": {"maxUnavailable": "30%"}}}, (5, 3, 5)),
        ("StatefulSet", 3, {"updateStrategy": {"type": "OnDelete"}}, (3, None, 3)),
        ("StatefulSet", 0, {"updateStrategy": ROLLING}, (0, 0, 0)),
        ("ReplicaSet", 3, {}, (3, None, None)),
    ],
)
def test_what_a_workload_promises(kind, replicas, spec, promise):
    assert promised(workload(kind, "web", replicas, **spec)) == promise


def test_a_promise_is_told_when_it_changes():
    story = Story()
    for seconds, replicas in ((0, 3), (1, 3), (2, 5)):
        story.put(seconds, workload("StatefulSet", "db", replicas))
    story.drop(3, workload("StatefulSet", "db", 5))
    frame = bounds(story.log, START_NS)
    assert frame[["elapsed", "desired"]].astype(float).to_numpy().tolist() == [[0, 3], [2, 5], [3, 0]]


def test_quorum_forms_is_lost_and_comes_back():
    story = Story()
    owner = workload("StatefulSet", "zk", 3)
    story.put(0, owner)
    for seconds, name, words in (
        (1, "zk-0", "ready"),
        (2, "zk-1", "ready"),
        (3, "zk-2", "ready"),
        (5, "zk-2", "running"),
        (6, "zk-1", "running"),
        (9, "zk-1", "ready"),
    ):
        story.put(seconds, pod(name, words, owner=owner))
    frame = quorum(rollouts(lives(story.log), START_NS), bounds(story.log, START_NS), "statefulset/zk")
    assert frame[["elapsed", "ready", "majority", "verdict"]].astype(object).to_numpy().tolist() == [
        [0, 0, 2, "forming"],
        [1, 1, 2, "forming"],
        [2, 2, 2, "quorum"],
        [3, 3, 2, "quorum"],
        [5, 2, 2, "quorum"],
        [6, 1, 2, "lost"],
        [9, 2, 2, "quorum"],
    ]
