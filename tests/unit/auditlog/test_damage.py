"""Damage to survive, said by file and line (spec/audit.md B1, last paragraph); by DuckDB and by Python alike."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest
import zstandard

import kubelab as kl
from kubelab.auditlog import plain
from tests.unit.auditlog.wrappings import KLOG, LINES, event_list, export

A, B, C = (line.encode() for line in LINES[:3])
PRETTY = json.dumps([json.loads(line) for line in LINES[:3]], indent=2).encode().split(b"\n")

#: name: (bytes, events, lines that are damaged, lines that are skipped)
DAMAGE = {
    "a byte order mark": (b"\xef\xbb\xbf" + A + b"\n" + B, 2, [], []),
    "carriage returns": (A + b"\r\n" + B + b"\r\n", 2, [], []),
    "blank lines": (b"\n\n" + A + b"\n  \n" + B + b"\n\n", 2, [], []),
    "NULs before an event": (A + b"\n" + b"\0" * 40 + B + b"\n" + C, 3, [2], []),
    "a line of NULs": (A + b"\n" + b"\0" * 40 + b"\n" + C, 2, [2], []),
    "invalid UTF-8": (A + b"\n" + B.replace(b"system", b"s\xffstem", 1) + b"\n" + C, 2, [2], []),
    "the last line is cut": (A + b"\n" + B[:-200], 1, [2], []),
    "a line is cut": (A + b"\n" + B[:300] + b"\n" + C, 2, [2], []),
    "a line is cut between two fields": (A + b"\n" + B[: B.index(b'"verb"')] + b"\n" + C, 2, [2], []),
    "a line is cut after a colon": (A + b"\n" + B[: B.index(b'"verb"') + 7] + b"\n" + C, 2, [2], []),
    "a cut line and the next are joined": (A + b"\n" + B[:300] + C + b"\n", 2, [2], []),
    "the rest of a cut line before an event": (A + b"\n" + B[-40:] + C + b"\n", 2, [2], []),
    "a cut row of a table": (A + b'\n1,"{""kind"":""Event"",""apiVersion"":""audit.k8s.io/v1"",""auditID"":""7\n' + B, 2, [2], []),
    "several values in a line": (A + B + b" " + C, 3, [], []),
    "klog between events": (A + b"\n" + KLOG.encode() + b"\nE1124 17:36:20.1 1 x.go:1] {oh}\n" + B, 2, [], [2, 3]),
    "JSON that is no event": (A + b'\n{"kind":"Event","apiVersion":"v1","message":"Pulled"}\n12\n"text"\n' + B, 2, [], [2, 3, 4]),
    "words": (A + b"\nFlushing.\n" + B, 2, [2], []),
    "an element of an array is cut": (b"[\n" + A + b",\n" + B[:300] + b",\n" + C + b"\n]\n", 2, [3], []),
    "an array is cut": (b"[\n" + A + b",\n" + B + b",\n", 2, [4], []),
    "a pretty array is cut": (b"\n".join(PRETTY[:-20]), 2, [len(PRETTY) - 20], []),
    "a line of a pretty array is broken": (b"\n".join([*PRETTY[:40], b"%%", *PRETTY[40:]]), 2, [41], []),
    "an EventList is cut": (event_list()[:-900].encode(), len(LINES) - 1, [1], []),
    "an element of a list on one line is broken": (event_list().replace('"stage": ', '"stage" ', 1).encode(), len(LINES) - 1, [1], []),
    "a message of an export on one line is broken": (
        export().replace('"timestamp": 1', '"timestamp": ', 1).encode(),
        len(LINES) - 1,
        [1],
        [1, 1],
    ),
    "invalid UTF-8 in one element of a list": (event_list().encode().replace(b"system", b"s\xffstem", 1), len(LINES) - 1, [1], []),
    "nested too deep": (A + b"\n" + b'{"a":' * 100_000 + b"\n" + B, 2, [2], []),
    "nothing": (b"", 0, [], []),
    "noise": (bytes(range(128, 256)) * 20, 0, [1], []),
}


def read(folder, raw, how=kl.auditlog.read):
    path = folder / "audit.log"
    path.write_bytes(raw)
    return how(path)


@pytest.mark.parametrize("by", ["duckdb", "python"])
@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_damaged_is_said_by_line_and_the_rest_is_read(tmp_path, monkeypatch, name, by):
    if by == "python":
        monkeypatch.setattr(plain, "is_plain", lambda path, packing: False)
    raw, events, damaged, skipped = DAMAGE[name]
    log = read(tmp_path, raw)
    problems = log.problems
    assert log.counts.events == events
    assert problems[problems.kind == "damaged"].line.tolist() == damaged
    assert problems[problems.kind == "skipped"].line.tolist() == skipped
    assert (log.counts.damaged, log.counts.skipped) == (len(damaged), len(skipped))
    assert log.counts.lines == sum(1 for line in raw.split(b"\n") if line.strip())
    assert set(problems.file) <= {str(tmp_path / "audit.log")}


@pytest.mark.parametrize(("pack", "cut"), [(gzip.compress, -30), (zstandard.compress, -30)])
def test_a_cut_archive_gives_what_comes_before_the_cut(tmp_path, pack, cut):
    ids = [json.loads(line)["auditID"] for line in LINES[:20]]
    text = "".join(
        line.replace(own, f"{number}-{own}") + "\n" for number in range(300) for own, line in zip(ids, LINES, strict=False)
    ).encode()
    log = read(tmp_path, pack(text)[:cut])
    assert log.counts.damaged >= 1
    assert "the end is cut off" in log.problems.what.iloc[-1]
    assert 0 < log.counts.events <= 6000


def test_archives_that_are_none(tmp_path):
    log = read(tmp_path, b"\x1f\x8bthis is not gzip")
    assert (log.counts.damaged, log.counts.events) == (1, 0)
    assert "gzip" in log.problems.what[0]


def test_where_the_engine_and_python_disagree_python_reads_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "_takes", lambda raw: True)  # finds none of the lines that DuckDB left out
    log = read(tmp_path, A + b"\nFlushing.\n" + B)
    assert (log.counts.lines, log.counts.events, log.counts.damaged) == (3, 2, 1)
    assert sorted(log.calls().line) == [1, 3]


def test_scan_says_the_same(tmp_path):
    raw = b"\n".join(raw for raw, *_ in DAMAGE.values())
    one, other = read(tmp_path, raw), read(tmp_path, raw, kl.auditlog.scan)
    assert one.counts == other.counts
    pd.testing.assert_frame_equal(one.problems, other.problems)


def test_events_with_missing_or_odd_fields_are_calls_all_the_same(tmp_path):
    odd = [
        {},
        {"auditID": "b", "verb": 7, "user": "alice", "sourceIPs": "1.2.3.4", "objectRef": [], "responseStatus": {"code": "x"}},
        {"auditID": "c", "requestReceivedTimestamp": "yesterday", "stageTimestamp": None, "annotations": {"a": 1}, "requestObject": None},
        {
            "auditID": "d",
            "requestReceivedTimestamp": "2026-01-01T12:00:00+02:00",
            "stageTimestamp": "2026-01-01T09:00:00Z",
            "stage": "ResponseComplete",
        },
    ]
    lines = [json.dumps({"kind": "Event", "apiVersion": "audit.k8s.io/v1", **each}) for each in odd]
    log = read(tmp_path, "\n".join(lines).encode())
    calls = log.calls().set_index("audit_id")
    assert (log.counts.calls, log.counts.damaged) == (4, 0)
    assert calls.loc[["b", "c"], ["received", "code", "latency"]].isna().all(axis=None)
    assert not calls.loc["c", "has_request"]
    assert str(calls.loc["d", "received"]) == "2026-01-01 10:00:00+00:00"
    assert calls.loc["d", "latency"] == -3600, "a clock that went back is kept"


def test_hostile_values_stay_text(tmp_path):
    hostile = [
        "<script>alert(1)</script>",
        "=cmd()",
        "\x1b[31mred",
        "two\nlines",
        "$x$",
        "\u202eright to left",
        "'; DROP TABLE held; --",
        "x" * 100_000,
    ]
    events = [
        {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "auditID": str(number),
            "verb": "get",
            "user": {"username": text},
            "userAgent": text,
        }
        for number, text in enumerate(hostile)
    ]
    log = read(tmp_path, "\n".join(map(json.dumps, events)).encode())
    calls = log.sql("SELECT * FROM calls ORDER BY audit_id")
    assert calls.username.tolist() == hostile
    assert calls.user_agent.tolist() == hostile
    assert log.sql("SELECT count(*) AS n FROM calls WHERE username = $name", name=hostile[6]).n[0] == 1
