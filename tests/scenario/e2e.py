"""What the stories taken from upstream's end-to-end tests share: its images, its ways to break a pod, short questions about objects.

upstream: test/e2e/framework, test/e2e/apps/wait.go, test/utils/image/manifest.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import kubelab as kl
from tests.builders import container, statefulset

Object = dict[str, Any]
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.43"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-4"
HTTPD = "httpd:2.4.38"
NEW_HTTPD = "httpd:2.4.39"
PAUSE = "registry.k8s.io/pause:3.9"
INDEX = "/usr/local/apache2/htdocs/index.html"
READINESS = {"httpGet": {"path": "/index.html", "port": 80}, "periodSeconds": 1, "successThreshold": 1, "failureThreshold": 1}


def script(text: str, name: str = "c", **more: Any) -> Object:
    """A container that runs a shell line."""
    return container(BUSYBOX, name, command=["/bin/sh", "-c", text], **more)


def web_set(name: str = "ss", replicas: int = 3, **spec: Any) -> Object:
    """A StatefulSet of httpd whose readiness hangs on its index page (upstream: e2estatefulset.NewStatefulSet, SetHTTPProbe)."""
    obj = statefulset(name, replicas, HTTPD, **spec)
    obj["spec"]["template"]["spec"]["containers"][0] |= {"ports": [{"containerPort": 80}], "readinessProbe": READINESS}
    return obj


def break_probe(cluster: kl.Cluster, pod: str) -> None:
    """upstream: e2estatefulset.BreakPodHTTPProbe."""
    cluster.exec(f"pod/{pod}", ["/bin/sh", "-c", f"mv -v {INDEX} /tmp/ || true"])
    cluster.run("3s")
    assert not is_ready(cluster[f"pod/{pod}"])


def restore_probe(cluster: kl.Cluster, pod: str) -> None:
    """upstream: e2estatefulset.RestorePodHTTPProbe."""
    cluster.exec(f"pod/{pod}", ["/bin/sh", "-c", f"mv -v /tmp/index.html {INDEX.rpartition('/')[0]}/ || true"])


def is_ready(pod: Object) -> bool:
    return conditions(pod).get("Ready", ("",))[0] == "True"


def conditions(obj: Object) -> dict[str, tuple[str, str]]:
    """Type → (status, reason)."""
    return {item["type"]: (item["status"], item.get("reason", "")) for item in (obj.get("status") or {}).get("conditions") or ()}


def names(cluster: kl.Cluster, kind: str = "pods", **more: str) -> list[str]:
    return [obj["metadata"]["name"] for obj in cluster.list(kind, **more)]


def order(cluster: kl.Cluster, change: str, resource: str = "pods") -> list[str]:
    """Names of the objects in the order in which they were ADDED or DELETED."""
    return [commit.key[2] for commit in cluster._engine.store.log.commits if commit.type == change and commit.key[0] == resource]


def revisions(cluster: kl.Cluster) -> list[str]:
    """The revision of each pod, by name."""
    return [pod["metadata"]["labels"]["controller-revision-hash"] for pod in cluster.list("pods")]


def status_of(cluster: kl.Cluster, pod: str, container: int = 0) -> Object:
    """A container's status."""
    return dict(cluster[f"pod/{pod}"]["status"]["containerStatuses"][container])


def waiting(cluster: kl.Cluster, pod: str) -> str:
    """Why the first container of a pod waits."""
    return str((status_of(cluster, pod)["state"].get("waiting") or {}).get("reason", ""))


def events(cluster: kl.Cluster, name: str, reason: str = "") -> list[str]:
    """Messages of the events about an object."""
    found = [item for item in cluster.list("events") if item["involvedObject"]["name"] == name and reason in ("", item["reason"])]
    return [item["message"] for item in found]


def run_once(cluster: kl.Cluster, pod: Object, phase: str = "Succeeded") -> str:
    """Run a pod to its end: what it wrote (upstream: e2epodoutput.TestContainerOutput)."""
    cluster.create(pod)
    name = pod["metadata"]["name"]
    cluster.run(until=f"pod/{name} .status.phase={phase}", timeout="5m")
    return cluster.logs(f"pod/{name}")


def config_map(name: str, data: dict[str, str], **more: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data, **more}


def secret(name: str, data: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
