"""Container logs on a node's disk: how large they are, and how the kubelet rotates them: in closed form, from what was written and when.

The configuration stands in the node's annotations, in the words of the kubelet's own: ``lab.kubelab.dev/container-log-max-size: 10Mi`` (a
negative one: no rotation) and ``lab.kubelab.dev/container-log-max-files: "5"``. The runtime keeps the last pieces of what a container has
written (``kubelab.cri.runtime.LOG_ENTRIES_KEPT``): of what is older nothing is on disk.

upstream: pkg/kubelet/logs/container_log_manager.go, pkg/kubelet/apis/config/v1beta1/defaults.go, 1.28; spec/cri-metrics.md section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from kubelab.cri.api import RUNNING, Container
from kubelab.cri.effects import Log
from kubelab.engine.component import Tables
from kubelab.kinds.quantity import QuantityError, parse
from kubelab.world.clock import SECOND, rfc3339

Object = dict[str, Any]
PERIOD_NS = 10 * SECOND  # upstream: logMonitorPeriod
LINE_HEAD = len("2026-01-01T00:00:00.000000000Z stdout F ")
PREFIX = "lab.kubelab.dev/container-log-"
_NONE: dict[Any, Any] = {}


class Policy(NamedTuple):
    """How large a log may become, and how many files a container has, the live one included. ``error``: why the defaults hold."""

    max_bytes: int = 10 * 1024**2
    max_files: int = 5
    error: str = ""


DEFAULT = Policy()


def policy_of(node: Object) -> Policy:
    """The policy of a node's kubelet."""
    annotations = node["metadata"].get("annotations") or _NONE
    return _parsed(annotations.get(PREFIX + "max-size", ""), annotations.get(PREFIX + "max-files", ""))


@lru_cache(maxsize=256)
def _parsed(size: str, files: str) -> Policy:
    """upstream: NewContainerLogManager."""
    try:
        number = int(files or DEFAULT.max_files)
    except ValueError:
        return Policy(error=f"{PREFIX}max-files: {files!r} is not a number")
    if number <= 1:
        return Policy(error=f"invalid MaxFiles {number}, must be > 1")
    try:
        return Policy(parse(size).value() if size else DEFAULT.max_bytes, number)
    except QuantityError as error:
        return Policy(error=f'failed to parse container log max size "{size}": {error}')


class Rotated(NamedTuple):
    """A file that is written to no more: since when, which of the pieces it holds, how large it is now."""

    time_ns: int
    first: int
    until: int
    size: int
    compressed: bool

    def name(self, log: str) -> str:
        """Its name beside a log's."""
        stamp = rfc3339(self.time_ns).replace("-", "").replace(":", "").replace("T", "-").rstrip("Z")
        return f"{log}.{stamp}{'.gz' if self.compressed else ''}"


class Files(NamedTuple):
    """A container's log files, oldest first; the live one begins with piece ``first``."""

    rotated: tuple[Rotated, ...]
    first: int
    size: int

    @property
    def sizes(self) -> tuple[int, ...]:
        return (*(each.size for each in self.rotated), self.size)


def written(text: str) -> int:
    """Bytes that a piece of output takes: each of its lines with time, stream and tag before it."""
    return len(text.encode()) + LINE_HEAD * max(1, text.count("\n"))


def files(entries: Sequence[Log], policy: Policy, base_ns: int, until_ns: int) -> Files:
    """What is on disk at an instant, or at its container's end. The kubelet looks at ``base_ns`` and every ten seconds from there."""
    ends: list[tuple[int, int, int]] = []  # of each file: when, the piece after its last, its size
    size = last_ns = 0
    seen = len(entries)
    for at, entry in enumerate(entries):
        if entry.time_ns > until_ns:
            seen = at
            break
        if 0 <= policy.max_bytes <= size and (look_ns := _look_after(last_ns, base_ns)) <= entry.time_ns:
            ends.append((look_ns, at, size))
            size = 0
        size += written(entry.text)
        last_ns = entry.time_ns
    if seen and 0 <= policy.max_bytes <= size and (look_ns := _look_after(last_ns, base_ns)) <= until_ns:
        ends.append((look_ns, seen, size))
        size = 0
    if not ends:
        return Files((), 0, size)
    return Files(_kept(entries, ends, policy), ends[-1][1], size)


def _look_after(time_ns: int, base_ns: int) -> int:
    return base_ns + -(-(max(time_ns, base_ns) - base_ns) // PERIOD_NS) * PERIOD_NS


def _kept(entries: Sequence[Log], ends: list[tuple[int, int, int]], policy: Policy) -> tuple[Rotated, ...]:
    """The newest files, compressed but for the last, which is written out for who still reads it (upstream: rotateLog)."""
    firsts = [0, *(until for _, until, _ in ends)]
    kept = []
    for at in range(max(0, len(ends) - (policy.max_files - 1)), len(ends)):
        time_ns, until, size = ends[at]
        newest = at == len(ends) - 1
        size = size if newest else deflated(entry.text for entry in entries[firsts[at] : until])
        kept.append(Rotated(time_ns, firsts[at], until, size, not newest))
    return tuple(kept)


def deflated(texts: Iterable[str]) -> int:
    """Bytes of a compressed log, from above: what Huffman's code alone makes of its bytes. gzip also finds repetitions.

    >>> deflated(["a" * 800])
    100
    """
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(text.encode())
    heap = list(counts.values())
    if len(heap) == 1:
        return -(-heap[0] // 8)
    heapify(heap)
    bits = 0
    while len(heap) > 1:
        both = heappop(heap) + heappop(heap)
        bits += both
        heappush(heap, both)
    return -(-bits // 8)


def of_container(tables: Tables, container: Container, policy: Policy, t_ns: int) -> Files:
    """The log files of one container at an instant."""
    entries = tables.get("logs", _NONE).get(container.id, ())
    until_ns = t_ns if container.state == RUNNING or not container.finished_ns else min(t_ns, container.finished_ns)
    return files(entries, policy, base_ns(tables), until_ns) if entries else Files((), 0, 0)


def live(tables: Tables, container_id: str, policy: Policy, t_ns: int) -> tuple[Log, ...]:
    """What the live file of a container holds, which is what ``kubectl logs`` shows."""
    entries: tuple[Log, ...] = tables.get("logs", _NONE).get(container_id, ())
    container: Container | None = tables.get("containers", _NONE).get(container_id)
    return entries if container is None else entries[of_container(tables, container, policy, t_ns).first :]


def base_ns(tables: Tables) -> int:
    """When the node's kubelet began."""
    phase: Mapping[str, int] = tables.get("pleg", _NONE)
    return int(phase.get("phase", 0))
