"""What a full or a lost disk keeps a pod from: its directories, its volumes, its containers.

upstream: pkg/kubelet/kubelet.go SyncPod (makePodDataDirs), pkg/volume/local/local.go NewMounter and pkg/volume/util/hostutil GetFileType,
pkg/volume/hostpath/host_path.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri import disks
from kubelab.engine.component import Scope
from kubelab.engine.plan import Plan
from kubelab.kubelet.pod.seen import pod_event
from kubelab.kubelet.pod.volumes import Unmountable

Object = dict[str, Any]
_NONE: dict[str, Any] = {}


def no_directories(scope: Scope, pod: Object) -> Plan | None:
    """A pod that is new on a node without room: not even its directories can be made. None if they can."""
    uid = pod["metadata"]["uid"]
    if not disks.is_full(scope.local) or uid in scope.local.get("records", _NONE):
        return None
    text = f"mkdir /var/lib/kubelet/pods/{uid}: no space left on device"
    return Plan(error=text, events=(pod_event(pod, "Warning", "Failed", f"error making pod data directories: {text}"),))


def check_volumes(scope: Scope, pod: Object) -> None:
    """Raise Unmountable for the first volume whose disk is not there."""
    if "host/" not in disks.lost(scope.local):
        return
    for volume in pod["spec"].get("volumes") or ():
        source, name = _source(scope, pod, volume)
        path = (source.get("local") or _NONE).get("path")
        if path:
            text = f'MountVolume.NewMounter initialization failed for volume "{name}" : path "{path}" does not exist'
            raise Unmountable(volume["name"], text)
        if (source.get("hostPath") or _NONE).get("type") == "Directory":
            text = f'MountVolume.SetUp failed for volume "{name}" : hostPath type check failed: {source["hostPath"]["path"]} is not a directory'
            raise Unmountable(volume["name"], text)


def _source(scope: Scope, pod: Object, volume: Object) -> tuple[Object, str]:
    """Where a volume's contents are, and its name: the PersistentVolume's for a claim."""
    claim_name = (volume.get("persistentVolumeClaim") or _NONE).get("claimName")
    if claim_name is None:
        return volume, volume["name"]
    claim = scope.view.get("persistentvolumeclaims", pod["metadata"]["namespace"], claim_name) or _NONE
    name = (claim.get("spec") or _NONE).get("volumeName", "")
    bound = scope.view.get("persistentvolumes", "", name) if name else None
    return (bound["spec"], name) if bound is not None else (volume, volume["name"])
