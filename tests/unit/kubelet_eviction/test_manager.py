"""upstream: pkg/kubelet/eviction/eviction_manager_test.go, 1.28: the stories, minute by minute."""

from __future__ import annotations

import pytest

from kubelab.engine.component import Scope
from kubelab.engine.plan import Act, Nudge, Plan
from kubelab.kinds.quantity import parse
from kubelab.kubelet.eviction.config import Config
from kubelab.kubelet.eviction.manager import EvictSeen, State, Waiting, assess, evicted, first_victim, plan
from kubelab.kubelet.eviction.thresholds import ALLOCATABLE, MEMORY, NODEFS, Amount, Observation, Threshold
from kubelab.kubelet.eviction.usage import Measured, PodUse
from kubelab.kubelet.pod.admission import judge
from kubelab.world.clock import MINUTE, SECOND
from tests.unit.kubelet_eviction.pods import Row, disk, memory, pod, size

NODE = {"kind": "Node", "metadata": {"name": "test", "uid": "test"}}
T0 = 1000 * MINUTE


def amount(text: str) -> Amount:
    return Amount(parse(text).value())


class Manager:
    """One node's manager in a test: its state, and what it did at the last look."""

    def __init__(self, config: Config, pods: list[Row], uses: dict[str, PodUse], signal: str = MEMORY) -> None:
        self.config, self.pods, self.uses, self.signal = config, pods, uses, signal
        self.state, self.now_ns = State(), T0

    def look(self, minutes: float, available: str) -> Plan:
        """Some minutes later, with so much available (of twice as much)."""
        self.now_ns += int(minutes * MINUTE)
        level = size(available)
        measured = Measured({self.signal: Observation(level, 2 * level, self.now_ns)}, self.uses)
        planned = plan(EvictSeen("kubelet/test", NODE, self.state, measured, tuple(self.pods), self.now_ns, config=self.config))
        self.state = planned.note["eviction"].get("state") or State()
        return planned

    @property
    def pressure(self) -> tuple[str, ...]:
        return self.state.conditions


def killed(planned: Plan) -> dict[str, int]:
    """Who is evicted, with which grace."""
    return {uid: told[2] for uid, told in planned.note.get("evicted", {}).items()}


def memory_pods() -> tuple[list[Row], dict[str, PodUse]]:
    rows = [
        ("guaranteed-low-priority-high-usage", -1, {"cpu": "100m", "memory": "1Gi"}, "900Mi"),
        ("burstable-below-requests", 0, {"cpu": "100m", "memory": "100Mi"}, "50Mi"),
        ("burstable-above-requests", 0, {"cpu": "100m", "memory": "100Mi"}, "400Mi"),
        ("best-effort-high-priority-high-usage", 1, {}, "400Mi"),
        ("best-effort-low-priority-low-usage", -1, {}, "100Mi"),
    ]
    pods = [pod(name, priority, requests=requests) for name, priority, requests, _ in rows]
    return pods, {each["metadata"]["uid"]: memory(each, row[3]) for each, row in zip(pods, rows, strict=True)}


VICTIM = "best-effort-low-priority-low-usage"


def test_memory_pressure() -> None:
    """upstream: TestMemoryPressure."""
    thresholds = (Threshold(MEMORY, amount("1Gi")), Threshold(MEMORY, amount("2Gi"), 2 * MINUTE))
    manager = Manager(Config(thresholds, 5 * MINUTE, 5), *memory_pods())
    manager.look(0, "2Gi")
    assert manager.pressure == ()
    soft = manager.look(1, "1500Mi")
    assert manager.pressure == ("MemoryPressure",)
    assert killed(soft) == {}
    past_grace = manager.look(3, "1500Mi")
    assert killed(past_grace) == {VICTIM: 5}
    assert past_grace.events[0].reason == "EvictionThresholdMet"
    assert past_grace.events[0].message == "Attempting to reclaim memory"
    manager.look(20, "3Gi")
    assert manager.pressure == ()
    hard = manager.look(1, "500Mi")
    assert manager.pressure == ("MemoryPressure",)
    assert killed(hard) == {VICTIM: 0}
    less = manager.look(1, "2Gi")
    assert manager.pressure == ("MemoryPressure",), "the transition period lasts"
    assert killed(less) == {}
    over = manager.look(5, "2Gi")
    assert manager.pressure == ()
    assert killed(over) == {}


def test_the_least_reclaim_holds() -> None:
    """upstream: TestMinReclaim."""
    manager = Manager(Config((Threshold(MEMORY, amount("1Gi"), 0, amount("500Mi")),), 5 * MINUTE, 5), *memory_pods())
    manager.look(0, "2Gi")
    assert manager.pressure == ()
    assert killed(manager.look(1, "500Mi")) == {VICTIM: 0}
    assert killed(manager.look(1, "1.2Gi")) == {VICTIM: 0}, "more than the threshold, less than threshold and reclaim"
    assert manager.pressure == ("MemoryPressure",)
    assert killed(manager.look(1, "2Gi")) == {}
    assert manager.pressure == ("MemoryPressure",)
    assert killed(manager.look(5, "2Gi")) == {}
    assert manager.pressure == ()


def test_allocatable_memory() -> None:
    """upstream: TestAllocatableMemoryPressure."""
    manager = Manager(Config((Threshold(ALLOCATABLE, amount("1Gi")),), 5 * MINUTE, 5), *memory_pods(), ALLOCATABLE)
    assert killed(manager.look(0, "4Gi")) == {}
    assert killed(manager.look(1, "500Mi")) == {VICTIM: 0}
    assert manager.pressure == ("MemoryPressure",)


def test_what_the_status_says() -> None:
    """upstream: TestMemoryPressure_VerifyPodStatus."""
    above = pod("above-requests", requests={"memory": "100Mi"})
    below = pod("below-requests", requests={"memory": "1Gi"})
    uses = {"above-requests": PodUse(size("700Mi")), "below-requests": PodUse(size("900Mi"))}
    manager = Manager(Config((Threshold(MEMORY, amount("2Gi")),)), [below, above], uses)
    planned = manager.look(0, "1500Mi")
    words = "The node was low on resource: memory. Threshold quantity: 2Gi, available: 1500Mi. "
    assert planned.note["evicted"] == {"above-requests": (words, words, 0)}
    assert [(event.reason, event.message) for event in planned.events[1:]] == [("Evicted", words)]


def disk_pods() -> tuple[list[Row], dict[str, PodUse]]:
    rows = [
        ("low-priority-high-usage", -1, ("900Mi", "", "")),
        ("below-requests", 0, ("", "50Mi", "")),
        ("above-requests", 0, ("400Mi", "", "")),
        ("high-priority-high-usage", 1, ("", "", "400Mi")),
        ("low-priority-low-usage", -1, ("100Mi", "", "")),
    ]
    pods = [pod(name, priority) for name, priority, _ in rows]
    return pods, {each["metadata"]["uid"]: disk(each, *row[2]) for each, row in zip(pods, rows, strict=True)}


def test_the_node_frees_what_it_can_first() -> None:
    """upstream: TestNodeReclaimFuncs, TestDiskPressureNodeFs: disk is reclaimed by an act, which evicts only where that does not suffice."""
    pods, uses = disk_pods()
    config = Config((Threshold(NODEFS, amount("1Gi"), 0, amount("500Mi")),), 5 * MINUTE, 5)
    manager = Manager(config, pods, uses, NODEFS)
    manager.look(0, "16Gi")
    assert manager.pressure == ()
    planned = manager.look(1, ".9Gi")
    assert manager.pressure == ("DiskPressure",)
    assert killed(planned) == {}
    (act,) = planned.calls
    assert isinstance(act, Act)
    assert (act.name, act.arguments[0]) == ("reclaim", config.thresholds)
    seen = EvictSeen("kubelet/test", NODE, State(), None, (), manager.now_ns, config=config)
    measured = Measured({NODEFS: Observation(size("400Mi"), size("2Gi"), manager.now_ns)}, uses)
    assert killed(first_victim(seen, pods, measured, config.thresholds)) == {"low-priority-high-usage": 0}


def test_critical_pods_stay() -> None:
    """upstream: TestStaticCriticalPodsAreNotEvicted."""
    static = pod("static", 2_000_000_000)
    manager = Manager(Config((Threshold(MEMORY, amount("1Gi")),)), [static], {"static": memory(static, "5Gi")})
    assert killed(manager.look(0, "500Mi")) == {}
    assert manager.pressure == ("MemoryPressure",)


def test_nothing_is_remembered_of_a_node_that_is_well() -> None:
    manager = Manager(Config(), *memory_pods())
    planned = manager.look(0, "4Gi")
    assert planned.note == {"eviction": {"state": None, "waiting": None}}


def test_a_signal_that_is_not_new_evicts_nobody() -> None:
    threshold = Threshold(MEMORY, amount("1Gi"))
    seen = {MEMORY: Observation(1, 2, T0)}
    first = assess(State(), seen, Config((threshold,)), T0)
    assert first.act_on == (threshold,)
    assert assess(first.state, seen, Config((threshold,)), T0 + MINUTE).act_on == ()


def test_the_manager_waits_for_the_evicted() -> None:
    """upstream: killPodNow's timeout, then podCleanupTimeout; looks at podCleanupPollFreq."""
    told = evicted("kubelet/test", [(pod("p"), "words", "")], T0, 0)
    waiting = Waiting(("p",), T0 + 10 * SECOND, T0 + 40 * SECOND)
    assert told.note["eviction"]["waiting"] == waiting
    assert told.nudge[-1] == Nudge("kubelet/test", ("evict",), SECOND)
    assert evicted("kubelet/test", [(pod("p"), "words", "")], T0, 20).note["eviction"]["waiting"].kill_ns == T0 + 30 * SECOND
    seen = EvictSeen("kubelet/test", NODE, State(), None, (), T0 + SECOND, waiting=waiting)
    assert plan(seen).events == ()
    late = plan(seen._replace(pods=(pod("p"),), now_ns=T0 + 10 * SECOND))
    assert [event.reason for event in late.events] == ["ExceededGracePeriod"]
    assert late.note["eviction"]["waiting"].told


@pytest.mark.parametrize(("conditions", "want"), [
    ((), (True, True, True)),
    (("MemoryPressure",), (True, True, False)),
    (("DiskPressure", "MemoryPressure"), (False, False, False)),
])  # fmt: skip
def test_who_is_admitted(conditions: tuple[str, ...], want: tuple[bool, ...]) -> None:
    """upstream: TestAdmitUnderNodeConditions."""
    both = {"cpu": "100m", "memory": "1Gi"}
    rows = [pod("guaranteed", requests=both, limits=both), pod("burstable", requests=both), pod("best-effort")]
    assert tuple(admitted(row, conditions) for row in rows) == want


def admitted(row: Row, conditions: tuple[str, ...]) -> bool:
    view = _View({"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}})
    state = {"eviction": {"state": State(conditions)}} if conditions else {}
    scope = Scope(view, state, T0, None, None, "kubelet/n", "1.28", {}, {}, {})  # type: ignore[arg-type]
    verdict = judge(scope, row, known=False)
    if verdict is not None:
        assert verdict == ("Evicted", f"The node had condition: [{' '.join(conditions)}]. ")
    return verdict is None


class _View:
    def __init__(self, node: Row) -> None:
        self.node = node

    def get(self, resource: str, namespace: str, name: str) -> Row:
        return self.node

    def on_node(self, name: str) -> list[Row]:
        return []


def test_critical_and_tolerating_pods_are_admitted_under_memory_pressure() -> None:
    tolerates = pod("p", tolerations=[{"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}])
    assert admitted(tolerates, ("MemoryPressure",))
    assert admitted(pod("p", 2_000_000_000), ("DiskPressure",))
    assert not admitted(tolerates, ("DiskPressure",))
