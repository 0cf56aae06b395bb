"""How long one ``list_container_stats`` of 1,000 containers takes over gRPC (DESIGN section 8), in process beside it: at rest, and with curves.

Both ends are in one process, so the figure has the server's and the client's Python; what a real kubelet waits for is the server's half of it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from bench_stats import CONTAINERS, CURVES, world
from figures import keep

import kubelab as kl
from kubelab.cri.grpc import messages

TIMES = 25


def took(call: Callable[[], list[object]]) -> tuple[float, float]:
    """Milliseconds of one call: on the wall, and of the processor (of client and server together)."""
    begun, worked = time.perf_counter(), time.process_time()
    found = call()
    length = 1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - worked)
    assert len(found) == CONTAINERS, f"{len(found)} containers run"
    return length


def main() -> int:
    figures: dict[str, float] = {}
    for name, curve in CURVES.items():
        runtime = world(curve).cri("node-1")
        with runtime.serve() as server, kl.cri.connect(server.address) as client:
            assert client.list_container_stats() == runtime.list_container_stats()
            within, over = [], []
            for _ in range(TIMES):  # in turn, so that both meet the same neighbours
                within.append(took(runtime.list_container_stats))
                over.append(took(client.list_container_stats))
            wall_within, wall_over = statistics.median(wall for wall, _ in within), statistics.median(wall for wall, _ in over)
            cpu = statistics.median(worked for _, worked in over)
            figures |= {f"{name}_in_process_ms": wall_within, f"{name}_grpc_ms": wall_over, f"{name}_grpc_cpu_ms": cpu}
            wire = messages.encode("ListContainerStatsResponse", {"stats": runtime.list_container_stats()})
            print(
                f"list_container_stats of {CONTAINERS} containers, {name}: over gRPC median {wall_over:.1f} ms, least {min(over)[0]:.1f} ms, "
                f"processor {cpu:.1f} ms; in process median {wall_within:.1f} ms, least {min(within)[0]:.1f} ms; {len(wire) // 1000} kB"
            )
    keep("cri_grpc", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
