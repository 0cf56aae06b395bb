"""What holds for every kind of these groups: it is found, decodes, settles, leaves shared objects alone, and prints."""

from __future__ import annotations

import pytest

from kubelab.kinds.equality import same
from kubelab.kinds.registry import all_kinds
from tests.unit.kinds_groups.builders import (
    NOW_NS,
    context,
    create_errors,
    cron_job,
    decoded,
    job,
    kind_of,
    merged,
    object_of,
    prepared,
    template,
    update_errors,
    workload,
)

RBAC, NETWORKING, STORAGE, LAB = "rbac.authorization.k8s.io/v1", "networking.k8s.io/v1", "storage.k8s.io/v1", "lab.kubelab.dev/v1"
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
USER = {"kind": "User", "name": "alice"}
CLAIM = {"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {}}
EXITS = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}

OBJECTS = [
    workload("Deployment", strategy=ROLLING, template=template(volumes=[{"name": "v", "emptyDir": {}}])),
    workload("StatefulSet", volumeClaimTemplates=[CLAIM], updateStrategy=ROLLING, persistentVolumeClaimRetentionPolicy={}),
    workload("DaemonSet", updateStrategy=ROLLING),
    workload("ReplicaSet"),
    object_of("apps/v1", "ControllerRevision", data={"spec": {}}, revision=1),
    job(podFailurePolicy={"rules": [EXITS, {"action": "Ignore", "onPodConditions": [{"type": "A", "status": "True"}]}]}),
    cron_job(),
    object_of("policy/v1", "PodDisruptionBudget", "Any_Name", spec={"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}}),
    object_of(RBAC, "Role", rules=[RULE]),
    object_of(RBAC, "ClusterRole", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}),
    object_of(RBAC, "RoleBinding", roleRef={"kind": "Role", "name": "r"}, subjects=[USER]),
    object_of(RBAC, "ClusterRoleBinding", roleRef={"kind": "ClusterRole", "name": "r"}, subjects=[USER]),
    object_of(NETWORKING, "NetworkPolicy", spec={"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}),
    object_of(NETWORKING, "Ingress", spec={"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}),
    object_of(NETWORKING, "IngressClass", spec={"controller": "a.b/c", "parameters": {"kind": "k", "name": "n"}}),
    object_of("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[{"addresses": ["10.0.0.1"]}], ports=[{"port": 80}]),
    object_of(
        "autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": {"kind": "k", "name": "n"}, "maxReplicas": 3, "behavior": {}}
    ),
    object_of(STORAGE, "StorageClass", provisioner="a.b/c"),
    object_of(STORAGE, "VolumeAttachment", spec={"attacher": "a", "source": {"persistentVolumeName": "pv"}, "nodeName": "n"}),
    object_of(STORAGE, "CSINode", spec={"drivers": [{"name": "d.io", "nodeID": "n", "topologyKeys": None}]}),
    object_of(STORAGE, "CSIDriver", spec={}),
    object_of("scheduling.k8s.io/v1", "PriorityClass", value=5),
    object_of("coordination.k8s.io/v1", "Lease", spec={"holderIdentity": "me"}),
    object_of("node.k8s.io/v1", "RuntimeClass", handler="h"),
    object_of(LAB, "Clock", "lab", spec={"pace": "max"}),
    object_of(LAB, "Fault", spec={"type": "NodeCrash", "nodes": ["node-1"]}),
    object_of(LAB, "Usage", spec={"selector": {}, "cpu": {"constant": "1"}}),
]
rows = pytest.mark.parametrize("body", [pytest.param(body, id=body["kind"]) for body in OBJECTS])


def test_no_kind_of_these_groups_is_forgotten():
    stored = {kind.kind for kind in all_kinds() if kind.group not in ("", "authorization.k8s.io") and "get" in kind.verbs}
    assert {body["kind"] for body in OBJECTS} <= stored
    bodies = {kind.kind: kind.verbs for kind in all_kinds() if kind.kind in ("Eviction", "Scale")}
    assert bodies == {"Eviction": (), "Scale": ()}


@rows
def test_a_valid_object_is_valid_twice(body):
    assert create_errors(body) == []
    assert update_errors(body, {"metadata": {"annotations": {"a": "b"}}}) == []


@rows
def test_writing_an_object_back_changes_nothing(body):
    kind, stored = kind_of(body), prepared(body)
    obj = decoded(stored)
    kind.default(obj, context())
    kind.prepare_update(obj, stored, context())
    assert same(obj, stored)
    assert kind.spec_changed is None or not kind.spec_changed(obj, stored)


@rows
def test_a_strategy_changes_only_its_own_copy(body):
    kind = kind_of(body)
    stored = prepared(body)
    shared = merged(decoded(body), {"metadata": {"uid": "u"}})
    seen = repr(shared), repr(stored)
    obj = dict(shared)
    kind.default(obj, context())
    kind.prepare_create(obj, context())
    updated = dict(shared)
    kind.default(updated, context())
    kind.prepare_update(updated, stored, context())
    if kind.prepare_status is not None:
        kind.prepare_status(dict(shared), stored, context())
    assert (repr(shared), repr(stored)) == seen


@rows
def test_a_status_update_leaves_the_spec(body):
    kind, stored = kind_of(body), prepared(body)
    assert ("status" in kind.subresources) is (kind.prepare_status is not None)
    if kind.prepare_status is None:
        return
    obj = {**stored, "spec": {"other": "spec"}, "status": stored["status"]}
    kind.prepare_status(obj, stored, context())
    assert obj["spec"] == stored["spec"]
    assert kind.validate_status(obj, stored, context()) == []


@rows
def test_every_column_prints(body):
    kind, stored = kind_of(body), prepared(body)
    cells = [column.cell(stored, NOW_NS) for column in kind.columns]
    assert cells[0].startswith(body["metadata"]["name"])
    assert all(isinstance(cell, (str, int, bool)) for cell in cells)
