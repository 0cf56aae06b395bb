"""The ReplicationController's controller: the ReplicaSet's rules, on an object whose selector is a map of labels.

upstream: pkg/controller/replication/{replication_controller,conversion}.go, 1.28: there too the ReplicaSet controller runs on converted objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.controllers.common.dependents import itself, label_selector_of, manager_keys
from kubelab.controllers.replicaset import controller as replicaset
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Act, Batch, Call, Key, Plan
from kubelab.store.log import Object

RESOURCE = "replicationcontrollers"


@dataclass(frozen=True, slots=True)
class Seen:
    """``converted``: what the ReplicaSet controller is shown."""

    controller: Object
    converted: replicaset.Seen


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace, name = key
    controller = scope.view.get(RESOURCE, namespace, name)
    if controller is None:
        return None
    as_set = as_replica_set(controller)
    claimed = replicaset.claimed_pods(scope, as_set, RESOURCE)
    return Seen(controller, replicaset.Seen(as_set, claimed.objects, scope.now_ns, claimed, release=scope.release))


def as_replica_set(controller: Object) -> Object:
    """The same object with a LabelSelector, its kind left as it is: what is made for it belongs to it."""
    spec = controller["spec"]
    return {**controller, "spec": {**spec, "selector": label_selector_of(controller)}} if spec.get("selector") else controller


def plan(seen: Seen) -> Plan:
    made = replicaset.plan(seen.converted)
    if not made.batches:
        return made
    return made._replace(batches=tuple(_as_stored(seen.controller, batch) for batch in made.batches))


def _as_stored(controller: Object, batch: Batch) -> Batch:
    return batch._replace(calls=tuple(_call_as_stored(controller, call) for call in batch.calls))


def _call_as_stored(controller: Object, call: Call | Act) -> Call | Act:
    """Status writes carry the object as it is stored."""
    if not isinstance(call, Call) or call.subresource != "status":
        return call
    return call._replace(resource=RESOURCE, body={**call.body, "spec": controller["spec"]})


def pod_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return manager_keys(change, scope, "ReplicationController", RESOURCE)


CONTROLLER = Controller(
    name="replication-controller",
    identity=service_account("replication-controller"),
    watches=(Watch(RESOURCE, itself), Watch("pods", pod_keys)),
    observe=observe,
    plan=plan,
    workers=5,
)
