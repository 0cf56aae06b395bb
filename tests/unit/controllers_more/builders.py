"""Services, pods, jobs, budgets and namespaces in one line each."""

from __future__ import annotations

from typing import Any

from kubelab.store.log import Object
from kubelab.world.clock import rfc3339
from tests.unit.storage.harness import NOW, NOW_NS

LABELS = {"app": "web"}


def ago(seconds: float) -> str:
    return rfc3339(NOW_NS - int(seconds * 1e9))


def owner_of(obj: Object, **more: Any) -> Object:
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"], **more}


def controlled(obj: Object) -> list[Object]:
    return [owner_of(obj, controller=True, blockOwnerDeletion=True)]


def meta(name: str, namespace: str = "default", **more: Any) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {}), "uid": f"uid-{name}", "creationTimestamp": ago(3600), **more}


def service(name: str = "web", *ports: Object, **more: Any) -> Object:
    """``more``: selector, ip ("None" for headless), publish, labels, type."""
    spec: Object = {"clusterIP": more.get("ip", "10.96.0.10"), "ipFamilies": more.get("families", ["IPv4"])}
    if "selector" not in more or more["selector"] is not None:
        spec["selector"] = more.get("selector", LABELS)
    if ports:
        spec["ports"] = list(ports)
    if more.get("publish"):
        spec["publishNotReadyAddresses"] = True
    if "type" in more:
        spec["type"] = more["type"]
    labels = {"labels": more["labels"]} if "labels" in more else {}
    going = {"deletionTimestamp": more["deletionTimestamp"]} if "deletionTimestamp" in more else {}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, **labels, **going), "spec": spec}


def port(number: int = 80, target: Any = None, name: str = "", protocol: str = "TCP") -> Object:
    made: Object = {"port": number, "protocol": protocol, "targetPort": number if target is None else target}
    return {**made, "name": name} if name else made


def pod(name: str, ip: str = "", **more: Any) -> Object:
    """``more``: ready, phase, labels, node, ports, hostname, subdomain, owner, going, finalizers, annotations, statuses, conditions, since."""
    ready = more.get("ready", True)
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": more.get("since", ago(60))},
        *more.get("conditions", ()),
    ]
    status: Object = {"phase": more.get("phase", "Running"), "conditions": conditions}
    if ip:
        status.update({"podIP": ip, "podIPs": [{"ip": each} for each in (ip, *more.get("ips", ()))]})
    if "statuses" in more:
        status["containerStatuses"] = more["statuses"]
    if "reason" in more:
        status["reason"] = more["reason"]
    of = {"labels": more.get("labels", LABELS)}
    for key, field in (("finalizers", "finalizers"), ("annotations", "annotations"), ("created", "creationTimestamp")):
        if key in more:
            of[field] = more[key]
    if more.get("going"):
        of.update({"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 30})
    if more.get("owner"):
        of["ownerReferences"] = controlled(more["owner"])
    spec: Object = {"containers": [{"name": "c", "image": "i", "ports": more.get("ports", [])}]}
    if more.get("node", "n1"):
        spec["nodeName"] = more.get("node", "n1")
    spec.update({key: more[key] for key in ("hostname", "subdomain", "terminationGracePeriodSeconds") if key in more})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, more.get("namespace", "default"), **of),
        "spec": spec,
        "status": status,
    }


def node(name: str = "n1", zone: str = "zone-a", **more: Any) -> Object:
    ready = {"type": "Ready", "status": "True" if more.get("ready", True) else "False"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(name, "", labels={"topology.kubernetes.io/zone": zone} if zone else {}),
        "spec": {"taints": more["taints"]} if "taints" in more else {},
        "status": {"conditions": [ready]},
    }


def workload(kind: str = "ReplicaSet", name: str = "rs", replicas: int = 1, *, api: str = "apps/v1", owner: Object | None = None) -> Object:
    owners = {"ownerReferences": controlled(owner)} if owner else {}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": meta(name, **owners),
        "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}}},
        "status": {},
    }


def budget(name: str = "b", least: Any = None, most: Any = None, **more: Any) -> Object:
    spec: Object = {"selector": more.get("selector", {"matchLabels": LABELS})}
    if least is not None:
        spec["minAvailable"] = least
    if most is not None:
        spec["maxUnavailable"] = most
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(name, generation=1),
        "spec": spec,
        "status": more.get("status", {}),
    }


def namespace(name: str = "ns", **more: Any) -> Object:
    going = {"deletionTimestamp": more.get("since", NOW)} if more.get("going") else {}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta(name, "", **going),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Terminating" if going else "Active"},
    }


def thing(kind: str, name: str, **more: Any) -> Object:
    """Any object that needs nothing but metadata."""
    return {"apiVersion": more.pop("api", "v1"), "kind": kind, "metadata": meta(name, more.pop("namespace", "default"), **more)}
