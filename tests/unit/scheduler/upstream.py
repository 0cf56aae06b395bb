"""Objects of upstream's rows as a server would have them: with names, namespaces, uids, and the parts that Go leaves out."""

from __future__ import annotations

from typing import Any

from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.framework import Skip, Status
from tests.unit.scheduler import builders as b

Object = dict[str, Any]
CLUSTER_WIDE = ("Node", "PersistentVolume", "StorageClass", "CSINode", "Namespace")
CODES = {None: 0, False: 2, True: 3}  # of upstream's Status: success, unschedulable, unresolvable


def placed(value: Any) -> Any:
    """The same with the namespace that upstream leaves empty in lists of namespaces."""
    if isinstance(value, list):
        return [placed(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: [name or "default" for name in part] if key == "namespaces" else placed(part) for key, part in value.items()}


def served(kind: str, given: Object | None, name: str = "", **meta: Any) -> Object:
    given = given or {}
    own = given.get("metadata") or {}
    where = {} if kind in CLUSTER_WIDE else {"namespace": own.get("namespace") or "default"}
    named = own.get("name") or name
    full = {"labels": {}, **meta, **own, "name": named, **where, "uid": own.get("uid") or f"uid-{kind}-{named}"}
    spec = {} if kind == "StorageClass" else {"spec": dict(given.get("spec") or {}), "status": dict(given.get("status") or {})}
    made = {"apiVersion": "v1", "kind": kind, **given, **spec, "metadata": full}
    if kind == "Pod":
        made["spec"] = placed(made["spec"])
        made["spec"] = {"schedulerName": "default-scheduler", "containers": [], **made["spec"]}
        for field in ("containers", "initContainers"):
            if field in made["spec"]:
                made["spec"][field] = [{"name": f"c{at}", "resources": {}, **each} for at, each in enumerate(made["spec"][field])]
    if kind == "Node":
        made["status"].setdefault("allocatable", made["status"].get("capacity") or {})
        made["status"]["allocatable"].setdefault("pods", "110")
    return made


def cluster_of(nodes: Any, pods: Any = (), /, **others: Any) -> Cluster:
    """``others``: lists of objects by kind."""
    objects = [served("Node", each, f"node-{at}") for at, each in enumerate(nodes)]
    objects += [served("Pod", each, f"present-{at}") for at, each in enumerate(pods or ())]
    for kind, listed in others.items():
        objects += [served(kind, each, f"{kind.lower()}-{at}") for at, each in enumerate(listed or ())]
    return b.cluster_of(*objects)


def wanted(status: Object | None) -> tuple[int, list[str]]:
    return (0, []) if status is None else (status["code"], list(status.get("reasons") or ()))


def told(status: Status | Skip | None) -> tuple[int, list[str]]:
    if isinstance(status, Skip):
        return (5, [])
    return (0, []) if status is None else (CODES[status.unresolvable], list(status.reasons))
