"""upstream: pkg/api/pod/warnings_test.go, pkg/api/persistentvolume/util_test.go, pkg/api/service/warnings_test.go, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kinds.builders import CONTEXT, container, core, created, kind_named, pod

CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1200m"}}}
BETA_CLASS = {"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}}
CLASS_WARNING = (
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead'
)
TERMS = [{"matchExpressions": [{"key": "beta.kubernetes.io/os", "operator": "Exists"}]}]
VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "nodeAffinity": {"required": {"nodeSelectorTerms": TERMS}}}

WARNINGS: list[tuple[dict[str, Any], list[str]]] = [
    (pod(), []),
    (
        pod(name="a.b"),
        [
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not "
            "contain dots]"
        ],
    ),
    (pod(volumes=[{"name": "v", "gitRepo": {"repository": "r"}}]), ["spec.volumes[0].gitRepo: deprecated in v1.11"]),
    (
        pod(containers=[container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])]),
        ['spec.containers[0].env[1]: hides previous definition of "A"'],
    ),
    (
        pod(terminationGracePeriodSeconds=-1),
        ["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
    ),
    (
        pod(nodeSelector={"beta.kubernetes.io/os": "linux"}),
        ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ),
    (
        core("PersistentVolumeClaim", metadata=BETA_CLASS, spec=CLAIM),
        [CLASS_WARNING, 'spec.resources.requests[storage]: fractional byte value "1200m" is invalid, must be an integer'],
    ),
    (
        core("PersistentVolume", metadata=BETA_CLASS, spec={**VOLUME, "rbd": {"monitors": ["m"], "image": "i"}}),
        [
            CLASS_WARNING,
            "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "
            '"kubernetes.io/os" instead',
            "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
        ],
    ),
    (
        core("Service", spec={"type": "ExternalName", "externalName": "a", "externalIPs": ["1.2.3.4"]}),
        ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
    ),
    (core("Node", spec={"externalID": "x"}), ["spec.externalID: this field is deprecated, and is unused by Kubernetes"]),
]


@pytest.mark.parametrize(("body", "warnings"), WARNINGS)
def test_warnings_on_create(body: dict[str, Any], warnings: list[str]) -> None:
    kind = kind_named(body["kind"])
    assert kind.warnings is not None
    assert list(kind.warnings(created(body), None, CONTEXT)) == warnings
