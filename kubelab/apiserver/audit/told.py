"""The calls of informers as the audit's events want them: a note made of a row, and what a list answered.

upstream: client-go/tools/cache/reflector.go (options), client-go/kubernetes/typed (timeout beside timeoutSeconds), client-go/metadata, 1.28.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from kubelab.apiserver import read
from kubelab.apiserver.informers import request_of
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.store.informer_calls import InformerCall
from kubelab.store.log import Object
from kubelab.store.note import AuditDoor, AuditNote
from kubelab.store.state import State
from kubelab.world.clock import SECOND, format_duration

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

PAGE = 500  # upstream: pager.defaultPageSize
_AS_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def note(row: InformerCall, release: str = "1.28") -> AuditNote | None:
    """What the audit has of it; None if the policy did not want it."""
    how = row.outcome
    if how.treatment is None:
        return None
    accept = _AS_METADATA if row.verb == "list" and row.reflector.agent.endswith("/metadata-informers") else ""
    door = AuditDoor(accept=accept, query=query(row, release))
    return AuditNote(how.treatment, row.reflector.user, how.decision, how.allowed, response=how.status, door=door)


def query(row: InformerCall, release: str = "1.28") -> str:
    """What stands behind the path: a first list takes what the server's cache has, page by page; one that is made again wants no less than
    what was seen; a watch goes on from there. Clients of 1.7 knew neither pages nor bookmarks, and said a watch's time once.

    >>> from kubelab.store.informer_calls import Outcome, Reflector
    >>> row = InformerCall(0, Reflector("kubelet/a", None, "", "pods", "", "spec.nodeName=a", True), Outcome(), 0, 0, 0, 0, 9, 426)
    >>> query(row)
    'allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Da&resourceVersion=9&timeoutSeconds=426&watch=true'
    >>> query(row._replace(reflector=row.reflector._replace(bare=False, selector="")))
    'allowWatchBookmarks=true&resourceVersion=9&timeout=7m6s&timeoutSeconds=426&watch=true'
    """
    found: list[tuple[str, str]] = []
    older = release == "1.7"
    if row.timeout_s and not older:
        found.append(("allowWatchBookmarks", "true"))
    if row.reflector.selector:
        found.append(("fieldSelector", row.reflector.selector))
    if not row.timeout_s and not row.version and not older:
        found.append(("limit", str(PAGE)))
    found.append(("resourceVersion", str(row.version)))
    if row.timeout_s:
        if not row.reflector.bare and not older:
            found.append(("timeout", format_duration(row.timeout_s * SECOND)))
        found += [("timeoutSeconds", str(row.timeout_s)), ("watch", "true")]
    return "&".join(f"{name}={quote_plus(text)}" for name, text in found)


class Lists:
    """What lists answered, made again from the log. The state last looked at is kept: lists are looked at in the order in which they were made."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._state = State()

    def answer(self, row: InformerCall, calls: int) -> Object:
        """The whole list, as it was after ``calls`` calls."""
        who, server = row.reflector, self._server
        kind = registry.by_resource(who.resource, server.release)
        work = Work(server, request_of(who, "list"), kind, server.context(row.answered_ns))
        commits = bisect_left(server.store.log.commits, calls, key=attrgetter("call"))
        return read.list_in(work, self._at(server.store.log.first + commits - 1))

    def _at(self, revision: int) -> State:
        if self._state.revision > revision:
            self._state = State()
        log = self._server.store.log
        for number in range(max(self._state.revision + 1, log.first), revision + 1):
            self._state.apply(log.at(number))
        return self._state
