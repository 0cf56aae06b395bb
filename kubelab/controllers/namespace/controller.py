"""The namespace controller: 5 s after a namespace is deleted its content is deleted, resource by resource; when nothing is left, it goes.

One sync has two halves: delete and list everything; then look at what is left.

upstream: pkg/controller/namespace/{namespace_controller.go,deletion/namespaced_resources_deleter.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.controllers.namespace.content import Left, aggregate, conditions_of, deletable, left_in
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import NOTHING, Batch, Call, Key, Plan, Reason, update, update_status
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

RESOURCE = "namespaces"
GRACE_NS = 5 * SECOND
TOKEN = "kubernetes"
EMPTIED = "emptied"

EMPTY = Reason("EmptyNamespace", "{subject} is being deleted: so is what it holds")
REMAINING = Reason("ContentRemains", "{subject} still holds objects")
FINALIZE = Reason("NamespaceEmpty", "{subject} holds nothing any more")


@dataclass(frozen=True, slots=True)
class Seen:
    """``left`` is None before the content has been deleted in this sync."""

    namespace: Object
    left: Left | None
    now_ns: int
    release: str = "1.28"
    one_by_one: tuple[tuple[str, str], ...] = ()  # of what has no deletecollection: resource and name


def observe(scope: Scope, key: Key) -> Seen | None:
    view, name = scope.view, key[0]
    namespace = view.get(RESOURCE, "", name)
    if namespace is None or namespace["metadata"].get("deletionTimestamp") is None:
        return None
    uid = namespace["metadata"]["uid"]
    if uid not in scope.table(EMPTIED):
        alone = tuple(("services", each["metadata"]["name"]) for each in view.list("services", name)) if scope.release == "1.7" else ()
        return Seen(namespace, None, scope.now_ns, scope.release, alone)
    objects = {resource: view.list(resource, name) for resource, _, _ in deletable(scope.release)}
    return Seen(namespace, left_in(namespace, objects, scope.now_ns, scope.release), scope.now_ns, scope.release)


def plan(seen: Seen) -> Plan:
    namespace, meta = seen.namespace, seen.namespace["metadata"]
    if not namespace["spec"].get("finalizers"):
        return NOTHING
    if seen.left is None:
        return _empty(seen)
    subject = f"namespace/{meta['name']}"
    forget = Plan(note={EMPTIED: {meta["uid"]: None}})
    batches: tuple[Batch, ...] = ()
    conditions = conditions_of(namespace, seen.left, seen.now_ns) if seen.release == "1.28" else None
    if conditions is not None:
        body = {**namespace, "status": {**(namespace.get("status") or {}), "conditions": conditions}}
        batches = (Batch((update_status(RESOURCE, body, accept=(404, 409), because=REMAINING(subject)),)),)
    if seen.left.errors:
        return forget.then(Plan(batches, error=aggregate(seen.left.errors), because=(REMAINING(subject),)))
    if seen.left.estimate:
        return forget.then(Plan(batches, again_ns=(seen.left.estimate // 2 + 1) * SECOND, because=(REMAINING(subject),)))
    if batches:
        return Plan(batches, again_ns=0)
    return forget.then(Plan((Batch((_finalize(namespace, subject),)),)))


def _empty(seen: Seen) -> Plan:
    """Read it, then delete and list the objects of each resource."""
    namespace, meta = seen.namespace, seen.namespace["metadata"]
    name, because = meta["name"], EMPTY(f"namespace/{meta['name']}")
    batches = [Batch((Call("get", RESOURCE, "", name, accept=(404,)),))]
    if (namespace.get("status") or {}).get("phase") != "Terminating":
        body = {**namespace, "status": {**(namespace.get("status") or {}), "phase": "Terminating"}}
        return Plan((Batch((update_status(RESOURCE, body, because=because),)),), again_ns=0)
    options = {"propagationPolicy": "Background"}
    batches += [Batch((Call("delete", resource, name, each, accept=(404,), because=because),)) for resource, each in seen.one_by_one]
    for resource, _, _ in deletable(seen.release):
        if resource == "pods":
            batches.append(Batch((Call("list", resource, name),)))
        batches.append(Batch((Call("deletecollection", resource, name, body=options, because=because),)))
        batches.append(Batch((Call("list", resource, name),)))
    return Plan(tuple(batches), again_ns=0, remember={EMPTIED: {meta["uid"]: True}})


def _finalize(namespace: Object, subject: str) -> Call:
    spec = {**namespace["spec"], "finalizers": [each for each in namespace["spec"]["finalizers"] if each != TOKEN]}
    body = {"apiVersion": namespace["apiVersion"], "kind": namespace["kind"], "metadata": namespace["metadata"], "spec": spec}
    call = update(RESOURCE, body, accept=(404,), because=FINALIZE(subject))
    return Call(call.verb, call.resource, "", call.name, "finalize", body=body, accept=(404,), because=call.because)


def namespace_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    if change.type == "DELETED":
        scope.table(EMPTIED).pop(meta["uid"], None)
        return ()
    return (Later(GRACE_NS, (meta["name"],)),) if meta.get("deletionTimestamp") is not None else ()


CONTROLLER = Controller(
    name="namespace-controller",
    identity=service_account("namespace-controller"),
    watches=(Watch(RESOURCE, namespace_keys),),
    observe=observe,
    plan=plan,
    workers=10,
    backoff=(5_000_000, 60 * SECOND),
    qps=400.0,
    burst=3000,
)
