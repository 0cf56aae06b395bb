"""Sources that are read once, that may not be read, or that change while they are read."""

from __future__ import annotations

import io
import os
import threading
from types import SimpleNamespace

import orjson
import pytest

import kubelab as kl
from kubelab.auditlog import SourceError
from tests.unit.auditlog.wrappings import EVENTS, LINES


def test_standard_input_is_read_like_a_file(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(LINES).encode())))
    with kl.auditlog.read("-") as log:
        assert log.counts.events == len(EVENTS)
        assert len(list(log.bodies())) >= 28  # a second pass over what can be read but once


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("reader", [kl.auditlog.read, kl.auditlog.scan])
def test_a_pipe_is_read_like_a_file(tmp_path, reader):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("\n".join(LINES)))
    writer.start()
    with reader(pipe) as log:
        assert log.counts.events == len(EVENTS)
    writer.join()


def test_what_a_stream_left_on_disk_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(LINES).encode())))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with kl.auditlog.read("-"):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_file_of_a_folder_that_leads_nowhere_is_a_problem_of_its_own(tmp_path):
    (tmp_path / "a.log").write_text("\n".join(LINES))
    (tmp_path / "b.log").symlink_to(tmp_path / "gone.log")
    log = kl.auditlog.read(tmp_path)
    assert log.counts.events == len(EVENTS)
    assert log.problems[["file", "kind", "what"]].values.tolist() == [
        [str(tmp_path / "b.log"), "damaged", "the file cannot be read: the link leads nowhere"]
    ]


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    (tmp_path / "a.log").write_text("\n".join(LINES))
    (tmp_path / "b.log").write_text("\n".join(LINES))
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith("b.log"))
    assert kl.auditlog.read(tmp_path).problems["what"].tolist() == ["the file cannot be read: permission denied"]
    with pytest.raises(SourceError, match="may not be read"):
        kl.auditlog.read(tmp_path / "b.log")


def test_stages_of_a_call_in_two_files_are_one_call(tmp_path):
    ended = next(event for event in EVENTS if event["stage"] == "ResponseComplete" and event["verb"] == "update")
    begun = {key: value for key, value in ended.items() if key not in ("responseStatus", "annotations")}
    begun |= {"stage": "RequestReceived", "stageTimestamp": ended["requestReceivedTimestamp"]}
    for name, event in (("a.log", begun), ("b.log", ended)):
        (tmp_path / name).write_bytes(orjson.dumps(event) + b"\n")
    found = kl.auditlog.read(tmp_path).sql("SELECT stages, code FROM calls").values.tolist()
    assert found == [["RequestReceived,ResponseComplete", ended["responseStatus"]["code"]]]


def test_a_name_that_is_nearly_right_is_guessed():
    with pytest.raises(AttributeError, match="an audit log has no 'requets': do you mean 'requests'"):
        kl.auditlog.read([]).requets  # noqa: B018
