"""Service level indicators: of a log what it tells, of a cluster all; objectives are the official ones."""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.auditlog import AuditLog
from kubelab.auditlog.sli import pods
from kubelab.auditlog.slis import page
from tests.unit.auditlog_answers.events import NODE, event, log

MUTATING, READING = "API call latency, mutating", "API call latency, read-only"


def rows(found: AuditLog, sli: str) -> dict[tuple[str, str, str], tuple[int, float, float, bool]]:
    frame = found.slis()
    chosen = frame[frame["sli"] == sli]
    return {
        (row.resource, row.scope, row.verb): (row.count_, row.p99, row.objective, row.met)
        for row in chosen.rename(columns={"count": "count_"}).itertuples()
    }


def test_objectives_by_verb_and_scope() -> None:
    found = log(
        event("create", name="a", took=0.5),
        event("delete", name="a", took=1.5, at=1),
        event("deletecollection", took=9, at=2),
        event("get", name="a", took=2, at=3),
        event("list", took=29, at=4),
        event("list", ns="", took=31, at=5),
        event("watch", took=300, query="watch=true", at=6),
    )
    assert rows(found, MUTATING) == {
        ("pods", "resource", "create"): (1, 0.5, 1.0, True),
        ("pods", "resource", "delete"): (1, 1.5, 1.0, False),
    }
    assert rows(found, READING) == {
        ("pods", "resource", "get, list"): (1, 2.0, 1.0, False),
        ("pods", "namespace", "get, list"): (1, 29.0, 30.0, True),
        ("pods", "cluster", "get, list"): (1, 31.0, 30.0, False),
    }


def test_custom_virtual_and_aggregated_resources_have_no_objective() -> None:
    found = log(
        event("create", "widgets.example.com", name="a", took=5),
        event("create", "tokenreviews.authentication.k8s.io", ns="", took=5, at=1),
        event("get", "pods.metrics.k8s.io", name="a", took=5, at=2),
    ).slis()
    judged = found[found["count"] > 0]
    assert judged[judged["sli"].str.startswith("API")]["met"].isna().all()
    assert found["note"].str.contains("no objective: custom, virtual or aggregated").sum() == 3


def test_the_time_of_webhooks_is_taken_off() -> None:
    """upstream: apiserver/pkg/endpoints/request/webhook_duration.go, 1.28: annotations on calls of more than 500 ms."""
    slow = {
        "apiserver.latency.k8s.io/total": "2.5s",
        "apiserver.latency.k8s.io/mutating-webhook": "1.2s",
        "apiserver.latency.k8s.io/validating-webhook": "850ms",
    }
    slower = {"apiserver.latency.k8s.io/mutating-webhook": "1m2.5s"}
    found = log(
        event("create", "configmaps", name="a", took=2.5, annotations=slow),
        event("update", "configmaps", name="a", took=63, at=9, annotations=slower),
    )
    assert {verb: p99 for (_, _, verb), (_, p99, _, _) in rows(found, MUTATING).items()} == pytest.approx({"create": 0.45, "update": 0.5})


def test_good_minutes_look_back_five() -> None:
    slow = [event("update", name="a", at=120, took=3)]
    found = log(*(event("update", name="a", at=minute * 60, took=0.01) for minute in range(20) if minute != 2), *slow).slis()
    assert found.loc[0, "good_minutes"] == pytest.approx(15 / 20)  # minutes 2 to 6 have it in their last five


def test_churn_counts_pods_and_people_once() -> None:
    found = log(
        *(event("create", name=f"a{at}", at=at / 100, **NODE) for at in range(25)),
        event("update", name="a", sub="status", at=0.5, **NODE),
        event("create", name="mine", at=1),
        event("get", name="mine", at=1.1),
        event("get", name="x", at=3, **NODE),
    ).slis()
    row = found[found["sli"] == "Cluster churn"].iloc[0]
    assert row["count"] == 27
    assert "at most 25 in one" in row["note"]
    assert not row["met"]


def test_the_front_doors_are_one(busy: AuditLog) -> None:
    assert kl.auditlog.slis(busy).equals(busy.slis())


def test_a_log_says_what_it_cannot_tell(busy: AuditLog) -> None:
    found = busy.slis()
    silent = found[found["count"] == 0].set_index("sli")
    assert set(silent.index) >= {"Pod startup latency, stateless", "Pod startup latency, stateful", "Watch latency", "Queue delay"}
    assert "pods/status (level RequestResponse)" in silent.loc["Pod startup latency, stateless", "note"]
    assert silent["met"].isna().all()
    assert silent.loc["Pod startup latency, stateful", "status"] == "to be defined upstream"


def test_start_up_out_of_bodies(stories: AuditLog) -> None:
    """25 of the pods of the real log were reported as started; three had an image that is not there."""
    row = stories.slis().set_index("sli").loc["Pod startup latency, stateless"]
    assert (row["count"], row["objective"], row["met"]) == (25, 5.0, True)
    assert 0.01 < row["p99"] < 0.1
    assert "3 not started yet" in row["note"]


WEB = {"name": "main", "image": "nginx:1.25"}


def pod(name: str, **spec: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [WEB], **spec}}


def test_a_cluster_tells_start_up_without_pulls_and_init_containers() -> None:
    c = kl.Cluster(nodes=2, seed=3)
    waiting = {"name": "wait", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 30"]}
    c.create(pod("plain"))
    c.create(pod("slow", initContainers=[waiting]))
    c.create(pod("nowhere", nodeSelector={"disk": "none"}))
    c.run("2m")
    found = c.slis().set_index("sli")
    row = found.loc["Pod startup latency, stateless"]
    whole = c.frames.pods().set_index("name")["to_started"]
    assert row["count"] == 2
    assert 0.3 < row["p50"] <= row["p99"] < 5 < whole["slow"]
    assert bool(row["met"])
    assert "1 pods left out that could not be scheduled at once" in row["note"]
    assert found.loc["Watch latency", "p99"] == c._engine.timing.watch_ns / 1e9
    assert (found.loc["Queue delay", "p99"] >= 0).all() if hasattr(found.loc["Queue delay", "p99"], "all") else True


def test_stateful_pods_are_measured_and_marked() -> None:
    c = kl.Cluster(nodes=3, seed=1)
    c.apply("data/manifests/zookeeper.yaml")
    c.run("2m")
    found = c.slis().set_index("sli")
    row = found.loc["Pod startup latency, stateful"]
    assert (row["count"], row["status"]) == (3, "to be defined upstream")
    assert row["objective"] != row["objective"]
    assert found.loc["Pod startup latency, stateless", "count"] == 0


def test_slis_leave_the_world_as_it_was() -> None:
    c = kl.Cluster(nodes=1)
    before = (c.elapsed, len(c.frames.calls()))
    c.slis()
    assert (c.elapsed, len(c.frames.calls())) == before


@pytest.mark.parametrize(
    ("volumes", "stateful"),
    [
        ([], False),
        (
            [{"name": "a", "secret": {}}, {"name": "b", "configMap": {}}, {"name": "c", "downwardAPI": {}}, {"name": "d", "emptyDir": {}}],
            False,
        ),
        ([{"name": "a", "projected": {"sources": []}}], False),
        ([{"name": "a", "emptyDir": {}}, {"name": "b", "persistentVolumeClaim": {"claimName": "x"}}], True),
        ([{"name": "a", "hostPath": {"path": "/"}}], True),
    ],
)
def test_stateless_pods_are_upstreams(volumes: list[dict[str, object]], stateful: bool) -> None:
    assert pods.is_stateful({"spec": {"volumes": volumes}}) is stateful


def test_the_page_is_whole_and_says_how_many_objectives_were_met(busy: AuditLog) -> None:
    text = page(busy.slis())
    assert text.startswith("<!doctype html>")
    assert "objectives met" in text
    assert text.count("<tr>") == len(busy.slis()) + 1
