"""Claims, volumes, classes and pods in one line each."""

from __future__ import annotations

from typing import Any

from kubelab.store.log import Object

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


def marks(*names: str, **more: str) -> dict[str, str]:
    return {**dict.fromkeys(names, "yes"), **more}


def claim(
    name: str, size: str = "1Gi", volume: str = "", phase: str = "Pending", *, uid: str = "", class_: str | None = None, **more: Any
) -> Object:
    """``more``: annotations, labels, finalizers, deletionTimestamp, modes, selector, mode, capacity (of the status)."""
    meta = {key: more[key] for key in ("annotations", "finalizers", "deletionTimestamp", "ownerReferences") if key in more}
    spec: Object = {"accessModes": more.get("modes", ["ReadWriteOnce"]), "resources": {"requests": {"storage": size}}}
    spec.update({key: more[other] for key, other in (("selector", "selector"), ("volumeMode", "mode")) if other in more})
    if volume:
        spec["volumeName"] = volume
    if class_ is not None:
        spec["storageClassName"] = class_
    status: Object = {"phase": phase}
    if phase == "Bound":
        status.update({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": more.get("capacity", size)}})
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", **meta},
        "spec": spec,
        "status": status,
    }


def volume(name: str, size: str = "1Gi", of: str = "", phase: str = "Available", *, uid: str = "", class_: str = "", **more: Any) -> Object:
    """``of``: the claim that it names, ``uid`` that claim's uid. ``more``: annotations, labels, policy, modes, mode, source, …"""
    meta = {key: more[key] for key in ("annotations", "labels", "finalizers", "deletionTimestamp") if key in more}
    spec: Object = {
        "capacity": {"storage": size},
        "accessModes": more.get("modes", ["ReadWriteOnce"]),
        "persistentVolumeReclaimPolicy": more.get("policy", "Retain"),
        **more.get("source", {"nfs": {"server": "s", "path": "/"}}),
    }
    if "mode" in more:
        spec["volumeMode"] = more["mode"]
    if class_:
        spec["storageClassName"] = class_
    if of:
        spec["claimRef"] = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": of, **({"uid": uid} if uid else {})}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "uid": f"uid-{name}", **meta},
        "spec": spec,
        "status": {"phase": phase} if phase else {},
    }


def storage_class(name: str, provisioner: str = "lab.kubelab.dev/dynamic", *, wait: bool = False, **more: Any) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "uid": f"uid-{name}", **{key: more[key] for key in ("annotations", "creationTimestamp") if key in more}},
        "provisioner": provisioner,
        "reclaimPolicy": more.get("policy", "Delete"),
        "volumeBindingMode": "WaitForFirstConsumer" if wait else "Immediate",
        **({"mountOptions": more["options"]} if "options" in more else {}),
    }


def pod(name: str, *claims: str, node: str = "", phase: str = "Pending", **more: Any) -> Object:
    volumes = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in claims] + list(more.get("volumes", ()))
    meta = {key: more[key] for key in ("deletionTimestamp",) if key in more}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **meta},
        "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": volumes, **({"nodeName": node} if node else {})},
        "status": {"phase": phase},
    }


def node(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": f"uid-{name}"}, "spec": {}, "status": {}}
