"""DaemonSets, ReplicationControllers and CronJobs as a user sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from tests.builders import Object, image_patch, pod, template

Make = Callable[..., kl.Cluster]


def daemonset(name: str = "agent", image: str = "nginx:1.24", *, pod_spec: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template(name, image, **(pod_spec or {})), **spec},
    }


def placed(cluster: kl.Cluster, *, live: bool = True) -> list[str]:
    """The nodes of the pods, sorted; only of those that are not going."""
    pods = cluster.list("pods")
    return sorted(each["spec"].get("nodeName", "") for each in pods if not (live and each["metadata"].get("deletionTimestamp")))


def story(cluster: kl.Cluster, component: str, since: int = 0) -> list[str]:
    calls = cluster._engine.store.log.calls[since:]
    own = [call for call in calls if call.component == component and call.resource != "events" and call.code < 400]
    return [f"{call.verb} {call.resource.partition('.')[0]}{'/' + call.subresource if call.subresource else ''}" for call in own]


def test_each_node_has_one_pod_bound_by_the_scheduler(cluster: kl.Cluster) -> None:
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    assert placed(cluster) == ["node-1", "node-2", "node-3"]
    binds = [call for call in cluster._engine.store.log.calls if call.subresource == "binding"]
    assert {call.component for call in binds} == {"scheduler"}
    assert cluster["ds/agent"]["status"] == {
        "currentNumberScheduled": 3,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 3,
        "numberReady": 3,
        "observedGeneration": 1,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
    }


def test_an_update_and_its_rollback_go_in_the_recorded_order(make: Make) -> None:
    # recorded with pods that end at once: revision, then delete, status, create, status, per node
    cluster = make(3, seed=1)
    cluster.apply(daemonset(pod_spec={"terminationGracePeriodSeconds": 0}))
    cluster.run(until="ds/agent ready", timeout="1m")
    first = story(cluster, "daemon-set-controller")
    assert first[:5] == ["create controllerrevisions", "create pods", "create pods", "create pods", "update daemonsets/status"]
    since = len(cluster._engine.store.log.calls)
    cluster.patch("ds/agent", image_patch("nginx:1.25"))
    cluster.run(until="ds/agent ready", timeout="5m")
    turn = ["delete pods", "update daemonsets/status", "create pods", "update daemonsets/status"]
    assert story(cluster, "daemon-set-controller", since) == ["create controllerrevisions", *3 * turn, "update daemonsets/status"]
    since = len(cluster._engine.store.log.calls)
    assert cluster.rollout("ds/agent").undo() == "daemonset.apps/agent rolled back"
    cluster.run(until="ds/agent ready", timeout="5m")
    assert story(cluster, "daemon-set-controller", since) == ["update controllerrevisions", *3 * turn, "update daemonsets/status"]
    assert [each.revision for each in cluster.rollout("ds/agent").history()] == [2, 3]


def test_a_rollback_in_the_middle_leaves_the_pods_that_are_right_alone(cluster: kl.Cluster) -> None:
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    before = {each["metadata"]["uid"] for each in cluster.list("pods")}
    cluster.patch("ds/agent", image_patch("nginx:1.161"))
    cluster.run("2m")
    cluster.rollout("ds/agent").undo()
    cluster.run(until="ds/agent ready", timeout="2m")
    after = {each["metadata"]["uid"] for each in cluster.list("pods")}
    assert len(before & after) == 2


@pytest.mark.parametrize(("effect", "left"), [("NoSchedule", 3), ("NoExecute", 2)])
def test_a_taint_keeps_new_pods_off_or_drives_old_ones_away(make: Make, effect: str, left: int) -> None:
    cluster = make(3, seed=1)
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    cluster.patch("node/node-2", {"spec": {"taints": [{"key": "own", "effect": effect}]}})
    cluster.run("2m")
    status = cluster["ds/agent"]["status"]
    assert (len(placed(cluster)), status["desiredNumberScheduled"]) == (left, 2)
    assert status["numberMisscheduled"] == (1 if effect == "NoSchedule" else 0)
    cluster.patch("node/node-2", {"spec": {"taints": None}})
    cluster.run("30s")
    assert placed(cluster) == ["node-1", "node-2", "node-3"]


def test_labels_that_come_and_go_move_the_pods(cluster: kl.Cluster) -> None:
    cluster.apply(daemonset(pod_spec={"nodeSelector": {"disk": "fast"}}))
    cluster.run("10s")
    assert placed(cluster) == []
    for node in ("node-1", "node-3"):
        cluster.patch(f"node/{node}", {"metadata": {"labels": {"disk": "fast"}}})
    cluster.run("20s")
    assert placed(cluster) == ["node-1", "node-3"]
    cluster.patch("node/node-1", {"metadata": {"labels": {"disk": None}}})
    cluster.run("2m")
    assert placed(cluster) == ["node-3"]


def test_a_cordoned_node_gets_its_pod_all_the_same(cluster: kl.Cluster) -> None:
    cluster.cordon("node-1")
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    assert placed(cluster) == ["node-1", "node-2", "node-3"]


def test_a_pod_that_does_not_fit_waits_where_it_belongs(cluster: kl.Cluster) -> None:
    cluster.apply(pod("big", nodeName="node-2", containers=[{"name": "c", "image": "nginx", "resources": {"requests": {"cpu": "4"}}}]))
    cluster.run("10s")
    cluster.apply(daemonset(pod_spec={"containers": [{"name": "c", "image": "nginx:1.24", "resources": {"requests": {"cpu": "1"}}}]}))
    cluster.run("30s")
    waiting = [each for each in cluster.list("pods", selector="app=agent") if not each["spec"].get("nodeName")]
    assert len(waiting) == 1
    assert "Insufficient cpu" in str(cluster.why_not(f"pod/{waiting[0]['metadata']['name']}"))
    assert cluster["ds/agent"]["status"]["numberUnavailable"] == 1
    cluster.delete("pod/big")
    cluster.run(until="ds/agent ready", timeout="2m")


@pytest.mark.parametrize("at", ["0.02s", "1s", "4s"])
def test_a_controller_that_crashes_in_the_middle_goes_on(make: Make, at: str) -> None:
    cluster = make(4, seed=3)
    cluster.apply(daemonset(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}))
    cluster.run(until="ds/agent ready", timeout="1m")
    cluster.patch("ds/agent", image_patch("nginx:1.25"))
    cluster.run(at)
    cluster._engine.crash("daemon-set-controller")
    cluster.run("10s")
    cluster._engine.restart("daemon-set-controller")
    cluster.run(until="ds/agent ready", timeout="5m")
    assert len(placed(cluster)) == 4
    assert {each["spec"]["containers"][0]["image"] for each in cluster.list("pods")} == {"nginx:1.25"}


def test_a_fork_and_a_saved_world_update_alike(cluster: kl.Cluster, tmp_path: Path) -> None:
    cluster.apply(daemonset(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}))
    cluster.run(until="ds/agent ready", timeout="1m")
    cluster.patch("ds/agent", image_patch("nginx:1.25"))
    cluster.run("2s")
    saved = cluster.save(tmp_path / "world.klab")
    others = [cluster.fork(), kl.load(saved)]
    for each in (cluster, *others):
        each.run(until="ds/agent ready", timeout="5m")
    assert [each.elapsed for each in others] == 2 * [cluster.elapsed]
    assert [story(each, "daemon-set-controller") for each in others] == 2 * [story(cluster, "daemon-set-controller")]


def test_deleting_it_takes_its_pods_and_revisions_along(cluster: kl.Cluster) -> None:
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    cluster.delete("ds/agent")
    cluster.run("2m")
    assert cluster.list("pods") == cluster.list("controllerrevisions") == []


def test_an_orphaned_pod_and_its_revision_are_taken_over(cluster: kl.Cluster) -> None:
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    before = sorted(each["metadata"]["uid"] for each in cluster.list("pods"))
    cluster.delete("ds/agent", cascade="orphan")
    cluster.run("10s")
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    assert sorted(each["metadata"]["uid"] for each in cluster.list("pods")) == before
    assert len(cluster.list("controllerrevisions")) == 1


def test_the_plan_says_what_comes_next_and_why(cluster: kl.Cluster) -> None:
    cluster.apply(daemonset())
    cluster.run(until="ds/agent ready", timeout="1m")
    assert str(cluster.plan("ds/agent")) == "daemonset/agent is as it should be"
    cluster.delete("pod/" + cluster.list("pods")[0]["metadata"]["name"])
    cluster.patch("ds/agent", image_patch("nginx:1.25"))
    assert "no revision has the template of daemonset/agent" in str(cluster.plan("ds/agent"))


def test_the_cost_of_a_sync_does_not_grow_with_the_nodes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places looked at per node, over creation and update: as many with 60 nodes as with 20."""
    from kubelab.controllers.daemonset import index

    looked = {}
    place = index.place
    for nodes in (20, 60):
        seen = []
        monkeypatch.setattr(index, "place", lambda *given, counted=seen: counted.append(1) or place(*given))
        cluster = kl.Cluster(nodes, seed=1)
        cluster.apply(daemonset(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}))
        cluster.run(until="ds/agent ready", timeout="10m")
        cluster.patch("ds/agent", image_patch("nginx:1.25"))
        cluster.run(until="ds/agent ready", timeout="1h")
        looked[nodes] = len(seen) / nodes
    assert looked[60] < 1.3 * looked[20]


# -- ReplicationController ------------------------------------------------------------------------------------------------------
def test_a_replication_controller_keeps_its_number_adopts_and_scales(cluster: kl.Cluster) -> None:
    cluster.apply(pod("lone", labels={"app": "web"}))
    spec = {"replicas": 3, "selector": {"app": "web"}, "template": template("web", "nginx:1.24")}
    cluster.apply({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "web"}, "spec": spec})
    cluster.run(until="rc/web ready", timeout="1m")
    pods = cluster.list("pods")
    assert len(pods) == 3 and "lone" in [each["metadata"]["name"] for each in pods]
    owners = {(each["metadata"]["ownerReferences"][0]["apiVersion"], each["metadata"]["ownerReferences"][0]["kind"]) for each in pods}
    assert owners == {("v1", "ReplicationController")}
    cluster.scale("rc/web", 1)
    cluster.run("2m")
    assert len(cluster.list("pods")) == 1
    stored = cluster["rc/web"]
    assert (stored["spec"]["selector"], stored["status"]["readyReplicas"]) == ({"app": "web"}, 1)
    assert {event["source"]["component"] for event in cluster.list("events") if event["involvedObject"]["name"] == "web"} == {
        "replication-controller"
    }


# -- CronJob --------------------------------------------------------------------------------------------------------------------
def cronjob(schedule: str, **spec: Any) -> Object:
    containers = [{"name": "c", "image": "busybox:1.28", "command": ["sh", "-c", "sleep 5"]}]
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}}}
    meta = {"name": "report"}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": {"schedule": schedule, "jobTemplate": job, **spec}}


def test_a_time_zone_decides_when_a_job_starts(make: Make) -> None:
    # the clock starts at midnight UTC, which is nine in the morning of Tokyo
    cluster = make(1, seed=1)
    cluster.apply(cronjob("30 9 * * *", timeZone="Asia/Tokyo"))
    cluster.run("29m")
    assert cluster.list("jobs") == []
    cluster.run("2m")
    annotations = cluster.list("jobs")[0]["metadata"]["annotations"]
    assert annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2026-01-01T09:30:00+09:00"


def test_a_controller_that_was_away_makes_one_start_not_all_that_were_missed(make: Make) -> None:
    cluster = make(1, seed=1)
    cluster.apply(cronjob("*/10 * * * *"))
    cluster.run("5m")
    cluster._engine.crash("cronjob-controller")
    cluster.run("1h")
    cluster._engine.restart("cronjob-controller")
    cluster.run("1m")
    assert [each["metadata"]["name"] for each in cluster.list("jobs")] == ["report-29453820"]


def test_a_crash_between_job_and_status_makes_no_second_job(make: Make) -> None:
    cluster = make(1, seed=1)
    cluster.apply(cronjob("*/10 * * * *"))
    cluster.run(until=lambda c: len(c.list("jobs")) == 1, timeout="11m")
    cluster._engine.crash("cronjob-controller")
    cluster._engine.restart("cronjob-controller")
    cluster.run("5m")
    assert len(cluster.list("jobs")) == 1


def test_a_schedule_that_never_comes_due_says_so(make: Make) -> None:
    cluster = make(1, seed=1)
    cluster.apply(cronjob("59 23 31 2 *"))
    cluster.settle()
    assert [event["reason"] for event in cluster.list("events") if event["involvedObject"]["kind"] == "CronJob"] == ["InvalidSchedule"]
    assert "less than 1 second" in str(cluster.plan("cj/report"))
