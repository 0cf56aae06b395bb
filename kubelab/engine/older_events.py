"""Events as the components of 1.7 wrote them: by one recorder, under its sources, with an object's version read from its selfLink.

An Event's ``involvedObject.apiVersion`` was what stands third in the object's path: a group's name (``extensions``), or ``v1``.

upstream: client-go/pkg/api/v1/ref/ref.go GetReference, tools/record, EventSource of pkg/controller/*/*.go, 1.7.
"""

from __future__ import annotations

import re
from dataclasses import replace

from kubelab.engine.component import Identity
from kubelab.engine.plan import EventDraft

_SOURCES = {
    "statefulset-controller": "statefulset",
    "node-controller": "controllermanager",
    "taint-controller": "controllermanager",
}
_OF_IMAGES = ("Error: ErrImagePull", "Error: ImagePullBackOff")
_OF_PODS = ("SuccessfulCreate", "SuccessfulDelete", "FailedCreate", "FailedDelete")


#: Go 1.8 did not quote the address that a request went to, and named the call that found a connection refused.
_URL = re.compile(r'\b(Get|Head|Post) "([^"]+)": ')
_UNMOUNTED = re.compile(r"^Unable to attach or mount volumes: unmounted volumes=\[([^]]*)\]")
_MISSING = re.compile(r' : (secret|configmap) "')
_STARTING = {"Created": "Created container", "Started": "Started container"}


def _worded(draft: EventDraft, source: str) -> EventDraft:
    """The same thing in the words of then."""
    reason, message = draft.reason, draft.message
    if source == "kubelet" and reason in _STARTING and message.startswith(_STARTING[reason]):
        message = _STARTING[reason]
    elif source == "kubelet" and reason == "Pulling":
        message = message.replace("Pulling", "pulling", 1)
    elif source == "kubelet" and reason == "Pulled" and message.startswith("Successfully pulled"):
        message = message.partition(" in ")[0]
    elif source == "kubelet" and reason == "BackOff" and message.startswith("Back-off restarting failed container"):
        message = "Back-off restarting failed container"
    elif source == "kubelet" and reason == "Unhealthy":
        message = _URL.sub(r"\1 \2: ", message).replace(": connect: connection refused", ": getsockopt: connection refused")
    elif source == "kubelet" and reason == "FailedMount" and (found := _UNMOUNTED.match(message)):
        pod, space, uid = (draft.regarding.get(part, "") for part in ("name", "namespace", "uid"))
        message = (
            f'Unable to mount volumes for pod "{pod}_{space}({uid})": timeout expired waiting for volumes to attach/mount for pod '
            f'"{space}"/"{pod}". list of unattached/unmounted volumes=[{found[1]}]'
        )
    elif source == "kubelet" and reason == "FailedMount":
        message = _MISSING.sub(r' : \1s "', message)
    elif reason == "Scheduled":
        message = message.replace(f"{draft.regarding.get('namespace', '')}/", "", 1)
    return draft if message is draft.message else draft._replace(message=message)


def written(draft: EventDraft, identity: Identity) -> list[tuple[EventDraft, Identity]]:
    """The drafts and the identities with which the recorder goes on."""
    source = draft.reporter or identity.source
    if source != "kubelet":
        return [_written(draft, identity, source)]
    return [_written(each, identity, source) for each in _with_failed_sync(draft)]


def _with_failed_sync(draft: EventDraft) -> tuple[EventDraft, ...]:
    """A kubelet's sync that ends with an error says so once more; where the image is the reason, it says nothing else.

    upstream: pkg/kubelet/pod_workers.go managePodLoop, startContainer in pkg/kubelet/kuberuntime/kuberuntime_container.go, 1.7.
    """
    reason, message = draft.reason, draft.message
    has_failed = (
        (reason == "Failed" and message.startswith("Error: "))
        or (reason == "BackOff" and message.startswith("Back-off restarting"))
        or (reason == "FailedMount" and message.startswith("Unable to attach or mount"))
    )
    if not has_failed:
        return (draft,)
    pod = {name: part for name, part in draft.regarding.items() if name != "fieldPath"}
    failed = draft._replace(regarding=pod, type="Warning", reason="FailedSync", message="Error syncing pod")
    return (failed,) if message in _OF_IMAGES else (draft, failed)


def _written(draft: EventDraft, identity: Identity, source: str) -> tuple[EventDraft, Identity]:
    source = _SOURCES.get(source, source)
    if source == "daemonset-controller" and draft.reason in _OF_PODS:
        source = "daemon-set"
    draft = _worded(draft, source)
    regarding = draft.regarding
    group, slash, _ = str(regarding.get("apiVersion", "")).partition("/")
    if slash:
        regarding = {**regarding, "apiVersion": group}
    if source != identity.source:
        identity = replace(identity, source=source)
    return draft._replace(regarding=regarding, action="", reporter=""), identity
