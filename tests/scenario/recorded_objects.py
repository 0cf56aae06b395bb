"""A server that holds what a recorded cluster (1.20.2) held when its tables were taken: the same objects, ages and states.

Workloads, pods, endpoints and events come from ``objects.json.gz``; of the other kinds only the tables were recorded, so the objects are
written here as they must have been.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import kubelab as kl
from kubelab.kinds import registry
from kubelab.world.clock import parse_rfc3339
from tests.scenario.recorded import PATCH, SLICES, Translation, slice_of_1_28

FOLDER = Path(__file__).parent.parent / "data" / "real-api"
Object = dict[str, Any]
START, TAKEN = "2026-11-24T17:37:25Z", "2026-11-24T17:37:39Z"


def recorded_objects() -> list[tuple[str, Object]]:
    """Collection paths and whole objects, owners first."""
    found = []
    for path, answer in json.loads(gzip.decompress((FOLDER / "objects.json.gz").read_bytes())).items():
        path = path.partition("?")[0].replace(*SLICES)
        one = "items" not in answer
        for item in [answer] if one else answer["items"]:
            obj = {"kind": answer["kind"].removesuffix("List"), "apiVersion": answer["apiVersion"], **item}
            found.append((path.rpartition("/")[0] if one else path, slice_of_1_28(obj) if obj["kind"] == "EndpointSlice" else obj))
    owners = ("StatefulSet", "Deployment", "DaemonSet", "ReplicaSet")
    return sorted(found, key=lambda each: owners.index(each[1]["kind"]) if each[1]["kind"] in owners else len(owners))


def put(cluster: kl.Cluster, known: Translation, path: str, obj: Object, created: str = "") -> None:
    """Create the object at its instant and give it its status."""
    meta, state = dict(obj["metadata"]), obj.get("status")
    cluster._engine.now_ns = parse_rfc3339(created or meta["creationTimestamp"])
    for name in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
        meta.pop(name, None)
    body = known.of({**obj, "metadata": meta})
    body.pop("status", None)
    code, answer = cluster.request("POST", path, body)
    assert code == 201, answer
    known.learn(obj, answer)
    resource = next(kind for kind in registry.all_kinds() if kind.kind == obj["kind"] and kind.api_version == obj["apiVersion"])
    if state and "status" in resource.subresources:
        place = f"{path}/{meta['name']}/status"
        code, answer = cluster.request("PATCH", place, {"status": state}, content_type=PATCH)
        assert code == 200, answer


def _meta(name: str, **more: Any) -> Object:
    return {"name": name, **more}


def _node(name: str, address: str, **spec: Any) -> Object:
    status = {
        "addresses": [{"type": "InternalIP", "address": address}],
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": START, "lastHeartbeatTime": START}],
        "nodeInfo": {"kubeletVersion": "v1.20.2"},
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": _meta(name), "spec": spec, "status": status}


def _service(name: str, ports: list[Object], app: str, **spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Service", "metadata": _meta(name), "spec": {"ports": ports, "selector": {"app": app}, **spec}}


FIRST = (("default", "14s"), ("kube-node-lease", "15s"), ("kube-public", "15s"), ("kube-system", "15s"))
KUBERNETES = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": _meta("kubernetes"),
    "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
}
LOAD_BALANCER = [{"name": "http", "port": 80, "nodePort": 30834}, {"name": "https", "port": 443, "nodePort": 30476}]
VOLUME = {
    "capacity": {"storage": "5Gi"},
    "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
    "persistentVolumeReclaimPolicy": "Retain",
    "storageClassName": "slow",
    "hostPath": {"path": "/tmp/v"},
}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
JOB_POD = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "broken:x"}]}
BAD_POD = {"metadata": {"labels": {"app": "bad"}}, "spec": {"containers": [{"name": "c", "image": "broken:1"}]}}
APPS, CORE = "/apis/apps/v1/namespaces/default", "/api/v1/namespaces/default"
BAD = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": _meta("bad"),
    "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "bad"}}, "template": BAD_POD},
    "status": {"replicas": 2, "updatedReplicas": 2, "unavailableReplicas": 2},
}
SECRET = {"ca.crt": "eA==", "namespace": "eA==", "token": "eA=="}
OTHERS: list[tuple[str, str, Object]] = [  # collection, age, object
    (
        f"{CORE}/serviceaccounts",
        "13s",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("default"), "secrets": [{"name": "t"}]},
    ),
    ("/api/v1/nodes", "13s", _node("n0", "10.99.0.1")),
    ("/api/v1/nodes", "13s", _node("n1", "10.99.0.2")),
    ("/api/v1/nodes", "13s", _node("n2", "10.99.0.3", unschedulable=True)),
    (f"{CORE}/services", "14s", KUBERNETES),
    (f"{CORE}/services", "9s", _service("lb", LOAD_BALANCER, "shop", type="NodePort", clusterIP="10.96.55.206")),
    (f"{CORE}/services", "9s", _service("web", [{"port": 80}], "web", clusterIP="None")),
    (f"{APPS}/deployments", "9s", BAD),
    (f"{CORE}/persistentvolumeclaims", "9s", {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _meta("c1"), "spec": CLAIM}),
    (
        "/api/v1/persistentvolumes",
        "9s",
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": _meta("pv1"), "spec": VOLUME, "status": {"phase": "Available"}},
    ),
    (f"{CORE}/configmaps", "13s", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("kube-root-ca.crt"), "data": {"ca.crt": ""}}),
    (
        f"{CORE}/secrets",
        "13s",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": _meta("default-token-2lzgd", annotations={"kubernetes.io/service-account.name": "default"}),
            "data": SECRET,
        },
    ),
    (
        "/apis/batch/v1/namespaces/default/jobs",
        "9s",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": _meta("job"),
            "spec": {"completions": 2, "template": {"spec": JOB_POD}},
            "status": {"startTime": "2026-11-24T17:37:30Z", "active": 1},
        },
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
        "9s",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": _meta("np"),
            "spec": {"podSelector": {"matchLabels": {"app": "web"}}},
        },
    ),
    (
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        "9s",
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _meta("pdb"),
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "shop"}}},
            "status": {"disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3},
        },
    ),
    *(
        (
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
            "13s",
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": _meta(name), "spec": {"holderIdentity": name}},
        )
        for name in ("n0", "n1", "n2")
    ),
]
