"""Container statuses of a pod, from what the runtime says and what the kubelet remembers.

upstream: pkg/kubelet/kubelet_pods.go convertToAPIContainerStatuses, pkg/kubelet/prober/prober_manager.go UpdatePodStatus,
pkg/kubelet/container/helpers.go ShouldContainerBeRestarted, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.cri.api import CREATED, EXITED, RUNNING, Container
from kubelab.kubelet.records import Instances, PodRecord, Worker
from kubelab.world.clock import rfc3339

Object = dict[str, Any]
NO_RECORD = PodRecord("", "")
MESSAGES_LENGTH = 12 * 1024  # upstream: MaxPodTerminationMessageLogLength
WITH_WHOLE_MESSAGES = 3  # so many containers' longest messages are not too long together
_NONE: dict[str, Any] = {}


def is_sidecar(container: Object) -> bool:
    """An init container that keeps running (gate SidecarContainers; without it the field is dropped by the API server)."""
    return container.get("restartPolicy") == "Always"


def restarts(pod: Object, container: Object, status: Container | None) -> bool:
    """Whether a container is to be started (again).

    upstream: ShouldContainerBeRestarted; a sidecar always is.
    """
    if pod["metadata"].get("deletionTimestamp"):
        return False
    if status is None:
        return True
    if status.state == RUNNING:
        return False
    if status.state != EXITED or is_sidecar(container):
        return True
    policy = pod["spec"].get("restartPolicy", "Always")
    return not (policy == "Never" or (policy == "OnFailure" and status.exit_code == 0))


def statuses(
    pod: Object, worker: Worker, record: PodRecord, running: Mapping[str, Container], images: Mapping[str, Any]
) -> tuple[list[Object], list[Object]]:
    """(initContainerStatuses, containerStatuses). ``running``: the runtime's containers by id; ``images``: its images by id."""
    spec, old = pod["spec"], pod.get("status") or _NONE
    first = spec.get("initContainers") or ()
    waiting = "PodInitializing" if first else "ContainerCreating"
    inits = [_status(pod, item, worker, record, running, images, waiting, old.get("initContainerStatuses"), init=True) for item in first]
    mains = [
        _status(pod, item, worker, record, running, images, waiting, old.get("containerStatuses"), init=False)
        for item in spec["containers"]
    ]
    if len(mains) > 1:
        mains.sort(key=lambda status: status["name"])
        if len(mains) + len(inits) > WITH_WHOLE_MESSAGES:
            _cut_messages([*inits, *mains])
    return inits, mains


def _cut_messages(found: list[Object]) -> None:
    """In place on private statuses: all last words of a pod together have an upper bound (upstream: normalizeStatus)."""
    most = MESSAGES_LENGTH // len(found)
    for status in found:
        for field in ("state", "lastState"):
            ended = status[field].get("terminated")
            if ended is not None and len(ended.get("message", "").encode()) > most:
                text = ended["message"].encode()[:most].decode(errors="ignore")
                status[field] = {"terminated": {**ended, "message": text}}


def _status(
    pod: Object,
    container: Object,
    worker: Worker,
    record: PodRecord,
    running: Mapping[str, Container],
    images: Mapping[str, Any],
    waiting: str,
    before: list[Object] | None,
    *,
    init: bool,
) -> Object:
    name = container["name"]
    instances = record.containers.get(name)
    current = running.get(instances.current) if instances else None
    if instances is None or current is None:
        out = _never_run(pod, container, waiting, before)
    else:
        previous = running.get(instances.previous) if instances.previous else None
        out = _of_runtime(container, current, previous, instances, images)
    finished_init = init and current is not None and current.state == EXITED and current.exit_code == 0 and not is_sidecar(container)
    reason = worker.reasons.get(name)
    if reason is not None and not finished_init and restarts(pod, container, current):
        if "terminated" in out["state"]:
            out["lastState"] = out["state"]
        out["state"] = {"waiting": {"reason": reason[0], "message": reason[1]} if reason[1] else {"reason": reason[0]}}
    _started_and_ready(out, container, current, worker, init=init)
    return out


def _of_runtime(
    container: Object, current: Container, previous: Container | None, instances: Instances, images: Mapping[str, Any]
) -> Object:
    record = images.get(current.image_ref)
    shown = container["image"]
    if record is not None:
        shown = record.tags[0] if record.tags else shown
    return {
        "name": container["name"],
        "state": state_of(current),
        "lastState": state_of(previous) if previous is not None else {},
        "ready": False,
        "restartCount": instances.restarts,
        "image": shown,
        "imageID": record.digests[0] if record is not None and record.digests else current.image_ref,
        "containerID": f"containerd://{current.id}",
        "started": False,
    }


def _never_run(pod: Object, container: Object, waiting: str, before: list[Object] | None) -> Object:
    """No container is there: waiting, unless an earlier status says that one has run."""
    name = container["name"]
    out: Object = {
        "name": name,
        "state": {"waiting": {"reason": waiting}},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": container["image"],
        "imageID": "",
        "started": False,
    }
    for old in before or ():
        if old["name"] != name:
            continue
        state = old.get("state") or _NONE
        if "terminated" in state:
            return {**old}
        out["restartCount"] = old.get("restartCount", 0)
        out["lastState"] = old.get("lastState") or {}
        if "running" in state and "terminated" not in out["lastState"]:
            out["lastState"] = {
                "terminated": {
                    "exitCode": 137,
                    "reason": "ContainerStatusUnknown",
                    "message": "The container could not be located when the pod was deleted.  The container used to be Running",
                    "startedAt": None,
                    "finishedAt": None,
                }
            }
            if not pod["metadata"].get("deletionTimestamp"):
                out["restartCount"] += 1
    return out


def state_of(container: Container) -> Object:
    """ContainerState of a container of the runtime."""
    if container.state == RUNNING:
        return {"running": {"startedAt": rfc3339(container.started_ns)}}
    if container.state == CREATED:
        return {"waiting": {}}
    out: Object = {
        "exitCode": container.exit_code,
        "reason": container.reason,
        "startedAt": rfc3339(container.started_ns),
        "finishedAt": rfc3339(container.finished_ns),
        "containerID": f"containerd://{container.id}",
    }
    if container.message:
        out["message"] = container.message
    return {"terminated": out}


def has_started(container: Object, current: Container | None, worker: Worker) -> bool:
    """Running, and its startup probe (if any) has succeeded."""
    if current is None or current.state != RUNNING:
        return False
    if "startupProbe" not in container:
        return True
    probe = worker.probes.get((container["name"], "startup"))
    return probe is not None and probe.container == current.id and probe.result == "success"


def _started_and_ready(out: Object, container: Object, current: Container | None, worker: Worker, *, init: bool) -> None:
    """In place on a private object."""
    started = has_started(container, current, worker) and "running" in out["state"]
    out["started"] = started
    if init and not is_sidecar(container):
        ended = out["state"].get("terminated")
        out["ready"] = ended is not None and ended["exitCode"] == 0
        return
    if not started or current is None:
        out["ready"] = False
    elif "readinessProbe" not in container:
        out["ready"] = True
    else:
        probe = worker.probes.get((container["name"], "readiness"))
        out["ready"] = probe is not None and probe.container == current.id and probe.result == "success"
