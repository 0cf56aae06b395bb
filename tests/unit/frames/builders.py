"""A log written by hand: each line of a story is one change, at a second, with the call that made it."""

from __future__ import annotations

from typing import Any

from kubelab.store.log import CallRecord, Commit, Log, Manager, Object
from kubelab.world.clock import parse_rfc3339, rfc3339

START = "2026-01-01T00:00:00Z"
START_NS = parse_rfc3339(START)


def at_ns(seconds: float) -> int:
    return START_NS + round(seconds * 1e9)


class Story:
    """``put`` writes an object (creating or changing it), ``drop`` removes it; both return the revision."""

    def __init__(self) -> None:
        self.log = Log()
        self._newest: dict[tuple[str, str, str], Commit] = {}

    def put(self, seconds: float, obj: Object, **call: Any) -> int:
        key = _key(obj)
        return self._commit(seconds, "MODIFIED" if key in self._newest else "ADDED", key, obj, call)

    def drop(self, seconds: float, obj: Object, **call: Any) -> int:
        key = _key(obj)
        revision = self._commit(seconds, "DELETED", key, self._newest[key].object, {"verb": "delete", **call})
        del self._newest[key]
        return revision

    def _commit(self, seconds: float, what: str, key: tuple[str, str, str], obj: Object, call: dict[str, Any]) -> int:
        revision = len(self.log.commits) + 1
        before = self._newest.get(key)
        self.call(seconds, resource=key[0], namespace=key[1], name=key[2], revision=revision, **call)
        commit = Commit(
            revision,
            at_ns(seconds),
            what,
            key,
            obj,
            before.object if before else None,
            before.revision if before else 0,
            len(self.log.calls) - 1,
            Manager("test", "Update", obj["apiVersion"]),
        )
        self.log.commits.append(commit)
        self._newest[key] = commit
        return revision

    def call(self, seconds: float, *, waiting: float = 0, executing: float = 0, **fields: Any) -> None:
        """A call answered at a second, after so many seconds of waiting and executing."""
        known = {
            "user": fields.get("component") or "kubernetes-admin",
            "user_agent": "",
            "verb": "update",
            "resource": "pods",
            "subresource": "",
            "namespace": "default",
            "name": "",
            "code": 200,
            "reason": "",
            "message": "",
            "component": "",
            "key": "",
            "wake": 0,
            "cause": 0,
            "because": "",
            "revision": 0,
            "uri": "",
        }
        self.log.calls.append(
            CallRecord(at_ns(seconds), wait_ns=round(waiting * 1e9), latency_ns=round(executing * 1e9), **{**known, **fields})
        )


PLURALS = {
    "Pod": "pods",
    "Node": "nodes",
    "Event": "events",
    "ReplicaSet": "replicasets.apps",
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
}


def _key(obj: Object) -> tuple[str, str, str]:
    return PLURALS[obj["kind"]], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def pod(name: str, words: str = "", *, owner: Object | None = None, uid: str = "", image: str = "app:1", revision: str = "") -> Object:
    """A pod by words: ``node`` (has one), ``running``, ``ready``, ``failed``, ``succeeded``, ``going``, or a waiting container's reason."""
    known = words.split()
    phases = {"running": "Running", "ready": "Running", "failed": "Failed", "succeeded": "Succeeded"}
    phase = next((phases[word] for word in known if word in phases), "Pending")
    waiting = next((word for word in known if word[0].isupper()), "")
    meta = metadata(name, uid=uid or f"uid-{name}", owner=owner)
    if revision:
        meta["labels"] = {"controller-revision-hash": f"x-{revision}"}
    if "going" in known:
        meta["deletionTimestamp"] = START
    status: Object = {"phase": phase, "conditions": [{"type": "Ready", "status": "True" if "ready" in known else "False"}]}
    if waiting:
        status["containerStatuses"] = [{"name": "c", "state": {"waiting": {"reason": waiting}}, "restartCount": 2}]
    spec: Object = {"containers": [{"name": "c", "image": image}]}
    if known and known != ["going"]:
        spec["nodeName"] = "node-1"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def metadata(name: str, *, uid: str = "", owner: Object | None = None) -> Object:
    meta: Object = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "creationTimestamp": START}
    if owner is not None:
        reference = {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": True}
        meta["ownerReferences"] = [reference]
    return meta


def workload(kind: str, name: str, replicas: int, *, owner: Object | None = None, **spec: Any) -> Object:
    meta = metadata(name, uid=f"uid-{kind}-{name}", owner=owner)
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": {"replicas": replicas, **spec}, "status": {}}


def event(seconds: float, about: Object, reason: str) -> Object:
    """An Event, named as upstream names it."""
    meta = metadata(f"{about['metadata']['name']}.{at_ns(seconds):x}")
    involved = {"kind": about["kind"], "namespace": "default", "name": about["metadata"]["name"], "uid": about["metadata"]["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta,
        "involvedObject": involved,
        "reason": reason,
        "message": f"{reason} it",
        "type": "Normal",
        "count": 1,
        "firstTimestamp": rfc3339(at_ns(seconds)),
        "source": {"component": "kubelet"},
    }
