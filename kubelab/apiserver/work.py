"""A request being worked on: what the steps of the line hand to each other, and the commit that ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kubelab.apiserver import status
from kubelab.apiserver.request import Request, Response
from kubelab.kinds.kind import Context, Kind
from kubelab.store.log import Commit, Manager, Object, ObjectKey

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer


@dataclass(slots=True)
class Work:
    """``object`` is the draft of what will be stored (it belongs to this request); ``old`` what is stored now (shared); ``sent`` the
    object of a create or update before admission and strategy.

    ``finished`` is set by a step that already knows the answer (a no-op, a second delete).
    """

    server: ApiServer
    request: Request
    kind: Kind
    context: Context
    object: Object = field(default_factory=dict)
    sent: Object | None = None
    old: Object | None = None
    operation: str = ""  # CREATE, UPDATE, DELETE
    manager: Manager | None = None
    commit_type: str = "MODIFIED"
    finished: Response | None = None
    created: bool = False
    generated: bool = False
    warnings: list[str] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    options: Object = field(default_factory=dict)  # DeleteOptions

    @property
    def key(self) -> ObjectKey:
        return (self.kind.resource, self.request.namespace if self.kind.namespaced else "", self.request.name)

    def stored(self) -> Object:
        """The object that the request names; 404 if it is not there."""
        request = self.request
        found = self.server.store.head.get(self.kind.resource, request.namespace if self.kind.namespaced else "", request.name)
        if found is None:
            raise status.not_found(self.kind, request.name)
        return found

    def answer(self, obj: Any, code: int = 200) -> Response:
        return Response(code, obj, self.commits, self.warnings)

    def commit(self, type_: str, key: ObjectKey, obj: Object, manager: Manager) -> Commit:
        """Write one change; ``obj`` and its metadata belong to this request and get their resourceVersion here."""
        store = self.server.store
        obj["metadata"]["resourceVersion"] = str(store.head.revision + 1)
        commit = store.commit(self.context.now_ns, type_, key, obj, manager, len(store.log.calls))
        self.commits.append(commit)
        return commit
