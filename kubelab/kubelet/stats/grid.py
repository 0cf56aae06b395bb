"""When cAdvisor looks at a cgroup: its housekeeping, as a pure function of the cgroup, its start and the seed. Nothing ticks.

upstream: vendor/github.com/google/cadvisor/manager/container.go (housekeeping, jitter), pkg/kubelet/cadvisor/cadvisor_linux.go
(statsCacheDuration, defaultHousekeepingInterval), 1.28; spec/cri-metrics.md section 4. The first look is at the start, each next one d to 2 d
after the one before, d = 10 s. (Upstream's d grows to 15 s while the stats do not change at all, which those of a running container do.)

So that a look in the hundredth hour costs no more than one in the first, the chain begins anew every ten minutes after the start; what is
closer than 10 s to such a beginning is left out, so that no interval is longer than 30 s.
"""

from __future__ import annotations

from functools import lru_cache

from kubelab.world.clock import SECOND
from kubelab.world.streams import Streams

INTERVAL_NS = 10 * SECOND
HISTORY_NS = 120 * SECOND
EPOCH_NS = 600 * SECOND


@lru_cache(maxsize=65536)
def _chain(cgroup: str, seed: int, epoch: int) -> tuple[int, ...]:
    """Offsets of the looks from the beginning of an epoch."""
    chance, name = Streams(seed), f"housekeeping/{cgroup}/{epoch}"
    offsets, at = [0], 0
    while True:
        at += INTERVAL_NS + int(chance.uniform(name) * INTERVAL_NS)
        if at > EPOCH_NS - INTERVAL_NS:
            return tuple(offsets)
        offsets.append(at)


def instants(cgroup: str, seed: int, start_ns: int, since_ns: int, until_ns: int) -> list[int]:
    """The looks at a cgroup in ``since_ns < t <= until_ns``, oldest first.

    >>> from kubelab.world.clock import SECOND
    >>> looks = instants("/", 7, 0, -1, 60 * SECOND)
    >>> looks[0], all(10 * SECOND <= b - a < 20 * SECOND for a, b in zip(looks, looks[1:]))
    (0, True)
    """
    if until_ns < start_ns:
        return []
    first, last = max(0, (since_ns - start_ns) // EPOCH_NS), (until_ns - start_ns) // EPOCH_NS
    found = []
    for epoch in range(first, last + 1):
        base = start_ns + epoch * EPOCH_NS
        found += [base + offset for offset in _chain(cgroup, seed, epoch) if since_ns < base + offset <= until_ns]
    return found


def newest(cgroup: str, seed: int, start_ns: int, until_ns: int, count: int = 2) -> list[int]:
    """The last ``count`` looks up to an instant, oldest first; fewer if there were not so many."""
    since_ns = until_ns - (count + 1) * 3 * INTERVAL_NS
    return instants(cgroup, seed, start_ns, since_ns, until_ns)[-count:]
