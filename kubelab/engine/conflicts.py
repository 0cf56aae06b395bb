"""What upstream's controllers do within a sync when a status write meets a conflict, by ``Call.on_conflict``.

``retry``: the same status again after 10 ms, on the object as the watch has it by then (StatefulSet: retry.RetryOnConflict,
pkg/controller/statefulset/stateful_set_status_updater.go). ``refresh``: read the object, write again, once (ReplicaSet:
updateReplicaSetStatus in pkg/controller/replicaset/replica_set_utils.go). ``read``: read the object, and fail all the same (DaemonSet:
storeDaemonSetStatus with StatusUpdateRetries = 1 in pkg/controller/daemon/daemon_controller.go). upstream: 1.20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.engine.plan import Call
from kubelab.engine.runner import Pending, Runner
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

PAUSE_NS = 10 * MILLISECOND  # upstream: client-go/util/retry DefaultRetry
STEPS = 5


def next_call(engine: Engine, runner: Runner, pending: Pending, call: Call) -> tuple[Call, int] | None:
    """What follows a conflict within the same sync, and after how long; None if the sync fails."""
    if call.on_conflict == "retry":
        if call.tries + 1 >= STEPS:
            return None
        newest = engine.scope(runner, pending.key).view.get(call.resource, call.namespace, call.name)
        again = call if newest is None else _on(call, newest)
        return again._replace(tries=call.tries + 1), PAUSE_NS
    if call.on_conflict in ("refresh", "read"):
        return Call("get", call.resource, call.namespace, call.name, body=call.body, on_conflict=f"after {call.on_conflict}"), 0
    return None


def after_reading(call: Call, found: Object) -> Call | None:
    """The write that follows the read; None if the sync fails."""
    if call.on_conflict != "after refresh":
        return None
    return _on(Call("update", call.resource, call.namespace, call.name, "status", call.body), found)


def _on(call: Call, newest: Object) -> Call:
    meta = {**call.body["metadata"], "resourceVersion": newest["metadata"]["resourceVersion"]}
    return call._replace(body={**call.body, "metadata": meta})
