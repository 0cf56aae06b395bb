"""Small builders, so that a row of a table stays one line."""

from __future__ import annotations

from typing import Any

from kubelab.controllers.common.history import new_revision, template_data
from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.statefulset.observe import Gates, Seen
from kubelab.controllers.statefulset.slots import POD_INDEX_LABEL, POD_NAME_LABEL, REVISION_LABEL
from kubelab.store.log import Object
from kubelab.world.clock import parse_rfc3339, rfc3339

NOW = "2026-01-01T12:00:00Z"
NOW_NS = parse_rfc3339(NOW)


def ago(seconds: float) -> str:
    return rfc3339(NOW_NS - int(seconds * 1e9))


def template(image: str = "app:1", **labels: str) -> Object:
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image, "resources": {}}]}}


def meta(name: str, **more: Any) -> Object:
    return {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": NOW,
        "generation": 1,
        **more,
    }


def owned_by(owner: Object | None) -> Object:
    return {"ownerReferences": [controller_reference(owner)]} if owner else {}


def replica_set(name: str = "web", replicas: int = 1, *, owner: Object | None = None, labels: Object | None = None, **more: Any) -> Object:
    """``more``: status fields in snake case are not needed: pass ``status={…}``, ``annotations={…}``, ``created=…``, ``spec={…}``."""
    labels = labels if labels is not None else {"app": "web"}
    extra = {key: more[key] for key in ("annotations", "deletionTimestamp", "uid") if key in more}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta(name, labels=labels, creationTimestamp=more.get("created", NOW), **owned_by(owner), **extra),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": more.get("template", template(**labels)),
            **more.get("spec", {}),
        },
        "status": more.get("status", {"replicas": 0}),
    }


def deployment(name: str = "web", replicas: int = 1, *, surge: Any = None, unavailable: Any = None, **more: Any) -> Object:
    rolling = {key: value for key, value in (("maxSurge", surge), ("maxUnavailable", unavailable)) if value is not None}
    strategy = {"type": "Recreate"} if more.get("recreate") else {"type": "RollingUpdate", "rollingUpdate": rolling}
    extra = {key: more[key] for key in ("annotations", "deletionTimestamp") if key in more}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(name, generation=more.get("generation", 1), **extra),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": more.get("template", template()),
            "strategy": strategy,
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            **more.get("spec", {}),
        },
        "status": more.get("status", {}),
    }


def pod(name: str, state: str = "ready", *, owner: Object | None = None, labels: Object | None = None, **more: Any) -> Object:
    """``state``: words out of new, pending, running, ready, failed, succeeded, unknown, going."""
    words = state.split()
    phases = {
        "pending": "Pending",
        "running": "Running",
        "ready": "Running",
        "failed": "Failed",
        "succeeded": "Succeeded",
        "unknown": "Unknown",
    }
    phase = next((phases[word] for word in words if word in phases), "")
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": more.get("ready_since", ago(3600))}] if "ready" in words else []
    extra = {key: more[key] for key in ("annotations", "uid") if key in more}
    if "going" in words:
        extra["deletionTimestamp"] = NOW
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, labels=labels if labels is not None else {"app": "web"}, **owned_by(owner), **extra)
        | {"creationTimestamp": more.get("created", NOW)},
        "spec": {"nodeName": more.get("node", "node-1"), "containers": [], "volumes": more.get("volumes", [])},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": [{"restartCount": more.get("restarts", 0)}]},
    }


# -- StatefulSets -----------------------------------------------------------------------------------------------------------
def stateful_set(replicas: int = 3, **more: Any) -> Object:
    extra = {key: more[key] for key in ("annotations", "deletionTimestamp") if key in more}
    strategy = {"type": more.get("strategy", "RollingUpdate")}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"partition": more.get("partition", 0), **more.get("rolling", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("web", generation=more.get("generation", 1), **extra),
        "spec": {
            "replicas": replicas,
            "serviceName": "web",
            "selector": {"matchLabels": {"app": "web"}},
            "template": more.get("template", template()),
            "updateStrategy": strategy,
            "podManagementPolicy": more.get("policy", "OrderedReady"),
            "revisionHistoryLimit": 10,
            **more.get("spec", {}),
        },
        "status": more.get("status", {"replicas": 0, "availableReplicas": 0}),
    }


def revision(owner: Object, image: str = "app:1", number: int = 1) -> Object:
    body = new_revision(owner, template_data(template(image)), number, 0)
    return {
        **body,
        "metadata": {**body["metadata"], "uid": f"uid-{body['metadata']['name']}", "resourceVersion": "1", "creationTimestamp": NOW},
    }


def stateful_pod(owner: Object, ordinal: int, state: str, at: Object, **more: Any) -> Object:
    name = f"{owner['metadata']['name']}-{ordinal}"
    labels = {"app": "web", POD_NAME_LABEL: name, POD_INDEX_LABEL: str(ordinal), REVISION_LABEL: at["metadata"]["name"]}
    return pod(name, state, owner=owner, labels=labels, **more)


def seen(states: str, *, replicas: int | None = None, first: int = 0, **more: Any) -> Seen:
    """What a sync sees: one word (or words joined by ``+``) per ordinal, ``-`` for a missing pod, ``old+…`` for one of the old revision.

    The set has revisions ``old`` (image app:1) and ``new`` (app:2) if ``updating``, else only app:1.
    """
    words = states.split()
    updating = more.pop("updating", False)
    gates = more.pop("gates", Gates())
    claims = more.pop("claims", {})
    pod_options = more.pop("pods", {})
    taken = more.pop("taken", ())
    count = len(words) if replicas is None else replicas
    if updating:
        more["template"] = template("app:2")
    owner = stateful_set(count, **more)
    old = revision(owner, "app:1", 1)
    new = revision(owner, "app:2", 2) if updating else old
    pods = [
        stateful_pod(
            owner, at, word.replace("old+", "").replace("+", " "), old if word.startswith("old+") or not updating else new, **pod_options
        )
        for at, word in enumerate(words, first)
        if word != "-"
    ]
    return Seen(owner, pods, old, new, NOW_NS, [old] if new is old else [old, new], claims=claims, taken=taken, gates=gates)


def done(plan: Any) -> list[str]:
    """The calls of a plan in words, one text per batch: ``create pods web-0``; several calls of a batch are joined by commas."""
    return [", ".join(map(in_words, batch.calls)) for batch in plan.batches if not batch.refused]


def in_words(call: Any) -> str:
    resource = f"{call.resource}/{call.subresource}" if call.subresource else call.resource
    return f"{call.verb} {resource} {call.name}".strip()


def status_of(plan: Any) -> Object | None:
    """The status that a plan writes last."""
    for batch in reversed(plan.batches):
        for call in () if batch.refused else batch.calls:
            if call.subresource == "status":
                return call.body["status"]
    return None


def rules(plan: Any) -> list[str]:
    """The rules that a plan follows, in order: of its calls (status writes aside), else of the plan itself."""
    found = [call.because.rule for call in plan.calls if call.because and call.subresource != "status"]
    return found or [because.rule for because in plan.because]
