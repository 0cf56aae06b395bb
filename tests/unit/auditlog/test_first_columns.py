"""``scan`` of a large plain log reads what most questions need first, and the rest once a question needs it: the answers are the same."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import kubelab as kl
from kubelab.auditlog import answers

BUSY = Path(__file__).parents[2] / "data" / "auditlog" / "busy-seconds.jsonl.gz"
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["kubelab.auditlog.read"], "LARGE", 0)
    found = tmp_path / "audit.log"
    lines = gzip.decompress(BUSY.read_bytes()).splitlines()
    found.write_bytes(b"\n".join([*lines, *lines[:20]]) + b"\n")  # some of it twice, as of overlapping exports
    return found


def test_the_first_questions_need_no_second_pass(path):
    with kl.auditlog.scan(path) as log, kl.auditlog.read(path) as whole:
        assert log.counts == whole.counts and log.counts.duplicates == 20
        for name in ("requests", "clients", "latencies", "hot_objects", "noisy_clients"):
            pd.testing.assert_frame_equal(getattr(log, name)(), getattr(whole, name)())
        assert log._rest is not None


@pytest.mark.parametrize("name", sorted({*answers.ANSWERS} - {"only", "plot", "rbac", "rollouts", "rollout_notes", "anomalies", "what_if"}))
def test_each_answer_is_that_of_the_whole_table(path, name):
    options = {"verb": ["delete", "patch"]} if name == "who" else {}
    with kl.auditlog.scan(path) as log, kl.auditlog.read(path) as whole:
        pd.testing.assert_frame_equal(getattr(log, name)(**options), getattr(whole, name)(**options))


def test_a_column_that_comes_later_is_fetched_where_its_values_are_needed(path):
    with kl.auditlog.scan(path) as log, kl.auditlog.read(path) as whole:
        assert log.sql("SELECT count(*) AS n FROM calls WHERE verb = 'nothing' AND message = 'x'")["n"].tolist() == [0]
        query = "SELECT DISTINCT decision, source_ip, len(groups) AS groups FROM calls ORDER BY ALL"
        pd.testing.assert_frame_equal(log.sql(query), whole.sql(query))
        assert log._rest is None
        pd.testing.assert_frame_equal(log.calls(), whole.calls())


def test_what_was_interrupted_is_begun_again(path, monkeypatch):
    with kl.auditlog.scan(path) as log:
        collapse = sys.modules["kubelab.auditlog.read"].collapse
        monkeypatch.setattr(sys.modules["kubelab.auditlog.read"], "collapse", lambda con: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            log.sql("SELECT message FROM calls")
        monkeypatch.setattr(sys.modules["kubelab.auditlog.read"], "collapse", collapse)
        assert log.sql("SELECT count(*) AS n FROM calls")["n"].tolist() == [log.counts.calls]


def test_one_damaged_line_and_all_is_read_at_once(path):
    with path.open("ab") as out:
        out.write(b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"cu')
    with kl.auditlog.scan(path) as log:
        assert log._rest is None and log.counts.damaged == 1


def test_a_log_that_grew_meanwhile_is_counted_anew(path):
    with kl.auditlog.scan(path) as log:
        before = log.counts.calls
        event = json.loads(gzip.decompress(BUSY.read_bytes()).splitlines()[0]) | {"auditID": "fresh"}
        with path.open("ab") as out:
            out.write(json.dumps(event).encode() + b"\n")
        log.sql("SELECT max(message) FROM calls")
        assert log.counts.calls == before + 1
