"""The API server: takes calls, answers them, and writes each into the record. Its caches follow from the store and are never truth.

upstream: staging/src/k8s.io/apiserver/pkg/server, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubelab.apiserver import faults, line, status
from kubelab.apiserver.allocate import Allocations
from kubelab.apiserver.audit.recording import Audit, Recording
from kubelab.apiserver.authorization.check import Decisions
from kubelab.apiserver.faults import ApiFault
from kubelab.apiserver.managed import ManagedFields
from kubelab.apiserver.metrics import Counters
from kubelab.apiserver.metrics_api import MetricsDoor
from kubelab.apiserver.request import Request, Response
from kubelab.apiserver.subresources.kubelet import KubeletDoor
from kubelab.kinds.kind import Context
from kubelab.kinds.registry import asked_as
from kubelab.store.log import CallRecord, Object
from kubelab.store.store import Store
from kubelab.world.clock import rfc3339
from kubelab.world.streams import Streams
from kubelab.world.tuples import new_tuple

Gate = Callable[["ApiServer", Request, Recording, int], status.ApiFailure | None]


def _name_in(body: Any) -> str:
    """The name that a refused creation would have given."""
    meta = body.get("metadata") if isinstance(body, dict) else None
    name = meta.get("name") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else ""


class ApiServer:
    """``handle`` is the one door. ``faults`` (by name) refuse calls on purpose: see ``faults.py``.

    ``audit`` decides what is recorded of calls (None: without a policy nothing is), ``recording`` is the call's at work. ``gate``, if somebody
    has set it, is told of each recorded call before it is served, and refuses it by returning a failure; it is no part of the world; nor is
    ``follower``, which is called now and then within a long run, to read on in the log, nor ``audit_trouble``, which counts what the audit's
    backends lost by plugin, and refused.
    """

    def __init__(self, store: Store, streams: Streams, *, release: str, gates: dict[str, bool]) -> None:
        self.store = store
        self.streams = streams
        self.release = release
        self.gates = gates
        self.managed = ManagedFields(store, kept=release != "1.7")
        self.renamed = asked_as(release)
        self.decisions = Decisions()
        self.allocations = Allocations()
        self.faults: dict[str, ApiFault] = {}
        self.counters = Counters()
        self.kubelet_door: KubeletDoor | None = None
        self.audit: Audit | None = None
        self.recording: Recording | None = None
        self.gate: Gate | None = None
        self.follower: Callable[[], None] | None = None
        self.metrics_door: MetricsDoor | None = None
        self.audit_trouble: Callable[[], tuple[dict[str, int], int]] | None = None
        self._context = Context("", -1)

    def fork(self, store: Store, streams: Streams) -> ApiServer:
        new = ApiServer(store, streams, release=self.release, gates=self.gates)
        new.managed = self.managed.fork(store)
        new.decisions = self.decisions.fork()
        new.allocations = self.allocations.fork()
        new.faults = dict(self.faults)
        new.audit = self.audit.fork() if self.audit else None
        return new

    def context(self, now_ns: int) -> Context:
        """What strategies may know at an instant."""
        if self._context.now_ns != now_ns:
            self._context = Context(rfc3339(now_ns), now_ns, self.release, self.gates)
        return self._context

    def handle(self, request: Request, now_ns: int) -> Response:
        """One call: its answer, and its record. A refused call leaves the world as it was."""
        if self.renamed:
            from kubelab.apiserver import older_clients as older

            request = older.of_component(self.store.head, request, self.renamed)
        reason = message = ""
        name = request.name
        recording = None
        if self.audit is not None:
            recording = self.recording = self.audit.begin(request)
        try:
            if recording is not None and self.gate is not None and (closed := self.gate(self, request, recording, now_ns)) is not None:
                recording = self.recording = None
                raise closed
            if self.faults:
                faults.strike(self, request)
            response = line.serve(self, request, self.context(now_ns))
            if not name and request.verb == "create":
                name = response.object.get("metadata", {}).get("name", "")
        except status.ApiFailure as refusal:
            response = Response(refusal.code, refusal.status)
            reason, message = refusal.reason, refusal.message
            name = name or _name_in(request.body)
        except Exception as error:
            if self.audit is not None and recording is not None:
                self.audit.broke(recording)
                panic = status.failure(500, "InternalError", f"APIServer panic'd: {error}")
                self._record(request, name, Response(500, panic.status), panic.reason, panic.message, recording, now_ns)
            raise
        self._record(request, name, response, reason, message, recording, now_ns)
        return response

    def _record(
        self, request: Request, name: str, response: Response, reason: str, message: str, recording: Recording | None, now_ns: int
    ) -> None:
        """Put a call on record."""
        commits, origin = response.commits, request.origin
        fields = (
            now_ns,
            request.user.name,
            request.user_agent,
            request.verb,
            request.resource,
            request.subresource,
            request.namespace,
            name,
            response.code,
            reason,
            message,
            origin.wait_ns,
            origin.latency_ns,
            origin.component,
            origin.key,
            origin.wake,
            origin.cause,
            origin.because,
            commits[-1].revision if commits else 0,
            request.uri,
            None if recording is None else recording.note(request, response),
        )
        self.store.log.calls.append(new_tuple(CallRecord, fields))

    def present(self, obj: Any) -> Any:
        """An object, or a list of them (whose items carry neither kind nor version), as it leaves by the raw door: with managedFields."""
        if not isinstance(obj, dict):
            return obj
        if "items" in obj and obj.get("kind", "").endswith("List"):
            items = [self._with_managed(item) for item in obj["items"]]
            return {**obj, "items": [{name: part for name, part in item.items() if name not in ("kind", "apiVersion")} for item in items]}
        return self._with_managed(obj)

    def _with_managed(self, obj: Object) -> Object:
        meta = obj.get("metadata") or {}
        version = meta.get("resourceVersion", "")
        if not meta.get("uid") or not version.isdigit():
            return obj
        log = self.store.log
        revision = int(version)
        if not log.first <= revision <= log.revision:
            return obj
        commit = log.at(revision)
        if commit.object["metadata"]["uid"] != meta["uid"] or commit.object["kind"] != obj.get("kind") or "managedFields" in meta:
            return obj
        entries = self.managed.at(commit)
        return {**obj, "metadata": {**meta, "managedFields": entries}} if entries else obj
