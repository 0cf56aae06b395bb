"""The resource quota controller: counts a quota's usage when it is new or changed, when something that counts goes, and every five minutes.

What is added is charged at admission (``apiserver/admission/resource_quota``); only this controller gives back.

upstream: pkg/controller/resourcequota/{resource_quota_controller,resource_quota_monitor}.go, pkg/quota/v1/install/update_filter.go,
staging/src/k8s.io/apiserver/pkg/quota/v1/resources.go CalculateUsage, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from kubelab.apiserver.admission import quota_usage
from kubelab.apiserver.admission.pod_resources import Resources
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Key, Plan, Reason, step, update_status, wait
from kubelab.kinds import quantity, registry
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

RESOURCE = "resourcequotas"
RESYNC: Key = ("resync",)
RESYNC_NS = 300 * SECOND
# Never counted (events), or changed so often and deleted so seldom that the next full count will do.
UNWATCHED = ("events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpoints", "endpointslices.discovery.k8s.io")

COUNTED = Reason("UsageCounted", "{subject} is told what its namespace uses: {used}")
RIGHT = Reason("UsageIsRight", "{subject} says already what its namespace uses")


@dataclass(frozen=True, slots=True)
class Seen:
    """A quota, and what its namespace uses of what it limits."""

    quota: Object
    used: Resources


@dataclass(frozen=True, slots=True)
class All:
    """The quotas to be counted anew."""

    keys: tuple[Key, ...]


def observe(scope: Scope, key: Key) -> Seen | All | None:
    view = scope.view
    if key == RESYNC:
        return All(tuple(_key(quota) for quota in view.list(RESOURCE)))
    quota = view.get(RESOURCE, key[1], key[2])
    if quota is None:
        return None
    return Seen(quota, usage(quota, quota_usage.total(view.state, quota, kinds(), scope.now_ns)))


def usage(quota: Object, counted: Resources) -> Resources:
    """What a quota's status shall say is used: what can be counted anew, the rest as it was."""
    hard = quota["spec"].get("hard") or {}
    before = (quota.get("status") or {}).get("used") or {}
    countable = {name for kind in kinds() for name in quota_usage.matching(kind, hard)}
    used = {name: counted[name] if name in countable else before.get(name) for name in hard}
    return {name: amount for name, amount in used.items() if amount is not None}


def kinds() -> list[Kind]:
    """The kinds that quotas count."""
    return [kind for kind in registry.all_kinds() if kind.namespaced and kind.resource not in ("events", "events.events.k8s.io")]


def plan(seen: Seen | All) -> Plan:
    if isinstance(seen, All):
        return Plan(follow_up=seen.keys, again_ns=RESYNC_NS if seen.keys else None)
    quota, status = seen.quota, seen.quota.get("status") or {}
    hard = quota["spec"].get("hard") or {}
    subject = f"resourcequota/{quota['metadata']['name']}"
    known = status.get("used")
    if known is not None and _equal(status.get("hard"), hard) and _equal(known, seen.used):
        return wait(RIGHT(subject))
    words = ", ".join(f"{name} {amount}" for name, amount in seen.used.items()) or "nothing"
    body = {**quota, "status": {"hard": hard, "used": seen.used}}
    return step(update_status(RESOURCE, body, because=COUNTED(subject, used=words)))


def _equal(left: Resources | None, right: Resources) -> bool:
    """Whether two lists of amounts say the same, however it is written."""
    if left is None or left.keys() != right.keys():
        return False
    return all(left[name] == amount or not quantity.compare(left[name], amount) for name, amount in right.items())


def _key(quota: Object) -> Key:
    meta = quota["metadata"]
    return ("quota", meta["namespace"], meta["name"])


# -- watches -------------------------------------------------------------------------------------------------------------
def quota_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A quota that is new, or whose limits changed; its status is this controller's own."""
    quota, old = change.object, change.old
    if change.type == "DELETED":
        return ()
    if old is not None and old["spec"].get("hard") == quota["spec"].get("hard"):
        return ()
    table = scope.table("clock")
    born_ns = table.setdefault("born_ns", scope.now_ns)
    return (_key(quota), Later(RESYNC_NS - (scope.now_ns - born_ns) % RESYNC_NS, RESYNC))


def object_keys(change: Change, scope: Scope, kind: Kind) -> Iterable[Key]:
    """Something that may count went, or counts no more."""
    if change.type != "DELETED" and not _gives_back(change, scope):
        return ()
    namespace = change.object["metadata"]["namespace"]
    return [
        _key(quota)
        for quota in scope.view.state.in_namespace(RESOURCE, namespace)
        if quota_usage.matching(kind, (quota.get("status") or {}).get("hard") or {})
    ]


def _gives_back(change: Change, scope: Scope) -> bool:
    """Whether a change frees something: a pod that ended, a service of another type."""
    new, old = change.object, change.old
    if old is None:
        return False
    if change.resource == "pods":
        return not quota_usage.is_charged(new, scope.now_ns) and quota_usage.is_charged(old, scope.now_ns)
    return change.resource == "services" and new["spec"].get("type") != old["spec"].get("type")


def _watches() -> tuple[Watch, ...]:
    watched = [kind for kind in kinds() if kind.resource not in (*UNWATCHED, RESOURCE) and "delete" in kind.verbs]
    return (Watch(RESOURCE, quota_keys), *(Watch(kind.resource, partial(object_keys, kind=kind)) for kind in watched))


CONTROLLER = Controller(
    name="resourcequota-controller",
    identity=service_account("resourcequota-controller"),
    watches=_watches(),
    observe=observe,
    plan=plan,
    workers=5,
    background=frozenset({"resync"}),
    silent=True,
)
