"""Static pods: manifests on a node's own disk, which its kubelet runs without being told by anybody, and mirrors at the API server.

A static pod's uid is the hash of its manifest; its containers belong to that uid. The mirror has the name, another uid, and the status that
the kubelet reports. Who deletes a mirror stops nothing: it is made anew.

upstream: pkg/kubelet/config/{common,config,file}.go, pkg/kubelet/pod/mirror_client.go, pkg/kubelet/kubelet.go SyncPod,
deleteOrphanedMirrorPods in pkg/kubelet/kubelet_pods.go, pkg/kubelet/types/pod_update.go, 1.28; spec/scheduler-kubelet.md section 8.
The manifests stand in the table ``static`` of the machine: (namespace, name) → pod.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kubelab.engine.component import Change, Scope, Tables
from kubelab.engine.plan import NOTHING, Act, Batch, Call, Key, Plan, Reason, wait
from kubelab.kubelet.pod.status import TERMINAL, digest
from kubelab.kubelet.records import Worker
from kubelab.world.clock import SECOND, rfc3339

Object = dict[str, Any]
TABLE = "static"
SOURCE, HASH, SEEN, MIRROR = (f"kubernetes.io/config.{word}" for word in ("source", "hash", "seen", "mirror"))
HOUSEKEEPING_NS = 2 * SECOND
TOLERATION = {"operator": "Exists", "effect": "NoExecute"}
_NONE: dict[str, Any] = {}

MIRRORED = Reason("mirror-static-pod", "{subject}: the node runs a static pod that has no mirror")
CHANGED = Reason("mirror-differs", "{subject}: the mirror is not that of the static pod, or is being deleted")
ORPHANED = Reason("mirror-orphaned", "{subject}: the node has no such static pod")
STOPPING = Reason("static-pod-stops", "{subject}: the static pod is still being stopped")


def of_manifest(manifest: Object, node: str, path: str, now_ns: int) -> Object:
    """The pod that a kubelet makes of a manifest in its folder: named after the node, bound to it, with the hash as uid.

    upstream: applyDefaults in pkg/kubelet/config/common.go, and what podStorage.merge adds.
    """
    meta = manifest["metadata"]
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")) + f"host:{node}file:{path}"
    uid = meta.get("uid") or hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    notes = {**(meta.get("annotations") or {}), HASH: uid, SEEN: _nanoseconds(now_ns), SOURCE: "file"}
    spec = manifest["spec"]
    others = [each for each in spec.get("tolerations") or () if each != TOLERATION]
    kept = {key: item for key, item in meta.items() if key in ("labels", "finalizers")}
    own = {"name": f"{meta['name']}-{node.lower()}", "namespace": meta.get("namespace") or "default", "uid": uid, "annotations": notes}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**own, **kept, "resourceVersion": ""},
        "spec": {**spec, "nodeName": node, "tolerations": [*others, TOLERATION]},
    }


def _nanoseconds(ns: int) -> str:
    """As Go's RFC3339Nano: no zeros at the end."""
    fraction = f"{ns % SECOND:09d}".rstrip("0")
    return f"{rfc3339(ns)[:-1]}{'.' if fraction else ''}{fraction}Z"


def own_uid(pod: Object) -> str:
    """Under which uid a node keeps the containers of a pod that it was shown: a mirror's are its static pod's."""
    meta = pod["metadata"]
    return str((meta.get("annotations") or _NONE).get(MIRROR) or meta["uid"])


def is_mirror(pod: Object) -> bool:
    return MIRROR in (pod["metadata"].get("annotations") or _NONE)


def key_of(pod: Object) -> Key:
    """The key of a static pod's worker."""
    meta = pod["metadata"]
    return ("pod", meta["uid"], meta["namespace"], meta["name"])


def mirror_key(pod: Object) -> Key:
    meta = pod["metadata"]
    return ("mirror", meta["namespace"], meta["name"])


def keys(tables: Tables) -> list[Key]:
    """All static pods of a machine, when its kubelet starts."""
    return [key for pod in tables.get(TABLE, _NONE).values() for key in (key_of(pod), mirror_key(pod))]


# -- a static pod's worker ----------------------------------------------------------------------------------------------------
class Shown(NamedTuple):
    """What the API server has of a static pod: its mirror's uid ("": none to report to), and the mirror's status."""

    uid: str
    status: Object


def find(tables: Tables, uid: str, namespace: str, name: str) -> Object | None:
    """The static pod of this uid."""
    pod: Object | None = tables.get(TABLE, _NONE).get((namespace, name))
    return pod if pod is not None and pod["metadata"]["uid"] == uid else None


def pod_of(scope: Scope, uid: str, namespace: str, name: str) -> Object | None:
    """The pod of this uid, be it the API server's or a static one."""
    pod = scope.view.get("pods", namespace, name)
    if pod is not None and pod["metadata"]["uid"] == uid:
        return pod
    return find(scope.local, uid, namespace, name) if scope.local.get(TABLE) else None


def observed(scope: Scope, key: Key, shown: Object | None, worker: Worker | None) -> tuple[Object, Shown] | None:
    """A static pod with its mirror's status, as its worker looks at it; None if it is none."""
    _, uid, namespace, name = key
    pod = find(scope.local, uid, namespace, name)
    if pod is None or (worker is not None and _was_removed(worker)):
        return None
    mine = shown is not None and shown["metadata"].get("annotations", _NONE).get(MIRROR) == uid
    if not mine or shown is None or "deletionTimestamp" in shown["metadata"]:
        return {**pod, "status": {}}, Shown("", _NONE)
    status: Object = shown.get("status") or {}
    own = status
    if status.get("phase") in TERMINAL and (worker is None or not worker.done):
        # what an earlier life of the pod has come to says nothing of this one
        own = {name: item for name, item in status.items() if name not in ("phase", "reason", "message")}
    return {**pod, "status": own}, Shown(shown["metadata"]["uid"], status)


def _was_removed(worker: Worker) -> bool:
    """Whether the manifest was away, and is back before the pod has stopped: that comes first (upstream: restartRequested)."""
    return worker.grace_s > 0 and worker.verdict is None and worker.pod["spec"].get("restartPolicy") == "Always"


def is_blocked(scope: Scope, pod: Object) -> bool:
    """Whether another static pod of the same name is still there (upstream: allowStaticPodStart)."""
    meta = pod["metadata"]
    place = (meta["name"], meta["namespace"])
    others = (worker.pod["metadata"] for uid, worker in scope.table("workers").items() if uid != meta["uid"])
    return any((other["name"], other["namespace"]) == place for other in others)


def reported(plan: Plan, shown: Shown, *, fresh: bool, pod: Object) -> Plan:
    """A worker's plan with its reports addressed to the mirror, as far as there is one; the mirror itself is another key's affair."""
    batches = []
    for batch in plan.batches:
        calls = tuple(call for each in batch.calls if (call := _addressed(each, shown)) is not None)
        if calls:
            batches.append(batch._replace(calls=calls))
    follow_up = (*plan.follow_up, mirror_key(pod)) if fresh else plan.follow_up
    return plan._replace(batches=tuple(batches), follow_up=follow_up)


def _addressed(call: Call | Act, shown: Shown) -> Call | Act | None:
    if not isinstance(call, Call):
        return call
    if call.verb != "patch" or not shown.uid:
        return None
    status = dict(call.body["status"])
    if status.get("phase", "Failed") not in TERMINAL:
        status.update({field: None for field in ("reason", "message") if field in shown.status and field not in status})
    return call._replace(body={"metadata": {"uid": shown.uid}, "status": status}, accept=(404, 409))


# -- mirrors ------------------------------------------------------------------------------------------------------------------
def mirror_changed(change: Change, scope: Scope) -> Iterable[Key]:
    """A mirror is new, gone, being deleted, or has a status that its kubelet did not report."""
    mirror, old = change.object, change.old
    meta = mirror["metadata"]
    key = ("mirror", meta["namespace"], meta["name"])
    pod = find(scope.local, own_uid(mirror), meta["namespace"], meta["name"])
    if pod is None:
        return (key,)
    if change.type == "MODIFIED" and old is not None and "deletionTimestamp" not in meta:
        worker = scope.table("workers").get(pod["metadata"]["uid"])
        if worker is not None and worker.reported == digest(mirror.get("status") or _NONE):
            return ()
        return (key_of(pod),)
    return (key, key_of(pod))


class MirrorSeen(NamedTuple):
    """A static pod (None: there is none), what stands under its name at the API server, the node's uid ("": no node, or it is being
    deleted). ``running``: an earlier or removed static pod of this name has not been stopped.
    """

    pod: Object | None
    shown: Object | None
    node: str
    node_uid: str
    running: bool


def observe(scope: Scope, key: Key, node_name: str) -> MirrorSeen:
    _, namespace, name = key
    pod = scope.local.get(TABLE, _NONE).get((namespace, name))
    shown = scope.view.get("pods", namespace, name)
    node = scope.view.get("nodes", "", node_name)
    known: Mapping[str, Any] = node["metadata"] if node is not None else _NONE
    uid = "" if "deletionTimestamp" in known else known.get("uid", "")
    if pod is not None:
        return MirrorSeen(pod, shown, node_name, uid, is_blocked(scope, pod))
    return MirrorSeen(None, shown, node_name, uid, shown is not None and own_uid(shown) in scope.table("workers"))


def plan(seen: MirrorSeen) -> Plan:
    """Make the mirror, or make it anew, or take it away."""
    shown = seen.shown
    hash_of_it = (shown["metadata"].get("annotations") or _NONE).get(MIRROR) if shown is not None else None
    if seen.pod is None:
        if shown is None or hash_of_it is None:
            return NOTHING
        subject = f"pod/{shown['metadata']['name']}"
        if seen.running:
            return wait(STOPPING(subject), again_ns=HOUSEKEEPING_NS)
        return Plan((Batch((_delete(shown, ORPHANED(subject)),)),))
    meta = seen.pod["metadata"]
    subject = f"pod/{meta['name']}"
    if seen.running or not seen.node_uid:
        return Plan(again_ns=HOUSEKEEPING_NS)
    if shown is None:
        return Plan((Batch((_create(seen, seen.pod, MIRRORED(subject)),)),))
    if hash_of_it is None or (hash_of_it == meta["uid"] and "deletionTimestamp" not in shown["metadata"]):
        return NOTHING
    because = CHANGED(subject)
    return Plan((Batch((_delete(shown, because),)), Batch((_create(seen, seen.pod, because),))), because=(because,))


def _delete(shown: Object, because: Any) -> Call:
    meta = shown["metadata"]
    options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
    return Call("delete", "pods", meta["namespace"], meta["name"], body=options, accept=(404, 409), because=because)


def _create(seen: MirrorSeen, pod: Object, because: Any) -> Call:
    """The mirror: the pod with its hash once more, owned by the node."""
    meta = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": seen.node, "uid": seen.node_uid, "controller": True}
    kept = {key: item for key, item in meta.items() if key in ("name", "namespace", "labels", "finalizers")}
    notes = {**meta["annotations"], MIRROR: meta["uid"]}
    body = {**pod, "metadata": {**kept, "annotations": notes, "ownerReferences": [owner]}, "status": {"phase": "Pending"}}
    return Call("create", "pods", meta["namespace"], "", body=body, accept=(409,), because=because)
