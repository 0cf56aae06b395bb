"""The binder of claims and volumes: two queues with one worker each; what failed waits for the next change or the resync every 15 s.

A resync looks only at what is not settled: a settled claim's or volume's sync changes nothing until something it knows changes, and of
that the watches tell.

upstream: pkg/controller/volume/persistentvolume/pv_controller_base.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.engine.component import Change, Client, Identity, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Act, Key, Plan
from kubelab.storage.binder import claim as claims
from kubelab.storage.binder import recycle as recycling
from kubelab.storage.binder import volume as volumes
from kubelab.storage.binder.index import claimed_key, find, note_volume
from kubelab.storage.names import BIND_COMPLETED, CLAIMS, CLASSES, VOLUMES, annotations_of, class_of, default_class, is_delayed, phase
from kubelab.storage.users import note_pod, pods_of
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

RESYNC_NS = 15 * SECOND
SILENT_NS = 600 * SECOND  # where nodes have no heartbeats, and nothing is unsettled
RESYNC: Key = ("resync of all",)
OPEN = "unsettled"


@dataclass(frozen=True, slots=True)
class Seen:
    """``about``: the claim or volume; ``unsettled``: the keys to resync, for the resync alone; ``is_open``: whether this key is one."""

    key: Key
    about: claims.Seen | volumes.Seen | None = None
    unsettled: tuple[Key, ...] = ()
    is_open: bool = False
    period_ns: int = RESYNC_NS


def observe_claim(scope: Scope, namespace: str, name: str) -> claims.Seen | None:
    view = scope.view
    claim = view.get(CLAIMS, namespace, name)
    if claim is None:
        return None
    asked = claim["spec"].get("volumeName")
    volume = view.get(VOLUMES, "", asked) if asked else None
    if asked or BIND_COMPLETED in annotations_of(claim):
        return claims.Seen(claim, None, None, volume, None, ())
    class_name = class_of(claim)
    class_ = view.get(CLASSES, "", class_name) if class_name else None
    delayed = is_delayed(class_)
    match = find(scope, claim, delayed=delayed)
    pods = _unscheduled(scope, namespace, name) if delayed and match is None else ()
    default = None if class_name else default_class(view)
    return claims.Seen(claim, class_, default, None, match, pods)


def _unscheduled(scope: Scope, namespace: str, claim: str) -> tuple[str, ...]:
    pods = pods_of(scope, namespace, claim)
    return tuple(pod["metadata"]["name"] for pod in pods if not pod["spec"].get("nodeName") and phase(pod) not in ("Succeeded", "Failed"))


def observe_volume(scope: Scope, name: str) -> volumes.Seen | None:
    volume = scope.view.get(VOLUMES, "", name)
    if volume is None:
        return None
    place = claimed_key(volume)
    claim = scope.view.get(CLAIMS, *place) if place else None
    if place is None or volume["spec"].get("persistentVolumeReclaimPolicy") != "Recycle":
        return volumes.Seen(volume, claim)
    users = () if claim is not None else _users(scope, *place)
    return volumes.Seen(volume, claim, scope.view.get("pods", recycling.NAMESPACE, f"{recycling.PREFIX}{name}"), users)


def _users(scope: Scope, namespace: str, claim: str) -> tuple[str, ...]:
    pods = pods_of(scope, namespace, claim)
    return tuple(f"{namespace}/{pod['metadata']['name']}" for pod in pods if phase(pod) not in ("Succeeded", "Failed"))


def observe(scope: Scope, key: Key) -> Seen | None:
    unsettled = scope.memory.get(OPEN)
    if key == RESYNC:
        return Seen(key, unsettled=tuple(unsettled or ()), period_ns=RESYNC_NS if unsettled or scope.timing.heartbeats else SILENT_NS)
    about = observe_volume(scope, key[1]) if key[0] == volumes.KEY else observe_claim(scope, key[0], key[1])
    return None if about is None else Seen(key, about, is_open=unsettled is not None and key in unsettled)


def plan(seen: Seen) -> Plan:
    if seen.about is None:
        first_claims = sorted(seen.unsettled, key=lambda key: key[0] == volumes.KEY)
        return Plan(follow_up=tuple(first_claims), again_ns=seen.period_ns)
    made = claims.plan(seen.about) if isinstance(seen.about, claims.Seen) else volumes.plan(seen.about)
    unsettled = bool(made.batches or made.events) or not _is_settled(seen.about)
    if unsettled == seen.is_open:
        return made
    return made._replace(note={OPEN: {seen.key: True if unsettled else None}})


def _is_settled(about: claims.Seen | volumes.Seen) -> bool:
    if isinstance(about, claims.Seen):
        return phase(about.claim) in ("Bound", "Lost")
    recycled = about.volume["spec"].get("persistentVolumeReclaimPolicy") == "Recycle"
    return phase(about.volume) in (("Available", "Bound") if recycled else ("Available", "Bound", "Released"))


def claim_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    key: Key = (meta["namespace"], meta["name"])
    if change.type != "DELETED":
        return (key,)
    scope.table(OPEN).pop(key, None)
    volume = change.object["spec"].get("volumeName")
    return ((volumes.KEY, volume),) if volume else ()


def volume_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    note_volume(change, scope)
    key: Key = (volumes.KEY, change.object["metadata"]["name"])
    if change.type != "DELETED":
        return (key,)
    scope.table(OPEN).pop(key, None)
    place = claimed_key(change.object)
    return (place,) if place else ()


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Pods wake nobody but the volume that they empty; which claims they use is noted."""
    note_pod(change, scope)
    meta = change.object["metadata"]
    if not meta["name"].startswith(recycling.PREFIX) or meta["namespace"] != recycling.NAMESPACE or change.type == "DELETED":
        return ()
    return ((volumes.KEY, meta["name"].removeprefix(recycling.PREFIX)),)


def class_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Classes wake nobody: a pending claim meets them at the next resync."""
    return ()


@dataclass(frozen=True, slots=True)
class Binder:
    """The component; one lane per queue."""

    name: str = "persistentvolume-binder"
    identity: Identity = service_account("persistent-volume-binder", source="persistentvolume-controller")
    watches: tuple[Watch, ...] = (
        Watch("pods", pod_keys),
        Watch(CLASSES, class_keys),
        Watch(VOLUMES, volume_keys),
        Watch(CLAIMS, claim_keys),
    )
    max_retries: int | None = 0
    backoff: tuple[int, int] = (500_000_000, 122 * SECOND)
    background: frozenset[str] = frozenset(RESYNC)
    machine: str = ""

    @property
    def lanes(self) -> dict[str, int]:
        return {"claim": 1, "volume": 1, "resync": 1}

    def lane(self, key: Key) -> str:
        return "resync" if key == RESYNC else "volume" if key[0] == volumes.KEY else "claim"

    def client(self, timing: Timing) -> Client:
        return Client(timing.client_qps, timing.client_burst)

    def start(self, scope: Scope) -> Iterable[Key | Later]:
        return (Later(RESYNC_NS, RESYNC),)

    def act(self, scope: Scope, act: Act) -> Plan:
        return NOTHING

    def observe(self, scope: Scope, key: Key) -> Seen | None:
        return observe(scope, key)

    def plan(self, seen: Seen) -> Plan:
        return plan(seen)


CONTROLLER = Binder()
