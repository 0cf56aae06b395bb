"""Two logs of a real control plane (1.20.2), whose stories are known: what was done when, and what became of it.

The logs hold the writes to workloads and their pods alone, without managedFields; one at RequestResponse, one at Metadata.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from kubelab.auditlog import read
from kubelab.auditlog.rollouts import rollout_notes, rollout_phases, rollout_pods, rollout_steps, rollouts

DATA = Path(__file__).parents[2] / "data" / "auditlog"
INSTANTS = ("created", "scheduled", "started", "ready", "deleted", "gone")


def events(name):
    return [json.loads(line) for line in gzip.open(DATA / f"{name}-workloads.jsonl.gz", "rt", encoding="utf-8")]


@pytest.fixture(scope="module")
def told():
    return read(events("stories"))


@pytest.fixture(scope="module")
def bare():
    return read(
        [{key: value for key, value in event.items() if key not in ("requestObject", "responseObject")} for event in events("stories")]
    )


@pytest.fixture(scope="module")
def busy():
    return read(events("busy"))


# when (seconds after 17:35), what was asked; what followed: (pods made, pods removed by its controller), how it ended
STATEFULSET = [
    (34.953763, "create", "nginx:1, 3 replicas", (3, 0), "done"),
    (36.111359, "settings", "partition 0 → 2", (0, 0), "done"),
    (37.121975, "template", "image nginx:1 → nginx:2", (1, 1), "done"),
    (38.192943, "settings", "partition 2 → 0", (2, 2), "done"),
    (39.335192, "template", "image nginx:2 → broken:1", (1, 1), "unfinished"),
    (43.344709, "undo", "image broken:1 → nginx:2", (1, 0), "done"),
    (48.452567, "scale", "replicas 3 → 1", (0, 2), "done"),
    (64.058323, "delete", "", (0, 1), "done"),
]
DEPLOYMENT = [
    (49.529595, "create", "nginx:1, 4 replicas", (4, 0), "done"),
    (50.685548, "template", "image nginx:1 → nginx:2", (4, 4), "done"),
    (51.714015, "template", "image nginx:2 → broken:1", (2, 1), "unfinished"),
    (55.724464, "undo", "image broken:1 → nginx:2", (1, 2), "done"),
]
DAEMONSET = [
    (56.873446, "create", "nginx:1", (3, 0), "done"),
    (58.016528, "template", "image nginx:1 → nginx:2", (3, 3), "done"),
    (59.041051, "undo", "image nginx:2 → nginx:1", (3, 3), "done"),
]
STORIES = {"statefulset/web": STATEFULSET, "deployment/shop": DEPLOYMENT, "daemonset/agent": DAEMONSET}


@pytest.mark.parametrize("reference", STORIES)
def test_with_bodies_each_step_is_what_was_done(told, reference):
    steps = rollout_steps(told, reference)
    found = list(zip(steps["what"], steps["change"], zip(steps["created"], steps["deleted"], strict=True), steps["outcome"], strict=True))
    assert found == [step[1:] for step in STORIES[reference]]
    since = (steps["asked"] - pd.Timestamp("2026-11-24T17:35:00Z")).dt.total_seconds()
    assert all(0 <= asked - done < 0.03 for asked, (done, *_) in zip(since, STORIES[reference], strict=True))
    assert set(steps["by"]) == {"admin"}


@pytest.mark.parametrize("reference", STORIES)
def test_at_metadata_each_step_is_inferred_from_what_followed(bare, reference):
    steps = rollout_steps(bare, reference)
    expected = [
        ("continue" if change == "partition 2 → 0" else what, (made, removed)) for _, what, change, (made, removed), _ in STORIES[reference]
    ]
    assert list(zip(steps["what"], zip(steps["created"], steps["deleted"], strict=True), strict=True)) == expected


def test_revisions_follow_the_controllers(told, bare):
    # stories.json, controllerRevisionsAtTheEnd: 1 = 68b74b5f74, 3 = 7f5c5ccfdc (broken), 4 = 669bdd655c, which was 2 before
    expected = ["68b74b5f74", "68b74b5f74", "669bdd655c", "669bdd655c", "7f5c5ccfdc", "669bdd655c", "669bdd655c", "669bdd655c"]
    for log in (told, bare):
        assert rollout_steps(log, "sts/web")["revision"].tolist() == expected


def test_why_it_stands_still(told, bare):
    for reference, left in (("sts/web", [2, 2]), ("deployment/shop", [3])):
        assert rollout_steps(told, reference).query("outcome == 'unfinished'")["why"].tolist() == ["ImagePullBackOff"]
        halted = rollout_steps(bare, reference).query("outcome == 'unfinished'")["why"]
        assert halted.tolist() == [f"{number} pods not replaced: a partition, a pause, or stuck" for number in left]


def test_a_forced_rollback_ends_with_the_cure_only(told):
    """The broken pod stays until somebody deletes it: upstream issue 67250."""
    step = rollout_steps(told, "sts/web").iloc[5]
    assert step["what"] == "undo" and 4.0 < step["seconds"] < 4.1
    cured = rollout_pods(told, "sts/web").query("deleted_by == 'admin'")
    assert cured[["name", "revision", "reason"]].values.tolist() == [["web-2", "7f5c5ccfdc", "ImagePullBackOff"]]
    assert cured["ready"].isna().all()


def test_without_bodies_every_pod_is_found_and_every_instant_lies_within_its_bounds(told, bare):
    rich, poor = (rollout_pods(log).set_index("uid") for log in (told, bare))
    assert len(rich) == 28 and set(rich.index) == set(poor.index)
    poor = poor.loc[rich.index]
    for column in ("name", "workload", "owner", "revision", "namespace"):
        assert rich[column].astype(str).tolist() == poor[column].astype(str).tolist(), column
    for name in INSTANTS:
        known = rich[name].notna()
        assert (poor.loc[known, f"{name}_earliest"] <= rich.loc[known, name]).all(), name
        assert (rich.loc[known, name] <= poor.loc[known, f"{name}_latest"]).all(), name
    # a report is no proof that a pod was ready: three broken ones never were, and that cannot be seen here
    assert (rich["ready"].isna() & poor["ready"].notna()).sum() == 3


def test_the_node_that_finds_a_pod_gone_says_that_its_deletion_was_final(told):
    pods = rollout_pods(told).dropna(subset=["deleted"])
    assert len(pods) == 21 and (pods["gone"] == pods["deleted"]).all()


def test_a_busy_log_at_metadata(busy):
    steps = rollout_steps(busy).set_index(["workload", "what"])
    counts = {key: (int(row["created"]), int(row["deleted"])) for key, row in steps.iterrows()}
    assert counts == {
        ("daemonset/agent", "create"): (20, 0),
        ("daemonset/agent", "template"): (20, 20),
        ("deployment/app0", "create"): (20, 0),
        ("deployment/app0", "template"): (20, 20),
        ("deployment/app0", "delete"): (0, 20),
        ("deployment/app1", "create"): (30, 0),
        ("deployment/app1", "template"): (30, 30),
        ("deployment/app1", "delete"): (0, 30),
        ("deployment/app2", "create"): (40, 0),
        ("deployment/app2", "template"): (20, 10),
        ("deployment/app2", "undo"): (10, 20),
        ("deployment/app2", "delete"): (0, 40),
        ("statefulset/cache", "create"): (10, 0),
        ("statefulset/db", "create"): (10, 0),
        ("statefulset/db", "template"): (10, 10),
    }
    assert steps["outcome"].value_counts().to_dict() == {"came to rest": 11, "done": 3, "unfinished": 1}
    assert steps.loc[("deployment/app2", "template"), "why"] == "30 pods not replaced: a partition, a pause, or stuck"
    pods = rollout_pods(busy)
    assert len(pods) == 240 and pods["uid"].is_unique and not pods["before_log"].any()
    assert (pods["created"] <= pods["scheduled"]).all() and (pods["scheduled"] <= pods["ready"]).all()


CUTS = {
    # the window begins: pods whose creation is not in it, steps of the first workload concerned
    "while a forced rollback waits": ("17:35:43.0", 3, ("statefulset/web", ["undo", "scale", "delete"])),
    "within a Deployment's rollout": ("17:35:50.9", 3, ("deployment/shop", ["before the log", "template", "undo"])),
    "within a DaemonSet's": ("17:35:58.06", 4, ("daemonset/agent", ["before the log", "undo"])),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_window_that_is_cut_is_said(name):
    since, before, (workload, expected) = CUTS[name]
    kept = [
        {key: value for key, value in event.items() if not key.endswith("Object")}
        for event in events("stories")
        if event["requestReceivedTimestamp"] >= f"2026-11-24T{since}"
    ]
    log = read(kept)
    assert rollout_notes(log)[0] == f"pods there before the log began, or their creation is not in it: {before}"
    steps = rollout_steps(log, workload)
    assert steps["what"].tolist() == expected
    pods = rollout_pods(log)
    assert int(pods["before_log"].sum()) == before and (pods["workload"] != "").all()
    assert pods.loc[pods["before_log"], "created"].isna().all()


def test_moments_stand_in_order_and_phases_fill_the_life_of_each_pod(told):
    moments = rollouts(told, "deployment/shop")
    assert moments["at"].is_monotonic_increasing and (moments["earliest"] <= moments["latest"]).all()
    assert moments["moment"].astype(str).value_counts().to_dict() == {
        "created": 11, "scheduled": 11, "started": 9, "ready": 9, "deleted": 7, "gone": 7, "asked": 4, "done": 3, "revision": 4,
    }  # fmt: skip
    phases = rollout_phases(told, "deployment/shop")
    for _, pod in phases.groupby("uid"):
        assert (pod["end"].iloc[:-1].to_numpy() == pod["start"].iloc[1:].to_numpy()).all()
    assert set(phases["phase"].astype(str)) == {"Pending", "ContainerCreating", "Ready", "BackOff", "Terminating"}


def test_a_workload_that_the_log_does_not_show_is_named(told):
    with pytest.raises(ValueError) as error:
        rollouts(told, "deployment/shpo")
    assert str(error.value) == (
        "this log does not show deployment/shpo in namespace default: of its kind there are deployment/shop -n default"
    )
