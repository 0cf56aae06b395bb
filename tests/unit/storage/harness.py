"""A component alone with a few objects: its keys are synced until it has nothing more to do, its writes are applied without a server."""

from __future__ import annotations

from typing import Any

from kubelab.engine.component import Change, Later, Scope
from kubelab.engine.plan import Call, Key, Plan
from kubelab.kinds import registry
from kubelab.store.log import Commit, Manager, Object
from kubelab.store.state import State
from kubelab.store.view import View
from kubelab.world.clock import parse_rfc3339
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing

NOW = "2026-01-01T12:00:00Z"
NOW_NS = parse_rfc3339(NOW)
BY = Manager("test", "Update", "v1")


class World:
    """``events``: ``TYPE REASON`` with the message; ``calls``: ``verb resource name[/subresource]`` in order, writes and reads."""

    def __init__(self, component: Any, *objects: Object, now_ns: int = NOW_NS) -> None:
        self.component, self.now_ns = component, now_ns
        self.state, self.memory = State(), {}
        self.events: list[tuple[str, str]] = []
        self.calls: list[str] = []
        self.bodies: list[Any] = []
        self.plans: list[Plan] = []
        self.queued: list[Key | Later] = []
        for obj in objects:
            self.put(obj)

    def scope(self, attempt: int = 0) -> Scope:
        timing = Timing()
        return Scope(
            View(self.state, {}, self.now_ns), self.memory, self.now_ns, Streams(1), timing, "test", "1.28", {}, {}, {"": {}}, attempt
        )

    # -- the objects -----------------------------------------------------------------------------------------------------------
    def put(self, obj: Object) -> None:
        resource = _resource(obj)
        meta = obj["metadata"]
        revision = self.state.revision + 1
        obj = {**obj, "metadata": {"creationTimestamp": NOW, **meta, "resourceVersion": str(revision)}}
        old = self.state.get(resource, meta.get("namespace", ""), meta["name"])
        self._apply("MODIFIED" if old else "ADDED", resource, obj, old)

    def remove(self, resource: str, namespace: str, name: str) -> None:
        old = self.state.get(resource, namespace, name)
        assert old is not None
        self._apply("DELETED", resource, old, old)

    def get(self, resource: str, name: str, namespace: str = "default") -> Object | None:
        return self.state.get(resource, "" if not registry.by_resource(resource).namespaced else namespace, name)

    def _apply(self, type_: str, resource: str, obj: Object, old: Object | None) -> None:
        meta, revision = obj["metadata"], self.state.revision + 1
        key = (resource, meta.get("namespace", ""), meta["name"])
        self.state.apply(Commit(revision, self.now_ns, type_, key, obj, old, 0, 0, BY))
        change = Change(type_, resource, obj, old, revision)
        for watch in self.component.watches:
            if watch.resource == resource:
                self.queued += list(watch.keys(change, self.scope()))

    # -- the syncs -------------------------------------------------------------------------------------------------------------
    def sync(self, *key: Any, attempt: int = 0) -> World:
        """One sync of a key: plan and calls, again while the plan says so."""
        self.queued = []
        for _ in range(100):
            seen = self.component.observe(self.scope(attempt), key)
            plan = Plan() if seen is None else self.component.plan(seen)
            self.plans.append(plan)
            self._write(plan.note)
            self.events += [(f"{draft.type} {draft.reason}", draft.message) for draft in plan.events]
            for call in plan.calls:
                self._do(call)
            if plan.error:
                return self
            self._write(plan.remember)
            if plan.again_ns != 0:
                return self
        raise AssertionError(f"{key} is looked at again and again")

    @property
    def because(self) -> list[str]:
        return [reason.rule for reason in self.plans[-1].because]

    def _write(self, changes: Any) -> None:
        for name, entries in changes.items():
            table = self.memory.setdefault(name, {})
            for key, item in entries.items():
                if item is None:
                    table.pop(key, None)
                else:
                    table[key] = item

    def _do(self, work: Any) -> None:
        if not isinstance(work, Call):
            self.calls.append(f"act {work.name}")
            return
        subresource = f"/{work.subresource}" if work.subresource else ""
        name = work.name or (work.body or {}).get("metadata", {}).get("generateName", "")
        self.calls.append(f"{work.verb} {work.resource} {name}{subresource}")
        self.bodies.append(work.body)
        self.events += [(f"{draft.type} {draft.reason}", draft.message) for draft in work.on_success]
        old = self.state.get(work.resource, work.namespace, work.name)
        if work.verb == "update" and old is not None:
            if work.subresource == "status":
                self.put({**old, "status": work.body["status"]})
            else:
                self.put({**work.body, **({"status": old["status"]} if "status" in old else {})})
        elif work.verb == "create":
            made = f"made-{len(self.calls)}"
            where = {"namespace": work.namespace} if work.namespace else {}
            name = f"{work.body['metadata'].get('generateName', '')}{made}"
            meta = {"name": name, "uid": f"uid-{made}", **where, **work.body["metadata"]}
            self.put({**work.body, "metadata": meta})
        elif work.verb == "delete" and old is not None:
            self.remove(work.resource, work.namespace, work.name)


def _resource(obj: Object) -> str:
    group = obj["apiVersion"].rpartition("/")[0]
    kind = registry.by_kind(obj["kind"], group)
    assert kind is not None, obj["kind"]
    return kind.resource
