"""ResourceQuota: charges and refusals.

upstream: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, plugin/pkg/admission/resourcequota/admission_test.go,
pkg/quota/v1/evaluator/core/{pods,services,persistent_volume_claims}_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.admission import quota_usage
from kubelab.apiserver.server import ApiServer
from kubelab.controllers.resourcequota import controller
from kubelab.kinds import registry
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]


def with_quota(hard: Object, **spec: Any) -> ApiServer:
    server = b.with_namespaces("team")
    b.create(
        server,
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "team"}, "spec": {"hard": hard, **spec}},
    )
    return server


def pod(name: str = "p", requests: Object | None = None, limits: Object | None = None, **spec: Any) -> Object:
    return b.pod(name, "team", container={"resources": {"requests": requests or {}, "limits": limits or {}}}, **spec)


def status(server: ApiServer) -> Object:
    found = server.store.head.get("resourcequotas", "team", "q")
    assert found is not None
    return dict(found["status"])


def refused(server: ApiServer, obj: Object) -> str:
    answer = b.send(server, "create", obj)
    head = f'{registry.by_kind(obj["kind"]).plural} "{obj["metadata"]["name"]}" is forbidden: '  # type: ignore[union-attr]
    assert answer.code == 403 and answer.object["message"].startswith(head), answer.object
    return str(answer.object["message"])[len(head) :]


def test_what_fits_is_charged() -> None:
    server = with_quota({"pods": "2", "requests.cpu": "1", "limits.memory": "1Gi"})
    b.create(server, pod("a", {"cpu": "500m"}, {"memory": "256Mi"}))
    assert status(server) == {
        "hard": {"pods": "2", "requests.cpu": "1", "limits.memory": "1Gi"},
        "used": {"pods": "1", "requests.cpu": "500m", "limits.memory": "256Mi"},
    }


def test_what_does_not_fit_is_refused_with_all_that_it_exceeds() -> None:
    server = with_quota({"pods": "1", "requests.cpu": "1", "requests.memory": "1Gi"})
    b.create(server, pod("a", {"cpu": "500m", "memory": "100Mi"}))
    said = refused(server, pod("b", {"cpu": "600m", "memory": "100Mi"}))
    assert said == "exceeded quota: q, requested: pods=1,requests.cpu=600m, used: pods=1,requests.cpu=500m, limited: pods=1,requests.cpu=1"
    assert status(server)["used"]["pods"] == "1"


def test_a_quota_on_cpu_makes_every_container_say_what_it_wants() -> None:
    server = with_quota({"limits.cpu": "1", "memory": "1Gi"})
    init = [{"name": "first", "image": "x"}]
    said = refused(server, pod("a", {"memory": "1Mi"}, initContainers=init))
    assert said == "failed quota: q: must specify limits.cpu for: c,first; memory for: first"


def recount(server: ApiServer) -> None:
    """What the quota controller does."""
    quota = server.store.head.get("resourcequotas", "team", "q")
    assert quota is not None
    used = quota_usage.total(server.store.head, quota, controller.kinds(), 0)
    b.merge(server, "resourcequotas", "team", "q", {"status": {"used": used}}, subresource="status")


def test_what_a_deleted_pod_used_is_there_again_once_it_is_counted() -> None:
    server = with_quota({"pods": "1"})
    b.create(server, pod("a"))
    b.call(server, "delete", "pods", "team", "a")
    assert refused(server, pod("b")) == "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    recount(server)
    b.create(server, pod("b"))
    assert status(server)["used"] == {"pods": "1"}


def test_a_pod_that_ended_counts_as_an_object_alone() -> None:
    server = with_quota({"pods": "1", "count/pods": "2"})
    b.create(server, pod("a"))
    b.merge(server, "pods", "team", "a", {"status": {"phase": "Succeeded"}}, subresource="status")
    recount(server)
    b.create(server, pod("b"))
    assert refused(server, pod("c")).startswith("exceeded quota: q, requested: count/pods=1,pods=1, used: count/pods=2,pods=1")


def test_a_dry_run_charges_nothing_but_is_refused_all_the_same() -> None:
    server = with_quota({"pods": "1"})
    before = server.store.revision
    assert b.send(server, "create", pod("a"), dry_run=True).code == 201
    assert server.store.revision == before
    b.create(server, pod("a"))
    assert b.send(server, "create", pod("b"), dry_run=True).code == 403


def test_a_create_that_fails_anyway_is_not_charged() -> None:
    server = with_quota({"count/configmaps": "2"})
    configmap = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "team"}}
    b.create(server, configmap)
    assert b.send(server, "create", configmap).code == 409
    assert status(server)["used"] == {"count/configmaps": "1"}


# spec of the quota besides hard, pod, whether it counts; upstream: pods_test.go, podMatchesScopeFunc
SCOPES = [
    ({"scopes": ["Terminating"]}, pod(activeDeadlineSeconds=30), True),
    ({"scopes": ["Terminating"]}, pod(), False),
    ({"scopes": ["NotTerminating"]}, pod(), True),
    ({"scopes": ["BestEffort"]}, pod(), True),
    ({"scopes": ["BestEffort"]}, pod("p", {"cpu": "1"}), False),
    ({"scopes": ["NotBestEffort"]}, pod("p", {"memory": "1Mi"}), True),
    ({"scopes": ["NotTerminating", "BestEffort"]}, pod("p", {"cpu": "1"}), False),
]


@pytest.mark.parametrize("spec, obj, counts", SCOPES)
def test_scopes_choose_pods(spec: Object, obj: Object, counts: bool) -> None:
    server = with_quota({"pods": "5"}, **spec)
    b.create(server, obj)
    assert status(server).get("used", {}).get("pods", "0") == ("1" if counts else "0")


SERVICES = [
    ({"type": "ClusterIP", "ports": [{}]}, "0", "0"),
    ({"type": "NodePort", "ports": [{}, {}]}, "2", "0"),
    ({"type": "LoadBalancer", "ports": [{}]}, "1", "1"),
    ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": [{"nodePort": 30000}, {}]}, "1", "1"),
]


@pytest.mark.parametrize("spec, node_ports, balancers", SERVICES)
def test_services_use_node_ports_and_balancers(spec: Object, node_ports: str, balancers: str) -> None:
    """upstream: services_test.go TestServiceEvaluatorUsage"""
    used = quota_usage.usage_of(registry.by_resource("services"), {"spec": spec}, b.NOW_NS)
    assert used == {"count/services": "1", "services": "1", "services.nodeports": node_ports, "services.loadbalancers": balancers}


def test_claims_count_by_class_too() -> None:
    """upstream: persistent_volume_claims_test.go TestPersistentVolumeClaimEvaluatorUsage"""
    claim = {"metadata": {"name": "c"}, "spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "10Gi"}}}}
    assert quota_usage.usage_of(registry.by_resource("persistentvolumeclaims"), claim, b.NOW_NS) == {
        "persistentvolumeclaims": "1",
        "count/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "requests.storage": "10Gi",
        "gold.storageclass.storage.k8s.io/requests.storage": "10Gi",
    }


def test_init_containers_count_by_their_peak_and_extended_resources_by_request() -> None:
    """upstream: pods_test.go TestPodEvaluatorUsage"""
    containers = [{"name": n, "resources": {"requests": {"cpu": "1", "example.com/gpu": "1"}}} for n in "ab"]
    init = [{"name": "i", "resources": {"requests": {"cpu": "5"}}}]
    obj = {"metadata": {"name": "p"}, "spec": {"containers": containers, "initContainers": init, "overhead": {"cpu": "500m"}}}
    used = quota_usage.usage_of(registry.by_resource("pods"), obj, b.NOW_NS)
    assert (used["requests.cpu"], used["requests.example.com/gpu"]) == ("5500m", "2")
