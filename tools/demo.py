"""The main job without a browser: ZooKeeper is rolled out, updated and looked at. `./lab demo` runs it.

Prints what the rollout did and writes the picture of it to `build/demo.png`.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import kubelab as kl

ROOT = Path(__file__).resolve().parent.parent
UPDATE = {"spec": {"template": {"spec": {"containers": [{"name": "zookeeper", "image": "zookeeper:3.8.4"}]}}}}


def main() -> int:
    cluster = kl.Cluster(nodes=5, seed=7)
    cluster.apply(ROOT / "data" / "manifests" / "zookeeper.yaml")
    cluster.run(until="statefulset/zk ready", timeout="10m")
    print(f"ZooKeeper is ready after {cluster.elapsed:.1f} s of virtual time; now every member gets another image.\n")
    begun = cluster.elapsed
    cluster.patch("statefulset/zk", UPDATE, type="strategic")
    cluster.run(until="statefulset/zk ready", timeout="10m")

    pods = cluster.frames.pods()
    print(pods.to_string(index=False))
    print(f"\nThe update took {cluster.elapsed - begun:.1f} s of virtual time, one member after the other.")
    picture = ROOT / "build" / "demo.png"
    picture.parent.mkdir(exist_ok=True)
    cluster.plot.rollout("statefulset/zk").figure.savefig(picture, dpi=150, bbox_inches="tight")
    print(f"Picture: {picture.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
