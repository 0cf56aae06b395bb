"""Empty logs, hostile values, wrong questions."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pytest

from kubelab.auditlog import read
from kubelab.auditlog.answers import ANSWERS
from kubelab.auditlog.slis import page
from tests.unit.auditlog_answers.events import event, log

ROLLOUTS = ("rollouts", "rollout_pods", "rollout_phases", "rollout_steps", "rollout_notes", "rbac")
HOSTILE = ["<script>alert(1)</script>", "=cmd()", "\x1b[31mred", "two\nlines", "$x$", "\u202eevil", "'; DROP TABLE calls; --", "a" * 5000]
ARGUMENTS: dict[str, tuple[Any, ...]] = {"what_if": ("Metadata",), "volume": ("Metadata",)}


def test_an_empty_log_has_empty_answers() -> None:
    with read([]) as empty:
        for name in ANSWERS:
            if name in (*ROLLOUTS, "plot", "only", "anomalies", "what_if"):
                continue
            found = getattr(empty, name)(*ARGUMENTS.get(name, ()))
            assert found.empty or int(found["count" if name == "slis" else "calls"].sum()) == 0, name
        with pytest.raises(ValueError, match="the log is empty"):
            empty.anomalies()
        assert empty.burst().empty


def test_hostile_values_stay_text_in_frames_pictures_and_pages() -> None:
    made = [
        event("update", "configmaps", name=value, user=value, agent=value, ns=value, code=409, at=at, path=f"/api/v1/x{at}")
        for at, value in enumerate(HOSTILE)
    ]
    found = log(*made, *(event("get", "", user=value, path=value, at=50 + at) for at, value in enumerate(HOSTILE)))
    assert set(found.requests("user")["user"]) == set(HOSTILE)
    assert set(found.hot_objects()["name"]) == set(HOSTILE)
    assert len(found.only(user="'; DROP TABLE calls; --").calls()) == 2
    assert len(found.who(name="'; DROP TABLE calls; --", resource="configmaps", done=False)) == 1
    for name in ("requests", "clients", "hot_objects", "conflicts", "noisy_clients", "latencies", "volume", "slis"):
        axes = getattr(found.plot, name)()
        axes.figure.canvas.draw()
        plt.close(axes.figure)
    assert "<script>" not in page(found.slis().assign(note=HOSTILE[0]))


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda found: found.requests("colour"), "by='colour' is no column to group by"),
        (lambda found: found.requests([]), "names nothing to group by"),
        (lambda found: found.requests(["user", "user"]), "names a column twice"),
        (lambda found: found.requests("groups"), "is no column to group by"),
        (lambda found: found.requests(top=0), "top=0: a number of rows from 1"),
        (lambda found: found.latencies(quantiles=(0.5, 99)), "99 is not between 0 and 1"),
        (lambda found: found.conflicts(within="soon"), "is no duration"),
        (lambda found: found.only(colour="red"), "is no column"),
    ],
)
def test_wrong_questions_name_what_would_work(ask: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask(log(event("get", name="a")))


def test_missing_fields_are_missing_and_no_zero() -> None:
    bare = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "1",
        "stage": "ResponseComplete",
        "verb": "get",
        "requestURI": "/x",
    }
    found = log({**bare, "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z"})
    row = found.latencies("verb").iloc[0]
    assert row["calls"] == 0
    assert found.requests("user").loc[0, "calls"] == 1


def test_a_log_without_times_and_one_of_which_the_clock_goes_back():
    untimed = [{key: value for key, value in event("delete", name="a").items() if "imestamp" not in key}]
    log = read(untimed)
    assert log.burst().empty and log.slis()["count"].sum() == 0
    assert "tells no time" in log.plot.who(verb="delete").get_title(loc="left")
    back = read([event("get", at=second, took=-3600.0, name=f"n{second}") for second in range(20)])
    assert back.anomalies(window="1s").attrs["windows"] > 0


def test_two_clocks_years_apart_do_not_fill_the_years():
    log = read([event("create", at=0, name="a", code=201), event("create", at=10 * 366 * 86400, name="b", code=201)])
    churn = log.slis().set_index("sli").loc["Cluster churn"]
    assert (churn["count"], churn["p99"], churn["met"]) == (2, 0.0, True)


def test_a_release_that_is_no_release_is_not_taken_for_one():
    odd = event(
        "list", version="v1beta1", what="ingresses.extensions", annotations={"k8s.io/deprecated": "true", "k8s.io/removed-release": "<b>"}
    )
    assert read([odd]).deprecated()["removed"].tolist() == ["1.22"]
