"""Recycling: a pod empties a released volume, which is then free again.

The pod's own events are not repeated on the volume.

upstream: recycleVolumeOperation in pkg/controller/volume/persistentvolume/pv_controller.go, pkg/volume/util/recyclerclient,
NewPersistentVolumeRecyclerPodTemplate in pkg/volume/plugins.go, 1.28.
"""

from __future__ import annotations

from kubelab.engine.plan import Batch, Call, EventDraft, Plan, Reason, create, delete, reference, step
from kubelab.storage.binder.bind import unbind, volume_phase
from kubelab.storage.names import capacity, phase
from kubelab.store.log import Object

NAMESPACE, PREFIX = "default", "recycler-for-"
SECONDS = {"hostPath": (60, 30), "nfs": (300, 30)}  # source that can be recycled → least time, and time for each Gi
IMAGE = "registry.k8s.io/debian-base:v2.0.0"
COMMAND = 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1'
UNKNOWN = "pod failed, pod.Status.Message unknown."

RECYCLE = Reason("Recycle", "{subject} is emptied by a pod")
RECYCLING = Reason("Recycling", "{subject} waits for its recycler pod")
RECYCLED = Reason("Recycled", "{subject} is empty")
IN_USE = Reason("VolumeInUse", "{subject} is used by {pods}")
FAILED = Reason("RecycleFailed", "{subject} could not be emptied")


def recycle(volume: Object, pod: Object | None, users: tuple[str, ...]) -> Plan:
    """``pod``: the recycler, if it is there; ``users``: pods that have not ended and use the claim that is gone."""
    subject = f"persistentvolume/{volume['metadata']['name']}"
    if pod is None:
        if users:
            words = f"Volume is used by pods: {','.join(sorted(users))}"
            event = EventDraft(reference(volume), "Normal", "VolumeFailedRecycle", words)
            return Plan(events=(event,), because=(IN_USE(subject, pods=", ".join(sorted(users))),))
        return step(create("pods", _recycler(volume), accept=(409,), because=RECYCLE(subject)))
    if pod["metadata"].get("deletionTimestamp") is not None or phase(pod) not in ("Succeeded", "Failed"):
        return Plan(because=(RECYCLING(subject),))
    gone: Call = delete("pods", pod, accept=(404,), because=RECYCLED(subject))
    if phase(pod) == "Succeeded":
        event = EventDraft(reference(volume), "Normal", "VolumeRecycled", "Volume recycled")
        return Plan((Batch((gone,)),), events=(event,)).then(unbind(volume))
    first = Plan((Batch((gone,)),), because=(FAILED(subject),))
    if phase(volume) == "Failed":
        return first
    message = f"Recycle failed: {(pod.get('status') or {}).get('message') or UNKNOWN}"
    event = EventDraft(reference(volume), "Warning", "VolumeFailedRecycle", message)
    return first.then(step(volume_phase(volume, "Failed", message, event)))


def _recycler(volume: Object) -> Object:
    source = next(each for each in SECONDS if each in volume["spec"])
    least, for_each = SECONDS[source]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{PREFIX}{volume['metadata']['name']}", "namespace": NAMESPACE},
        "spec": {
            "activeDeadlineSeconds": max(least, capacity(volume) // 2**30 * for_each),
            "restartPolicy": "Never",
            "volumes": [{"name": "vol", source: volume["spec"][source]}],
            "containers": [
                {
                    "name": "pv-recycler",
                    "image": IMAGE,
                    "command": ["/bin/sh"],
                    "args": ["-c", COMMAND],
                    "volumeMounts": [{"name": "vol", "mountPath": "/scrub"}],
                }
            ],
        },
    }
