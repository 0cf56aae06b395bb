"""Taints and labels by conditions. Rows: upstream node_lifecycle_controller_test.go, 1.28."""

import pytest

from kubelab.controllers.nodelifecycle.tainting import Evicting, Tainting, plan_no_execute, plan_no_schedule
from kubelab.engine.plan import NOTHING, Plan
from tests.unit.controllers_nodes.builders import HEALTHY, NOT_READY, UNREACHABLE, node, ready
from tests.unit.storage.harness import NOW, NOW_NS

PRESSURE = "node.kubernetes.io/{}-pressure"


def stored(obj: dict) -> dict:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": "7"}}


def patched(plan: Plan) -> list[str] | None:
    """The taints that the one patch of a plan leaves; None if there is no patch."""
    if plan is NOTHING or not plan.calls:
        return None
    assert [call.verb for call in plan.calls] == ["get", "patch"] and plan.again_ns == 0
    body = plan.calls[1].body
    assert body["metadata"]["resourceVersion"] == "7"
    return [f"{taint['key']}:{taint['effect']}" for taint in body["spec"]["taints"] or ()]


@pytest.mark.parametrize(
    ("why", "obj", "expected"),
    [
        ("TestTaintsNodeByCondition: ready", node(), None),
        ("NetworkUnavailable", node(conditions={"NetworkUnavailable": "True"}), ["node.kubernetes.io/network-unavailable:NoSchedule"]),
        ("MemoryPressure", node(conditions={**HEALTHY, "MemoryPressure": "True"}), [f"{PRESSURE.format('memory')}:NoSchedule"]),
        (
            "two pressures in the order of the conditions",
            node(conditions={"PIDPressure": "True", "DiskPressure": "True", "Ready": "True"}),
            [f"{PRESSURE.format('pid')}:NoSchedule", f"{PRESSURE.format('disk')}:NoSchedule"],
        ),
        ("Ready False", node(conditions=ready("False")), [f"{NOT_READY}:NoSchedule"]),
        ("Ready Unknown", node(conditions=ready("Unknown")), [f"{UNREACHABLE}:NoSchedule"]),
        ("cordoned", node(unschedulable=True), ["node.kubernetes.io/unschedulable:NoSchedule"]),
        (
            "new ones are added first …",
            node("n", ready("Unknown"), f"{NOT_READY}:NoSchedule"),
            [f"{NOT_READY}:NoSchedule", f"{UNREACHABLE}:NoSchedule"],
        ),
        (
            "… then old ones go",
            node("n", ready("Unknown"), f"{NOT_READY}:NoSchedule", f"{UNREACHABLE}:NoSchedule"),
            [f"{UNREACHABLE}:NoSchedule"],
        ),
        ("a new node that is ready", node("n", None, f"{NOT_READY}:NoSchedule"), []),
        (
            "others' taints stay",
            node("n", None, "mine:NoSchedule", f"{NOT_READY}:NoSchedule", f"{NOT_READY}:NoExecute"),
            ["mine:NoSchedule", f"{NOT_READY}:NoExecute"],
        ),
        ("only others' taints", node("n", None, "mine:NoSchedule", f"{UNREACHABLE}:NoExecute"), None),
    ],
)
def test_no_schedule_taints_follow_conditions(why, obj, expected):
    assert patched(plan_no_schedule(Tainting(stored(obj), NOW_NS))) == expected, why


def test_a_taint_says_when_it_was_added_and_the_last_one_leaves_null():
    added = plan_no_schedule(Tainting(stored(node(unschedulable=True)), NOW_NS)).calls[1].body
    assert added["spec"]["taints"][0]["timeAdded"] == NOW
    removed = plan_no_schedule(Tainting(stored(node("n", None, f"{NOT_READY}:NoSchedule")), NOW_NS)).calls[1].body
    assert removed["spec"] == {"taints": None}


@pytest.mark.parametrize(
    ("why", "labels", "expected"),
    [
        ("TestReconcileNodeLabels: the same", {}, None),
        ("the deprecated label is added", {"kubernetes.io/arch": "arm"}, {"beta.kubernetes.io/arch": "arm"}),
        ("… or corrected", {"kubernetes.io/os": "windows"}, {"beta.kubernetes.io/os": "windows"}),
        ("only the deprecated one: left alone", {"beta.kubernetes.io/arch": "arm"}, None),
    ],
)
def test_deprecated_labels_follow_the_stable_ones(why, labels, expected):
    plan = plan_no_schedule(Tainting(stored(node(labels=labels)), NOW_NS))
    assert (plan.calls[1].body["metadata"]["labels"] if plan.calls else None) == expected, why


@pytest.mark.parametrize(
    ("why", "obj", "clear", "held", "expected"),
    [
        ("unknown", node(conditions=ready("Unknown")), False, False, [f"{UNREACHABLE}:NoExecute"]),
        ("not ready", node(conditions=ready("False")), False, False, [f"{NOT_READY}:NoExecute"]),
        ("already", node("n", ready("False"), f"{NOT_READY}:NoExecute"), False, False, None),
        (
            "swap: the new one first",
            node("n", ready("False"), f"{UNREACHABLE}:NoExecute"),
            False,
            False,
            [f"{UNREACHABLE}:NoExecute", f"{NOT_READY}:NoExecute"],
        ),
        (
            "swap: then the old one goes",
            node("n", ready("False"), f"{UNREACHABLE}:NoExecute", f"{NOT_READY}:NoExecute"),
            False,
            False,
            [f"{NOT_READY}:NoExecute"],
        ),
        (
            "a swap does not ask for the rate",
            node("n", ready("False"), f"{UNREACHABLE}:NoExecute"),
            False,
            True,
            [f"{UNREACHABLE}:NoExecute", f"{NOT_READY}:NoExecute"],
        ),
        ("the rate is 0", node(conditions=ready("Unknown")), False, True, None),
        (
            "ready: unreachable goes first",
            node("n", None, f"{NOT_READY}:NoExecute", f"{UNREACHABLE}:NoExecute"),
            False,
            False,
            [f"{NOT_READY}:NoExecute"],
        ),
        ("all is lost: they go too", node("n", ready("Unknown"), f"{UNREACHABLE}:NoExecute"), True, True, []),
        ("NoSchedule is not its business", node("n", None, f"{UNREACHABLE}:NoSchedule"), False, False, None),
    ],
)
def test_no_execute_taints_follow_readiness(why, obj, clear, held, expected):
    assert patched(plan_no_execute(Evicting(stored(obj), clear, held, NOW_NS))) == expected, why
