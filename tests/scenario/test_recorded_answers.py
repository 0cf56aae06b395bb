"""Whole answers of a real API server (1.20.2), equal to ours but for what ``recorded.py`` lists as changed since: managedFields included.

Recorded: an audit log at level RequestResponse of three rollout stories, and the tables and objects of one cluster.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

import kubelab as kl
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339
from tests.scenario.recorded import SLICES, Row, Translation, bare_cluster, replay, shown
from tests.scenario.recorded_objects import FIRST, FOLDER, OTHERS, START, TAKEN, put, recorded_objects

CALLS = 609
TABLES: dict[str, Any] = json.loads((FOLDER / "tables.json").read_text())
NOT_SERVED = ("apiservices", "flowschemas")  # kinds that are not built yet
AS_TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
NEW_ROLES = ("system:controller:ephemeral-volume-controller", "system:controller:ttl-after-finished-controller")
SLOW = ("uid", "resourceVersion", "generation", "managedFields")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return replay()


def test_every_recorded_code(rows: list[Row]) -> None:
    assert len(rows) == CALLS
    assert [row for row in rows if row.recorded[0] != row.answered[0]] == []


def test_every_recorded_answer(rows: list[Row]) -> None:
    others = [row for row in rows if row.recorded[1] != row.answered[1]]
    assert not others, (Counter(row.call for row in others), others[0])


@pytest.fixture(scope="module")
def still() -> tuple[kl.Cluster, Translation]:
    """The recorded cluster as it stood when its tables were taken."""
    cluster, known = bare_cluster(START), Translation()
    taken = parse_rfc3339(TAKEN)
    for name, age in FIRST:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        put(cluster, known, "/api/v1/namespaces", namespace, rfc3339(taken - int(age[:-1]) * SECOND))
    for path, age, obj in OTHERS:
        put(cluster, known, path, obj, rfc3339(taken - int(age[:-1]) * SECOND))
    for path, obj in recorded_objects():
        put(cluster, known, path, obj)
    cluster._engine.now_ns = taken + 9 * SECOND // 10
    return cluster, known


@pytest.mark.parametrize("path", [path for path in TABLES if path.rpartition("/")[2] not in NOT_SERVED])
def test_every_recorded_table(still: tuple[kl.Cluster, Translation], path: str) -> None:
    cluster, known = still
    code, answer = cluster.request("GET", path.replace(*SLICES).replace("policy/v1beta1", "policy/v1"), headers=AS_TABLE)
    assert code == 200
    recorded = as_of_1_28(path, known.of(TABLES[path]))
    columns = [{key: item for key, item in column.items() if key != "description"} for column in answer["columnDefinitions"]]
    assert columns == recorded["columnDefinitions"]
    rows = [row["cells"] for row in answer["rows"] if row["cells"][0] not in NEW_ROLES]
    assert [row[: len(recorded["rows"][0])] for row in rows] == recorded["rows"]


def as_of_1_28(path: str, table: dict[str, Any]) -> dict[str, Any]:
    """upstream: pkg/printers/internalversion/printers.go (restarts are words now), pkg/apis/batch/types.go (the label's prefix), 1.28."""
    text = json.dumps(table).replace('"10.0.', '"10.96.').replace('"controller-uid=', '"batch.kubernetes.io/controller-uid=')
    table = json.loads(text)
    if path.endswith("/jobs"):
        table["rows"] = [row[:6] for row in table["rows"]]  # the label's value is a uid
    if path.endswith("/pods"):
        table["columnDefinitions"][3]["type"] = "string"
        table["rows"] = [[*row[:3], str(row[3]), *row[4:]] for row in table["rows"]]
    return table


@pytest.mark.parametrize(("path", "obj"), [pytest.param(path, obj, id=obj["metadata"]["name"]) for path, obj in recorded_objects()])
def test_every_recorded_object(still: tuple[kl.Cluster, Translation], path: str, obj: dict[str, Any]) -> None:
    cluster, known = still
    code, answer = cluster.request("GET", f"{path}/{obj['metadata']['name']}")
    assert code == 200
    assert lasting(answer) == lasting(known.of(obj))


def lasting(obj: dict[str, Any]) -> Any:
    meta = {key: item for key, item in obj["metadata"].items() if key not in SLOW}
    return shown({**obj, "metadata": meta})
