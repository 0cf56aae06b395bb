"""Defaults and rules of the first betas: rows of upstream's tables of 1.7."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kinds import registry
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.older import drop_unknown, own_copy
from kubelab.kinds.older_words import reworded
from kubelab.kinds.schema import struct

NOW = Context("2017-06-30T00:00:00Z", 1498780800_000_000_000, "1.7")
POD: Object = {"containers": [{"name": "abc", "image": "image", "imagePullPolicy": "IfNotPresent"}]}


def kind_of(name: str, group: str) -> Kind:
    found = registry.by_kind(name, group, "1.7")
    assert found is not None
    return found


def made(name: str, group: str, spec: Object, meta: Object | None = None) -> Object:
    """An object as the server has it before validation."""
    kind = kind_of(name, group)
    obj: Object = {
        "apiVersion": kind.api_version,
        "kind": name,
        "metadata": {"name": "abc", "namespace": "default", **(meta or {})},
        "spec": spec,
    }
    obj = own_copy(obj)
    kind.default(obj, NOW)
    kind.prepare_create(obj, NOW)
    return obj


def template(labels: Object | None = None, **spec: Any) -> Object:
    return {"metadata": {"labels": labels} if labels else {}, "spec": {**POD, **spec}}


APP = {"app": "a"}

# upstream: pkg/apis/apps/v1beta1/defaults_test.go TestSetDefaultDeployment, 1.7
APPS_DEPLOYMENTS = [
    ({}, {"maxSurge": "25%", "maxUnavailable": "25%"}, "RollingUpdate"),
    ({"rollingUpdate": {"maxSurge": 5}}, {"maxSurge": 5, "maxUnavailable": "25%"}, "RollingUpdate"),
    ({"type": "RollingUpdate"}, {"maxSurge": "25%", "maxUnavailable": "25%"}, "RollingUpdate"),
    ({"type": "Recreate"}, None, "Recreate"),
]
# upstream: pkg/apis/extensions/v1beta1/defaults_test.go TestSetDefaultDeployment, 1.7
EXTENSIONS_DEPLOYMENTS = [
    ({}, {"maxSurge": 1, "maxUnavailable": 1}, "RollingUpdate"),
    ({"rollingUpdate": {"maxSurge": 5}}, {"maxSurge": 5, "maxUnavailable": 1}, "RollingUpdate"),
    ({"rollingUpdate": {}}, {"maxSurge": 1, "maxUnavailable": 1}, "RollingUpdate"),
    ({"type": "Recreate"}, None, "Recreate"),
]
BOTH = [("apps", *row) for row in APPS_DEPLOYMENTS] + [("extensions", *row) for row in EXTENSIONS_DEPLOYMENTS]


@pytest.mark.parametrize(("group", "strategy", "rolling", "type_"), BOTH)
def test_the_strategy_of_a_deployment(group: str, strategy: Object, rolling: Object | None, type_: str) -> None:
    spec = made("Deployment", group, {"template": template(APP), "strategy": strategy})["spec"]
    assert (spec["strategy"]["type"], spec["strategy"].get("rollingUpdate"), spec["replicas"]) == (type_, rolling, 1)
    limits = (spec.get("revisionHistoryLimit"), spec.get("progressDeadlineSeconds"))
    assert limits == ((2, 600) if group == "apps" else (None, None))


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Deployment", "apps"),
        ("Deployment", "extensions"),
        ("ReplicaSet", "extensions"),
        ("DaemonSet", "extensions"),
        ("StatefulSet", "apps"),
    ],
)
def test_labels_and_selector_are_the_templates(name: str, group: str) -> None:
    obj = made(name, group, {"template": template(APP)})
    assert obj["spec"]["selector"] == {"matchLabels": APP} and obj["metadata"]["labels"] == APP
    own = made(name, group, {"template": template(APP), "selector": {"matchLabels": {"x": "y"}}}, {"labels": {"b": "c"}})
    assert own["spec"]["selector"] == {"matchLabels": {"x": "y"}} and own["metadata"]["labels"] == {"b": "c"}
    bare = made(name, group, {"template": template()})
    assert "selector" not in bare["spec"] and "labels" not in bare["metadata"]


# upstream: pkg/apis/extensions/v1beta1/defaults_test.go TestSetDefaultDaemonSetSpec; pkg/apis/apps/v1beta1/defaults.go SetDefaults_StatefulSet, 1.7
@pytest.mark.parametrize(
    ("name", "group", "given", "expected"),
    [
        ("DaemonSet", "extensions", {}, {"type": "OnDelete"}),
        ("DaemonSet", "extensions", {"type": "RollingUpdate"}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}),
        ("StatefulSet", "apps", {}, {"type": "OnDelete"}),
        ("StatefulSet", "apps", {"type": "RollingUpdate"}, {"type": "RollingUpdate"}),
        (
            "StatefulSet",
            "apps",
            {"type": "RollingUpdate", "rollingUpdate": {}},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        ),
    ],
)
def test_update_strategies(name: str, group: str, given: Object, expected: Object) -> None:
    spec = made(name, group, {"template": template(APP), "updateStrategy": given})["spec"]
    assert spec["updateStrategy"] == expected and spec["revisionHistoryLimit"] == 10


def test_a_daemon_sets_template_has_a_generation_in_its_spec() -> None:
    kind = kind_of("DaemonSet", "extensions")
    old = made("DaemonSet", "extensions", {"template": template(APP)})
    assert old["spec"]["templateGeneration"] == 1
    assert made("DaemonSet", "extensions", {"template": template(APP), "templateGeneration": 7})["spec"]["templateGeneration"] == 7
    same, other = own_copy(old), own_copy(old)
    same["spec"]["templateGeneration"] = 40
    other["spec"]["template"]["spec"]["hostNetwork"] = True
    for changed, generation in ((same, 1), (other, 2)):
        kind.prepare_update(changed, old, NOW)
        assert changed["spec"]["templateGeneration"] == generation


def test_newer_defaults_leave_no_trace() -> None:
    spec = made("StatefulSet", "apps", {"template": template(APP), "minReadySeconds": 3, "ordinals": {"start": 1}})["spec"]
    assert not {"minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy"} & set(spec)
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {**POD, "enableServiceLinks": True, "priority": 3}}
    kind_of("Pod", "").default(pod, NOW)
    assert not {"enableServiceLinks", "preemptionPolicy", "priority"} & set(pod["spec"])


def test_what_is_dropped_is_dropped_from_a_copy() -> None:
    container = {"name": "c", "image": "i", "startupProbe": {}}
    shared = {"containers": [container, {"name": "d", "image": "i"}]}
    pod = {"metadata": {"name": "p", "managedFields": []}, "spec": shared}
    drop_unknown(pod, struct("1.7:core.v1.Pod"))
    assert pod == {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]}}
    assert "startupProbe" in container and pod["spec"]["containers"][1] is shared["containers"][1]


# upstream: pkg/apis/{apps,extensions}/validation/validation_test.go, 1.7: what is changed on a valid object, and the findings
RULES = [
    ("Deployment", "extensions", {"selector": {}}, ["spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), "
     "MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is not valid for deployment."]),
    ("Deployment", "apps", {"progressDeadlineSeconds": 5, "minReadySeconds": 10},
     ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds."]),
    ("Deployment", "extensions", {"rollbackTo": {"revision": -1}},
     ["spec.rollback.version: Invalid value: -1: must be greater than or equal to 0"]),
    ("Deployment", "extensions", {"template": template(APP, restartPolicy="Never")},
     ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: Always']),
    ("DaemonSet", "extensions", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}},
     ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: cannot be 0']),
    ("DaemonSet", "extensions", {"template": template(APP, activeDeadlineSeconds=60)},
     ["spec.template.spec.activeDeadlineSeconds: Invalid value: 60: must not be specified"]),
    ("StatefulSet", "apps", {"template": template(APP, activeDeadlineSeconds=60)},
     ["spec.spec.activeDeadlineSeconds: Invalid value: 60: must not be specified"]),
    ("StatefulSet", "apps", {"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    ("StatefulSet", "apps", {"podManagementPolicy": "foo"},
     ["spec.podManagementPolicy: Invalid value: \"foo\": must be 'OrderedReady' or 'Parallel'"]),
    ("ReplicaSet", "extensions", {"selector": {"matchLabels": {"x": "y"}}},
     ["spec.template.metadata.labels: Invalid value: map[string]string{\"app\":\"a\"}: `selector` does not match template `labels`"]),
    ("Ingress", "extensions", None, ["spec: Invalid value: []extensions.IngressRule(nil): either `backend` or `rules` must be specified"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "group", "changed", "expected"), RULES)
def test_rules_in_the_words_of_then(name: str, group: str, changed: Object | None, expected: list[str]) -> None:
    spec = {} if changed is None else {"template": template(APP), **changed}
    kind = kind_of(name, group)
    found = reworded(kind, kind.validate(made(name, group, spec), NOW))
    assert [error.text() for error in found] == expected


@pytest.mark.parametrize(("name", "group"), [("Deployment", "apps"), ("ReplicaSet", "extensions"), ("DaemonSet", "extensions")])
def test_a_selector_may_change(name: str, group: str) -> None:
    kind = kind_of(name, group)
    old = made(name, group, {"template": template({"app": "a", "tier": "b"}), "selector": {"matchLabels": APP}})
    new = own_copy(old)
    new["spec"]["selector"] = {"matchLabels": {"tier": "b"}}
    assert kind.validate_update(new, old, NOW) == []


# upstream: pkg/apis/apps/validation/validation_test.go TestValidateStatefulSetUpdate, 1.7
SET_FORBIDDEN = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template', and 'updateStrategy' are forbidden."
)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"replicas": 3}, []),
        ({"template": template(APP, hostNetwork=True)}, []),
        ({"updateStrategy": {"type": "RollingUpdate"}}, []),
        ({"serviceName": "other"}, [SET_FORBIDDEN]),
        ({"podManagementPolicy": "Parallel"}, [SET_FORBIDDEN]),
        ({"revisionHistoryLimit": 3}, [SET_FORBIDDEN]),
        (
            {"template": template(APP, containers=[*POD["containers"], {"name": "more", "image": "i"}])},
            ["spec.template.containers: Forbidden: pod updates may not add or remove containers"],
        ),
        ({"template": template(APP, containers=[{"name": "abc", "image": " i"}])},
         ['spec.template.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace']),
    ],
)  # fmt: skip
def test_a_stateful_set_may_change_in_three_fields(changed: Object, expected: list[str]) -> None:
    kind = kind_of("StatefulSet", "apps")
    old = made("StatefulSet", "apps", {"template": template(APP)})
    new = made("StatefulSet", "apps", {"template": template(APP), **changed})
    assert [error.text() for error in reworded(kind, kind.validate_update(new, old, NOW))] == expected
