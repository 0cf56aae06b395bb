"""What a backend may be told.

upstream: staging/src/k8s.io/apiserver/pkg/server/options/{audit.go,audit_test.go}, 1.28.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster.auditing.options import AuditWarning

LOCAL = {"clusters": [{"name": "", "cluster": {"server": "localhost", "insecure-skip-tls-verify": True}}]}


@pytest.fixture(scope="module")
def cluster() -> kl.Cluster:
    return kl.Cluster(1, audit_policy="RequestResponse")


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        pytest.param("log", {}, "ignoreErrors<log>", id="default log"),
        pytest.param("log", {"path": "-"}, "ignoreErrors<log>", id="stdout log"),
        pytest.param("log", {"path": "non-existing-dir1/non-existing-dir2/audit"}, "ignoreErrors<log>", id="create audit log path dir"),
        pytest.param("webhook", {}, "buffered<webhook>", id="default webhook"),
        pytest.param("webhook", {"mode": "blocking-strict"}, "webhook", id="strict webhook"),
        pytest.param("log", {"mode": "batch"}, "buffered<log>", id="custom: log in batches"),
        pytest.param("webhook", {"mode": "blocking"}, "ignoreErrors<webhook>", id="custom: blocking webhook"),
        pytest.param("webhook", {"truncate": True}, "truncate<buffered<webhook>>", id="default webhook with truncating"),
    ],
)
def test_options_that_will_do(cluster: kl.Cluster, tmp_path: Path, kind: str, options: dict[str, Any], expected: str):
    """TestAuditValidOptions"""
    if kind == "log":
        path = options.pop("path", "audit")
        made = cluster.audit.log(path if path == "-" else tmp_path / path, **options)
        assert path == "-" or (tmp_path / path).exists()
        assert not Path("-").exists()
    else:
        made = cluster.audit.webhook(LOCAL, **options)
    assert str(made) == expected
    made.close()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        # TestAuditInvalidOptions
        ("log", {"format": "foo"}, 'invalid audit log format foo, allowed formats are "legacy,json"'),
        ("log", {"mode": "foo"}, 'invalid audit log mode foo, allowed modes are "batch,blocking,blocking-strict"'),
        ("log", {"mode": "batch", "buffer_size": -3}, "invalid audit batch log buffer size -3, must be a positive number"),
        ("webhook", {"mode": "foo"}, 'invalid audit webhook mode foo, allowed modes are "batch,blocking,blocking-strict"'),
        ("webhook", {"throttle_qps": -1}, "invalid audit batch webhook throttle QPS -1, must be a positive number"),
        (
            "webhook",
            {"truncate": True, "truncate_max_event_size": -1},
            "invalid audit truncate webhook max event size -1, must be a positive number",
        ),
        (
            "webhook",
            {"truncate": True, "truncate_max_event_size": 2, "truncate_max_batch_size": 1},
            "invalid audit truncate webhook max batch size 1, must be greater than max event size (2)",
        ),
        # the other errors of audit.go
        ("webhook", {"max_batch_size": 0}, "invalid audit batch webhook max batch size 0, must be a positive number"),
        ("webhook", {"throttle_burst": 0}, "invalid audit batch webhook throttle burst 0, must be a positive number"),
        ("webhook", {"throttle_qps": 0}, "invalid audit batch webhook throttle QPS 0, must be a positive number"),
        ("log", {"max_age": -1}, "--audit-log-maxage -1 can't be a negative number"),
        ("log", {"max_backups": -2}, "--audit-log-maxbackup -2 can't be a negative number"),
        ("log", {"max_size": -3}, "--audit-log-maxsize -3 can't be a negative number"),
        ("log", {"version": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
        (
            "log",
            {"version": "audit.k8s.io/v2"},
            'invalid group version, allowed versions are ["audit.k8s.io/v1alpha1" "audit.k8s.io/v1beta1" "audit.k8s.io/v1"]',
        ),
        (
            "log",
            {"format": "xml", "max_age": -1},
            '[invalid audit log format xml, allowed formats are "legacy,json", --audit-log-maxage -1 can\'t be a negative number]',
        ),
        # what no flag could be given
        ("log", {"max_size": 1.5}, "max_size=1.5: give a whole number"),
        ("webhook", {"buffer_size": True}, "buffer_size=True: give a whole number"),
        ("webhook", {"throttle_qps": float("nan")}, "throttle_qps=nan: give a number"),
        ("webhook", {"patience": -1}, "patience=-1: give seconds, from 0"),
    ],
)
def test_options_that_will_not_do(cluster: kl.Cluster, tmp_path: Path, kind: str, options: dict[str, Any], message: str):
    with pytest.raises(ValueError) as refused:
        if kind == "log":
            cluster.audit.log(tmp_path / "audit", **options)
        else:
            cluster.audit.webhook(LOCAL, **options)
    assert str(refused.value) == message
    assert not (tmp_path / "audit").exists()
    assert cluster.audit.backends.attached == []


def test_what_a_mode_does_not_use_is_not_looked_at(cluster: kl.Cluster):
    cluster.audit.webhook(LOCAL, mode="blocking", buffer_size=-3).close()


@pytest.mark.parametrize("given", ["soon", None, [1]])
def test_a_wait_that_is_no_duration(cluster: kl.Cluster, given: Any):
    with pytest.raises(ValueError, match="initial_backoff="):
        cluster.audit.webhook(LOCAL, initial_backoff=given)


def test_an_old_version_is_taken_with_a_warning(cluster: kl.Cluster, tmp_path: Path):
    words = '"audit.k8s.io/v1beta1" is deprecated and will be removed in a future release, use "audit.k8s.io/v1" instead'
    with pytest.warns(AuditWarning, match=words):
        cluster.audit.log(tmp_path / "audit", version="audit.k8s.io/v1beta1").close()


def test_without_a_policy_the_backend_says_that_nothing_comes(tmp_path: Path):
    """upstream: "default log no policy", "default webhook no policy" """
    bare = kl.Cluster(1)
    with pytest.warns(AuditWarning, match="No audit policy file provided, no events will be recorded for log backend"):
        bare.audit.log(tmp_path / "audit")
    with pytest.warns(AuditWarning, match="no events will be recorded for webhook backend"):
        bare.audit.webhook(LOCAL)
    bare.run("1m")
    bare.audit.close()
    assert (tmp_path / "audit").read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_file_and_folder_are_for_their_owner_alone(cluster: kl.Cluster, tmp_path: Path):
    cluster.audit.log(tmp_path / "new" / "audit.log").close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "audit.log").stat().st_mode) == 0o600


def test_a_path_that_cannot_be_a_file(cluster: kl.Cluster, tmp_path: Path):
    with pytest.raises(ValueError, match=r"ensureLogFile: open .*: is a directory"):
        cluster.audit.log(tmp_path)
    with pytest.raises(ValueError, match="give the path of a file"):
        cluster.audit.log("")
