"""Image pulls: one at a time on a node, in the order in which they were asked for.

upstream: pkg/kubelet/images/image_manager.go EnsureImageExists, puller.go serialImagePuller, 1.28. The cluster-wide table
``broken_images`` (image → fault) names images whose registry answers with an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubelab.cri import disks
from kubelab.cri.api import CriError
from kubelab.cri.reference import InvalidReference, Reference, parse
from kubelab.cri.registry import PullFailure, resolve
from kubelab.engine.component import Scope
from kubelab.engine.plan import Act, Key, Nudge, Plan, Reason, step
from kubelab.kubelet import durations
from kubelab.kubelet.network_world import Around, shared
from kubelab.kubelet.pod.seen import RETRY_NS, container_event, pod_nudge
from kubelab.kubelet.pod.starting import wanted
from kubelab.kubelet.records import next_backoff
from kubelab.world.clock import MILLISECOND, SECOND, format_duration

Object = dict[str, Any]
PULLING = Reason("pulling", "{subject}: pulling image {image}")
_NONE: dict[str, Any] = {}


def request(scope: Scope, key: Key, name: str, image: str) -> Plan:
    """Queue a pull for a container; its pod's worker waits."""
    found = wanted(scope, key)
    if found is None:
        return Plan()
    pod, worker = found
    return Plan(
        note={"workers": {key[1]: worker._replace(busy=name)}},
        events=(container_event(pod, name, "Normal", "Pulling", f'Pulling image "{image}"'),),
        nudge=(Nudge(scope.name, ("pull", key[1], key[2], key[3], name, image, scope.now_ns)),),
    )


@dataclass(frozen=True, slots=True)
class PullSeen:
    """A pull whose turn has come, and how long it takes."""

    key: Key
    duration_ns: int


def observe(scope: Scope, key: Key) -> PullSeen | None:
    """None if nobody waits for it any more."""
    _, uid, _, _, name, image, _ = key
    worker = scope.table("workers").get(uid)
    if worker is None or worker.busy != name:
        return None
    timing, found = scope.timing, resolve(image)
    duration_ns = timing.pull_ns
    if not isinstance(found, PullFailure) and found.id not in scope.local.get("images", _NONE):
        duration_ns += found.size_bytes * SECOND // timing.pull_bytes_per_second
    return PullSeen(key, duration_ns)


def plan(seen: PullSeen) -> Plan:
    key, duration_ns = seen.key, seen.duration_ns
    return step(Act("pull", (*key[1:], duration_ns), duration_ns, PULLING(f"pod/{key[3]}", image=key[5])))


def pull(scope: Scope, uid: str, namespace: str, pod_name: str, name: str, image: str, asked_ns: int, duration_ns: int) -> Plan:
    """The end of a pull: the image is there, or the container's back-off for it grows."""
    key: Key = ("pod", uid, namespace, pod_name)
    runtime = Around(scope).runtime(scope.local)
    error = _broken(shared(scope, "broken_images"), image) or _no_room(scope, image)
    if not error:
        try:
            scope.table("pulled")[runtime.pull_image(image, scope.now_ns)] = scope.now_ns
        except CriError as refusal:
            error = refusal.message
    else:
        runtime.count("pull_image")
    durations.took(scope.local, "pull_image", duration_ns)
    if error:
        durations.failed(scope.local, "pull_image")
    found = wanted(scope, key)
    if found is None:
        worker = scope.table("workers").get(uid)
        return Plan() if worker is None else Plan(note={"workers": {uid: worker._replace(busy="")}}, nudge=(pod_nudge(scope, key),))
    pod, worker = found
    if not error:
        took, waited = (format_duration(ns // MILLISECOND * MILLISECOND) for ns in (duration_ns, scope.now_ns - asked_ns))
        text = f'Successfully pulled image "{image}" in {took} ({waited} including waiting)'
        event = container_event(pod, name, "Normal", "Pulled", text)
        return Plan(
            note={"workers": {uid: worker._replace(busy="", resumed=True, pulled=name)}}, events=(event,), nudge=(pod_nudge(scope, key),)
        )
    first = name not in worker.reasons
    images = {**worker.images, image: next_backoff(worker.images.get(image), scope.now_ns, scope.now_ns)}
    worker = worker._replace(busy="", images=images, reasons={**worker.reasons, name: ("ErrImagePull", error)})
    events = (
        container_event(pod, name, "Warning", "Failed", f'Failed to pull image "{image}": {error}'),
        container_event(pod, name, "Warning", "Failed", "Error: ErrImagePull"),
    )
    delay_ns = 0 if first else int(RETRY_NS * (1 + scope.streams.uniform(scope.name) / 2))
    return Plan(note={"workers": {uid: worker}}, events=events, nudge=(pod_nudge(scope, key, delay_ns),))


def _broken(table: Mapping[str, Any], image: str) -> str:
    """What containerd says if the registry fails for the image; "" if it does not. An entry without tag stands for all tags.

    upstream: containerd core/remotes/docker/resolver.go.
    """
    if not table or not is_broken(table, image):
        return ""
    reference = parse(image)
    host, _, path = reference.name.partition("/")
    host = "registry-1.docker.io" if host == "docker.io" else host
    where = f"https://{host}/v2/{path}/manifests/{reference.digest or reference.tag}"
    return (
        f'rpc error: code = Unknown desc = failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": '
        f"unexpected status from HEAD request to {where}: 503 Service Unavailable"
    )


def is_broken(table: Mapping[str, Any], image: str) -> bool:
    """Whether the table names the image."""
    try:
        reference = parse(image)
        return image in table or any(_stands_for(entry, reference) for entry in table)
    except InvalidReference:
        return False


def _no_room(scope: Scope, image: str) -> str:
    """What containerd says if the image does not fit on the disk; "" if it does, or is there."""
    if not disks.is_full(scope.local):
        return ""
    found = resolve(image)
    if isinstance(found, PullFailure) or found.id in scope.local.get("images", _NONE):
        return ""
    return disks.pull_error(str(parse(image)))


def _stands_for(entry: str, reference: Reference) -> bool:
    wanted = parse(entry)
    tagged = ":" in entry.rpartition("/")[2]
    return wanted == reference if tagged else wanted.name == reference.name
