"""The autoscaler as a component: a scan every ten seconds, and beside it machines that boot and nodes that are taken away.

Keys: ``("scan",)`` the clock's tick; ``("help",)`` the same tick, where pods wait for it; ``("boot", node)`` a machine joins; ``("remove", node)``
one step of taking a node away.

upstream: cluster-autoscaler/core/static_autoscaler.go RunOnce, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kubelab.cluster.autoscaler import provider, removal
from kubelab.cluster.autoscaler.options import options
from kubelab.cluster.autoscaler.pools import INSTANCES, Instance, instances, pools
from kubelab.cluster.autoscaler.removal import REMOVING, Removal
from kubelab.cluster.autoscaler.scaling_up import is_unschedulable
from kubelab.cluster.autoscaler.scan import NAME, Scan, observe_scan, plan_scan
from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch
from kubelab.engine.plan import NOTHING, Act, Batch, Key, Nudge, Plan
from kubelab.scheduler.queue import next_tick_ns
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

SCAN: Key = ("scan",)
HELP: Key = ("help",)


class Boot(NamedTuple):
    """A machine that has booted."""

    name: str


class Autoscaler:
    """See ``Component``. Stateless; the pools and machines are the cloud's, on the world's own machine."""

    name = NAME
    identity = Identity(
        "system:serviceaccount:kube-system:cluster-autoscaler",
        ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"),
        "cluster-autoscaler",
        "cluster-autoscaler",
    )
    lanes = {"": 1, "nodes": 0}
    max_retries: int | None = None
    backoff = (10_000_000_000, 10_000_000_000)
    background = frozenset({"scan"})
    machine = ""

    @property
    def watches(self) -> tuple[Watch, ...]:
        return (Watch("pods", pod_keys),)

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        scope.table("clock")["born_ns"] = scope.now_ns
        booting = [each for each in instances(scope.local).values() if not each.joined_ns]
        left_ns = {each.name: each.asked_ns + pools(scope.local)[each.pool].boot_ns - scope.now_ns for each in booting}
        return (SCAN, *(Later(max(0, after_ns), ("boot", name)) for name, after_ns in left_ns.items()))

    def client(self, timing: Timing) -> Client:
        return Client(5, 10)

    def lane(self, key: Key) -> str:
        return "" if key in (SCAN, HELP) else "nodes"

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def act_on_world(self, engine: Engine, act: Act) -> Plan:
        match act.name:
            case "grow":
                made = provider.grow(engine, *act.arguments)
                return Plan(nudge=tuple(Nudge(NAME, ("boot", name), after_ns) for name, after_ns in made))
            case "join":
                provider.join(engine, act.arguments[0])
            case "end":
                provider.end(engine, act.arguments[0])
        return NOTHING

    def observe(self, scope: Scope, key: Key) -> Any:
        match key[0]:
            case "scan" | "help":
                return observe_scan(scope, is_tick=key == SCAN)
            case "boot":
                return _booted(scope, key[1])
        return _removing(scope, key[1])

    def plan(self, seen: Any) -> Plan:
        if isinstance(seen, Scan):
            return plan_scan(seen)
        if isinstance(seen, Boot):
            return Plan((Batch((Act("join", (seen.name,)),)),))
        return removal.plan(seen) if isinstance(seen, removal.Seen) else NOTHING


def _booted(scope: Scope, name: str) -> Boot | None:
    instance: Instance | None = scope.local.get(INSTANCES, {}).get(name)
    return None if instance is None or instance.joined_ns or instance.gone_ns else Boot(name)


def _removing(scope: Scope, name: str) -> removal.Seen | None:
    found: Removal | None = scope.table(REMOVING).get(name)
    if found is None:
        return None
    view = scope.view
    on_node = view.on_node(name)
    wanted = {uid: True for _, _, uid in found.pods}
    there = tuple(pod for pod in on_node if pod["metadata"]["uid"] in wanted)
    strangers = tuple(pod for pod in on_node if pod["metadata"]["uid"] not in wanted and removal.movable(pod, scope.now_ns))
    return removal.Seen(name, view.get("nodes", "", name), found, there, strangers, options(scope.local), scope.now_ns)


def pod_keys(change: Change, scope: Scope) -> Iterable[Later]:
    """A pod that has found no place waits for the next tick."""
    if change.type == "DELETED" or not is_unschedulable(change.object) or (change.old is not None and is_unschedulable(change.old)):
        return ()
    born_ns = scope.table("clock").setdefault("born_ns", scope.now_ns)
    tick_ns = next_tick_ns(born_ns, options(scope.local).scan_interval, scope.now_ns + 1)
    return (Later(tick_ns - scope.now_ns, HELP),)


CONTROLLER = Autoscaler()
