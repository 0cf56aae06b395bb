"""A cluster in several hands: one at a time, and a run lets others in between two wakes."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster.auditing import Auditing
from kubelab.cluster.rollout import Rollout
from kubelab.cluster.turns import Turns
from kubelab.frames import Frames
from kubelab.kubelet.cri_door import CriDoor
from kubelab.plot import Plot
from kubelab.world.turns import ALONE


def pod(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}


# -- the lock ---------------------------------------------------------------------------------------------------------------------
def test_who_has_it_may_take_it_again():
    turn = Turns()
    with turn, turn:
        assert not turn.wanted
    with turn:
        turn.give_way()
    turn.give_way()  # of who has it not: nothing
    assert not turn.wanted


def test_a_second_waits_until_the_first_lets_go_or_gives_way():
    turn, order = Turns(), []

    def second() -> None:
        with turn:
            order.append("second")

    with turn, turn:
        thread = threading.Thread(target=second)
        thread.start()
        while not turn.wanted:
            time.sleep(0.001)
        order.append("first")
        turn.give_way()
        order.append("first again")
        assert not turn.wanted
    thread.join(timeout=10)
    assert order == ["first", "second", "first again"]


def test_giving_way_lets_each_of_many_in_at_last():
    turn, served = Turns(), []

    def ask(number: int) -> None:
        with turn:
            served.append(number)

    with turn:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        while len(served) < 20:
            turn.give_way()
    for thread in threads:
        thread.join(timeout=10)
    assert sorted(served) == list(range(20))


def test_what_fails_in_a_turn_lets_go_of_it():
    turn = Turns()
    with pytest.raises(KeyError), turn:
        raise KeyError("x")
    taken = []
    thread = threading.Thread(target=lambda: taken.append(turn.__enter__()))
    thread.start()
    thread.join(timeout=10)
    assert taken == [turn]


# -- who takes it -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", [kl.Cluster, Frames, Plot, Rollout, Auditing, CriDoor], ids=lambda cls: cls.__name__)
def test_every_public_method_takes_the_turn(cls):
    bare = []
    for name in dir(cls):
        found = getattr(cls, name)
        found = found.fget if isinstance(found, property) else found
        if not name.startswith("_") and callable(found) and not hasattr(found, "__wrapped__"):
            bare.append(name)
    assert bare == []


def test_every_world_has_its_own():
    c = kl.Cluster(1)
    turns = [c._turn, c.fork()._turn, kl.Cluster(1)._turn]
    assert len({id(turn) for turn in turns}) == 3
    assert c.as_user("alice")._turn is c._turn is c.frames._turn is c.plot._turn is c.cri("node-1")._turn is c.audit._turn
    assert c._engine.fork().turn is ALONE


# -- a cluster in several hands ---------------------------------------------------------------------------------------------------
def test_threads_that_do_all_sorts_of_things_to_one_cluster(make):
    c, wrong, rounds = make(2, seed=4), [], [0] * 4

    def work(number: int) -> None:
        try:
            for count in range(6):
                name = f"p{number}-{count}"
                c.create(pod(name))
                c.run(until=f"pod/{name} ready", timeout="10m")
                assert name in set(c.frames.pods()["name"])
                assert c.fork().delete(f"pod/{name}")["metadata"]["name"] == name
                c.cri("node-1").list_container_stats()
                c.delete(f"pod/{name}")
                c.step(5)
                rounds[number] += 1
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert (wrong, rounds) == ([], [6, 6, 6, 6])
    assert c.settle().list("pods") == []


def test_the_world_is_whole_whenever_somebody_is_let_in(make):
    """Another thread looks while a rollout runs: a pod is never in the state without its commit."""
    c, looks, stop = make(3, seed=2), [], threading.Event()
    web = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    c.create({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 30, "selector": {"matchLabels": {"a": "b"}}, "template": web},
    })  # fmt: skip

    def look() -> None:
        while not stop.is_set():
            with c._turn:
                looks.append((len(c.list("pods")), len(c.frames.pods()), c.elapsed))

    thread = threading.Thread(target=look)
    thread.start()
    c.run(until="deployment/web ready")
    while len(looks) < 3:
        c.run("10s")
    stop.set()
    thread.join(timeout=30)
    assert all(there == ever for there, ever, _ in looks)
    assert [at for _, _, at in looks] == sorted(at for _, _, at in looks)


def test_warnings_still_name_the_line_that_caused_them():
    c = kl.Cluster(1)
    c.create(pod("p"))
    with pytest.warns(kl.ApiWarning) as caught:
        c.patch("pod/p", {"spec": {"nonsense": 1}})
    assert caught[0].filename == __file__
