"""How long ``import kubelab`` and the first ``Cluster(3)`` take, each time in a fresh process (DESIGN section 8).

The first cluster of a process pays for importing the control plane and reading its tables; the second one shows what remains.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from figures import keep

TIMES = 9
SCRIPT = """\
import json, sys, time
begun = time.perf_counter()
import kubelab
imported = time.perf_counter()
kubelab.Cluster(3)
first = time.perf_counter()
kubelab.Cluster(3)
second = time.perf_counter()
heavy = [name for name in ("pandas", "numpy", "matplotlib", "networkx", "ipywidgets") if name in sys.modules]
print(json.dumps([imported - begun, first - imported, second - first, heavy]))
"""


def main() -> int:
    once()  # compiles what is not compiled yet
    runs = [once() for _ in range(TIMES)]
    names = ("import_seconds", "first_cluster_seconds", "next_cluster_seconds")
    figures = {name: statistics.median(run[at] for run in runs) for at, name in enumerate(names)}
    heavy = runs[0][3]
    print(f"import kubelab {figures['import_seconds']:.3f} s; first Cluster(3) {figures['first_cluster_seconds']:.3f} s; ", end="")
    print(f"a further one {figures['next_cluster_seconds']:.3f} s; medians of {TIMES} processes")
    print(f"heavy packages imported on the way: {', '.join(heavy) or 'none'}")
    keep("import", {**figures, "heavy": heavy})
    return 0


def once() -> list:
    done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    found: list = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
