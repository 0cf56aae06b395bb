"""The widgets of audit logs, driven as a browser would."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
import yaml

import kubelab as kl
from kubelab.apiserver.audit.policy import load
from kubelab.widget.audit_model import STEPS, AuditModel
from kubelab.widget.audit_view import finding as found_in
from kubelab.widget.audit_view import svg
from kubelab.widget.policy_model import LEVELS, PARTS, PolicyModel
from kubelab.widget.policy_view import finding
from tests.unit.auditlog_answers.events import event, log


@pytest.fixture
def calls():
    lists = [event("list", at=at, user="alice") for at in range(0, 100, 2)]
    denied = [event("delete", at=100 + at, user="bob <b>", name="a", code=403) for at in range(10)]
    return log(
        *lists, *denied, event("get", "secrets", at=125, name="key"), event("update", "leases.coordination.k8s.io", at=130, name="n1")
    )


# a window of time


def test_the_whole_log_is_chosen_at_first(calls):
    frame = AuditModel(calls).frame()
    assert frame.rows == (("alice", 51, 0), ("bob <b>", 10, 10))
    assert sum(frame.counts) == 62
    assert frame.chosen == (0, STEPS - 1)


def test_a_window_holds_its_calls_alone(calls):
    view = kl.widget.audit(calls)
    at = [number for number in range(STEPS) if view.model.instant(number).second >= 39 and view.model.instant(number).minute == 1]
    view.window.index = (at[0], at[-1])
    assert view.model.frame().rows == (("bob <b>", 10, 10),)
    assert "bob &lt;b&gt;" in view.canvas.value
    ElementTree.fromstring(view.canvas.value)


def test_another_question(calls):
    view = kl.widget.audit(calls)
    view.by.value = "target"
    assert [name for name, _, _ in view.model.frame().rows] == ["pods", "secrets"]
    assert "85% of them alice" not in view.canvas.value


def test_a_window_without_calls_says_so(calls):
    model = AuditModel(calls)
    model.chosen = (150, 154)
    assert model.frame().rows == ()
    assert found_in(model.frame()).endswith("no calls")
    ElementTree.fromstring(svg(model.frame()))


def test_an_empty_log_is_refused():
    with pytest.raises(ValueError, match="the log is empty: there is nothing to choose from"):
        kl.widget.audit([])


# a policy by hand


def test_every_setting_is_a_policy_that_upstream_takes(calls):
    model = PolicyModel(calls)
    for part in PARTS:
        for level in LEVELS:
            model.turn(part.name, level)
            assert load(model.policy()).policy.rules


def test_turning_a_slider_changes_picture_and_policy(calls):
    view = kl.widget.policy(calls)
    before = view.model.frame()
    view.sliders["other reads"].value = "None"
    after = view.model.frame()
    assert after.bytes < before.bytes
    assert view.labels["other reads"].value == "None"
    assert {name: verdict for name, _, _, verdict in after.answers}["requests"] == "in part"
    assert "other reads" not in view.text.value
    assert {"level": "None", "verbs": ["get", "list", "watch"]} in view.model.policy()["rules"]
    ElementTree.fromstring(view.canvas.value)


def test_secrets_stand_above_reads(calls):
    model = PolicyModel(calls)
    model.turn("other reads", "None")
    assert {name: verdict for name, _, _, verdict in model.frame().answers}["sensitive"] == "whole"


def test_the_stage_of_receipt(calls):
    view = kl.widget.policy(calls)
    assert view.model.policy()["omitStages"] == ["RequestReceived"]
    once = view.model.frame().events
    view.received.value = True
    assert "omitStages" not in view.model.policy()
    assert view.model.frame().events == 2 * once


def test_what_it_says(calls):
    model = PolicyModel(calls)
    for part in PARTS:
        model.turn(part.name, "None")
    assert finding(model.frame()).startswith("0 B, 0 events: 1")
    with pytest.raises(ValueError, match="'pods' at 'All': parts are secrets, leases"):
        model.turn("pods", "All")


def test_the_text_is_the_policy(calls):
    view = kl.widget.policy(calls)
    text = view.text.value.partition(">")[2].removesuffix("</pre>").replace("&#x27;", "'")
    assert yaml.safe_load(text) == view.model.policy()


def test_a_cluster_is_read_as_a_log(make):
    cluster = make(1, audit_policy="Metadata")
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    assert kl.widget.policy(cluster).model.frame().events > 0
