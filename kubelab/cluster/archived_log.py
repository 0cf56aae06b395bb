"""The log in a world's file: a line per commit and per call, those of heartbeats in a shorter form (see docs/format.md).

``["s", number, resource, namespace, name, object, manager]``: what the heartbeats of an object have in common; ``["h", number, time_ns,
instant_ns, call]``: one of them. ``["q", number, fields]`` and ``["l", number, numbers]``: the same of calls. Which lines are short follows from
what the log says alone, so that equal worlds give equal files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kubelab.store.heartbeats import CommitShape, Shapes, call_of, freeze, with_instant
from kubelab.store.log import CallRecord, Commit, Log, Manager
from kubelab.store.store import Store
from kubelab.world.codec import decode, encode

_PLAIN = len(CallRecord._fields)  # where in a call's line its audit note stands, if it has one


def lines(log: Log) -> Iterator[list[Any]]:
    """The lines of all commits, then those of all calls."""
    shapes = Shapes()
    numbers: dict[int, tuple[int, Any]] = {}  # of the shapes, which stay alive in here
    for commit in log.commits:
        found = shapes.of_commit(commit)
        if found is None:
            yield ["c", commit.time_ns, commit.type, *commit.key, commit.object, commit.previous, commit.call, list(commit.manager)]
            continue
        shape, (_, time_ns, instant_ns, _, _, call) = found
        if id(shape) not in numbers:  # order-free: an identity test only
            numbers[id(shape)] = (len(numbers), shape)  # order-free: an identity test only
            yield ["s", len(numbers) - 1, *shape.key, shape.base, list(shape.manager)]
        yield ["h", numbers[id(shape)][0], time_ns, instant_ns, call]  # order-free: an identity test only
    numbers.clear()
    for record in log.calls:
        known = shapes.of_call(record)
        if known is None:
            yield ["k", *_fields(record)]
            continue
        words, figures = known
        if id(words) not in numbers:  # order-free: an identity test only
            numbers[id(words)] = (len(numbers), words)  # order-free: an identity test only
            yield ["q", len(numbers) - 1, *_fields(words)]
        yield ["l", numbers[id(words)][0], *figures]  # order-free: an identity test only


def _fields(call: CallRecord) -> list[Any]:
    return [*call[:-1]] if call.audit is None else [*call[:-1], encode(call.audit)]


def restore(store: Store, found: list[Any], told: Callable[[Commit], None]) -> None:
    """Fill a store from the lines of a file; ``told`` hears of each commit. ValueError or KeyError: the lines contradict each other."""
    shapes: dict[int, CommitShape] = {}
    words: dict[int, CallRecord] = {}
    calls = store.log.calls
    for line in found:
        what = line[0]
        if what == "h":
            _, number, time_ns, instant_ns, call = line
            shape = shapes[number]
            obj = with_instant(shape, store.revision + 1, instant_ns)
            told(store.commit(time_ns, "MODIFIED", shape.key, obj, shape.manager, call))
        elif what == "l":
            calls.append(call_of(words[line[1]], line[2:], None))
        elif what == "c":
            told(_whole(store, line))
        elif what == "k":
            calls.append(_record(line[1:]))
        elif what == "s":
            _, number, resource, namespace, name, base, manager = line
            shapes[number] = CommitShape((resource, namespace, name), Manager(*manager), base)
        elif what == "q":
            words[line[1]] = _record(line[2:])
    freeze(store.log, store.shapes)


def _whole(store: Store, line: list[Any]) -> Commit:
    time_ns, type_, resource, namespace, name, obj, previous, call, manager = line[1:]
    commit = store.commit(time_ns, type_, (resource, namespace, name), obj, Manager(*manager), call)
    if commit.previous != previous:
        raise ValueError(f"revision {commit.revision} of {resource} {name} does not follow from revision {previous}")
    return commit


def _record(fields: list[Any]) -> CallRecord:
    return CallRecord(*fields[: _PLAIN - 1], *map(decode, fields[_PLAIN - 1 :]))
