"""The manifests of the official documentation apply unmodified and reach the state that their pages describe."""

from __future__ import annotations

from pathlib import Path

import pytest

import kubelab as kl
from kubelab.cluster import references, until

ROOT = Path(__file__).parent.parent.parent
PAGES = ROOT / "tests" / "data" / "documentation"

# What a page says happens, where it is something else than "all is ready": file -> (reference, what holds after 150 s)
SAID = {
    "cpu-request-limit-2.yaml": ("pod/cpu-demo-2", "Pending"),
    "commands.yaml": ("pod/command-demo", "Succeeded"),
    "exec-liveness.yaml": ("pod/liveness-exec", "restarted"),
    "http-liveness.yaml": ("pod/liveness-http", "restarted"),
    "myapp.yaml": ("pod/myapp-pod", "Pending"),
    "pod-configmap-envfrom.yaml": ("pod/dapi-test-pod", "Succeeded"),
    "pod-nginx-node-selector.yaml": ("pod/nginx", "Pending"),
    "pod-with-node-affinity.yaml": ("pod/with-node-affinity", "Pending"),
    "pod-with-pod-affinity.yaml": ("pod/with-pod-affinity", "Pending"),
    "pod-with-readiness-gate.yaml": ("pod/with-readiness-gate", "Running"),
    "statefulset-concept.yaml": ("pod/web-0", "Pending"),
    "termination.yaml": ("pod/termination-demo", "restarted"),
    "topology-spread-two-constraints.yaml": ("pod/mypod", "Pending"),
    "two-container-pod.yaml": ("pod/two-containers", "Running"),
    "quota-pod.yaml": ("pod-quota-demo", "two of three"),
}
FIRST = {"cpu-request-limit-2.yaml": "cpu-example", "qos-pod.yaml": "qos-example"}
NEEDS = {"mysql-deployment.yaml": "mysql-pv.yaml"}
LATER = {"job-pod-failure-policy-failjob.yaml": "pod failure policy"}
# the page creates this Secret by a generator before it applies the file
SECRETS = {"wordpress-mysql.yaml": "mysql-pass"}

FILES = sorted(path for folder in (PAGES, ROOT / "data" / "manifests") for path in folder.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_page_comes_true(path: Path) -> None:
    cluster = kl.Cluster(nodes=6, seed=1)
    prepare(cluster, path)
    applied = cluster.apply(path)
    cluster.run("150s")
    if path.name in LATER:
        return
    if path.name in SAID and path.parent == PAGES:
        holds(cluster, *SAID[path.name], namespace=FIRST.get(path.name, "default"))
        return
    for obj in applied if isinstance(applied, list) else [applied]:
        reference = references.parse(obj)
        stored = cluster._engine.store.head.get(reference.kind.resource, reference.namespace, reference.name)
        assert until.is_ready(stored), str(cluster.why_not(obj))


def prepare(cluster: kl.Cluster, path: Path) -> None:
    """What the page has the reader do first."""
    if path.name in FIRST:
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FIRST[path.name]}})
        cluster.run("2s")
    if path.name in NEEDS:
        cluster.apply(PAGES / NEEDS[path.name])
    if path.name in SECRETS:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRETS[path.name]}, "stringData": {"password": "x"}}
        cluster.create(secret)


def holds(cluster: kl.Cluster, what: str, expected: str, *, namespace: str) -> None:
    if expected == "two of three":
        assert len(cluster.list("pods")) == 2
        assert "exceeded quota" in str(cluster.why_not(f"deployment/{what}"))
        return
    pod = cluster.get(what, namespace=namespace)
    if expected == "restarted":
        assert sum(status["restartCount"] for status in pod["status"]["containerStatuses"]) >= 1
    else:
        assert pod["status"]["phase"] == expected
