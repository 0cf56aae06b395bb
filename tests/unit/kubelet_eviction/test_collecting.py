"""upstream: pkg/kubelet/images/image_gc_manager_test.go, pkg/kubelet/kuberuntime/kuberuntime_gc_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.cri.api import EXITED, RUNNING, Container, ContainerSpec, ImageRecord
from kubelab.kubelet.eviction.collecting import ImageUse, Policy, bytes_to_free, dead_containers, detected, freed
from kubelab.world.clock import HOUR, MINUTE

NOW = 100 * HOUR


def images(*sizes: int) -> dict[str, ImageRecord]:
    return {str(index): ImageRecord(str(index), (), (), size) for index, size in enumerate(sizes)}


def test_images_are_seen_and_used() -> None:
    """upstream: TestDetectImagesInitialDetect, TestDetectImagesWithNewImage, TestDetectImagesContainerStopped, …WithRemovedImages."""
    first = detected({}, images(1, 2), {"1": None}, 0, NOW)
    assert first == {"0": ImageUse(0, 0), "1": ImageUse(0, NOW)}
    later = detected(first, images(1, 2, 3), {}, NOW + MINUTE, NOW + MINUTE)
    assert later == {**first, "2": ImageUse(NOW + MINUTE, 0)}
    assert detected(later, {}, {}, NOW, NOW) == {}


@pytest.mark.parametrize(("sizes", "used", "wanted", "want"), [
    ((1024, 2048), {"1": None}, 2048, ("0",)),
    ((1024, 2048, 2048), {"2": None}, None, ("0", "1")),
    ((1024, 1024), {}, 2048, ("0", "1")),
    ((1024, 1024), {}, 1000, ("0",)),
])  # fmt: skip
def test_unused_images_go(sizes: tuple[int, ...], used: dict[str, None], wanted: int | None, want: tuple[str, ...]) -> None:
    """upstream: TestFreeSpaceImagesInUseContainersAreIgnored, TestDeleteUnusedImagesRemoveAllUnusedImages, TestDeleteUnPinnedImage."""
    uses = detected({}, images(*sizes), used, 0, NOW)
    found = freed(uses, used, images(*sizes), wanted, NOW)
    assert (found.images, found.total) == (want, sum(sizes[int(image)] for image in want))


def test_the_least_recently_used_goes_first_then_the_one_seen_first() -> None:
    """upstream: TestFreeSpaceRemoveByLeastRecentlyUsed, TestFreeSpaceTiesBrokenByDetectedTime."""
    both = images(1024, 2048)
    assert freed({"0": ImageUse(0, NOW - 2), "1": ImageUse(0, NOW - 1)}, {}, both, 1024, NOW).images == ("0",)
    uses = {"0": ImageUse(0, NOW - HOUR), "1": ImageUse(NOW - HOUR, 0)}
    assert freed(uses, {}, both, 1024, NOW).images == ("1",)
    uses = {"0": ImageUse(NOW - HOUR, 5), "1": ImageUse(NOW - 2 * HOUR, 5)}
    assert freed(uses, {}, both, 1024, NOW).images == ("1",)


def test_a_young_image_stays() -> None:
    """upstream: TestGarbageCollectImageNotOldEnough (the minimum age is the kubelet's default of two minutes)."""
    uses = {"0": ImageUse(NOW, 0)}
    assert freed(uses, {}, images(1024), 1024, NOW + 2 * MINUTE - 1).images == ()
    assert freed(uses, {}, images(1024), 1024, NOW + 2 * MINUTE).images == ("0",)
    assert freed({"0": ImageUse(0, NOW)}, {}, images(1024), 1024, NOW).images == ()


@pytest.mark.parametrize(("available", "want"), [(600, 0), (159, 41), (160, 0), (50, 150), (0, 200), (2000, 0)])
def test_how_much_shall_go(available: int, want: int) -> None:
    """upstream: TestGarbageCollectBelowLowThreshold, TestGarbageCollectBelowSuccess; thresholds 85 and 80 percent of 1000."""
    assert bytes_to_free(available, 1000) == want


Rows = list[tuple[str, str, int, str]]
OLD_HOURS = 24


def containers(rows: Rows) -> list[Container]:
    """(pod, name, created in hours, state); hour 0 is a day ago."""
    return [
        Container(str(index), "s", ContainerSpec(name, "i", pod_uid=uid), "i", "p", state, NOW if hours < 0 else hours + 1)
        for index, (uid, name, hours, state) in enumerate(rows)
    ]


def dead(uid: str, name: str, *created: int) -> Rows:
    return [(uid, name, each, EXITED) for each in created]


DEFAULT = Policy(HOUR, 2, 6)
GC: list[tuple[str, Rows, Policy, list[int], list[str]]] = [
    ("limit 0 in all", dead("foo", "bar", 0), Policy(MINUTE, 1, 0), [], []),
    ("limit in all only", dead("foo", "bar", 4, 3, 2, 1, 0), Policy(MINUTE, -1, 4), [0, 1, 2, 3], []),
    ("no limits", dead("foo", "bar", 2, 1, 0), Policy(MINUTE, -1, -1), [0, 1, 2], []),
    ("recent ones", dead("foo", "bar", -1, -1, -1), DEFAULT, [0, 1, 2], []),
    ("oldest of a container", dead("foo", "bar", 2, 1, 0), DEFAULT, [0, 1], []),
    ("running ones", [*dead("foo", "bar", 2, 1), ("foo", "bar", 0, RUNNING)], DEFAULT, [0, 1, 2], []),
    ("within limits", dead("foo", "bar", 1, 0), DEFAULT, [0, 1], []),
    (
        "per pod and name",
        dead("foo", "bar", 2, 1, 0) + dead("foo1", "baz", 2, 1, 0) + dead("foo2", "bar", 2, 1, 0),
        DEFAULT,
        [0, 1, 3, 4, 6, 7],
        [],
    ),
    ("some of every pod", [row for n in range(5) for row in dead(f"foo{n}", f"bar{n}", 1, 0)], DEFAULT, [0, 2, 4, 6, 8], []),
    (
        "oldest pods",
        [
            *dead("foo", "bar", 2, 1),
            *dead("foo1", "bar1", 2, 1),
            *(row for n, at in zip(range(2, 8), (1, 0, 1, 0, 2, 1), strict=True) for row in dead(f"foo{n}", f"bar{n}", at)),
        ],
        DEFAULT,
        [0, 2, 4, 6, 8, 9],
        [],
    ),
    (
        "all of ended pods",
        [*dead("foo", "bar", 2, 1), *dead("foo1", "bar1", 2, 1), ("running", "bar2", 1, EXITED), ("foo3", "bar3", 0, RUNNING)],
        DEFAULT,
        [4, 5],
        ["foo", "foo1", "foo3"],
    ),
    ("of deleted pods, but recent ones", dead("foo", "bar", 1, 0) + dead("deleted", "bar1", -1, 1, 0), DEFAULT, [0, 1, 2], ["deleted"]),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "policy", "remain", "removed"), [row[1:] for row in GC], ids=[row[0] for row in GC])
def test_dead_containers_go(rows: Rows, policy: Policy, remain: list[int], removed: list[str]) -> None:
    """upstream: TestContainerGC."""
    gone = dead_containers(containers(rows), dict.fromkeys(removed), NOW, policy)
    assert len(gone) == len(dict.fromkeys(gone))
    assert [index for index in range(len(rows)) if str(index) not in gone] == remain
