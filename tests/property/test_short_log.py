"""Blocks and short forms change nothing that can be seen: a world whose log is put into small blocks is the world whose log is a plain list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kubelab as kl
from kubelab.store import entries, heartbeats, store
from kubelab.world.codec import encode
from tests.builders import deployment, image_patch

BLOCK = 16
Step = Callable[[kl.Cluster, Path], kl.Cluster]


@contextmanager
def blocks(size: int) -> Iterator[None]:
    """A world made in here has a log of blocks of this size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "BLOCK", size)
        patch.setattr(heartbeats, "BLOCK", size)
        patch.setattr(heartbeats, "PLAIN", 2 * size)
        patch.setattr(store, "PLAIN", 2 * size)
        yield


def saved(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    return kl.load(cluster.save(folder / "world.klab"))


def renewed_by_hand(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    body = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
    return _patched(cluster, body)


def held_by_another(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    return _patched(cluster, {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 7}})


def _patched(cluster: kl.Cluster, body: dict[str, object]) -> kl.Cluster:
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"
    cluster.request("PATCH", path, body, content_type="application/merge-patch+json")
    return cluster


def labelled(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    count = len(cluster["node/node-1"]["metadata"].get("labels", {}))
    cluster.patch("node/node-1", {"metadata": {"labels": {f"label-{count}": "x"}}})
    return cluster


def restarted(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    cluster.fault("ComponentCrash", components=["kubelet/node-1"], duration="5s")
    return cluster


def crashed(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    cluster.fault("NodeCrash", nodes=["node-2"], duration="70s")
    return cluster


def rolled_out(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    cluster.apply([deployment("web", 3)])
    return cluster.run("2s").patch("deployment/web", image_patch("nginx:1.24")) and cluster


def for_a_while(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    return cluster.run("70s")


def forked(cluster: kl.Cluster, folder: Path) -> kl.Cluster:
    other = cluster.fork()
    cluster.run("45s")
    labelled(cluster, folder)
    return other


STEPS: tuple[Step, ...] = (
    for_a_while,
    forked,
    saved,
    renewed_by_hand,
    held_by_another,
    labelled,
    restarted,
    crashed,
    rolled_out,
)


def told(cluster: kl.Cluster) -> list[str]:
    """All that the log says, in the ways in which it is read."""
    log = cluster._engine.store.log
    numbers = range(log.first, log.revision + 1)
    return [
        json.dumps(encode(list(log.commits))),
        json.dumps(encode(list(log.calls))),
        json.dumps([encode(log.at(number)) for number in numbers]),
        json.dumps([encode(log.calls[number]) for number in range(len(log.calls))]),
        json.dumps(encode([log.key(number) for number in numbers] + [log.caller(commit) for commit in log.commits])),
        json.dumps([encode(commit) for commit in log.history(log.at(log.revision))]),
        json.dumps(list(cluster.audit_events())),
        cluster.frames.calls().to_csv(),
        cluster.frames.revisions().to_csv(),
        json.dumps(cluster.request("GET", "/apis/coordination.k8s.io/v1/leases")[1]),
        str(cluster.explain("node/node-1")),
    ]


def lived(seed: int, policy: str, steps: list[Step], folder: Path, size: int) -> tuple[kl.Cluster, list[str]]:
    with blocks(size):
        cluster = kl.Cluster(2, seed=seed, audit_policy=policy)
        for step in (*steps, for_a_while):
            cluster = step(cluster.run("25s"), folder)
        return cluster, told(cluster)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 1000), st.sampled_from(["Metadata", "RequestResponse", "None"]), st.lists(st.sampled_from(STEPS), max_size=6))
def test_a_world_in_small_blocks_tells_the_same(tmp_path: Path, seed: int, level: str, steps: list[Step]) -> None:
    policy = f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {level}}}]\n"
    _, said = lived(seed, policy, steps, tmp_path, BLOCK)
    _, plainly = lived(seed, policy, steps, tmp_path, 10**9)
    assert said == plainly


def test_a_file_does_not_tell_in_what_blocks_its_log_was(tmp_path: Path) -> None:
    files = []
    for size in (BLOCK, 10**9):
        cluster, _ = lived(3, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n", [crashed, forked], tmp_path, size)
        files.append(cluster.save(tmp_path / "world.klab").read_bytes())
        if size == BLOCK:
            log = cluster._engine.store.log
            assert all(any(getattr(block, "places", ()) for block in each.blocks) for each in (log.commits, log.calls)), (
                "heartbeats are short"
            )
            assert len(log.commits.tail) < 2 * BLOCK
    assert files[0] == files[1]
