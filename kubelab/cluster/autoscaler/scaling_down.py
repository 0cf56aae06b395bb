"""Scaling down: which nodes are not needed, since when, and which of them may go now.

upstream: cluster-autoscaler/core/scaledown/{eligibility,planner,unneeded}, simulator/{cluster,drain}.go, simulator/utilization/info.go,
utils/drain/drain.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.cluster.autoscaler.options import AutoscalerOptions
from kubelab.cluster.autoscaler.snapshot import Snapshot
from kubelab.kinds import quantity
from kubelab.kinds.selectors import matches_selector
from kubelab.store.view import View
from kubelab.world.clock import SECOND, parse_rfc3339

Object = dict[str, Any]

DISABLED = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
SAFE_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
MIRROR = "kubernetes.io/config.mirror"
LONG_TERMINATING_NS = 30 * SECOND  # beyond the grace period (upstream: PodLongTerminatingExtraThreshold)
_LOOKED_UP = {
    "ReplicationController": "replicationcontrollers",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "Job": "jobs.batch",
}


class Removable(NamedTuple):
    """A node that is not needed, and the pods that would move."""

    node: str
    pods: tuple[Object, ...]


class Blocked(NamedTuple):
    """A pod that keeps its node."""

    pod: Object
    reason: str


class Picture(NamedTuple):
    """``unneeded``: in order; ``unremovable``: why the other nodes stay."""

    unneeded: tuple[Removable, ...]
    unremovable: tuple[tuple[str, str], ...]


def picture(
    candidates: Sequence[Object],
    view: View,
    snapshot: Callable[[], Snapshot],
    options: AutoscalerOptions,
    recent: Mapping[str, int],
    now_ns: int,
) -> Picture:
    """``candidates``: the nodes of pools; ``recent``: nodes that were found unremovable, until when they are not looked at again;
    ``snapshot``: made only if some node could go."""
    budgets = [dict(each) for each in view.list("poddisruptionbudgets.policy")]
    left = {id_of(budget): int((budget.get("status") or {}).get("disruptionsAllowed") or 0) for budget in budgets}
    unneeded: list[Removable] = []
    kept: list[tuple[str, str]] = []
    movable: dict[str, tuple[Object, ...] | Blocked] = {}
    for node in candidates:
        name = node["metadata"]["name"]
        reason = ineligible(node, view, options, recent, now_ns)
        if reason:
            kept.append((name, reason))
        else:
            movable[name] = pods_to_move(view.on_node(name), view, budgets, left, options, now_ns)
    empty = [name for name, found in movable.items() if found == ()]
    tried = snapshot() if any(not isinstance(found, Blocked) for found in movable.values()) else None
    destinations = [info.name for info in tried.cluster.order] if tried is not None else []
    for name in (*empty, *(name for name in movable if name not in empty)):
        found = movable[name]
        if isinstance(found, Blocked):
            kept.append((name, f"{found.pod['metadata']['namespace']}/{found.pod['metadata']['name']}: {found.reason}"))
        elif tried is not None and _moves(found, name, [each for each in destinations if each != name], tried):
            destinations.remove(name)
            unneeded.append(Removable(name, found))
        else:
            kept.append((name, "no place to move its pods to"))
    return Picture(tuple(unneeded), tuple(kept))


def id_of(budget: Object) -> tuple[str, str]:
    return budget["metadata"]["namespace"], budget["metadata"]["name"]


def ineligible(node: Object, view: View, options: AutoscalerOptions, recent: Mapping[str, int], now_ns: int) -> str:
    """Why a node is not even thought of; "" if it is."""
    meta = node["metadata"]
    if recent.get(meta["name"], 0) > now_ns:
        return "recently found unremovable"
    if (meta.get("annotations") or {}).get(DISABLED) == "true":
        return "scale-down is disabled by its annotation"
    share, resource = utilization(node, view.on_node(meta["name"]), now_ns)
    if share >= options.scale_down_utilization_threshold:
        return f"{resource} utilization {share:.2f} is not below {options.scale_down_utilization_threshold:g}"
    return ""


def is_ready(node: Object) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def utilization(node: Object, pods: Sequence[Object], now_ns: int) -> tuple[float, str]:
    """The larger share of cpu or memory that containers ask for, and of which resource."""
    allocatable = node["status"]["allocatable"]
    best = (0.0, "memory")
    for name in ("memory", "cpu"):
        has = quantity.milli(allocatable.get(name, "0"))
        asked = sum(
            quantity.milli(container["resources"]["requests"][name])
            for pod in pods
            if not _is_finished(pod) and not is_long_terminating(pod, now_ns)
            for container in pod["spec"]["containers"]
            if name in ((container.get("resources") or {}).get("requests") or {})
        )
        share = asked / has if has else 0.0
        if share > best[0]:
            best = (share, name)
    return best


def _is_finished(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_long_terminating(pod: Object, now_ns: int) -> bool:
    """Whether a pod should have been gone for a while (upstream counts the grace period twice: the timestamp contains it)."""
    deleted, grace = pod["metadata"].get("deletionTimestamp"), pod["spec"].get("terminationGracePeriodSeconds")
    wait_ns = (30 if grace is None else grace) * SECOND + LONG_TERMINATING_NS
    return bool(deleted) and parse_rfc3339(deleted) + wait_ns < now_ns


# -- pods that move ------------------------------------------------------------------------------------------------------
def pods_to_move(
    pods: Sequence[Object],
    view: View,
    budgets: Sequence[Object],
    left: dict[tuple[str, str], int],
    options: AutoscalerOptions,
    now_ns: int,
) -> tuple[Object, ...] | Blocked:
    """The pods of a node that must find another place; or the pod that keeps the node."""
    moving: list[Object] = []
    for pod in pods:
        meta = pod["metadata"]
        if MIRROR in (meta.get("annotations") or {}) or is_long_terminating(pod, now_ns) or is_daemon(pod):
            continue
        reason = _keeps_node(pod, view, budgets, options)
        if reason:
            return Blocked(pod, reason)
        moving.append(pod)
    for pod in moving:
        for budget in budgets:
            if _covers(budget, pod) and left[id_of(budget)] < 1:
                return Blocked(pod, "not enough pod disruption budget to move it")
    for pod in moving:
        for budget in budgets:
            left[id_of(budget)] -= _covers(budget, pod)
    return tuple(moving)


def is_daemon(pod: Object) -> bool:
    owner = _controller(pod)
    return owner is not None and owner["kind"] == "DaemonSet"


def _controller(pod: Object) -> Object | None:
    return next((each for each in pod["metadata"].get("ownerReferences") or () if each.get("controller")), None)


def _covers(budget: Object, pod: Object) -> bool:
    selector = budget["spec"].get("selector")
    same = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and selector is not None and matches_selector(selector, pod["metadata"].get("labels"))


def _keeps_node(pod: Object, view: View, budgets: Sequence[Object], options: AutoscalerOptions) -> str:
    """upstream: GetPodsForDeletionOnNodeDrain."""
    meta = pod["metadata"]
    annotations = meta.get("annotations") or {}
    owner = _controller(pod)
    resource = _LOOKED_UP.get(owner["kind"]) if owner is not None else None
    if owner is not None and resource is not None and view.get(resource, meta["namespace"], owner["name"]) is None:
        return f"its {owner['kind']} is not there"
    if annotations.get(SAFE_TO_EVICT) == "true" or _is_terminal(pod):
        return ""
    if owner is None or resource is None:
        return "not replicated"
    if meta["namespace"] == "kube-system" and options.skip_nodes_with_system_pods and not any(_covers(each, pod) for each in budgets):
        return "a system pod without a disruption budget"
    if options.skip_nodes_with_local_storage and _has_local_storage(pod, annotations.get(SAFE_VOLUMES, "")):
        return "has local storage"
    return "marked as not safe to evict" if annotations.get(SAFE_TO_EVICT) == "false" else ""


def _is_terminal(pod: Object) -> bool:
    policy, phase = pod["spec"].get("restartPolicy"), (pod.get("status") or {}).get("phase")
    return phase == "Failed" or (phase == "Succeeded" and policy in ("Never", "OnFailure"))


def _has_local_storage(pod: Object, harmless: str) -> bool:
    names = harmless.split(",") if harmless else []
    return any(
        ("hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory"))
        and volume["name"] not in names
        for volume in pod["spec"].get("volumes") or ()
    )


def _moves(pods: Sequence[Object], node: str, destinations: Sequence[str], snapshot: Snapshot) -> bool:
    """Whether all pods find another place, which they take in the snapshot then."""
    moved: list[tuple[Object, str]] = []
    for pod in pods:
        snapshot.take(pod["metadata"]["uid"])
    for pod in pods:
        entry = snapshot.entry(pod)
        place = snapshot.first_fit(entry, destinations)
        if place is None:
            for each, _ in moved:
                snapshot.take(each["metadata"]["uid"])
            for each in pods:
                snapshot.place(snapshot.entry(each)._replace(node_name=node), node)
            return False
        snapshot.place(entry, place)
        moved.append((pod, place))
    return True


# -- nodes that go -------------------------------------------------------------------------------------------------------
class Going(NamedTuple):
    """Nodes that are removed now: those without pods to move, and those that are drained first."""

    empty: tuple[str, ...]
    drained: tuple[Removable, ...]


def going(
    unneeded: Sequence[Removable],
    since: Mapping[str, int],
    pools: Mapping[str, tuple[str, bool]],
    sizes: Mapping[str, tuple[int, int]],
    draining: int,
    options: AutoscalerOptions,
    now_ns: int,
) -> Going:
    """``since``: when a node became unneeded; ``pools``: of each node its pool and whether it is ready; ``sizes``: of each pool how many nodes it
    has that are not being removed, and its least; ``draining``: how many are drained already."""
    count = {pool: size for pool, (size, _) in sizes.items()}
    empty: list[str] = []
    drained: list[Removable] = []
    for each in (*(one for one in unneeded if not one.pods), *(one for one in unneeded if one.pods)):
        pool, ready = pools[each.node]
        wait_ns = options.scale_down_unneeded_time if ready else options.scale_down_unready_time
        if since.get(each.node, now_ns) + wait_ns >= now_ns or count[pool] <= sizes[pool][1]:
            continue
        if each.pods:
            if draining + len(drained) >= options.max_drain_parallelism:
                continue
            drained.append(each)
        else:
            if len(empty) >= options.max_empty_bulk_delete:
                continue
            empty.append(each.node)
        count[pool] -= 1
    return Going(tuple(empty), tuple(drained))
