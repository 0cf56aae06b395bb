"""How long one ``list_container_stats`` of 1,000 containers takes, in process (DESIGN section 8): at rest, and with curves."""

from __future__ import annotations

import statistics
import sys
import time

from figures import keep

import kubelab as kl

PODS, PER_POD, TIMES = 100, 10, 25
CONTAINERS = PODS * PER_POD
CURVES = {
    "rest": None,
    "constant": {"constant": "20m"},
    "sine": {"sine": {"mean": "20m", "amplitude": "10m", "period": "60s"}},
}


def world(curve: dict[str, object] | None) -> kl.Cluster:
    """A node with 100 pods of ten containers each, all running."""
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node-1"},
        "status": {
            "capacity": {"cpu": "64", "memory": "256Gi", "pods": "1100"},
            "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "1100"},
        },
    }
    c = kl.Cluster(nodes=[node])
    if curve is not None:
        usage = {"selector": {}, "cpu": curve}
        c.create({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "u", "namespace": "default"}, "spec": usage})
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": f"c{n}", "image": "nginx"} for n in range(PER_POD)]}}
    spec = {"replicas": PODS, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    c.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "default"}, "spec": spec})
    return c.run(until="deployment/a ready", timeout="30m").run("10s")


def main() -> int:
    figures: dict[str, float] = {}
    for name, curve in CURVES.items():
        runtime = world(curve).cri("node-1")
        took = []
        for _ in range(TIMES):
            begun = time.perf_counter()
            found = runtime.list_container_stats()
            took.append(1000 * (time.perf_counter() - begun))
        assert len(found) == CONTAINERS, f"{len(found)} containers run"
        figures[f"{name}_ms"] = statistics.median(took)
        print(f"list_container_stats of {CONTAINERS} containers, {name}: median {figures[f'{name}_ms']:.1f} ms, least {min(took):.1f} ms")
    keep("stats", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
