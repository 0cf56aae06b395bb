"""A reconstruction from the audit log alone, compared with what the control plane really did (``c.frames``)."""

from __future__ import annotations

import pandas as pd
import pytest

import kubelab as kl
from kubelab.auditlog import read
from kubelab.auditlog.rollouts import rollout_counts, rollout_phases, rollout_pods, rollout_steps

INSTANTS = {
    "created": "created",
    "scheduled": "scheduled",
    "started": "started",
    "ready": "ready",
    "terminating": "deleted",
    "deleted": "gone",
}


def workload(kind, name, image, replicas=None, **spec):
    container = {"name": "c", "image": image, "ports": [{"containerPort": 80}]}
    container["readinessProbe"] = {"httpGet": {"port": 80, "path": "/"}, "initialDelaySeconds": 3}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    more = {"replicas": replicas} if replicas is not None else {}
    made = {"selector": {"matchLabels": {"app": name}}, "template": template, **more, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": made}


def a_day(c):
    """Rollouts, undos, scalings, a broken image, a partition, a removed pod, a crashed node."""
    c.apply([workload("Deployment", "shop", "nginx:1.24", 6), workload("DaemonSet", "agent", "nginx:1.24")])
    c.apply(workload("StatefulSet", "web", "nginx:1.24", 3, serviceName="web"))
    c.run("60s")
    c.apply(workload("Deployment", "shop", "nginx:1.25", 6))
    c.run("60s")
    c.scale("deployment/shop", 9)
    c.run("30s")
    c.patch("sts/web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}})
    c.run("5s")
    c.patch("sts/web", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:1.25"}]}}}})
    c.run("60s")
    c.patch("sts/web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    c.apply(workload("DaemonSet", "agent", "nginx:1.25"))
    c.run("120s")
    c.rollout("deployment/shop").undo()
    c.rollout("daemonset/agent").undo()
    c.run("120s")
    c.scale("sts/web", 5)
    c.run("60s")
    c.delete("pod/web-1")
    c.run("60s")
    c.patch("deployment/shop", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:1.161"}]}}}})
    c.run("60s")
    c.fault("NodeCrash", nodes=["node-2"])
    c.run("10m")
    c.delete("daemonset/agent")
    c.run("60s")


STEPS = {
    "deployment/shop": ["create", "template", "scale", "undo", "template"],
    "statefulset/web": ["create", "settings", "template", "settings", "scale"],
    "daemonset/agent": ["create", "template", "undo", "delete"],
}


@pytest.fixture(scope="module", params=["Metadata", "RequestResponse"])
def world(request):
    c = kl.Cluster(nodes=4, seed=3, audit_policy=request.param)
    a_day(c)
    return request.param, c, read(c)


@pytest.fixture(scope="module")
def both(world):
    level, c, log = world
    truth = c.frames.pods().query("namespace == 'default'").set_index("uid")
    found = rollout_pods(log, namespace="default").set_index("uid")
    return level, truth, found


def test_every_pod_is_found_with_its_workload_revision_and_node(both):
    _, truth, found = both
    assert len(truth) > 50 and set(truth.index) == set(found.index)
    found = found.loc[truth.index]
    for column in ("name", "workload", "owner", "node", "revision"):
        wrong = [(name, real, told) for name, real, told in zip(truth["name"], truth[column], found[column], strict=True) if real != told]
        assert wrong == [], column


def test_every_instant_lies_within_its_bounds(both):
    level, truth, found = both
    found = found.loc[truth.index]
    for real, told in INSTANTS.items():
        happened = truth[real].notna()
        assert found.loc[happened, told].notna().all(), real
        assert (found.loc[happened, f"{told}_earliest"] <= truth.loc[happened, real]).all(), real
        assert (truth.loc[happened, real] <= found.loc[happened, f"{told}_latest"]).all(), real
        if level == "RequestResponse":
            assert found.loc[~happened, told].isna().all(), real


def test_the_likeliest_instants_are_those_of_the_commits(both):
    """A log's times are cut to microseconds."""
    _, truth, found = both
    for real, told in INSTANTS.items():
        apart = (truth[real] - found.loc[truth.index, told]).abs().dropna()
        share = (apart <= pd.Timedelta("1us")).mean()
        assert share == 1 if real in ("created", "scheduled", "terminating", "deleted") else share > 0.9, (real, share)


def test_every_step_is_told(world):
    level, _, log = world
    for reference, expected in STEPS.items():
        expected = list(expected)
        if level == "Metadata" and reference == "statefulset/web":
            expected[3] = "continue"
        assert rollout_steps(log, reference)["what"].tolist() == expected


def test_a_crashed_node_is_no_part_of_a_rollout(world):
    _, _, log = world
    scaled = rollout_steps(log, "statefulset/web").iloc[-1]
    assert scaled["what"] == "scale" and scaled["created"] == 2 and scaled["seconds"] < 60


def test_with_bodies_the_phases_are_those_that_were_gone_through(world):
    level, c, log = world
    real, told = c.frames.transitions().query("namespace == 'default'"), rollout_phases(log, namespace="default")
    if level == "Metadata":
        assert set(told["phase"].astype(str)) == {"Pending", "ContainerCreating", "Starting", "Up", "Terminating"}
        return
    for uid, phases in real.groupby("uid"):
        mine = told[told["uid"] == uid]
        assert mine["phase"].astype(str).tolist() == phases["phase"].astype(str).tolist(), phases["name"].iloc[0]
        assert ((mine["start"].to_numpy() - phases["start"].to_numpy()) <= pd.Timedelta("1us")).all()


def test_the_counts_of_each_revision_are_those_of_the_cluster(world):
    """In the end of each second: commits a microsecond apart may change places."""
    level, c, log = world
    real, told = c.frames.rollouts(), rollout_counts(log, namespace="default")
    counts = ["pods", "terminating"] + (["ready"] if level == "RequestResponse" else [])
    by = ["workload", "revision"]
    for key, truth in real[real["namespace"] == "default"].groupby(by, observed=True):
        mine = told[(told["workload"] == key[0]) & (told["revision"] == key[1])]
        seconds = pd.date_range(c.now.replace(microsecond=0) - pd.Timedelta(seconds=int(c.elapsed)), c.now, freq="1s")
        at = [frame["time"].searchsorted(seconds, side="right") for frame in (truth, mine)]
        for column in counts:
            both = [[0, *frame[column]] for frame in (truth, mine)]
            assert [both[0][row] for row in at[0]] == [both[1][row] for row in at[1]], (key, column)
