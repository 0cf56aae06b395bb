"""A world saved in version 1 of the format, in which heartbeats had no short lines, is read and goes on as it would have."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.world.codec import encode
from tests.builders import deployment
from tests.scenario.test_determinism import digest

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


@pytest.fixture
def cluster() -> kl.Cluster:
    cluster = kl.Cluster(3, seed=4, audit_policy=POLICY)
    cluster.apply([deployment("web", 3)])
    return cluster.run("3m")


def lines(path: Path) -> list[Any]:
    with gzip.open(path) as file:
        return [json.loads(line) for line in file]


def written(path: Path, content: list[Any]) -> Path:
    data = [json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in content]
    crc = zlib.crc32(b"".join(data))
    with gzip.open(path, "wb") as file:
        file.writelines([*data, json.dumps(["end", len(data), crc]).encode() + b"\n"])
    return path


def as_version_1(cluster: kl.Cluster, folder: Path) -> Path:
    """The file with a whole line for each commit and each call."""
    header, *rest = lines(cluster.save(folder / "world.klab"))[:-1]
    log = cluster._engine.store.log
    whole: list[Any] = [{**header, "version": 1}]
    for commit in log.commits:
        whole.append(["c", commit.time_ns, commit.type, *commit.key, commit.object, commit.previous, commit.call, list(commit.manager)])
    for call in log.calls:
        whole.append(["k", *call[:-1]] if call.audit is None else ["k", *call[:-1], encode(call.audit)])
    return written(folder / "older.klab", whole + [line for line in rest if line[0] not in ("c", "k", "s", "h", "q", "l")])


def test_a_file_of_version_1_is_read_and_goes_on(cluster: kl.Cluster, tmp_path: Path) -> None:
    loaded = kl.load(as_version_1(cluster, tmp_path))
    assert digest(loaded) == digest(cluster)
    assert digest(loaded.run("2m")) == digest(cluster.run("2m"))


def test_heartbeats_have_short_lines(cluster: kl.Cluster, tmp_path: Path) -> None:
    kinds = [line[0] for line in lines(cluster.save(tmp_path / "world.klab"))[1:]]
    renewals = sum(commit.key[0].startswith("leases") and commit.type == "MODIFIED" for commit in cluster._engine.store.log.commits)
    assert kinds.count("h") >= renewals > 50
    assert kinds.count("s") <= 6, "one shape for each lease and each node"


@pytest.mark.parametrize(
    "damaged",
    [["h", 99, 1, 1, 0], ["h", 0], ["l", 99, 1, 2, 3, 4, 5, 6, 7], ["l", 0, 1], ["s", 0, "nodes", "", "x", None, []], ["q", 0, 1]],
    ids=["a shape that is not there", "no numbers", "words that are not there", "too few numbers", "no object", "too few words"],
)
def test_a_damaged_short_line_is_called_damaged(cluster: kl.Cluster, tmp_path: Path, damaged: list[Any]) -> None:
    content = lines(cluster.save(tmp_path / "world.klab"))[:-1]
    at = next(number for number, line in enumerate(content) if isinstance(line, list) and line[0] == ("h" if damaged[0] in "hs" else "l"))
    with pytest.raises(kl.ArchiveError, match="the file is damaged"):
        kl.load(written(tmp_path / "damaged.klab", [*content[:at], damaged, *content[at:]]))


def test_a_file_from_before_events_had_a_client_has_the_limits_of_the_other_for_them(tmp_path: Path) -> None:
    content = lines(kl.Cluster(1, seed=1, timing="instant").save(tmp_path / "world.klab"))[:-1]
    header = {**content[0], "timing": {name: item for name, item in content[0]["timing"].items() if "event_" not in name}}
    older = [header, *map(without_further_clients, content[1:])]
    assert older[1:] != content[1:]
    engine = kl.load(written(tmp_path / "older.klab", older))._engine
    assert (engine.timing.kubelet_event_qps, engine.timing.kubelet_event_burst) == (1e9, 10**9)
    assert engine.runners["scheduler"].dump()["tokens"][2] == {"events": 0}


def without_further_clients(line: Any) -> Any:
    """A line of the file with the tokens of a component's own client and of its retries alone."""
    if isinstance(line, dict):
        return {name: tokens_of_two(item) if name == "tokens" else without_further_clients(item) for name, item in line.items()}
    return [without_further_clients(item) for item in line] if isinstance(line, list) else line


def tokens_of_two(tokens: Any) -> Any:
    return {name: item[:2] for name, item in tokens.items()} if isinstance(tokens, dict) else tokens[:2]
