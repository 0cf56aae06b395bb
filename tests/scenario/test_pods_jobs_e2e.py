"""Jobs with the outcomes that upstream's end-to-end tests expect. upstream: test/e2e/apps/job.go, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import job
from tests.scenario.e2e import conditions, names

Object = dict[str, Any]


def made(cluster: kl.Cluster, script: str, restart: str = "Never", run: str = "2m", **spec: Any) -> Object:
    """The Job's status after a while."""
    obj = job("j", spec.pop("completions", 1), script=script, **spec)
    obj["spec"]["template"]["spec"]["restartPolicy"] = restart
    cluster.create(obj)
    cluster.run(run)
    return dict(cluster["job/j"]["status"])


def test_a_job_runs_to_completion_when_tasks_succeed(cluster: kl.Cluster) -> None:
    status = made(cluster, "sleep 1", parallelism=2, completions=4)
    assert (status["succeeded"], conditions(cluster["job/j"])["Complete"][0]) == (4, "True")


@pytest.mark.parametrize(("restart", "pods"), [("Never", 2), ("OnFailure", 0)])
def test_a_job_fails_past_its_backoff_limit(cluster: kl.Cluster, restart: str, pods: int) -> None:
    made(cluster, "exit 1", restart, "4m", backoffLimit=1)
    assert conditions(cluster["job/j"])["Failed"] == ("True", "BackoffLimitExceeded")
    assert len(names(cluster)) == pods


def test_a_job_fails_past_its_deadline(cluster: kl.Cluster) -> None:
    made(cluster, "sleep 600", parallelism=2, completions=4, activeDeadlineSeconds=1)
    assert conditions(cluster["job/j"])["Failed"] == ("True", "DeadlineExceeded")
    assert [item for item in cluster.list("pods") if item["status"]["phase"] == "Running"] == []


def test_a_suspended_job_has_no_pods_and_goes_on_when_resumed(cluster: kl.Cluster) -> None:
    status = made(cluster, "sleep 2", run="10s", parallelism=2, completions=4, suspend=True)
    assert (names(cluster), conditions(cluster["job/j"])["Suspended"]) == ([], ("True", "JobSuspended"))
    assert "startTime" not in status
    cluster.patch("job/j", {"spec": {"suspend": False}})
    cluster.run("2s")
    assert len(names(cluster)) == 2
    cluster.patch("job/j", {"spec": {"suspend": True}})
    cluster.run("1m")
    assert [item for item in cluster.list("pods") if item["status"]["phase"] in ("Running", "Pending")] == []
    cluster.patch("job/j", {"spec": {"suspend": False}})
    cluster.run(until="job/j ready")


def test_an_indexed_job_gives_each_pod_its_index(cluster: kl.Cluster) -> None:
    status = made(cluster, "echo $JOB_COMPLETION_INDEX", parallelism=2, completions=4, completionMode="Indexed")
    assert (status["succeeded"], status["completedIndexes"]) == (4, "0-3")
    assert [cluster.logs(f"pod/{name}") for name in names(cluster)] == ["0\n", "1\n", "2\n", "3\n"]


def test_a_job_adopts_and_releases(cluster: kl.Cluster) -> None:
    made(cluster, "sleep 1000", run="5s", parallelism=2, completions=2)
    name = names(cluster)[0]
    cluster.patch(f"pod/{name}", {"metadata": {"ownerReferences": None}}, type="merge")
    cluster.run("3s")
    assert cluster[f"pod/{name}"]["metadata"]["ownerReferences"][0]["name"] == "j"
    cluster.patch(f"pod/{name}", {"metadata": {"labels": None}}, type="merge")
    cluster.run("3s")
    assert not cluster[f"pod/{name}"]["metadata"].get("ownerReferences")


def test_pods_go_with_their_job(cluster: kl.Cluster) -> None:
    made(cluster, "sleep 1000", run="5s", parallelism=2, completions=2)
    cluster.delete("job/j")
    cluster.run("2m")
    assert names(cluster) == []


def test_an_exit_code_may_end_the_job_at_once(cluster: kl.Cluster) -> None:
    """upstream: should allow to use the pod failure policy on exit code to fail job early."""
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "c", "operator": "In", "values": [42]}}
    status = made(cluster, "exit 42", backoffLimit=6, podFailurePolicy={"rules": [rule]})
    assert (status["failed"], conditions(cluster["job/j"])["Failed"]) == (1, ("True", "PodFailurePolicy"))
