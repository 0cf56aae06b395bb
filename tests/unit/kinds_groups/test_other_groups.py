"""autoscaling, storage, scheduling, coordination, node, authorization, events: rows of upstream's validation tests, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kinds.events.conversion import from_core, to_core
from kubelab.kinds.registry import by_kind
from kubelab.kinds.scale import scale_of, validate_scale, with_replicas
from kubelab.kinds.scheduling.priorityclass import system_classes
from kubelab.kinds.storage.storageclass import is_default
from tests.unit.kinds_groups.builders import (
    NOW_NS,
    agree,
    context,
    create_errors,
    decoded,
    kind_of,
    merged,
    object_of,
    prepared,
    update_errors,
    workload,
)


def autoscaler(**spec):
    fields = {"scaleTargetRef": {"kind": "ReplicationController", "name": "myrc"}, "minReplicas": 1, "maxReplicas": 5, **spec}
    return object_of("autoscaling/v2", "HorizontalPodAutoscaler", spec=fields)


def metric(kind="Resource", field=None, **source):
    return autoscaler(metrics=[{"type": kind, field or kind[0].lower() + kind[1:]: source}])


def utilization(value=70, **more):
    return {"type": "Utilization", "averageUtilization": value, **more}


def up(**rules):
    return autoscaler(behavior={"scaleUp": rules})


M, UP = "spec.metrics[0]", "spec.behavior.scaleUp"

# upstream: TestValidateHorizontalPodAutoscaler, TestValidateScale, TestValidateHorizontalPodAutoscalerBehavior
AUTOSCALERS = [
    (autoscaler(), []),
    (metric(name="cpu", target=utilization()), []),
    (metric("Pods", metric={"name": "somemetric"}, target={"type": "AverageValue", "averageValue": "100"}), []),
    (
        metric("ContainerResource", name="cpu", container="test-application", target=utilization()),
        [],
    ),
    (autoscaler(minReplicas=-1), ["spec.minReplicas: Invalid value: -1: must be greater than or equal to 1"]),
    (autoscaler(minReplicas=0), ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1", "spec.metrics: Forbidden: "]),
    (
        autoscaler(minReplicas=7),
        ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"],
    ),
    (
        autoscaler(maxReplicas=0),
        ["spec.maxReplicas: Invalid value: 0: must be greater than 0", "spec.maxReplicas: Invalid value: 0: must be greater than or equal"],
    ),
    (autoscaler(scaleTargetRef={"kind": "", "name": "x"}), ["spec.scaleTargetRef.kind: Required value"]),
    (autoscaler(scaleTargetRef={"kind": "..", "name": "x"}), ["spec.scaleTargetRef.kind: Invalid value: \"..\": may not be '..'"]),
    (autoscaler(scaleTargetRef={"kind": "k", "name": "a/b"}), ["spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'"]),
    (metric(target=utilization()), [f"{M}.resource.name: Required value: must specify a resource name"]),
    (metric(name="cpu", target=utilization(-10)), [f"{M}.resource.target.averageUtilization: Invalid value: -10: must be greater than 0"]),
    (
        metric(name="cpu", target={"type": "Value"}),
        [f"{M}.resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"],
    ),
    (
        metric(name="cpu", target=utilization(averageValue="100m")),
        [f"{M}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"],
    ),
    (
        metric("Pods", metric={"name": "m"}, target={"type": "AverageValue", "averageValue": "-1"}),
        [
            f"{M}.pods.target.averageValue: Invalid value: resource.Quantity{{i:resource.int64Amount{{value:-1, scale:0}}, "
            'd:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"", Format:"DecimalSI"}: must be positive'
        ],
    ),
    (
        metric("Object", describedObject={"kind": "k", "name": "n"}, metric={"name": "m"}, target={"type": "Value"}),
        [f"{M}.object.target.averageValue: Required value: must set either a target value or averageValue"],
    ),
    (
        metric("External", metric={"name": "foo/../"}, target={"type": "Value", "value": "1"}),
        [f"{M}.external.metric.name: Invalid value: \"foo/../\": may not contain '/'"],
    ),
    (
        metric("External", metric={"name": "m"}, target={"type": "Value", "value": "1", "averageValue": "1"}),
        [f"{M}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"],
    ),
    (
        metric("ContainerResource", name="cpu", target=utilization()),
        [f"{M}.containerResource.container: Required value: must specify a container"],
    ),
    (
        metric(name="cpu", target={"averageUtilization": 1}),
        [
            f"{M}.resource.target.type: Required value: must specify a metric target type",
            f'{M}.resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue',
        ],
    ),
    (
        autoscaler(metrics=[{"type": "Pods", "resource": {"name": "cpu", "target": utilization()}}]),
        [f"{M}.pods: Required value: must populate information for the given metric source"],
    ),
    (
        autoscaler(
            metrics=[
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": utilization()},
                    "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}},
                }
            ]
        ),
        [f"{M}.pods: Forbidden: must populate the given metric source only"],
    ),
    (up(), []),
    (up(stabilizationWindowSeconds=-1), [f"{UP}.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero"]),
    (up(stabilizationWindowSeconds=3601), [f"{UP}.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600"]),
    (up(selectPolicy="x"), [f'{UP}.selectPolicy: Unsupported value: "x": supported values: "Disabled", "Max", "Min"']),
    (
        up(policies=[{"type": "hm", "value": 0, "periodSeconds": 1801}]),
        [
            f'{UP}.policies[0].type: Unsupported value: "hm": supported values: "Percent", "Pods"',
            f"{UP}.policies[0].value: Invalid value: 0: must be greater than zero",
            f"{UP}.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
        ],
    ),
]


@pytest.mark.parametrize(("body", "expected"), AUTOSCALERS)
def test_autoscaler(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_autoscaler_defaults():
    """upstream: pkg/apis/autoscaling/v2/defaults_test.go"""
    spec = prepared(autoscaler(behavior={"scaleDown": {"selectPolicy": "Min"}}))["spec"]
    assert spec["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    ]
    assert spec["behavior"]["scaleDown"] == {
        "selectPolicy": "Min",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0


def test_autoscaler_cells():
    """upstream: TestPrintHorizontalPodAutoscaler"""
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": utilization(80)}},
        {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "100m"}}},
        {"type": "External", "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "5"}}},
    ]
    current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 50}}}]
    obj = merged(prepared(autoscaler(metrics=metrics)), {"status": {"currentMetrics": current, "currentReplicas": 4}})
    cells = [column.cell(obj, NOW_NS) for column in kind_of(obj).columns]
    assert cells == ["x", "ReplicationController/myrc", "50%/80%, <unknown>/100m + 1 more...", "1", 5, 4, "0s"]


def test_a_scale_and_back():
    """recorded: workload-errors:24–26"""
    stored = {**prepared(workload("Deployment", "good", replicas=3, selector={"matchLabels": {"app": "good"}})), "status": {"replicas": 2}}
    stored["metadata"]["resourceVersion"] = "352"
    scale = scale_of(stored, kind_of(stored))
    assert scale == {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: stored["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")},
        "spec": {"replicas": 3},
        "status": {"replicas": 2, "selector": "app=good"},
    }
    assert with_replicas(stored, 7)["spec"]["replicas"] == 7
    assert stored["spec"]["replicas"] == 3
    assert [error.text() for error in validate_scale({"metadata": {"name": "good"}, "spec": {"replicas": -2}})] == [
        "metadata.namespace: Required value",
        "spec.replicas: Invalid value: -2: must be greater than or equal to 0",
    ]


STORAGE = "storage.k8s.io/v1"


def storage_class(**fields):
    return object_of(STORAGE, "StorageClass", **{"provisioner": "kubernetes.io/foo-provisioner", **fields})


def topology(**expression):
    return [{"matchLabelExpressions": [{"key": "kubernetes.io/hostname", "values": ["node1"], **expression}]}]


# upstream: TestValidateStorageClass, TestValidateAllowedTopologies, TestValidateVolumeBindingMode
CLASSES = [
    (storage_class(), []),
    (storage_class(parameters={"foo": "bar"}, reclaimPolicy="Retain", volumeBindingMode="WaitForFirstConsumer"), []),
    (storage_class(allowedTopologies=topology()), []),
    (storage_class(provisioner=""), ["provisioner: Required value"]),
    (storage_class(provisioner="kubernetes.io/invalid/provisioner"), ['provisioner: Invalid value: "kubernetes.io/invalid/provisioner": ']),
    (storage_class(parameters={str(n): "" for n in range(513)}), ["parameters: Too long: must have at most 512 bytes"]),
    (storage_class(parameters={"": "value"}), ['parameters: Invalid value: "": field can not be empty.']),
    (storage_class(reclaimPolicy="x"), ['reclaimPolicy: Unsupported value: "x": supported values: "Delete", "Retain"']),
    (
        storage_class(volumeBindingMode="x"),
        ['volumeBindingMode: Unsupported value: "x": supported values: "Immediate", "WaitForFirstConsumer"'],
    ),
    (storage_class(allowedTopologies=topology(values=[])), ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"]),
    (
        storage_class(allowedTopologies=topology(values=["a", "a"])),
        ['allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"'],
    ),
    (storage_class(allowedTopologies=topology() * 2), ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""']),
]


@pytest.mark.parametrize(("body", "expected"), CLASSES)
def test_storage_class(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


# upstream: TestAlphaVolumeBindingMode…, TestStorageClassUpdate
CLASS_UPDATES = [
    ({"allowVolumeExpansion": True}, []),
    ({"parameters": {"foo": "bar"}}, ["parameters: Forbidden: updates to parameters are forbidden."]),
    ({"provisioner": "x.io/y"}, ["provisioner: Forbidden: updates to provisioner are forbidden."]),
    ({"reclaimPolicy": "Retain"}, ["reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden."]),
    ({"volumeBindingMode": "WaitForFirstConsumer"}, ['volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable']),
]


@pytest.mark.parametrize(("change", "expected"), CLASS_UPDATES)
def test_storage_class_update(change, expected):
    assert update_errors(storage_class(), change) == expected


def test_the_default_class_says_so():
    """upstream: printStorageClass"""
    obj = merged(prepared(storage_class()), {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}})
    assert is_default(obj)
    cells = [column.cell(obj, NOW_NS) for column in kind_of(obj).columns]
    assert cells == ["x (default)", "kubernetes.io/foo-provisioner", "Delete", "Immediate", False, "0s"]


def attachment(**spec):
    fields = {"attacher": "myattacher", "source": {"persistentVolumeName": "pv"}, "nodeName": "mynode", **spec}
    return object_of(STORAGE, "VolumeAttachment", spec=fields)


# upstream: TestVolumeAttachmentValidation, TestVolumeAttachmentValidationV1
ATTACHMENTS = [
    (attachment(), []),
    (attachment(attacher=""), ["spec.attacher: Required value", "spec.attacher: Required value", 'spec.attacher: Invalid value: "": ']),
    (attachment(attacher="invalid!@#$"), ['spec.attacher: Invalid value: "invalid!@#$": ']),
    (attachment(source={}), ["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]),
    (attachment(nodeName="not valid"), ['spec.nodeName: Invalid value: "not valid": ']),
]


@pytest.mark.parametrize(("body", "expected"), ATTACHMENTS)
def test_volume_attachment(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_the_spec_of_an_attachment_is_fixed():
    """upstream: TestVolumeAttachmentUpdateValidation"""
    assert agree(
        update_errors(attachment(), {"spec": {"nodeName": "other"}}), ["spec: Invalid value: storage.VolumeAttachmentSpec{Attacher:"]
    )


def csi_node(*drivers):
    return object_of(STORAGE, "CSINode", spec={"drivers": list(drivers)})


def driver(**fields):
    return {"name": "io.kubernetes.storage.csi.driver-1", "nodeID": "node-1", "topologyKeys": ["company.com/zone1"], **fields}


# upstream: TestCSINodeValidation, TestCSINodeUpdateValidation, TestCSIDriverValidation
def test_csi_kinds():
    assert create_errors(csi_node(driver())) == []
    assert create_errors(csi_node(driver(nodeID=""))) == ["spec.drivers[0].nodeID: Required value"]
    assert agree(create_errors(csi_node(driver(), driver())), ['spec.drivers[1].name: Duplicate value: "io.kubernetes'])
    assert create_errors(csi_node(driver(allocatable={"count": -1}))) == [
        "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0"
    ]
    changed = update_errors(csi_node(driver()), {"spec": {"drivers": [driver(nodeID="other")]}})
    assert agree(changed, ['CSINodeDriver: Invalid value: storage.CSINodeDriver{Name:"io.kubernetes.storage.csi.driver-1", NodeID:"other"'])
    plain = object_of(STORAGE, "CSIDriver", spec={})
    assert create_errors(plain) == []
    assert prepared(plain)["spec"]["volumeLifecycleModes"] == ["Persistent"]
    assert update_errors(plain, {"spec": {"attachRequired": False}}) == ["spec.attachedRequired: Invalid value: false: field is immutable"]
    tokens = [{"audience": "a"}, {"audience": "a"}, {"audience": "b", "expirationSeconds": 10}]
    assert create_errors(object_of(STORAGE, "CSIDriver", spec={"tokenRequests": tokens})) == [
        'spec.tokenRequests[1].audience: Duplicate value: "a"',
        "spec.tokenRequests[2].expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes",
    ]


def priority(name="tier1", **fields):
    return object_of("scheduling.k8s.io/v1", "PriorityClass", name, **fields)


SYSTEM = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "

# upstream: TestValidatePriorityClass, TestValidatePriorityClassUpdate
PRIORITIES = [
    (priority(value=100), []),
    (priority(value=1_000_000_001), ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
    (priority("system-cluster-critical", value=2_000_000_000), []),
    (priority("system-x"), [f"{SYSTEM}system-x is not a known system priority class"]),
    (
        priority("system-node-critical", value=1),
        [f"{SYSTEM}value of system-node-critical PriorityClass must be 2000001000"],
    ),
    (
        priority("system-node-critical", value=2_000_001_000, globalDefault=True),
        [f"{SYSTEM}globalDefault of system-node-critical PriorityClass must be false"],
    ),
    (priority(preemptionPolicy="x"), ['preemptionPolicy: Unsupported value: "x": supported values: "PreemptLowerPriority", "Never"']),
]


@pytest.mark.parametrize(("body", "expected"), PRIORITIES)
def test_priority_class(body, expected):
    assert create_errors(body) == expected


def test_what_a_priority_class_may_change():
    assert update_errors(priority(value=1), {"description": "x", "globalDefault": True}) == []
    assert update_errors(priority(value=1), {"value": 2, "preemptionPolicy": "Never"}) == [
        "value: Forbidden: may not be changed in an update.",
        'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]
    assert all(create_errors(obj) == [] for obj in system_classes())


def test_lease():
    """upstream: pkg/apis/coordination/validation/validation_test.go"""
    lease = object_of("coordination.k8s.io/v1", "Lease", spec={"leaseDurationSeconds": 0, "leaseTransitions": -1})
    assert create_errors(lease) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    ]
    kind = kind_of(lease)
    assert (kind.create_on_update, kind.update_needs_resource_version) == (True, True)


def runtime_class(**fields):
    return object_of("node.k8s.io/v1", "RuntimeClass", **{"handler": "bar", **fields})


# upstream: pkg/apis/node/validation/validation_test.go
RUNTIMES = [
    (runtime_class(), []),
    (runtime_class(handler="&!@#"), ['handler: Invalid value: "&!@#": ']),
    (runtime_class(overhead={"podFixed": {"my.pod": "1"}}), ["overhead.limits[my.pod]: Invalid value: "]),
    (runtime_class(scheduling={"nodeSelector": {"good": "??"}}), ['scheduling.nodeSelector: Invalid value: "??": ']),
    (
        runtime_class(scheduling={"tolerations": [{"key": "a", "operator": "Exists"}] * 2}),
        ['scheduling.tolerations[1]: Duplicate value: core.Toleration{Key:"a", Operator:"Exists", Value:"", Effect:"", '],
    ),
]


@pytest.mark.parametrize(("body", "expected"), RUNTIMES)
def test_runtime_class(body, expected):
    texts = create_errors(body)
    assert all(any(text.startswith(start) for text in texts) for start in expected), texts
    assert bool(texts) == bool(expected)


def test_the_handler_is_fixed():
    assert update_errors(runtime_class(), {"handler": "other"}) == ['handler: Invalid value: "other": field is immutable']


REVIEW = "authorization.k8s.io/v1"
EMPTY = "metadata: Invalid value: v1.ObjectMeta{"

# upstream: pkg/apis/authorization/validation/validation_test.go
REVIEWS = [
    ("SubjectAccessReview", {}, {"resourceAttributes": {}, "user": "me"}, []),
    ("SubjectAccessReview", {}, {"nonResourceAttributes": {}, "groups": ["g"]}, []),
    (
        "SubjectAccessReview",
        {},
        {"user": "me"},
        ['spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified'],
    ),
    (
        "SubjectAccessReview",
        {},
        {"user": "me", "resourceAttributes": {}, "nonResourceAttributes": {"path": "/x", "verb": "get"}},
        [
            'spec.nonResourceAttributes: Invalid value: authorization.NonResourceAttributes{Path:"/x", Verb:"get"}: '
            "cannot be specified in combination with resourceAttributes"
        ],
    ),
    (
        "SubjectAccessReview",
        {},
        {"resourceAttributes": {}},
        ['spec.user: Invalid value: "": at least one of user or group must be specified'],
    ),
    ("SelfSubjectAccessReview", {"namespace": "n"}, {"resourceAttributes": {}}, [EMPTY]),
    ("LocalSubjectAccessReview", {"namespace": "n"}, {"resourceAttributes": {"namespace": "n"}, "user": "me"}, []),
    (
        "LocalSubjectAccessReview",
        {"namespace": "n"},
        {"resourceAttributes": {"namespace": "m"}, "user": "me"},
        ['spec.resourceAttributes.namespace: Invalid value: "m": must match metadata.namespace'],
    ),
    ("LocalSubjectAccessReview", {"name": "x"}, {"resourceAttributes": {}, "user": "me"}, [EMPTY]),
]


@pytest.mark.parametrize(("kind", "metadata", "spec", "expected"), REVIEWS)
def test_reviews(kind, metadata, spec, expected):
    body = decoded({"apiVersion": REVIEW, "kind": kind, "metadata": metadata, "spec": spec})
    strategy = kind_of(body)
    strategy.prepare_create(body, context())
    assert strategy.verbs == ("create",)
    assert agree([error.text() for error in strategy.validate(body, context())], expected)


def test_events_under_both_groups():
    """upstream: pkg/apis/events/v1/conversion.go"""
    core = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "message": "m",
        "source": {"component": "c"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "count": 2,
        "reportingComponent": "c",
    }
    shown = from_core(core)
    assert shown["apiVersion"] == "events.k8s.io/v1"
    assert (shown["note"], shown["regarding"], shown["deprecatedCount"], shown["reportingController"]) == (
        "m",
        core["involvedObject"],
        2,
        "c",
    )
    assert to_core(shown) == core


# upstream: the stores' ReturnDeletedObject, the strategies' AllowCreateOnUpdate and AllowUnconditionalUpdate
RETURNED = ["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"]
CREATED_BY_UPDATE = ["ClusterRole", "ClusterRoleBinding", "Lease", "Role", "RoleBinding", "RuntimeClass"]
CONDITIONAL = ["CSIDriver", "CSINode", "Lease", "PodDisruptionBudget", "RuntimeClass", "VolumeAttachment"]
NONE = [
    "ControllerRevision",
    "CronJob",
    "Deployment",
    "EndpointSlice",
    "HorizontalPodAutoscaler",
    "Ingress",
    "NetworkPolicy",
    "StatefulSet",
]


@pytest.mark.parametrize("name", sorted({*RETURNED, *CREATED_BY_UPDATE, *CONDITIONAL, *NONE}))
def test_flags(name):
    kind = by_kind(name)
    assert kind is not None
    assert kind.delete_returns_object is (name in RETURNED)
    assert kind.create_on_update is (name in CREATED_BY_UPDATE)
    assert kind.update_needs_resource_version is (name in CONDITIONAL)
    assert not kind.orphans_by_default
    assert not kind.graceful_delete
