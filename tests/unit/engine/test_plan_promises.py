"""What a ``Plan`` promises (kubelab/engine/plan.py), kept by the engine that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from kubelab.engine.component import Controller, Identity, Scope
from kubelab.engine.plan import NOTHING, Batch, Call, EventDraft, Key, Plan, Reason, create, in_turn, reference, step, wait

ME = Identity("tester", ("system:masters", "system:authenticated"), "tester", "tester")


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"a": "1"}}


def make(name: str, **more: Any) -> Call:
    return create("configmaps", config_map(name), **more)


REFUSED = Call("create", "configmaps", "default", body={**config_map("Bad_Name")})


class Script:
    """A component whose plans are given; ``seen`` are the scopes' facts at each observation."""

    def __init__(self, *plans: Plan) -> None:
        self.plans = list(plans)
        self.seen: list[tuple[int, int, dict[str, Any]]] = []

    def component(self, **more: Any) -> Controller:
        return Controller("tester", ME, (), self.observe, self.plan, first=(("k",),), qps=1e6, burst=1000, **more)

    def observe(self, scope: Scope, key: Key) -> int | None:
        self.seen.append((scope.now_ns, scope.attempt, {name: dict(table) for name, table in scope.memory.items()}))
        return len(self.seen)

    def plan(self, number: int) -> Plan:
        return self.plans[number - 1] if number <= len(self.plans) else NOTHING


def played(script: Script, seconds: float = 5, **more: Any) -> list[str]:
    """The names that the component wrote (or was refused), in order."""
    cluster = kl.Cluster(1, seed=1)
    cluster._engine.add(script.component(**more))
    cluster.run(seconds)
    calls = [call for call in cluster._engine.store.log.calls if call.component == "tester"]
    return [f"{call.name}{'' if call.code < 400 else '!'}" for call in calls]


ROWS: list[tuple[str, Plan, list[str]]] = [
    ("batches go in order", in_turn(make("a"), make("b"), make("c")), ["a", "b", "c"]),
    ("a refusal skips what follows", Plan((Batch((REFUSED,)), Batch((make("b"),)))), ["Bad_Name!"]),
    ("calls of the batch that is refused are all sent", Plan((Batch((REFUSED, make("b"))), Batch((make("c"),)))), ["Bad_Name!", "b"]),
    ("always: also after a refusal", Plan((Batch((REFUSED,)), Batch((make("b"),)), Batch((make("c"),), always=True))), ["Bad_Name!", "c"]),
    ("refused: only after a refusal", Plan((Batch((REFUSED,)), Batch((make("b"),), refused=True))), ["Bad_Name!", "b"]),
    ("refused: not without one", Plan((Batch((make("a"),)), Batch((make("b"),), refused=True))), ["a"]),
    ("accept: a code that counts as success", Plan((Batch((REFUSED._replace(accept=(422,)),)), Batch((make("b"),)))), ["Bad_Name!", "b"]),
]


@pytest.mark.parametrize(("words", "plan", "names"), ROWS, ids=[row[0] for row in ROWS])
def test_order_and_refusal(words: str, plan: Plan, names: list[str]) -> None:
    assert sorted(played(Script(plan), seconds=0.004 + 0.05)[: len(names)]) == sorted(names)
    if all(len(batch.calls) == 1 for batch in plan.batches):
        assert played(Script(plan))[: len(names)] == names


def test_remember_is_written_only_after_a_good_end_and_note_at_once() -> None:
    good = Script(step(make("a"))._replace(remember={"t": {"x": 1}}, note={"t": {"y": 2}}, again_ns=0))
    played(good)
    assert good.seen[1][2] == {"t": {"x": 1, "y": 2}}
    bad = Script(step(REFUSED)._replace(remember={"t": {"x": 1}}, note={"t": {"y": 2}}))
    played(bad)
    assert bad.seen[1][2] == {"t": {"y": 2}}


def test_a_refused_key_comes_back_with_growing_delays() -> None:
    script = Script(*[step(REFUSED)] * 4)
    played(script, backoff=(100_000_000, 10_000_000_000))
    starts = [now for now, _, _ in script.seen]
    waits = [round((later - earlier) / 1e8) for earlier, later in zip(starts, starts[1:], strict=False)]
    assert waits == [1, 2, 4, 8]
    assert [attempt for _, attempt, _ in script.seen] == [0, 1, 2, 3, 4]


def test_a_key_is_dropped_after_its_retries() -> None:
    script = Script(*[Plan(error="no")] * 9)
    played(script, max_retries=2, backoff=(1, 1))
    assert len(script.seen) == 3


def test_again_looks_after_a_while_and_the_earlier_time_wins() -> None:
    script = Script(wait(again_ns=2_000_000_000), wait())
    played(script, seconds=10)
    assert [now - script.seen[0][0] for now, _, _ in script.seen] == [0, 2_000_000_000]


def test_events_take_their_words_from_the_answer() -> None:
    cluster = kl.Cluster(1, seed=1)
    about = reference(cluster.get("node/node-1"))
    drafts = {
        "on_success": (EventDraft(about, "Normal", "Made", "made {name}"),),
        "on_refusal": (EventDraft(about, "Warning", "Refused", "refused: {error}"),),
    }
    cluster._engine.add(Script(Plan((Batch((make("a", **drafts), REFUSED._replace(**drafts))),))).component())
    cluster.run("2s")
    said = {event["reason"]: event["message"] for event in cluster.list("events", namespace=None)}
    assert said["Made"] == "made a"
    assert said["Refused"].startswith('refused: ConfigMap "Bad_Name" is invalid: metadata.name')


def test_a_refusals_words_reach_the_batch_that_reports_it() -> None:
    body = config_map("report")
    body["data"] = {"why": "it failed: {error}"}
    cluster = kl.Cluster(1, seed=1)
    cluster._engine.add(Script(Plan((Batch((REFUSED,)), Batch((create("configmaps", body),), refused=True)))).component())
    cluster.run("1s")
    assert cluster.get("cm/report")["data"]["why"].startswith('it failed: ConfigMap "Bad_Name" is invalid')


def test_because_prints_as_words_and_compares_by_rule_and_facts() -> None:
    rule = Reason("TooFew", "{subject} has {have} of {want}")
    assert str(rule("pod/a", have=1, want=2)) == "pod/a has 1 of 2"
    assert rule("pod/a", have=1, want=2) == Reason("TooFew", "other words")("pod/a", want=2, have=1)
    assert rule("pod/a", have=1) != rule("pod/a", have=2)


@pytest.mark.parametrize(
    ("join", "batches", "again"),
    [(lambda a, b: a.then(b), 2, 1), (lambda a, b: b.then(a), 2, 1), (lambda a, b: a.then(NOTHING), 1, 5)],
)
def test_plans_join(join: Callable[[Plan, Plan], Plan], batches: int, again: int) -> None:
    first = step(make("a"))._replace(again_ns=5, remember={"t": {"x": 1}})
    second = step(make("b"))._replace(again_ns=1, remember={"t": {"y": 2}})
    joined = join(first, second)
    assert (len(joined.batches), joined.again_ns) == (batches, again)
    assert joined.remember["t"]["x"] == 1
