"""Extenders: who is asked, in which order, and what their answers and failures do.

upstream: pkg/scheduler/extender_test.go TestSchedulerWithExtenders, TestIsInterested, TestConvertToVictims; schedule_one.go
findNodesThatPassExtenders, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.scheduler.configuration import read
from kubelab.scheduler.cycle import decide
from kubelab.scheduler.extender import Extender, Extending, known_of
from kubelab.scheduler.setup import configured, setup_of
from tests.unit.scheduler import builders as b


def names(nodes):
    return [node["metadata"]["name"] for node in nodes]


def true(pod, nodes):
    return names(nodes)


def false(pod, nodes):
    return []


def error(pod, nodes):
    raise RuntimeError("some error")


def only(name):
    return lambda pod, nodes: [each for each in names(nodes) if each == name]


def likes(name):
    return lambda pod, nodes: {each: 10 if each == name else 1 for each in names(nodes)}


def ext(number, filter=true, prioritize=None, **more):
    return Extender(f"http://extender-{number}", filter=filter, prioritize=prioritize, **more)


# upstream: TestSchedulerWithExtenders, test 1 to 6 and 9: extenders, nodes, (node, evaluated, feasible) or a failure
ROWS = [
    ("test 1", [ext(1), ext(2, error)], 2, None),
    ("test 2", [ext(1), ext(2, false)], 2, None),
    ("test 3", [ext(1), ext(2, only("node1"))], 2, ("node1", 1)),
    ("test 4", [ext(1, only("node2")), ext(2, only("node1"))], 2, None),
    ("test 5", [ext(1, true, error)], 1, ("node1", 1)),
    ("test 6", [ext(1, true, likes("node1"), weight=10), ext(2, true, likes("node2"), weight=50)], 2, ("node2", 2)),
    ("test 9", [ext(1, error, ignorable=True), ext(2, only("node1"))], 2, ("node1", 1)),
]


def place(extenders, *nodes, pod=None, servers=None):
    configuration = configured(None, extenders)
    waiting = pod or b.pod("new")
    setup = setup_of(configuration, extenders if servers is None else servers)
    cluster = b.cluster_of(*nodes)
    concerned = setup.concerned(waiting)
    extending = Extending(waiting, concerned) if concerned else None
    return decide(cluster, cluster.entry_of(waiting), 0, 0, profile=setup.profiles["default-scheduler"], extending=extending)


@pytest.mark.parametrize(("name", "extenders", "count", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_upstreams_table(name, extenders, count, expected):
    found = place(extenders, *(b.node(f"node{number + 1}") for number in range(count)))
    if expected is None:
        assert not found.node and found.message
    else:
        assert (found.node, found.feasible) == expected


def test_the_scores_of_extenders_are_added_to_those_of_plugins():
    """upstream: test 7: a plug-in that weighs more wins."""
    nodes = [b.node("node1", cpu="2"), b.node("node2", cpu="64")]
    heavy = b.pod("new", cpu="1500m", memory="1Gi")
    assert place([ext(1, true, likes("node1"), weight=1)], *nodes, pod=heavy).node == "node1"
    assert place([], *nodes, pod=heavy).node == "node2"
    assert place([ext(1, true, likes("node1"), weight=10)], *nodes, pod=heavy).score > place([], *nodes, pod=heavy).score


def test_an_extender_is_not_asked_about_pods_that_do_not_concern_it():
    """upstream: test 8; TestIsInterested."""
    gpu = ext(1, error, managed_resources=["example.com/gpu"])
    assert place([gpu], b.node("node1")).node == "node1"
    asking = b.pod("new", requests={"example.com/gpu": "1"})
    found = place([gpu], b.node("node1", **{"example.com/gpu": "1"}), pod=asking)
    assert (found.reason, found.message) == ("SchedulerError", "some error")


def test_ignorable_extenders_are_asked_last():
    known = known_of(read({"extenders": [{"urlPrefix": "a", "ignorable": True}, {"urlPrefix": "b"}]}), ())
    assert [each.declared["urlPrefix"] for each in known] == ["b", "a"]


def test_reasons_are_told_and_unresolvable_nodes_are_not_preempted_on():
    def answer(pod, nodes):
        return {"nodeNames": [], "failedNodes": {"node1": "no licence"}, "failedAndUnresolvableNodes": {"node2": "no card"}}

    found = place([ext(1, answer)], b.node("node1"), b.node("node2"))
    assert found.message == (
        "0/2 nodes are available: 1 no card, 1 no licence. preemption: 0/2 nodes are available: "
        "1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.."
    )
    assert found.plugins == ()


def test_an_error_in_the_answer_is_the_pods():
    found = place([ext(1, lambda pod, nodes: {"error": "out of order"})], b.node("node1"))
    assert (found.reason, found.message) == ("SchedulerError", "out of order")


def test_a_node_that_was_not_asked_about():
    found = place([ext(1, lambda pod, nodes: ["node9"])], b.node("node1"))
    assert found.message == 'extender "http://extender-1" claims a filtered node "node9" which is not found in the input node list'


def test_an_address_that_nobody_answers():
    found = place([ext(1)], b.node("node1"), servers=())
    assert found.message == 'Post "http://extender-1/filter": dial tcp: connect: connection refused'
    assert place([ext(1, ignorable=True)], b.node("node1"), servers=()).node == "node1"


def test_a_declared_extender_is_answered_by_the_callable_of_its_address():
    source = {"extenders": [{"urlPrefix": "http://extender-1", "filterVerb": "filter"}]}
    whole = configured(source, [ext(1), ext(2)])
    assert [each["urlPrefix"] for each in whole["extenders"]] == ["http://extender-1", "http://extender-2"]
    with pytest.raises(ValueError, match=r"extenders\[0\]: 3 is no extender"):
        configured(None, [3])


FULL = [b.node("node1", cpu="1"), b.node("node2", cpu="1"), b.pod("a", node="node1", cpu="1"), b.pod("b", node="node2", cpu="1")]


def preempt(answer, **more):
    extender = Extender("http://extender-1", preempt=answer, **more)
    return place([extender], *FULL, pod=b.pod("new", cpu="1", priority=10))


def test_an_extender_may_leave_out_candidates_for_preemption():
    """upstream: preemption.go callExtenders."""
    asked = []

    def second(pod, victims):
        asked.append(victims)
        return {name: uids for name, uids in victims.items() if name == "node2"}

    found = preempt(second)
    assert asked == [{"node1": ["uid-default-a"], "node2": ["uid-default-b"]}]
    assert (found.nominated, [each.name for each in found.victims]) == ("node2", ["b"])


def test_victims_that_are_not_on_the_node_or_none_at_all():
    stranger, nobody = (lambda pod, victims: {"node1": ["uid-none"]}), (lambda pod, victims: {"node1": []})
    words = "extender: http://extender-1 claims to preempt pod (UID: uid-none) on node: node1, but the pod is not found on that node"
    assert preempt(stranger).message.endswith(f" preemption: {words}.")
    assert preempt(nobody).message.endswith(' preemption: expected at least one victim pod on node "node1".')
    assert preempt(stranger, ignorable=True).nominated in ("node1", "node2")
    assert preempt(nobody, ignorable=True).message.endswith(" preemption: no candidate node for preemption.")
    assert preempt(nobody).victims == preempt(nobody, ignorable=True).victims == ()
