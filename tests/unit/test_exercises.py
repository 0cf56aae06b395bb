"""Exercises: what a check says of an answer, and that it leaves the answer alone."""

import pytest

import kubelab as kl
from kubelab.exercises import Exercise

THERE = {"team-a is there": lambda c: c["namespace/team-a"]}


def test_a_check_asks_each_condition():
    verdict = Exercise("Say four.", {"it is even": lambda n: n % 2 == 0, "it is <4": lambda n: n < 4}).check(4)
    assert [(each.words, each.holds) for each in verdict.findings] == [("it is even", True), ("it is <4", False)]
    assert not verdict
    assert repr(verdict) == "not yet\n  ✓ it is even\n  ✗ it is <4"
    assert "✗ it is &lt;4" in verdict._repr_html_()


@pytest.mark.parametrize(
    ("holds", "trouble"),
    [
        (lambda c: c["namespace/team-a"], 'namespaces "team-a" not found'),
        (lambda c: c["namespace/default"]["status"]["nothing"], "nothing at 'nothing'"),
        (lambda c: c["frobnicate/x"], 'the server doesn\'t have a resource type "frobnicate": `c.kinds()` lists the known ones'),
        (lambda c: c.run(until="namespace/team-a ready", timeout="1s"), "after 1s still not"),
    ],
    ids=["not there", "no such field", "no such kind", "never so"],
)
def test_a_condition_that_fails_does_not_hold_yet_and_says_why(holds, trouble):
    (finding,) = Exercise("Do it.", {"it holds": holds}).check(kl.Cluster(1)).findings
    assert not finding.holds
    assert finding.trouble.startswith(trouble)


def test_a_check_leaves_the_cluster_as_it_is():
    cluster = kl.Cluster(1)
    assert Exercise("Wait.", {"time passes": lambda c: c.run("5m").elapsed == 300}).check(cluster)
    assert cluster.elapsed == 0


def test_solved_is_true_and_the_task_names_its_conditions():
    exercise, cluster = Exercise("Make team-a.", THERE), kl.Cluster(1)
    assert repr(exercise) == "Make team-a.\n  – team-a is there"
    assert not exercise.check(cluster)
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}})
    assert exercise.check(cluster)


def test_an_exercise_without_conditions_is_refused():
    with pytest.raises(ValueError, match="give at least one"):
        Exercise("Anything.", {})
