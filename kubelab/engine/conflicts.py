"""What upstream's controllers do within a sync when a status write meets a conflict, by ``Call.on_conflict``.

``retry``: the same status again after 10 ms, on the object as the watch has it by then (StatefulSet: retry.RetryOnConflict,
pkg/controller/statefulset/stateful_set_status_updater.go). ``refresh``: read the object, write again, once (ReplicaSet:
updateReplicaSetStatus in pkg/controller/replicaset/replica_set_utils.go). ``read``: read the object, and fail all the same (DaemonSet:
storeDaemonSetStatus with StatusUpdateRetries = 1 in pkg/controller/daemon/daemon_controller.go). ``fail``: fail, as with any other refusal
(Endpoints: syncService in pkg/controller/endpoint/endpoints_controller.go; no status, but known from the watch alone all the same).
upstream: 1.20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubelab.apiserver.request import Response
from kubelab.engine.plan import Call
from kubelab.engine.runner import Pending, Runner
from kubelab.store.log import Object
from kubelab.world.clock import MILLISECOND

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

PAUSE_NS = 10 * MILLISECOND  # upstream: client-go/util/retry DefaultRetry
STEPS = 5


class Further(NamedTuple):
    """How a sync goes on after an answer: by ``call`` in place of the one answered, or not at all because of ``error``, or as usual."""

    call: Call | None = None
    after_ns: int = 0
    error: str = ""


AS_USUAL = Further()


def after(engine: Engine, runner: Runner, pending: Pending, call: Call, response: Response) -> Further:
    if call.verb == "get":
        return _after_reading(call, response)
    if response.code != 409 or call.on_conflict == "fail":
        return AS_USUAL
    if call.on_conflict == "retry":
        newest = engine.scope(runner, pending.key).view.get(call.resource, call.namespace, call.name)
        if newest is None or call.tries + 1 >= STEPS:
            return AS_USUAL
        return Further(_on(call, newest)._replace(tries=call.tries + 1), PAUSE_NS)
    read = Call("get", call.resource, call.namespace, call.name, body=call.body, on_conflict=call.on_conflict, because=call.because)
    return Further(read)


def _after_reading(call: Call, response: Response) -> Further:
    if response.code >= 400:
        return Further(error=response.object.get("message") or "refused")
    if call.on_conflict == "read":
        return Further(error="the status was written on an object that has been modified")
    again = Call("update", call.resource, call.namespace, call.name, "status", call.body, because=call.because)
    return Further(_on(again, response.object))


def _on(call: Call, newest: Object) -> Call:
    meta = {**call.body["metadata"], "resourceVersion": newest["metadata"]["resourceVersion"]}
    return call._replace(body={**call.body, "metadata": meta})
