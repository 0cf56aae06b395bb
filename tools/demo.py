"""The main job without a browser: ZooKeeper is rolled out, updated and looked at. `./lab demo` runs it.

Prints what the rollout did and writes the picture of it to `build/demo.png`.
"""

import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import kubelab as kl

ROOT = Path(__file__).resolve().parent.parent
UPDATE = {"spec": {"template": {"spec": {"containers": [{"name": "zookeeper", "image": "zookeeper:3.8.4"}]}}}}
COLUMNS = {
    "name": "pod",
    "images": "image",
    "node": "node",
    "phase": "now",
    "elapsed": "created",
    "to_scheduled": "scheduled",
    "to_started": "started",
    "to_ready": "ready",
    "to_deleted": "deleted",
}


def main() -> int:
    begun = time.perf_counter()
    cluster = kl.Cluster(nodes=5, seed=7)
    for obj in cluster.apply(ROOT / "data" / "manifests" / "zookeeper.yaml"):
        print(f"applied  {obj['kind'].lower()}/{obj['metadata']['name']}")
    cluster.run(until="statefulset/zk ready", timeout="10m")
    print(f"\n{at(cluster)}  all three members are ready")
    cluster.run("15s")

    updated = cluster.elapsed
    cluster.patch("statefulset/zk", UPDATE)
    print(f"{at(cluster)}  the image becomes zookeeper:3.8.4")
    cluster.run(until="statefulset/zk ready", timeout="10m")
    print(f"{at(cluster)}  {cluster.rollout('statefulset/zk').status()}")
    cluster.run("15s")

    pods = cluster.frames.pods()[list(COLUMNS)].rename(columns=COLUMNS)
    print("\nEvery pod there was (created: seconds since start; scheduled … deleted: seconds after it was created)\n")
    print(pods.to_string(index=False, na_rep="–", float_format="{:.2f}".format))
    print("\nWhy the newest one is as it is:\n")
    print(cluster.explain("pod/zk-0"))

    picture = ROOT / "build" / "demo.png"
    picture.parent.mkdir(exist_ok=True)
    cluster.plot.rollout("statefulset/zk").figure.savefig(picture, dpi=150, bbox_inches="tight")
    virtual, wall = cluster.elapsed, time.perf_counter() - begun
    print(f"\n{virtual:.0f} s of virtual time in {wall:.1f} s, picture included; the update took {elapsed(cluster, updated):.1f} s.")
    print(f"Picture: {picture.relative_to(ROOT)}")
    return 0


def at(cluster: kl.Cluster) -> str:
    return f"{cluster.elapsed:7.1f} s"


def elapsed(cluster: kl.Cluster, since: float) -> float:
    """Seconds from an instant to the last pod that became ready."""
    pods = cluster.frames.pods()
    return float((pods["elapsed"] + pods["to_ready"]).max()) - since


if __name__ == "__main__":
    sys.exit(main())
