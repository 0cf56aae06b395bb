"""What a container asks of its node: a curve per resource, from a ``Usage`` object, its program, or the small constants of one at rest.

spec: cri-metrics.md section 6. The small constants are the lab's own: one thousandth of a core, 4 MiB of anonymous memory (never more than half
the limit), 20 KiB in the writable layer, 10 bytes per second in each direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.cri.usage.curves import CORE, Curve, constant
from kubelab.kinds.quantity import parse
from kubelab.world.clock import SECOND, parse_duration
from kubelab.world.codec import value

MIB = 1 << 20
RESOURCES = ("cpu", "memory", "disk", "network")
IDLE_CPU, IDLE_MEMORY, IDLE_DISK, IDLE_NETWORK = CORE // 1000, 4 * MIB, 20 << 10, 10
IDLE = {"cpu": IDLE_CPU, "memory": IDLE_MEMORY, "disk": IDLE_DISK, "network": IDLE_NETWORK}
LARGEST = 1 << 62


@value
class Run(NamedTuple):
    """A curve that began at an instant."""

    curve: Curve
    from_ns: int

    def at(self, t_ns: int) -> int:
        curve = self.curve
        return curve.numbers[0] if curve.kind == "constant" else curve.at(max(0, t_ns - self.from_ns))


@value
class Demand(NamedTuple):
    """The four curves of a container."""

    cpu: Run
    memory: Run
    disk: Run
    network: Run


@value
class Asked(NamedTuple):
    """A curve of a ``Usage`` object, which begins with the object or with the container, whichever is later."""

    curve: Curve
    since_ns: int


def runs_of(own: Mapping[str, Any], asked: Mapping[str, Asked] | None, started_ns: int) -> dict[str, Run]:
    """The curves of a container: those of ``Usage`` objects, else those of its program."""
    out = {name: Run(curve if isinstance(curve, Curve) else curve_of(name, curve), started_ns) for name, curve in own.items()}
    for name, (curve, since_ns) in (asked or {}).items():
        out[name] = Run(curve, max(started_ns, since_ns))
    return out


def idle_memory(limit: int) -> int:
    """What a container at rest holds in memory."""
    return min(IDLE_MEMORY, limit // 2) if limit else IDLE_MEMORY


@lru_cache(maxsize=4096)
def _idle(resource: str, limit: int) -> Curve:
    return constant(idle_memory(limit) if resource == "memory" else IDLE[resource])


def demand(curves: Mapping[str, Run], started_ns: int, memory_limit: int) -> Demand:
    """The demand of a container that has some curves, and is at rest in all else."""
    missing = {name: Run(_idle(name, memory_limit), started_ns) for name in RESOURCES if name not in curves}
    return Demand(**{**missing, **curves})


def curve_of(resource: str, spec: Mapping[str, Any]) -> Curve:
    """A curve as ``Usage.spec`` and programs write it; amounts are quantities or numbers, durations seconds or Go's text.

    >>> curve_of("cpu", {"ramp": {"from": "100m", "to": 2, "over": "1m"}})
    Curve(kind='ramp', numbers=(100000000, 2000000000, 60000000000))
    """
    kinds = [name for name in _READ if spec.get(name) is not None]
    if len(kinds) != 1:
        raise ValueError(f"{resource}: a curve is exactly one of {', '.join(_READ)}, found {', '.join(kinds) or 'none of them'}")
    return _READ[kinds[0]](resource, spec[kinds[0]])


def _amount(resource: str, amount: Any) -> int:
    scale = CORE if resource == "cpu" else 1
    if isinstance(amount, (int, float)) and not isinstance(amount, bool):
        found = round(amount * scale)
    else:
        found = parse(amount).nano if resource == "cpu" else parse(amount).value()
    return min(found, LARGEST)


def _constant(resource: str, spec: Any) -> Curve:
    return constant(_amount(resource, spec))


def _ramp(resource: str, spec: Mapping[str, Any]) -> Curve:
    return Curve("ramp", (_amount(resource, spec["from"]), _amount(resource, spec["to"]), parse_duration(spec["over"])))


def _sine(resource: str, spec: Mapping[str, Any]) -> Curve:
    return Curve("sine", (_amount(resource, spec["mean"]), _amount(resource, spec["amplitude"]), parse_duration(spec["period"])))


def _spikes(resource: str, spec: Mapping[str, Any]) -> Curve:
    base, peak = _amount(resource, spec["base"]), _amount(resource, spec["peak"])
    return Curve("spikes", (base, peak, parse_duration(spec["every"]), parse_duration(spec["length"])))


def _trace(resource: str, spec: Any) -> Curve:
    """Before its first point a container is at rest."""
    numbers: list[int] = []
    for seconds, amount in spec:
        numbers += (round(seconds * SECOND), _amount(resource, amount))
    if not numbers:
        return constant(IDLE[resource])
    return Curve("trace", tuple(numbers) if numbers[0] == 0 else (0, IDLE[resource], *numbers))


_READ = {"constant": _constant, "ramp": _ramp, "sine": _sine, "spikes": _spikes, "trace": _trace}
