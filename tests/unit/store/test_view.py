"""Views: the trailing state plus a component's own acknowledged writes."""

from __future__ import annotations

from typing import Any

from kubelab.store.log import Commit, Manager
from kubelab.store.state import State
from kubelab.store.store import Store
from kubelab.store.view import View

US = Manager("test", "Update", "v1")


def pod(name: str, revision: int = 0, *, labels: dict[str, str] | None = None, owner: str = "", node: str = "") -> dict[str, Any]:
    meta: dict[str, Any] = {
        "name": name,
        "namespace": "default",
        "uid": name,
        "resourceVersion": str(revision),
        "labels": labels or {"app": "x"},
    }
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "controller": True}]
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": node} if node else {}}


def state(*objects: dict[str, Any]) -> State:
    made = State()
    for number, obj in enumerate(objects, 1):
        made.apply(Commit(number, 0, "ADDED", ("pods", "default", obj["metadata"]["name"]), obj, None, 0, 0, US))
    return made


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


def test_own_writes_are_there_at_once_and_others_not_yet() -> None:
    own = {("pods", "default", "mine"): (7, pod("mine", 7)), ("pods", "default", "a"): (8, None)}
    view = View(state(pod("a"), pod("b")), own, 0)
    assert names(view.list("pods", "default")) == ["b", "mine"]
    assert view.get("pods", "default", "a") is None
    assert view.get("pods", "default", "mine") is not None


def test_an_own_write_that_the_state_has_overtaken_counts_no_more() -> None:
    newer = state(pod("a"), pod("b"))
    view = View(newer, {("pods", "default", "a"): (1, None)}, 0)
    assert names(view.list("pods")) == ["a", "b"]


def test_indexes_see_own_writes_that_enter_and_leave() -> None:
    trailing = state(pod("a", owner="o", node="n"), pod("b", owner="o"))
    moved = pod("a", 9, labels={"app": "y"}, owner="other", node="m")
    fresh = pod("c", 9, owner="o", node="n")
    view = View(trailing, {("pods", "default", "a"): (9, moved), ("pods", "default", "c"): (9, fresh)}, 0)
    assert names(view.owned("pods", "o")) == ["b", "c"]
    assert names(view.on_node("n")) == ["c"]
    assert names(view.labelled("default", {"app": "x"})) == ["b", "c"]
    assert names(view.labelled("default", {"app": "y"})) == ["a"]


def test_a_state_is_what_the_log_says_at_any_revision() -> None:
    store = Store()
    for number in range(1, 6):
        obj = pod(f"p{number}")
        obj["metadata"]["resourceVersion"] = str(number)
        store.commit(0, "ADDED", ("pods", "default", f"p{number}"), obj, US, 0)
    store.commit(0, "DELETED", ("pods", "default", "p2"), pod("p2"), US, 0)
    assert names(list(store.at_revision(3).all("pods").values())) == ["p1", "p2", "p3"]
    assert names(list(store.head.all("pods").values())) == ["p1", "p3", "p4", "p5"]
    assert store.fork().head.all("pods") == store.head.all("pods")


def test_indexes_forget_what_is_gone() -> None:
    made = state(pod("a", owner="o", node="n"))
    made.apply(Commit(2, 0, "DELETED", ("pods", "default", "a"), pod("a"), None, 0, 0, US))
    assert (made.by_node, made.by_label, made.dependents, made.by_namespace) == ({}, {}, {}, {})
