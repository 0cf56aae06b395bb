"""Why a CronJob starts nothing: why_not says what its controller says."""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl

Object = dict[str, Any]


def cronjob(schedule: str, **more: Any) -> Object:
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", "sleep 500"]}
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "cj"},
        "spec": {"schedule": schedule, "jobTemplate": job, **more},
    }


@pytest.mark.parametrize(
    ("schedule", "more", "jobs", "reason"),
    [
        (
            "0 0 30 2 *",
            {},
            0,
            "cronjob/cj starts nothing: invalid schedule: 0 0 30 2 * : time difference between two schedules is less than 1 second",
        ),
        ("* * * * *", {"suspend": True}, 0, "cronjob/cj is suspended"),
        ("* * * * *", {"concurrencyPolicy": "Forbid"}, 1, "cronjob/cj forbids a second job while one is running"),
        ("* * * * *", {}, 2, "nothing is in the way: it is there and ready"),
        ("@every 0s", {}, 3, "nothing is in the way: it is there and ready"),  # less than a second is a second; one job a minute has a name
    ],
)
def test_what_is_in_the_way(schedule: str, more: Object, jobs: int, reason: str) -> None:
    cluster = kl.Cluster(1)
    cluster.create(cronjob(schedule, **more))
    cluster.run("125s")
    answer = cluster.why_not("cronjob/cj")
    assert (len(cluster.list("jobs")), answer.reason) == (jobs, reason)
    assert answer.who == ("" if answer.fine else "cronjob-controller")
