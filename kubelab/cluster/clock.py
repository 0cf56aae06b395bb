"""The Clock object obeyed: what a user's call asks of time by ``spec.advance`` happens before the call returns.

The same control as ``Cluster.run``, reachable by whoever can write an object.
"""

from __future__ import annotations

from kubelab.apiserver.request import Request, User
from kubelab.cluster import running
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.world.clock import parse_duration

RESOURCE, NAME = "clocks.lab.kubelab.dev", "lab"
CLOCK: Object = {"apiVersion": "lab.kubelab.dev/v1", "kind": "Clock", "metadata": {"name": NAME}, "spec": {"pace": "paused"}}
_SERVER = User("system:kubelab-clock", ("system:masters", "system:authenticated"))


def obey(engine: Engine, start_ns: int) -> None:
    """Let the time pass that the Clock asks for, once: ``spec.advance`` is gone afterwards."""
    clock = engine.store.head.get(RESOURCE, "", NAME)
    wanted = clock["spec"].get("advance") if clock is not None else None
    if clock is None or wanted is None:
        return
    spec = {name: item for name, item in clock["spec"].items() if name != "advance"}
    done = {**clock, "spec": spec}
    engine.handle(Request("update", RESOURCE, "", NAME, body=done, user=_SERVER, user_agent="kubelab-clock"))
    running.advance(engine, engine.now_ns + parse_duration(wanted), start_ns)
