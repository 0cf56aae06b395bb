"""A policy of a real cluster with all its rules: what Google's scripts gave every API server, and upstream's own table of what it decides.

upstream: cluster/gce/gci/configure-helper.sh (create-master-audit-policy), cluster/gce/gci/audit_policy_test.go, 1.28.
"""

from __future__ import annotations

from itertools import product

import pytest

from kubelab.apiserver.audit.checker import Attributes, evaluate
from kubelab.apiserver.audit.policy import RECEIVED, AuditPolicy, load

ALL = "system:authenticated"
KNOWN = (
    ",admissionregistration.k8s.io,apiextensions.k8s.io,apiregistration.k8s.io,apps,authentication.k8s.io,authorization.k8s.io,autoscaling,batch,"
    "certificates.k8s.io,extensions,metrics.k8s.io,networking.k8s.io,node.k8s.io,policy,rbac.authorization.k8s.io,scheduling.k8s.io,storage.k8s.io"
)
MANAGERS = ["system:kube-controller-manager", "system:cloud-controller-manager"]
STATUS = ["nodes/status", "pods/status"]


def core(*resources: str) -> dict[str, object]:
    return {"resources": [{"group": "", "resources": list(resources)}]}


def groups() -> dict[str, object]:
    return {"resources": [{"group": group} for group in KNOWN.split(",")]}


@pytest.fixture(scope="module")
def policy() -> AuditPolicy:
    late = {"omitStages": [RECEIVED]}
    detector = ["kubelet", "system:node-problem-detector", "system:serviceaccount:kube-system:node-problem-detector"]
    endpoints = [*MANAGERS, "system:kube-scheduler", "system:serviceaccount:kube-system:endpoint-controller"]
    secret = [{"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]}]
    rules = [
        {"level": "None", "users": ["system:kube-proxy"], "verbs": ["watch"], **core("endpoints", "services", "services/status")},
        {"level": "None", "users": ["system:unsecured"], "namespaces": ["kube-system"], "verbs": ["get"], **core("configmaps")},
        {"level": "None", "users": ["kubelet"], "verbs": ["get"], **core("nodes", "nodes/status")},
        {"level": "None", "userGroups": ["system:nodes"], "verbs": ["get"], **core("nodes", "nodes/status")},
        {"level": "None", "users": endpoints, "verbs": ["get", "update"], "namespaces": ["kube-system"], **core("endpoints")},
        {
            "level": "None",
            "users": ["system:apiserver"],
            "verbs": ["get"],
            **core("namespaces", "namespaces/status", "namespaces/finalize"),
        },
        {
            "level": "None",
            "users": ["cluster-autoscaler"],
            "verbs": ["get", "update"],
            "namespaces": ["kube-system"],
            **core("configmaps", "endpoints"),
        },
        {"level": "None", "users": MANAGERS, "verbs": ["get", "list"], "resources": [{"group": "metrics.k8s.io"}]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/version", "/swagger*"]},
        {"level": "None", **core("events")},
        {"level": "Request", "users": detector, "verbs": ["update", "patch"], **core(*STATUS), **late},
        {"level": "Request", "userGroups": ["system:nodes"], "verbs": ["update", "patch"], **core(*STATUS), **late},
        {"level": "Request", "users": ["system:serviceaccount:kube-system:namespace-controller"], "verbs": ["deletecollection"], **late},
        {"level": "Metadata", "resources": [*secret, {"group": "authentication.k8s.io", "resources": ["tokenreviews"]}], **late},
        {"level": "Request", "verbs": ["get", "list", "watch"], **groups(), **late},
        {"level": "RequestResponse", **groups(), **late},
        {"level": "Metadata", **late},
    ]
    loaded = load({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules})
    assert loaded.warning == ""
    return loaded.policy


def account(namespace: str, name: str) -> tuple[str, tuple[str, ...]]:
    return f"system:serviceaccount:{namespace}:{name}", ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")


USERS = {
    "anonymous": ("system:anonymous", ("system:unauthenticated",)),
    "kubeproxy": ("system:kube-proxy", (ALL,)),
    "ingress": ("system:unsecured", (ALL, "system:masters")),
    "kubelet": ("kubelet", (ALL, "system:nodes")),
    "node": ("system:node:node-123", (ALL, "system:nodes")),
    "controller": ("system:kube-controller-manager", (ALL,)),
    "scheduler": ("system:kube-scheduler", (ALL,)),
    "apiserver": ("system:apiserver", ("system:masters",)),
    "autoscaler": ("cluster-autoscaler", (ALL,)),
    "npd": ("system:node-problem-detector", (ALL,)),
    "npdSA": account("kube-system", "node-problem-detector"),
    "namespaceController": account("kube-system", "namespace-controller"),
    "endpointController": account("kube-system", "endpoint-controller"),
    "defaultSA": account("default", "default"),
}
#: name → resource, namespace, group, subresource
RESOURCES = {
    "nodes": ("nodes", "", "", ""),
    "nodeStatus": ("nodes", "", "", "status"),
    "endpoints": ("endpoints", "default", "", ""),
    "sysEndpoints": ("endpoints", "kube-system", "", ""),
    "services": ("services", "default", "", ""),
    "serviceStatus": ("services", "default", "", "status"),
    "configmaps": ("configmaps", "default", "", ""),
    "sysConfigmaps": ("configmaps", "kube-system", "", ""),
    "namespaces": ("namespaces", "", "", ""),
    "namespaceStatus": ("namespaces", "", "", "status"),
    "namespaceFinal": ("namespaces", "", "", "finalize"),
    "podMetrics": ("podmetrics", "default", "metrics.k8s.io", ""),
    "nodeMetrics": ("nodemetrics", "", "metrics.k8s.io", ""),
    "pods": ("pods", "default", "", ""),
    "podStatus": ("pods", "default", "", "status"),
    "secrets": ("secrets", "default", "", ""),
    "tokenReviews": ("tokenreviews", "", "authentication.k8s.io", ""),
    "deployments": ("deployments", "default", "apps", ""),
    "clusterRoles": ("clusterroles", "", "rbac.authorization.k8s.io", ""),
    "events": ("events", "default", "", ""),
    "foobars": ("foos", "default", "example.com", ""),
    "foobarbaz": ("foos", "default", "example.com", "baz"),
}
FOUR = "defaultSA anonymous npd namespaceController"
EACH = "sysEndpoints podMetrics pods clusterRoles deployments"
ROWS = [
    ("None", "kubeproxy", "watch", "endpoints sysEndpoints services serviceStatus"),
    ("Request", "kubeproxy", "watch", "nodes pods"),
    ("None", "ingress", "get", "sysConfigmaps"),
    ("Metadata", "ingress", "get", "configmaps"),
    ("None", "kubelet node", "get", "nodes nodeStatus"),
    ("Metadata", "kubelet node", "get", "sysConfigmaps secrets"),
    ("RequestResponse", "kubelet node", "create", "deployments pods"),
    ("None", "controller scheduler endpointController", "get update", "sysEndpoints"),
    ("Request", "controller scheduler endpointController", "get", "endpoints"),
    ("RequestResponse", "controller scheduler endpointController", "update", "endpoints"),
    ("None", "apiserver", "get", "namespaces namespaceStatus namespaceFinal"),
    ("Metadata", "apiserver", "get create update", "sysConfigmaps secrets"),
    ("None", "autoscaler", "get update", "sysConfigmaps sysEndpoints"),
    ("Metadata", "autoscaler", "get update", "configmaps"),
    ("RequestResponse", "autoscaler", "update", "endpoints"),
    ("None", "controller", "get list", "podMetrics nodeMetrics"),
    ("None", "node apiserver defaultSA anonymous", "get list create patch update delete", "events"),
    ("Request", "kubelet node npd npdSA", "update patch", "nodeStatus podStatus"),
    ("Request", "namespaceController", "deletecollection", "pods namespaces"),
    ("Metadata", FOUR, "get create update", "secrets configmaps sysConfigmaps tokenReviews"),
    ("Request", FOUR, "get list watch", EACH),
    ("RequestResponse", FOUR, "create update patch delete", EACH),
    ("Metadata", FOUR, "get list watch create update patch delete", "foobars foobarbaz"),
]


def check(policy: AuditPolicy, level: str, attributes: Attributes) -> None:
    decided = evaluate(policy, attributes)
    assert (decided.level, attributes) == (level, attributes)
    assert decided.omit_stages == ((RECEIVED,) if level != "None" else ())


@pytest.mark.parametrize(("level", "users", "verbs", "resources"), ROWS)
def test_resources(policy: AuditPolicy, level: str, users: str, verbs: str, resources: str) -> None:
    for user, verb, name in product(users.split(), verbs.split(), resources.split()):
        resource, namespace, group, subresource = RESOURCES[name]
        check(policy, level, Attributes(*USERS[user], verb, namespace, group, resource, subresource))


@pytest.mark.parametrize(
    ("level", "paths"),
    [
        ("None", "/healthz /healthz/etcd /swagger-2.0.0.json /swagger-2.0.0.pb-v1.gz /version"),
        ("Metadata", "/logs /openapi/v2 /apis/policy /metrics /api"),
    ],
)
def test_paths(policy: AuditPolicy, level: str, paths: str) -> None:
    for user, verb, path in product(USERS, ("get", "post"), paths.split()):
        check(policy, level, Attributes(*USERS[user], verb, path=path))
