"""A component that raises: the error tells the story of the object, and the world goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

import kubelab as kl
from kubelab.controllers.replicaset import CONTROLLER
from kubelab.engine.internal_error import InternalError
from tests.builders import deployment, pod


def test_a_plan_that_raises_names_component_key_and_story(cluster: kl.Cluster) -> None:
    def boom(seen: object) -> object:
        if seen.replica_set["metadata"]["labels"]["app"] == "bad":  # type: ignore[attr-defined]
            raise RuntimeError("boom")
        return CONTROLLER.plan(seen)

    runner = cluster._engine.runners[CONTROLLER.name]
    runner.component = replace(CONTROLLER, plan=boom)  # type: ignore[arg-type]
    cluster.apply(deployment("bad"))
    with pytest.raises(InternalError, match="replicaset-controller failed on default/bad-.*: RuntimeError: boom\nwhat happened") as raised:
        cluster.run("10s")
    assert "deployment-controller: create replicasets.apps bad-" in str(raised.value)
    cluster.apply(deployment("good"))
    cluster.run(until="deploy/good ready")
    assert runner.busy == {"": 0}


def test_plan_of_a_pod_is_the_plan_of_that_pod(cluster: kl.Cluster) -> None:
    cluster.create([pod("a"), pod("b"), pod("huge", {"name": "c", "image": "x", "resources": {"requests": {"cpu": "99"}}})])
    assert "pod/b" in str(cluster.plan("pod/b").because[0])
    cluster.run("30s")
    assert "pod/huge" in str(cluster.plan("pod/huge").because[0])


def test_refusals_of_the_users_own_calls_are_answers(cluster: kl.Cluster) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}}
    cluster.create(quota)
    with pytest.raises(kl.ApiError):
        cluster.create(pod("mine"))
    assert "exceeded quota: q" in str(cluster.why_not("pod/mine"))
    with pytest.raises(kl.ApiError):
        cluster.apply([pod("first"), pod("second")])
    assert "exceeded quota: q" in str(cluster.why_not("pod/first"))


def test_who_may_not_read_is_told_nothing(cluster: kl.Cluster) -> None:
    cluster.create(pod("secret"))
    alice = cluster.as_user("alice")
    assert 'User "alice" cannot get resource "pods"' in str(alice.why_not("pod/secret"))
    with pytest.raises(kl.ApiError, match="forbidden"):
        alice.explain("pod/secret")


def test_what_two_faults_break_stays_broken_until_both_end(cluster: kl.Cluster) -> None:
    cluster.fault("ImageBroken", images=["nginx:1.25"], duration="10s")
    cluster.fault("ImageBroken", images=["nginx:1.25"], duration="2m")
    cluster.run("15s")
    cluster.create(pod("a"))
    cluster.run("30s")
    assert "ErrImagePull" in str(cluster.why_not("pod/a")) or "ImagePullBackOff" in str(cluster.why_not("pod/a"))
    cluster.run(until="pod/a ready", timeout="10m")


def test_fault_names_are_free_ones(cluster: kl.Cluster) -> None:
    first = cluster.fault("ApiError", resources=["events"])
    cluster.fault("ApiError", resources=["events"])
    cluster.delete(first)
    assert cluster.fault("ApiError", resources=["events"])["metadata"]["name"] == "apierror-1"


def test_a_fault_that_names_nothing_says_so_and_the_world_goes_on(cluster: kl.Cluster) -> None:
    for name, kind, spec in (("x", "ComponentCrash", {"components": ["nosuch"]}), ("y", "NodeCrash", {"nodes": ["nosuch"]})):
        cluster.apply({"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": name}, "spec": {"type": kind, **spec}})
    cluster.run("5s")
    said = [event["message"] for event in cluster.list("events", namespace=None) if event["reason"] == "HitsNothing"]
    assert sorted(said) == [f"{kind} hits nothing: there is nothing called nosuch" for kind in ("ComponentCrash", "NodeCrash")]
    assert {cluster.get(f"fault/{name}")["status"]["phase"] for name in "xy"} == {"Ended"}


def test_a_fault_of_a_type_that_is_not_built_stays_pending_and_says_so(cluster: kl.Cluster) -> None:
    spec = {"type": "WebhookDown", "duration": "1s"}
    cluster.apply({"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": "hook"}, "spec": spec})
    cluster.run("10s")
    assert cluster.get("fault/hook")["status"]["phase"] == "Pending"
    said = [event["message"] for event in cluster.list("events", namespace=None) if event["reason"] == "NotBuilt"]
    assert len(said) == 1 and said[0].startswith("WebhookDown is not built, and nothing happens: use one of ApiError, ApiSlow, ")
    with pytest.raises(kl.ApiError, match=r"spec.parameters\[lag\]: Invalid value: .*: WatchLag takes delay"):
        cluster.fault("WatchLag", parameters={"lag": "60s"})
