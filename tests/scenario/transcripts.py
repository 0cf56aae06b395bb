"""Replaying recorded sessions of a real API server (1.20.2) and comparing answers word for word.

Volatile values (uids, versions, instants, generated suffixes) are masked on both sides; everything else counts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import kubelab as kl
from tests.scenario.recorded import owners

FOLDER = Path(__file__).parent.parent / "data" / "transcripts"
GROUPS = {"admin": ("system:masters",), "alice": ("dev",)}
NODES = ("n0", "n1", "n2")
VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "time", "deletionTimestamp", "selfLink", "clusterIP", "clusterIPs")
MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"(default-token|kube-api-access)-[a-z0-9]{5}"), r"\1-xxxxx"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"0xc[0-9a-f]{9}"), "POINTER"),
)


class Row(NamedTuple):
    """One recorded call beside our answer; ``exact`` if they agree in all that counts."""

    number: int
    call: str
    exact: bool
    recorded: Any
    answered: Any


def replay(name: str) -> list[Row]:
    """A session against a fresh cluster, in order."""
    cluster = kl.Cluster(nodes=list(NODES), seed=1, timing="instant")
    rows = []
    lines = (FOLDER / f"{name}.jsonl").read_text().splitlines()
    for number, line in enumerate(lines, 1):
        record = json.loads(line)
        if "path" not in record:
            continue
        user = record["user"]
        groups = ("system:nodes",) if user.startswith("system:node:") else GROUPS.get(user, ())
        body = record.get("body")
        code, answer = cluster.request(
            record["method"],
            record["path"],
            body,
            content_type=record.get("contentType") or "application/json",
            user=user,
            groups=groups,
            headers={"User-Agent": "Python-urllib/3.11"},
        )
        cluster.run("1s")
        recorded = (record["code"], masked(record["response"]))
        answered = (code, masked(answer))
        rows.append(Row(number, f"{record['method']} {record['path']}", recorded == answered, recorded, answered))
    return rows


def masked(value: Any, kind: str = "") -> Any:
    """A value without what changes from run to run; managedFields as who owns what, by the rules of 1.28."""
    if isinstance(value, dict):
        kind = value.get("kind") or kind
        kept = {name: item for name, item in sorted(value.items()) if name not in VOLATILE}
        return {name: owners(item, kind) if name == "managedFields" else masked(item, kind) for name, item in kept.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str):
        for pattern, mask in MASKS:
            value = pattern.sub(mask, value)
    return value


if __name__ == "__main__":
    import sys

    for file in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.jsonl")):
        found = replay(file)
        print(f"{file}: {sum(row.exact for row in found)} of {len(found)} exact")
        for row in found:
            if not row.exact:
                print(
                    f"--- {row.number} {row.call}\n  recorded {json.dumps(row.recorded)[:1500]}\n  answered {json.dumps(row.answered)[:1500]}"
                )
