"""Audit events on their way out of a cluster: into files, and to a real HTTPS receiver that is killed, revived, and talks nonsense.

upstream: staging/src/k8s.io/apiserver/plugin/pkg/audit/{buffered,webhook,log,truncate}, pkg/endpoints/filters/audit.go, 1.28.
"""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster.auditing import AuditWarning
from tests.receivers import Behaviour, Certificates, Received, Receiver, answer, raw

DOWN = answer(500, b"down", "Content-Type: text/plain")
APP = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx:1.25"}]}},
    },
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def receiver(certificates: Certificates) -> Iterator[Receiver]:
    made = Receiver(certificates)
    yield made
    made.kill()


def audited(policy: Any = "Metadata", nodes: int = 1) -> kl.Cluster:
    """A cluster that is audited from now on: what its boot did would only be in the way where events are counted."""
    cluster = kl.Cluster(nodes, seed=1)
    cluster.audit.reload(policy)
    return cluster


@pytest.fixture
def c() -> kl.Cluster:
    return audited(nodes=3)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keys(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["auditID"], event["stage"]) for event in events]


# -- files ---------------------------------------------------------------------------------------------------------------
def test_the_file_has_every_event_once_in_order_of_time(c: kl.Cluster, tmp_path: Path):
    log = c.audit.log(tmp_path / "audit.log")
    c.apply(APP)
    c.run("3m")
    found = lines(tmp_path / "audit.log")
    assert found == c.audit_events() and len(found) > 200
    assert [event["stageTimestamp"] for event in found] == sorted(event["stageTimestamp"] for event in found)
    assert (log.sent, log.waiting, log.lost) == (len(found), 0, 0)


def test_the_same_file_however_the_time_is_cut(tmp_path: Path):
    contents = []
    for name, pieces in (("one", [180]), ("many", [7] * 25 + [5])):
        cluster = kl.Cluster(3, seed=1, audit_policy="Metadata")
        cluster.audit.log(tmp_path / name)
        cluster.apply(APP)
        for piece in pieces:
            cluster.run(piece)
        contents.append(sorted((tmp_path / name).read_bytes().splitlines()))
    assert contents[0] == contents[1]


def test_backends_leave_no_trace_in_the_world(tmp_path: Path, receiver: Receiver):
    bare, heard = (kl.Cluster(3, seed=1, audit_policy="Metadata") for _ in range(2))
    heard.audit.log(tmp_path / "audit.log")
    heard.audit.webhook(receiver.kubeconfig())
    for cluster in (bare, heard):
        cluster.apply(APP)
        cluster.run("2m")
    heard.audit.close()
    assert heard._engine.store.log.calls == bare._engine.store.log.calls
    assert heard._engine.streams.state == bare._engine.streams.state


def test_a_backend_begins_now_or_at_the_start(c: kl.Cluster, tmp_path: Path):
    c.apply(APP)
    before = len(c.audit_events())
    c.audit.log(tmp_path / "now")
    c.audit.log(tmp_path / "all", from_start=True)
    c.run("1m")
    c.audit.flush()
    assert lines(tmp_path / "all") == c.audit_events()
    assert lines(tmp_path / "now") == c.audit_events()[before:]


def test_a_fork_and_a_saved_world_have_none(c: kl.Cluster, tmp_path: Path):
    c.audit.log(tmp_path / "audit.log")
    other, again = c.fork(), kl.load(c.save(tmp_path / "world.klab"))
    for cluster in (other, again):
        cluster.apply(APP)
        cluster.run("1m")
        assert cluster.audit_events()
    c.audit.close()
    assert lines(tmp_path / "audit.log") == c.audit_events()
    assert len(c.audit_events()) < len(other.audit_events())


def test_the_legacy_format_and_the_older_versions(c: kl.Cluster, tmp_path: Path):
    c.audit.log(tmp_path / "legacy", format="legacy")
    with pytest.warns(AuditWarning, match="is deprecated"):
        c.audit.log(tmp_path / "beta", version="audit.k8s.io/v1beta1")
    c.apply(APP)
    first = (tmp_path / "legacy").read_text().splitlines()[0]
    assert first.startswith("2026-01-01T00:00:00Z AUDIT: id=") and 'stage="RequestReceived" ip="127.0.0.1" method="get"' in first
    event = lines(tmp_path / "beta")[0]
    assert event["apiVersion"] == "audit.k8s.io/v1beta1" and event["timestamp"] == "2026-01-01T00:00:00Z"


def test_standard_output(c: kl.Cluster, capsys: pytest.CaptureFixture[str]):
    c.audit.log("-")
    c.apply(APP)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == c.audit_events()


def test_markup_stays_harmless_and_hostile_values_stay_one_line(c: kl.Cluster, tmp_path: Path):
    c.audit.log(tmp_path / "audit.log")
    c.as_user("<script>alert(1)</script>\n\u2028\x1b[31m&").request("GET", "/api/v1/pods?x=<b>")
    text = (tmp_path / "audit.log").read_text(encoding="utf-8")
    assert text.count("\n") == 2 and "<" not in text and "\u2028" not in text and "\x1b" not in text
    assert lines(tmp_path / "audit.log")[0]["user"]["username"].startswith("<script>")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_counted_and_said_and_holds_up_nobody(c: kl.Cluster):
    log = c.audit.log("/dev/full")
    with pytest.warns(AuditWarning, match=r"Error in audit plugin 'log' affecting \d+ audit events: no space left on device"):
        c.apply(APP)
    with pytest.warns(AuditWarning, match="no space left on device"):
        c.run("1m")
    with pytest.warns(AuditWarning, match="affecting 2 audit events"):
        assert c.get("deployment/web")["status"]["readyReplicas"] == 3
    assert log.sent == 0 and log.errors == {"log": len(c.audit_events())}
    c.audit.close()


def test_truncation_takes_the_bodies_off_and_then_drops(tmp_path: Path):
    cluster = kl.Cluster(1, audit_policy="Request")
    cluster.audit.log(tmp_path / "audit.log", truncate=True, truncate_max_event_size=2000)
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"a": "x" * 3000}})
    with pytest.warns(AuditWarning, match="'truncate' affecting 2 audit events: event is too large even after truncating"):
        cluster.request("GET", "/api/v1/pods?labelSelector=" + "a" * 3000)
    created = next(event for event in lines(tmp_path / "audit.log") if event["verb"] == "create" and event["stage"] == "ResponseComplete")
    assert created["annotations"]["audit.k8s.io/truncated"] == "true" and "requestObject" not in created
    assert cluster.audit.metrics()["apiserver_audit_error_total"] == {"truncate": 2}
    assert 'apiserver_audit_error_total{plugin="truncate"} 2' in cluster.request("GET", "/metrics")[1].splitlines()


# -- a receiver ------------------------------------------------------------------------------------------------------------
def test_batches_of_at_most_four_hundred_and_at_most_thirty_seconds_old(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig())
    c.apply(APP)
    c.run("10s")
    assert receiver.requests == [] and webhook.waiting > 0
    c.run("21s")
    assert len(receiver.requests) == 1
    c.scale("deployment/web", 60)
    c.run("1m")
    c.audit.flush()
    assert keys(receiver.events) == keys(c.audit_events())
    assert max(len(request.items) for request in receiver.requests) == 400
    posted = json.loads(receiver.requests[0].body)
    assert (posted["kind"], posted["apiVersion"], posted["metadata"]) == ("EventList", "audit.k8s.io/v1", {})
    assert not {"kind", "apiVersion"} & set(posted["items"][0])
    assert [{"kind": "Event", "apiVersion": "audit.k8s.io/v1", **item} for item in receiver.events] == c.audit_events()


def test_blocking_sends_each_event_by_itself(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig(), mode="blocking")
    c.apply(APP)
    assert {len(request.items) for request in receiver.requests} == {1}
    assert keys(receiver.events) == keys(c.audit_events())
    assert webhook.waiting == 0


def test_a_receiver_that_is_down_for_a_while_loses_nothing(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig(), patience=0.5)
    c.apply(APP)
    receiver.kill()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        c.run("75s")
        assert webhook.sent == 0 and webhook.waiting == len(c.audit_events())
        receiver.revive()
        c.run("2m")
        c.audit.flush()
    assert webhook.lost == 0
    assert receiver.keys == set(keys(c.audit_events()))


def test_what_is_beyond_that_is_counted_and_said(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig(), patience=0.5)
    c.apply(APP)
    receiver.kill()
    with pytest.warns(AuditWarning, match=r"'webhook' affecting \d+ audit events: Post .*: connect: connection refused") as said:
        c.run("10m")
    assert len(said) == 1
    receiver.revive()
    c.run("3m")
    c.audit.flush()
    assert webhook.lost > 0
    assert len(receiver.keys) + webhook.lost == len(c.audit_events())
    assert c.audit.metrics()["apiserver_audit_error_total"] == {"webhook": webhook.lost}


def test_a_receiver_that_starts_again_within_a_run_has_missed_nothing(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig())
    c.apply(APP)
    receiver.kill()
    revival = threading.Timer(0.3, receiver.revive)
    revival.start()
    c.run("1h")
    revival.join()
    c.audit.flush()
    assert webhook.sink.retries > 0 and webhook.lost == 0
    assert receiver.keys == set(keys(c.audit_events()))


def test_a_full_buffer_drops_counts_and_says(receiver: Receiver):
    cluster = audited(nodes=3)
    webhook = cluster.audit.webhook(receiver.kubeconfig(), buffer_size=20, max_batch_size=5, throttle_qps=0.1, throttle_burst=1)
    cluster.apply(APP)
    with pytest.warns(AuditWarning, match=r"'buffered' affecting \d+ audit events: audit buffer queue blocked"):
        cluster.run("1m")
    cluster.audit.flush()
    assert webhook.errors.keys() == {"buffered"}
    assert len(receiver.events) + webhook.lost == len(cluster.audit_events())


@pytest.mark.parametrize(
    "nonsense",
    [
        DOWN,
        answer(500, b"<html><script>alert(1)</script>" * 9000, "Content-Type: text/html"),
        answer(301, b"", "Location: https://127.0.0.1:1/"),
        answer(302, b""),
        raw(b""),
        raw(b"\x16\x03\x01\x00nonsense\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"),
        raw(b"HTTP/1.1 999999 What\r\n\r\n"),
    ],
    ids=["500", "html", "301", "302", "closes", "bytes", "half an answer", "code"],
)
def test_after_nonsense_it_is_tried_again_and_nothing_is_lost(c: kl.Cluster, receiver: Receiver, nonsense: Behaviour):
    webhook = c.audit.webhook(receiver.kubeconfig())
    receiver.script = [nonsense] * 4
    c.apply(APP)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        c.run("3m")
        c.audit.flush()
    assert webhook.lost == 0 and receiver.keys == set(keys(c.audit_events()))


def test_a_receiver_that_hangs_costs_little_real_time_and_is_said_once(c: kl.Cluster, receiver: Receiver):
    def hangs(connection: socket.socket, received: Received) -> None:
        time.sleep(3)

    receiver.script = [hangs] * 2
    webhook = c.audit.webhook(receiver.kubeconfig(), patience=0.3)
    c.apply(APP)
    began = time.monotonic()
    with pytest.warns(AuditWarning, match="does not answer: after 0.3 s of real time") as said:
        c.run("5m")
    assert time.monotonic() - began < 3
    assert len(said) == 1
    c.audit.flush()
    assert webhook.lost == 0 and receiver.keys == set(keys(c.audit_events()))


def test_a_batch_that_arrived_although_its_answer_did_not_comes_twice(c: kl.Cluster, receiver: Receiver):
    def swallows(connection: socket.socket, received: Received) -> None:
        receiver.requests.append(received)
        raise ConnectionError

    receiver.script = [swallows]
    c.audit.webhook(receiver.kubeconfig())
    c.apply(APP)
    c.run("2m")
    c.audit.flush()
    assert len(receiver.events) > len(receiver.keys)
    assert receiver.keys == set(keys(c.audit_events()))


def test_a_wrong_certificate_is_said(c: kl.Cluster, receiver: Receiver, tmp_path: Path):
    config = receiver.kubeconfig()
    config["clusters"][0]["cluster"] = {**Receiver(Certificates(tmp_path)).kubeconfig()["clusters"][0]["cluster"], "server": receiver.url}
    c.audit.webhook(config, patience=0)
    c.apply(APP)
    with pytest.warns(AuditWarning, match="x509: certificate signed by unknown authority"):
        c.audit.close()


def test_a_redirect_that_drops_the_events_is_counted_as_lost(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig(), mode="blocking")
    receiver.script = [answer(301, b"", "Location: /elsewhere")]
    receiver.always = lambda connection, received: answer()(connection, received)
    with pytest.warns(AuditWarning, match="never got them: it redirects"):
        c.request("GET", "/version")
    assert webhook.lost == 1


def test_within_a_long_run_events_are_on_their_way_before_it_ends(c: kl.Cluster, receiver: Receiver):
    c.audit.webhook(receiver.kubeconfig())
    c.apply({**APP, "spec": {**APP["spec"], "replicas": 150}})
    c.run(until=lambda cluster: bool(receiver.requests), timeout="5m")
    assert c.elapsed < 60 and len(receiver.requests[0].items) == 400
    c.audit.close()


def test_a_policy_that_is_reloaded_is_at_once_what_the_backends_see(c: kl.Cluster, receiver: Receiver, tmp_path: Path):
    c.audit.log(tmp_path / "audit.log")
    c.request("GET", "/version")
    c.audit.reload("None")
    c.request("GET", "/version")
    c.audit.reload("Request")
    c.request("GET", "/version")
    assert [event["level"] for event in lines(tmp_path / "audit.log")] == ["Metadata", "Metadata", "Request", "Request"]


def test_a_kubeconfig_as_text(c: kl.Cluster, receiver: Receiver):
    text = json.dumps(receiver.kubeconfig(), indent=1)
    with c.audit.webhook(text):
        c.request("GET", "/version")
    assert len(receiver.events) == 2


def test_two_backends_do_not_share_a_file(c: kl.Cluster, tmp_path: Path):
    first = c.audit.log(tmp_path / "audit.log")
    with pytest.raises(ValueError, match="audit.log: another backend writes to it: close that one first"):
        c.audit.log(tmp_path / "audit.log")
    (tmp_path / "other name").symlink_to(tmp_path / "audit.log")
    os.link(tmp_path / "audit.log", tmp_path / "third name")
    for name in ("other name", "third name", f"../{tmp_path.name}/audit.log"):
        with pytest.raises(ValueError, match="another backend writes to it"):
            c.audit.log(tmp_path / name)
    first.close()
    c.audit.log(tmp_path / "audit.log")


@pytest.mark.parametrize(
    "body", ["NaN", '{"data":{"a":1e999}}', "[" * 100_000, '{"a":' * 300 + "1" + "}" * 300, '{"data":{"a":"\\ud800"}}']
)
def test_a_patch_that_no_reader_could_take_loses_no_event(tmp_path: Path, body: str):
    c = audited("Request")
    log = c.audit.log(tmp_path / "audit.log")
    c.request("PATCH", "/api/v1/namespaces/default/configmaps/none", body, content_type="application/merge-patch+json")
    assert log.lost == 0
    assert len(lines(tmp_path / "audit.log")) == len(c.audit_events()) == 2
    assert len(kl.auditlog.read(c).calls()) == len(kl.auditlog.read(tmp_path / "audit.log").calls()) == 1


# -- the end ---------------------------------------------------------------------------------------------------------------
def test_the_end_sends_what_waits(c: kl.Cluster, receiver: Receiver):
    with c.audit.webhook(receiver.kubeconfig()) as webhook:
        c.apply(APP)
        assert receiver.requests == []
    assert webhook.closed and webhook.waiting == 0
    assert keys(receiver.events) == keys(c.audit_events())
    c.run("1m")
    c.audit.flush()
    assert len(receiver.requests) == 1


def test_the_end_waits_a_little_for_a_receiver_that_comes_back(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig(), patience=2)
    c.apply(APP)
    receiver.script = [DOWN, DOWN, DOWN]
    began = time.monotonic()
    c.audit.close()
    assert time.monotonic() - began < 2.5
    assert webhook.lost == 0 and keys(receiver.events) == keys(c.audit_events())


def test_the_end_says_what_is_lost(c: kl.Cluster, receiver: Receiver):
    webhook = c.audit.webhook(receiver.kubeconfig(), patience=0.2)
    c.apply(APP)
    receiver.kill()
    with pytest.warns(AuditWarning, match="connection refused"):
        webhook.close()
    assert webhook.lost == len(c.audit_events())
    assert c.audit.metrics()["apiserver_audit_error_total"] == {"webhook": webhook.lost}


def test_a_handle_that_is_gone_has_sent_what_it_held(receiver: Receiver):
    cluster = audited()
    cluster.audit.webhook(receiver.kubeconfig())
    cluster.apply(APP)
    wanted = len(cluster.audit_events())
    del cluster
    gc.collect()
    assert len(receiver.events) == wanted


def test_the_end_of_the_process_sends_what_waits(receiver: Receiver, tmp_path: Path):
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(receiver.kubeconfig()))
    story = (
        "import sys, kubelab as kl; c = kl.Cluster(1); c.audit.reload('Metadata'); c.audit.webhook(sys.argv[1]); c.request('GET', '/version'); "
        "print(len(c.audit_events()))"
    )
    ran = subprocess.run([sys.executable, "-c", story, str(config)], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert len(receiver.events) == int(ran.stdout) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_disk_that_fills_up_loses_no_line_uncounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kubelab.cluster.auditing.rotation.MEGABYTE", 4000)
    cluster = audited()
    log = cluster.audit.log(tmp_path / "audit.log", max_size=1)
    cluster.apply(APP)
    stored = log.sent
    assert stored == len(cluster.audit_events())
    log.sink.file._file.close()  # type: ignore[attr-defined]
    log.sink.file._file = open("/dev/full", "ab", buffering=0)  # type: ignore[attr-defined]  # noqa: SIM115
    with pytest.warns(AuditWarning, match="no space left on device"):
        cluster.run("10s")
    assert log.lost > 0 and log.sent + log.lost == len(cluster.audit_events())
    on_disk = sum(len(lines(path)) for path in tmp_path.iterdir())
    assert on_disk == log.sent > stored  # a new file was opened, and took the rest


# -- strictly ----------------------------------------------------------------------------------------------------------------
def test_strictly_what_cannot_be_stored_is_not_served(c: kl.Cluster, receiver: Receiver, tmp_path: Path):
    log = c.audit.log(tmp_path / "audit.log")
    strict = c.audit.webhook(receiver.kubeconfig(), mode="blocking-strict", patience=0.5)
    c.apply(APP)
    assert keys(receiver.events) == keys(c.audit_events())
    before, revision = len(c.audit_events()), c._engine.store.log.revision
    receiver.kill()
    with pytest.warns(AuditWarning, match="connection refused"), pytest.raises(kl.ApiError) as refused:
        c.scale("deployment/web", 5)
    uri = "/apis/apps/v1/namespaces/default/deployments/web/scale"
    said = f'Internal Server Error: "{uri}": failed to store audit event'
    assert (refused.value.code, refused.value.reason) == (500, "InternalError")
    assert refused.value.causes[0]["message"].startswith(said[:60]) and "failed to store audit event" in refused.value.message
    with pytest.warns(AuditWarning):
        code, status = c.request("GET", "/api/v1/pods?limit=1")
    assert (code, status["message"]) == (500, 'Internal Server Error: "/api/v1/pods?limit=1": failed to store audit event')
    assert c._engine.store.log.revision == revision
    assert len(c.audit_events()) == before
    assert c.audit.metrics()["apiserver_audit_requests_rejected_total"] == 2
    assert len(lines(tmp_path / "audit.log")) == before + 2 == log.sent  # the other backend was told that they came
    receiver.revive()
    assert c.scale("deployment/web", 5)["spec"]["replicas"] == 5
    assert strict.errors == {"webhook": 2}


def test_strictly_only_request_received_counts(receiver: Receiver):
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
    cluster = kl.Cluster(1, audit_policy=policy)
    cluster.audit.webhook(receiver.kubeconfig(), mode="blocking-strict", patience=0)
    receiver.kill()
    assert cluster.request("GET", "/version")[0] == 200
    with pytest.warns(AuditWarning, match="connection refused"):
        cluster.audit.close()
    assert cluster.audit.metrics()["apiserver_audit_requests_rejected_total"] == 0


# -- what is counted -----------------------------------------------------------------------------------------------------------
def test_metrics_as_the_api_server_shows_them(c: kl.Cluster, tmp_path: Path):
    c.audit.log(tmp_path / "audit.log")
    c.apply(APP)
    c.run("1m")
    found = c.audit.metrics()
    assert found["apiserver_audit_event_total"] == len(c.audit_events())
    assert found["apiserver_audit_level_total"]["Metadata"] == len({event["auditID"] for event in c.audit_events()})
    page = c.audit.prometheus()
    assert "# HELP apiserver_audit_event_total [ALPHA] Counter of audit events generated and sent to the audit backend.\n" in page
    assert f'apiserver_audit_level_total{{level="Metadata"}} {found["apiserver_audit_level_total"]["Metadata"]}\n' in page
    assert "apiserver_audit_error_total{" not in page
    served = c.request("GET", "/metrics")[1]
    assert re.search(r"^apiserver_audit_event_total (\d+)$", served, re.MULTILINE)[1] == str(
        found["apiserver_audit_event_total"] + 2  # those of the request for the page
    )


@pytest.mark.parametrize(
    "call", [lambda c: c.audit.log(""), lambda c: c.audit.webhook("/no/such/file"), lambda c: c.audit.log("x", mode="m")]
)
def test_bad_input_leaves_everything_as_it_was(c: kl.Cluster, call: Callable[[kl.Cluster], Any]):
    with pytest.raises(ValueError):
        call(c)
    assert c.audit.backends.attached == [] and c._engine.server.gate is None and c._engine.server.follower is None
