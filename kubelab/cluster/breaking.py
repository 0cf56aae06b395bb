"""What each type of Fault does to the world when it begins, and how it is mended when it ends (docs/faults.md).

What another active fault keeps broken stays broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from kubelab.apiserver.faults import ApiFault
from kubelab.cluster import leaders
from kubelab.cluster.active import CONTROLLER_NAME, targets_of
from kubelab.cri import disks
from kubelab.cri.power import power_cut, power_on
from kubelab.engine import reflectors, trouble
from kubelab.engine.plan import Nudge
from kubelab.engine.trouble import Cut, Hang, Lag
from kubelab.kinds import registry
from kubelab.kinds.lab.fault_parameters import SHUTDOWN_GRACE, priorities_of, share_of, words
from kubelab.kubelet import shutdown
from kubelab.kubelet.hanging import TABLE as HANG
from kubelab.kubelet.kubelet import Kubelet
from kubelab.kubelet.network_world import ISLANDS
from kubelab.world.clock import SECOND, parse_duration

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

BROKEN_IMAGES = "broken_images"  # a table of the whole world's machine: image → fault
DEFAULT_DELAY_NS = 5 * SECOND


class Breakage(NamedTuple):
    """One fault to begin or to end: its targets are there. ``components``: for faults of calls, whose calls."""

    name: str
    kind: str
    targets: tuple[str, ...]
    parameters: Mapping[str, str] = {}
    components: tuple[str, ...] = ()


def known(engine: Engine, kind: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """The targets that are there."""
    if kind in ON_NODES:
        return tuple(node for node in targets if node and node in engine.machines)
    if kind in ("ComponentCrash", "WatchLag"):
        return tuple(name for name in targets if name in engine.runners and name != CONTROLLER_NAME)
    if kind in ("ApiError", "ApiSlow"):
        served = [kind.resource for kind in registry.all_kinds()]
        return tuple(resource for resource in targets if resource in served)
    return targets


# -- crashes --------------------------------------------------------------------------------------------------------------------
def _crash_nodes(engine: Engine, one: Breakage) -> None:
    for node in one.targets:
        engine.crash_machine(node)
        power_cut(engine.machines[node], engine.now_ns)


def _shut_down(engine: Engine, one: Breakage) -> None:
    """Tell the kubelets; a machine goes down at once where none is to be waited for."""
    given = one.parameters
    periods = priorities_of(given["priorities"]) if "priorities" in given else _periods(given)
    for node in one.targets:
        runner = engine.runners.get(f"kubelet/{node}")
        engine.machines[node].setdefault(shutdown.TABLE, {})[one.name] = (engine.now_ns, periods)
        if periods and runner is not None and runner.alive and isinstance(runner.component, Kubelet):
            engine.nudge(Nudge(runner.name, shutdown.KEY), 0)
        else:
            power_off(engine, node)


def _periods(given: Mapping[str, str]) -> tuple[tuple[int, int], ...]:
    grace_s, critical_s = (parse_duration(given.get(name, default)) // SECOND for name, default in SHUTDOWN_GRACE.items())
    return shutdown.periods_of(grace_s, critical_s)


def power_off(engine: Engine, node: str) -> None:
    """The machine goes down, unless its shutdown has been cancelled; the kernel closes what is open before the power goes."""
    if engine.machines[node].pop(shutdown.TABLE, None):
        engine.crash_machine(node, in_order=True)
        power_cut(engine.machines[node], engine.now_ns)


def _boot(engine: Engine, one: Breakage) -> None:
    for node in one.targets:
        if engine.machines[node].get(shutdown.TABLE, {}).pop(one.name, None):
            engine.nudge(Nudge(f"kubelet/{node}", shutdown.KEY), 0)
    _start_again(engine, one)


def _crash_components(engine: Engine, one: Breakage) -> None:
    for component in one.targets:
        engine.crash(component)
        if leaders.is_replica(component):
            leaders.resign(engine, component)


def _start_again(engine: Engine, one: Breakage) -> None:
    """Start what neither another crash of the component nor one of its node keeps down, and what has a process to run in."""
    nodes, components = _down(engine, one.name), targets_of(engine, "ComponentCrash", one.name)
    for node in one.targets:
        if node in engine.machines and node not in nodes:
            power_on(engine.machines[node], engine.now_ns)
    for runner in list(engine.runners.values()):
        mine = runner.name if one.kind == "ComponentCrash" else runner.component.machine
        free = mine in one.targets and runner.name not in components and runner.component.machine not in nodes
        if free and leaders.may_start(engine, runner.name):
            engine.restart(runner.name)


def _down(engine: Engine, besides: str) -> dict[str, None]:
    """The nodes that another fault keeps down."""
    found = [node for kind in ("NodeCrash", "NodeShutdown") for node in targets_of(engine, kind, besides)]
    return dict.fromkeys(found)


# -- images and calls -----------------------------------------------------------------------------------------------------------
def _break_images(engine: Engine, one: Breakage) -> None:
    engine.machines[""].setdefault(BROKEN_IMAGES, {}).update(dict.fromkeys(one.targets, one.name))


def _mend_images(engine: Engine, one: Breakage) -> None:
    held = targets_of(engine, one.kind, one.name)
    for image in one.targets:
        if image not in held:
            engine.machines[""].get(BROKEN_IMAGES, {}).pop(image, None)


def _hit_calls(engine: Engine, one: Breakage) -> None:
    given = one.parameters
    engine.server.faults[one.name] = ApiFault(
        one.targets,
        words(given.get("verbs", "")),
        share_of(given.get("share", "1")),
        words(given.get("users", "")),
        one.components,
        int(given.get("code", "500")),
        _delay_ns(given) if one.kind == "ApiSlow" else 0,
    )


def _delay_ns(given: Mapping[str, str]) -> int:
    return parse_duration(given["delay"]) if "delay" in given else DEFAULT_DELAY_NS


def _spare_calls(engine: Engine, one: Breakage) -> None:
    engine.server.faults.pop(one.name, None)


# -- watches and networks -------------------------------------------------------------------------------------------------------
def _delay_watches(engine: Engine, one: Breakage) -> None:
    engine.trouble[one.name] = Lag(one.targets, _delay_ns(one.parameters))
    _set_lags(engine, one)


def _mend_watches(engine: Engine, one: Breakage) -> None:
    engine.trouble.pop(one.name, None)
    _set_lags(engine, one)


def _set_lags(engine: Engine, one: Breakage) -> None:
    for runner in list(engine.runners.values()):
        if runner.name != CONTROLLER_NAME and (not one.targets or runner.name in one.targets):
            lag_ns = trouble.lag_of(engine, runner)
            if runner.lag_ns >= 0 and lag_ns != runner.lag_ns:  # below 0: when its connection is made anew
                engine.lag(runner.name, lag_ns)


def _cut_off(engine: Engine, one: Breakage) -> None:
    given = one.parameters
    whence = given.get("from", "all")
    if whence in ("all", "api-server"):
        engine.trouble[one.name] = Cut(one.targets, engine.now_ns, given.get("direction", "both"))
        for node in one.targets:
            trouble.cut_off(engine, node)
    if whence in ("all", "nodes"):
        islands = engine.machines[""].setdefault(ISLANDS, {})
        islands.update({node: (*islands.get(node, ()), one.name) for node in one.targets})
        _look_around(engine)


def _join(engine: Engine, one: Breakage) -> None:
    cut = engine.trouble.pop(one.name, None)
    if isinstance(cut, Cut):
        for node in one.targets:
            if trouble.cut_of(engine, node) is None:
                trouble.mend(engine, node, cut.begun_ns)
                reflectors.mended(engine, node, cut.begun_ns)
    islands = engine.machines[""].get(ISLANDS, {})
    if any(one.name in islands.get(node, ()) for node in one.targets):
        for node in one.targets:
            left = tuple(name for name in islands.pop(node) if name != one.name)
            islands.update({node: left} if left else {})
        _look_around(engine)


def _look_around(engine: Engine) -> None:
    """Members of groups see at once that others are gone, or back."""
    for name, tables in engine.machines.items():
        runner = engine.runners.get(f"containerd/{name}")
        if runner is not None and runner.alive:
            for group in dict.fromkeys(tables.get("groups", {}).values()):
                engine.later(runner, ("poke", group), 0)


# -- runtimes and disks ---------------------------------------------------------------------------------------------------------
def _hang(engine: Engine, one: Breakage) -> None:
    engine.trouble[one.name] = Hang(one.targets, engine.now_ns)
    for node in one.targets:
        engine.machines[node].setdefault(HANG, {})[one.name] = engine.now_ns
    trouble.hang(engine, one.targets)


def _answer(engine: Engine, one: Breakage) -> None:
    engine.trouble.pop(one.name, None)
    for node in one.targets:
        engine.machines[node].get(HANG, {}).pop(one.name, None)
        if not trouble.hangs(engine, node):
            trouble.answer_again(engine, node)


def _fill(engine: Engine, one: Breakage) -> None:
    share = share_of(one.parameters.get("fill", "1"))
    for node in one.targets:
        engine.machines[node].setdefault(disks.TABLE, {})[one.name] = ("full", share)


def _lose(engine: Engine, one: Breakage) -> None:
    which = one.parameters.get("volumes", "local")
    for node in one.targets:
        tables = engine.machines[node]
        tables.setdefault(disks.TABLE, {})[one.name] = ("lost", which)
        _wipe(engine, node, disks.lost({disks.TABLE: {one.name: ("lost", which)}}))


def _wipe(engine: Engine, node: str, prefixes: tuple[str, ...]) -> None:
    """What stood on the lost volumes is gone."""
    held = engine.machines[""].get("disks", {})
    head = engine.store.head
    gone = [name for name in held if "host/" in prefixes and name.startswith(f"host/{node}/")]
    for place in head.by_node.get(node, {}) if "pod/" in prefixes else ():
        pod = head.all("pods")[place]
        empty = [volume["name"] for volume in pod["spec"].get("volumes") or () if "emptyDir" in volume]
        gone += [name for volume in empty if (name := f"pod/{pod['metadata']['uid']}/{volume}") in held]
    for name in gone:
        del held[name]


def _mend_disk(engine: Engine, one: Breakage) -> None:
    for node in one.targets:
        engine.machines[node].get(disks.TABLE, {}).pop(one.name, None)


Do = Callable[["Engine", Breakage], None]
TYPES: dict[str, tuple[Do, Do]] = {
    "ApiError": (_hit_calls, _spare_calls),
    "ApiSlow": (_hit_calls, _spare_calls),
    "ComponentCrash": (_crash_components, _start_again),
    "DiskFull": (_fill, _mend_disk),
    "DiskLost": (_lose, _mend_disk),
    "ImageBroken": (_break_images, _mend_images),
    "NodeCrash": (_crash_nodes, _start_again),
    "NodePartition": (_cut_off, _join),
    "NodeShutdown": (_shut_down, _boot),
    "RuntimeHang": (_hang, _answer),
    "WatchLag": (_delay_watches, _mend_watches),
}
"""Type → how it begins, how it ends."""

BUILT = tuple(TYPES)
ON_NODES = ("DiskFull", "DiskLost", "NodeCrash", "NodePartition", "NodeShutdown", "RuntimeHang")
FIELD = {
    "ApiError": "resources",
    "ApiSlow": "resources",
    "ComponentCrash": "components",
    "ImageBroken": "images",
    "WatchLag": "components",
    **dict.fromkeys(ON_NODES, "nodes"),
}
"""Type → the field of its spec that names its targets."""


def begin(engine: Engine, one: Breakage) -> None:
    TYPES[one.kind][0](engine, one)


def end(engine: Engine, one: Breakage) -> None:
    """Mend what no other active fault keeps broken."""
    TYPES[one.kind][1](engine, one)
