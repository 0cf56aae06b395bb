"""Who owns a field after a write, where the answer is not simply "who sent it": what strategies, registries and dry runs do.

upstream: apiserver/pkg/endpoints/handlers/{create,update,patch}.go (the field manager sees an object before admission and strategy),
registry/generic/registry/store.go Delete (GuaranteedUpdate knows no field manager), pkg/registry/core/pod/storage/storage.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import kubelab as kl
from tests.builders import pod
from tests.scenario.api import APPS, CORE, MERGE, STRATEGIC, Object, ask, deployment


def owned(obj: Object) -> dict[str, Any]:
    return {f"{entry['manager']}/{entry.get('subresource', '')}": entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", ())}


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
