"""Whatever containers do, what the kubelet and metrics-server tell of them stays within what they may have: spec/cri-metrics.md section 6.7."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kubelab as kl
from kubelab.kinds import quantity
from tests.scenario.metrics import pod, series, usage

milli = st.integers(1, 3000).map(lambda amount: f"{amount}m")
mebi = st.integers(1, 300).map(lambda amount: f"{amount}Mi")
seconds = st.integers(5, 120).map(lambda length: f"{length}s")


def curves(amount: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(lambda value: {"constant": value}, amount),
        st.builds(lambda low, high, over: {"ramp": {"from": low, "to": high, "over": over}}, amount, amount, seconds),
        st.builds(
            lambda mean, amplitude, period: {"sine": {"mean": mean, "amplitude": amplitude, "period": period}}, amount, amount, seconds
        ),
        st.builds(
            lambda base, peak, every: {"spikes": {"base": base, "peak": peak, "every": every, "length": "5s"}}, amount, amount, seconds
        ),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cpu=curves(milli), memory=curves(mebi), limit=st.sampled_from([None, "250m", "1500m"]), steps=st.lists(st.integers(3, 50), max_size=6)
)
def test_what_is_told_stays_within_what_may_be_had(cpu, memory, limit, steps):
    cluster = kl.Cluster(1, seed=len(steps))
    limits = {"memory": "256Mi", **({"cpu": limit} if limit else {})}
    cluster.apply([usage("web", cpu=cpu, memory=memory), pod("web", limits=limits)])
    cap = quantity.milli(limit) if limit else 4000
    counters: dict[str, float] = {}
    for step in (40, *steps):
        cluster.run(step)
        for item in cluster.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")[1]["items"]:
            (one,) = item["containers"]
            window = float(item["window"].rstrip("s"))
            assert 0 < window < 45  # two looks are at most 30 s apart, and a scrape may miss one between
            # a quota may be used up at either end of the window: two periods' worth more than its share
            assert quantity.milli(one["usage"]["cpu"]) <= cap * (1 + 0.2 / window) + 1
            assert quantity.value(one["usage"]["memory"]) <= 256 * 2**20
        page = series(cluster.prometheus("node-1"))
        for name, (value, _) in page.items():
            if "node_cpu_usage" in name or "pod_cpu_usage" in name:
                assert value >= counters.get(name, 0.0), "counters never fall"
                counters[name] = value
        found = cluster.summary("node-1")
        assert 0 <= found["node"]["cpu"]["usageNanoCores"] <= 4_000_000_000
        for one in found["pods"]:
            for container in one["containers"]:
                memory_now = container["memory"]
                assert memory_now["workingSetBytes"] <= memory_now.get("usageBytes", 2**62)
                assert memory_now.get("usageBytes", 0) <= 256 * 2**20
