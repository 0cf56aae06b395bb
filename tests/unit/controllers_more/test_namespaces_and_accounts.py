"""Namespaces, accounts, tokens, the root bundle, pod garbage collection.

Rows: upstream pkg/controller/namespace/deletion/*_test.go, …/serviceaccount/{serviceaccounts,tokens}_controller_test.go,
…/certificates/rootcacertpublisher/publisher_test.go, …/podgc/gc_controller_test.go, 1.28.
"""

import base64

import pytest

from kubelab.controllers import namespace, podgc, rootca, serviceaccount
from kubelab.controllers.namespace.content import conditions_of, left_in
from kubelab.controllers.rootca.controller import DATA
from kubelab.engine.component import Later
from tests.unit.controllers_more.builders import ago, node, pod, thing
from tests.unit.controllers_more.builders import namespace as ns
from tests.unit.storage.harness import NOW_NS, World

GOING = ns(going=True)
GOOD = {
    "NamespaceDeletionDiscoveryFailure": "All resources successfully discovered",
    "NamespaceDeletionGroupVersionParsingFailure": "All legacy kube types successfully parsed",
    "NamespaceDeletionContentFailure": "All content successfully deleted, may be waiting on finalization",
    "NamespaceContentRemaining": "All content successfully removed",
    "NamespaceFinalizersRemaining": "All content-preserving finalizers finished",
}


# -- namespaces -------------------------------------------------------------------------------------------------------------------
def test_a_namespace_is_looked_at_five_seconds_after_it_changed():
    assert World(namespace.CONTROLLER, GOING).queued == [Later(5_000_000_000, ("ns",))]
    assert World(namespace.CONTROLLER, ns()).queued == []


def test_an_empty_namespace_goes():
    world = World(namespace.CONTROLLER, GOING).sync("ns")
    assert world.calls[0] == "get namespaces ns"
    assert "deletecollection configmaps " in world.calls
    assert world.calls[-2:] == ["update namespaces ns/status", "update namespaces ns/finalize"]
    assert world.bodies[-1]["spec"]["finalizers"] == []


def test_pods_are_listed_before_they_are_deleted():
    calls = World(namespace.CONTROLLER, GOING).sync("ns").calls
    at = calls.index("deletecollection pods ")
    assert calls[at - 1 : at + 2] == ["list pods ", "deletecollection pods ", "list pods "]


@pytest.mark.parametrize(
    ("why", "objects", "again"),
    [
        ("running pods: half the longest grace and a second", [pod("p", namespace="ns", terminationGracePeriodSeconds=60)], 31),
        ("finished pods do not count, but what stays is an error", [pod("p", namespace="ns", phase="Failed")], None),
        ("finalizers: 15 s / 2 + 1", [thing("ConfigMap", "cm", namespace="ns", finalizers=["example.com/keep"])], 8),
    ],
)
def test_when_it_looks_again(why, objects, again):
    world = World(namespace.CONTROLLER, GOING, *objects).sync("ns")
    assert world.plans[-1].again_ns == (None if again is None else again * 10**9)
    assert bool(world.plans[-1].error) is (again is None)
    assert "finalize" not in world.calls[-1]


def conditions(objects: dict) -> dict[str, tuple[str, str, str]]:
    found = conditions_of(GOING, left_in(GOING, objects, NOW_NS), NOW_NS)
    return {each["type"]: (each["status"], each["reason"], each["message"]) for each in found}


def test_the_five_conditions_when_all_is_well():
    found = conditions({})
    assert list(found) == list(GOOD)
    assert {type_: message for type_, (_, _, message) in found.items()} == GOOD
    assert {status for status, _, _ in found.values()} == {"False"}


def test_the_conditions_name_what_remains():
    """TestUpdateConditions and spec table."""
    left = [thing("ConfigMap", name, namespace="ns", finalizers=["example.com/keep"]) for name in ("a", "b")]
    found = conditions({"configmaps": left, "jobs.batch": [thing("Job", "j", api="batch/v1", finalizers=["x/y"])]})
    words = "Some resources are remaining: configmaps. has 2 resource instances, jobs.batch has 1 resource instances"
    assert found["NamespaceContentRemaining"] == ("True", "SomeResourcesRemain", words)
    words = "Some content in the namespace has finalizers remaining: example.com/keep in 2 resource instances, x/y in 1 resource instances"
    assert found["NamespaceFinalizersRemaining"] == ("True", "SomeFinalizersRemain", words)
    assert found["NamespaceDeletionContentFailure"][0] == "False"


def test_what_stays_without_reason_is_a_failure():
    found = conditions({"configmaps": [thing("ConfigMap", "a", namespace="ns")]})
    words = "unexpected items still remain in namespace: ns for gvr: /v1, Resource=configmaps"
    message = f"Failed to delete all resource types, 1 remaining: {words}"
    assert found["NamespaceDeletionContentFailure"] == ("True", "ContentDeletionFailed", message)


# -- accounts -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("objects", "calls"),
    [
        ([ns()], ["create serviceaccounts default"]),  # active namespace missing serviceaccounts
        ([ns(), thing("ServiceAccount", "default", namespace="ns")], []),  # active namespace with all serviceaccounts
        ([GOING], []),  # terminating namespace without serviceaccounts
    ],
)
def test_every_active_namespace_has_its_account(objects, calls):
    assert World(serviceaccount.CONTROLLER, *objects).sync("ns").calls == calls


def secret(**annotations: str) -> dict:
    made = thing("Secret", "t", annotations={f"kubernetes.io/service-account.{key}": text for key, text in annotations.items()})
    return {**made, "type": "kubernetes.io/service-account-token"}


ACCOUNT = thing("ServiceAccount", "default")


@pytest.mark.parametrize(
    ("why", "objects", "calls"),
    [
        ("added token secret without serviceaccount", [secret(name="default")], ["get serviceaccounts default", "delete secrets t"]),
        (
            "… of an account of another uid",
            [ACCOUNT, secret(name="default", uid="old")],
            ["get serviceaccounts default", "delete secrets t"],
        ),
        ("added token secret without token data", [ACCOUNT, secret(name="default")], ["get secrets t", "update secrets t"]),
        ("another type", [ACCOUNT, {**secret(name="default"), "type": "Opaque"}], []),
    ],
)
def test_token_secrets(why, objects, calls):
    assert World(serviceaccount.TOKENS, *objects).sync("default", "t").calls == calls


def test_a_token_secret_is_filled_once():
    world = World(serviceaccount.TOKENS, ACCOUNT, secret(name="default")).sync("default", "t")
    found = world.get("secrets", "t")
    assert base64.b64decode(found["data"]["namespace"]) == b"default"
    assert base64.b64decode(found["data"]["ca.crt"]).startswith(b"-----BEGIN CERTIFICATE-----")
    assert found["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == "uid-default"
    assert world.sync("default", "t").because == ["TokenPresent"]


def test_a_deleted_account_takes_its_tokens_along():
    world = World(serviceaccount.TOKENS, ACCOUNT, secret(name="default"))
    world.queued = []
    world.remove("serviceaccounts", "default", "default")
    assert world.queued == [("default", "t")]


@pytest.mark.parametrize(
    ("why", "named", "calls", "left"),
    [  # TestTokenCreation
        (
            "deleted secret with serviceaccount with reference",
            ["other", "t"],
            ["get serviceaccounts default", "update serviceaccounts default"],
            [{"name": "other"}],
        ),
        ("deleted secret with serviceaccount without reference", ["other"], ["get serviceaccounts default"], [{"name": "other"}]),
    ],
)
def test_an_account_forgets_a_token_that_is_gone(why, named, calls, left):
    world = World(serviceaccount.TOKENS, {**ACCOUNT, "secrets": [{"name": each} for each in named]}, secret(name="default"))
    world.queued = []
    world.remove("secrets", "default", "t")
    (key,) = world.queued
    assert world.sync(*key).calls == calls
    assert world.get("serviceaccounts", "default")["secrets"] == left


# -- the bundle -----------------------------------------------------------------------------------------------------------------------
def bundle(data: dict) -> dict:
    return {**thing("ConfigMap", "kube-root-ca.crt", namespace="ns"), "data": data}


@pytest.mark.parametrize(
    ("why", "objects", "calls"),
    [
        ("create new namespace", [ns()], ["create configmaps kube-root-ca.crt"]),
        ("update configmap with wrong data", [ns(), bundle({"ca.crt": "x"})], ["update configmaps kube-root-ca.crt"]),
        ("terminating namespace", [GOING], []),
    ],
)
def test_the_bundle_is_published(why, objects, calls):
    world = World(rootca.CONTROLLER, *objects).sync("ns")
    assert world.calls == calls
    if calls:
        assert world.get("configmaps", "kube-root-ca.crt", "ns")["data"] == DATA
        assert world.sync("ns").because == ["BundlePresent"]


def test_a_deleted_bundle_is_made_again_another_configmap_is_not():
    world = World(rootca.CONTROLLER, ns(), bundle(DATA), thing("ConfigMap", "other", namespace="ns"))
    world.queued = []
    world.remove("configmaps", "ns", "other")
    world.remove("configmaps", "ns", "kube-root-ca.crt")
    assert world.queued == [("ns",)]


# -- pods that nobody else deletes ----------------------------------------------------------------------------------------------------
OUT = [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]


@pytest.mark.parametrize(
    ("why", "objects", "calls"),
    [
        ("unscheduled and terminating", [pod("p", node="", going=True, phase="Pending")], ["patch pods p/status", "delete pods p"]),
        ("scheduled and terminating", [node(), pod("p", going=True)], []),
        ("unscheduled and not terminating", [pod("p", node="")], []),
        ("out of service", [node(ready=False, taints=OUT), pod("p", going=True)], ["patch pods p/status", "delete pods p"]),
        ("out of service, not terminating", [node(ready=False, taints=OUT), pod("p")], []),
        ("out of service, ready", [node(taints=OUT), pod("p", going=True)], []),
        ("finished: not marked again", [pod("p", node="", going=True, phase="Succeeded")], ["delete pods p"]),
    ],
)
def test_pods_that_are_collected(why, objects, calls):
    assert World(podgc.CONTROLLER, *objects).sync("check").calls == calls


def test_a_node_must_be_gone_for_forty_seconds():
    """TestGCOrphaned."""
    world = World(podgc.CONTROLLER, pod("p", created=ago(90)))
    world.sync("check")
    world.now_ns += 39 * 10**9
    assert world.sync("check").calls == []
    world.now_ns += 10**9
    assert world.sync("check").calls == ["get nodes n1", "patch pods p/status", "delete pods p"]
    condition = world.bodies[-2]["status"]["conditions"][0]
    assert (condition["reason"], condition["message"]) == ("DeletionByPodGC", "PodGC: node no longer exists")
    assert world.bodies[-1] == {"gracePeriodSeconds": 0}


def test_a_node_that_comes_back_is_forgotten():
    world = World(podgc.CONTROLLER, pod("p")).sync("check")
    world.put(node())
    world.sync("check")
    world.remove("nodes", "", "n1")
    world.now_ns += 60 * 10**9
    assert world.sync("check").calls == []


def test_only_so_many_finished_pods_stay_evicted_ones_go_first(monkeypatch):
    """TestGCTerminated."""
    monkeypatch.setattr("kubelab.controllers.podgc.controller.THRESHOLD", 1)
    pods = [
        pod("old", phase="Succeeded", created=ago(900)),
        pod("evicted", phase="Failed", reason="Evicted", created=ago(10)),
        pod("new", phase="Failed", created=ago(100)),
        pod("running"),
    ]
    world = World(podgc.CONTROLLER, node(), *pods).sync("check")
    assert [call for call in world.calls if call.startswith("delete")] == ["delete pods evicted", "delete pods old"]
