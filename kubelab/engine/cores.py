"""The processor cores and the disk of the machine that the control plane runs on, which all its processes share.

Work is done in the order in which it is asked for, each piece by the core that is free first: what fair sharing comes to for pieces of a
millisecond. etcd flushes its log again and again: what arrives during a flush goes with the next one. A process that waits for events must
be woken for one that comes alone, and takes along what follows closely; after a while without any it has gone to sleep, and is slower.
State: plain integers. Used where ``Timing.cores`` is set; see docs/timing.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.engine.plan import Call, Plan
from kubelab.world.clock import MILLISECOND

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

READS = ("get", "list", "watch")
ASLEEP_NS = 10 * MILLISECOND


class Cores:
    """``free_ns``: from when on each core has nothing to do. ``flush_ns``: when the last flush of the log begins and ends.

    ``told_ns``: when the last event has been worked on.
    """

    __slots__ = ("flush_ns", "free_ns", "told_ns")

    def __init__(self, free_ns: list[int], flush_ns: tuple[int, int] = (0, 0), told_ns: int = 0) -> None:
        self.free_ns = free_ns
        self.flush_ns = flush_ns
        self.told_ns = told_ns

    def fork(self) -> Cores:
        return Cores(self.free_ns[:], self.flush_ns, self.told_ns)

    def take(self, now_ns: int, work_ns: int) -> int:
        """Put work to the core that is free first; returns when it is done."""
        core = min(range(len(self.free_ns)), key=self.free_ns.__getitem__)
        done_ns = max(now_ns, self.free_ns[core]) + work_ns
        self.free_ns[core] = done_ns
        return done_ns

    def wait_ns(self, now_ns: int) -> int:
        """How long it is until a core is free."""
        return max(0, min(self.free_ns) - now_ns)

    def compute(self, now_ns: int, work_ns: int, turn_ns: int = 0) -> int:
        """Work of a process that needs less than its fair share: it runs after ``turn_ns`` at the latest, and what waits for a core waits longer."""
        begin_ns = now_ns + min(self.wait_ns(now_ns), turn_ns)
        self.take(now_ns, work_ns)
        return begin_ns + work_ns

    def flush(self, now_ns: int, takes_ns: int) -> int:
        """A write is to be flushed; returns when it is."""
        begin_ns, end_ns = self.flush_ns
        if now_ns > begin_ns:
            begin_ns = max(now_ns, end_ns)
            end_ns = begin_ns + takes_ns
            self.flush_ns = (begin_ns, end_ns)
        return end_ns


def varied(engine: Engine, figure_ns: int, stream: str) -> int:
    """A figure with the timing's jitter."""
    jitter = engine.timing.jitter
    return figure_ns + int(figure_ns * jitter * (2 * engine.streams.uniform(stream) - 1)) if jitter and figure_ns else figure_ns


def arrived(engine: Engine, cores: Cores, call: Call) -> int:
    """A call has its token and goes to the server: when it is committed, or read."""
    timing, now_ns = engine.timing, engine.now_ns
    if call.verb in READS:
        return cores.take(now_ns, varied(engine, timing.read_ns, "latency"))
    writes = 2 if call.verb == "delete" and call.resource == "pods" else 1  # marked as going, then gone
    work_ns = writes * timing.write_ns
    if call.verb == "patch":
        work_ns += timing.read_ns
    elif call.verb == "create" and call.resource == "pods" and not call.subresource:
        work_ns += timing.admit_ns
    done_ns = cores.take(now_ns, varied(engine, work_ns, "latency"))
    for _ in range(writes):
        done_ns = cores.flush(done_ns, varied(engine, timing.disk_ns, "disk"))
    return done_ns


def answered_ns(engine: Engine, cores: Cores, plan: Plan) -> int:
    """How long after a sync the next one of its key begins: the answer that ends it waits for a core, as its watch event does."""
    awaited = plan.batches and type(plan.batches[-1].calls[-1]) is Call
    return (cores.wait_ns(engine.now_ns) if awaited else 0) + engine.timing.answer_ns


def told(engine: Engine, cores: Cores, processes: int) -> int:
    """Commits have been made: when the watchers have processed them, ``processes`` in all."""
    timing, now_ns = engine.timing, engine.now_ns
    idle_ns = now_ns - cores.told_ns
    each_ns = timing.event_ns + timing.wake_ns if idle_ns >= 0 else timing.event_ns
    done_ns = cores.take(now_ns, each_ns * processes)
    cores.told_ns = max(cores.told_ns, done_ns)
    return done_ns + varied(engine, timing.watch_ns, "watch") + (timing.doze_ns if idle_ns > ASLEEP_NS else 0)
