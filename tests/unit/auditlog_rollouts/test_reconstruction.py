"""Small logs, one situation each: spec/audit.md B4."""

from __future__ import annotations

import itertools
import json

import pandas as pd
import pytest

from kubelab.auditlog import read
from kubelab.auditlog.rollouts import deeds, rollout_notes, rollout_pods, rollout_steps, rollouts
from kubelab.auditlog.rollouts.history import history_of
from kubelab.auditlog.rollouts.steps import Present
from tests.unit.auditlog_rollouts.events import deployment, event, pod, stamp


def pods_of(*parts):
    return rollout_pods(read(list(itertools.chain(*parts))))


def when(frame, column):
    return [None if pd.isna(time) else round(time.timestamp() - 1767225600, 6) for time in frame[column]]


def test_a_generated_name_is_first_seen_at_binding_and_its_create_is_found():
    found = pods_of(deployment(0, "web", "7876b85647"), pod(1, "web-7876b85647-5pgrp", "u1"))
    assert found[["name", "uid", "workload", "owner", "revision", "evidence"]].values.tolist() == [
        ["web-7876b85647-5pgrp", "u1", "deployment/web", "replicaset/web-7876b85647", "7876b85647", "name"]
    ]
    assert when(found, "created") == [1.002] and when(found, "scheduled") == [1.012]
    # the second report is taken for the containers running, the last for ready; both lie between the first and the last
    assert when(found, "started_earliest") == [1.51] and when(found, "ready") == [3.012]


def test_pods_that_wait_together_are_bounded_by_the_creates_that_may_be_theirs():
    burst = [pod(1 + at / 10, f"web-7876b85647-5pgr{letter}", letter, wait=1 - at / 10 + at / 100) for at, letter in enumerate("bcd")]
    found = pods_of(deployment(0, "web", "7876b85647"), *burst, pod(5, "web-7876b85647-5pgrz", "z"))
    assert when(found, "created") == [1.002, 1.102, 1.202, 5.002]
    assert when(found, "created_earliest") == [1.0, 1.0, 1.0, 5.0]
    assert when(found, "created_latest")[0] > 1.202


def test_a_pod_that_nobody_schedules_does_not_shift_the_others():
    stuck = event(1, "replicaset-controller", "create", "pods", code=201)
    log = read([*deployment(0, "web", "7876b85647"), stuck, *pod(60, "web-7876b85647-5pgrb", "b"), *pod(70, "web-7876b85647-5pgrc", "c")])
    assert when(rollout_pods(log), "created") == [60.002, 70.002]
    assert rollout_notes(log)[0] == "pods created and never seen again: not scheduled within the log, so that it does not name them: 1"


def test_a_pod_that_does_not_fit_is_seen_when_its_scheduler_says_so():
    said = event(1.1, "system:kube-scheduler", "patch", "pods", "web-7876b85647-5pgrb", sub="status")
    found = pods_of(deployment(0, "web", "7876b85647"), [event(1, "replicaset-controller", "create", "pods", code=201), said])
    assert when(found, "created") == [1.002] and found["scheduled"].isna().all()


def test_at_request_level_a_nameless_create_tells_its_owner():
    """The sent object has no name, and names its ReplicaSet."""

    def sent(at, name, image):
        reference = {"kind": "ReplicaSet", "name": name, "controller": True}
        meta = {"generateName": f"{name}-", "ownerReferences": [reference]}
        pod = {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"image": image}]}}
        return event(at, "replicaset-controller", "create", "pods", code=201, request=pod)

    def bound(at, name):
        return event(at, "system:kube-scheduler", "create", "pods", name, sub="binding", code=201, uid=name)

    made = [*deployment(0, "a", "7876b85647"), *deployment(0, "b", "669bdd655c")]
    calls = [sent(1, "b-669bdd655c", "b:1"), sent(2, "a-7876b85647", "a:1"), bound(3, "a-7876b85647-5pgrp"), bound(4, "b-669bdd655c-5pgrp")]
    found = pods_of(made, calls).set_index("name")
    assert found["images"].to_dict() == {"a-7876b85647-5pgrp": "a:1", "b-669bdd655c-5pgrp": "b:1"}
    assert found.index.tolist() == ["b-669bdd655c-5pgrp", "a-7876b85647-5pgrp"]
    assert when(found, "created") == [1.002, 2.002] and when(found, "created_earliest") == [1, 2]


def test_who_reports_for_nodes_and_also_removes_pods_asks_for_their_end():
    """A hand-made kubelet under an administrator's name."""
    made = event(1, "statefulset-controller", "create", "pods", "web-0", code=201)
    bound = event(2, "system:kube-scheduler", "create", "pods", "web-0", sub="binding", code=201, uid="u")
    acts = [
        event(3, "admin", "patch", "pods", "web-0", sub="status"),
        event(4, "admin", "delete", "pods", "web-0"),
        event(5, "admin", "delete", "pods", "web-0"),
    ]
    found = pods_of([event(0, "admin", "create", "statefulsets", "web", code=201), made, bound, *acts])
    assert when(found, "deleted") == [4.002] and when(found, "gone") == [5.002]


def test_failed_creates_are_no_pods():
    refused = [event(at, "replicaset-controller", "create", "pods", code=403) for at in (1, 2, 3)]
    assert pods_of(deployment(0, "web", "7876b85647"), refused).empty


def test_dry_runs_change_nothing():
    dry = event(1, "alice", "patch", "deployments", "web", query="dryRun=All")
    assert rollout_steps(read([*deployment(0, "web", "7876b85647"), dry]))["what"].tolist() == ["create"]


def test_the_same_name_again_is_another_pod():
    again = [event(5, "statefulset-controller", "delete", "pods", "web-0"), event(6, "system:node:n1", "delete", "pods", "web-0")]
    sts = event(0, "alice", "create", "statefulsets", "web", code=201)
    made = [pod(at, "web-0", uid, by="statefulset-controller", named=True) for at, uid in ((1, "a"), (7, "b"))]
    found = pods_of([sts], made[0], again, made[1])
    assert found["uid"].tolist() == ["a", "b"] and found["owner"].tolist() == ["statefulset/web"] * 2
    assert when(found, "deleted")[0] == 5.002 and when(found, "gone")[0] == 6.002


def test_an_end_that_is_not_on_record_lies_before_the_next_pod_of_that_name():
    sts = event(0, "alice", "create", "statefulsets", "web", code=201)
    made = [pod(at, "web-0", uid, by="statefulset-controller", named=True) for at, uid in ((1, "a"), (7, "b"))]
    found = pods_of([sts], made[0], [event(5, "statefulset-controller", "delete", "pods", "web-0")], made[1])
    assert when(found, "gone_earliest")[0] == 5 and when(found, "gone")[0] == 7.002


ENDINGS = {
    "its controller": (event(5, "replicaset-controller", "delete", "pods", "web-7876b85647-5pgrp"), "replicaset-controller"),
    "a user": (event(5, "alice", "delete", "pods", "web-7876b85647-5pgrp"), ""),
    "the collector": (event(5, "generic-garbage-collector", "delete", "pods", "web-7876b85647-5pgrp"), "generic-garbage-collector"),
    "an eviction": (event(5, "alice", "create", "pods", "web-7876b85647-5pgrp", sub="eviction", code=201), "eviction"),
    "its namespace": (event(5, "namespace-controller", "deletecollection", "pods"), "namespace-controller"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_who_asked_for_its_end(name):
    ending, via = ENDINGS[name]
    gone = event(8, "system:node:n1", "delete", "pods", "web-7876b85647-5pgrp")
    log = read([*deployment(0, "web", "7876b85647"), *pod(1, "web-7876b85647-5pgrp", "u"), ending, gone])
    moments = rollouts(log).query("object == 'pod/web-7876b85647-5pgrp'").set_index("moment")
    assert moments.loc["deleted", "what"] == via and moments.loc["deleted", "at"].isoformat() == "2026-01-01T00:00:05.002000+00:00"
    assert moments.loc["gone", "at"].isoformat() == "2026-01-01T00:00:08.002000+00:00"


def test_what_no_node_runs_is_gone_at_once():
    made = event(1, "statefulset-controller", "create", "pods", "web-0", code=201)
    found = pods_of([event(0, "alice", "create", "statefulsets", "web"), made, event(5, "alice", "delete", "pods", "web-0")])
    assert when(found, "gone") == [5.002]


def test_a_collection_with_a_selector_leaves_it_to_the_nodes_to_tell_whom_it_hit():
    some = event(5, "alice", "deletecollection", "pods", query="labelSelector=a%3Db")
    found = pods_of(deployment(0, "web", "7876b85647"), pod(1, "web-7876b85647-5pgrp", "u"), [some])
    assert found["deleted"].isna().all()


def test_a_deployment_from_before_the_log_is_known_by_the_pods_that_its_controller_removes():
    found = pods_of([event(5, "replicaset-controller", "delete", "pods", "web-7876b85647-5pgrp")])
    assert found[["workload", "revision", "evidence"]].values.tolist() == [["deployment/web", "7876b85647", "name"]]
    assert found["before_log"].all()


def test_a_name_that_fits_two_workloads_is_said_and_not_guessed():
    both = [event(0, "alice", "create", "daemonsets", "web", code=201), event(0, "alice", "create", "replicasets", "web", code=201)]
    bound = event(1, "system:kube-scheduler", "create", "pods", "web-5pgrp", sub="binding", code=201, uid="u")
    log = read([*both, bound])
    assert rollout_pods(log)[["workload", "evidence"]].values.tolist() == [["", "ambiguous: daemonset/web or replicaset/web"]]
    assert "pods of a name that fits several workloads: 1" in rollout_notes(log)
    # who removes it tells
    log = read([*both, bound, event(2, "daemon-set-controller", "delete", "pods", "web-5pgrp")])
    assert rollout_pods(log)["workload"].tolist() == ["daemonset/web"]


def test_a_replicaset_that_a_user_made_stands_for_itself_whatever_its_name():
    made = event(0, "alice", "create", "replicasets", "web-7876b85647", code=201)
    assert pods_of([made], pod(1, "web-7876b85647-5pgrp", "u"))["workload"].tolist() == ["replicaset/web-7876b85647"]


def test_long_names_are_cut_before_their_letters():
    name = "a" * 60
    bound = pod(1, f"{name[:58]}5pgrp", "u")
    assert pods_of([event(0, "alice", "create", "replicasets", name, code=201)], bound)["owner"].tolist() == [f"replicaset/{name}"]


def test_controllers_that_share_an_identity_are_told_apart_by_their_agent():
    """Without --use-service-account-credentials."""
    shared = {"user": "system:kube-controller-manager", "took": 0.002}
    agents = {
        name: f"kube-controller-manager/v1.20.2 (linux/amd64) kubernetes/faecb19/{name}"
        for name in ("deployment-controller", "replicaset-controller")
    }
    made = [
        event(0, "alice", "create", "deployments", "web", code=201),
        event(0.1, verb="create", resource="replicasets", name="web-7876b85647", code=201, agent=agents["deployment-controller"], **shared),
        event(0.2, verb="create", resource="pods", code=201, agent=agents["replicaset-controller"], **shared),
        event(0.3, "system:kube-scheduler", "create", "pods", "web-7876b85647-5pgrp", sub="binding", code=201, uid="u"),
        event(0.4, verb="update", resource="deployments", name="web", sub="status", agent=agents["deployment-controller"], **shared),
    ]
    log = read(made)
    assert rollout_pods(log)["workload"].tolist() == ["deployment/web"]
    assert rollout_steps(log)[["what", "created", "outcome"]].values.tolist() == [["create", 1, "came to rest"]]


def test_an_autoscaler_s_change_is_a_step_by_the_autoscaler():
    log = read(
        [
            *deployment(0, "web", "7876b85647"),
            event(60, "horizontal-pod-autoscaler-controller", "update", "deployments", "web", sub="scale"),
        ]
    )
    assert rollout_steps(log)["what"].tolist() == ["create", "scale"]


def test_what_comes_after_ten_quiet_minutes_has_another_cause():
    status = event(2, "deployment-controller", "update", "deployments", "web", sub="status")
    later = event(7200, "deployment-controller", "update", "deployments", "web", sub="status")
    log = read([*deployment(0, "web", "7876b85647"), *pod(1, "web-7876b85647-5pgrp", "u"), status, later])
    assert rollout_steps(log)["end"].tolist()[0].isoformat().startswith("2026-01-01T00:00:02")


def test_a_pod_that_somebody_removes_does_not_prolong_the_step_before():
    sts = event(0, "alice", "create", "statefulsets", "web", code=201)
    revision = event(0.1, "statefulset-controller", "create", "controllerrevisions", "web-684d6594f8", code=201)
    statuses = [event(at, "statefulset-controller", "update", "statefulsets", "web", sub="status") for at in (4, 66)]
    removed = [event(60, "bob", "delete", "pods", "web-0"), event(61, "system:node:n1", "delete", "pods", "web-0")]
    made = [pod(at, "web-0", uid, by="statefulset-controller", named=True) for at, uid in ((1, "a"), (62, "b"))]
    step = rollout_steps(read([sts, revision, *made[0], *statuses, *removed, *made[1]])).iloc[0]
    assert step["created"] == 1 and step["end"].isoformat().startswith("2026-01-01T00:00:04")


def test_answers_that_came_before_what_they_answer_do_not_confuse():
    """RR: a node's 404 is logged before the delete that it follows."""
    late = event(5, "replicaset-controller", "delete", "pods", "web-7876b85647-5pgrp", took=0.9)
    early = event(5.1, "system:node:n1", "delete", "pods", "web-7876b85647-5pgrp", code=404)
    found = pods_of([early], deployment(0, "web", "7876b85647"), pod(1, "web-7876b85647-5pgrp", "u"), [late])
    assert when(found, "gone") == [5.1] and when(found, "deleted") == [5.1]


def test_namespaces_a_few_at_a_time_or_all_at_once_are_the_same(monkeypatch):
    """A log larger than memory is told in parts."""
    first = [
        *deployment(0, "web", "7876b85647"),
        *pod(1, "web-7876b85647-5pgrp", "u1"),
        event(9, "replicaset-controller", "create", "pods"),
    ]
    other = json.loads(
        json.dumps([*first, event(20, "bob", "delete", "deployments", "web")]).replace('"shop"', '"bar"').replace("u1", "u2")
    )
    for each in other:
        each["auditID"] += "-bar"
    whole = read([*first, *other])
    monkeypatch.setattr(deeds, "AT_ONCE", 1)
    parts = read([*first, *other])
    for answer in (rollouts, rollout_pods, rollout_steps):
        pd.testing.assert_frame_equal(answer(whole), answer(parts))
    assert rollout_notes(whole) == rollout_notes(parts)
    assert rollout_steps(parts)[["namespace", "what"]].values.tolist() == [["bar", "create"], ["bar", "delete"], ["shop", "create"]]


def test_hostile_names_stay_text():
    name = "<script>$x$\u202e=cmd()"
    found = pods_of([event(0, "alice", "create", "pods", name, code=201), event(1, "alice", "delete", "pods", name)])
    assert found["name"].tolist() == [name] and found["workload"].tolist() == [""]


def test_a_log_without_workloads_gives_empty_frames_of_the_same_columns():
    empty, full = read([event(0, "alice", "create", "services", "web")]), read(deployment(0, "web", "7876b85647"))
    for answer in (rollouts, rollout_pods, rollout_steps):
        assert answer(empty).empty
        assert answer(empty).dtypes.drop(labels=[], errors="ignore").index.tolist() == answer(full).dtypes.index.tolist()


def test_the_builders_dates_are_what_they_say():
    assert stamp(61.5) == "2026-01-01T00:01:01.500000Z"


def test_pods_that_are_there_are_the_same_in_whatever_order_one_asks():
    lives = history_of(read([*deployment(0, "web", "7876b85647"), *_coming_and_going()])).lives
    instants = sorted({each for life in lives for each in (life.seen, life.seen + 1, life.deleted.earliest, life.deleted.earliest + 1)})
    slowly = {instant: [life for life in lives if life.seen < instant and life.deleted.earliest >= instant] for instant in instants}
    for asked in (instants, instants[::-1], [*instants[::3], *instants[1::3]]):
        there = Present(lives)
        assert {instant: there.at(instant) for instant in asked} == {instant: slowly[instant] for instant in asked}
    assert {len(each) for each in slowly.values()} >= {0, 1, 3}


def _coming_and_going():
    for at, letter in enumerate("bcdfgh"):
        yield from pod(1 + at, f"web-7876b85647-5pgr{letter}", letter)
        yield event(3.5 + 1.5 * at, "replicaset-controller", "delete", "pods", f"web-7876b85647-5pgr{letter}")
