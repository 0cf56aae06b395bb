"""apps/v1: rows of pkg/apis/apps/validation/validation_test.go and pkg/registry/apps/*/strategy_test.go, 1.28."""

from __future__ import annotations

import pytest

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
    status_errors,
    template,
    update_errors,
    workload,
)

BAD_LABELS = {"NoUppercaseOrSpecialCharsLike=Equals": "b"}


def rolling(**fields):
    return {"type": "RollingUpdate", "rollingUpdate": fields}


def statefulset(**spec):
    return workload("StatefulSet", **spec)


# upstream: TestValidateStatefulSet; "empty …" policies are defaulted before they are validated.
STATEFULSETS = [
    ("alpha name", workload("StatefulSet", "abc"), []),
    ("alphanumeric name", workload("StatefulSet", "abc-123"), []),
    ("hostNetwork true", statefulset(template=template(hostNetwork=True)), []),
    ("parallel pod management", statefulset(podManagementPolicy="Parallel"), []),
    ("update strategy", statefulset(replicas=3, updateStrategy=rolling(partition=2)), []),
    ("PVC policy", statefulset(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"}), []),
    ("maxUnavailable", statefulset(replicas=3, updateStrategy=rolling(partition=2, maxUnavailable=2)), []),
    ("ordinals.start positive value", statefulset(replicas=3, ordinals={"start": 2}), []),
    ("zero-length name", workload("StatefulSet", ""), ["metadata.name: Required value: name or generateName is required"]),
    ("name-with-dots", workload("StatefulSet", "abc.123"), ['metadata.name: Invalid value: "abc.123": must not contain dots']),
    ("long name", workload("StatefulSet", "a" * 64), ["metadata.name: Invalid value: "]),
    (
        "no selector",
        statefulset(selector=None),
        ["spec.selector: Required value", "spec.template.metadata.labels: Invalid value: "],
    ),
    ("empty selector", statefulset(selector={}), ["spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil)"]),
    (
        "selector_doesnt_match",
        statefulset(selector={"matchLabels": {"foo": "bar"}}),
        ['spec.template.metadata.labels: Invalid value: map[string]string{"app":"web"}: `selector` does not match template `labels`'],
    ),
    ("negative_replicas", statefulset(replicas=-1), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (
        "invalid_label 2",
        statefulset(selector={"matchLabels": BAD_LABELS}, template=merged(template(), {"metadata": {"labels": BAD_LABELS}})),
        ["spec.selector.matchLabels: Invalid value: ", "spec.selector: Invalid value: v1.LabelSelector{"],
    ),
    (
        "invalid restart policy 1",
        statefulset(template=template(restartPolicy="OnFailure")),
        ['spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"'],
    ),
    (
        "invalid update strategy",
        statefulset(updateStrategy={"type": "foo"}),
        ['spec.updateStrategy: Invalid value: apps.StatefulSetUpdateStrategy{Type:"foo", RollingUpdate:'],
    ),
    (
        "invalid rolling update",
        statefulset(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
        ["spec.updateStrategy.rollingUpdate: Invalid value: apps.RollingUpdateStatefulSetStrategy{Partition:1"],
    ),
    ("negative partition", statefulset(updateStrategy=rolling(partition=-1)), ["spec.updateStrategy.rollingUpdate.partition: Invalid"]),
    (
        "invalid pod management policy",
        statefulset(podManagementPolicy="foo"),
        ["spec.podManagementPolicy: Invalid value: \"foo\": must be 'OrderedReady' or 'Parallel'"],
    ),
    (
        "set active deadline seconds",
        statefulset(template=template(activeDeadlineSeconds=60)),
        ["spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported"],
    ),
    (
        "invalid PersistentVolumeClaimRetentionPolicy",
        statefulset(persistentVolumeClaimRetentionPolicy={"whenDeleted": "x", "whenScaled": "x"}),
        [
            'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "x": supported values: "Retain", "Delete"',
            'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "x": supported values: "Retain", "Delete"',
        ],
    ),
    (
        "zero maxUnavailable",
        statefulset(updateStrategy=rolling(maxUnavailable=0)),
        ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: cannot be 0'],
    ),
    (
        "zero percent maxUnavailable",
        statefulset(updateStrategy=rolling(maxUnavailable="0%")),
        ["spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "],
    ),
    (
        "greater than 100 percent maxUnavailable",
        statefulset(updateStrategy=rolling(maxUnavailable="101%")),
        ["spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "],
    ),
    ("invalid ordinals.start", statefulset(ordinals={"start": -2}), ["spec.ordinals.start: Invalid value: -2: "]),
    ("a bad container passes", statefulset(template=template(containers=[{"name": "Bad_Name"}])), []),
    (
        "labels of the template are named without metadata",
        statefulset(template=merged(template(), {"metadata": {"labels": BAD_LABELS}})),
        ["spec.template.labels: Invalid value: "],
    ),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*row[1:], id=row[0]) for row in STATEFULSETS])
def test_statefulset_create(body, expected):
    assert agree(create_errors(body, MaxUnavailableStatefulSet=True), expected)


FROZEN = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "

# upstream: TestValidateStatefulSetUpdate
STATEFULSET_UPDATES = [
    ("replicas", {"replicas": 5}, []),
    ("minReadySeconds", {"minReadySeconds": 10}, []),
    ("ordinals", {"ordinals": {"start": 2}}, []),
    ("template", {"template": template(terminationGracePeriodSeconds=3)}, []),
    ("updateStrategy", {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}, []),
    ("claim retention", {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}, []),
    ("serviceName", {"serviceName": "other"}, [FROZEN]),
    ("podManagementPolicy", {"podManagementPolicy": "Parallel"}, [FROZEN]),
    ("revisionHistoryLimit", {"revisionHistoryLimit": 1}, [FROZEN]),
    ("claims", {"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]}, [FROZEN]),
]


@pytest.mark.parametrize(("change", "expected"), [pytest.param(*row[1:], id=row[0]) for row in STATEFULSET_UPDATES])
def test_statefulset_update(change, expected):
    assert agree(update_errors(statefulset(), {"spec": change}), expected)


# upstream: TestValidateStatefulSetStatus, TestValidateDeploymentStatus, TestValidateReplicaSetStatus, TestValidateDaemonSetStatusUpdate
STATUSES = [
    ("StatefulSet", {"replicas": 3, "readyReplicas": 3, "currentReplicas": 2, "updatedReplicas": 1}, []),
    ("StatefulSet", {"replicas": -1}, ["status.replicas: Invalid value: -1", *["status."] * 4]),
    ("StatefulSet", {"replicas": 3, "observedGeneration": -1}, ["status.observedGeneration: Invalid value: -1"]),
    ("StatefulSet", {"replicas": 3, "collisionCount": -1}, ["status.collisionCount: Invalid value: -1"]),
    (
        "StatefulSet",
        {"replicas": 3, "readyReplicas": 4},
        ["status.readyReplicas: Invalid value: 4: cannot be greater than status.replicas"],
    ),
    ("StatefulSet", {"replicas": 3, "currentReplicas": 4}, ["status.currentReplicas: Invalid value: 4"]),
    ("StatefulSet", {"replicas": 3, "updatedReplicas": 4}, ["status.updatedReplicas: Invalid value: 4"]),
    (
        "StatefulSet",
        {"replicas": 3, "readyReplicas": 2, "availableReplicas": 3},
        ["status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas"],
    ),
    ("Deployment", {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "availableReplicas": 1, "observedGeneration": 2}, []),
    (
        "Deployment",
        {"replicas": 3, "readyReplicas": 2, "availableReplicas": 3},
        ["status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas"],
    ),
    ("Deployment", {"replicas": 3, "collisionCount": -3}, ["status.collisionCount: Invalid value: -3"]),
    ("ReplicaSet", {"replicas": 3, "fullyLabeledReplicas": 4}, ["status.fullyLabeledReplicas: Invalid value: 4"]),
    ("ReplicaSet", {"replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 2, "availableReplicas": 1}, []),
    ("DaemonSet", {"numberReady": -1}, ["status.numberReady: Invalid value: -1"]),
    ("DaemonSet", {"numberUnavailable": -1}, ["status.numberUnavailable: Invalid value: -1"]),
]


@pytest.mark.parametrize(("kind", "status", "expected"), STATUSES)
def test_status(kind, status, expected):
    assert agree(status_errors(workload(kind), status), expected)


def test_a_collision_count_never_falls():
    falling = status_errors(workload("Deployment"), {"collisionCount": 1}, before={"collisionCount": 2})
    gone = status_errors(workload("Deployment"), {}, before={"collisionCount": 2})
    assert falling == ["status.collisionCount: Invalid value: 1: cannot be decremented"]
    assert gone == ["status.collisionCount: Invalid value: 0: cannot be decremented"]


def deployment(**spec):
    return workload("Deployment", **spec)


def strategy(kind="RollingUpdate", **fields):
    return {"type": kind, "rollingUpdate": fields}


# upstream: TestValidateDeployment
DEPLOYMENTS = [
    ("valid", deployment(), []),
    ("selector", deployment(selector={"matchLabels": {"name": "def"}}), ["spec.template.metadata.labels: Invalid value: "]),
    (
        "restart policy",
        deployment(template=template(restartPolicy="Never")),
        ['spec.template.spec.restartPolicy: Unsupported value: "Never"'],
    ),
    (
        "strategy type",
        deployment(strategy={"type": "randomType"}),
        [
            'spec.strategy: Unsupported value: apps.DeploymentStrategy{Type:"randomType", RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}: '
        ],
    ),
    (
        "Recreate with rollingUpdate",
        deployment(strategy=strategy("Recreate", maxSurge=1)),
        ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ),
    (
        "maxSurge as words",
        deployment(strategy=strategy(maxSurge="20Percent")),
        ['spec.strategy.rollingUpdate.maxSurge: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"20Percent"}: a valid percent'],
    ),
    (
        "both zero",
        deployment(strategy=strategy(maxSurge="0%", maxUnavailable=0)),
        ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: may not be 0 when'],
    ),
    (
        "maxUnavailable over 100%",
        deployment(strategy=strategy(maxUnavailable="110%")),
        ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "],
    ),
    ("maxSurge over 100% is fine", deployment(strategy=strategy(maxSurge="150%")), []),
    (
        "deadline",
        deployment(progressDeadlineSeconds=600, minReadySeconds=600),
        ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
    ),
    ("history", deployment(revisionHistoryLimit=-1), ["spec.revisionHistoryLimit: Invalid value: -1"]),
    (
        "rollback",
        merged(deployment(), {"metadata": {"annotations": {"deprecated.deployment.rollback.to": "-3"}}}),
        ["spec.rollback.version: Invalid value: -3: must be greater than or equal to 0"],
    ),
    (
        "ephemeral containers",
        deployment(template=template(ephemeralContainers=[{"name": "ec", "image": "image"}])),
        ["spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"],
    ),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*row[1:], id=row[0]) for row in DEPLOYMENTS])
def test_deployment_create(body, expected):
    assert agree(create_errors(body), expected)


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "DaemonSet"])
def test_selectors_are_immutable(kind):
    change = {"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}}
    assert update_errors(workload(kind), change) == [
        'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"x"}, '
        "MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable"
    ]


@pytest.mark.parametrize(("kind", "times"), [("Deployment", 1), ("ReplicaSet", 2), ("DaemonSet", 2)])
def test_some_kinds_find_the_same_fault_twice_on_update(kind, times):
    """upstream: ValidateUpdate of pkg/registry/apps/*/strategy.go calls the create validation first in the latter two."""
    found = update_errors(workload(kind), {"spec": {"minReadySeconds": -1}})
    negative = [text for text in found if text.startswith("spec.minReadySeconds")]
    assert len(negative) == times


# upstream: TestDaemonSetUpdateMaxSurge, after defaulting (maxUnavailable 1, maxSurge 0)
SURGES = [
    ({}, []),
    ({"maxUnavailable": "0%"}, ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"]),
    ({"maxUnavailable": 1}, []),
    ({"maxUnavailable": "100%"}, []),
    ({"maxUnavailable": "101%"}, ["spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "]),
    ({"maxUnavailable": "1%", "maxSurge": "1%"}, ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "]),
    ({"maxUnavailable": 0, "maxSurge": "100%"}, []),
    ({"maxUnavailable": 0, "maxSurge": "101%"}, ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "]),
]


@pytest.mark.parametrize(("fields", "expected"), SURGES)
def test_daemonset_surge(fields, expected):
    assert agree(create_errors(workload("DaemonSet", updateStrategy=rolling(**fields))), expected)


# upstream: TestValidateDaemonSet
DAEMONSETS = [
    ("nil selector", workload("DaemonSet", selector=None), ["spec.template.metadata.labels: Invalid value: "]),
    (
        "empty selector",
        workload("DaemonSet", selector={}),
        ["spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil)"],
    ),
    (
        "update strategy",
        workload("DaemonSet", updateStrategy={"type": "x"}),
        ['spec.updateStrategy: Unsupported value: apps.DaemonSetUpdateStrategy{Type:"x", RollingUpdate:'],
    ),
    (
        "deadline of the pods",
        workload("DaemonSet", template=template(activeDeadlineSeconds=1)),
        ["spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported"],
    ),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*row[1:], id=row[0]) for row in DAEMONSETS])
def test_daemonset_create(body, expected):
    assert agree(create_errors(body), expected)


# upstream: TestValidateReplicaSet, "read-write persistent disk with > 1 pod"
@pytest.mark.parametrize(("replicas", "count"), [(1, 0), (2, 1)])
def test_replicas_may_not_share_a_writable_disk(replicas, count):
    disk = {"name": "gcepd", "gcePersistentDisk": {"pdName": "my-PD", "fsType": "ext4", "partition": 1}}
    found = create_errors(workload("ReplicaSet", replicas=replicas, template=template(volumes=[disk])))
    assert len(found) == count
    assert all(text.startswith("spec.template.spec.volumes[0].gcePersistentDisk.readOnly: Invalid value: false: must be") for text in found)


# upstream: TestValidateControllerRevision, TestValidateControllerRevisionUpdate
def test_controller_revision():
    good = object_of("apps/v1", "ControllerRevision", data={"a": 1}, revision=1)
    assert create_errors(good) == []
    assert create_errors(object_of("apps/v1", "ControllerRevision", revision=-1)) == [
        "data: Required value: data is mandatory",
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ]
    assert update_errors(good, {"revision": 2}) == []
    assert agree(update_errors(good, {"data": {"a": 2}}), ["data: Invalid value: runtime.Unknown{TypeMeta:"])


# upstream: spec_changed is the strategies' rule for metadata.generation (PrepareForUpdate of pkg/registry/apps/*/strategy.go)
GENERATIONS = [
    ("Deployment", {"spec": {"replicas": 2}}, True),
    ("Deployment", {"metadata": {"annotations": {"a": "b"}}}, True),
    ("Deployment", {"metadata": {"labels": {"a": "b"}}}, False),
    ("ReplicaSet", {"metadata": {"annotations": {"a": "b"}}}, False),
    ("StatefulSet", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:2"}]}}}}, True),
    ("StatefulSet", {"status": {"replicas": 7}}, False),
    ("DaemonSet", {"spec": {"minReadySeconds": 0}}, False),
    ("DaemonSet", {"spec": {"minReadySeconds": 1}}, True),
]


@pytest.mark.parametrize(("kind", "change", "rises"), GENERATIONS)
def test_generation(kind, change, rises):
    stored = prepared(workload(kind))
    obj = decoded(merged(stored, change))
    strategy = kind_of(obj)
    strategy.default(obj, context())
    strategy.prepare_update(obj, stored, context())
    assert strategy.spec_changed is not None
    assert strategy.spec_changed(obj, stored) is rises


def test_a_daemonset_counts_its_templates_in_an_annotation():
    """upstream: daemonSetStrategy.PrepareForUpdate, Convert_apps_DaemonSet_To_v1_DaemonSet"""
    key = "deprecated.daemonset.template.generation"
    stored = prepared(workload("DaemonSet"))
    strategy = kind_of(stored)
    changed = decoded(merged(stored, {"metadata": {"annotations": {key: "77"}}, "spec": {"template": {"spec": {"hostNetwork": True}}}}))
    strategy.default(changed, context())
    strategy.prepare_update(changed, stored, context())
    assert stored["metadata"]["annotations"] == {key: "1"}
    assert changed["metadata"]["annotations"] == {key: "2"}


def test_status_updates_keep_what_is_not_theirs():
    """upstream: deploymentStatusStrategy.PrepareForUpdate resets labels, the others do not."""
    for kind, labels in (("Deployment", None), ("StatefulSet", {"a": "b"})):
        stored = prepared(workload(kind))
        obj = merged(
            stored, {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {"replicas": 9}, "status": {"readyReplicas": 1}}
        )
        kind_of(obj).prepare_status(obj, stored, context())
        assert obj["spec"] == stored["spec"]
        assert obj["status"]["readyReplicas"] == 1
        assert obj["metadata"].get("labels") == labels
        assert obj["metadata"]["annotations"]["c"] == "d"


def test_defaults_do_not_reach_into_shared_objects():
    body = workload("StatefulSet", volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": {}}], updateStrategy=rolling())
    before = repr(body)
    obj = dict(body)
    kind_of(obj).default(obj, context())
    kind_of(obj).prepare_create(obj, context())
    assert repr(body) == before


def test_gates_drop_fields():
    """upstream: dropStatefulSetDisabledFields"""
    spec = {"ordinals": {"start": 1}, "updateStrategy": rolling(maxUnavailable=2)}
    off = prepared(statefulset(**spec), StatefulSetStartOrdinal=False, StatefulSetAutoDeletePVC=False)["spec"]
    on = prepared(statefulset(**spec), MaxUnavailableStatefulSet=True)["spec"]
    assert "ordinals" not in off and "persistentVolumeClaimRetentionPolicy" not in off
    assert off["updateStrategy"]["rollingUpdate"] == {"partition": 0}
    assert on["updateStrategy"]["rollingUpdate"] == {"partition": 0, "maxUnavailable": 2}


def test_a_name_with_dots_warns():
    """upstream: deploymentStrategy.WarningsOnCreate"""
    body = workload("Deployment", "a.b")
    assert kind_of(body).warnings(body, None, context()) == [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: "
        "[must not contain dots]"
    ]


# upstream: pkg/printers/internalversion/printers_test.go (TestPrintDeployment, TestPrintStatefulSet, TestPrintDaemonSet)
def test_cells():
    status = {"replicas": 10, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 1}
    obj = merged(prepared(deployment(replicas=5)), {"status": status})
    cells = [column.cell(obj, NOW_NS + 75 * 60 * 10**9) for column in kind_of(obj).columns]
    assert cells == ["web", "3/5", 2, 1, "75m", "c", "nginx:1", "app=web"]
    daemon = prepared(workload("DaemonSet", template=template(nodeSelector={"b": "2", "a": "1"})))
    assert [column.cell(daemon, NOW_NS) for column in kind_of(daemon).columns][5:9] == [0, "a=1,b=2", "0s", "c"]
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": True}
    revision = {"metadata": {"name": "r", "ownerReferences": [owner]}, "revision": 3}
    assert [column.cell(revision, NOW_NS) for column in kind_of({"apiVersion": "apps/v1", "kind": "ControllerRevision"}).columns] == [
        "r",
        "statefulset.apps/web",
        3,
        "<unknown>",
    ]


PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def container(**fields):
    return template(containers=[{"name": "c", "image": "i", **fields}])


# upstream: pkg/api/pod/warnings_test.go (TestWarnings)
WARNINGS = [
    ("plain", template(), []),
    (
        "beta labels",
        template(nodeSelector={"beta.kubernetes.io/os": "linux"}),
        ['spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ),
    (
        "null labelSelector",
        template(topologySpreadConstraints=[{"topologyKey": "beta.kubernetes.io/arch", "maxSkew": 1}]),
        [
            "spec.template.spec.topologySpreadConstraints[0].topologyKey: beta.kubernetes.io/arch is deprecated since v1.14; "
            'use "kubernetes.io/arch" instead',
            "spec.template.spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        ],
    ),
    (
        "null selector in an affinity",
        template(affinity={"podAntiAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": {"topologyKey": "k"}}]}}),
        [
            f"spec.template.spec.affinity.podAntiAffinity.{PREFERRED}[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod"
        ],
    ),
    (
        "gitRepo",
        template(volumes=[{"name": "v", "gitRepo": {"repository": "r"}}]),
        ["spec.template.spec.volumes[0].gitRepo: deprecated in v1.11"],
    ),
    (
        "duplicate hostAlias",
        template(hostAliases=[{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}]),
        ['spec.template.spec.hostAliases[1].ip: duplicate ip "1.1.1.1"'],
    ),
    (
        "duplicate imagePullSecret",
        template(imagePullSecrets=[{"name": "a"}, {"name": "a"}]),
        ['spec.template.spec.imagePullSecrets[1].name: duplicate name "a"'],
    ),
    (
        "duplicate env",
        container(env=[{"name": "a", "value": "a"}, {"name": "a", "value": "$(a)other"}, {"name": "a", "value": "b"}]),
        ['spec.template.spec.containers[0].env[2]: hides previous definition of "a"'],
    ),
    (
        "fractional resources",
        container(resources={"limits": {"memory": "4500m"}}),
        ['spec.template.spec.containers[0].resources.limits[memory]: fractional byte value "4500m" is invalid, must be an integer'],
    ),
    (
        "negative grace period",
        template(terminationGracePeriodSeconds=-1),
        ["spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
    ),
    (
        "overlapping ports",
        container(ports=[{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "TCP", "hostPort": 8080}]),
        ["spec.template.spec.containers[0].ports[1]: overlapping port definition with spec.template.spec.containers[0].ports[0]"],
    ),
    (
        "critical pod",
        merged(template(), {"metadata": {"annotations": {"scheduler.alpha.kubernetes.io/critical-pod": ""}}}),
        [
            "spec.template.metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; "
            'use the "priorityClassName" field instead'
        ],
    ),
]


@pytest.mark.parametrize(("pod_template", "expected"), [pytest.param(*row[1:], id=row[0]) for row in WARNINGS])
@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"])
def test_warnings_about_templates(kind, pod_template, expected):
    body = workload(kind, template=pod_template)
    assert kind_of(body).warnings(body, None, context()) == expected
    assert kind_of(body).warnings(body, body, context()) == []


def test_claims_for_a_part_of_a_byte_warn():
    """upstream: statefulSetStrategy.WarningsOnCreate and WarningsOnUpdate"""
    body = statefulset(volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": {"resources": {"requests": {"storage": "1500m"}}}}])
    words = 'resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer'
    assert kind_of(body).warnings(body, None, context()) == [f"spec.volumeClaimTemplates[0].{words}"]
    assert kind_of(body).warnings(body, body, context()) == [f"spec.volumeClaimTemplates[0].Spec.{words}"]
