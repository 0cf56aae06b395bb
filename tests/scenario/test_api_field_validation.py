"""Field validation through the raw door: what Strict refuses, what Warn says, word for word.

upstream: test/integration/apiserver/field_validation_test.go, 1.28.
"""

from __future__ import annotations

import pytest

import kubelab as kl
from tests.scenario.api import APPLY, APPS, JSON, MERGE, STRATEGIC, deployment, refusal, warnings

BODY = """{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "first", "name": "web", "unknownMeta": "x"},
 "spec": {"unknown1": 1, "unknownDupe": 1, "unknownDupe": 2, "paused": true, "paused": false,
  "selector": {"matchLabels": {"app": "web"}},
  "template": {"metadata": {"labels": {"app": "web"}},
   "spec": {"containers": [{"name": "c", "image": "nginx", "unknownNested": 1, "imagePullPolicy": "Always", "imagePullPolicy": "Never"}]}}}}"""
IN_BODY = [
    'duplicate field "metadata.name"',
    'unknown field "metadata.unknownMeta"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
    'duplicate field "spec.paused"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
]
YAML = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: first
  name: web
  unknownMeta: x
spec:
  unknown1: 1
  unknownDupe: 1
  unknownDupe: 2
  paused: true
  paused: false
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: c
        image: nginx
        unknownNested: 1
        imagePullPolicy: Always
        imagePullPolicy: Never
"""
REPEATED = [
    'line 5: key "name" already set in map',
    'line 10: key "unknownDupe" already set in map',
    'line 12: key "paused" already set in map',
    'line 22: key "imagePullPolicy" already set in map',
]
IN_YAML = [
    'unknown field "metadata.unknownMeta"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
]
PATCH = """{"spec": {"unknown1": 1, "unknownDupe": 1, "unknownDupe": 2, "paused": true, "paused": false,
 "template": {"spec": {"containers": [{"name": "c", "image": "nginx", "unknownNested": 1, "imagePullPolicy": "Always", "imagePullPolicy": "Never"}]}}}}"""
IN_PATCH = [
    'duplicate field "spec.unknownDupe"',
    'duplicate field "spec.paused"',
    'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
]
OPERATIONS = """[{"op": "add", "path": "/spec/unknown1", "value": 1, "foo": 2},
 {"op": "add", "path": "/spec/unknown2", "path": "/spec/unknown3", "value": 1}]"""
IN_OPERATIONS = [
    'json patch unknown field "[0].foo"',
    'json patch duplicate field "[1].path"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknown3"',
]
APPLIED = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  paused: false
  paused: true
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: c
        image: nginx
        image: nginx:2
"""
IN_APPLIED = ['line 6: key "paused" already set in map', 'line 14: key "image" already set in map']
REFUSED = 'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '


def test_strict_refuses_what_is_unknown_or_said_twice_in_the_order_of_the_text(cluster: kl.Cluster) -> None:
    found = refusal(cluster, "POST", f"{APPS}/deployments?fieldValidation=Strict", BODY)
    assert found == (400, "BadRequest", REFUSED + ", ".join(IN_BODY))


def test_strict_yaml_names_the_lines_first(cluster: kl.Cluster) -> None:
    code, _, message = refusal(cluster, "POST", f"{APPS}/deployments?fieldValidation=Strict", YAML, "application/yaml")
    lines = "\n".join(f"  {line}" for line in REPEATED)
    assert (code, message) == (400, REFUSED + "yaml: unmarshal errors:\n" + ", ".join([lines, *IN_YAML]))


@pytest.mark.parametrize("query", ["", "?fieldValidation=Warn"])
def test_warn_is_the_default_and_says_the_same(cluster: kl.Cluster, query: str) -> None:
    assert warnings(cluster, "POST", f"{APPS}/deployments{query}", BODY) == IN_BODY
    assert cluster["deploy/web"]["spec"].get("paused") is None, "the last value counts, and false is not written"
    cluster.delete("deploy/web")
    assert warnings(cluster, "POST", f"{APPS}/deployments{query}", YAML, "application/yaml") == REPEATED + IN_YAML


def test_ignore_says_nothing(cluster: kl.Cluster) -> None:
    assert warnings(cluster, "POST", f"{APPS}/deployments?fieldValidation=Ignore", BODY) == []


@pytest.mark.parametrize(
    ("kind", "patch", "said"),
    [(MERGE, PATCH, IN_PATCH), (STRATEGIC, PATCH, IN_PATCH), (JSON, OPERATIONS, IN_OPERATIONS)],
    ids=["merge", "strategic", "json"],
)
def test_a_patch_is_read_strictly_too(cluster: kl.Cluster, kind: str, patch: str, said: list[str]) -> None:
    cluster.create(deployment("web"))
    path = f"{APPS}/deployments/web"
    code, reason, message = refusal(cluster, "PATCH", f"{path}?fieldValidation=Strict", patch, kind)
    assert (code, reason) == (422, "Invalid")
    assert message.startswith(' "" is invalid: patch: Invalid value: "')
    assert message.endswith("strict decoding error: " + ", ".join(said))
    assert warnings(cluster, "PATCH", f"{path}?fieldValidation=Ignore", patch, kind) == []
    assert warnings(cluster, "PATCH", f"{path}?fieldValidation=Warn", patch, kind) == said


def test_an_applied_object_may_not_say_a_key_twice(cluster: kl.Cluster) -> None:
    path = f"{APPS}/deployments/web?fieldManager=me"
    code, _, message = refusal(cluster, "PATCH", f"{path}&fieldValidation=Strict", APPLIED, APPLY)
    lines = "\n".join(f"  {line}" for line in IN_APPLIED)
    assert (code, message) == (400, f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n{lines}")
    assert warnings(cluster, "PATCH", path, APPLIED, APPLY) == IN_APPLIED


@pytest.mark.parametrize("validation", ["Ignore", "Warn", "Strict"])
def test_a_body_without_faults_passes_at_every_level(cluster: kl.Cluster, validation: str) -> None:
    path = f"{APPS}/deployments?fieldValidation={validation}"
    assert warnings(cluster, "POST", path, deployment("web")) == []
