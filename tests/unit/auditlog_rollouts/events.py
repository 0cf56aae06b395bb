"""One line makes one audit event of a control plane, at so many seconds."""

from __future__ import annotations

from typing import Any

ACCOUNT = "system:serviceaccount:kube-system:"
GROUPS = {"pods": "", "replicationcontrollers": "", "jobs": "batch"}


def event(
    at: float,
    user: str,
    verb: str,
    resource: str,
    name: str = "",
    *,
    sub: str = "",
    code: int = 200,
    uid: str = "",
    took: float = 0.002,
    agent: str = "x/v1.28.0 (linux/amd64) kubernetes/abc",
    query: str = "",
    request: Any = None,
    response: Any = None,
) -> dict[str, Any]:
    reference = {
        "resource": resource,
        "subresource": sub,
        "namespace": "shop",
        "name": name,
        "uid": uid,
        "apiGroup": GROUPS.get(resource, "apps"),
    }
    who = f"{ACCOUNT}{user}" if user.endswith("-controller") or user == "generic-garbage-collector" else user
    made = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse" if request or response else "Metadata",
        "auditID": f"{at}-{user}-{verb}-{resource}-{sub}-{name}",
        "stage": "ResponseComplete",
        "requestURI": f"/x/namespaces/shop/{resource}/{name}/{sub}{query and '?' + query}",
        "verb": verb,
        "user": {"username": who, "groups": ["system:authenticated"]},
        "userAgent": agent,
        "objectRef": {key: value for key, value in reference.items() if value},
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": stamp(at),
        "stageTimestamp": stamp(at + took),
    }
    return {**made, **({"requestObject": request} if request else {}), **({"responseObject": response} if response else {})}


def stamp(at: float) -> str:
    micro = round(at * 1_000_000)
    seconds, rest = divmod(micro, 1_000_000)
    return f"2026-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}Z"


def deployment(at: float, name: str, mark: str, *, verb: str = "create") -> list[dict[str, Any]]:
    """A Deployment is asked for, and its controller makes a ReplicaSet."""
    return [
        event(at, "alice", verb, "deployments", name),
        event(at + 0.01, "deployment-controller", "create", "replicasets", f"{name}-{mark}", code=201),
    ]


def pod(
    at: float, name: str, uid: str, *, wait: float = 0.01, by: str = "replicaset-controller", named: bool = False
) -> list[dict[str, Any]]:
    """A pod is made, bound after ``wait`` seconds, and reported twice."""
    return [
        event(at, by, "create", "pods", name if named else "", code=201),
        event(at + wait, "system:kube-scheduler", "create", "pods", name, sub="binding", code=201, uid=uid),
        event(at + wait + 0.5, "system:node:n1", "patch", "pods", name, sub="status"),
        event(at + wait + 2, "system:node:n1", "patch", "pods", name, sub="status"),
    ]
