"""Calls, revisions, events, nodes, owners, changes; and the types of all columns."""

import pytest

import kubelab as kl
from kubelab.frames import breakdown, calls, events, lives, nodes, ownership, pods, rollouts
from kubelab.store.log import Log
from tests import builders
from tests.unit.frames.builders import START_NS, Story, at_ns, event, pod, workload

NAMES = ("pods", "transitions", "calls", "revisions", "events", "nodes", "rollouts", "bounds", "breakdown", "owners")
TYPES = ("string", "category", "datetime64[ns, UTC]", "float64", "Int64", "boolean")


@pytest.fixture(scope="module")
def busy():
    cluster = kl.Cluster(3, seed=1)
    cluster.apply(builders.deployment("web", 3))
    cluster.run(until="deployment/web ready")
    with pytest.raises(kl.ApiError):
        cluster.get("pod/none")
    return cluster


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_one_of_six_types(busy, name):
    frame = getattr(busy.frames, name)()
    assert len(frame) and {str(dtype) for dtype in frame.dtypes} <= set(TYPES)


def empty_frames():
    log = Log()
    none = lives.lives(log)
    return {
        "pods": pods.pods(none, 0),
        "transitions": pods.transitions(none, 0, 0),
        "calls": calls.calls(log, 0),
        "revisions": calls.revisions(log, 0),
        "events": events.events(log, 0),
        "nodes": nodes.nodes(log, none),
        "rollouts": rollouts.rollouts(none, 0),
        "bounds": rollouts.bounds(log, 0),
        "breakdown": breakdown.breakdown(log, none),
        "owners": ownership.owners(log),
    }


def test_an_empty_log_gives_the_same_columns_and_types(busy):
    for name, frame in empty_frames().items():
        full = getattr(busy.frames, name)()
        assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == {
            column: str(dtype) for column, dtype in full.dtypes.items()
        }


@pytest.mark.parametrize("name", [*NAMES, "quorum", "changes"])
def test_each_method_names_its_columns(name):
    from kubelab.frames import Frames

    assert "olumns: " in (getattr(Frames, name).__doc__ or "")


def test_calls_tell_waiting_and_executing_and_refusals(busy):
    frame = busy.frames.calls()
    refused = frame.iloc[-1]
    assert refused[["user", "verb", "resource", "name", "code", "reason"]].tolist() == [
        "kubernetes-admin",
        "get",
        "pods",
        "none",
        404,
        "NotFound",
    ]
    binding = frame[frame["subresource"] == "binding"].iloc[0]
    assert binding["component"] == "scheduler" and 0.004 <= binding["executing"] <= 0.006 and binding["waiting"] == 0
    assert str(busy._engine.store.log.at(binding["cause"]).object["metadata"]["name"]) == binding["name"]


def test_a_call_written_by_hand():
    story = Story()
    story.call(3, waiting=0.5, executing=0.25, verb="list", component="scheduler")
    row = calls.calls(story.log, START_NS).iloc[0]
    assert row[["elapsed", "waiting", "executing", "verb", "component"]].tolist() == [3, 0.5, 0.25, "list", "scheduler"]


def test_revisions_are_the_log(busy):
    frame, log = busy.frames.revisions(), busy._engine.store.log
    assert frame["revision"].tolist() == list(range(log.first, log.revision + 1))
    assert set(frame["type"]) <= {"ADDED", "MODIFIED", "DELETED"}


def test_an_event_is_one_row_as_its_last_update_left_it():
    story, about = Story(), pod("a")
    first = event(1.5, about, "Pulled")
    story.put(2, first)
    story.put(9, {**first, "count": 3, "lastTimestamp": "2026-01-01T00:00:09Z"})
    frame = events.events(story.log, START_NS)
    row = frame.iloc[0]
    assert len(frame) == 1
    assert (row["elapsed"], row["last"].value, row["count"], row["name"], row["source"]) == (1.5, at_ns(9), 3, "a", "kubelet")


@pytest.mark.parametrize(
    ("name", "fields", "seconds"),
    [
        (f"a.{at_ns(1.25):x}", {"firstTimestamp": "2026-01-01T00:00:01Z"}, 1.25),  # client-go record/event.go makeEvent
        ("mine", {"firstTimestamp": "2026-01-01T00:00:07Z"}, 7),
        ("mine", {"eventTime": "2026-01-01T00:00:07.500000Z"}, 7.5),
        ("ends.in-sixteenchars", {"firstTimestamp": "2026-01-01T00:00:07Z"}, 7),
    ],
)
def test_when_an_event_happened(name, fields, seconds):
    assert events.happened_ns({"metadata": {"name": name}, **fields}) == at_ns(seconds)


def test_nodes_know_what_their_pods_ask_for(make):
    cluster = make(2, seed=1)
    asking = {"resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}
    cluster.create(builders.pod("a", builders.container(**asking), builders.container(name="d", **asking), nodeName="node-2"))
    cluster.run("10s")
    frame = cluster.frames.nodes().set_index("name")
    assert frame.loc["node-2", ["zone", "ready", "cpu", "pods", "cpu_requested", "memory_requested"]].tolist() == [
        "zone-b",
        True,
        4.0,
        1,
        0.5,
        128 << 20,
    ]
    assert frame.loc["node-1", "pods"] == 0


def test_owners_are_those_that_own_or_are_owned():
    story = Story()
    owner = workload("StatefulSet", "db", 1)
    story.put(1, owner)
    story.put(2, pod("db-0", "ready", owner=owner))
    story.put(3, pod("alone"))
    frame = ownership.owners(story.log)
    assert frame["name"].tolist() == ["db", "db-0"]
    assert frame["owner"].fillna("").tolist() == ["", "uid-StatefulSet-db"]
    assert frame["ready"].tolist() == [False, True]


def test_changes_tell_who_did_what_and_why(busy):
    frame = busy.frames.changes("deployment/web")
    assert frame["who"].iloc[0] == "kubernetes-admin" and frame["what"].iloc[0] == "created deployment/web"
    assert frame["because"].iloc[-1] == "the status of deployment/web is out of date"


def test_frames_change_nothing(busy):
    before = (busy._engine.store.revision, len(busy._engine.store.log.calls), busy.elapsed)
    for name in NAMES:
        getattr(busy.frames, name)()
    assert (busy._engine.store.revision, len(busy._engine.store.log.calls), busy.elapsed) == before
