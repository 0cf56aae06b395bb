"""One seed, one log: byte for byte across runs, hash seeds, forks, and a file in between."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kubelab as kl
from kubelab.world.codec import encode
from tests.builders import deployment, image_patch, statefulset

ROOT = Path(__file__).parent.parent.parent


def story(cluster: kl.Cluster) -> kl.Cluster:
    cluster.apply([statefulset("db", 3), deployment("web", 4)])
    cluster.run("10s")
    cluster.fault("NodeCrash", nodes=["node-2"], duration="20s")
    cluster.patch("deployment/web", image_patch("nginx:1.24"))
    cluster.run("40s")
    cluster.scale("sts/db", 5)
    return cluster.run("30s")


def digest(cluster: kl.Cluster) -> str:
    """A hash over every commit and every call."""
    log = cluster._engine.store.log
    text = json.dumps([encode(list(log.commits)), encode(list(log.calls))], sort_keys=False)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_same_log_in_another_process_with_another_hash_seed(hash_seed: str) -> None:
    code = "import kubelab as kl; from tests.scenario.test_determinism import story, digest; print(digest(story(kl.Cluster(nodes=4, seed=11))))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest(story(kl.Cluster(nodes=4, seed=11)))


def test_another_seed_gives_another_log() -> None:
    assert digest(story(kl.Cluster(nodes=4, seed=11))) != digest(story(kl.Cluster(nodes=4, seed=12)))


def test_a_fork_goes_on_as_the_original_would_and_leaves_it_alone() -> None:
    cluster = story(kl.Cluster(nodes=4, seed=11))
    before = digest(cluster)
    fork = cluster.fork()
    fork.scale("sts/db", 1)
    fork.run("1m")
    assert digest(cluster) == before
    cluster.scale("sts/db", 1)
    cluster.run("1m")
    assert digest(cluster) == digest(fork)


@pytest.mark.parametrize("stop_after", [0.5, 3.0, 12.0, 55.0])
def test_a_saved_world_goes_on_as_if_it_had_not_been_saved(tmp_path: Path, stop_after: float) -> None:
    cluster = kl.Cluster(nodes=4, seed=11)
    cluster.apply([statefulset("db", 3), deployment("web", 4)])
    cluster.run(stop_after)
    loaded = kl.load(cluster.save(tmp_path / "world.klab"))
    for world in (cluster, loaded):
        world.patch("deployment/web", image_patch("nginx:1.24"))
        world.run("40s")
    assert digest(loaded) == digest(cluster)


@pytest.mark.parametrize(
    "component", ["statefulset-controller", "deployment-controller", "replicaset-controller", "scheduler", "kubelet/node-1"]
)
@pytest.mark.parametrize("at", [0.012, 0.4, 2.6, 4.0])
def test_a_component_killed_between_two_wakes_resumes_from_the_log_alone(component: str, at: float) -> None:
    cluster = kl.Cluster(nodes=3, seed=3)
    cluster.apply([statefulset("db", 3), deployment("web", 4)])
    cluster.run(at)
    cluster._engine.crash(component)
    cluster._engine.restart(component)
    cluster.run(until="sts/db ready", timeout="5m")
    cluster.run(until="deployment/web ready", timeout="5m")
    assert len(cluster.list("pods")) == 7


@pytest.mark.parametrize("cut", [10, 1000, -1, -20])
def test_a_truncated_file_is_named_and_nothing_runs(tmp_path: Path, cut: int) -> None:
    path = story(kl.Cluster(nodes=4, seed=11)).save(tmp_path / "world.klab")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(kl.ArchiveError, match="world.klab"):
        kl.load(path)


def test_a_file_of_another_kind_or_version_is_refused_with_words(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "x.klab"
    path.write_bytes(b"not gzip")
    with pytest.raises(kl.ArchiveError, match="not a saved world"):
        kl.load(path)
    path.write_bytes(gzip.compress(b'{"format":"kubelab-world","version":99}\n["end",1,0]\n'))
    with pytest.raises(kl.ArchiveError, match="saved in version 99 of the format, this kubelab reads versions up to 2"):
        kl.load(path)
    with pytest.raises(kl.ArchiveError, match="there is no such file"):
        kl.load(tmp_path / "none.klab")
    with pytest.raises(kl.ArchiveError, match="a folder"):
        kl.load(tmp_path)
