"""What the bodies of a call add, kept small: a log's bodies do not fit in memory, the few facts that a rollout is told from do.

upstream: staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go, pkg/controller/deployment/util/deployment_util.go, 1.28.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from kubelab.frames.phases import is_ready, phase_of, restarts, trouble

Object = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
_HASHES = ("pod-template-hash", "controller-revision-hash", "pod-template-generation")


class Told(NamedTuple):
    """Facts from the object in an answer, or else in a request. Of pods: ``owner`` to ``grace``; of workloads: ``replicas`` to ``finished``."""

    name: str = ""
    uid: str = ""
    kind: str = ""
    owner: tuple[str, str] = ("", "")
    hash: str = ""
    images: str = ""
    node: str = ""
    phase: str = ""
    reason: str = ""
    ready: bool | None = None
    begun: bool | None = None
    restarts: int = 0
    grace: int | None = None
    revision: str = ""
    template: str = ""
    restarted: str = ""
    replicas: int | None = None
    settings: tuple[tuple[str, str], ...] = ()
    finished: bool | None = None
    stuck: str = ""


def told(body: dict[str, Any]) -> Told | None:
    """The facts of one call's bodies; None where there are none of use (a Status, a patch, what is no object of its kind)."""
    try:
        return _told(body)
    except (AttributeError, KeyError, TypeError, ValueError):  # bodies are what clients sent, and need not be well-formed
        return None


def _told(body: dict[str, Any]) -> Told | None:
    answer, request = body.get("response_object"), body.get("request_object")
    obj = _object(answer) or (_object(request) if body.get("verb") in ("create", "update") else None)
    resource, subresource = body.get("resource"), body.get("subresource") or ""
    if obj is not None and obj.get("kind") == "Scale":
        return Told(kind="Scale", replicas=_number((obj.get("spec") or {}).get("replicas")))
    if resource == "pods":
        return _pod(obj, request, subresource)
    if obj is None or subresource not in ("", "status"):
        return None
    return _revision(obj) if resource == "controllerrevisions" else _workload(obj)


def _object(value: Any) -> Object | None:
    """A whole object; a Status or a truncated body is none."""
    if not isinstance(value, dict) or value.get("kind") == "Status" or not isinstance(value.get("metadata"), dict):
        return None
    return value


def _pod(obj: Object | None, request: Any, subresource: str) -> Told | None:
    if subresource == "binding":
        target = (request or {}).get("target") if isinstance(request, dict) else None
        return Told(node=str(target.get("name") or "")) if isinstance(target, dict) else None
    if subresource not in ("", "status"):
        return None
    if obj is None:
        status = request.get("status") if isinstance(request, dict) else None
        if not isinstance(status, dict) or not any(
            each.get("type") == "Ready" and "status" in each for each in status.get("conditions") or ()
        ):
            return None
        status = {**status, "conditions": [each for each in status["conditions"] if "status" in each]}  # a patch names what it changes
        return Told(ready=is_ready(status), reason=trouble(status))
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    labels = meta.get("labels") or {}
    mark = next((str(labels[label]) for label in _HASHES if label in labels), "")
    return Told(
        name=str(meta.get("name") or ""),
        uid=str(meta.get("uid") or ""),
        kind="Pod",
        owner=_owner(meta),
        hash=mark.rpartition("-")[2],
        images=_images(spec),
        node=str(spec.get("nodeName") or ""),
        phase=phase_of({"metadata": meta, "spec": spec, "status": status}),
        reason=trouble(status) or str(status.get("reason") or ""),
        ready=is_ready(status),
        begun=status.get("phase") in ("Running", "Succeeded", "Failed"),
        restarts=restarts(status),
        grace=_number(meta.get("deletionGracePeriodSeconds")) if meta.get("deletionTimestamp") else None,
    )


def _owner(meta: Object) -> tuple[str, str]:
    for each in meta.get("ownerReferences") or ():
        if each.get("controller"):
            return str(each.get("kind", "")), str(each.get("name", ""))
    return "", ""


def _images(spec: Object) -> str:
    return ", ".join(str(each.get("image", "")) for each in spec.get("containers") or ())


def _revision(obj: Object) -> Told:
    meta, data = obj["metadata"], obj.get("data") or {}
    template = ((data.get("spec") or {}).get("template") or {}) if isinstance(data, dict) else {}
    images = _images(template.get("spec") or {})
    return Told(
        str(meta.get("name") or ""),
        str(meta.get("uid") or ""),
        "ControllerRevision",
        _owner(meta),
        images=images,
        revision=str(obj.get("revision", "")),
    )


def _workload(obj: Object) -> Told:
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    template = spec.get("template") or {}
    annotations = meta.get("annotations") or {}
    marks = (template.get("metadata") or {}).get("annotations") or {}
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    settings = {
        "paused": spec.get("paused", False),
        "partition": (strategy.get("rollingUpdate") or {}).get("partition", 0),
        "strategy": {
            **strategy,
            "rollingUpdate": {key: value for key, value in (strategy.get("rollingUpdate") or {}).items() if key != "partition"},
        },
    }
    return Told(
        name=str(meta.get("name") or ""),
        uid=str(meta.get("uid") or ""),
        kind=str(obj.get("kind") or ""),
        owner=_owner(meta),
        hash=str((meta.get("labels") or {}).get("pod-template-hash", "")),
        images=_images(template.get("spec") or {}),
        revision=str(annotations.get(REVISION, "")),
        template=_digest(template),
        restarted=str(marks.get(RESTARTED, "")),
        replicas=_number(spec.get("replicas")),
        settings=tuple((name, json.dumps(value, sort_keys=True)) for name, value in settings.items()),
        finished=_finished(obj, meta, spec, status),
        stuck=_stuck(status),
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _finished(obj: Object, meta: Object, spec: Object, status: Object) -> bool | None:
    """Whether ``kubectl rollout status`` would end here, or a Job is complete; None for a kind that has no rollout."""
    if obj.get("kind") == "Job":
        return any(each.get("type") == "Complete" and each.get("status") == "True" for each in status.get("conditions") or ())
    if (status.get("observedGeneration") or 0) < (meta.get("generation") or 0):
        return False
    if obj.get("kind") == "DaemonSet":
        wanted = status.get("desiredNumberScheduled") or 0
        return (status.get("updatedNumberScheduled") or 0) >= wanted and (status.get("numberAvailable") or 0) >= wanted
    wanted = spec.get("replicas")
    wanted = 1 if wanted is None else wanted
    updated, total = status.get("updatedReplicas") or 0, status.get("replicas") or 0
    if obj.get("kind") == "Deployment":
        return bool(updated >= wanted and total <= updated and (status.get("availableReplicas") or 0) >= updated)
    if obj.get("kind") == "StatefulSet":
        partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
        if (status.get("readyReplicas") or 0) < wanted or total > wanted:
            return False
        if partition:
            return bool(updated >= wanted - partition)
        return bool(status.get("updateRevision") == status.get("currentRevision"))
    if obj.get("kind") in ("ReplicaSet", "ReplicationController"):
        return bool(total == wanted and (status.get("readyReplicas") or 0) >= wanted)
    return None


def _stuck(status: Object) -> str:
    """Deployments and Jobs say themselves that they do not get on."""
    for each in status.get("conditions") or ():
        if (each.get("type"), each.get("status")) in (("Progressing", "False"), ("Failed", "True")):
            return str(each.get("reason") or "")
    return ""


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
