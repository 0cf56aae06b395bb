"""Rows of the server's tables. upstream: pkg/printers/internalversion/printers_test.go, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kinds.core.pod_summary import summarize
from tests.unit.kinds.builders import CONTEXT, cells, core, kind_named

MINUTE = 60 * 10**9


def state(**fields: Any) -> dict[str, Any]:
    return {"name": "c", **fields}


def printed(spec: Any = None, deleting: bool = False, **status: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": "test1"}
    if deleting:
        meta["deletionTimestamp"] = CONTEXT.now
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec or {"containers": [{}, {}]}, "status": status}


RUNNING = state(ready=True, restartCount=3, state={"running": {}})
SIDECAR = {"containers": [{}], "initContainers": [{"name": "c", "restartPolicy": "Always"}]}
PODS = [  # TestPrintPod
    (printed(phase="podPhase", containerStatuses=[RUNNING, state(restartCount=3)]), (1, 2, "podPhase", 6)),
    (printed(phase="podPhase", containerStatuses=[RUNNING, state(state={"waiting": {"reason": "ContainerWaitingReason"}}, restartCount=3)]),
     (1, 2, "ContainerWaitingReason", 6)),
    (printed(phase="podPhase", containerStatuses=[RUNNING, state(state={"terminated": {"reason": "ContainerTerminatedReason"}})]),
     (1, 2, "ContainerTerminatedReason", 3)),
    (printed(phase="podPhase", containerStatuses=[RUNNING, state(state={"terminated": {"signal": 9}})]), (1, 2, "Signal:9", 3)),
    (printed(phase="podPhase", containerStatuses=[RUNNING, state(state={"terminated": {"exitCode": 1}})]), (1, 2, "ExitCode:1", 3)),
    (printed(phase="podPhase", reason="podReason", containerStatuses=[RUNNING]), (1, 2, "podReason", 3)),
    (printed(phase="Failed", reason="NodeLost", deleting=True), (0, 2, "Unknown", 0)),
    (printed(phase="Running", deleting=True, containerStatuses=[RUNNING]), (1, 2, "Terminating", 3)),
    (printed(phase="Running", containerStatuses=[state(state={"terminated": {"reason": "Completed"}}), RUNNING]), (1, 2, "NotReady", 3)),
    (printed(phase="Running", conditions=[{"type": "Ready", "status": "True"}],
             containerStatuses=[state(state={"terminated": {"reason": "Completed"}}), RUNNING]), (1, 2, "Running", 3)),
    (printed(phase="Pending", conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]), (0, 2, "SchedulingGated", 0)),
    (printed({"containers": [{}], "initContainers": [{}, {}]}, phase="Pending", initContainerStatuses=[
        state(state={"terminated": {"exitCode": 0}}), state(restartCount=2, state={"running": {}})]), (0, 1, "Init:1/2", 2)),
    (printed({"containers": [{}], "initContainers": [{}]}, phase="Pending", initContainerStatuses=[
        state(restartCount=3, state={"waiting": {"reason": "CrashLoopBackOff"}})]), (0, 1, "Init:CrashLoopBackOff", 3)),
    (printed({"containers": [{}], "initContainers": [{}]}, phase="Pending", initContainerStatuses=[
        state(state={"terminated": {"reason": "Error", "exitCode": 1}})]), (0, 1, "Init:Error", 0)),
    (printed(SIDECAR, phase="Running", conditions=[{"type": "Initialized", "status": "True"}], containerStatuses=[RUNNING],
             initContainerStatuses=[state(ready=True, started=True, restartCount=1, state={"running": {}})]), (2, 2, "Running", 4)),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "summary"), PODS)
def test_a_pod_in_one_line(pod: dict[str, Any], summary: tuple[int, int, str, int]) -> None:
    found = summarize(pod)
    assert (found.ready, found.total, found.reason, found.restarts) == summary


def test_a_pods_row_says_when_it_last_restarted() -> None:
    ended = {"lastState": {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}}}
    pod = printed(phase="Running", containerStatuses=[{**RUNNING, **ended}], podIPs=[{"ip": "10.0.0.1"}])
    pod["spec"] |= {"nodeName": "node-1", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}
    pod["status"]["conditions"] = [{"type": "b", "status": "True"}]
    assert cells(pod, now_ns=CONTEXT.now_ns + 2 * MINUTE) == [
        "test1", "1/2", "Running", "3 (2m ago)", "<unknown>", "10.0.0.1", "node-1", "<none>", "1/2",
    ]  # fmt: skip


STAMP = {"creationTimestamp": CONTEXT.now}
ROWS = [
    (core("Namespace", metadata=STAMP, status={"phase": "Active"}), ["x", "Active", "0s"]),
    (core("ConfigMap", metadata=STAMP, data={"a": "1"}, binaryData={"b": "eA=="}), ["x", 2, "0s"]),
    (core("Secret", metadata=STAMP, type="Opaque", data={"a": "eA=="}), ["x", "Opaque", 1, "0s"]),
    (core("ServiceAccount", metadata=STAMP), ["x", 0, "0s"]),
    (
        core("Endpoints", metadata=STAMP, subsets=[{"addresses": [{"ip": f"1.2.3.{i}"} for i in range(5)], "ports": [{"port": 8001}]}]),
        ["x", "1.2.3.0:8001,1.2.3.1:8001,1.2.3.2:8001 + 2 more...", "0s"],
    ),
    (core("Endpoints", metadata=STAMP), ["x", "<none>", "0s"]),
    (core("Endpoints", metadata=STAMP, subsets=[{"addresses": [{"ip": "1.2.3.4"}]}]), ["x", "1.2.3.4", "0s"]),
    (
        core(
            "Node",
            metadata={**STAMP, "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "db"}},
            spec={"unschedulable": True},
            status={"conditions": [{"type": "Ready", "status": "Unknown"}], "addresses": [{"type": "InternalIP", "address": "1.1.1.1"}]},
        ),
        ["x", "NotReady,SchedulingDisabled", "db,worker", "0s", "", "1.1.1.1", "<none>", "<unknown>", "<unknown>", "<unknown>"],
    ),
    (core("Node", metadata=STAMP), ["x", "Unknown", "<none>", "0s", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"]),
    (
        core(
            "PersistentVolumeClaim",
            metadata=STAMP,
            spec={"volumeName": "v", "storageClassName": "s", "volumeMode": "Filesystem"},
            status={"phase": "Bound", "capacity": {"storage": "4Gi"}, "accessModes": ["ReadOnlyMany", "ReadWriteOnce"]},
        ),
        ["x", "Bound", "v", "4Gi", "RWO,ROX", "s", "0s", "Filesystem"],
    ),
    (core("PersistentVolumeClaim", metadata=STAMP, status={"phase": "Pending"}), ["x", "Pending", "", "", "", "", "0s", "<unset>"]),
    (
        core(
            "PersistentVolume",
            metadata=STAMP,
            spec={"capacity": {"storage": "4Gi"}, "claimRef": {"namespace": "default", "name": "test"}, "accessModes": ["ReadWriteMany"]},
            status={"phase": "Bound"},
        ),
        ["x", "4Gi", "RWX", "", "Bound", "default/test", "", "", "0s", "<unset>"],
    ),
    (
        core("ResourceQuota", metadata=STAMP, status={"hard": {"limits.cpu": "2", "pods": "4"}, "used": {"pods": "1"}}),
        ["x", "0s", "pods: 1/4", "limits.cpu: 0/2"],
    ),
    (
        core(
            "Event",
            firstTimestamp="2025-12-31T23:58:00Z",
            lastTimestamp="2025-12-31T23:59:57Z",
            type="Warning",
            reason="R",
            message=" m ",
            count=6,
            source={"component": "kubelet", "host": "node-1"},
            involvedObject={"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
        ),
        ["3s", "Warning", "R", "pod/p", "spec.containers{c}", "kubelet, node-1", "m", "2m", 6, "x"],
    ),
    (
        core("ReplicationController", metadata=STAMP, spec={"replicas": 2, "selector": {"a": "b"}}, status={"replicas": 1}),
        ["x", 2, 1, 0, "0s", "", "", "a=b"],
    ),
]


@pytest.mark.parametrize(("body", "row"), ROWS)
def test_rows(body: dict[str, Any], row: list[Any]) -> None:
    assert cells(body) == row


NAMES = [  # printers.go, 1.28; real-api/tables.json
    ("Pod", "Name Ready Status Restarts Age IP Node Nominated_Node Readiness_Gates"),
    ("Service", "Name Type Cluster-IP External-IP Port(s) Age Selector"),
    ("Event", "Last_Seen Type Reason Object Subobject Source Message First_Seen Count Name"),
    ("PersistentVolume", "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass Reason Age VolumeMode"),
    ("LimitRange", "Name Created_At"),
]


@pytest.mark.parametrize(("kind", "names"), NAMES)
def test_column_names(kind: str, names: str) -> None:
    assert [column.name for column in kind_named(kind).columns] == [name.replace("_", " ") for name in names.split()]
