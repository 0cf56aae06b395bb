"""Random worlds: a reconstruction from the audit log alone agrees with what the control plane did (``c.frames``)."""

from __future__ import annotations

import contextlib
import random

import pytest

import kubelab as kl
from kubelab.auditlog import read
from kubelab.auditlog.rollouts import rollout_pods, rollout_steps
from tests.scenario.test_rollouts_from_the_log import INSTANTS, workload

IMAGES = ("nginx:1.23", "nginx:1.24", "nginx:1.25", "nginx:1.161")


def image(tag):
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": tag}]}}}}


def live(c, chance):
    """Some things that people do to workloads, at random."""
    for kind, name in (("Deployment", "shop"), ("Deployment", "shop-b"), ("StatefulSet", "web"), ("DaemonSet", "agent")):
        replicas = None if kind == "DaemonSet" else chance.randint(1, 6)
        more = {"serviceName": "web", "podManagementPolicy": chance.choice(["Parallel", "OrderedReady"])} if kind == "StatefulSet" else {}
        c.apply(workload(kind, name, chance.choice(IMAGES[:3]), replicas, **more))
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", f"sleep 5; exit {chance.choice([0, 0, 1])}"]}
    pod = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    spec = {"template": pod, "completions": 4, "parallelism": 2, "completionMode": chance.choice(["Indexed", "NonIndexed"])}
    c.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "sum"}, "spec": spec})
    c.run("40s")
    for _ in range(12):
        which = chance.choice(["deployment/shop", "deployment/shop-b", "sts/web", "daemonset/agent"])
        act = chance.choice(["image", "image", "scale", "undo", "restart", "pod", "crash", "partition"])
        if act == "image":
            c.patch(which, image(chance.choice(IMAGES)))
        elif act == "scale" and which != "daemonset/agent":
            c.scale(which, chance.randint(0, 8))
        elif act == "restart":
            c.rollout(which).restart()
        elif act == "partition":
            c.patch("sts/web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": chance.randint(0, 3)}}}})
        elif act == "pod":
            pods = c.list("pods")
            c.delete(f"pod/{chance.choice(pods)['metadata']['name']}", grace_period=chance.choice([None, 0, 5]))
        elif act == "crash":
            c.fault("NodeCrash", nodes=["node-1"], duration="90s")
        elif act == "undo":
            with contextlib.suppress(kl.RolloutError):  # nothing to go back to
                c.rollout(which).undo()
        c.run(f"{chance.choice([1, 5, 30, 90, 400])}s")


@pytest.mark.parametrize("level", ["Metadata", "RequestResponse"])
@pytest.mark.parametrize("seed", range(3))
def test_the_log_tells_what_happened(seed, level):
    c = kl.Cluster(nodes=4, seed=seed, audit_policy=level)
    live(c, random.Random(seed))
    log = read(c)
    truth = c.frames.pods().query("namespace == 'default'").set_index("uid")
    named = rollout_pods(log, namespace="default")
    found = named[named["uid"] != ""].set_index("uid")
    # at Metadata a pod that was never bound has no uid, and no name if it was never refused a node either
    assert set(found.index) <= set(truth.index)
    assert truth.loc[~truth.index.isin(found.index), "scheduled"].isna().all()
    truth = truth.loc[[uid for uid in truth.index if uid in found.index]]
    found = found.loc[truth.index]
    for column in ("name", "workload", "owner", "node"):
        wrong = [(name, real, told) for name, real, told in zip(truth["name"], truth[column], found[column], strict=True) if real != told]
        assert wrong == [], column
    wrong = [
        (name, real, told)
        for name, real, told in zip(truth["name"], truth["revision"], found["revision"], strict=True)
        if told not in ("", real)
    ]
    assert wrong == []
    for real, told in INSTANTS.items():
        happened = truth[real].notna()
        if real == "deleted" and level == "Metadata":
            # by force, or ended before: no node has anything to remove, and Metadata does not tell the grace period
            happened &= ~(found["gone"].isna() & (truth["terminating"] == truth["deleted"]))
        low, high = found.loc[happened, f"{told}_earliest"], found.loc[happened, f"{told}_latest"]
        outside = (low > truth.loc[happened, real]) | (truth.loc[happened, real] > high) | low.isna()
        assert truth.loc[happened][outside]["name"].tolist() == [], real
    asked = c.frames.calls().query("user == 'kubernetes-admin' and code < 300 and verb in ('create', 'update', 'patch')")
    asked = asked[asked["resource"].isin(("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"))]
    assert int(rollout_steps(log)["asked"].notna().sum()) == len(asked)
