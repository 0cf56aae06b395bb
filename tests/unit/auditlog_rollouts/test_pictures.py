"""What the pictures say and where they put things; that they can be drawn."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from kubelab.auditlog import read
from kubelab.auditlog.rbac import rbac
from kubelab.auditlog.rollouts import rollout_phases, rollout_steps
from kubelab.plot.auditlog import rbac as matrix
from kubelab.plot.auditlog import rollouts as gantt
from tests.unit.auditlog_rbac.requests import call, log_of
from tests.unit.auditlog_rollouts.events import deployment, event, pod
from tests.unit.auditlog_rollouts.test_real_logs import events

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def stories():
    return read(events("stories"))


def test_the_gantt_chart_has_a_row_per_pod_under_what_was_asked(stories):
    picture = gantt.tidy(rollout_phases(stories, "sts/web"), rollout_steps(stories, "sts/web"))
    assert picture.finding == "statefulset/web: 4 rollouts, 151 ms each (median; longest 4.1 s); 1 did not finish (ImagePullBackOff)"
    assert picture.bars.groupby("row")["name"].first().tolist() == ["web-0", "web-1", "web-2", "web-2", "web-1", "web-0", "web-2", "web-2"]
    assert picture.asks["words"].tolist() == [
        "create", "partition 2", "template nginx:2", "partition 0", "template broken:1", "undo nginx:2", "scale 1", "delete",
    ]  # fmt: skip
    assert picture.asks["good"].tolist() == [True] * 4 + [False] + [True] * 3
    # a revision keeps its colour when it comes back: nginx:1, nginx:2, broken, nginx:2 again
    assert picture.asks["order"].tolist() == [0, 0, 1, 1, 2, 1, 1, 1]


def test_the_gantt_chart_is_drawn(stories):
    ax = gantt.draw(gantt.tidy(rollout_phases(stories), rollout_steps(stories)))
    assert {text.get_text() for text in ax.texts} >= {"statefulset/web", "deployment/shop", "daemonset/agent", "undo nginx:2"}
    assert [label.get_text() for label in ax.get_yticklabels()][:3] == ["web-0", "web-1", "web-2"]
    matplotlib.pyplot.close(ax.figure)


def test_many_pods_show_their_revision_instead_of_their_name():
    log = read(events("busy"))
    ax = gantt.draw(gantt.tidy(rollout_phases(log), rollout_steps(log)))
    assert len(ax.get_yticks()) == 0 and ax.get_title(loc="left").startswith("12 rollouts, 2.0 s each")
    matplotlib.pyplot.close(ax.figure)


def test_at_metadata_a_pod_is_up_and_not_called_ready():
    log = read([*deployment(0, "web", "7876b85647"), *pod(1, "web-7876b85647-5pgrp", "u")])
    bars = gantt.tidy(rollout_phases(log), rollout_steps(log)).bars
    assert bars["phase"].tolist() == ["Pending", "ContainerCreating", "Starting", "Up"]
    assert np.allclose(bars["left"], [1.002, 1.012, 1.512, 3.012])


def test_a_log_without_rollouts_is_drawn_as_such():
    log = log_of(call("list", "/api/v1/pods", "pods"))
    ax = gantt.draw(gantt.tidy(rollout_phases(log), rollout_steps(log)))
    assert ax.get_title(loc="left") == "No rollout in this log"
    matplotlib.pyplot.close(ax.figure)


def test_the_matrix_says_what_is_allowed_beyond():
    pods = "/api/v1/namespaces/shop/pods"
    log = log_of(call("watch", pods, "pods", ns="shop"), call("get", "/apis/x", "nodes", name="n1"), call("get", "/metrics"))
    narrow, wide = matrix.tidy(rbac(log)), matrix.tidy(rbac(log, widen=True))
    assert narrow.finding == "3 rules allow all that was used and nothing else"
    assert wide.finding == "3 rules allow all that was used, and 2 permissions that nobody used"
    assert wide.rows == ["nodes", "pods", "/metrics"] and wide.columns == ["get", "list", "watch"]
    cells = {(wide.rows[cell.row], wide.columns[cell.column]): cell for cell in wide.cells.itertuples(index=False)}
    assert cells[("nodes", "get")].named and cells[("nodes", "get")].wide and not cells[("nodes", "get")].beyond
    assert cells[("pods", "list")].beyond and cells[("pods", "list")].calls == 0
    ax = matrix.draw(wide)
    assert "1 by name ∀ns" in {text.get_text() for text in ax.texts}
    matplotlib.pyplot.close(ax.figure)


def test_hostile_names_are_drawn_as_text():
    name = "$x^{$<b>_{"
    log = log_of(call("get", "/x", name, ns="shop", name=name))
    ax = matrix.draw(matrix.tidy(rbac(log)))
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == [name]
    matplotlib.pyplot.close(ax.figure)


def test_hostile_workloads_are_drawn_as_text():
    name = "$x^{$<b>_{"
    log = read([event(0, "alice", "create", "statefulsets", name), *pod(1, f"{name}-0", "u", by="statefulset-controller", named=True)])
    ax = gantt.draw(gantt.tidy(rollout_phases(log), rollout_steps(log)))
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"{name}-0"]
    assert ax.get_title(loc="left").startswith(f"statefulset/{name}: 1 rollout")
    matplotlib.pyplot.close(ax.figure)


def test_thousands_of_bars_are_points_in_a_page_and_no_shapes(monkeypatch, stories):
    picture = gantt.tidy(rollout_phases(stories), rollout_steps(stories))
    shaped = gantt.draw(picture)
    monkeypatch.setattr(gantt, "SHAPED_UP_TO", 10)
    pointed = gantt.draw(picture)
    for ax, expected in ((shaped, False), (pointed, True)):
        assert {bool(each.get_rasterized()) for each in [*ax.collections, *ax.lines]} == {expected}
        assert not any(each.get_rasterized() for each in ax.texts)
