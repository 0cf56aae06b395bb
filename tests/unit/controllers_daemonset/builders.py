"""DaemonSets, nodes and daemon pods in one line each; a world with the controller alone."""

from __future__ import annotations

from typing import Any

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.common.template_hash import template_hash
from kubelab.controllers.daemonset import CONTROLLER
from kubelab.controllers.daemonset.pods import HASH_LABEL
from kubelab.store.log import Object
from kubelab.world.clock import rfc3339
from tests.unit.storage.harness import NOW_NS, World

LABELS = {"name": "simple-daemon", "type": "production"}
LABELS_2 = {"name": "simple-daemon", "type": "test"}


def ago(seconds: float) -> str:
    return rfc3339(NOW_NS - int(seconds * 1e9))


def daemon_set(name: str = "foo", image: str = "app:1", *, surge: Any = 0, unavailable: Any = 1, **more: Any) -> Object:
    """``more``: pod (spec fields of the template), on_delete, min_ready, spec, status, annotations, deletionTimestamp, generation."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0 if surge else unavailable, "maxSurge": surge}}
    extra = {key: more[key] for key in ("annotations", "deletionTimestamp") if key in more}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "generation": more.get("generation", 1), **extra},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": image}], **more.get("pod", {})}},
            "updateStrategy": {"type": "OnDelete"} if more.get("on_delete") else rolling,
            "revisionHistoryLimit": 10,
            **({"minReadySeconds": more["min_ready"]} if "min_ready" in more else {}),
            **more.get("spec", {}),
        },
        "status": more.get("status", {}),
    }


def hash_of(daemon: Object) -> str:
    return template_hash(daemon["spec"]["template"], None)


def node(name: str, labels: Object | None = None, *taints: tuple[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels or {}},
        "spec": {"taints": [{"key": key, "effect": effect} for key, effect in taints]} if taints else {},
        "status": {},
    }


def daemon_pod(owner: Object, on: str, name: str = "", state: str = "ready new", **more: Any) -> Object:
    """``state``: words out of ready, running, failed, succeeded, going, new, old, unscheduled. ``more``: created, ready_since, labels."""
    words = state.split()
    name = name or f"{owner['metadata']['name']}-{on}"
    phase = next((word.title() for word in words if word in ("failed", "succeeded")), "Running")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": more.get("ready_since", ago(3600))}
    required = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [on]}]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    meta: Object = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "creationTimestamp": more.get("created", ago(3600)),
        "labels": more.get("labels", {**LABELS, HASH_LABEL: "older" if "old" in words else hash_of(owner)}),
        "ownerReferences": [controller_reference(owner)],
    }
    if "going" in words:
        meta["deletionTimestamp"] = ago(0)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"affinity": affinity, **({} if "unscheduled" in words else {"nodeName": on}), "containers": []},
        "status": {"phase": phase, "conditions": [ready] if "ready" in words else []},
    }


class Patched(World):
    """Also applies the patches that claim and relabel."""

    def _do(self, work: Any) -> None:
        super()._do(work)
        old = self.state.get(work.resource, work.namespace, work.name)
        if work.verb != "patch" or old is None:
            return
        wanted, meta = work.body["metadata"], old["metadata"]
        owners = meta.get("ownerReferences") or []
        for each in wanted.get("ownerReferences") or ():
            owners = [owner for owner in owners if owner["uid"] != each["uid"]] + ([] if "$patch" in each else [each])
        labels = {**meta["labels"], **(wanted.get("labels") or {})}
        self.put({**old, "metadata": {**meta, "ownerReferences": owners, "labels": labels}})


def world(*objects: Object, **more: Any) -> World:
    return Patched(CONTROLLER, *objects, **more)


def pod_calls(at: World) -> list[str]:
    """``+node`` and ``-pod``, in order."""
    found = []
    for call, body in zip(at.calls, at.bodies, strict=True):
        verb, resource, name = call.split(" ", 2)
        if resource == "pods" and verb in ("create", "delete"):
            found.append(f"+{target(body)}" if verb == "create" else f"-{name}")
    return found


def target(pod: Object) -> str:
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])


def status(at: World) -> Object:
    found = at.get("daemonsets.apps", "foo")
    assert found is not None
    return dict(found["status"])
