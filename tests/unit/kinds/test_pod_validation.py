"""upstream: pkg/apis/core/validation/validation_test.go (TestValidatePod, TestValidatePodSpec, TestValidateVolumes …), 1.28."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kinds.builders import container, create_errors, go_quantity, pod, status_errors, update_errors

NODES = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
WEIGHT = "must be in the range 1-100"
LABEL = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"


def one(**fields: Any) -> dict[str, Any]:
    """A spec whose one container has these fields."""
    return {"containers": [container(**fields)]}


def env(source: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one(env=[{"name": "A", "valueFrom": source, **fields}])


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


def node_terms(*terms: Any) -> dict[str, Any]:
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}}


SPECS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"containers": []}, ["spec.containers: Required value"]),
    (
        {"restartPolicy": "Sometimes"},
        ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ),
    ({"dnsPolicy": "None"}, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
    (
        {"dnsConfig": {"nameservers": ["a"], "options": [{}]}},
        [
            'spec.dnsConfig.nameservers[0]: Invalid value: "a": must be valid IP address',
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ],
    ),
    (
        {"containers": [{"name": "c", "image": ""}, {"name": "c", "image": "x", "imagePullPolicy": "Now"}]},
        [
            "spec.containers[0].image: Required value",
            'spec.containers[1].imagePullPolicy: Unsupported value: "Now": supported values: "Always", "IfNotPresent", "Never"',
            'spec.containers[1].name: Duplicate value: "c"',
        ],
    ),
    (one(image=" x "), ['spec.containers[0].image: Invalid value: " x ": must not have leading or trailing whitespace']),
    (one(name="Bad_Name"), [f'spec.containers[0].name: Invalid value: "Bad_Name": {LABEL}']),
    (one(name="a.b"), ['spec.containers[0].name: Invalid value: "a.b": must not contain dots']),
    (one(restartPolicy="Always"), ["spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers"]),
    (
        one(terminationMessagePolicy="Log"),
        [
            'spec.containers[0].terminationMessagePolicy: Unsupported value: "Log": supported values: "File", "FallbackToLogsOnError"',
        ],
    ),
    (
        one(ports=[{"containerPort": 0}, {"containerPort": 70000, "name": "Bad"}, {"containerPort": 1, "protocol": "ICMP"}]),
        [
            "spec.containers[0].ports[0].containerPort: Required value",
            'spec.containers[0].ports[1].name: Invalid value: "Bad": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
            "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            'spec.containers[0].ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
    (
        one(ports=[{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]),
        ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    ),
    (
        {**one(ports=[{"containerPort": 80, "hostPort": 81}]), "hostNetwork": True},
        ["spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"],
    ),
    (one(env=[{"value": "x"}]), ["spec.containers[0].env[0].name: Required value"]),
    (
        env({}),
        [
            'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or '
            "`secretKeyRef`"
        ],
    ),
    (
        env({"fieldRef": {"fieldPath": "metadata.name"}}, value="x"),
        ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ),
    (
        env({"fieldRef": {"fieldPath": "metadata.whoops"}}),
        [
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.whoops": error converting fieldPath: field label '
            "not supported: metadata.whoops"
        ],
    ),
    (
        env({"fieldRef": {"fieldPath": "metadata.labels"}}),
        [
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", '
            '"metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", '
            '"status.podIP", "status.podIPs"'
        ],
    ),
    (
        env({"fieldRef": {"fieldPath": "metadata.name['k']"}}),
        [
            "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.name['k']\": error converting fieldPath: field "
            "label does not support subscript: metadata.name['k']"
        ],
    ),
    (
        env({"fieldRef": {"fieldPath": "status.hostIPs"}}),
        ["spec.containers[0].env[0].valueFrom.fieldRef: Forbidden: may not be set when feature gate 'PodHostIPs' is not enabled"],
    ),
    (env({"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}), []),
    (
        env({"secretKeyRef": {"name": "s"}}),
        ["spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value"],
    ),
    (
        env({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1k"}}),
        [
            'spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are '
            "supported with the cpu resource"
        ],
    ),
    (one(envFrom=[{}]), ['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`']),
    (
        one(volumeMounts=[{"name": "nope", "mountPath": "/a"}, {"name": "nope", "mountPath": "/a"}]),
        [
            'spec.containers[0].volumeMounts[0].name: Not found: "nope"',
            'spec.containers[0].volumeMounts[1].name: Not found: "nope"',
            'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
        ],
    ),
    (
        {**one(volumeMounts=[{"name": "v", "mountPath": "/a", "subPath": "../b"}]), **volume()},
        ["spec.containers[0].volumeMounts.subPath: Invalid value: \"../b\": must not contain '..'"],
    ),
    (
        {**one(volumeDevices=[{"name": "v", "devicePath": "/a"}]), **volume()},
        [
            'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or '
            "Ephemeral for block mode"
        ],
    ),
    (
        one(resources={"requests": {"cpu": "-1", "gpu": "1"}}),
        [
            'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        ],
    ),
    (
        one(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ),
    (
        one(resources={"requests": {"example.com/a": "2"}, "limits": {"example.com/a": "1"}}),
        ['spec.containers[0].resources.requests: Invalid value: "2": must be equal to example.com/a limit of 1'],
    ),
    (
        one(resources={"requests": {"example.com/a": "2"}}),
        ["spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources"],
    ),
    (
        one(resources={"limits": {"example.com/a": "500m"}, "requests": {"example.com/a": "500m"}}),
        [
            f"spec.containers[0].resources.limits[example.com/a]: Invalid value: {go_quantity(500, -3, '500m')}: must be an integer",
            f"spec.containers[0].resources.requests[example.com/a]: Invalid value: {go_quantity(500, -3, '500m')}: must be an integer",
        ],
    ),
    (
        one(resources={"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}}),
        [
            'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
            'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        ],
    ),
    (
        one(resources={"limits": {"hugepages-2Mi": "2Mi"}}),
        ["spec.containers[0].resources: Forbidden: HugePages require cpu or memory"],
    ),
    (one(livenessProbe={}), ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]),
    (
        one(livenessProbe={"exec": {"command": ["x"]}, "httpGet": {"port": 1}, "successThreshold": 2}),
        [
            "spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type",
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ],
    ),
    (
        one(readinessProbe={"tcpSocket": {"port": "x_y"}, "terminationGracePeriodSeconds": 1, "periodSeconds": -1}),
        [
            'spec.containers[0].readinessProbe.tcpSocket.port: Invalid value: "x_y": must contain only alpha-numeric characters (a-z, 0-9), '
            "and hyphens (-)",
            "spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes",
        ],
    ),
    (
        one(startupProbe={"httpGet": {"port": 80, "scheme": "FTP"}, "terminationGracePeriodSeconds": 0}),
        [
            'spec.containers[0].startupProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
            "spec.containers[0].startupProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
        ],
    ),
    (one(lifecycle={"preStop": {"exec": {}}}), ["spec.containers[0].lifecycle.preStop.exec.command: Required value"]),
    (
        one(securityContext={"runAsUser": -1}),
        ["spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ),
    (
        {"initContainers": [container("c", livenessProbe={"exec": {"command": ["x"]}})]},
        [
            'spec.initContainers[0].name: Duplicate value: "c"',
            "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    ),
    (
        {"initContainers": [container("i", restartPolicy="Never")]},
        ['spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ),
    ({"ephemeralContainers": [{"name": "e", "image": "x"}]}, ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
    (
        {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}, {"name": "v"}, {"emptyDir": {}}]},
        [
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
            "spec.volumes[2].name: Required value",
        ],
    ),
    ({"volumes": [{"name": "v"}, {"name": "v"}]}, ['spec.volumes[1].name: Duplicate value: "v"']),
    (
        volume(hostPath={"path": "/a/../b", "type": "Thing"}),
        [
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
            'spec.volumes[0].hostPath.type: Unsupported value: "Thing": supported values: "", "BlockDevice", "CharDevice", "Directory", '
            '"DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
        ],
    ),
    (
        volume(configMap={"name": "m", "defaultMode": 512, "items": [{"key": "k", "path": "/a"}]}),
        [
            "spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
            'spec.volumes[0].configMap.items[0].path: Invalid value: "/a": must be a relative path',
        ],
    ),
    (volume(secret={}), ["spec.volumes[0].secret.secretName: Required value"]),
    (volume(persistentVolumeClaim={"claimName": ""}), ["spec.volumes[0].persistentVolumeClaim.claimName: Required value"]),
    (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}),
        [
            "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than "
            "10 minutes",
            "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
        ],
    ),
    (
        volume(downwardAPI={"items": [{"path": "../x"}]}),
        [
            "spec.volumes[0].downwardAPI.path: Invalid value: \"../x\": must not contain '..'",
            "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
        ],
    ),
    (volume(nfs={"server": "s", "path": "a"}), ['spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path']),
    (
        {
            "volumes": [
                {"name": "a", "persistentVolumeClaim": {"claimName": "p-b"}},
                {
                    "name": "b",
                    "ephemeral": {
                        "volumeClaimTemplate": {
                            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                        }
                    },
                },
            ]
        },
        [
            'spec.volumes[0].persistentVolumeClaim.claimName: Invalid value: "p-b": must not reference a PVC that gets created for an ephemeral volume'
        ],
    ),
    ({"nodeSelector": {"a b": "c"}}, ['spec.nodeSelector: Invalid value: "a b": name part must consist of alphanumeric characters']),
    (node_terms(), [f"{NODES}: Required value: must have at least one node selector term"]),
    (
        node_terms({"matchExpressions": [{"key": "a"}, {"key": "b", "operator": "Gt", "values": []}]}),
        [
            f'{NODES}[0].matchExpressions[0].operator: Invalid value: "": not a valid selector operator',
            f"{NODES}[0].matchExpressions[1].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
        ],
    ),
    (
        node_terms({"matchFields": [{"key": "metadata.namespace", "operator": "In", "values": ["a", "b"]}]}),
        [
            f"{NODES}[0].matchFields[0].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            f'{NODES}[0].matchFields[0].key: Invalid value: "metadata.namespace": not a valid field selector key',
        ],
    ),
    (
        {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 109, "podAffinityTerm": {}}]}}},
        [
            f"spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 109: {WEIGHT}",
            "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey: Required value: can not "
            "be empty",
            'spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey: Invalid value: "": name '
            "part must be non-empty",
            'spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey: Invalid value: "": name '
            "part must consist of alphanumeric characters",
        ],
    ),
    (
        {"tolerations": [{"operator": "Equal", "value": "bar", "effect": "NoSchedule"}, {"key": "a", "operator": "In"}]},
        [
            'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values '
            'and all keys"',
            'spec.tolerations[1].operator: Unsupported value: "In": supported values: "Equal", "Exists"',
        ],
    ),
    (
        {"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 20}]},
        ["spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
    ),
    (
        {"topologySpreadConstraints": [{"maxSkew": 0, "whenUnsatisfiable": "Never", "minDomains": 0}]},
        [
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not Never",
        ],
    ),
    (
        {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}] * 2},
        ['spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{z, DoNotSchedule}"'],
    ),
    ({"activeDeadlineSeconds": 0}, ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]),
    ({"hostAliases": [{"ip": "x"}]}, ['spec.hostAliases.ip: Invalid value: "x": must be valid IP address']),
    (
        {"preemptionPolicy": "Maybe"},
        ['spec.preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"'],
    ),
    ({"os": {"name": "plan9"}}, ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"']),
    (
        {"schedulingGates": [{"name": "a/b"}], "nodeName": "n"},
        ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
    ),
    (
        {"readinessGates": [{"conditionType": "-x"}]},
        ['spec.readinessGates[0].conditionType: Invalid value: "-x": name part must consist of'],
    ),
    (
        {"securityContext": {"sysctls": [{"name": "a b"}, {}]}},
        [
            'spec.securityContext.sysctls[0].name: Invalid value: "a b": must have at most 253 characters and match regex',
            "spec.securityContext.sysctls[1].name: Required value",
        ],
    ),
    (
        {"securityContext": {"seccompProfile": {"type": "Localhost"}}},
        ["spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), SPECS)
def test_a_new_pods_spec(spec: dict[str, Any], errors: list[str]) -> None:
    """Expected texts may leave off the tail that quotes a pattern."""
    found = create_errors(pod(**spec))
    assert len(found) == len(errors), found
    for text, wanted in zip(found, errors, strict=True):
        assert text.startswith(wanted), found


SECCOMP, APP_ARMOR = "seccomp.security.alpha.kubernetes.io/pod", "container.apparmor.security.beta.kubernetes.io"
MIRROR, COST = "kubernetes.io/config.mirror", "controller.kubernetes.io/pod-deletion-cost"
ANNOTATIONS = [
    ({SECCOMP: "foo"}, f'.{SECCOMP}: Invalid value: "foo": must be a valid seccomp profile'),
    ({SECCOMP: "localhost//foo"}, f'.{SECCOMP}: Invalid value: "/foo": must be a relative path'),
    ({f"{APP_ARMOR}/c": "bad"}, f'[{APP_ARMOR}/c]: Invalid value: "bad": invalid AppArmor profile name: "bad"'),
    ({f"{APP_ARMOR}/x": "runtime/default"}, f'[{APP_ARMOR}/x]: Invalid value: "x": container not found'),
    ({MIRROR: ""}, f'[{MIRROR}]: Invalid value: "": must set spec.nodeName if mirror pod annotation is set'),
    ({COST: "008"}, f'[{COST}]: Invalid value: "008": must be a 32bit integer'),
    ({COST: "+10"}, f'[{COST}]: Invalid value: "+10": must be a 32bit integer'),
]


@pytest.mark.parametrize(("annotations", "error"), ANNOTATIONS)
def test_annotations_that_mean_something(annotations: dict[str, str], error: str) -> None:
    assert create_errors(pod(annotations=annotations)) == [f"metadata.annotations{error}"]


def test_seccomp_annotation_and_field_agree() -> None:
    body = pod(
        annotations={"seccomp.security.alpha.kubernetes.io/pod": "unconfined"},
        securityContext={"seccompProfile": {"type": "RuntimeDefault"}},
    )
    assert create_errors(body) == ["spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match"]


UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
CHANGES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [  # TestValidatePodUpdate
    ({}, {}, []),
    ({}, one(image="nginx:2"), []),
    ({}, one(image=""), ["spec.containers[0].image: Required value", "spec.containers[0].image: Required value"]),
    ({}, {"containers": [container(), container("d")]}, ["spec.containers: Forbidden: pod updates may not add or remove containers"]),
    ({}, one(command=["x"]), [f"spec: Forbidden: pod updates may not change fields other than {UPDATABLE}"]),
    ({}, {"terminationGracePeriodSeconds": 5}, [f"spec: Forbidden: pod updates may not change fields other than {UPDATABLE}"]),
    ({}, {"activeDeadlineSeconds": 10}, []),
    ({"activeDeadlineSeconds": 10}, {"activeDeadlineSeconds": 5}, []),
    (
        {"activeDeadlineSeconds": 5},
        {"activeDeadlineSeconds": 10},
        ["spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value"],
    ),
    (
        {"activeDeadlineSeconds": 5},
        {},
        ['spec.activeDeadlineSeconds: Invalid value: "null": must not update from a positive integer to nil value'],
    ),
    (
        {"tolerations": [{"key": "a", "operator": "Exists"}]},
        {"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]},
        [],
    ),
    (
        {"tolerations": [{"key": "a", "operator": "Exists"}]},
        {"tolerations": []},
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    ),
    ({"schedulingGates": [{"name": "a/b"}]}, {}, []),
    (
        {},
        {"schedulingGates": [{"name": "a/b"}]},
        ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a/b'"],
    ),
    ({"schedulingGates": [{"name": "a/b"}]}, {"schedulingGates": [{"name": "a/b"}], "nodeSelector": {"x": "y"}}, []),
    (
        {"schedulingGates": [{"name": "a/b"}], "nodeSelector": {"x": "y"}},
        {"nodeSelector": {"x": "z"}},
        [
            'spec.nodeSelector: Invalid value: map[string]string{"x":"z"}: only additions to spec.nodeSelector are allowed (no mutations or '
            "deletions)"
        ],
    ),
]


@pytest.mark.parametrize(("old", "new", "errors"), CHANGES)
def test_updates(old: dict[str, Any], new: dict[str, Any], errors: list[str]) -> None:
    found = update_errors(pod(**old), spec=pod(**new)["spec"])
    assert len(found) == len(errors), found
    for text, wanted in zip(found, errors, strict=True):
        assert text.startswith(wanted), found


def test_a_terminated_container_that_is_not_restarted_stays_terminated() -> None:  # TestValidatePodStatusUpdate…
    ended = {"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]}
    running = {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    wanted = ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
    assert status_errors(pod(restartPolicy="Never"), running, ended) == wanted
    assert status_errors(pod(restartPolicy="Always"), running, ended) == []


def test_pod_addresses() -> None:
    status = {"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.2"}], "podIPs": [{"ip": "10.1.0.1"}, {"ip": "10.1.0.2"}]}
    assert status_errors(pod(), status) == [
        'status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`',
        'status.podIPs: Invalid value: []core.PodIP{core.PodIP{IP:"10.1.0.1"}, core.PodIP{IP:"10.1.0.2"}}: may specify no more than one IP '
        "for each IP family",
    ]
