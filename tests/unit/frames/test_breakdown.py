"""Where each second went: stories with their cuts known beforehand."""

import pytest

from kubelab.frames.breakdown import breakdown
from kubelab.frames.lives import lives
from tests import builders
from tests.unit.frames.builders import Story, event, pod, workload

STATEFUL = {"component": "statefulset-controller", "key": "default/db"}


def stages(story, name):
    frame = breakdown(story.log, lives(story.log))
    own = frame[frame["name"] == name]
    return [(str(stage), round(seconds, 6)) for stage, seconds in zip(own["stage"], own["seconds"], strict=True)]


def start(story, bound, ready, name, owner):
    """A pod's way from bound to ready: pull from +1 to +3, created and started at +4, +5."""
    story.put(bound, pod(name, "node", owner=owner), component="scheduler", executing=0.5, waiting=0.25)
    for after, reason in ((1, "Pulling"), (3, "Pulled"), (4, "Created"), (5, "Started")):
        story.put(bound + after + 0.1, event(bound + after, pod(name), reason), component="kubelet/node-1")
    return story.put(ready, pod(name, "ready", owner=owner), component="kubelet/node-1", executing=0.5)


def test_a_pods_way_from_command_to_ready():
    story, owner = Story(), workload("StatefulSet", "db", 1)
    command = story.put(0, owner)
    story.put(3, pod("db-0", owner=owner), executing=0.5, waiting=1, cause=command, **STATEFUL)
    start(story, 5, 12, "db-0", owner)
    assert stages(story, "db-0") == [
        ("controller", 1.5),
        ("client limit", 1),
        ("API", 0.5),
        ("scheduler", 1.25),
        ("client limit", 0.25),
        ("API", 0.5),
        ("start", 1),
        ("pull", 2),
        ("start", 2),
        ("probe", 1.5),
        ("API", 0.5),
    ]


def test_an_image_that_is_there_is_not_pulled():
    story, owner = Story(), workload("StatefulSet", "db", 1)
    command = story.put(0, owner)
    story.put(1, pod("db-0", owner=owner), cause=command, **STATEFUL)
    story.put(2, pod("db-0", "node", owner=owner), component="scheduler")
    for seconds, reason in ((4, "Pulled"), (5, "Created"), (6, "Started")):
        story.put(seconds, event(seconds, pod("db-0"), reason))
    story.put(7, pod("db-0", "ready", owner=owner))
    assert stages(story, "db-0") == [("controller", 1), ("scheduler", 1), ("start", 4), ("probe", 1)]


def test_the_next_pod_waits_for_its_predecessor():
    story, owner = Story(), workload("StatefulSet", "db", 2)
    command = story.put(0, owner)
    story.put(1, pod("db-0", owner=owner), cause=command, **STATEFUL)
    ready = start(story, 2, 10, "db-0", owner)
    story.put(11, pod("db-1", owner=owner), cause=ready, **STATEFUL)
    start(story, 12, 20, "db-1", owner)
    assert stages(story, "db-1")[:2] == [("predecessor", 10), ("controller", 1)]


def test_what_a_worker_does_for_other_pods_is_told_as_what_it_is():
    story, owner = Story(), workload("StatefulSet", "db", 2)
    command = story.put(0, owner)
    story.put(3, pod("db-0", owner=owner), cause=command, waiting=2, executing=1, **STATEFUL)
    story.put(4, pod("db-1", owner=owner), cause=command, executing=0.5, **STATEFUL)
    start(story, 5, 12, "db-1", owner)
    assert stages(story, "db-1")[:4] == [("controller", 0.5), ("API", 1), ("client limit", 2), ("API", 0.5)]


def test_a_replica_sets_pods_take_their_turn_when_it_is_scaled():
    story, deployment = Story(), workload("Deployment", "web", 2)
    command = story.put(0, deployment)
    first = workload("ReplicaSet", "web-1", 1, owner=deployment)
    story.put(1, first, component="deployment-controller", cause=command)
    reported = story.put(5, {**first, "status": {"readyReplicas": 1}}, component="replicaset-controller", cause=1)
    second = workload("ReplicaSet", "web-2", 1, owner=deployment)
    scaled = story.put(6, second, component="deployment-controller", cause=reported)
    for owner, name, seconds, cause in ((first, "web-1-a", 2, 2), (second, "web-2-a", 8, scaled)):
        story.put(
            seconds, pod(name, owner=owner), cause=cause, component="replicaset-controller", key=f"default/{owner['metadata']['name']}"
        )
        start(story, seconds + 1, seconds + 8, name, owner)
    assert stages(story, "web-1-a")[0] == ("controller", 2)
    assert stages(story, "web-2-a")[:2] == [("predecessor", 6), ("controller", 2)]


def test_to_end_a_pod_is_a_command_too():
    story, owner = Story(), workload("StatefulSet", "db", 1)
    command = story.put(0, owner)
    story.put(1, pod("db-0", owner=owner, uid="first"), cause=command, **STATEFUL)
    gone = story.drop(50, pod("db-0"))
    story.put(52, pod("db-0", owner=owner), cause=gone, **STATEFUL)
    start(story, 53, 60, "db-0", owner)
    assert stages(story, "db-0")[0] == ("controller", 2)


def test_a_pod_that_never_was_ready_has_no_rows():
    story = Story()
    story.put(1, pod("a", "node"))
    assert breakdown(story.log, lives(story.log)).empty


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_the_stages_of_a_real_burst_are_contiguous_and_add_up(make, policy):
    cluster = make(3, seed=1)
    cluster.apply(builders.statefulset("db", 6, podManagementPolicy=policy))
    cluster.run(until="sts/db ready")
    frame, pods = cluster.frames.breakdown("sts/db"), cluster.frames.pods()
    assert frame["name"].nunique() == 6
    for name, rows in frame.groupby("name"):
        assert (rows["start"].iloc[1:].to_numpy() == rows["end"].iloc[:-1].to_numpy()).all()
        pod_row = pods[pods["name"] == name].iloc[0]
        assert rows["seconds"].sum() == pytest.approx(pod_row["elapsed"] + pod_row["to_ready"])
    waits = frame.groupby("stage", observed=False)["seconds"].sum()
    assert (waits["predecessor"] > 1) == (policy == "OrderedReady")
    assert waits["pull"] > 1 and waits["start"] > 1
