"""The wide swarm in the test run: a few worlds always, eleven hundred on request (``./lab test --long``), and a canary for each alarm.

Stories that the swarm has found are kept as ``tests/scenario/swarm-*.txt``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.controllers.cronjob.controller import CONTROLLER as CRON_JOBS
from kubelab.controllers.daemonset.controller import CONTROLLER as DAEMON_SETS
from kubelab.controllers.deployment.controller import CONTROLLER as DEPLOYMENTS
from kubelab.controllers.endpoints.controller import CONTROLLER as ENDPOINTS
from kubelab.controllers.job.controller import CONTROLLER as JOBS
from kubelab.controllers.replicaset.controller import CONTROLLER as REPLICA_SETS
from kubelab.engine.plan import Plan
from tests.property import promises, swarm_wide
from tests.property.swarm_wide import Wrong, one_world
from tests.property.test_swarm import Sabotaged, does_nothing, too_many
from tests.scenario.runner import Player

ROOT = Path(__file__).parent.parent.parent
USUAL = range(12)
MANY = range(1000, 2100)


@pytest.mark.parametrize("seed", USUAL)
def test_a_world_of_every_kind_keeps_its_promises_and_comes_to_rest(seed: int) -> None:
    one_world(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", MANY)
def test_many_worlds_of_every_kind(seed: int) -> None:
    one_world(seed)


@pytest.mark.parametrize("seed", [4, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2100, 2110))])
def test_a_world_is_the_same_under_another_hash_seed(seed: int) -> None:
    code = (
        "import sys; from tests.property.test_swarm_wide import digest_of; from tests.property.swarm_wide import one_world;"
        f"print(digest_of(one_world({seed})))"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "77")
    ]
    assert digests[0] == digests[1]


def digest_of(commands: list[str]) -> str:
    """A hash over the log of a world that has played the commands."""
    from tests.scenario.test_determinism import digest

    player = Player()
    for command in commands:
        player.do(command)
    return digest(player.cluster)


# -- canaries: a controller that breaks a promise must be caught ------------------------------------------------------------------
def _twice(seen: Any, plan: Plan) -> Plan:
    """Everything that is created is created twice."""
    batches = tuple(
        batch._replace(calls=tuple(call for each in batch.calls for call in ([each] * 2 if each[0] == "create" else [each])))
        for batch in plan.batches
    )
    return plan._replace(batches=batches)


def _deaf(seen: Any, plan: Plan) -> Plan:
    """Nothing is updated once it is there."""
    return plan._replace(batches=tuple(batch for batch in plan.batches if all(call[0] != "update" for call in batch.calls)))


CANARIES = [
    ("a Deployment over its surge", DEPLOYMENTS, too_many, {"invariant", "unsettled", "status"}),
    ("a DaemonSet with two pods on a node", DAEMON_SETS, _twice, {"daemons"}),
    ("a Job with too many pods", JOBS, _twice, {"parallelism"}),
    ("Endpoints that are never updated", ENDPOINTS, _deaf, {"endpoints"}),
    ("a ReplicaSet that is forgotten", REPLICA_SETS, does_nothing, {"unsettled", "status"}),
    ("a CronJob that is forgotten, and its Jobs with it", CRON_JOBS, does_nothing, {"schedule"}),
]


@pytest.mark.parametrize(("title", "real", "spoil", "rules"), CANARIES, ids=[row[0] for row in CANARIES])
def test_the_alarm_rings(title: str, real: Any, spoil: Callable[[Any, Plan], Plan], rules: set[str]) -> None:
    def sabotage(cluster: kl.Cluster) -> None:
        cluster._engine.runners[real.name].component = Sabotaged(real, spoil)

    heard: dict[str, str] = {}
    for seed in range(16):
        try:
            one_world(seed, sabotage=sabotage)
        except Wrong as wrong:
            heard.setdefault(wrong.rule, str(wrong))
            if wrong.rule in rules:
                break
    assert rules & heard.keys(), f"sixteen seeds have not noticed {title}: {sorted(heard)}"


def test_a_wrong_world_is_shrunk_to_what_it_needs() -> None:
    """Five pods are on a node that can hold ten; the rest of the story does not matter."""
    commands = ["cluster nodes=2 seed=1", "run 5s", "cordon node-1", "run 1s", "uncordon node-1", "run 5s", "cordon node-2", "run 2s"]

    def wrong(tried: Any, rule: str) -> bool:
        player = Player()
        for command in tried:
            player.do(command)
        return bool(player.cluster["node/node-2"]["spec"].get("unschedulable"))

    shrunk = swarm_wide.shrunk(commands, "any", wrong=wrong)

    assert shrunk == ["cluster nodes=2 seed=1", "cordon node-2"]
    assert swarm_wide.as_scenario(shrunk) == "cluster nodes=2 seed=1\n----\n\ncordon node-2\n----\n"


def test_promises_notice_what_is_wrong_at_rest() -> None:
    """What a state would have to look like: each rule complains of an object that was changed behind everybody's back."""
    player = Player()
    for command in (
        "cluster nodes=2 seed=1",
        'apply <<YAML\n{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}, "spec": {"hard": {"pods": "9"}}}\nYAML',
        "run 30s",
    ):
        player.do(command)
    assert player.do("check rest") == "all well"
    state = player.cluster._engine.store.head
    quota = state.get("resourcequotas", "default", "all")
    assert quota is not None
    state.objects["resourcequotas"]["default", "all"] = {**quota, "status": {**quota["status"], "used": {"pods": "3"}}}

    assert ("quota", "resourcequota/all says 3 pods are used, and there are 0") in list(promises.at_rest(player.cluster))
