"""Makes ``data/openb``: a workload of the layout and the size distribution of Alibaba's published "openb" trace, by a seed.

    .venv/bin/python tools/make_openb.py

The figures below are taken from cluster-trace-gpu-v2023 (github.com/alibaba/clusterdata; Weng et al., "Beware of Fragmentation", USENIX ATC
2023): all kinds of nodes with their numbers; the commonest sizes of tasks; quantiles of arrivals, run times and waits; the shares of
classes, of phases and of wanted GPU models. Each row is drawn; none is a row of the trace.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SEED = 2023
TASKS = 8152
TARGET = Path(__file__).parents[1] / "data" / "openb"

# cpu_milli, memory_mib, GPUs, model, how many nodes: 1,523 in all
NODES = (
    (8000, 32768, 1, "V100M16", 19), (8000, 61440, 1, "P100", 3), (8000, 61440, 2, "P100", 2), (16000, 122880, 2, "P100", 107),
    (32000, 65536, 0, "", 10), (32000, 131072, 0, "", 23), (32000, 131072, 4, "V100M16", 28), (32000, 262144, 0, "", 129),
    (48000, 376832, 4, "V100M32", 9), (64000, 131072, 0, "", 4), (64000, 262144, 0, "", 8), (64000, 262144, 2, "P100", 22),
    (64000, 262144, 8, "V100M16", 7), (64000, 524288, 0, "", 22), (82000, 344064, 8, "V100M16", 1), (96000, 393216, 0, "", 30),
    (96000, 393216, 4, "T4", 17), (96000, 393216, 8, "G2", 549), (96000, 524288, 0, "", 59), (96000, 786432, 0, "", 1),
    (96000, 786432, 8, "V100M32", 21), (104000, 196608, 0, "", 1), (104000, 524288, 0, "", 20), (104000, 524288, 2, "T4", 387),
    (104000, 786432, 0, "", 3), (128000, 786432, 8, "G3", 39), (128000, 1048576, 1, "A10", 2),
)  # fmt: skip
# cpu_milli, memory_mib, GPUs, thousandths of each, weight
SIZES = (
    (3152, 5600, 1, 810, 1047), (11300, 49152, 1, 1000, 857), (11400, 48128, 1, 1000, 534), (3152, 5600, 1, 1000, 470),
    (11908, 47104, 1, 470, 388), (12500, 57344, 0, 0, 364), (8000, 30517, 1, 470, 360), (32000, 49152, 0, 0, 284),
    (18708, 64512, 1, 1000, 255), (11908, 47104, 1, 650, 237), (9810, 41560, 1, 1000, 195), (8000, 30517, 0, 0, 163),
    (15700, 58368, 1, 1000, 158), (12000, 24576, 1, 1000, 158), (11908, 47104, 1, 1000, 153), (15400, 51200, 0, 0, 120),
    (4000, 22888, 1, 320, 111), (16000, 32768, 1, 1000, 108), (8000, 16384, 1, 1000, 104), (4000, 24576, 1, 1000, 104),
    (12000, 16384, 1, 1000, 99), (16500, 51200, 0, 0, 95), (14200, 58368, 1, 1000, 93), (4000, 30517, 1, 230, 84),
    (24200, 93184, 1, 1000, 84), (4000, 15258, 1, 320, 78), (3152, 5600, 1, 590, 75), (4152, 10600, 1, 550, 72),
    (8000, 30517, 1, 320, 72), (11400, 77824, 1, 1000, 65), (8000, 32768, 1, 1000, 55), (4000, 15258, 1, 160, 53),
    (6000, 6144, 1, 460, 51), (11900, 77824, 1, 1000, 51), (4152, 10600, 1, 370, 45), (12000, 15360, 1, 1000, 44),
    (15200, 80896, 1, 1000, 36), (16000, 65536, 1, 1000, 33), (4000, 15258, 1, 220, 24), (1000, 2048, 1, 320, 22),
    (32200, 132096, 4, 1000, 15), (16400, 65536, 2, 1000, 16), (88000, 327680, 8, 1000, 26), (64200, 263168, 8, 1000, 18),
)  # fmt: skip
# Every twentieth quantile, in seconds; the longest run of all, which began with the trace, is left out.
ARRIVALS = (
    0, 10192228, 10326611, 10460442, 10630521, 10736428, 10903664, 11084523, 11263963, 11386920, 11516535, 11745793, 11924145, 12081008,
    12194811, 12410820, 12540654, 12692238, 12781128, 12831862, 12901761,
)  # fmt: skip
RUNS = (4, 50, 73, 112, 146, 175, 210, 267, 355, 492, 616, 809, 999, 1255, 1671, 2241, 3203, 4327, 7763, 18063, 1_200_000)
PATIENCE = (0, 22, 41, 56, 75, 94, 114, 142, 197, 339, 11717)  # every tenth: how long those waited that never ran
WAITS = (0, 0, 0, 0, 1, 2, 3, 8, 20, 106, 890)
CLASSES = {
    True: (("LS", 3987), ("BE", 2948), ("Burstable", 76), ("Guaranteed", 6)),
    False: (("LS", 636), ("BE", 450), ("Burstable", 1), ("Guaranteed", 1)),
}
PHASES = {
    "BE": (("Failed", 1627), ("Pending", 441), ("Running", 1330)),
    "Burstable": (("Failed", 40), ("Pending", 2), ("Running", 19), ("Succeeded", 39)),
    "Guaranteed": (("Running", 7),),
    "LS": (("Failed", 203), ("Pending", 454), ("Running", 3837), ("Succeeded", 153)),
}
WANTED_SHARE = 0.33  # of the tasks with a GPU want a model, as in openb_pod_list_gpuspec33.csv
WANTED = (
    ("T4", 1291), ("G2", 331), ("P100", 279), ("V100M16|V100M32", 141), ("P100|V100M16|V100M32", 103), ("G3", 86),
    ("G2|P100|T4|V100M16|V100M32", 39), ("P100|T4|V100M16|V100M32", 33), ("A10|G2|T4|V100M16|V100M32", 24), ("V100M32", 20),
)  # fmt: skip
NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
TASK_COLUMNS = (
    "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "qos", "pod_phase", "creation_time", "deletion_time", "scheduled_time",
)  # fmt: skip


class Dice:
    """Draws by one seed, from nothing but ``random()``, which is the same in every version of Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def happens(self, share: float) -> bool:
        return self._random() < share

    def one(self, rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """A row by its weight, which stands last."""
        sums, total = [], 0
        for row in rows:
            total += row[-1]
            sums.append(total)
        return rows[bisect_right(sums, self._random() * total)]

    def between(self, quantiles: Sequence[int]) -> int:
        """A number by its quantiles, evenly spread between two of them."""
        at = self._random() * (len(quantiles) - 1)
        low, high = quantiles[int(at)], quantiles[int(at) + 1]
        return round(low + (high - low) * (at - int(at)))


def nodes() -> list[tuple[Any, ...]]:
    kinds = [kind[:-1] for kind in NODES for _ in range(kind[-1])]
    return [(f"openb-node-{number:04}", *kind) for number, kind in enumerate(kinds)]


def tasks(dice: Dice) -> list[tuple[Any, ...]]:
    arrivals = sorted(dice.between(ARRIVALS) for _ in range(TASKS))
    first = arrivals[0]
    return [_task(dice, number, at - first) for number, at in enumerate(arrivals)]


def _task(dice: Dice, number: int, created: int) -> tuple[Any, ...]:
    size = dice.one(SIZES)[:-1]
    wanted = dice.one(WANTED)[0] if size[2] == 1 and dice.happens(WANTED_SHARE) else ""
    qos = dice.one(CLASSES[size[2] > 0])[0]
    phase = dice.one(PHASES[qos])[0]
    if phase == "Pending":
        scheduled, deleted = "", created + dice.between(PATIENCE)
    else:
        scheduled = created + dice.between(WAITS)
        deleted = scheduled + dice.between(RUNS)
    return (f"openb-pod-{number:04}", *size, wanted, qos, phase, created, deleted, scheduled)


def written(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, columns, rows in (("nodes", NODE_COLUMNS, nodes()), ("tasks", TASK_COLUMNS, tasks(Dice(SEED)))):
        packed = gzip.compress(written(columns, rows).encode(), 9, mtime=0)
        (TARGET / f"{name}.csv.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
