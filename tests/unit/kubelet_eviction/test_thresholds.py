"""upstream: pkg/kubelet/eviction/helpers_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kinds.quantity import parse
from kubelab.kubelet.eviction.thresholds import (
    ALLOCATABLE,
    IMAGEFS,
    IMAGEFS_INODES,
    MEMORY,
    NODEFS,
    NODEFS_INODES,
    PID,
    Amount,
    Observation,
    Threshold,
    ThresholdError,
    by_priority,
    conditions_of,
    first_observed,
    last_observed,
    met,
    observed_since,
    parse_thresholds,
    past_grace,
    updated,
)
from kubelab.world.clock import MINUTE, SECOND

HALF_MINUTE = 30 * SECOND


def amount(text: str) -> Amount:
    return Amount(parse(text).value())


def observed(available: str, capacity: str = "0") -> Observation:
    return Observation(parse(available).value(), parse(capacity).value())


Parsed = list[tuple[str, str, int, str | None]]
# upstream: TestParseThresholdConfig; (signal, amount, grace in seconds, least reclaim)
PARSED: list[tuple[str, bool, dict[str, str], dict[str, str], dict[str, str], dict[str, str], Parsed]] = [
    ("no values", False, {}, {}, {}, {}, []),
    (
        "all memory eviction values",
        True,
        {MEMORY: "150Mi"},
        {MEMORY: "300Mi"},
        {MEMORY: "30s"},
        {MEMORY: "0"},
        [(MEMORY, "150Mi", 0, "0"), (MEMORY, "300Mi", 30, "0"), (ALLOCATABLE, "150Mi", 0, "0")],
    ),
    (
        "disk eviction values",
        False,
        {IMAGEFS: "150Mi", NODEFS: "100Mi"},
        {IMAGEFS: "300Mi", NODEFS: "200Mi"},
        {IMAGEFS: "30s", NODEFS: "30s"},
        {IMAGEFS: "2Gi", NODEFS: "1Gi"},
        [(IMAGEFS, "150Mi", 0, "2Gi"), (NODEFS, "100Mi", 0, "1Gi"), (IMAGEFS, "300Mi", 30, "2Gi"), (NODEFS, "200Mi", 30, "1Gi")],
    ),
    (
        "inode eviction values",
        False,
        {IMAGEFS_INODES: "150Mi", NODEFS_INODES: "100Mi"},
        {IMAGEFS_INODES: "300Mi", NODEFS_INODES: "200Mi"},
        {IMAGEFS_INODES: "30s", NODEFS_INODES: "30s"},
        {IMAGEFS_INODES: "2Gi", NODEFS_INODES: "1Gi"},
        [
            (IMAGEFS_INODES, "150Mi", 0, "2Gi"),
            (NODEFS_INODES, "100Mi", 0, "1Gi"),
            (IMAGEFS_INODES, "300Mi", 30, "2Gi"),
            (NODEFS_INODES, "200Mi", 30, "1Gi"),
        ],
    ),
    ("disable via 0%", False, {MEMORY: "0%"}, {MEMORY: "0%"}, {}, {}, []),
    ("disable via 100%", False, {MEMORY: "100%"}, {MEMORY: "100%"}, {}, {}, []),
]


@pytest.mark.parametrize(
    ("allocatable", "hard", "soft", "grace", "reclaim", "want"), [row[1:] for row in PARSED], ids=[row[0] for row in PARSED]
)
def test_configurations_are_read(
    allocatable: bool, hard: dict[str, str], soft: dict[str, str], grace: dict[str, str], reclaim: dict[str, str], want: Parsed
) -> None:
    found = parse_thresholds(hard, soft, grace, reclaim, allocatable=allocatable)
    assert list(found) == [
        Threshold(signal, amount(text), seconds * SECOND, amount(least) if least is not None else None)
        for signal, text, seconds, least in want
    ]


def test_percentages_are_kept_in_32_bits() -> None:
    found = parse_thresholds({MEMORY: "10%"}, {MEMORY: "30%"}, {MEMORY: "30s"}, {MEMORY: "5%"}, allocatable=False)
    shares = [(each.amount.share, each.reclaim.share if each.reclaim else 0) for each in found]
    assert shares == [(0.10000000149011612, 0.05000000074505806), (0.30000001192092896, 0.05000000074505806)]
    (threshold,) = parse_thresholds({NODEFS: "10.5%"}, allocatable=False)
    assert threshold.amount.share == pytest.approx(0.105, abs=1e-8)


@pytest.mark.parametrize(("hard", "soft", "grace", "reclaim", "error"), [
    ({"mem.available": "150Mi"}, {}, {}, {}, "unsupported eviction signal mem.available"),
    ({MEMORY: "-150Mi"}, {}, {}, {}, "eviction threshold memory.available must be positive: -150Mi"),
    ({MEMORY: "-15%"}, {}, {}, {}, "eviction percentage threshold memory.available must be >= 0%: -15%"),
    ({MEMORY: "150%"}, {}, {}, {}, "eviction percentage threshold memory.available must be <= 100%: 150%"),
    ({}, {MEMORY: "-150Mi"}, {}, {}, "eviction threshold memory.available must be positive: -150Mi"),
    ({MEMORY: "150Mi", "invalid.foo": "150Mi"}, {}, {}, {}, "unsupported eviction signal invalid.foo"),
    ({}, {MEMORY: "150Mi"}, {}, {}, "grace period must be specified for the soft eviction threshold memory.available"),
    ({}, {MEMORY: "150Mi"}, {MEMORY: "-30s"}, {}, "invalid eviction grace period specified: -30s, must be a positive value"),
    ({}, {}, {}, {MEMORY: "-300Mi"}, "negative eviction minimum reclaim specified for memory.available"),
])  # fmt: skip
def test_configurations_are_refused(
    hard: dict[str, str], soft: dict[str, str], grace: dict[str, str], reclaim: dict[str, str], error: str
) -> None:
    with pytest.raises(ThresholdError) as refused:
        parse_thresholds(hard, soft, grace, reclaim)
    assert str(refused.value) == error


HARD = Threshold(MEMORY, amount("1Gi"), 0, amount("500Mi"))


@pytest.mark.parametrize(("with_reclaim", "available", "want"), [
    (False, "500Mi", True),
    (False, "2Gi", False),
    (True, "1.05Gi", True),
    (True, "2Gi", False),
])  # fmt: skip
def test_a_threshold_is_met(with_reclaim: bool, available: str, want: bool) -> None:
    """upstream: TestThresholdsMet."""
    found = met((HARD,), {MEMORY: observed(available)}, with_reclaim=with_reclaim)
    assert found == ((HARD,) if want else ())
    assert met((HARD,), {}) == ()


SHARES = (Threshold(MEMORY, Amount(None, 0.2), 0, Amount(None, 0.05)), Threshold(NODEFS, Amount(None, 0.3)))


@pytest.mark.parametrize(("with_reclaim", "memory", "disk", "want"), [
    (False, "100Mi", "100Gi", SHARES),
    (False, "300Mi", "400Gi", ()),
    (False, "300Mi", "100Gi", SHARES[1:]),
    (False, "100Mi", "400Gi", SHARES[:1]),
    (True, "225Mi", "", SHARES[:1]),
    (True, "300Mi", "", ()),
])  # fmt: skip
def test_a_share_is_met(with_reclaim: bool, memory: str, disk: str, want: tuple[Threshold, ...]) -> None:
    """upstream: TestPercentageThresholdsMet."""
    signals = {MEMORY: observed(memory, "1000Mi")}
    if disk:
        signals[NODEFS] = observed(disk, "1000Gi")
    assert met(SHARES, signals, with_reclaim=with_reclaim) == want


@pytest.mark.parametrize(("now", "before", "want"), [
    (0, None, True),
    (10 * MINUTE, None, True),
    (10 * MINUTE, 11 * MINUTE, False),
    (10 * MINUTE, 10 * MINUTE, False),
    (11 * MINUTE, 10 * MINUTE, True),
])  # fmt: skip
def test_a_signal_is_newer(now: int, before: int | None, want: bool) -> None:
    """upstream: TestThresholdsUpdatedStats."""
    threshold = Threshold(MEMORY, Amount(0))
    known = {} if before is None else {MEMORY: Observation(0, 0, before)}
    assert updated((threshold,), {MEMORY: Observation(0, 0, now)}, known) == ((threshold,) if want else ())


IMAGE = Threshold(IMAGEFS, amount("1Gi"))
NOW, OLD = 100 * MINUTE, 99 * MINUTE


@pytest.mark.parametrize(("thresholds", "known", "want"), [
    ((), {}, {}),
    ((HARD,), {}, {HARD: NOW}),
    ((IMAGE,), {}, {IMAGE: NOW}),
    ((HARD,), {HARD: OLD}, {HARD: OLD}),
    ((HARD, IMAGE), {HARD: OLD}, {HARD: OLD, IMAGE: NOW}),
])  # fmt: skip
def test_since_when_thresholds_are_met(thresholds: tuple[Threshold, ...], known: dict[Threshold, int], want: dict[Threshold, int]) -> None:
    """upstream: TestThresholdsFirstObservedAt."""
    assert first_observed(thresholds, known, NOW) == want


SOFT = Threshold(MEMORY, amount("2Gi"), HALF_MINUTE)


@pytest.mark.parametrize(("since", "now_ns", "want"), [
    ({}, NOW, ()),
    ({HARD: NOW}, NOW, (HARD,)),
    ({SOFT: NOW}, NOW, ()),
    ({SOFT: NOW}, NOW + 2 * HALF_MINUTE, (SOFT,)),
])  # fmt: skip
def test_thresholds_past_their_grace(since: dict[Threshold, int], now_ns: int, want: tuple[Threshold, ...]) -> None:
    """upstream: TestThresholdsMetGracePeriod."""
    assert past_grace(since, now_ns) == want


def test_conditions_follow_from_thresholds() -> None:
    """upstream: TestNodeConditions, TestNodeConditionsLastObservedAt, TestNodeConditionsObservedSince."""
    assert conditions_of(()) == ()
    assert conditions_of((HARD,)) == ("MemoryPressure",)
    assert conditions_of((IMAGE, Threshold(NODEFS, Amount(1)), Threshold(PID, Amount(1)))) == ("DiskPressure", "PIDPressure")
    assert last_observed(("MemoryPressure",), {}, NOW) == {"MemoryPressure": NOW}
    assert last_observed(("MemoryPressure",), {"MemoryPressure": OLD}, NOW) == {"MemoryPressure": NOW}
    assert last_observed((), {"MemoryPressure": OLD}, NOW) == {"MemoryPressure": OLD}
    assert observed_since({"MemoryPressure": NOW - 2 * MINUTE}, 5 * MINUTE, NOW) == ("MemoryPressure",)
    assert observed_since({"MemoryPressure": NOW - 10 * MINUTE}, 5 * MINUTE, NOW) == ()


def test_memory_goes_first() -> None:
    """upstream: TestSortByEvictionPriority."""
    mixed = (IMAGE, Threshold(ALLOCATABLE, Amount(1)), Threshold(PID, Amount(1)), HARD)
    assert [threshold.signal for threshold in by_priority(mixed)] == [ALLOCATABLE, MEMORY, IMAGEFS, PID]
