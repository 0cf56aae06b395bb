"""The taint manager. Rows: upstream pkg/controller/nodelifecycle/scheduler/{taint_manager,timed_workers}_test.go, 1.28."""

import pytest

from kubelab.controllers.tainteviction import CONTROLLER
from kubelab.controllers.tainteviction.controller import FOREVER, TIMERS, tolerated_seconds
from kubelab.world.clock import SECOND
from tests.unit.controllers_nodes.builders import node, pod
from tests.unit.storage.harness import World

DELETED = ["get pods p", "patch pods p/status", "delete pods p"]


def taint(number: int = 1, value: str = "") -> str:
    return f"testTaint{number}:NoExecute"


def bears(number: int = 1, seconds: int | None = None, **more: object) -> dict:
    toleration = {"key": f"testTaint{number}", "operator": "Exists", "effect": "NoExecute", **more}
    return toleration if seconds is None else {**toleration, "tolerationSeconds": seconds}


class Manager(World):
    """``drive`` syncs all that is queued, timers included, up to some seconds from now."""

    def __init__(self, *objects: dict) -> None:
        self.timers: list[tuple[int, tuple]] = []
        super().__init__(CONTROLLER, *objects)

    def drive(self, seconds: float = 0) -> "Manager":
        end_ns = self.now_ns + int(seconds * SECOND)
        while True:
            while self.queued:
                self._run(self.queued.pop(0))
            self.timers.sort()
            if not self.timers or self.timers[0][0] > end_ns:
                self.now_ns = end_ns
                return self
            self.now_ns, key = self.timers.pop(0)
            self._run(key)

    def _run(self, key: tuple) -> None:
        waiting, self.queued = self.queued, []
        plans = len(self.plans)
        self.sync(*key)
        self.queued = waiting + self.queued
        for plan in self.plans[plans:]:
            self.timers += [(self.now_ns + nudge.after_ns, nudge.key) for nudge in plan.nudge]
            if plan.again_ns:
                self.timers.append((self.now_ns + plan.again_ns, key))


@pytest.mark.parametrize(
    ("why", "taints", "tolerations", "expected"),
    [
        ("TestGetMinTolerationTime: for ever", [1], [bears()], FOREVER),
        ("the smaller of two", [1, 2], [bears(1, 1), bears(2, 2)], 1),
        ("one without end", [1, 2], [bears(1, 1), bears(2)], 1),
        ("… in the other order", [1, 2], [bears(1), bears(2, 1)], 1),
        ("negative is now", [1], [bears(1, -5)], 0),
        ("none", [1], [], None),
        ("not all", [1, 2], [bears(1)], None),
        ("the first that matches counts", [1], [bears(1, 100), bears(1, 1)], 100),
        ("… also without end", [1], [{"operator": "Exists"}, bears(1, 1)], FOREVER),
        ("another effect", [1], [bears(1, effect="NoSchedule")], None),
    ],
)
def test_how_long_a_pod_may_stay(why, taints, tolerations, expected):
    listed = [{"key": f"testTaint{number}", "effect": "NoExecute"} for number in taints]
    assert tolerated_seconds(listed, tolerations) == expected, why


@pytest.mark.parametrize(
    ("why", "taints", "tolerations", "seconds", "deleted"),
    [
        ("TestCreateNode: no taint", [], [], 0, False),
        ("TestCreateNode: tainted", [1], [], 0, True),
        ("TestCreateNode: tolerated", [1], [bears()], 999, False),
        ("TestCreatePod: infinite, of another taint", [1], [bears(2)], 0, True),
        ("finite, not yet", [1], [bears(1, 100)], 99.9, False),
        ("finite, over", [1], [bears(1, 100)], 100, True),
        ("TestUpdateNode: only one of two is tolerated", [1, 2], [bears(1, 100)], 0, True),
        ("TestUpdateNode: the first to run out", [1, 2], [bears(1, 1), bears(2, 100)], 1, True),
    ],
)
def test_a_tainted_node_evicts(why, taints, tolerations, seconds, deleted):
    for objects in (
        [pod(tolerations=tolerations), node("n", None, *map(taint, taints))],
        [node("n", None, *map(taint, taints)), pod(tolerations=tolerations)],
        [pod(tolerations=tolerations), node(), node("n", None, *map(taint, taints))],
    ):
        world = Manager()
        for obj in objects:
            world.put(obj)
            world.drive()
        world.drive(seconds)
        assert world.calls == (DELETED if deleted else []), why


def test_what_is_written_and_told():
    world = Manager(node("n", None, taint()), pod()).drive()
    assert world.events == [("Normal TaintManagerEviction", "Marking for deletion Pod default/p")]
    condition = world.bodies[1]["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"], condition["message"]) == (
        "DisruptionTarget",
        "True",
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
    )


@pytest.mark.parametrize(
    ("why", "change", "cancelled", "deleted"),
    [
        ("TestUpdateNode: the taint is removed", node(), True, False),
        ("NoSchedule does not evict", node("n", None, "testTaint1:NoSchedule"), True, False),
        ("another taint, not tolerated", node("n", None, taint(1), taint(2)), True, True),
        ("TestUpdatePod: removing the toleration", pod(), True, True),
        ("TestUpdatePod: lengthening does not work", pod(tolerations=[bears(1, 1000)]), False, True),
        ("shortening neither", pod(tolerations=[bears(1, 60)]), False, True),
        ("tolerated for ever", pod(tolerations=[bears()]), True, False),
    ],
)
def test_a_timer_and_what_changes_it(why, change, cancelled, deleted):
    world = Manager(node("n", None, taint()), pod(tolerations=[bears(1, 100)])).drive(50)
    world.put(change)
    world.drive(50)
    told = [message for _, message in world.events]
    assert ("Cancelling deletion of Pod default/p" in told) == cancelled, why
    assert world.calls == (DELETED if deleted else []), why


def test_a_pod_that_is_deleted_meanwhile():
    """upstream: TestDeletePod."""
    world = Manager(node("n", None, taint()), pod(tolerations=[bears(1, 100)])).drive(50)
    world.remove("pods", "default", "p")
    world.drive(100)
    assert world.events[-1] == ("Normal TaintManagerEviction", "Cancelling deletion of Pod default/p")
    assert world.calls == [] and world.memory[TIMERS] == {}


def test_the_node_comes_back_before_the_time_is_up_and_is_lost_again():
    world = Manager(node("n", None, taint()), pod(tolerations=[bears(1, 100)])).drive(50)
    world.put(node())
    world.drive(10)
    world.put(node("n", None, taint()))
    assert world.drive(99).calls == []
    assert world.drive(1).calls == DELETED


def test_after_five_refusals_it_is_given_up():
    """upstream: taint_manager.go deletePodHandler, retries = 5, 10 ms apart; timed_workers.go getWrappedWorkerFunc."""
    assert (CONTROLLER.max_retries, CONTROLLER.backoff) == (4, (10_000_000, 10_000_000))
    world = Manager(node("n", None, taint()), pod())
    world.sync("node", "n")
    for attempt in range(5):
        seen = CONTROLLER.observe(world.scope(attempt), ("evict", "default", "p"))
        world._write(CONTROLLER.plan(seen).note)
        assert (("default", "p") in world.memory[TIMERS]) == (attempt < 4)


def test_nothing_is_looked_at_while_no_node_is_tainted():
    world = Manager(node(), pod())
    world.queued.clear()
    world.put(pod(status="False"))
    assert world.queued == []
