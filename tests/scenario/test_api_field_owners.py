"""Who owns a field after a write, where the answer is not simply "who sent it": what strategies, registries and dry runs do.

upstream: apiserver/pkg/endpoints/handlers/{create,update,patch}.go (the field manager sees an object before admission and strategy),
registry/generic/registry/store.go Delete (GuaranteedUpdate knows no field manager), pkg/registry/core/pod/storage/storage.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import pod
from tests.scenario.api import APPS, CORE, MERGE, STRATEGIC, Object, deployment

AGENT = {"User-Agent": "alpha/1"}


def owned(obj: Object) -> dict[str, Any]:
    return {f"{entry['manager']}/{entry.get('subresource', '')}": entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", ())}


def ask(cluster: kl.Cluster, method: str, path: str, body: Any = None, content_type: str = "", agent: str = "alpha/1") -> Object:
    code, answer = cluster.request(method, path, body, content_type=content_type, headers={"User-Agent": agent})
    assert code < 300, answer
    return dict(answer)


def daemonset() -> Object:
    obj = deployment("agent")
    return {**obj, "kind": "DaemonSet"}


def test_what_a_strategy_changes_belongs_to_nobody_new(cluster: kl.Cluster) -> None:
    created = ask(cluster, "POST", f"{APPS}/daemonsets", daemonset())
    generation = {"f:annotations": {".": {}, "f:deprecated.daemonset.template.generation": {}}}
    assert owned(created)["alpha/"]["f:metadata"] == generation  # the conversion writes it into every DaemonSet
    image = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:2"}]}}}}
    changed = ask(cluster, "PATCH", f"{APPS}/daemonsets/agent", image, STRATEGIC, "beta/1")
    assert changed["metadata"]["annotations"] == {"deprecated.daemonset.template.generation": "2"}
    assert owned(changed)["alpha/"]["f:metadata"] == generation
    assert "f:metadata" not in owned(changed)["beta/"]


def test_an_allocated_port_belongs_to_nobody(cluster: kl.Cluster) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    ask(cluster, "POST", f"{CORE}/services", service)
    changed = ask(cluster, "PATCH", f"{CORE}/services/s", {"spec": {"type": "NodePort"}}, MERGE, "beta/1")
    assert changed["spec"]["ports"][0]["nodePort"] >= 30000
    assert owned(changed)["beta/"] == {"f:spec": {"f:externalTrafficPolicy": {}, "f:type": {}}}


def test_a_binding_and_a_deletion_own_nothing(cluster: kl.Cluster) -> None:
    created = ask(cluster, "POST", f"{CORE}/pods", pod("a", terminationGracePeriodSeconds=5))
    target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node", "name": "node-1"}}
    ask(cluster, "POST", f"{CORE}/pods/a/binding", target, agent="kube-scheduler/1")
    bound = ask(cluster, "GET", f"{CORE}/pods/a")
    assert bound["spec"]["nodeName"] == "node-1"
    deleted = ask(cluster, "DELETE", f"{CORE}/pods/a?propagationPolicy=Foreground", agent="beta/1")
    assert deleted["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert owned(created) == owned(bound) == owned(deleted)


def test_a_dry_run_answers_with_the_owners_that_there_would_be(cluster: kl.Cluster) -> None:
    dry = ask(cluster, "POST", f"{APPS}/deployments?dryRun=All", deployment("web"))
    created = ask(cluster, "POST", f"{APPS}/deployments", deployment("web"))
    assert owned(dry) == owned(created)
    dry = ask(cluster, "PATCH", f"{APPS}/deployments/web?dryRun=All", {"spec": {"replicas": 9}}, MERGE, "beta/1")
    assert owned(dry)["beta/"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owned(dry)["alpha/"]["f:spec"]
    assert owned(ask(cluster, "GET", f"{APPS}/deployments/web")) == owned(created)


def test_a_question_that_is_never_stored_has_owners_too(cluster: kl.Cluster) -> None:
    answer = ask(cluster, "POST", f"{CORE}/serviceaccounts/default/token", {"spec": {"audiences": ["a"]}})
    assert owned(answer) == {"alpha/token": {"f:spec": {"f:audiences": {}, "f:expirationSeconds": {}}}}


GRACES = [
    pytest.param({"terminationGracePeriodSeconds": 0, "nodeName": "node-1"}, {}, id="no grace in the pod"),
    pytest.param({"nodeName": "node-1"}, {"gracePeriodSeconds": 0}, id="no grace in the options"),
    pytest.param({"nodeSelector": {"no": "node"}}, {}, id="not on a node"),
]


@pytest.mark.parametrize(("spec", "options"), GRACES)
def test_a_pod_that_goes_at_once_is_marked_first(cluster: kl.Cluster, spec: Object, options: Object) -> None:
    """upstream: registry/rest/delete.go BeforeDelete; recorded: watch of a StatefulSet's pods, MODIFIED and then DELETED."""
    ask(cluster, "POST", f"{CORE}/pods", pod("a", **spec))
    version = ask(cluster, "GET", f"{CORE}/pods")["metadata"]["resourceVersion"]
    answer = ask(cluster, "DELETE", f"{CORE}/pods/a", options)
    marks = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    assert answer["kind"] == "Pod" and answer["metadata"].items() >= marks.items()
    _, events = cluster.request("GET", f"{CORE}/pods?watch=1&resourceVersion={version}")
    assert [event["type"] for event in events] == ["MODIFIED", "DELETED"]
    assert all(event["object"]["metadata"].items() >= marks.items() for event in events)


def test_the_kubelet_takes_the_grace_away_before_the_pod_goes(cluster: kl.Cluster) -> None:
    ask(cluster, "POST", f"{CORE}/pods", pod("a"))
    cluster.run("20s")
    version = ask(cluster, "DELETE", f"{CORE}/pods/a")["metadata"]["resourceVersion"]
    cluster.run("40s")
    _, events = cluster.request("GET", f"{CORE}/pods?watch=1&resourceVersion={version}")
    left = [(event["type"], event["object"]["metadata"]["deletionGracePeriodSeconds"]) for event in events]
    assert left[-2:] == [("MODIFIED", 0), ("DELETED", 0)]
    assert events[-1]["object"]["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:20Z"


ADDRESSES = [  # upstream: pkg/apis/core/v1/conversion.go Convert_v1_PodStatus_To_core_PodStatus
    ({"podIP": "10.0.0.1"}, "10.0.0.1", ["10.0.0.1"]),
    ({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, "10.0.0.1", ["10.0.0.1", "fd00::1"]),
    ({"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}, {"ip": "fd00::1"}]}, "10.0.0.1", ["10.0.0.1"]),
]


@pytest.mark.parametrize(("status", "first", "all_of_them"), ADDRESSES)
def test_pod_ip_and_pod_ips_agree(cluster: kl.Cluster, status: Object, first: str, all_of_them: list[str]) -> None:
    ask(cluster, "POST", f"{CORE}/pods", pod("a"))
    answer = ask(cluster, "PATCH", f"{CORE}/pods/a/status", {"status": status}, STRATEGIC)["status"]
    assert (answer["podIP"], [each["ip"] for each in answer["podIPs"]]) == (first, all_of_them)


RANGES = [  # upstream: pkg/apis/core/v1/conversion.go Convert_v1_NodeSpec_To_core_NodeSpec
    ({"podCIDR": "10.1.0.0/24"}, ["10.1.0.0/24"]),
    ({"podCIDRs": ["10.1.0.0/24"]}, ["10.1.0.0/24"]),
    ({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.2.0.0/24", "fd00::/64"]}, ["10.1.0.0/24"]),
]


@pytest.mark.parametrize(("spec", "ranges"), RANGES)
def test_pod_cidr_and_pod_cidrs_agree(spec: Object, ranges: list[str]) -> None:
    answer = ask(kl.Cluster(0), "POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": spec})[
        "spec"
    ]
    assert (answer["podCIDR"], answer["podCIDRs"]) == (ranges[0], ranges)


def test_a_tables_rows_hold_the_whole_metadata(cluster: kl.Cluster) -> None:
    """upstream: apiserver/pkg/endpoints/handlers/response.go asTable."""
    ask(cluster, "POST", f"{CORE}/pods", pod("a", nodeName="node-1"))
    deleted = ask(cluster, "DELETE", f"{CORE}/pods/a")
    _, table = cluster.request("GET", f"{CORE}/pods", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    assert table["rows"][0]["object"]["metadata"] == deleted["metadata"]
