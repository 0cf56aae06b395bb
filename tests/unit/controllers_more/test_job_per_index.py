"""Jobs whose indexes fail on their own, and Jobs that wait for the end of a pod, in a cluster with the gates on."""

from __future__ import annotations

import kubelab as kl
from kubelab.controllers.job.per_index import FAILURES

GATES = {"JobBackoffLimitPerIndex": True, "JobPodReplacementPolicy": True}


def job(script: str, **spec: object) -> dict:
    container = {"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 20, "containers": [container]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template, **spec}}


def test_an_index_that_fails_too_often_fails_alone():
    c = kl.Cluster(2, seed=3, feature_gates=GATES)
    c.apply(job("test $JOB_COMPLETION_INDEX != 2", completions=4, parallelism=4, completionMode="Indexed", backoffLimitPerIndex=1))
    c.settle(timeout="1h")

    status = c["job/j"]["status"]
    assert (status["completedIndexes"], status["failedIndexes"], status["succeeded"], status["failed"]) == ("0,1,3", "2", 3, 2)
    assert [(each["type"], each["reason"]) for each in status["conditions"]] == [("Failed", "FailedIndexes")]
    second = [pod for pod in c.list("pods") if pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "2"]
    assert sorted(pod["metadata"]["annotations"][FAILURES] for pod in second) == ["0", "1"]
    assert not any(pod["metadata"].get("finalizers") for pod in c.list("pods"))


def test_too_many_failed_indexes_end_the_job():
    c = kl.Cluster(2, seed=3, feature_gates=GATES)
    spec = {"completions": 4, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 0, "maxFailedIndexes": 0}
    c.apply(job("false", **spec))
    c.settle(timeout="1h")

    condition = c["job/j"]["status"]["conditions"][-1]
    assert (condition["reason"], condition["message"]) == (
        "MaxFailedIndexesExceeded",
        "Job has exceeded the specified maximal number of failed indexes",
    )


def test_each_index_backs_off_on_its_own():
    """One that never fails goes on while the other waits 10 s, then 20 s, for its next pod."""
    c = kl.Cluster(2, seed=3, feature_gates=GATES)
    c.apply(job("test $JOB_COMPLETION_INDEX = 0", completions=2, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=2))
    c.settle(timeout="1h")

    calls = c.frames.calls()
    made = calls[(calls["verb"] == "create") & (calls["resource"] == "pods") & (calls["user"].str.endswith("job-controller"))]
    times = list(made[made["name"].str.startswith("j-1-")]["time"])
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:], strict=False)]
    assert [10 <= gaps[0] < 14, 20 <= gaps[1] < 24] == [True, True]


def test_a_pod_that_terminates_is_replaced_when_it_has_ended():
    """Without the policy the new pod comes at once."""
    counts = {}
    for policy in ("Failed", "TerminatingOrFailed"):
        c = kl.Cluster(2, seed=3, feature_gates=GATES)
        c.apply(job("trap '' TERM; sleep 300", completions=1, parallelism=1, podReplacementPolicy=policy))
        c.run("20s")
        c.delete(f"pod/{c.list('pods')[0]['metadata']['name']}")
        c.run("15s")  # a back-off of 10 s, a grace period of 20 s
        counts[policy] = (len(c.list("pods")), c["job/j"]["status"]["terminating"])

    assert counts == {"Failed": (1, 1), "TerminatingOrFailed": (2, 1)}
