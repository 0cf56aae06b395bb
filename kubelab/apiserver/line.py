"""The request line: every call of every caller goes through this one function.

authenticate ▸ audit ▸ flow control ▸ authorize ▸ resolve ▸ draft ▸ mutate ▸ prepare ▸ validate ▸ review ▸ commit

upstream: apiserver/pkg/server/config.go DefaultBuildHandlerChain, endpoints/handlers/{create,update,patch,delete,get}.go, 1.28.
Authentication has happened at the door (certificate, token, or the Python handle); the record for the audit is written by ``server.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubelab.apiserver import create, delete, discovery, read, status, update
from kubelab.apiserver.admission import chain
from kubelab.apiserver.authorization import check
from kubelab.apiserver.metrics_api import COMPUTED
from kubelab.apiserver.request import Request, Response
from kubelab.apiserver.reviews import REVIEWS
from kubelab.apiserver.subresources import SUBRESOURCES
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.kinds.events import conversion as events
from kubelab.kinds.kind import Context

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

READS = {"get": read.get, "list": read.list_, "watch": read.watch}
SENT = ("patch", "delete", "deletecollection")  # verbs whose body is not the object itself
WRITES = {"create": create, "update": update, "patch": update, "delete": delete}

CHANGED, CREATED = ("get", "update", "patch"), ("create",)
VERBS_OF = {
    "status": CHANGED,
    "scale": CHANGED,
    "finalize": ("update",),
    "binding": CREATED,
    "eviction": CREATED,
    "rollback": CREATED,
    "token": CREATED,
}


def serve(server: ApiServer, request: Request, context: Context) -> Response:
    """One call from its authorization to its answer; raises ``ApiFailure`` for a refusal."""
    refused = request.refused
    if isinstance(refused, status.ApiFailure) and refused.code in (401, 403):
        raise refused
    reason = check.authorize(server, request)
    recording = server.recording
    if recording is not None:
        recording.authorized(reason)
    if refused is not None:
        raise refused
    if not request.resource:
        return discovery.serve(server, request)
    work = resolve(server, request, context)
    if recording is not None and request.verb in SENT:
        recording.sent(request)
    if special := special_handler(work):
        return special(work)
    if request.verb in READS:
        return READS[request.verb](work)
    if request.verb == "deletecollection":
        return delete.collection(work)
    write = WRITES[request.verb]
    write.draft(work)
    if work.finished:
        return work.finished
    chain.mutate(work)
    write.prepare(work)
    if work.finished:
        return work.finished
    write.validate(work)
    chain.review(work)
    return write.commit(work)


def resolve(server: ApiServer, request: Request, context: Context) -> Work:
    """Kind and version of a request; 404 or 405 where there is none."""
    try:
        kind = registry.by_resource(request.resource, server.release)
    except KeyError:
        raise status.no_such_resource() from None
    if request.version and request.version not in kind.versions:
        raise status.no_such_resource()
    if request.subresource and request.subresource not in kind.subresources:
        raise status.no_such_resource()
    if request.verb not in (VERBS_OF.get(request.subresource, request.verb) if request.subresource else kind.verbs):
        raise status.method_not_allowed()
    if request.uri.startswith(_EVENTS_PATH):
        context = context._replace(as_group=events.GROUP)
    return Work(server, request, kind, context)


_EVENTS_PATH = f"/apis/{events.GROUP}/"


def special_handler(work: Work) -> Callable[[Work], Response] | None:
    """Subresources other than status, and kinds that are asked and not stored (reviews, metrics), have their own handlers."""
    request, resource = work.request, work.kind.resource
    if request.subresource:
        return SUBRESOURCES.get((resource, request.subresource)) or SUBRESOURCES.get(("*", request.subresource))
    if request.verb != "create":
        return COMPUTED.get(resource)
    return REVIEWS.get(resource) or SUBRESOURCES.get((resource, ""))
