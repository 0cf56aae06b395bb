"""Verdicts: each node's answer, by plug-in."""

from __future__ import annotations

from kubelab.scheduler import explain
from kubelab.store.view import View
from tests.unit.scheduler import builders as b


def verdicts(waiting, *objects):
    return explain.verdicts(waiting, View(b.store_of(*objects).head, {}, b.START_NS))


def test_every_filter_is_asked_and_the_first_refusal_counts():
    [one] = verdicts(b.pod("new", cpu="9", nodeSelector={"disk": "ssd"}), b.node("n1"))

    assert (one.node, one.fits, one.plugin, one.total) == ("n1", False, "NodeAffinity", None)
    assert dict(one.filters)["NodeResourcesFit"] == ("Insufficient cpu",)
    assert dict(one.filters)["NodeUnschedulable"] == ()
    assert str(one) == "n1: node(s) didn't match Pod's node affinity/selector (NodeAffinity)"


def test_scores_of_the_nodes_that_fit():
    found = verdicts(b.pod("new", cpu="1", memory="1Gi"), b.node("n1", cpu="4", memory="4Gi"), b.node("n2", cpu="2", memory="4Gi"))

    assert [dict(each.scores)["NodeResourcesFit"] for each in found] == [75, 62]
    assert [dict(each.scores)["TaintToleration"] for each in found] == [300, 300]
    assert [each.total for each in found] == [sum(score for _, score in each.scores) for each in found]
    assert max(each.total for each in found) <= explain.MAX_TOTAL


def test_a_bound_pod_is_judged_as_if_it_were_not():
    placed = b.pod("web", cpu="4", node="n1")

    assert verdicts(placed, b.node("n1"), placed)[0].fits


def test_a_missing_claim_is_every_nodes_answer():
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    found = verdicts(b.pod("new", volumes=volumes), b.node("n1"), b.node("n2"))

    assert [each.reasons for each in found] == [('persistentvolumeclaim "data" not found',)] * 2
