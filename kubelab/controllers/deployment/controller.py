"""The Deployment controller: one sync from top to bottom.

Claim ReplicaSets ▸ being deleted: status ▸ pause or resume condition ▸ paused: scale, clean up, status ▸ rollback ▸ scaling event: scale, status ▸
strategy. A sync scales the new ReplicaSet up or old ones down.

upstream: pkg/controller/deployment/deployment_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubelab.controllers.common.claiming import claim, claiming_plan
from kubelab.controllers.common.dependents import itself, managers, orphans
from kubelab.controllers.common.events import warning
from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.common.pod_facts import phase
from kubelab.controllers.deployment.amounts import is_rolling
from kubelab.controllers.deployment.draft import DEADLINE, NAME, RESOURCE, STATUS, Draft, clean_up, sync_revision, sync_status
from kubelab.controllers.deployment.recreate import recreate
from kubelab.controllers.deployment.replica_sets import RESOURCE as REPLICA_SETS
from kubelab.controllers.deployment.replica_sets import new_and_old, new_name
from kubelab.controllers.deployment.rollback import roll_back, rollback_to
from kubelab.controllers.deployment.rolling import roll_out
from kubelab.controllers.deployment.scaling import is_scaling_event, scale
from kubelab.controllers.deployment.status import (
    PAUSED,
    PROGRESSING,
    RESUMED,
    TIMED_OUT,
    condition,
    has_progress_deadline,
    looks_on,
    progressing,
    with_progress,
)
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Call, Key, Plan, Reason, step, update_status
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Object

MAX_RETRIES = 15

PAUSE = Reason("Paused", "{subject} is paused or resumed")
SELECTS_ALL = "This deployment is selecting all pods. A non-empty selector is required."


@dataclass(frozen=True, slots=True)
class Seen:
    """``replica_sets``: those it manages. ``running``: unfinished pods by ReplicaSet uid (Recreate only).

    ``occupied``: the name that a new ReplicaSet would get belongs to one that is not the new one.
    """

    deployment: Object
    replica_sets: Sequence[Object]
    now_ns: int
    claiming: tuple[Call, ...] = ()
    running: Mapping[str, int] = field(default_factory=dict)
    occupied: bool = False
    release: str = "1.28"


@dataclass(frozen=True, slots=True)
class DeadlineCheck:
    """The progress deadline of a Deployment may have passed."""

    key: Key


def observe(scope: Scope, key: Key) -> Seen | DeadlineCheck | None:
    if key[0] == DEADLINE and len(key) == 3:
        return DeadlineCheck(key[1:])
    namespace, name = key
    view = scope.view
    deployment = view.get(RESOURCE, namespace, name)
    if deployment is None:
        return None
    owned = view.owned(REPLICA_SETS, deployment["metadata"]["uid"])
    claimed = claim(deployment, RESOURCE, REPLICA_SETS, owned, orphans(scope, REPLICA_SETS, namespace))
    sets = claimed.objects
    missing = new_and_old(deployment, sets).new is None
    return Seen(
        deployment,
        sets,
        scope.now_ns,
        claimed.calls,
        {} if is_rolling(deployment) else running_pods(scope, deployment, sets),
        missing and view.get(REPLICA_SETS, namespace, new_name(deployment)) is not None,
        scope.release,
    )


def running_pods(scope: Scope, deployment: Object, sets: Iterable[Object]) -> dict[str, int]:
    """Pods neither Failed nor Succeeded, by the uid of their ReplicaSet; terminating ones are among them."""
    selector = deployment["spec"].get("selector")
    counts: dict[str, int] = {}
    for replica_set in sets:
        uid = replica_set["metadata"]["uid"]
        pods = scope.view.owned("pods", uid)
        counts[uid] = sum(
            phase(pod) not in ("Failed", "Succeeded") and matches_selector(selector, pod["metadata"].get("labels")) for pod in pods
        )
    return counts


def plan(seen: Seen | DeadlineCheck) -> Plan:
    if isinstance(seen, DeadlineCheck):
        return Plan(follow_up=(seen.key,))
    deployment = seen.deployment
    if deployment["spec"].get("selector") == {}:
        return _selects_all(deployment)
    if seen.claiming:
        return claiming_plan(seen.claiming)
    new, old = new_and_old(deployment, seen.replica_sets)
    draft = Draft(deployment, new, old, seen.now_ns, seen.release, seen.occupied)
    sync(draft, seen.running)
    return draft.plan()


def sync(draft: Draft, running: Mapping[str, int]) -> None:
    if draft.deployment["metadata"].get("deletionTimestamp") is not None:
        if sync_revision(draft, create_missing=False):
            sync_status(draft)
        return
    check_paused(draft)
    wanted = rollback_to(draft.deployment)
    if draft.deployment["spec"].get("paused"):
        _scale_only(draft, rolling_back=wanted is not None)
    elif wanted is not None:
        roll_back(draft, wanted)
    elif not sync_revision(draft, create_missing=False):
        return
    elif is_scaling_event(draft):
        _scale_only(draft)
    elif is_rolling(draft.deployment):
        roll_out(draft)
    else:
        recreate(draft, running)


def check_paused(draft: Draft) -> None:
    """Tell in the Progressing condition that time does not count while paused; an exceeded deadline stays."""
    if not has_progress_deadline(draft.deployment):
        return
    current = progressing(draft.deployment)
    if current is not None and current["reason"] == TIMED_OUT:
        return
    said = current is not None and current["reason"] == PAUSED
    paused = bool(draft.deployment["spec"].get("paused"))
    if paused == said:
        return
    reason, message = (PAUSED, "Deployment is paused") if paused else (RESUMED, "Deployment is resumed")
    draft.deployment = with_progress(draft.deployment, condition(PROGRESSING, "Unknown", reason, message, draft.now_ns))
    draft.write_status(PAUSE(draft.subject))


def _scale_only(draft: Draft, *, rolling_back: bool = False) -> None:
    """Scale without rolling out: on a scaling event, and while paused."""
    if not sync_revision(draft, create_missing=False):
        return
    scale(draft)
    if draft.deployment["spec"].get("paused") and not rolling_back:
        clean_up(draft, draft.old)
    sync_status(draft)


def _selects_all(deployment: Object) -> Plan:
    plan_ = Plan(events=(warning(deployment, "SelectingAll", SELECTS_ALL),))
    status, generation = deployment.get("status") or {}, deployment["metadata"].get("generation", 0)
    if status.get("observedGeneration", 0) >= generation:
        return plan_.then(NOTHING)
    body = {**deployment, "status": {**status, "observedGeneration": generation}}
    return plan_.then(step(update_status(RESOURCE, body, because=STATUS(f"deployment/{deployment['metadata']['name']}"))))


# -- what wakes it ----------------------------------------------------------------------------------------------------------
def replica_set_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return [(owner["metadata"]["namespace"], owner["metadata"]["name"]) for owner in managers(change, scope, "Deployment", RESOURCE)]


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A Recreate deployment is looked at once the last of its pods is gone; while upstream looks on, the last that is not finished."""
    if change.type != "DELETED":
        return ()
    ref = controller_of(change.object)
    if ref is None or ref["kind"] != "ReplicaSet":
        return ()
    namespace = change.object["metadata"]["namespace"]
    replica_set = scope.view.get(REPLICA_SETS, namespace, ref["name"])
    owner = controller_of(replica_set) if replica_set is not None and replica_set["metadata"]["uid"] == ref["uid"] else None
    if owner is None or owner["kind"] != "Deployment":
        return ()
    deployment = scope.view.get(RESOURCE, namespace, owner["name"])
    if deployment is None or deployment["metadata"]["uid"] != owner["uid"] or is_rolling(deployment):
        return ()
    left = [pod for each in scope.view.owned(REPLICA_SETS, owner["uid"]) for pod in scope.view.owned("pods", each["metadata"]["uid"])]
    if left and not (looks_on(deployment, scope.now_ns) and all(phase(pod) in ("Failed", "Succeeded") for pod in left)):
        return ()
    return ((namespace, owner["name"]),)


CONTROLLER = Controller(
    name=NAME,
    identity=service_account(NAME),
    watches=(Watch(RESOURCE, itself), Watch(REPLICA_SETS, replica_set_keys), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=5,
    max_retries=MAX_RETRIES,
    background=frozenset((DEADLINE,)),
)
