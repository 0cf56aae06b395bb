"""Pictures: what is drawn and what the title says, from answers of a real log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from kubelab.auditlog import AuditLog, read
from kubelab.auditlog.answers import ANSWERS
from kubelab.plot.auditlog import bars, moments, ranges, verdicts
from kubelab.plot.auditlog.text import label, who
from tests.unit.auditlog_answers.events import event, log

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "auditlog.md").read_text(encoding="utf-8")
SAYS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "requests": ((), {}, r"436 requests and 105 of background; 10% of them: fakekubelet patch pods/status"),
    "clients": ((), {}, r"\S+ cost \d+% of the API server's time with \d+% of the calls"),
    "latencies": ((), {}, r"delete pods took most time, .* together"),
    "hot_objects": ((), {}, r"statefulsets\.apps/db is the hottest object: \d+ calls, most writes by statefulset-controller"),
    "write_amplification": ((), {}, r"4 writes asked for, 240 made of them: 60\.0 for each"),
    "conflicts": ((), {}, r"13 conflicts, 13 of them resolved by trying again"),
    "noisy_clients": ((), {}, r"alice makes most noise: 78 the same read again; 80 errors"),
    "elections": ((), {}, r"1 lock and 20 node leases: no change of holder, none fell silent for 40 s"),
    "denied": ((), {}, r"80 calls denied, most of them to alice"),
    "who": (("deployment/app0",), {}, r"\d+ calls by 2 users; the last: update by deployment-controller"),
    "deprecated": ((), {}, r"1 client would break with 1\.22: extensions/v1beta1 ingresses goes first"),
    "sensitive": ((), {}, r"40 sensitive calls by people, 0 by programs"),
    "permissions": ((), {}, r"\d+ bindings in use; what they grant besides, this log does not tell"),
    "burst": ((), {}, r"In 10\.0 s, 432 calls: .* of the time"),
    "anomalies": ((), {"window": "3s", "by": "user"}, r"false alarms: in \d+\.\d% of 4 windows held out"),
    "volume": ((), {}, r"0\.5 MB, \d+% of them delete pods"),
    "what_if": (("Metadata",), {}, r"\d+% of the bytes; 2 answers of 18 lost"),
    "slis": ((), {}, r"1 of \d+ objectives missed, cluster churn by most"),
}


@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in ("plot", "only", "rbac") and not name.startswith("rollout")])
def test_every_answer_has_a_picture_whose_title_says_what_was_found(busy: AuditLog, name: str) -> None:
    arguments, options, says = SAYS[name]
    if name == "anomalies":
        options = {**options, "baseline": ("2026-11-24T17:36:26.6Z", "2026-11-24T17:36:38.6Z")}
    axes = getattr(busy.plot, name)(*arguments, **options)
    axes.figure.canvas.draw()
    title = axes.get_title(loc="left").replace("\n", " ")
    plt.close(axes.figure)
    assert re.search(says, title), title


@pytest.mark.parametrize("name", [name for name in SAYS if name not in ("anomalies",)])
def test_an_empty_log_has_a_picture_too(name: str) -> None:
    with read([]) as empty:
        axes = getattr(empty.plot, name)(*SAYS[name][0])
        axes.figure.canvas.draw()
        assert axes.get_title(loc="left")
        plt.close(axes.figure)


def test_it_draws_where_it_is_told_to(busy: AuditLog) -> None:
    figure, panes = plt.subplots(1, 2)
    assert busy.plot.requests("verb", ax=panes[1]) is panes[1]
    assert not panes[0].patches
    plt.close(figure)


@pytest.mark.parametrize("name", [*SAYS, *ANSWERS])
def test_every_answer_and_picture_is_documented(name: str) -> None:
    assert re.search(rf"`(log\.)?(plot\.)?{name}\b", DOCUMENTED), f"{name} is missing in docs/auditlog.md"


def test_what_does_not_fit_is_counted() -> None:
    made = log(*(event("get", name="a", at=at, user=f"user-{at:02}") for at in range(40)))
    picture = bars.requests(made.requests("user"), ["user"])
    assert len(picture.rows) == bars.SHOWN
    assert picture.unit == "requests; 25 more are not shown"
    changes = moments.changes(made.who(verb="get"))
    assert len(changes.rows) == moments.SHOWN
    assert "24 users more are not shown" in changes.unit


def test_used_permissions_stand_beside_granted_ones() -> None:
    roles = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "r"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "delete"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "b"},
            "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "User", "name": "alice"}],
        },
    ]
    picture = bars.permissions(log(event("get", name="a")).permissions(roles))
    assert picture.finding == "2 of 3 permissions granted were never used"
    assert picture.rows[["used", "unused"]].to_numpy().tolist() == [[1.0, 2.0]]


def test_a_burst_tells_what_was_not_there_before() -> None:
    made = log(
        event("get", name="a", took=0.001),
        *(event("create", name=f"b{at}", at=100 + at / 10, user="ci") for at in range(50)),
        event("get", at=200),
    )
    rows = ranges.burst(made.burst(by="user")).rows
    assert rows.loc[0, ["label", "low", "high"]].tolist() == ["ci", 5.0, 5.0]
    assert rows.loc[0, "said"].endswith("not before")


def test_verdicts_stand_whole_first(busy: AuditLog) -> None:
    found = busy.what_if("Metadata")
    picture = verdicts.tidy(found.answers, found.totals)
    assert picture.rows["verdict"].tolist()[0] == "whole"
    assert picture.rows["verdict"].tolist()[-1] in ("lost", "nothing to answer")


def test_labels_are_text() -> None:
    assert label("$x$") == r"\$x\$"
    assert label("a\x1b[31mb\nc") == "a [31mb c"
    assert len(label("x" * 5000)) <= 46
    assert who("system:serviceaccount:shop:robot") == "sa shop:robot"
