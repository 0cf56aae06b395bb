"""Builders that keep a test's row to one line."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def container(image: str = "nginx:1.25", name: str = "c", **more: Any) -> Object:
    return {"name": name, "image": image, **more}


def pod(name: str = "p", *containers: Object, labels: dict[str, str] | None = None, **spec: Any) -> Object:
    meta: Object = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": list(containers or (container(),)), **spec}}


def template(app: str, image: str, **spec: Any) -> Object:
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container(image)], **spec}}


def deployment(name: str = "web", replicas: int = 3, image: str = "nginx:1.25", *, pod_spec: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, image, **(pod_spec or {})),
            **spec,
        },
    }


def statefulset(name: str = "db", replicas: int = 3, image: str = "nginx:1.25", *, pod_spec: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, image, **(pod_spec or {})),
            **spec,
        },
    }


def claim_template(name: str = "data", size: str = "1Gi") -> Object:
    return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}


def image_patch(image: str, name: str = "c") -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}}


def job(name: str = "sums", completions: int = 3, *, parallelism: int = 1, script: str = "sleep 5", **spec: Any) -> Object:
    work = container("busybox:1.36", command=["sh", "-c", script])
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": completions,
            "parallelism": parallelism,
            "template": {"spec": {"restartPolicy": "OnFailure", "containers": [work]}},
            **spec,
        },
    }
