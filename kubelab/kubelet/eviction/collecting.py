"""Garbage: dead containers beyond what is kept, and images that no container uses.

upstream: pkg/kubelet/images/image_gc_manager.go, pkg/kubelet/kuberuntime/kuberuntime_gc.go, 1.28; spec/cri-metrics.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubelab.cri.api import RUNNING, Container, ImageRecord
from kubelab.world.clock import MINUTE
from kubelab.world.codec import value

HIGH_PERCENT, LOW_PERCENT = 85, 80
MIN_AGE_NS = 2 * MINUTE


@value
class ImageUse(NamedTuple):
    """When an image was first seen, and when it was last seen in use (0: before the kubelet looked, or never)."""

    first_ns: int = 0
    last_ns: int = 0


ImageUses = Mapping[str, ImageUse]


# -- images -----------------------------------------------------------------------------------------------------------------------
def in_use(containers: Iterable[Container]) -> dict[str, None]:
    """The images of all containers, dead ones included."""
    return dict.fromkeys(container.image_ref for container in containers)


def detected(known: ImageUses, images: Iterable[str], used: Mapping[str, None], first_ns: int, now_ns: int) -> dict[str, ImageUse]:
    """What is known of the images after a look at them; new ones were first seen at ``first_ns`` (upstream: detectImages)."""
    out = {}
    for image in images:
        use = known.get(image, ImageUse(first_ns))
        out[image] = use._replace(last_ns=now_ns) if image in used else use
    return out


def bytes_to_free(available: int, capacity: int) -> int:
    """How much shall go: nothing below the high threshold, else what leads down to the low one."""
    available = min(available, capacity)
    if 100 - available * 100 // capacity < HIGH_PERCENT:
        return 0
    return capacity * (100 - LOW_PERCENT) // 100 - available


class Freed(NamedTuple):
    """Ids of images in the order of their removal, and the sum of their sizes."""

    images: tuple[str, ...]
    total: int


def freed(uses: ImageUses, used: Mapping[str, None], images: Mapping[str, ImageRecord], wanted: int | None, now_ns: int) -> Freed:
    """The unused images that go, least recently used first, until ``wanted`` bytes are free (None: all; upstream: freeSpace)."""
    order = sorted((image for image in uses if image not in used and image in images), key=lambda image: uses[image][::-1])
    gone: list[str] = []
    total = 0
    for image in order:
        use = uses[image]
        if use.last_ns >= now_ns or now_ns - use.first_ns < MIN_AGE_NS:
            continue
        gone.append(image)
        total += images[image].size_bytes
        if wanted is not None and total >= wanted:
            break
    return Freed(tuple(gone), total)


# -- containers -------------------------------------------------------------------------------------------------------------------
class Policy(NamedTuple):
    """How many dead containers are kept: of each name of a pod, and in all (-1: no limit); younger ones than ``min_age_ns`` are spared."""

    min_age_ns: int = 0
    per_container: int = 1
    total: int = -1


KUBELETS = Policy()


def dead_containers(containers: Iterable[Container], removed: Mapping[str, None], now_ns: int, policy: Policy = KUBELETS) -> list[str]:
    """The dead containers that go: all of the pods in ``removed`` (by uid), of others what is beyond the policy, oldest first.

    upstream: evictContainers.
    """
    units: dict[tuple[str, str], list[Container]] = {}
    for container in containers:
        if container.state != RUNNING and container.created_ns <= now_ns - policy.min_age_ns:
            units.setdefault((container.spec.pod_uid, container.spec.name), []).append(container)
    gone: list[str] = []
    kept: list[list[Container]] = []
    for (uid, _), unit in units.items():
        unit.sort(key=lambda container: -container.created_ns)
        if uid in removed:
            gone += [container.id for container in reversed(unit)]
        else:
            kept.append(unit)
    if policy.per_container >= 0:
        gone += _beyond(kept, policy.per_container)
    if policy.total >= 0 and sum(map(len, kept)) > policy.total:
        gone += _beyond(kept, max(1, policy.total // len(kept)))
        rest = sorted((container for unit in kept for container in unit), key=lambda container: -container.created_ns)
        gone += [container.id for container in reversed(rest[policy.total :])]
    return gone


def _beyond(units: list[list[Container]], most: int) -> list[str]:
    """Cut each unit, youngest first, to its length; the ids that go."""
    gone = [container.id for unit in units for container in reversed(unit[most:])]
    for unit in units:
        del unit[most:]
    return gone
