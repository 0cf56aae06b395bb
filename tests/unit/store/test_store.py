"""The store: each commit knows the one before it, and the newest commit of an object is found through the object itself."""

from __future__ import annotations

from typing import Any

from kubelab.store.log import Manager, ObjectKey
from kubelab.store.store import Store

US = Manager("test", "Update", "v1")
KEY: ObjectKey = ("configmaps", "default", "a")


def put(store: Store, type_: str, key: ObjectKey = KEY) -> int:
    obj: dict[str, Any] = {"metadata": {"namespace": key[1], "name": key[2], "resourceVersion": str(store.revision + 1)}}
    return store.commit(0, type_, key, obj, US, 0).revision


def test_a_commit_follows_the_one_that_left_its_object() -> None:
    store = Store()
    first = put(store, "ADDED")
    put(store, "ADDED", ("configmaps", "default", "b"))
    second = put(store, "MODIFIED")
    assert [store.log.at(number).previous for number in (first, second)] == [0, first]
    newest = store.newest(KEY)
    assert newest is not None and newest.revision == second


def test_a_deleted_object_has_no_newest_commit_and_its_name_begins_anew() -> None:
    store = Store()
    put(store, "ADDED")
    put(store, "DELETED")
    assert store.newest(KEY) is None
    assert store.log.at(put(store, "ADDED")).previous == 0


def test_a_fork_has_its_own_newest_commits() -> None:
    store = Store()
    first = put(store, "ADDED")
    fork = store.fork()
    put(fork, "MODIFIED")
    newest = store.newest(KEY)
    assert newest is not None and newest.revision == first
