"""Making the difference between the pods that are there and those that are wanted.

Creations start slowly, deletions go all at once, each at most 500 in one sync.

upstream: manageReplicas in pkg/controller/replicaset/replica_set.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubelab.controllers.common.deletion_order import pods_to_delete
from kubelab.controllers.common.events import pod_created, pod_deleted, pod_not_created, pod_not_deleted
from kubelab.controllers.common.pod_template import pod_from_template, with_creator
from kubelab.controllers.common.slow_start import slow_start
from kubelab.engine.plan import NOTHING, Batch, Call, Plan, Reason, create, delete
from kubelab.store.log import Object

BURST_REPLICAS = 500

TOO_FEW = Reason("TooFewPods", "{subject} has {pods} pods and wants {replicas}")
TOO_MANY = Reason("TooManyPods", "{subject} has {pods} pods and wants {replicas}")


def manage_replicas(
    replica_set: Object, pods: Sequence[Object], present: int, on_node: Mapping[str, int], now_ns: int, release: str
) -> Plan:
    """The creations or deletions of one sync. ``present``: how many active pods there are; ``pods``: which, if some must go."""
    missing = int(replica_set["spec"].get("replicas", 1)) - present
    if missing > 0:
        return _create_pods(replica_set, min(missing, BURST_REPLICAS), present, release)
    if missing < 0:
        surplus = pods_to_delete(pods, min(-missing, BURST_REPLICAS), on_node=on_node, now_ns=now_ns, release=release)
        return _delete_pods(replica_set, surplus, present)
    return NOTHING


def _create_pods(replica_set: Object, count: int, present: int, release: str) -> Plan:
    pod = pod_from_template(replica_set["spec"]["template"], replica_set)
    call = create(
        "pods",
        with_creator(pod, replica_set) if release == "1.7" else pod,
        replica_set["metadata"]["namespace"],
        on_success=(pod_created(replica_set),),
        on_refusal=(pod_not_created(replica_set),),
        ignore_terminating=True,
        because=TOO_FEW(_subject(replica_set), pods=present, replicas=replica_set["spec"].get("replicas", 1)),
    )
    calls = (call,) * count
    if release == "1.7":
        return Plan((Batch(calls),))
    return Plan(tuple(Batch(tuple(batch)) for batch in slow_start(calls)))


def _delete_pods(replica_set: Object, surplus: Sequence[Object], present: int) -> Plan:
    because = TOO_MANY(_subject(replica_set), pods=present, replicas=replica_set["spec"].get("replicas", 1))
    refused = (pod_not_deleted(replica_set),)
    calls: tuple[Call, ...] = tuple(
        delete("pods", pod, accept=(404,), on_success=(pod_deleted(replica_set, pod),), on_refusal=refused, because=because)
        for pod in surplus
    )
    return Plan((Batch(calls),))


def _subject(replica_set: Object) -> str:
    return f"{replica_set['kind'].lower()}/{replica_set['metadata']['name']}"
