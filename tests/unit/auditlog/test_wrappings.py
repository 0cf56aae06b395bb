"""Every row of spec/audit.md B1 gives the calls of the plain log, whatever is around them: plain, gzip, zstd."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest
import zstandard

import kubelab as kl
from tests.unit.auditlog.wrappings import EVENTS, LINES, REAL, WRAPPINGS

PACKINGS = {
    "plain": lambda raw: raw,
    "gzip": gzip.compress,
    "gzip members": lambda raw: gzip.compress(raw[:999]) + gzip.compress(raw[999:]),
    "zstd": zstandard.compress,
    "utf-16": lambda raw: raw.decode().encode("utf-16"),
    "zstd frames": lambda raw: zstandard.compress(raw[:999]) + zstandard.compress(raw[999:]),
}
WHERE = ["server", "bytes", "file", "line"]


@pytest.fixture(scope="module")
def plainly():
    return kl.auditlog.read(REAL).calls().drop(columns=WHERE)


def written(folder, text, packing="plain"):
    path = folder / "log"  # no ending that could tell what it is
    path.write_bytes(PACKINGS[packing](text.encode()))
    return path


@pytest.mark.parametrize("name", WRAPPINGS)
def test_wrapped_events_are_the_calls_of_the_plain_log(tmp_path, plainly, name):
    text, server, skipped = WRAPPINGS[name]
    log = kl.auditlog.read(written(tmp_path, text))
    assert (log.counts.events, log.counts.damaged, log.counts.skipped) == (len(EVENTS), 0, skipped)
    calls = log.calls()
    assert set(calls["server"]) == {server}
    pd.testing.assert_frame_equal(calls.drop(columns=WHERE), plainly, check_categorical=False)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", [None, "a pretty EventList", "EKS by Firehose", "Docker"])
def test_packed_files_are_known_by_their_first_bytes(tmp_path, plainly, name, packing):
    text = WRAPPINGS[name][0] if name else "\n".join(LINES)
    log = kl.auditlog.read(written(tmp_path, text, packing))
    assert (log.counts.events, log.counts.damaged) == (len(EVENTS), 0)
    pd.testing.assert_frame_equal(log.calls().drop(columns=WHERE), plainly, check_categorical=False)


@pytest.mark.parametrize("name", ["EKS export", "AKS records", "a pretty array"])
def test_scan_takes_wrappings_off_as_read_does(tmp_path, plainly, name):
    with kl.auditlog.scan(written(tmp_path, WRAPPINGS[name][0], "gzip")) as log:
        pd.testing.assert_frame_equal(log.calls().drop(columns=WHERE), plainly, check_categorical=False)


def test_one_wrapped_after_another_in_one_file(tmp_path):
    text = "\n".join(text for name, (text, _, _) in WRAPPINGS.items() if name != "CRI")
    log = kl.auditlog.read(written(tmp_path, text))
    assert log.counts.damaged == 0
    assert log.counts.events == len(EVENTS) * (len(WRAPPINGS) - 1)


def test_a_long_line_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("kubelab.auditlog.files.LONGEST_WHOLE", 5000)
    monkeypatch.setattr("kubelab.auditlog.files._BLOCK", 2000)
    log = kl.auditlog.read(written(tmp_path, WRAPPINGS["an EventList"][0] + "\n" + WRAPPINGS["one JSON array"][0]))
    assert (log.counts.events, log.counts.damaged, log.counts.lines) == (2 * len(EVENTS), 0, 2)


def test_a_message_cut_by_cloudwatch_is_damaged_and_other_streams_are_skipped(tmp_path):
    message = f'{{"messageType":"DATA_MESSAGE","logStream":"kube-apiserver-audit-1","logEvents":[{{"message":{LINES[0][:300]!r}}}]}}'
    other = '{"messageType":"DATA_MESSAGE","logStream":"authenticator-1","logEvents":[{"message":"{ audit? no"}]}'
    log = kl.auditlog.read(
        written(tmp_path, message.replace("'", '"').replace(LINES[0][:300], LINES[0][:300].replace('"', '\\"')) + "\n" + other)
    )
    assert log.problems[["line", "kind"]].values.tolist() == [[1, "damaged"], [2, "skipped"]]
