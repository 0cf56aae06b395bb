"""Where a log may come from, what ``read`` and ``scan`` share, and what they refuse."""

from __future__ import annotations

import gzip
import os

import pandas as pd
import pytest

import kubelab as kl
from kubelab.auditlog.schema import CALLS
from tests.unit.auditlog.wrappings import EVENTS, LINES, REAL, WRAPPINGS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.log").write_text("\n".join(LINES[:16]) + "\n", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.log.gz").write_bytes(gzip.compress(("\n".join(LINES[16:]) + "\n").encode()))
    (tmp_path / ".hidden").write_text("no log", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("how", [kl.auditlog.read, kl.auditlog.scan])
@pytest.mark.parametrize(
    "source",
    [
        lambda folder: folder,
        str,
        lambda folder: f"{folder}/**/*.log*",
        lambda folder: [folder / "a.log", str(folder / "deep")],
        lambda folder: [folder, folder / "a.log"],
        lambda folder: (path for path in (folder / "a.log", folder / "deep" / "b.log.gz")),
    ],
)
def test_folders_patterns_and_lists(folder, source, how):
    with how(source(folder)) as log:
        assert (log.counts.events, log.counts.calls) == (len(LINES), 30)
        assert len(log.calls().file.cat.categories) == 2


def test_dicts_and_a_cluster():
    assert kl.auditlog.read(EVENTS).counts.calls == 30
    assert kl.auditlog.read([{"items": EVENTS, "kind": "EventList"}]).counts.calls == 30
    cluster = kl.Cluster(1, audit_policy="Metadata")
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}})
    created = kl.auditlog.read(cluster).sql("SELECT resource, name, code FROM calls WHERE verb = 'create' AND resource = 'configmaps'")
    assert ["configmaps", "c", 201] in created.values.tolist()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.log", "audit log 'nowhere.log': no such file or folder"),
        ("nowhere/*.log", "audit log 'nowhere/*.log': no files in it"),
        (7, "audit log from int: a path, a list of paths or of event dicts, or a Cluster would do"),
        ([7], "audit log from a list with int: paths or event dicts would do"),
    ],
)
def test_what_is_no_source_is_refused(source, message):
    with pytest.raises(kl.auditlog.SourceError) as refused:
        kl.auditlog.read(source)
    assert message in str(refused.value)


def test_a_frame_has_its_types_whatever_is_in_the_log(tmp_path):
    (tmp_path / "empty.log").touch()
    empty, full = kl.auditlog.read(tmp_path / "empty.log").calls(), kl.auditlog.read(REAL).calls()
    assert list(empty) == list(full) == list(CALLS)
    kinds = [
        {name: "category" if isinstance(kind, pd.CategoricalDtype) else str(kind) for name, kind in frame.dtypes.items()}
        for frame in (empty, full)
    ]
    assert kinds[0] == kinds[1]
    assert kinds[1]["received"] == "datetime64[us, UTC]"
    assert (kinds[1]["code"], kinds[1]["uri"], kinds[1]["verb"]) == ("Int64", "string", "category")


def test_sql_takes_parameters_and_gives_times_in_utc():
    found = kl.auditlog.read(REAL).sql("SELECT max(received) AS last, count(*) AS n FROM calls WHERE verb = $verb", verb="watch")
    assert (str(found["last"].dtype), found.n[0]) == ("datetime64[us, UTC]", 2)


@pytest.mark.parametrize("packing", ["plain", "wrapped", "dicts"])
def test_bodies_come_from_a_second_pass(tmp_path, packing):
    path = tmp_path / "log"
    path.write_text("\n".join(LINES) if packing == "plain" else WRAPPINGS["EKS subscription"][0], encoding="utf-8")
    log = kl.auditlog.read(EVENTS if packing == "dicts" else path)
    wanted = [event for event in EVENTS if event["verb"] == "create" and "requestObject" in event]
    found = list(log.bodies("verb = $verb AND has_request", verb="create"))
    assert [body["request_object"] for body in found] == [event["requestObject"] for event in wanted]
    assert [(body["audit_id"], body["name"], body["code"]) for body in found] == [
        (event["auditID"], event["objectRef"].get("name", ""), event["responseStatus"]["code"]) for event in wanted
    ]


def test_scan_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log = kl.auditlog.scan(REAL)
    assert os.listdir(tmp_path)
    log.close()
    assert os.listdir(tmp_path) == []
    with pytest.raises(kl.auditlog.SourceError):
        kl.auditlog.scan("nowhere.log")
    assert os.listdir(tmp_path) == []


def test_two_workers_of_dask_give_the_same(folder, monkeypatch):
    """A small file, an archive, an export, and a large damaged log that is cut at line ends."""
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    from kubelab.auditlog import spread

    with open(folder / "large.log", "w", encoding="utf-8") as out:
        for number in range(40):
            out.writelines(line.replace('"auditID":"', f'"auditID":"{number}-') + "\n" for line in LINES)
            out.write("Flushing.\n")
    (folder / "export.json").write_text(WRAPPINGS["EKS export, pretty"][0], encoding="utf-8")
    monkeypatch.setattr(spread, "CUT", 300_000)
    assert len(spread.units_of(folder / "large.log", 300_000)) == 7
    alone = kl.auditlog.read(folder)
    workers = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with workers, distributed.Client(workers) as client, kl.auditlog.scan(folder, client=client) as shared:
        assert shared.counts == alone.counts
        assert shared.counts.damaged == 40
        pd.testing.assert_frame_equal(shared.problems, alone.problems)
        pd.testing.assert_frame_equal(shared.calls(), alone.calls())
        asked = "verb = 'create' AND has_request"
        key = "{audit_id}{server}".format_map
        assert sorted(map(key, shared.bodies(asked))) == sorted(map(key, alone.bodies(asked)))
