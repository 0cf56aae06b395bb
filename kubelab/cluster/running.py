"""Letting time pass: for a while, until something holds, or until nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubelab.cluster import interrupts, looking, references
from kubelab.cluster import until as conditions
from kubelab.cluster.errors import Unsettled
from kubelab.cluster.why_not import why_not
from kubelab.engine.engine import Engine
from kubelab.world.clock import format_duration, parse_duration
from kubelab.world.collector import held_off

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster


WAKES_BETWEEN_TURNS = 16
WAKES_BETWEEN_LOOKS = 512
BAR_AFTER_SECONDS = 1.0
LONGEST_NS = 2**63 - 1


def advance(engine: Engine, to_ns: int, start_ns: int | None = None) -> None:
    """Process every wake up to an instant; the clock stands there afterwards. With ``start_ns`` a long run shows its progress."""
    drive(engine, to_ns, None, start_ns, known_end=True)
    engine.now_ns = max(engine.now_ns, to_ns)


def drive(engine: Engine, limit_ns: int, done: Callable[[], bool] | None, start_ns: int | None, *, known_end: bool) -> bool:
    """Process wakes up to ``limit_ns`` or until ``done``; True if it was ``done`` that ended it.

    Who waits for the world in another thread gets it between two wakes. A run of more than a second of real time shows a bar, where somebody
    can see it (``start_ns``: the cluster's start). Ctrl-C ends it between two wakes.
    """
    heap, run_one, server, turn = engine.wakes.heap, engine.run_one, engine.server, engine.turn
    began, from_ns, count, bar = time.monotonic(), engine.now_ns, 0, None
    try:
        with interrupts.held_back() as asked, held_off():
            while not asked and heap and heap[0][0] <= limit_ns:
                run_one()
                if engine.listener is not None:
                    engine.listener()
                if done is not None and done():
                    return True
                count += 1
                if count % WAKES_BETWEEN_TURNS:
                    continue
                if turn.wanted:
                    turn.give_way()
                if count % WAKES_BETWEEN_LOOKS:
                    continue
                if server.follower is not None:
                    server.follower()
                if start_ns is not None and time.monotonic() - began > BAR_AFTER_SECONDS:
                    if bar is None:
                        end = (limit_ns - start_ns) / 1e9 if known_end else None
                        bar = looking.progress((from_ns - start_ns) / 1e9, end)
                    bar.show((engine.now_ns - start_ns) / 1e9)
    finally:
        if bar is not None:
            bar.close()
    return False


def run(
    cluster: Cluster,
    duration: str | float | None,
    until: str | Callable[[Cluster], bool] | None,
    timeout: str | float,
    namespace: str,
) -> None:
    """See ``Cluster.run``."""
    engine = cluster._engine
    if (duration is None) == (until is None):
        raise ValueError('give a duration, as in run("30s"), or a condition, as in run(until="sts/web ready")')
    if duration is not None:
        advance(engine, engine.now_ns + _length(duration, "duration"), cluster._world.start_ns)
        return
    limit_ns = engine.now_ns + _length(timeout, "timeout")
    met = _met(cluster, until, namespace)
    if not _until(cluster, met, limit_ns):
        still = moving(engine)
        head = f"after {_shown(timeout)} still not {_words(until)} at {cluster.elapsed:.3f} s"
        if not still:
            head += ": nothing moves any more but heartbeats and probes"
        raise Unsettled(head, [*_obstacles(cluster, until, namespace), *still])


def _length(given: str | float, what: str) -> int:
    """A length of time in nanoseconds, not negative and not beyond what Go's durations hold."""
    length_ns = parse_duration(given)
    if length_ns < 0:
        raise ValueError(f"{what}={given!r}: time only goes forward")
    if length_ns > LONGEST_NS:
        raise ValueError(f"{what}={given!r}: at most {format_duration(LONGEST_NS)} (292 years) can be asked for")
    return length_ns


def _obstacles(cluster: Cluster, until: Any, namespace: str) -> list[str]:
    """Why the object waited for is not as wished."""
    if not isinstance(until, str):
        return []
    answer = why_not(cluster, references.parse(until.split()[0], namespace=namespace))
    found = conditions.found(until, namespace, cluster._engine.store.head)
    return [*found, *([] if answer.fine else [f"{answer.subject}: {answer.reason}", *answer.details])]


def _met(cluster: Cluster, until: Any, namespace: str) -> Callable[[], bool]:
    if isinstance(until, str):
        condition = conditions.parse(until, namespace)
        return lambda: condition(cluster._engine.store.head)
    if callable(until):
        return lambda: bool(until(cluster))
    raise ValueError(f"until={until!r}: give text such as 'sts/web ready' or a function of the cluster")


def _words(until: Any) -> str:
    return f"{until!r}" if isinstance(until, str) else f"true: {getattr(until, '__name__', until)}"


def _shown(timeout: str | float) -> str:
    return timeout if isinstance(timeout, str) else format_duration(parse_duration(timeout))


def _until(cluster: Cluster, met: Callable[[], bool], limit_ns: int) -> bool:
    """Whether the condition came true; it is asked after every change of the store."""
    engine = cluster._engine
    if met():
        return True
    head = engine.store.head
    seen = head.revision

    def done() -> bool:
        nonlocal seen
        if head.revision == seen:
            return False
        seen = head.revision
        return met()

    if drive(engine, limit_ns, done, cluster._world.start_ns, known_end=False):
        return True
    engine.now_ns = max(engine.now_ns, limit_ns)
    return met()


def step(cluster: Cluster, count: int) -> None:
    """See ``Cluster.step``."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"count={count!r}: give a number of wakes from 0")
    engine = cluster._engine
    with interrupts.held_back() as asked:
        for _ in range(count):
            if asked or not engine.wakes.heap:
                return
            engine.run_one()
            if engine.listener is not None:
                engine.listener()


def settle(cluster: Cluster, timeout: str | float) -> None:
    """See ``Cluster.settle``."""
    engine = cluster._engine
    limit_ns = engine.now_ns + _length(timeout, "timeout")
    if engine.moving > 0:
        drive(engine, limit_ns, lambda: engine.moving <= 0, cluster._world.start_ns, known_end=False)
    if engine.moving > 0:
        engine.now_ns = max(engine.now_ns, limit_ns)
        raise Unsettled(f"after {_shown(timeout)} something is still moving at {cluster.elapsed:.3f} s", moving(engine))


def moving(engine: Engine) -> list[str]:
    """What is still going on: each key at work or waiting, with the reason that its plan gave."""
    lines = []
    for runner in engine.runners.values():
        background = runner.component.background
        keys = [*runner.processing, *runner.waiting, *(key for queue in runner.queues.values() for key in queue)]
        for key in dict.fromkeys(keys):
            if key and key[0] in background:
                continue
            because = "; ".join(map(str, runner.stories.get(key, ())))
            failures = runner.failures.get(key, 0)
            name = "/".join(map(str, key))
            line = f"{runner.name} {name}"
            if failures:
                line += f" (failed {failures} times)"
            lines.append(f"{line}: {because}" if because else line)
    return lines
