"""Who changed or deleted what; sensitive access; deprecated APIs; permissions."""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.auditlog.answers.deprecated import lifecycles
from tests.unit.auditlog_answers.events import event, log


def test_what_took_an_object_away_need_not_carry_its_name() -> None:
    found = log(
        event("create", name="web-1"),
        event("deletecollection", at=1, user="bob"),
        event("delete", "namespaces", ns="shop", name="shop", at=2, user="carol", path="/api/v1/namespaces/shop"),
        event("deletecollection", ns="other", at=3, user="dave"),
        event("deletecollection", "secrets", at=4, user="erin"),
    )
    wanted = [("alice", "by name"), ("bob", "its collection"), ("carol", "its namespace")]
    for reference in ("pod/web-1", "po/web-1", "pods/web-1"):
        assert list(found.who(reference)[["who", "how"]].itertuples(index=False, name=None)) == wanted
    assert list(found.who("pod/web-1", namespace="other")["who"]) == ["dave"]
    assert list(found.who("pod/web-1", verb="delete")["who"]) == ["carol"]


def test_whoever_read_it_and_whoever_was_refused() -> None:
    found = log(event("get", "secrets", name="db"), event("delete", "secrets", name="db", code=403, decision="forbid", at=1, user="eve"))
    assert list(found.who("secret/db", verb="get")["who"]) == ["alice"]
    assert found.who("secret/db").empty
    assert list(found.who("secret/db", done=False)["who"]) == ["eve"]


def test_kinds_that_the_lab_does_not_know() -> None:
    found = log(event("delete", "widgets.example.com", name="a"), event("delete", "widgets.other.com", name="a", at=1))
    assert len(found.who("widgets.example.com/a")) == 1
    assert len(found.who(resource="widgets")) == 2
    assert found.who("widgets")["how"].tolist() == ["its kind", "its kind"]


@pytest.mark.parametrize("reference", ["/a", "pods/", "pods/a/b"])
def test_what_is_no_reference(reference: str) -> None:
    with pytest.raises(ValueError, match="is not a reference"):
        log(event("get")).who(reference)


def test_a_reference_and_a_name_say_it_twice() -> None:
    with pytest.raises(ValueError, match="say the same thing"):
        log(event("get")).who("pod/a", name="a")


def test_sensitive_access_people_first() -> None:
    found = log(
        event("create", name="web", sub="exec", user="system:serviceaccount:shop:robot"),
        event("create", name="web", sub="exec", at=1, as_user="bob"),
        event("get", "secrets", name="db", at=2, code=403),
        event("list", "secrets", at=3, user="system:apiserver"),
        event("create", "serviceaccounts", name="robot", sub="token", at=4),
        event("get", "nodes", ns="", name="n1", sub="proxy", at=5),
        event("get", "pods", name="web", sub="log", at=6),
        event("create", "secrets", name="db", at=7),
    ).sensitive()
    assert list(found[["kind", "role"]].itertuples(index=False, name=None)) == [
        ("exec", "person"),
        ("impersonation", "person"),
        ("secret read", "person"),
        ("token issued", "person"),
        ("tunnel", "person"),
        ("exec", "workload"),
        ("secret read", "control plane"),
    ]
    assert found.set_index(["kind", "role"]).loc[("secret read", "control plane"), ["calls", "background"]].tolist() == [0, 1]
    assert found.loc[0, "really"] == "alice"


def test_deprecated_by_the_annotation_or_by_upstreams_table() -> None:
    said = {"k8s.io/deprecated": "true", "k8s.io/removed-release": "1.30"}
    found = log(
        event("list", "poddisruptionbudgets.policy", version="v1beta1", user="ci"),
        event("list", "podsecuritypolicies.policy", version="v1beta1", ns="", at=1),
        event("create", "widgets.example.com", version="v1alpha1", at=2, annotations=said),
        event("list", "deployments.apps", at=3),
        event("list", "flowschemas.flowcontrol.apiserver.k8s.io", version="v1beta3", ns="", at=4),
    ).deprecated()
    rows = {row.resource: (row.api, row.removed, row.known_by) for row in found.itertuples()}
    assert rows == {
        "poddisruptionbudgets": ("policy/v1beta1", "1.25", "table"),
        "podsecuritypolicies": ("policy/v1beta1", "1.25", "table"),
        "widgets": ("example.com/v1alpha1", "1.30", "annotation"),
        "flowschemas": ("flowcontrol.apiserver.k8s.io/v1beta3", "1.32", "table"),
    }
    assert found["instead"].tolist()[0] == "policy/v1 PodDisruptionBudget"
    assert "Pod Security Admission" in found["instead"].tolist()[1]


def test_before_an_upgrade_only_what_it_breaks() -> None:
    found = log(
        event("list", "poddisruptionbudgets.policy", version="v1beta1"),
        event("list", "flowschemas.flowcontrol.apiserver.k8s.io", version="v1beta3", at=1),
    )
    assert found.deprecated(before="1.29")["resource"].tolist() == ["poddisruptionbudgets"]
    with pytest.raises(ValueError, match=r"before='soon' is no release"):
        found.deprecated(before="soon")


@pytest.mark.parametrize(
    ("group", "version", "resource", "deprecated", "removed", "instead"),
    [  # upstream: staging/src/k8s.io/api/*/zz_generated.prerelease-lifecycle.go, 1.28
        ("extensions", "v1beta1", "ingresses", "1.14", "1.22", "networking.k8s.io/v1 Ingress"),
        ("extensions", "v1beta1", "deployments", "1.8", "1.16", "apps/v1 Deployment"),
        ("batch", "v1beta1", "cronjobs", "1.21", "1.25", "batch/v1 CronJob"),
        ("autoscaling", "v2beta2", "horizontalpodautoscalers", "1.23", "1.26", "autoscaling/v2 HorizontalPodAutoscaler"),
        ("flowcontrol.apiserver.k8s.io", "v1beta2", "flowschemas", "1.26", "1.29", "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema"),
        ("storage.k8s.io", "v1beta1", "csistoragecapacities", "1.24", "1.27", "storage.k8s.io/v1 CSIStorageCapacity"),
    ],
)
def test_lifecycles_are_upstreams(group: str, version: str, resource: str, deprecated: str, removed: str, instead: str) -> None:
    assert lifecycles()[group, version, resource] == (deprecated, removed, instead)


ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: shop}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [get, patch]}
- {apiGroups: [""], resources: [configmaps], verbs: [get], resourceNames: [settings]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployers, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: User, name: alice, apiGroup: rbac.authorization.k8s.io}, {kind: ServiceAccount, name: robot}]
"""


def test_permissions_used_against_granted() -> None:
    found = log(
        event("patch", "deployments.apps", name="web"),
        event("patch", "deployments.apps", name="web", at=1, user="root", as_user="alice"),
        event("get", "configmaps", name="settings", at=2, user="system:serviceaccount:shop:robot"),
        event("get", "configmaps", name="other", at=3),
        event("get", "deployments.apps", name="web", at=4, code=403, decision="forbid"),
        event("patch", "deployments.apps", name="web", ns="elsewhere", at=5),
    )
    frame = found.permissions(ROLES)
    used = {(row.subject, row.verb, row.what, row.names): row.calls for row in frame.itertuples() if row.used}
    assert used == {
        ("User alice", "patch", "deployments.apps", ""): 2,
        ("ServiceAccount shop/robot", "get", "configmaps", "settings"): 1,
    }
    assert len(found.permissions(ROLES, unused=True)) == 4
    assert frame.attrs["beside"] == {"calls that no role covers": 3}  # configmap other, elsewhere, and root's to be alice


def test_what_a_call_needed_besides_its_own_verb_is_used_too() -> None:
    rules = [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}]
    anew = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "patch"]}]
    found = log(
        event("get", "namespaces", ns="shop", name="shop", path="/api/v1/namespaces/shop", user="root", as_user="alice"),
        event("patch", "deployments.apps", name="web", code=201, at=1),
    )
    roles = [*bound("root", rules), *bound("alice", anew), *bound("alice", NAMESPACES, namespace="shop")]
    frame = found.permissions(roles).set_index(["subject", "verb"])
    assert frame["calls"].to_dict() == {
        ("User root", "impersonate"): 1,
        ("User alice", "create"): 1,
        ("User alice", "patch"): 1,
        ("User alice", "get"): 1,
    }
    assert found.permissions(roles).attrs["beside"] == {"calls that no role covers": 0}


NAMESPACES = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]


def bound(user: str, rules: list[dict[str, object]], *, namespace: str = "") -> list[dict[str, object]]:
    """A role of these rules, bound to a user: in a namespace, or everywhere."""
    prefix, where = ("", {"namespace": namespace}) if namespace else ("Cluster", {})
    name = f"{user}-{rules[0]['resources']}"
    api = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{api}/v1", "kind": f"{prefix}Role", "metadata": {"name": name, **where}, "rules": rules}
    return [
        role,
        {
            **{key: role[key] for key in ("apiVersion", "metadata")},
            "kind": f"{prefix}RoleBinding",
            "roleRef": {"apiGroup": api, "kind": role["kind"], "name": name},
            "subjects": [{"kind": "User", "name": user, "apiGroup": api}],
        },
    ]


def test_permissions_of_a_cluster_of_the_lab() -> None:
    cluster = kl.Cluster(1)
    found = log(event("list", "nodes", ns="", user="system:kube-scheduler")).permissions(cluster)
    row = found[(found["subject"] == "User system:kube-scheduler") & (found["what"] == "nodes") & (found["verb"] == "list")]
    assert row["calls"].tolist() == [1]


def test_without_roles_the_reasons_on_record_tell_which_bindings_are_used() -> None:
    why = 'RBAC: allowed by RoleBinding "deployers/shop" of Role "deployer" to ServiceAccount "robot/shop"'
    found = log(event("get", name="a", why=why), event("get", name="b", at=1)).permissions()
    assert found[["subject", "binding", "role", "namespace", "calls"]].to_numpy().tolist() == [
        ["ServiceAccount robot/shop", "RoleBinding deployers", "Role deployer", "shop", 1]
    ]
    assert found.attrs["beside"] == {"calls without such a reason": 1}


def test_roles_that_are_none() -> None:
    with pytest.raises(ValueError, match="a Pod is no role or binding"):
        log(event("get")).permissions({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})


def test_the_person_behind_a_name_that_many_share() -> None:
    """spec/audit.md B1: EKS has the person in user.extra."""
    shared = event("delete", name="web", user="kubernetes-admin")
    shared["user"]["extra"] = {"arn": ["arn:aws:sts::1:assumed-role/admin/jo"], "sessionName": ["jo"]}
    found = log(shared, event("delete", name="web", at=1)).who("pod/web")
    assert found["person"].fillna("").tolist() == ["jo", ""]


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ("system:kube-scheduler", "control plane"),
        ("system:serviceaccount:kube-system:job-controller", "control plane"),
        ("eks:node-manager", "control plane"),
        ("aksService", "control plane"),
        ("service-1@container-engine-robot.iam.gserviceaccount.com", "control plane"),
        ("ci@project.iam.gserviceaccount.com", "workload"),
        ("system:serviceaccount:shop:robot", "workload"),
        ("system:node:n1", "node"),
        ("system:anonymous", "anonymous"),
        ("masterclient", "person"),
        ("jo@example.com", "person"),
    ],
)
def test_roles_behind_users(user: str, role: str) -> None:
    assert log(event("get", name="a", user=user)).requests("role")["role"].tolist() == [role]
