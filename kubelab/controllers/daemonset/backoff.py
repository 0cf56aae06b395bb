"""Back-off of failed daemon pods: per DaemonSet, its observed generation and node, from 1 second, doubled up to 15 minutes.

upstream: client-go/util/flowcontrol/backoff.go, failedPodsBackoffKey in pkg/controller/daemon/daemon_controller.go, startDaemonSetController in
cmd/kube-controller-manager/app/apps.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kubelab.engine.plan import Key
from kubelab.store.log import Object
from kubelab.world.clock import MINUTE, SECOND
from kubelab.world.codec import value

BACKOFFS = "back-offs"
FIRST_NS = SECOND
LONGEST_NS = 15 * MINUTE


@value
class DaemonBackoff(NamedTuple):
    """``since_ns``: when the last pod was taken away."""

    delay_ns: int
    since_ns: int


def backoff_key(daemon_set: Object, node: str) -> Key:
    return daemon_set["metadata"]["uid"], (daemon_set.get("status") or {}).get("observedGeneration") or 0, node


def waits_ns(known: Mapping[Key, DaemonBackoff], key: Key, now_ns: int) -> int:
    """How long the whole back-off is, if it still lasts; else 0."""
    entry = known.get(key)
    if entry is None or _is_expired(entry, now_ns) or now_ns - entry.since_ns >= entry.delay_ns:
        return 0
    return entry.delay_ns


def next_backoff(known: Mapping[Key, DaemonBackoff], key: Key, now_ns: int) -> DaemonBackoff:
    entry = known.get(key)
    if entry is None or _is_expired(entry, now_ns):
        return DaemonBackoff(FIRST_NS, now_ns)
    return DaemonBackoff(min(2 * entry.delay_ns, LONGEST_NS), now_ns)


def _is_expired(entry: DaemonBackoff, now_ns: int) -> bool:
    return now_ns - entry.since_ns > 2 * LONGEST_NS
