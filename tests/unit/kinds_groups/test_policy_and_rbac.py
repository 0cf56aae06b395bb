"""policy and rbac.authorization.k8s.io: rows of pkg/apis/{policy,rbac}/validation/validation_test.go, 1.28; the bootstrap roles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelab.kinds.rbac.bootstrap import objects
from tests.unit.kinds_groups.builders import NOW_NS, agree, create_errors, kind_of, object_of, prepared, status_errors, update_errors

RBAC = "rbac.authorization.k8s.io/v1"
DATA = Path(__file__).parents[2] / "data" / "real-api" / "rbac-bootstrap.json"


def budget(**spec):
    return object_of("policy/v1", "PodDisruptionBudget", spec={"selector": {"matchLabels": {"app": "x"}}, **spec})


# upstream: TestValidatePodDisruptionBudgetSpec, TestValidateMinAvailablePodDisruptionBudgetSpec, …, TestValidateUnhealthyPodEvictionPolicy
BUDGETS = [
    (budget(minAvailable=1), []),
    (budget(minAvailable="100%"), []),
    (budget(maxUnavailable="0%"), []),
    (
        budget(minAvailable="1.1%"),
        ['spec.minAvailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"1.1%"}: a valid percent string must be'],
    ),
    (budget(minAvailable="nope"), ["spec.minAvailable: Invalid value: "]),
    (budget(minAvailable=-1), ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
    (budget(maxUnavailable="101%"), ["spec.maxUnavailable: Invalid value: "]),
    (
        budget(minAvailable="10%", maxUnavailable=1),
        ["spec: Invalid value: policy.PodDisruptionBudgetSpec{MinAvailable:(*intstr.IntOrString)(0x"],
    ),
    (budget(unhealthyPodEvictionPolicy="AlwaysAllow"), []),
    (
        budget(unhealthyPodEvictionPolicy="Maybe"),
        ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Maybe": supported values: "AlwaysAllow", "IfHealthyBudget"'],
    ),
]


@pytest.mark.parametrize(("body", "expected"), BUDGETS)
def test_budget(body, expected):
    assert agree(create_errors(body), expected)


def test_a_wrong_label_value_of_an_old_selector_may_stay():
    """upstream: podDisruptionBudgetStrategy.ValidateUpdate"""
    wrong = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["not valid!"]}]}
    assert len(create_errors(budget(selector=wrong))) == 1
    assert update_errors(budget(selector=wrong), {"spec": {"minAvailable": 2}}) == []


# upstream: TestValidatePodDisruptionBudgetStatus
STATUSES = [
    ({"disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}, []),
    ({"disruptionsAllowed": -1}, ["status.disruptionsAllowed: Invalid value: -1"]),
    (
        {"conditions": [{"type": "A", "status": "maybe", "reason": "no!", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        [
            'status.conditions[0].status: Unsupported value: "maybe": supported values: "False", "True", "Unknown"',
            'status.conditions[0].reason: Invalid value: "no!": a condition reason must start with alphabetic character',
        ],
    ),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_budget_status(status, expected):
    assert agree(status_errors(budget(), status), expected)


def role(**rule):
    return object_of(RBAC, "Role", rules=[rule])


def cluster_role(**fields):
    return object_of(RBAC, "ClusterRole", **fields)


# upstream: TestValidateRoleResourceRule, TestValidateRoleNonResourceURL, TestValidateClusterRole…
ROLES = [
    (role(apiGroups=[""], resources=["pods"], verbs=["get"]), []),
    (role(apiGroups=[""], resources=["pods"]), ["rules[0].verbs: Required value: verbs must contain at least one value"]),
    (role(resources=["pods"], verbs=["get"]), ["rules[0].apiGroups: Required value: resource rules must supply at least one api group"]),
    (role(apiGroups=[""], verbs=["get"]), ["rules[0].resources: Required value: resource rules must supply at least one resource"]),
    (
        role(nonResourceURLs=["/*"], verbs=["get"]),
        ['rules[0].nonResourceURLs: Invalid value: []string{"/*"}: namespaced rules cannot apply to non-resource URLs'],
    ),
    (cluster_role(rules=[{"nonResourceURLs": ["/*"], "verbs": ["get"]}]), []),
    (
        cluster_role(rules=[{"nonResourceURLs": ["/*"], "resources": ["pods"], "verbs": ["get"]}]),
        ['rules[0].nonResourceURLs: Invalid value: []string{"/*"}: rules cannot apply to both regular resources and non-resource URLs'],
    ),
    (
        cluster_role(aggregationRule={"clusterRoleSelectors": []}),
        ["aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"],
    ),
    (
        cluster_role(aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"key with spaces": "v"}}]}),
        [
            "aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: ",
            'aggregationRule.clusterRoleSelectors[0]: Invalid value: "null": invalid label selector.',
        ],
    ),
    (object_of(RBAC, "Role", "."), ["metadata.name: Invalid value: \".\": may not be '.'"]),
    (object_of(RBAC, "Role", "system:controller:x"), []),
]


@pytest.mark.parametrize(("body", "expected"), ROLES)
def test_role(body, expected):
    assert agree(create_errors(body), expected)


def binding(kind="RoleBinding", *, role_kind="Role", subject=None, **reference):
    subjects = [subject or {"kind": "User", "name": "alice"}]
    return object_of(RBAC, kind, roleRef={"kind": role_kind, "name": "r", **reference}, subjects=subjects)


# upstream: TestValidateRoleBinding, TestValidateClusterRoleBinding
BINDINGS = [
    (binding(), []),
    (binding(role_kind="ClusterRole"), []),
    (binding(apiGroup="rbac.other"), ['roleRef.apiGroup: Unsupported value: "rbac.other": supported values: "rbac.authorization.k8s.io"']),
    (binding(role_kind="Type"), ['roleRef.kind: Unsupported value: "Type": supported values: "Role", "ClusterRole"']),
    (binding("ClusterRoleBinding"), ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"']),
    (binding(name=""), ["roleRef.name: Required value"]),
    (binding(name="a/b"), ["roleRef.name: Invalid value: \"a/b\": may not contain '/'"]),
    (
        binding(subject={"kind": "ServiceAccount", "name": "a", "apiGroup": "x"}),
        ['subjects[0].apiGroup: Unsupported value: "x": supported values: ""'],
    ),
    (
        binding("ClusterRoleBinding", role_kind="ClusterRole", subject={"kind": "ServiceAccount", "name": "a"}),
        ["subjects[0].namespace: Required value"],
    ),
    (
        binding(subject={"kind": "Robot", "name": "a"}),
        ['subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"'],
    ),
    (binding(subject={"kind": "Group"}), ["subjects[0].name: Required value"]),
]


@pytest.mark.parametrize(("body", "expected"), BINDINGS)
def test_binding(body, expected):
    assert agree(create_errors(body), expected)


def test_the_role_of_a_binding_is_fixed():
    """upstream: TestValidateRoleBindingUpdate; recorded: security-errors:7"""
    assert update_errors(binding(), {"roleRef": {"name": "other"}}) == [
        'roleRef: Invalid value: rbac.RoleRef{APIGroup:"rbac.authorization.k8s.io", Kind:"Role", Name:"other"}: cannot change roleRef'
    ]


def test_cells_of_a_binding():
    """upstream: printRoleBinding"""
    subjects = [{"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]
    obj = prepared({**binding(), "subjects": subjects})
    assert [column.cell(obj, NOW_NS) for column in kind_of(obj).columns] == ["x", "Role/r", "0s", "u", "g", "n/s"]


def recorded_roles():
    kinds = {"clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding", "roles": "Role", "rolebindings": "RoleBinding"}
    recorded = json.loads(DATA.read_text())
    return {(kinds[group], item["namespace"], item["name"]): item for group, items in recorded.items() for item in items}


# upstream: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/{policy,controller_policy}.go between 1.20 and 1.28
CHANGED_SINCE = {
    "admin",
    "edit",
    "view",
    "system:aggregate-to-edit",
    "system:aggregate-to-view",
    "system:basic-user",
    "system:controller:disruption-controller",
    "system:controller:horizontal-pod-autoscaler",
    "system:controller:job-controller",
    "system:controller:node-controller",
    "system:controller:pod-garbage-collector",
    "system:controller:statefulset-controller",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kubelet-api-admin",
    "system:monitoring",
    "system:service-account-issuer-discovery",
}


def test_the_bootstrap_objects_are_the_recorded_ones_but_for_what_1_28_changed():
    mine = {(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]): obj for obj in objects()}
    recorded = recorded_roles()
    assert len(mine) == 119
    assert recorded.keys() <= mine.keys()
    for key, item in recorded.items():
        obj = mine[key]
        assert obj["metadata"]["labels"].items() >= item["labels"].items()
        assert (obj.get("roleRef"), obj.get("subjects")) == (item.get("roleRef"), item.get("subjects"))
        if key[2] not in CHANGED_SINCE:
            assert obj.get("rules") == item.get("rules"), key


def test_bootstrap_objects_are_valid():
    for obj in objects():
        assert create_errors(obj) == [], obj["metadata"]["name"]


def test_view_grows_into_edit_and_edit_into_admin():
    """upstream: aggregationRule of admin, edit and view in policy.go"""
    rules = {obj["metadata"]["name"]: obj["rules"] for obj in objects() if obj["kind"] == "ClusterRole"}
    assert all(rule in rules["edit"] for rule in rules["view"])
    assert all(rule in rules["admin"] for rule in rules["edit"])
    assert not any("secrets" in rule.get("resources", ()) for rule in rules["view"])
