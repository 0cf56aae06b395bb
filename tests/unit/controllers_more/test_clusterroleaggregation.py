"""Aggregated cluster roles.

upstream: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller_test.go TestSyncClusterRole, 1.28;
kubernetes-sigs/metrics-server manifests/base/rbac.yaml, 0.7.
"""

from pathlib import Path

import pytest

import kubelab as kl
from kubelab.controllers.clusterroleaggregation.controller import Seen, plan

MANIFESTS = Path(__file__).parents[3] / "data" / "manifests"
HAMMER = [{"verbs": ["hammer"], "resources": ["nails"]}, {"verbs": ["hammer"], "resources": ["wedges"]}]
CHISEL = [{"verbs": ["chisel"], "resources": ["mortises"]}]
SAW = [{"verbs": ["saw"], "resources": ["boards"]}]
BAR, OTHER = {"foo": "bar"}, {"foo": "not-bar"}
RBAC = "rbac.authorization.k8s.io/v1"


def role(name, labels=None, rules=()):
    meta = {"name": name, "labels": labels or {}}
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": meta, "rules": list(rules)}


def combined(*selectors, rules=()):
    aggregation = {"clusterRoleSelectors": [{"matchLabels": each} for each in selectors]}
    return {**role("combined", rules=rules), "aggregationRule": aggregation}


ROWS = [
    ("remove dead rules", combined(BAR, rules=SAW), [role("hammer", BAR, HAMMER)], HAMMER),
    ("strip rules", combined(BAR, rules=HAMMER), [role("hammer", OTHER, HAMMER)], []),
    (
        "select properly and put in order",
        combined(BAR),
        [role("hammer", BAR, HAMMER), role("chisel", BAR, CHISEL), role("saw", OTHER, SAW)],
        CHISEL + HAMMER,
    ),
    (
        "select properly with multiple selectors",
        combined(BAR, OTHER),
        [role("hammer", BAR, HAMMER), role("chisel", BAR, CHISEL), role("saw", OTHER, SAW)],
        CHISEL + HAMMER + SAW,
    ),
    (
        "select properly remove duplicates",
        combined(BAR, OTHER),
        [role("hammer", BAR, HAMMER), role("chisel", BAR, CHISEL), role("saw", BAR, SAW), role("other-saw", OTHER, SAW)],
        CHISEL + HAMMER + SAW,
    ),
    ("no diff skip", combined(BAR, rules=HAMMER), [role("hammer", BAR, HAMMER)], None),
]


@pytest.mark.parametrize(("synced", "others", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_upstream_rows(synced, others, wanted):
    calls = plan(Seen(synced, [*others, synced])).calls
    if wanted is None:
        assert not calls
        return
    (call,) = calls
    assert (call.verb, call.name, call.patch_type, call.manager) == ("patch", "combined", "apply", "clusterrole-aggregation-controller")
    assert call.body.get("rules", []) == wanted


def test_a_new_cluster_has_nothing_to_gather():
    cluster = kl.Cluster(1)
    cluster.run("1m")
    calls = cluster.frames.calls()
    assert not calls["user"].str.endswith("clusterrole-aggregation-controller").any()


def test_who_has_view_may_read_metrics_where_metrics_server_says_so():
    cluster = kl.Cluster(1)
    bound = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    alice = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}
    meta = {"name": "alice", "namespace": "default"}
    cluster.apply({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": meta, "roleRef": bound, "subjects": [alice]})
    place = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
    assert cluster.request("GET", place, user="alice")[0] == 403
    cluster.apply(MANIFESTS / "metrics-server.yaml")
    cluster.run("2s")
    assert cluster.request("GET", place, user="alice")[0] == 200
    cluster.delete("clusterrole/system:aggregated-metrics-reader")
    cluster.run("2s")
    assert cluster.request("GET", place, user="alice")[0] == 403


def test_a_role_of_roles_follows_them():
    cluster = kl.Cluster(1)
    cluster.apply([combined(BAR), role("hammer", BAR, [{**HAMMER[0], "apiGroups": [""]}])])
    cluster.run("2s")
    assert [rule["verbs"] for rule in cluster["clusterrole/combined"]["rules"]] == [["hammer"]]
    (entry,) = [each for each in _managers(cluster) if each["operation"] == "Apply"]
    assert entry["manager"] == "clusterrole-aggregation-controller"
    cluster.patch("clusterrole/hammer", {"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["nails"]}]}, "merge")
    cluster.run("2s")
    assert [rule["verbs"] for rule in cluster["clusterrole/combined"]["rules"]] == [["get"]]
    cluster.patch("clusterrole/hammer", {"metadata": {"labels": {"foo": None}}}, "merge")
    cluster.run("2s")
    assert not cluster["clusterrole/combined"].get("rules")


def _managers(cluster):
    _, found = cluster.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/combined")
    return found["metadata"]["managedFields"]
