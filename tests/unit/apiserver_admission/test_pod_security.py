"""Pod Security: each check's words, the levels, and what a namespace's labels do.

upstream: staging/src/k8s.io/pod-security-admission/policy/check_*_test.go, admission/admission_test.go, api/helpers_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.admission.pod_security import policy_of
from kubelab.apiserver.admission.pod_security_checks import LATEST, detailed, findings
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
P = "pod-security.kubernetes.io/"
SAFE: Object = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(pod: Object | None = None, *contexts: Object, **more: Any) -> Object:
    """Containers a, b, … with these security contexts, upon what is safe."""
    containers = [{"name": chr(97 + i), "securityContext": {**SAFE, **each}} for i, each in enumerate(contexts or ({},))]
    return {"securityContext": pod or {}, "containers": containers, **more}


UNCONFINED = {"seccompProfile": {"type": "Unconfined"}}
NONE_PROFILE = {"seccompProfile": None}
SELINUX = "securityContext.seLinuxOptions"

# level, version, metadata, spec, what is said
ROWS = [
    (
        "baseline",
        LATEST,
        {},
        spec(hostNetwork=True, hostPID=True, hostIPC=True),
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
    ),
    (
        "baseline",
        LATEST,
        {},
        spec(None, {"capabilities": {"add": ["FOO", "BAR"]}}, {"capabilities": {"add": ["FOO", "BAZ", "CHOWN"]}}),
        'non-default capabilities (containers "a", "b" must not include "BAR", "BAZ", "FOO" in securityContext.capabilities.add)',
    ),
    (
        "restricted",
        LATEST,
        {},
        spec(None, {"capabilities": {"add": ["FOO", "BAR"]}}, {"capabilities": None}),
        'unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]; '
        'container "a" must not include "BAR", "FOO" in securityContext.capabilities.add)',
    ),
    ("baseline", LATEST, {}, spec(volumes=[{"name": v, "hostPath": {}} for v in "ab"]), 'hostPath volumes (volumes "a", "b")'),
    (
        "restricted",
        LATEST,
        {},
        spec(volumes=[{"name": "a", "hostPath": {}}, {"name": "b", "nfs": {}}, {"name": "c", "emptyDir": {}}, {"name": "d"}]),
        'restricted volume types (volumes "a", "b", "d" use restricted volume types "hostPath", "nfs", "unknown")',
    ),
    ("baseline", LATEST, {}, spec(None, {"privileged": True}), 'privileged (container "a" must not set securityContext.privileged=true)'),
    (
        "baseline",
        LATEST,
        {},
        spec(None, {"procMount": "Unmasked"}, {"procMount": "other"}, {"procMount": "Default"}),
        'procMount (containers "a", "b" must not set securityContext.procMount to "Unmasked", "other")',
    ),
    (
        "baseline",
        LATEST,
        {},
        spec({"seLinuxOptions": {"type": "foo", "user": "bar", "role": "baz"}}, {"seLinuxOptions": {"type": "bar"}}),
        f'seLinuxOptions (pod and container "a" set forbidden {SELINUX}: types "bar", "foo"; user may not be set; role may not be set)',
    ),
    (
        "baseline",
        LATEST,
        {},
        spec(UNCONFINED, {}, NONE_PROFILE, UNCONFINED),
        'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        "baseline",
        18,
        {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}},
        spec(),
        'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
    ),
    ("baseline", LATEST, {}, spec({"sysctls": [{"name": "a"}, {"name": "b"}]}), "forbidden sysctls (a, b)"),
    (
        "baseline",
        26,
        {},
        spec({"sysctls": [{"name": "net.ipv4.ip_local_reserved_ports"}]}),
        "forbidden sysctls (net.ipv4.ip_local_reserved_ports)",
    ),
    ("baseline", 27, {}, spec({"sysctls": [{"name": "net.ipv4.ip_local_reserved_ports"}]}), ""),
    (
        "baseline",
        LATEST,
        {},
        spec({"windowsOptions": {"hostProcess": True}}, {"windowsOptions": {"hostProcess": True}}),
        'hostProcess (pod and container "a" must not set securityContext.windowsOptions.hostProcess=true)',
    ),
    (
        "baseline",
        LATEST,
        {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}},
        spec(),
        'forbidden AppArmor profile (container.apparmor.security.beta.kubernetes.io/a="unconfined")',
    ),
    (
        "restricted",
        LATEST,
        {},
        spec(None, {"allowPrivilegeEscalation": None}),
        'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
    ),
    (
        "restricted",
        LATEST,
        {},
        spec({"runAsNonRoot": True}, {"runAsNonRoot": None}, {"runAsNonRoot": False}, {"runAsNonRoot": False}),
        'runAsNonRoot != true (containers "b", "c" must not set securityContext.runAsNonRoot=false)',
    ),
    (
        "restricted",
        LATEST,
        {},
        spec(None, {"runAsNonRoot": None}, {"runAsNonRoot": None}),
        'runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true)',
    ),
    ("restricted", LATEST, {}, spec({"runAsUser": 0}), "runAsUser=0 (pod must not set runAsUser=0)"),
    ("restricted", 22, {}, spec({"runAsUser": 0}), ""),
    (
        "restricted",
        LATEST,
        {},
        spec(None, NONE_PROFILE),
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    ),
    ("restricted", LATEST, {}, spec({"seccompProfile": {"type": "Localhost"}}, NONE_PROFILE), ""),
    ("restricted", LATEST, {}, spec(), ""),
    ("privileged", LATEST, {}, spec(hostNetwork=True), ""),
    ("restricted", LATEST, {}, {"os": {"name": "windows"}, "containers": [{"name": "a", "securityContext": {"runAsNonRoot": True}}]}, ""),
]


@pytest.mark.parametrize("level, minor, meta, spec, said", ROWS)
def test_a_level_says_what_it_forbids(level: str, minor: int, meta: Object, spec: Object, said: str) -> None:
    assert detailed(findings(level, minor, meta, spec)) == said


def test_host_ports_are_listed_with_their_containers() -> None:
    """upstream: check_hostPorts_test.go"""
    ports = [("a", []), ("b", [10, 20]), ("c", [10, 30])]
    containers = [{"name": name, "ports": [{"hostPort": port} for port in each]} for name, each in ports]
    found = findings("baseline", LATEST, {}, {"containers": containers})
    assert found == [("hostPort", 'containers "b", "c" use hostPorts 10, 20, 30')]


# upstream: api/helpers_test.go TestPolicyToEvaluate: labels, enforce, warn
POLICIES = [
    ({}, "privileged:latest", "privileged:latest"),
    ({"enforce": "baseline", "enforce-version": "v1.22"}, "baseline:v1.22", "baseline:v1.22"),
    ({"enforce": "restricted", "warn": "baseline"}, "restricted:latest", "baseline:latest"),
    ({"enforce": "baseline", "enforce-version": "v1.22", "warn-version": "latest"}, "baseline:v1.22", "baseline:latest"),
    ({"enforce": "bogus"}, "restricted:latest", "privileged:latest"),
    ({"warn": "bogus"}, "privileged:latest", "privileged:latest"),
]


@pytest.mark.parametrize("labels, enforce, warn", POLICIES)
def test_labels_choose_the_policy(labels: dict[str, str], enforce: str, warn: str) -> None:
    policy = policy_of({"metadata": {"labels": {f"{P}{key}": value for key, value in labels.items()}}})
    assert (str(policy.enforce), str(policy.warn)) == (enforce, warn)


def test_a_violating_pod_is_refused() -> None:
    server = b.with_namespaces("sec", labels={f"{P}enforce": "baseline", f"{P}enforce-version": "v1.28"})
    answer = b.send(server, "create", b.pod("p", "sec", hostNetwork=True))
    assert (answer.code, answer.object["message"]) == (
        403,
        'pods "p" is forbidden: violates PodSecurity "baseline:v1.28": host namespaces (hostNetwork=true)',
    )


def test_a_generated_name_is_in_the_refusal() -> None:
    server = b.with_namespaces("sec", labels={f"{P}enforce": "baseline"})
    obj = b.pod("", "sec", meta={"name": "", "generateName": "web-"}, hostNetwork=True)
    message = b.send(server, "create", obj).object["message"]
    assert message.startswith('pods "web-') and not message.startswith('pods "web-"')


def deployment(namespace: str) -> Object:
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"hostPID": True, "containers": [{"name": "c", "image": "x"}]}}
    made = {"selector": {"matchLabels": {"app": "d"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": namespace}, "spec": made}


def test_what_makes_pods_is_only_warned_of() -> None:
    server = b.with_namespaces("sec", labels={f"{P}enforce": "baseline"})
    answer = b.send(server, "create", deployment("sec"))
    assert (answer.code, answer.warnings) == (201, ['would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)'])


def test_a_namespace_that_becomes_stricter_is_told_of_its_pods() -> None:
    server = b.with_namespaces("sec")
    for name in ("b", "a"):
        b.create(server, b.pod(name, "sec", hostNetwork=True))
    answer = b.merge(server, "namespaces", "", "sec", {"metadata": {"labels": {f"{P}enforce": "baseline"}}})
    head = 'existing pods in namespace "sec" violate the new PodSecurity enforce level "baseline:latest"'
    assert (answer.code, answer.warnings) == (200, [head, "a (and 1 other pod): host namespaces"])


def test_wrong_labels_are_invalid() -> None:
    labels = {f"{P}enforce": "strict", f"{P}warn-version": "1.2"}
    answer = b.send(b.empty(), "create", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": labels}})
    assert answer.code == 422
    assert [cause["field"] for cause in answer.object["details"]["causes"]] == [
        f"metadata.labels[{P}enforce]",
        f"metadata.labels[{P}warn-version]",
    ]
    assert 'Invalid value: "strict": must be one of privileged, baseline, restricted' in answer.object["message"]
