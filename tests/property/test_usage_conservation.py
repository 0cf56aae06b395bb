"""Conservation of usage in random machines: whatever curves, limits, starts, stops and reads, nothing is lost, invented or counted twice.

The laws are those of spec/cri-metrics.md section 6, points 4 and 7.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.cri.api import RUNNING, LinuxResources
from kubelab.cri.usage import shares
from kubelab.cri.usage.curves import CORE
from kubelab.cri.usage.reading import ContainerReading, NodeReading
from tests.unit.cri_usage.machines import MIB, MachineLab

PERIOD_NS = 100_000_000
SPANS = st.sampled_from((0.1, 0.25, 1, 3.3, 7, 30, 61, 200))
SECONDS = st.sampled_from((1, 2, 5, 12.5, 60))


def _cores(highest: float) -> st.SearchStrategy[float]:
    return st.floats(0, highest, allow_nan=False).map(lambda amount: round(amount, 3))


def curves(amount: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    points = st.lists(st.tuples(SECONDS, amount), min_size=1, max_size=4, unique_by=lambda point: point[0])
    return st.one_of(
        amount.map(lambda value: {"constant": value}),
        st.builds(lambda a, b, c: {"ramp": {"from": a, "to": b, "over": c}}, amount, amount, SECONDS),
        st.builds(lambda a, b, c: {"sine": {"mean": a, "amplitude": b, "period": c}}, amount, amount, SECONDS),
        st.builds(lambda a, b, c, d: {"spikes": {"base": a, "peak": b, "every": c, "length": d}}, amount, amount, SECONDS, SECONDS),
        points.map(lambda found: {"trace": sorted([list(point) for point in found])}),
    )


CPU = curves(_cores(6))
MEMORY = curves(st.integers(0, 600).map(lambda mib: mib * MIB))
NETWORK = curves(st.integers(0, 10_000))
MILLI = st.sampled_from((0, 1, 100, 250, 1000, 3000))
OPTIONS = st.fixed_dictionaries({}, optional={"cpu": CPU, "memory": MEMORY, "network": NETWORK, "disk": MEMORY})
STARTS = st.tuples(
    st.just("start"), st.sampled_from("abcd"), st.sampled_from("xy"), MILLI, MILLI, st.sampled_from((0, 64 * MIB, 300 * MIB)), OPTIONS
)
STEPS = st.lists(
    st.one_of(
        STARTS,
        st.tuples(st.just("use"), st.integers(0, 5), OPTIONS),
        st.tuples(st.just("stop"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 5)),
        st.tuples(st.just("limit"), st.integers(0, 5), MILLI),
        st.tuples(st.just("crash"), st.integers(0, 5)),
        st.tuples(st.just("pass"), SPANS),
        st.tuples(st.just("pass"), SPANS),
    ),
    min_size=3,
    max_size=14,
)
QOS = {"a": ("Guaranteed", 1000), "b": ("Burstable", 500), "c": ("Burstable", 100), "d": ("BestEffort", 0)}


def _do(lab: MachineLab, step: tuple[Any, ...]) -> None:
    runtime = lab.runtime
    if step[0] == "start":
        _, pod, name, milli, limit, memory, options = step
        if pod not in lab.pods:
            lab.pod(pod, *QOS[pod])
        lab.start(pod, name, milli=milli, limit_milli=limit, memory_limit=memory, **options)
        return
    if step[0] == "pass":
        lab.pass_time(step[1])
        return
    if step[0] == "crash":
        lab.crash()
        return
    known = list(lab.tables["containers"].values())
    if not known:
        return
    chosen = known[step[1] % len(known)]
    if step[0] == "use":
        lab.use(chosen.id, **step[2])
    elif step[0] == "stop":
        runtime.stop_container(chosen.id, 0, lab.now_ns)
    elif step[0] == "remove":
        runtime.remove_container(chosen.id, lab.now_ns)
    elif chosen.state == RUNNING:
        linux = LinuxResources(chosen.spec.linux.cpu_shares, shares.milli_cpu_to_quota(step[2]), 100_000, chosen.spec.memory_limit_bytes)
        runtime.update_container_resources(chosen.id, linux, lab.now_ns)


def _containers(node: NodeReading) -> dict[str, ContainerReading]:
    return {name: reading for pod in node.sandboxes.values() for name, reading in pod.containers.items()}


@settings(max_examples=120, deadline=None)
@given(STEPS, st.sampled_from((1, 2)), st.sampled_from((1.0, 2.0, 4.0)))
def test_usage_is_conserved(steps: list[tuple[Any, ...]], cgroup: int, cpu: float) -> None:
    lab = MachineLab(cpu=cpu, memory=1 << 30, cgroup=cgroup)
    seen: list[tuple[float, NodeReading]] = []
    for step in steps:
        before = lab.node()
        _do(lab, step)
        if step[0] == "crash":
            _is_fresh(lab.node())
        else:
            _never_fell(before, lab.node())
        _adds_up(lab, lab.node())
        if step[0] == "pass":
            seen.append((lab.now, lab.node()))
        if step[0] == "crash":
            seen = []
    for now, reading in seen:  # what is read later of an instant is what was read then
        if now >= lab.now - 300:
            assert _cpu_of(lab, lab.node(now), reading) == (reading.cpu_ns, reading.rx_bytes)
    again = lab.saved_and_loaded()
    assert again.node() == lab.node()


def _cpu_of(lab: MachineLab, later: NodeReading, then: NodeReading) -> tuple[int, int]:
    """Sums of rounded parts may differ by a nanosecond for each part that has ended meanwhile."""
    parts = len(lab.tables["containers"]) + len(lab.tables["ghosts"]) + 1
    assert then.cpu_ns <= later.cpu_ns <= then.cpu_ns + parts and then.rx_bytes <= later.rx_bytes <= then.rx_bytes + parts
    return then.cpu_ns, then.rx_bytes


def _is_fresh(node: NodeReading) -> None:
    """It has been switched off and on."""
    assert not node.sandboxes and node.cpu_ns == node.rx_bytes == 0 and node.started_ns == node.time_ns


def _never_fell(before: NodeReading, after: NodeReading) -> None:
    span = after.time_ns - before.time_ns
    assert after.cpu_ns >= before.cpu_ns and after.page_faults >= before.page_faults and after.rx_bytes >= before.rx_bytes
    for name, pod in before.sandboxes.items():
        now = after.sandboxes[name]
        assert now.cpu_ns >= pod.cpu_ns and now.page_faults >= pod.page_faults and now.oom_events >= pod.oom_events
        assert now.rx_bytes >= pod.rx_bytes
    later = _containers(after)
    for name, one in _containers(before).items():
        if name in later:
            other = later[name]
            assert other.cpu_ns >= one.cpu_ns and other.page_faults >= one.page_faults and other.max_usage >= one.max_usage
            assert other.throttled_ns >= one.throttled_ns and other.written_bytes >= one.written_bytes
            assert span or other.cpu_ns == one.cpu_ns


def _adds_up(lab: MachineLab, node: NodeReading) -> None:
    pods = node.slices["pods"]
    assert node.cpu_ns == sum(part.cpu_ns for part in node.slices.values())
    assert node.working_set == sum(part.working_set for part in node.slices.values())
    assert pods.cpu_ns >= sum(pod.cpu_ns for pod in node.sandboxes.values())
    assert node.cpu_rate <= lab.capacity.cpu_nano
    assert node.cpu_ns <= lab.capacity.cpu_nano * (node.time_ns - node.started_ns) // CORE
    for pod in node.sandboxes.values():
        assert pod.cpu_ns >= sum(one.cpu_ns for one in pod.containers.values())
        assert pod.working_set >= sum(one.working_set for one in pod.containers.values())
    for one in _containers(node).values():
        assert one.working_set <= one.usage <= one.max_usage
        assert not one.limit or one.max_usage <= one.limit
        assert one.cpu_rate <= one.cpu_demand
        assert one.throttled_periods <= one.periods
        assert one.throttled_ns <= one.throttled_periods * PERIOD_NS * lab.capacity.cores


@settings(max_examples=80, deadline=None)
@given(st.lists(STARTS, min_size=2, max_size=6), st.sampled_from((1, 2)), SPANS)
def test_rates_are_the_slopes_of_counters_and_no_core_idles_while_somebody_wants_it(
    starts: list[tuple[Any, ...]], cgroup: int, span: float
) -> None:
    lab = MachineLab(cpu=2, memory=64 << 30, cgroup=cgroup)
    for step in starts:
        _do(lab, (*step[:5], 0, step[6]))
    lab.pass_time(span)
    now, step_s = lab.now, 1e-6
    before, middle, after = lab.node(now), lab.node(now + step_s / 2), lab.node(now + step_s)
    for name, one in _containers(before).items():
        gained = _containers(after)[name].cpu_ns - one.cpu_ns
        rates = sorted((one.cpu_rate, _containers(middle)[name].cpu_rate, _containers(after)[name].cpu_rate))
        assert rates[0] * 1000 // CORE - 2 <= gained <= rates[2] * 1000 // CORE + 2
    wanting = False
    for name, one in _containers(before).items():
        linux = lab.tables["containers"][name].spec.linux
        cap = linux.cpu_quota * CORE // linux.cpu_period if linux.cpu_quota else one.cpu_demand
        wanting = wanting or one.cpu_rate < min(one.cpu_demand, cap)
    if wanting:
        assert before.cpu_rate >= lab.capacity.cpu_nano - 1000


@settings(max_examples=80, deadline=None)
@given(CPU, st.sampled_from((100, 250, 1000, 1500, 3000)), st.lists(SPANS, min_size=2, max_size=6))
def test_a_quota_bounds_what_is_used(curve: dict[str, Any], limit_milli: int, spans: list[float]) -> None:
    lab = MachineLab(cpu=8)
    container = lab.start("a", limit_milli=limit_milli, cpu=curve)
    quota_ns = shares.milli_cpu_to_quota(limit_milli) * 1000
    for span in spans:
        lab.pass_time(span)
        one = lab.container(container)
        assert one.throttled_periods <= one.periods
        assert one.cpu_ns <= (one.periods + 1) * quota_ns
        assert one.throttled_ns <= one.throttled_periods * PERIOD_NS * lab.capacity.cores
