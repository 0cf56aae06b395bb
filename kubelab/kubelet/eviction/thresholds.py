"""Thresholds of eviction: what they say, when they are met, how long, and which node conditions follow. Values and pure functions.

upstream: pkg/kubelet/eviction/{helpers,defaults_linux}.go, pkg/kubelet/eviction/api/types.go, 1.28; spec/cri-metrics.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from struct import pack, unpack
from typing import NamedTuple

from kubelab.kinds.quantity import parse
from kubelab.world.clock import MINUTE, parse_duration
from kubelab.world.codec import value

MEMORY, ALLOCATABLE = "memory.available", "allocatableMemory.available"
NODEFS, NODEFS_INODES = "nodefs.available", "nodefs.inodesFree"
IMAGEFS, IMAGEFS_INODES = "imagefs.available", "imagefs.inodesFree"
PID = "pid.available"
#: What is starved where a signal falls below its threshold, and what the node then says of itself.
RESOURCE = {
    MEMORY: "memory",
    ALLOCATABLE: "memory",
    NODEFS: "ephemeral-storage",
    NODEFS_INODES: "inodes",
    IMAGEFS: "ephemeral-storage",
    IMAGEFS_INODES: "inodes",
    PID: "pids",
}
CONDITION = {
    MEMORY: "MemoryPressure",
    ALLOCATABLE: "MemoryPressure",
    NODEFS: "DiskPressure",
    NODEFS_INODES: "DiskPressure",
    IMAGEFS: "DiskPressure",
    IMAGEFS_INODES: "DiskPressure",
    PID: "PIDPressure",
}
DEFAULT_HARD = {MEMORY: "100Mi", NODEFS: "10%", NODEFS_INODES: "5%", IMAGEFS: "15%"}
TRANSITION_NS = 5 * MINUTE


class ThresholdError(ValueError):
    """A threshold that cannot be understood, in upstream's words."""


@value
class Amount(NamedTuple):
    """A quantity in units (bytes, inodes, processes), or, where ``units`` is None, a share of the capacity."""

    units: int | None
    share: float = 0.0

    def of(self, capacity: int) -> int:
        """upstream: GetThresholdQuantity."""
        return self.units if self.units is not None else int(float(capacity) * self.share)


@value
class Threshold(NamedTuple):
    """``grace_ns`` 0: a hard one. ``reclaim``: how much more than the amount must be free before pressure is over."""

    signal: str
    amount: Amount
    grace_ns: int = 0
    reclaim: Amount | None = None

    @property
    def hard(self) -> bool:
        return self.grace_ns == 0


@value
class Observation(NamedTuple):
    """A signal's level; ``time_ns`` 0: nobody knows of when."""

    available: int
    capacity: int
    time_ns: int = 0


Observations = Mapping[str, Observation]
Thresholds = tuple[Threshold, ...]


# -- reading --------------------------------------------------------------------------------------------------------------------
def parse_thresholds(
    hard: Mapping[str, str],
    soft: Mapping[str, str] | None = None,
    soft_grace: Mapping[str, str] | None = None,
    reclaim: Mapping[str, str] | None = None,
    *,
    allocatable: bool = True,
) -> Thresholds:
    """The thresholds of a kubelet's configuration. Raises ThresholdError (upstream: ParseThresholdConfig)."""
    found = _statements(hard)
    graces = {signal: _grace(signal, text) for signal, text in (soft_grace or {}).items()}
    for threshold in _statements(soft or {}):
        if threshold.signal not in graces:
            raise ThresholdError(f"grace period must be specified for the soft eviction threshold {threshold.signal}")
        found.append(threshold._replace(grace_ns=graces[threshold.signal]))
    reclaims = {signal: _reclaim(signal, text) for signal, text in (reclaim or {}).items()}
    found = [threshold._replace(reclaim=reclaims.get(threshold.signal)) for threshold in found]
    if allocatable:
        found += [each._replace(signal=ALLOCATABLE) for each in found if each.signal == MEMORY and each.hard]
    return tuple(found)


def _statements(given: Mapping[str, str]) -> list[Threshold]:
    out = []
    for signal, text in given.items():
        _check(signal)
        if text in ("0%", "100%"):
            continue
        if text.endswith("%"):
            share = _percentage(text)
            if share < 0:
                raise ThresholdError(f"eviction percentage threshold {signal} must be >= 0%: {text}")
            if share > 1:
                raise ThresholdError(f"eviction percentage threshold {signal} must be <= 100%: {text}")
            out.append(Threshold(signal, Amount(None, share)))
            continue
        quantity = parse(text)
        if quantity.nano <= 0:
            raise ThresholdError(f"eviction threshold {signal} must be positive: {quantity.text}")
        out.append(Threshold(signal, Amount(quantity.value())))
    return out


def _check(signal: str) -> None:
    if signal not in RESOURCE:
        raise ThresholdError(f"unsupported eviction signal {signal}")


def _percentage(text: str) -> float:
    """Upstream keeps shares in 32 bits, which shows in the quantities that follow from them."""
    try:
        number = float(text.rstrip("%"))
    except ValueError:
        raise ThresholdError(f'strconv.ParseFloat: parsing "{text.rstrip("%")}": invalid syntax') from None
    return _float32(_float32(number) / 100)


def _float32(number: float) -> float:
    found: float = unpack("f", pack("f", number))[0]
    return found


def _grace(signal: str, text: str) -> int:
    _check(signal)
    if text.startswith("-"):
        raise ThresholdError(f"invalid eviction grace period specified: {text}, must be a positive value")
    return parse_duration(text)


def _reclaim(signal: str, text: str) -> Amount:
    _check(signal)
    if text.endswith("%"):
        share = _percentage(text)
        if share <= 0:
            raise ThresholdError(f"eviction percentage minimum reclaim {signal} must be positive: {text}")
        return Amount(None, share)
    quantity = parse(text)
    if quantity.nano < 0:
        raise ThresholdError(f"negative eviction minimum reclaim specified for {signal}")
    return Amount(quantity.value())


# -- deciding -------------------------------------------------------------------------------------------------------------------
def met(thresholds: Iterable[Threshold], observations: Observations, *, with_reclaim: bool = False) -> Thresholds:
    """Those whose signal is below them, whatever their grace (upstream: thresholdsMet)."""
    out = []
    for threshold in thresholds:
        seen = observations.get(threshold.signal)
        if seen is None:
            continue
        least = threshold.amount.of(seen.capacity)
        if with_reclaim and threshold.reclaim is not None:
            least += threshold.reclaim.of(seen.capacity)
        if least > seen.available:
            out.append(threshold)
    return tuple(out)


def merged(first: Thresholds, second: Thresholds) -> Thresholds:
    """The first ones and those of the second that are not among them (upstream: mergeThresholds)."""
    known = [each[:3] for each in first]
    return first + tuple(threshold for threshold in second if threshold[:3] not in known)


def first_observed(thresholds: Thresholds, known: Mapping[Threshold, int], now_ns: int) -> dict[Threshold, int]:
    """Since when each has been met."""
    return {threshold: known.get(threshold, now_ns) for threshold in thresholds}


def past_grace(since: Mapping[Threshold, int], now_ns: int) -> Thresholds:
    """Those met for as long as their grace (upstream: thresholdsMetGracePeriod)."""
    return tuple(threshold for threshold, at_ns in since.items() if now_ns - at_ns >= threshold.grace_ns)


def updated(thresholds: Thresholds, now: Observations, before: Observations) -> Thresholds:
    """Those of which something newer is known than at the last look (upstream: thresholdsUpdatedStats)."""
    out = []
    for threshold in thresholds:
        seen, known = now.get(threshold.signal), before.get(threshold.signal)
        if seen is not None and (known is None or not seen.time_ns or seen.time_ns > known.time_ns):
            out.append(threshold)
    return tuple(out)


def conditions_of(thresholds: Iterable[Threshold]) -> tuple[str, ...]:
    """The node conditions that thresholds mean."""
    return tuple(dict.fromkeys(CONDITION[threshold.signal] for threshold in thresholds))


def last_observed(conditions: Sequence[str], known: Mapping[str, int], now_ns: int) -> dict[str, int]:
    """When each condition was last seen to hold."""
    return {**dict.fromkeys(conditions, now_ns), **{name: at_ns for name, at_ns in known.items() if name not in conditions}}


def observed_since(last: Mapping[str, int], period_ns: int, now_ns: int) -> tuple[str, ...]:
    """The conditions that still hold: seen within the transition period (in the order of their names, where upstream has none)."""
    return tuple(sorted(name for name, at_ns in last.items() if now_ns - at_ns < period_ns))


def by_priority(thresholds: Thresholds) -> Thresholds:
    """Memory before all else (upstream: byEvictionPriority)."""
    return tuple(sorted(thresholds, key=lambda threshold: threshold.signal not in (MEMORY, ALLOCATABLE)))


DEFAULT = parse_thresholds(DEFAULT_HARD)
