"""The kubelet's configuration of evictions: its defaults, or what the node's annotations say in the words of the kubelet's flags.

``lab.kubelab.dev/eviction-hard: memory.available<500Mi,nodefs.available<10%`` and alike: ``eviction-soft``, ``eviction-soft-grace-period``
(``memory.available=1m30s``), ``eviction-minimum-reclaim``, ``eviction-max-pod-grace-period`` (seconds), ``eviction-pressure-transition-period``.
As with the flags, hard thresholds that are given replace all defaults.

upstream: cmd/kubelet/app/options/options.go, staging/src/k8s.io/component-base/cli/flag/langle_separated_map_string.go, 1.28.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.kinds.quantity import QuantityError, parse
from kubelab.kubelet.eviction.thresholds import DEFAULT, DEFAULT_HARD, MEMORY, TRANSITION_NS, ThresholdError, Thresholds, parse_thresholds
from kubelab.world.clock import parse_duration
from kubelab.world.codec import value

Object = dict[str, Any]
PREFIX = "lab.kubelab.dev/eviction-"
NAMES = ("hard", "soft", "soft-grace-period", "minimum-reclaim", "max-pod-grace-period", "pressure-transition-period")
_NONE: dict[str, Any] = {}


@value
class Config(NamedTuple):
    """``max_grace_s``: of pods that a soft threshold evicts. ``error``: why the node's annotations cannot be followed: the defaults hold."""

    thresholds: Thresholds = DEFAULT
    transition_ns: int = TRANSITION_NS
    max_grace_s: int = 0
    error: str = ""


def config_of(node: Object) -> Config:
    """The configuration of a node."""
    annotations = node["metadata"].get("annotations") or _NONE
    return _parsed(*(annotations.get(PREFIX + name, "") for name in NAMES))


def pods_memory(node: Object, config: Config) -> int:
    """The memory limit of the cgroup of all pods: what the node lets them have, and what hard evictions keep free.

    upstream: getNodeAllocatableAbsolute in pkg/kubelet/cm/node_container_manager_linux.go (reserved parts are taken off, thresholds are not).
    """
    status = node.get("status") or _NONE
    capacity = parse((status.get("capacity") or _NONE).get("memory", "16Gi")).value()
    allocatable = (status.get("allocatable") or _NONE).get("memory")
    if allocatable is None:
        return capacity
    kept = max((each.amount.of(capacity) for each in config.thresholds if each.signal == MEMORY and each.hard), default=0)
    return min(capacity, parse(allocatable).value() + kept)


@lru_cache(maxsize=256)
def _parsed(hard: str, soft: str, grace: str, reclaim: str, max_grace: str, transition: str) -> Config:
    try:
        thresholds = parse_thresholds(
            _map("hard", hard, "<") or DEFAULT_HARD,
            _map("soft", soft, "<"),
            _map("soft-grace-period", grace, "="),
            _map("minimum-reclaim", reclaim, "="),
        )
        transition_ns = parse_duration(transition) if transition else TRANSITION_NS
        return Config(thresholds, transition_ns, _seconds(max_grace))
    except (ThresholdError, QuantityError, ValueError) as error:
        return Config(error=str(error))


def _map(name: str, text: str, sign: str) -> dict[str, str]:
    out = {}
    for part in text.split(",") if text else ():
        signal, found, amount = part.partition(sign)
        if not found:
            raise ThresholdError(f"{PREFIX}{name}: {part!r} is not of the form SIGNAL{sign}VALUE")
        out[signal.strip()] = amount.strip()
    return out


def _seconds(text: str) -> int:
    if text and not text.isdecimal():
        raise ThresholdError(f"{PREFIX}max-pod-grace-period: {text!r} is not a number of seconds")
    return int(text or 0)
