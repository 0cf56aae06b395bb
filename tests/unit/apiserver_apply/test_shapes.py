"""The shape of every kind can be read, and says what upstream's published schema says.

upstream: api/openapi-spec/swagger.json; staging/src/k8s.io/api/*/v*/types.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.apply.reset_fields import reset_fields, reset_of_custom
from kubelab.apiserver.apply.shapes import MISSING, Shape, shape_of, zero_object
from kubelab.kinds import schema


def shape_at(kind: tuple[str, str, str], path: str) -> Shape:
    shape = shape_of(schema.for_kind(*kind))
    for name in path.split("."):
        shape = shape.items.member(name) if shape.kind == "list" and shape.items else shape.member(name)
    return shape


POD, SERVICE, DEPLOYMENT = ("", "v1", "Pod"), ("", "v1", "Service"), ("apps", "v1", "Deployment")

LISTS = [
    # kind, path, keys, set, patch merge key
    (POD, "spec.containers", ("name",), False, "name"),
    (POD, "spec.containers.ports", ("containerPort", "protocol"), False, "containerPort"),
    (POD, "spec.containers.env", ("name",), False, "name"),
    (POD, "spec.containers.args", (), False, ""),
    (POD, "spec.containers.volumeMounts", ("mountPath",), False, "mountPath"),
    (POD, "spec.tolerations", (), False, ""),
    (POD, "spec.topologySpreadConstraints", ("topologyKey", "whenUnsatisfiable"), False, "topologyKey"),
    (POD, "spec.imagePullSecrets", ("name",), False, "name"),
    (POD, "spec.hostAliases", ("ip",), False, "ip"),
    (POD, "metadata.finalizers", (), True, ""),
    (POD, "metadata.ownerReferences", ("uid",), False, "uid"),
    (POD, "status.conditions", ("type",), False, "type"),
    (POD, "status.containerStatuses", (), False, ""),
    (SERVICE, "spec.ports", ("port", "protocol"), False, "port"),
    (SERVICE, "spec.externalIPs", (), False, ""),
    (("apps", "v1", "StatefulSet"), "spec.volumeClaimTemplates", (), False, ""),
    (("rbac.authorization.k8s.io", "v1", "Role"), "rules", (), False, ""),
]


@pytest.mark.parametrize(("kind", "path", "keys", "is_set", "merge_key"), LISTS)
def test_a_list_is_keyed_a_set_or_whole(kind: Any, path: str, keys: Any, is_set: bool, merge_key: str) -> None:
    shape = shape_at(kind, path)
    assert (shape.keys, shape.is_set, shape.merge_key) == (keys, is_set, merge_key)
    assert shape.atomic is (not keys and not is_set)


@pytest.mark.parametrize(
    ("kind", "path", "atomic"),
    [
        (DEPLOYMENT, "spec.selector", True),
        (DEPLOYMENT, "spec.strategy", False),
        (SERVICE, "spec.selector", True),
        (POD, "metadata.labels", False),
        (POD, "spec.nodeSelector", True),
        (POD, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution", True),
        (("apps", "v1", "ControllerRevision"), "data", True),
        (("rbac.authorization.k8s.io", "v1", "RoleBinding"), "roleRef", True),
    ],
)
def test_a_map_is_whole_or_not(kind: Any, path: str, atomic: bool) -> None:
    assert shape_at(kind, path).atomic is atomic


def test_a_left_out_key_counts_as_its_default() -> None:
    assert shape_at(POD, "spec.containers.ports.protocol").default == "TCP"
    assert shape_at(POD, "spec.containers.ports.containerPort").default == 0
    assert shape_at(POD, "spec.containers.name").default == ""
    assert shape_at(POD, "spec.hostAliases.ip").default is MISSING


def test_new_objects_start_from_gos_zero_values() -> None:
    assert zero_object("apps.v1.Deployment") == {
        "metadata": {"creationTimestamp": None},
        "spec": {
            "selector": None,
            "strategy": {},
            "template": {"metadata": {"creationTimestamp": None}, "spec": {"containers": None}},
        },
        "status": {},
    }
    assert zero_object("core.v1.Service")["status"] == {"loadBalancer": {}}
    assert zero_object("apps.v1.DaemonSet")["status"]["numberReady"] == 0


def test_every_kind_of_the_schema_has_its_shape_and_its_zero() -> None:
    def walk(shape: Shape, seen: set[str], depth: int = 0) -> None:
        below = [shape.items] if shape.items is not None else list(shape.fields.values()) if shape.kind == "struct" else []
        if shape.kind == "struct" and shape.name:
            if shape.name in seen:
                return
            seen.add(shape.name)
        for member in below:
            walk(member, seen, depth + 1)

    names = {(name.rsplit("/", 2)[0], *name.rsplit("/", 2)[1:]) for name in schema._facts("1.28")["kinds"]}
    for kind in sorted(names):
        struct = schema.for_kind(*kind)
        assert struct is not None
        walk(shape_of(struct), set())
        assert isinstance(zero_object(struct.name), dict)


RESETS = [
    # upstream: GetResetFields in pkg/registry/*/*/strategy.go
    ("v1", "Pod", "", {"f:status": {}}),
    ("v1", "Pod", "status", {"f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}}, "f:spec": {}}),
    ("apps/v1", "Deployment", "", {"f:status": {}}),
    ("apps/v1", "Deployment", "status", {"f:metadata": {"f:labels": {}}, "f:spec": {}}),
    ("apps/v1", "StatefulSet", "status", {"f:spec": {}}),
    ("v1", "ConfigMap", "", {}),
    ("coordination.k8s.io/v1", "Lease", "", {}),
    ("v1", "Namespace", "finalize", {"f:status": {}}),
    ("certificates.k8s.io/v1", "CertificateSigningRequest", "approval", {"f:spec": {}, "f:status": {"f:certificate": {}}}),
]


@pytest.mark.parametrize(("version", "kind", "subresource", "fields"), RESETS)
def test_a_write_resets_what_its_strategy_resets(version: str, kind: str, subresource: str, fields: Any) -> None:
    assert reset_fields(version, kind, subresource) == fields


def test_a_custom_resource_resets_status_only_where_it_is_a_subresource() -> None:
    assert reset_of_custom("", has_status=True) == {"f:status": {}}
    assert reset_of_custom("", has_status=False) == {}
    assert reset_of_custom("status", has_status=True) == {"f:spec": {}}
