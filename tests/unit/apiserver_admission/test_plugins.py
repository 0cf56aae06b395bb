"""The smaller plug-ins, each by a request through the line.

upstream: plugin/pkg/admission/{serviceaccount,priority,defaulttolerationseconds,runtimeclass,nodetaint,storage,network}, 1.28,
apiserver/pkg/admission/plugin/namespace/lifecycle; recorded: core-errors 9, 10, 37, security-errors.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.admission import chain
from kubelab.apiserver.server import ApiServer
from kubelab.kinds import registry
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]


def lab(*objects: Object) -> ApiServer:
    server = b.with_namespaces("default")
    for obj in objects:
        b.create(server, obj)
    return server


def refusal(server: ApiServer, obj: Object) -> str:
    answer = b.send(server, "create", obj)
    assert answer.code == 403, answer.object
    return str(answer.object["message"])


def test_the_plugins_stand_in_upstreams_order() -> None:
    """upstream: options/plugins.go AllOrderedPlugins; those whose kinds are not here are left out."""
    assert [plugin.name for plugin in chain.PLUGINS] == [
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "NodeRestriction",
        "TaintNodesByCondition",
        "PodSecurity",
        "Priority",
        "DefaultTolerationSeconds",
        "DefaultStorageClass",
        "StorageObjectInUseProtection",
        "PersistentVolumeClaimResize",
        "RuntimeClass",
        "DefaultIngressClass",
        "ResourceQuota",
    ]


# -- namespaces ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_three_namespaces_stay(name: str) -> None:
    server = lab() if name == "default" else b.with_namespaces(name)
    answer = b.call(server, "delete", "namespaces", name=name)
    assert answer.object["message"] == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


def test_nothing_is_created_in_a_missing_namespace() -> None:
    answer = b.send(lab(), "create", b.pod("p", "nowhere"))
    assert (answer.code, answer.object["message"]) == (404, 'namespaces "nowhere" not found')
    assert answer.object["details"] == {"name": "nowhere", "kind": "namespaces"}


def test_nothing_new_is_created_in_a_namespace_that_goes() -> None:
    server = b.with_namespaces("old")
    b.call(server, "delete", "namespaces", name="old")
    answer = b.send(server, "create", b.pod("p", "old"))
    why = "unable to create new content in namespace old because it is being terminated"
    assert answer.object["message"] == f'pods "p" is forbidden: {why}'
    cause = {"reason": "NamespaceTerminating", "message": "namespace old is being terminated", "field": "metadata.namespace"}
    assert answer.object["details"]["causes"] == [cause]


# -- service accounts ----------------------------------------------------------------------------------------------------
def test_a_pod_gets_the_default_account_and_its_token() -> None:
    spec = b.create(lab(), b.pod("p"))["spec"]
    volume = spec["volumes"][0]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert volume["name"].startswith("kube-api-access-") and len(volume["name"]) == len("kube-api-access-") + 5
    sources = volume["projected"]["sources"]
    assert sources[0] == {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    assert (sources[1]["configMap"]["name"], volume["projected"]["defaultMode"]) == ("kube-root-ca.crt", 420)
    mount = {"name": volume["name"], "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    assert spec["containers"][0]["volumeMounts"] == [mount]


def account(name: str, **fields: Any) -> Object:
    meta = {"name": name, "namespace": "default", **fields.pop("meta", {})}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, **fields}


@pytest.mark.parametrize(
    "of_pod, of_account, mounted",
    [(None, None, True), (False, None, False), (None, False, False), (True, False, True), (False, True, False)],
)
def test_the_pods_wish_for_a_token_wins(of_pod: bool | None, of_account: bool | None, mounted: bool) -> None:
    """upstream: admission_test.go TestAutomountsAPIToken"""
    server = lab(account("sa", **({} if of_account is None else {"automountServiceAccountToken": of_account})))
    spec: Object = {} if of_pod is None else {"automountServiceAccountToken": of_pod}
    assert bool(b.create(server, b.pod("p", serviceAccountName="sa", **spec))["spec"].get("volumes")) is mounted


def test_a_mount_at_the_same_path_keeps_the_token_away() -> None:
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    obj = b.pod("p", container={"volumeMounts": [{"name": "own", "mountPath": path}]}, volumes=[{"name": "own", "emptyDir": {}}])
    assert [volume["name"] for volume in b.create(lab(), obj)["spec"]["volumes"]] == ["own"]


def test_pull_secrets_come_from_the_account_unless_the_pod_has_its_own() -> None:
    server = lab(account("sa", imagePullSecrets=[{"name": "registry"}]))
    given = b.create(server, b.pod("a", serviceAccountName="sa"))["spec"]
    own = b.create(server, b.pod("b", serviceAccountName="sa", imagePullSecrets=[{"name": "mine"}]))["spec"]
    assert (given["imagePullSecrets"], own["imagePullSecrets"]) == ([{"name": "registry"}], [{"name": "mine"}])


def test_an_account_must_be_there() -> None:
    said = refusal(lab(), b.pod("p2", serviceAccountName="ghost"))  # core-errors 9
    assert said == 'pods "p2" is forbidden: error looking up service account default/ghost: serviceaccount "ghost" not found'


def test_an_account_may_insist_on_the_secrets_it_lists() -> None:
    """upstream: admission_test.go TestRejectsUnreferencedSecretVolumes"""
    server = lab(account("sa", meta={"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}))
    said = refusal(server, b.pod("p", serviceAccountName="sa", volumes=[{"name": "v", "secret": {"secretName": "s"}}]))
    tail = "is not allowed because service account sa does not reference that secret"
    assert said == f'pods "p" is forbidden: volume with secret.secretName="s" {tail}'


@pytest.mark.parametrize(
    "spec, what",
    [({"serviceAccountName": "default"}, "service accounts"), ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "secrets")],
)
def test_a_mirror_pod_refers_to_nothing(spec: Object, what: str) -> None:
    obj = b.pod("p", meta={"annotations": {"kubernetes.io/config.mirror": "x"}}, nodeName="n", **spec)
    assert refusal(lab(), obj) == f'pods "p" is forbidden: a mirror pod may not reference {what}'


# -- priority ------------------------------------------------------------------------------------------------------------
def priority_class(name: str, value: int, **fields: Any) -> Object:
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value, **fields}


PRIORITIES = [
    ([], {}, (0, "", "PreemptLowerPriority")),
    ([priority_class("high", 1000)], {"priorityClassName": "high"}, (1000, "high", "PreemptLowerPriority")),
    ([priority_class("quiet", 7, preemptionPolicy="Never")], {"priorityClassName": "quiet"}, (7, "quiet", "Never")),
    ([priority_class("usual", 3, globalDefault=True)], {}, (3, "usual", "PreemptLowerPriority")),
    ([priority_class("usual", 3, globalDefault=True)], {"priority": 3}, (3, "usual", "PreemptLowerPriority")),
]


@pytest.mark.parametrize("classes, spec, expected", PRIORITIES)
def test_a_class_gives_a_priority(classes: list[Object], spec: Object, expected: tuple[int, str, str]) -> None:
    """upstream: priority/admission_test.go TestPodAdmission"""
    made = b.create(lab(*classes), b.pod("p", **spec))["spec"]
    assert (made["priority"], made.get("priorityClassName", ""), made["preemptionPolicy"]) == expected


WRONG_PRIORITIES = [
    ({"priorityClassName": "ghost"}, "no PriorityClass with name ghost was found"),  # core-errors 10
    (
        {"priority": 5},
        "the integer value of priority (5) must not be provided in pod spec; "
        "priority admission controller computed 0 from the given PriorityClass name",
    ),
    (
        {"preemptionPolicy": "Never"},
        "the string value of PreemptionPolicy (Never) must not be provided in pod spec; "
        "priority admission controller computed PreemptLowerPriority from the given PriorityClass name",
    ),
]


@pytest.mark.parametrize("spec, why", WRONG_PRIORITIES)
def test_a_pod_does_not_choose_its_number(spec: Object, why: str) -> None:
    assert refusal(lab(), b.pod("p2", **spec)) == f'pods "p2" is forbidden: {why}'


def test_there_is_one_default_class() -> None:
    server = lab(priority_class("a", 1, globalDefault=True))
    said = refusal(server, priority_class("b", 2, globalDefault=True))
    assert said.endswith('"b" is forbidden: PriorityClass a is already marked as default. Only one default can exist')


# -- tolerations, taints -------------------------------------------------------------------------------------------------
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
TOLERATIONS = [
    ([], [NOT_READY, UNREACHABLE]),
    ([{"key": "x", "operator": "Exists"}], [NOT_READY, UNREACHABLE]),
    ([{"key": NOT_READY, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 700}], [UNREACHABLE]),
    ([{"key": NOT_READY, "operator": "Exists", "effect": "NoSchedule"}], [NOT_READY, UNREACHABLE]),
    ([{"operator": "Exists"}], []),
]


@pytest.mark.parametrize("given, added", TOLERATIONS)
def test_a_pod_stays_five_minutes_on_a_lost_node(given: list[Object], added: list[str]) -> None:
    """upstream: defaulttolerationseconds/admission_test.go"""
    made = b.create(lab(), b.pod("p", tolerations=given))["spec"].get("tolerations", [])
    expected = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300} for key in added]
    assert made == [*given, *expected]


def test_a_node_is_born_not_ready() -> None:
    taint = {"key": NOT_READY, "effect": "NoSchedule"}
    made = b.create(lab(), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
    again = b.create(lab(), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"taints": [taint]}})
    assert made["spec"]["taints"] == again["spec"]["taints"] == [taint]


# -- runtime classes -----------------------------------------------------------------------------------------------------
def runtime_class(**fields: Any) -> Object:
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "rc"}, "handler": "h", **fields}


def test_a_pod_takes_its_runtime_classs_overhead_and_scheduling() -> None:
    wide = {"key": "k", "operator": "Exists", "effect": "NoSchedule"}
    scheduling = {"nodeSelector": {"a": "b"}, "tolerations": [wide]}
    server = lab(runtime_class(overhead={"podFixed": {"cpu": "100m"}}, scheduling=scheduling))
    narrow = {**wide, "operator": "Equal", "value": "v"}
    spec = b.create(server, b.pod("p", runtimeClassName="rc", nodeSelector={"c": "d"}, tolerations=[narrow]))["spec"]
    assert (spec["overhead"], spec["nodeSelector"]) == ({"cpu": "100m"}, {"c": "d", "a": "b"})
    assert wide in spec["tolerations"]
    assert narrow not in spec["tolerations"]


RUNTIME_CLASSES = [
    ([], {"runtimeClassName": "rc"}, 'pod rejected: RuntimeClass "rc" not found'),
    ([], {"overhead": {"cpu": "1"}}, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
    (
        [runtime_class(overhead={"podFixed": {"cpu": "100m"}})],
        {"runtimeClassName": "rc", "overhead": {"cpu": "1"}},
        "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ),
    (
        [runtime_class(scheduling={"nodeSelector": {"a": "b"}})],
        {"runtimeClassName": "rc", "nodeSelector": {"a": "c"}},
        "conflict: runtimeClass.scheduling.nodeSelector[a] = b; pod.spec.nodeSelector[a] = c",
    ),
]


@pytest.mark.parametrize("classes, spec, why", RUNTIME_CLASSES)
def test_a_runtime_class_must_fit(classes: list[Object], spec: Object, why: str) -> None:
    assert refusal(lab(*classes), b.pod("p", **spec)) == f'pods "p" is forbidden: {why}'


# -- storage, ingress ----------------------------------------------------------------------------------------------------
def storage_class(name: str, *, default: bool = False, **fields: Any) -> Object:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    meta = {"name": name, "annotations": annotations}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta, "provisioner": "p", **fields}


def claim(**spec: Any) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "default"}, "spec": spec}


@pytest.mark.parametrize(
    "classes, spec, expected",
    [
        ([storage_class("std", default=True)], {}, "std"),
        ([storage_class("std", default=True)], {"storageClassName": ""}, ""),
        ([storage_class("std", default=True)], {"storageClassName": "x"}, "x"),
        ([storage_class("std")], {}, None),
        ([storage_class("b", default=True), storage_class("a", default=True)], {}, "a"),
    ],
)
def test_a_claim_gets_the_default_class(classes: list[Object], spec: Object, expected: str | None) -> None:
    """upstream: setdefault/admission_test.go; of two made in one second the first by name"""
    made = b.create(lab(*classes), claim(**spec))
    assert made["spec"].get("storageClassName") == expected
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


BIG = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
NO_RESIZE = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"


@pytest.mark.parametrize("expandable, code", [(True, 200), (False, 403)])
def test_a_bound_claim_grows_where_its_class_lets_it(expandable: bool, code: int) -> None:
    """upstream: resize/admission_test.go"""
    server = lab(storage_class("std", default=True, allowVolumeExpansion=expandable), claim())
    b.merge(server, "persistentvolumeclaims", "default", "c", {"status": {"phase": "Bound"}}, subresource="status")
    answer = b.merge(server, "persistentvolumeclaims", "default", "c", BIG)
    assert answer.code == code
    if code == 403:
        assert answer.object["message"] == f'persistentvolumeclaims "c" is forbidden: {NO_RESIZE}'


def test_an_ingress_gets_the_default_class() -> None:
    """upstream: defaultingressclass/admission_test.go"""
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx", "annotations": annotations}}
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    meta = {"name": "i", "namespace": "default"}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": {"defaultBackend": backend}}
    server = lab({**made, "spec": {"controller": "example.com/c"}})
    assert b.create(server, ingress)["spec"]["ingressClassName"] == "nginx"


def test_what_is_kept_of_a_creation_as_it_was_sent() -> None:
    """Only where a plug-in, or a strategy after it, may have changed it: managedFields are of what was sent.

    upstream: apiserver/pkg/endpoints/handlers/create.go (the field manager comes before admission).
    """
    rows = {"events": False, "leases.coordination.k8s.io": False, "persistentvolumes": True, "pods": True, "services": True}
    kinds = {resource: registry.by_resource(resource) for resource in rows}
    assert {resource: chain._may_change("CREATE", resource, kind.stored_as_sent) for resource, kind in kinds.items()} == rows
