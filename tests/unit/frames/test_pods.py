"""Pods and their phases, from logs written by hand."""

import pandas as pd

from kubelab.frames.lives import lives
from kubelab.frames.pods import pods, transitions
from kubelab.store.entries import Entries
from tests.unit.frames.builders import START_NS, Story, at_ns, pod, workload


def life_of_a_pod():
    story = Story()
    deployment = workload("Deployment", "web", 1)
    replica_set = workload("ReplicaSet", "web-5d", 1, owner=deployment)
    story.put(0, deployment)
    story.put(1, replica_set)
    for seconds, words in ((2, ""), (3, "node"), (5, "running"), (6, "ready"), (9, "ready going")):
        story.put(seconds, pod("web-5d-a", words, owner=replica_set, revision="5d"))
    story.drop(10, pod("web-5d-a"))
    return story


def test_a_row_tells_when_each_thing_happened_and_how_long_it_took():
    row = pods(lives(life_of_a_pod().log), START_NS).iloc[0]
    assert row[["namespace", "name", "workload", "owner", "revision", "node", "phase"]].tolist() == [
        "default",
        "web-5d-a",
        "deployment/web",
        "replicaset/web-5d",
        "5d",
        "node-1",
        "Deleted",
    ]
    assert [row[name].value for name in ("created", "scheduled", "started", "ready", "terminating", "deleted")] == [
        at_ns(seconds) for seconds in (2, 3, 5, 6, 9, 10)
    ]
    assert row[["elapsed", "to_scheduled", "to_started", "to_ready", "to_deleted"]].tolist() == [2, 1, 3, 4, 8]


def test_what_has_not_happened_is_missing():
    story = Story()
    story.put(1, pod("a"))
    row = pods(lives(story.log), START_NS).iloc[0]
    assert pd.isna(row["scheduled"]) and pd.isna(row["to_ready"]) and pd.isna(row["deleted"])
    assert (row["phase"], row["node"], row["owner"], row["workload"]) == ("Pending", "", "", "")


def test_a_name_that_comes_back_is_another_incarnation():
    story = Story()
    story.put(1, pod("db-0", "ready", uid="first"))
    story.drop(2, pod("db-0"))
    story.put(3, pod("db-0", uid="second"))
    frame = pods(lives(story.log), START_NS)
    assert frame["uid"].tolist() == ["first", "second"]
    assert frame["phase"].astype(str).tolist() == ["Deleted", "Pending"]


def test_a_row_per_phase_the_last_one_lasts_until_now():
    story = life_of_a_pod()
    story.put(10, pod("b", "ImagePullBackOff node"))
    frame = transitions(lives(story.log), START_NS, at_ns(12))
    shown = frame[["name", "phase", "from_seconds", "to_seconds", "seconds", "lasts"]].astype({"phase": str})
    assert shown.to_numpy().tolist() == [
        ["web-5d-a", "Pending", 2, 3, 1, False],
        ["web-5d-a", "ContainerCreating", 3, 5, 2, False],
        ["web-5d-a", "Running", 5, 6, 1, False],
        ["web-5d-a", "Ready", 6, 9, 3, False],
        ["web-5d-a", "Terminating", 9, 10, 1, False],
        ["b", "BackOff", 10, 12, 2, True],
    ]
    assert frame["reason"].tolist()[-1] == "ImagePullBackOff"
    assert pd.isna(frame["end"].iloc[-1])


def test_a_log_that_begins_later_takes_the_creation_from_the_object():
    story = life_of_a_pod()
    story.log.commits = Entries(story.log.commits[4:])
    assert pods(lives(story.log), START_NS)["elapsed"].tolist() == [0]
