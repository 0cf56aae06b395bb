"""How long the scheduler takes per pod: 5,000 replicas on 500 nodes, through observe and plan. Not a test: ``python -m tests.unit.scheduler.bench``."""

from __future__ import annotations

import sys
import time

from kubelab.scheduler.scheduler import SCHEDULER
from tests.unit.scheduler import builders as b


def main(nodes=500, pods=5000, sets=10) -> None:
    world = b.World()
    for at in range(nodes):
        world.put(b.node(f"node-{at}", cpu="16", memory="64Gi", zone=f"zone-{'abc'[at % 3]}"))
    for at in range(sets):
        world.put(b.replica_set(f"web-{at}", {"app": f"web-{at}"}))
    bodies = [
        b.pod(f"web-{at}", cpu="100m", memory="64Mi", labels={"app": f"web-{at % sets}"}, owner=("ReplicaSet", f"web-{at % sets}"))
        for at in range(pods)
    ]
    spent = {"observe": 0.0, "plan": 0.0, "keys": 0.0}

    def timed(name, function):
        def wrapped(*arguments):
            begin = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent[name] += time.perf_counter() - begin

        return wrapped

    SCHEDULER.observe, SCHEDULER.plan = timed("observe", SCHEDULER.observe), timed("plan", SCHEDULER.plan)
    for at, watch in enumerate(SCHEDULER.watches):
        if watch.resource == "pods":
            watched = b.SCHEDULER.watches
            type(SCHEDULER).watches = (*watched[:at], type(watch)(watch.resource, timed("keys", watch.keys)), *watched[at + 1 :])
    for body in bodies:
        world.put(body)
    world.run(1)
    bound = sum(1 for body in bodies if world.node_of(body["metadata"]["name"]))
    parts = ", ".join(f"{name} {1e6 * seconds / pods:.0f}" for name, seconds in spent.items())
    print(f"{nodes} nodes, {pods} pods of {sets} sets: {bound} bound, {1e6 * sum(spent.values()) / pods:.0f} µs per pod ({parts})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
