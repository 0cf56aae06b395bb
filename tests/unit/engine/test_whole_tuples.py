"""What is made past its constructor (``kubelab.world.tuples``) has all its fields all the same."""

from __future__ import annotations

import re
from pathlib import Path

import kubelab as kl
from kubelab.engine.component import Change, Watch
from kubelab.engine.runner import Flight, Pending
from kubelab.store.log import CallRecord, Commit
from tests.builders import deployment

HOUSE = Path(kl.__file__).parent
MADE = (CallRecord, Change, Commit, Flight, Pending)


def test_every_tuple_made_in_one_step_is_whole() -> None:
    cluster = kl.Cluster(2, seed=3)
    engine = cluster._engine
    seen: dict[type, set[int]] = {kind: set() for kind in MADE}
    for runner in engine.runners.values():
        watches = tuple(Watch(watch.resource, _noting(watch, seen[Change])) for watch in runner.component.watches)
        for routes in (*engine._routes.values(), *engine._node_routes.values()):
            for at, (name, watch) in enumerate(routes):
                if name == runner.name and watch in runner.component.watches:
                    routes[at] = (name, watches[runner.component.watches.index(watch)])
    cluster.apply([deployment("web", 2)])
    for _ in range(400):
        engine.run_one()
        for runner in engine.runners.values():
            seen[Pending].update(map(len, runner.pending.values()))
            seen[Flight].update(map(len, runner.flights.values()))
    seen[Commit].update(map(len, engine.store.log.commits))
    seen[CallRecord].update(map(len, engine.store.log.calls))
    assert seen == {kind: {len(kind._fields)} for kind in MADE}


def test_no_other_kind_is_made_so() -> None:
    found = {name for path in sorted(HOUSE.rglob("*.py")) for name in re.findall(r"new_tuple\((\w+),", path.read_text(encoding="utf-8"))}
    assert found == {kind.__name__ for kind in MADE}


def _noting(watch: Watch, lengths: set[int]):
    def keys(change: Change, scope: object):
        lengths.add(len(change))
        return watch.keys(change, scope)

    return keys
