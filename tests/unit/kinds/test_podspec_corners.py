"""The rarer parts of a pod's spec. upstream: pkg/apis/core/validation/validation_test.go (TestValidateVolumes,
TestValidateWindowsSecurityContextOptions, TestValidateWindowsHostProcessPod, TestValidateDynamicResourceAllocation, TestValidatePodUpdate), 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kinds.builders import container, core, create_errors, pod, status_errors, update_errors

IQN = "iqn.2015-02.example.com:test"
TARGET_TEXT = "must be valid format starting with iqn, eui, or naa"
DISK_URI = '"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"'

VOLUMES = [
    ({"iscsi": {"targetPortal": "127.0.0.1", "iqn": IQN, "lun": 1}}, []),
    ({"iscsi": {"targetPortal": "127.0.0.1", "iqn": "eui.0123456789ABCDEF", "lun": 1}}, []),
    ({"iscsi": {"iqn": "badValue"}}, ["iscsi.targetPortal: Required value", f'iscsi.iqn: Invalid value: "badValue": {TARGET_TEXT}']),
    ({"iscsi": {"targetPortal": "p", "iqn": "iqn.201-02.bad:test", "lun": 256}}, [
        'iscsi.iqn: Invalid value: "iqn.201-02.bad:test": must be valid format',
        "iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
    ]),
    ({"iscsi": {"targetPortal": "p", "iqn": IQN, "chapAuthDiscovery": True}}, ["iscsi.secretRef: Required value"]),
    ({"iscsi": {"targetPortal": "p" * 64, "iqn": IQN, "initiatorName": IQN}}, [
        'name: Invalid value: "v": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is '
        "specified.",
    ]),
    ({"fc": {}}, ["fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"]),
    ({"fc": {"targetWWNs": ["w"]}}, ["fc.lun: Required value: lun is required if targetWWNs is specified"]),
    ({"fc": {"targetWWNs": ["w"], "wwids": ["x"], "lun": 1}}, [
        'fc.targetWWNs: Invalid value: []string{"w"}: targetWWNs and wwids can not be specified simultaneously',
    ]),
    ({"flocker": {"datasetName": "a/b", "datasetUUID": "u"}}, [
        'flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
        "flocker.datasetName: Invalid value: \"a/b\": must not contain '/'",
    ]),
    ({"quobyte": {"registry": "registry7861", "volume": "v"}}, [
        'quobyte.registry: Invalid value: "registry7861": must be a host:port pair or multiple pairs separated by commas',
    ]),
    ({"flexVolume": {"driver": "d", "options": {"foo.kubernetes.io/bar": "x"}}}, [
        'flexVolume.options[foo.kubernetes.io/bar]: Invalid value: "foo.kubernetes.io/bar": kubernetes.io and k8s.io namespaces are reserved',
    ]),
    ({"azureDisk": {"diskName": "d", "diskURI": "blob:/x"}}, [
        f'azureDisk.diskURI: Unsupported value: "blob:/x": supported values: {DISK_URI}',
    ]),
    ({"cinder": {"volumeID": "v", "secretRef": {"name": ""}}}, ["cinder.secretRef.name: Required value"]),
    ({"storageos": {"volumeName": "A_"}}, ['storageos.volumeName: Invalid value: "A_": a lowercase RFC 1123 label must consist of']),
    ({"gcePersistentDisk": {"pdName": "p", "partition": 256}}, [
        "persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
    ]),
    ({"csi": {"driver": "io.k8s.foo-"}}, ['csi.driver: Invalid value: "io.k8s.foo-": a lowercase RFC 1123 subdomain must consist of']),
    ({"emptyDir": {"sizeLimit": "-1"}}, ["emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"]),
    ({"rbd": {"image": ""}}, ["rbd.monitors: Required value", "rbd.image: Required value"]),
    ({"configMap": {"name": "m"}, "cephfs": {"monitors": ["m"]}, "downwardAPI": {}}, [
        "downwarAPI: Forbidden: may not specify more than 1 volume type",
        "configMap: Forbidden: may not specify more than 1 volume type",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "errors"), VOLUMES)
def test_volume_sources(source: dict[str, Any], errors: list[str]) -> None:
    found = create_errors(pod(volumes=[{"name": "v", **source}]))
    assert len(found) == len(errors), found
    for text, wanted in zip(found, errors, strict=True):
        assert text.startswith(f"spec.volumes[0].{wanted}"), found


PERSISTENT = [
    ({"cinder": {"volumeID": "v", "secretRef": {"name": "s"}}}, ["spec.cinder.secretRef.namespace: Required value"]),
    ({"azureFile": {"secretName": "s", "shareName": "s", "secretNamespace": ""}}, ["spec.azureFile.secretNamespace: Required value"]),
    ({"csi": {"driver": "d"}}, ["spec.csi.volumeHandle: Required value"]),
    (
        {"csi": {"driver": "d", "volumeHandle": "h", "nodePublishSecretRef": {"name": "n"}}},
        ["spec.csi.nodePublishSecretRef.namespace: Required value"],
    ),
]


@pytest.mark.parametrize(("source", "errors"), PERSISTENT)
def test_what_a_volume_without_a_namespace_refers_to(source: dict[str, Any], errors: list[str]) -> None:
    body = core("PersistentVolume", spec={"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, **source})
    assert create_errors(body) == errors


WINDOWS = [
    ({"gmsaCredentialSpecName": "bad!"}, 'gmsaCredentialSpecName: Invalid value: "bad!": a lowercase RFC 1123 subdomain must consist of'),
    ({"gmsaCredentialSpec": ""}, 'gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string'),
    ({"runAsUserName": ""}, 'runAsUserName: Invalid value: "": runAsUserName cannot be an empty string'),
    ({"runAsUserName": "a\tb"}, 'runAsUserName: Invalid value: "a\\tb": runAsUserName cannot contain control characters'),
    ({"runAsUserName": "a\\b\\c"}, 'runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash'),
    ({"runAsUserName": "-a\\b"}, ""),
    ({"runAsUserName": "a\\"}, 'runAsUserName: Invalid value: "a\\\\": runAsUserName\'s User cannot be empty'),
    ({"runAsUserName": "...  "}, 'runAsUserName: Invalid value: "...  ": runAsUserName\'s User cannot contain only periods or spaces'),
    ({"runAsUserName": "a?"}, 'runAsUserName: Invalid value: "a?": runAsUserName\'s User cannot contain the following characters: '),
]


@pytest.mark.parametrize(("options", "error"), WINDOWS)
def test_windows_options(options: dict[str, Any], error: str) -> None:
    found = create_errors(pod(securityContext={"windowsOptions": options}))
    assert len(found) == bool(error)
    assert all(text.startswith(f"spec.securityContext.windowsOptions.{error}") for text in found), found


def test_an_operating_system_rules_options_out() -> None:  # TestValidateOSFields
    linux = pod(os={"name": "linux"}, securityContext={"windowsOptions": {"runAsUserName": "a"}})
    assert create_errors(linux) == ["spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"]
    windows = pod(os={"name": "windows"}, hostPID=True, containers=[container(securityContext={"privileged": False})])
    assert create_errors(windows) == [
        "spec.hostPID: Forbidden: cannot be set for a windows pod",
        "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod",
    ]


def test_host_processes_come_all_together_and_on_the_hosts_network() -> None:
    options = {"windowsOptions": {"hostProcess": True}}
    assert create_errors(pod(containers=[container("a", securityContext=options), container("b")])) == [
        'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
        "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
    ]
    assert create_errors(pod(hostNetwork=True, securityContext=options)) == []


def test_host_users() -> None:
    assert create_errors(pod(hostUsers=False, hostNetwork=True, hostIPC=True)) == [
        "spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false",
        "spec.HostIPC: Forbidden: when `pod.Spec.HostUsers` is false",
    ]


def test_resource_claims() -> None:
    claims = [{"name": "a", "source": {}}, {"name": "a", "source": {"resourceClaimName": "x"}}]
    found = create_errors(pod(resourceClaims=claims, containers=[container(resources={"claims": [{"name": "b"}]})]))
    nothing = "core.ClaimSource{ResourceClaimName:(*string)(nil), ResourceClaimTemplateName:(*string)(nil)}"
    assert found == [
        f"spec.resourceClaims[0].source: Invalid value: {nothing}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
        'spec.resourceClaims[1].name: Duplicate value: "a"',
        'spec.containers[0].resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims: a',
    ]
    statuses = {"resourceClaimStatuses": [{"name": "no-such-claim"}]}
    assert status_errors(pod(), statuses) == [
        'status.resourceClaimStatuses[0].name: Invalid value: "no-such-claim": must match the name of an entry in `spec.resourceClaims`'
    ]


def affinity(*keys: str) -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"} for key in keys]}] if keys else []
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
GATED = {"schedulingGates": [{"name": "a/b"}]}


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (affinity("a", "b"), ""),
        (affinity("b"), f"{TERMS}[0]: Invalid value: core.NodeSelectorTerm{{MatchExpressions:"),
        (
            None,
            f"{TERMS}: Invalid value: []core.NodeSelectorTerm(nil): no additions/deletions to non-empty NodeSelectorTerms list are allowed",
        ),
    ],
)
def test_a_gated_pods_affinity_only_narrows(new: dict[str, Any] | None, error: str) -> None:
    old = pod(**GATED, affinity=affinity("a"))
    spec = pod(**GATED, **({"affinity": new} if new else {}))["spec"]
    found = update_errors(old, spec=spec)
    assert len(found) == bool(error), found
    assert all(text.startswith(error) for text in found)
