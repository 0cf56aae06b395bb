"""Time to live of finished jobs. Rows: upstream pkg/controller/ttlafterfinished/ttlafterfinished_controller_test.go, 1.28."""

import pytest

from kubelab.controllers.ttlafterfinished import CONTROLLER
from tests.unit.controllers_more.builders import ago, meta
from tests.unit.storage.harness import NOW, World


def job(ttl: int | None, ended: float | None = None, type_: str = "Complete", **more: object) -> dict:
    conditions = [] if ended is None else [{"type": type_, "status": "True", "lastTransitionTime": ago(ended)}]
    spec = {} if ttl is None else {"ttlSecondsAfterFinished": ttl}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("j", **more), "spec": spec, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("why", "of", "calls", "again"),
    [
        ("Error case: Job unfinished", job(10), 0, None),
        ("Job completed now, no TTL", job(None, 0), 0, None),
        ("Job completed now, 0s TTL", job(0, 0), 2, None),
        ("Job completed now, 10s TTL", job(10, 0), 0, 10),
        ("Job completed 10s ago, 15s TTL", job(15, 10), 0, 5),
        ("Job failed now, 0s TTL", job(0, 0, "Failed"), 2, None),
        ("Job failed 11s ago, 10s TTL", job(10, 11, "Failed"), 2, None),
        ("being deleted already", job(0, 5, deletionTimestamp=NOW), 0, None),
    ],
)
def test_when_a_finished_job_goes(why, of, calls, again):
    """TestTimeLeft, TestNeedsCleanup."""
    world = World(CONTROLLER, of).sync("default", "j")
    assert len(world.calls) == calls
    assert world.plans[-1].again_ns == (None if again is None else again * 10**9)


def test_it_goes_in_the_foreground_and_only_if_it_is_the_same():
    world = World(CONTROLLER, job(0, 5)).sync("default", "j")
    assert world.calls == ["get jobs.batch j", "delete jobs.batch j"]
    assert world.bodies[-1] == {"propagationPolicy": "Foreground", "preconditions": {"uid": "uid-j"}}
