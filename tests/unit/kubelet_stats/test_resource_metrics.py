"""``/metrics/resource``: rows of pkg/kubelet/metrics/collectors/resource_metrics_test.go TestCollectResourceMetrics, 1.28."""

from __future__ import annotations

import pytest

from kubelab.apiserver.exposition import page
from kubelab.kubelet.stats.prometheus import families
from kubelab.kubelet.stats.resource_metrics import rows
from kubelab.world.clock import MINUTE, SECOND

AT = 1624396278302091597
OK = """\
# HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise
# TYPE resource_scrape_error gauge
resource_scrape_error 0
# HELP scrape_error [ALPHA] 1 if there was an error while getting container metrics, 0 otherwise
# TYPE scrape_error gauge
scrape_error 0
"""
NODE = """\
# HELP node_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the node in core-seconds
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 10 1624396278302
# HELP node_memory_working_set_bytes [STABLE] Current working set of the node in bytes
# TYPE node_memory_working_set_bytes gauge
node_memory_working_set_bytes 1000 1624396278302
# HELP node_swap_usage_bytes [ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems
# TYPE node_swap_usage_bytes gauge
node_swap_usage_bytes 500 1624396278302
"""
CPU = """\
# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
"""
MEMORY = """\
# HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes
# TYPE container_memory_working_set_bytes gauge
"""
START = """\
# HELP container_start_time_seconds [STABLE] Start time of the container since unix epoch in seconds
# TYPE container_start_time_seconds gauge
"""
A_A = 'container="container_a",namespace="namespace_a",pod="pod_a"'
A_B = 'container="container_a",namespace="namespace_b",pod="pod_b"'
B_A = 'container="container_b",namespace="namespace_a",pod="pod_a"'
SEVERAL = f"""\
{CPU}container_cpu_usage_seconds_total{{{A_A}}} 10 1624396278302
container_cpu_usage_seconds_total{{{A_B}}} 10 1624396278302
container_cpu_usage_seconds_total{{{B_A}}} 10 1624396278302
{MEMORY}container_memory_working_set_bytes{{{A_A}}} 1000 1624396278302
container_memory_working_set_bytes{{{A_B}}} 1000 1624396278302
container_memory_working_set_bytes{{{B_A}}} 1000 1624396278302
{START}container_start_time_seconds{{{A_A}}} 1.6243962483020916e+09 1624396248302
container_start_time_seconds{{{A_B}}} 1.6243956783020916e+09 1624395678302
container_start_time_seconds{{{B_A}}} 1.6243961583020916e+09 1624396158302
# HELP container_swap_usage_bytes [ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems
# TYPE container_swap_usage_bytes gauge
container_swap_usage_bytes{{{A_A}}} 1000 1624396278302
"""
POD = """\
# HELP pod_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the pod in core-seconds
# TYPE pod_cpu_usage_seconds_total counter
pod_cpu_usage_seconds_total{namespace="namespace_a",pod="pod_a"} 10 1624396278302
# HELP pod_memory_working_set_bytes [STABLE] Current working set of the pod in bytes
# TYPE pod_memory_working_set_bytes gauge
pod_memory_working_set_bytes{namespace="namespace_a",pod="pod_a"} 1000 1624396278302
# HELP pod_swap_usage_bytes [ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems
# TYPE pod_swap_usage_bytes gauge
pod_swap_usage_bytes{namespace="namespace_a",pod="pod_a"} 5000 1624396278302
"""


def stats(cpu=10_000_000_000, memory=1000, swap=None, **more):
    found = {"cpu": {"time": AT, "usageCoreNanoSeconds": cpu}, "memory": {"time": AT, "workingSetBytes": memory}, **more}
    return {**found, "swap": {"time": AT, "swapUsageBytes": swap}} if swap is not None else found


def container(name, start_ns, **more):
    return {"name": name, "startTime": start_ns, **stats(**more)}


def pod(name, *containers, **more):
    return {"podRef": {"name": f"pod_{name}", "namespace": f"namespace_{name}"}, "containers": list(containers), **more}


OF_TWO_PODS = [
    pod("a", container("container_a", AT - 30 * SECOND, swap=1000), container("container_b", AT - 2 * MINUTE)),
    pod("b", container("container_a", AT - 10 * MINUTE)),
]
TABLE = [
    pytest.param(None, OK.replace("error 0", "error 1"), id="error getting summary"),
    pytest.param({"node": stats(swap=500)}, NODE + OK, id="arbitrary node metrics"),
    pytest.param({"node": stats(cpu=None, memory=None)}, OK, id="nil node metrics"),
    pytest.param({"node": {}, "pods": OF_TWO_PODS}, SEVERAL + OK, id="containers of different pods and namespaces"),
    pytest.param(
        {"pods": [pod("a", container("container_a", -AT))]},
        f"{CPU}container_cpu_usage_seconds_total{{{A_A}}} 10 1624396278302\n"
        f"{MEMORY}container_memory_working_set_bytes{{{A_A}}} 1000 1624396278302\n{OK}",
        id="negative StartTime",
    ),
    pytest.param(
        {
            "pods": [
                pod("a", container("container_a", AT - 30 * SECOND, cpu=None, memory=None)),
                pod("b", container("container_a", AT - 10 * MINUTE)),
            ]
        },
        f"{CPU}container_cpu_usage_seconds_total{{{A_B}}} 10 1624396278302\n"
        f"{MEMORY}container_memory_working_set_bytes{{{A_B}}} 1000 1624396278302\n"
        f"{START}container_start_time_seconds{{{A_A}}} 1.6243962483020916e+09 1624396248302\n"
        f"container_start_time_seconds{{{A_B}}} 1.6243956783020916e+09 1624395678302\n{OK}",
        id="nil container metrics",
    ),
    pytest.param({"pods": [pod("a", **stats(swap=5000))]}, POD + OK, id="arbitrary pod metrics"),
    pytest.param({"pods": [pod("a", **stats(cpu=None, memory=None))]}, OK, id="nil pod metrics"),
]


@pytest.mark.parametrize(("summary", "text"), TABLE)
def test_the_page(summary, text):
    assert page(families(rows(summary))) == _by_name(text)


def _by_name(text):
    """Upstream's comparison ignores the order of families; a page has them by name."""
    blocks = [f"# HELP {block}" for block in text.split("# HELP ")[1:]]
    return "".join(sorted(blocks, key=lambda block: block.split()[2]))
