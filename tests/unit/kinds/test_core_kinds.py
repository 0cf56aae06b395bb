"""The smaller kinds of the core group. upstream: pkg/apis/core/validation/validation_test.go, pkg/registry/core/*/strategy.go, 1.28."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubelab.kinds.kind import Object
from tests.unit.kinds.builders import (
    CONTEXT,
    container,
    core,
    create_errors,
    created,
    go_quantity,
    kind_named,
    settled,
    status_errors,
    update_errors,
)

KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex "
    "used for validation is '[-._a-zA-Z0-9]+')"
)


def claim(size: str = "1Gi", **spec: Any) -> Object:
    return core("PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec})


def volume(**spec: Any) -> Object:
    base = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}
    return core("PersistentVolume", spec={**base, **spec})


def quota(**spec: Any) -> Object:
    return core("ResourceQuota", spec=spec)


def limits(**item: Any) -> Object:
    return core("LimitRange", spec={"limits": [{"type": "Container", **item}]})


def controller(**spec: Any) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container()]}}
    return core("ReplicationController", spec={"template": template, **spec})


def endpoints(*subsets: Object) -> Object:
    return core("Endpoints", subsets=list(subsets))


def event(**fields: Any) -> Object:
    return core("Event", involvedObject={"kind": "Pod", "name": "p", "namespace": "default"}, **fields)


CREATE: list[tuple[Object, list[str]]] = [
    (core("ConfigMap", data={"bad key": "x"}), [f'data[bad key]: Invalid value: "bad key": {KEY}']),
    (core("ConfigMap", data={"k": "x"}, binaryData={"k": "eA=="}), ['data[k]: Invalid value: "k": duplicate of key present in binaryData']),
    (core("ConfigMap", data={"k": "x" * (1024 * 1024 + 1)}), ["[]: Too long: must have at most 1048576 bytes"]),
    (core("Secret", type="kubernetes.io/tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
    (core("Secret", data={"..": "eA=="}), ["data[..]: Invalid value: \"..\": must not be '..'"]),
    (core("Secret", type="kubernetes.io/basic-auth"), ["data[username]: Required value", "data[password]: Required value"]),
    (core("Secret", type="kubernetes.io/ssh-auth"), ["data[ssh-privatekey]: Required value"]),
    (
        core("Secret", type="kubernetes.io/service-account-token"),
        ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
    ),
    (core("Secret", type="kubernetes.io/dockerconfigjson"), ["data[.dockerconfigjson]: Required value"]),
    (
        core("Secret", type="kubernetes.io/dockercfg", stringData={".dockercfg": "nope"}),
        [
            'data[.dockercfg]: Invalid value: "<secret contents redacted>": invalid character \'n\' looking for beginning of value',
        ],
    ),
    (core("Namespace", name="a.b"), ['metadata.name: Invalid value: "a.b": must not contain dots']),
    (
        core("Namespace", spec={"finalizers": ["mine"]}),
        ['spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'],
    ),
    (core("ServiceAccount", name="a", metadata={"finalizers": ["kubernetes"]}), []),
    (endpoints({"ports": [{"port": 1}]}), ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
    (
        endpoints({"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 66000}]}),
        [
            'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
            "subsets[0].ports[0].port: Invalid value: 66000: must be between 1 and 65535, inclusive",
        ],
    ),
    (
        endpoints({"addresses": [{"ip": "169.254.1.1"}], "ports": [{"port": 1}, {"port": 2, "name": "a"}]}),
        [
            'subsets[0].addresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
            "subsets[0].ports[0].name: Required value",
        ],
    ),
    (claim(), []),
    (claim("0"), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
    (claim(accessModes=[]), ["spec.accessModes: Required value: at least 1 access mode is required"]),
    (
        claim(accessModes=["Odd"]),
        [
            'spec.accessModes: Unsupported value: "Odd": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", '
            '"ReadWriteOncePod"'
        ],
    ),
    (
        claim(accessModes=["ReadWriteOncePod", "ReadWriteOnce"]),
        ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
    ),
    (claim(volumeMode="Tape"), ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"']),
    (
        claim(dataSourceRef={"kind": "Foo", "name": ""}),
        [
            "spec.dataSource.name: Required value",
            "spec.dataSource: Invalid value: \"Foo\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            "spec.dataSourceRef.name: Required value",
            "spec.dataSourceRef: Invalid value: \"Foo\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ],
    ),
    (volume(), []),
    (
        volume(capacity={}, accessModes=[]),
        [
            "spec.accessModes: Required value",
            "spec.capacity: Required value",
            'spec.capacity: Unsupported value: core.ResourceList(nil): supported values: "storage"',
        ],
    ),
    (volume(capacity={"storage": "-1"}), [
        "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
        'spec.capacity[storage]: Invalid value: "-1": must be greater than zero',
    ]),
    (volume(nfs={"server": "a", "path": "/"}), ["spec.nfs: Forbidden: may not specify more than 1 volume type"]),
    (volume(hostPath=None), ["spec: Required value: must specify a volume type"]),
    (
        volume(hostPath={"path": "/a/.."}, persistentVolumeReclaimPolicy="Recycle"),
        [
            "spec.hostPath.path: Invalid value: \"/a/..\": must not contain '..'",
            "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
        ],
    ),
    (
        volume(hostPath=None, local={"path": "/x"}),
        ["spec.nodeAffinity: Required value: Local volume requires node affinity"],
    ),
    (quota(hard={"cpu": "1", "count/jobs.batch": "2"}), []),
    (
        quota(hard={"gpu": "1"}),
        [
            'spec.hard[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
            'spec.hard[gpu]: Invalid value: "gpu": must be a standard resource for quota',
        ],
    ),
    (quota(hard={"pods": "1.5"}), [f'spec.hard[pods]: Invalid value: {go_quantity(1500, -3, "1500m")}: must be an integer']),
    (
        quota(hard={"memory": "1"}, scopes=["BestEffort"]),
        ['spec.scopes: Invalid value: []core.ResourceQuotaScope{"BestEffort"}: unsupported scope applied to resource'],
    ),
    (
        quota(hard={"pods": "1"}, scopes=["Terminating", "NotTerminating"]),
        ['spec.scopes: Invalid value: []core.ResourceQuotaScope{"Terminating", "NotTerminating"}: conflicting scopes'],
    ),
    (
        quota(hard={"pods": "1"}, scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}),
        [
            "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for "
            "scope selector"
        ],
    ),
    (
        limits(min={"cpu": "2"}, max={"cpu": "1"}, default={"cpu": "1"}, defaultRequest={"cpu": "1"}),
        [
            f'spec.limits[0].min[cpu]: Invalid value: {go_quantity(2, 0, "2")}: min value 2 is greater than max value 1',
            f'spec.limits[0].defaultRequest[cpu]: Invalid value: {go_quantity(1, 0, "1")}: min value 2 is greater than default request value 1',
            f'spec.limits[0].default[cpu]: Invalid value: {go_quantity(2, 0, "2")}: min value 2 is greater than default value 1',
        ],
    ),
    (
        core("LimitRange", spec={"limits": [{"type": "Pod", "default": {"cpu": "1"}}]}),
        ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
    ),
    (
        core("LimitRange", spec={"limits": [{"type": "PersistentVolumeClaim"}]}),
        ["spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided"],
    ),
    (
        limits(min={"memory": "1Mi"}, max={"memory": "2Mi"}, maxLimitRequestRatio={"memory": "10"}),
        [f'spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: {go_quantity(10, 0, "10")}: ratio 10 is greater than max/min = 2.000000'],
    ),
    (controller(), []),
    (controller(replicas=-1), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (
        controller(selector={"x": "y"}),
        ['spec.template.metadata.labels: Invalid value: map[string]string{"a":"b"}: `selector` does not match template `labels`'],
    ),
    (controller(template=None), ["spec.selector: Required value", "spec.template: Required value"]),
    (event(), []),
    (
        core("Event", involvedObject={"namespace": "other"}),
        ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ),
    (
        event(eventTime="2026-01-01T00:00:00.000000Z", reason="r", action="a", reportingInstance="i"),
        [
            "reportingComponent: Required value",
            'reportingComponent: Invalid value: "": name part must be non-empty',
            "reportingComponent: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "
            "end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ],
    ),
    (core("Binding", target={"kind": "Pod"}), [
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        "target.name: Required value",
    ]),
    (
        core("Node", spec={"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}, {"key": "b"}]}),
        [
            'metadata.taints[1]: Duplicate value: core.Taint{Key:"a", Value:"", Effect:"NoSchedule", TimeAdded:<nil>}: taints must be unique by '
            "key and effect pair",
            "metadata.taints[2].effect: Required value",
        ],
    ),
    (
        core("Node", spec={"podCIDRs": ["10.0.0.0/24", "10.1.0.0/24"]}),
        ['spec.podCIDRs: Invalid value: []string{"10.0.0.0/24", "10.1.0.0/24"}: may specify no more than one CIDR for each IP family'],
    ),
    (
        core("Node", status={"capacity": {"pods": "1.5"}}),
        [
            f'status.capacity.pods: Invalid value: {go_quantity(1500, -3, "1500m")}: must be an integer',
            f'status.allocatable.pods: Invalid value: {go_quantity(1500, -3, "1500m")}: must be an integer',
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "errors"), CREATE)
def test_create(body: Object, errors: list[str]) -> None:
    assert create_errors(body) == errors


FIXED = core("ConfigMap", data={"k": "v"}, immutable=True)
UPDATE: list[tuple[Object, dict[str, Any], list[str]]] = [
    (FIXED, {"data": {"k": "w"}}, ["data: Forbidden: field is immutable when `immutable` is set"]),
    (FIXED, {"immutable": False}, ["immutable: Forbidden: field is immutable when `immutable` is set"]),
    (core("Secret"), {"type": "a/b"}, ['type: Invalid value: "a/b": field is immutable']),
    (core("Secret", immutable=True), {"data": {"k": "eA=="}}, ["data: Forbidden: field is immutable when `immutable` is set"]),
    (
        quota(hard={"pods": "1"}),
        {"spec": {"hard": {"pods": "1"}, "scopes": ["BestEffort"]}},
        ['spec.scopes: Invalid value: []core.ResourceQuotaScope{"BestEffort"}: field is immutable'],
    ),
    (
        core("Node", spec={"podCIDRs": ["10.0.0.0/24"], "providerID": "a"}),
        {"spec": {"podCIDRs": ["10.1.0.0/24"], "providerID": "b"}},
        [
            'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
            'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
        ],
    ),
    (claim(), {"metadata": {"name": "x", "namespace": "default", "labels": {"a": "b"}}}, []),
    (claim(), {"spec": claim(volumeName="v")["spec"]}, []),
    (claim(), {"spec": claim(storageClassName="fast")["spec"]}, []),
    (volume(), {"spec": volume(capacity={"storage": "2Gi"})["spec"]}, []),
]


@pytest.mark.parametrize(("old", "changes", "errors"), UPDATE)
def test_update(old: Object, changes: dict[str, Any], errors: list[str]) -> None:
    assert update_errors(old, **changes) == errors


IMMUTABLE = "spec: Forbidden: spec is immutable after creation except resources.requests for bound claims\n"


def test_a_claim_grows_only_when_bound_and_never_shrinks() -> None:  # TestValidatePersistentVolumeClaimUpdate
    grown, shrunk = claim("2Gi")["spec"], claim("1Mi")["spec"]
    (text,) = update_errors(claim(), spec=grown)
    assert text.startswith(IMMUTABLE)
    kind, bound = kind_named("PersistentVolumeClaim"), created(claim())
    bound["status"] = {"phase": "Bound"}
    for spec, wanted in (
        (grown, []),
        (shrunk, ["spec.resources.requests.storage: Forbidden: field can not be less than previous value"]),
    ):
        new = {**settled({**claim(), "spec": spec}), "status": bound["status"]}
        assert [error.text() for error in kind.validate_update(new, bound, CONTEXT)] == wanted


def test_a_volumes_source_is_immutable() -> None:
    (text,) = update_errors(volume(), spec=volume(hostPath={"path": "/y"})["spec"])
    assert text.startswith("spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n")


def test_a_namespace_carries_its_name_and_its_finalizer() -> None:  # TestNamespaceStrategy
    found = created(core("Namespace", name="team"))
    assert found["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert (found["spec"], found["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


def test_a_namespaces_phase_goes_with_its_deletion() -> None:
    assert status_errors(core("Namespace"), {"phase": "Terminating"}) == [
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    ]


def test_texts_of_a_secret_are_encoded_and_never_come_back() -> None:
    found = settled(core("Secret", stringData={"a": "é"}, data={"a": "eA==", "b": "eA=="}))
    assert (found["type"], found["data"]) == ("Opaque", {"a": base64.b64encode("é".encode()).decode(), "b": "eA=="})
    assert "stringData" not in found


def test_a_container_limit_range_fills_its_defaults() -> None:  # TestSetDefaultLimitRangeItem
    item = settled(limits(max={"cpu": "2"}, min={"memory": "1Mi"}, default={"memory": "5Mi"}))["spec"]["limits"][0]
    assert item["default"] == {"cpu": "2", "memory": "5Mi"}
    assert item["defaultRequest"] == {"cpu": "2", "memory": "5Mi"}


def test_a_replication_controller_follows_its_template() -> None:  # TestSetDefaultReplicationController
    found = settled(controller())
    assert (found["metadata"]["labels"], found["spec"]["selector"], found["spec"]["replicas"]) == ({"a": "b"}, {"a": "b"}, 1)
    kind = kind_named("ReplicationController")
    assert kind.spec_changed is not None
    assert kind.spec_changed({**found, "spec": {**found["spec"], "replicas": 2}}, found)
    assert not kind.spec_changed(found, settled(controller()))


def test_allocatable_is_the_capacity() -> None:  # TestSetDefaultNodeStatus
    assert settled(core("Node", status={"capacity": {"cpu": "1"}}))["status"]["allocatable"] == {"cpu": "1"}


def test_claims_and_volumes_begin_pending_with_a_file_system() -> None:
    found = created(claim())
    assert (found["status"], found["spec"]["volumeMode"]) == ({"phase": "Pending"}, "Filesystem")
    found = created(volume())
    assert (found["status"], found["spec"]["persistentVolumeReclaimPolicy"]) == ({"phase": "Pending"}, "Retain")


def test_events_are_selected_by_what_they_are_about() -> None:  # registry/core/event/strategy_test.go TestGetAttrs
    fields = kind_named("Event").selectable(event(reason="R", type="Normal", reportingComponent="kubelet"))
    assert (fields["involvedObject.name"], fields["reason"], fields["source"], fields["type"]) == ("p", "R", "kubelet", "Normal")


FLAGS = [  # spec of deletion answers, PUT that creates, orphaning; registry/core/*/strategy.go
    (
        "delete_returns_object",
        ["Namespace", "PersistentVolume", "PersistentVolumeClaim", "Pod", "PodTemplate", "ResourceQuota", "Service", "ServiceAccount"],
    ),
    ("create_on_update", ["Endpoints", "Event", "LimitRange", "Service"]),
    ("orphans_by_default", ["ReplicationController"]),
    ("graceful_delete", ["Pod"]),
]
KINDS = (
    "Binding ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController "
    "ResourceQuota Secret Service ServiceAccount"
).split()


@pytest.mark.parametrize(("flag", "kinds"), FLAGS)
def test_flags(flag: str, kinds: list[str]) -> None:
    assert [name for name in KINDS if getattr(kind_named(name), flag)] == kinds
