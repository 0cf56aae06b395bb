"""Faults of the API server itself: calls refused or slowed down on purpose, as a failing etcd or an overloaded server would.

upstream: apiserver/pkg/server/filters/timeout.go, --request-timeout of cmd/kube-apiserver, 1.28.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubelab.apiserver import status
from kubelab.apiserver.request import Request
from kubelab.world.clock import SECOND
from kubelab.world.codec import value

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

LAB = "lab.kubelab.dev"
REQUEST_TIMEOUT_NS = 60 * SECOND
REFUSALS = {
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}
CODES = (429, 500, 503, 504)  # how a call may be refused
READS = ("get", "list", "watch")


@value
@dataclass(frozen=True, slots=True)
class ApiFault:
    """Which calls are hit: ``resources`` (empty: all but the lab's own), ``verbs``, ``users``, ``components`` (empty: all), a ``share`` of
    them from 0 to 1. They are refused with ``code``, or, with a ``delay_ns``, answered that much later.
    """

    resources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    share: float = 1.0
    users: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    code: int = 500
    delay_ns: int = 0

    def hits(self, verb: str, resource: str, user: str, component: str) -> bool:
        """Whether a call is of those that it hits (its ``share`` aside). The lab's own group is never hit, so that a fault can be ended."""
        return (
            not resource.endswith(LAB)
            and (not self.resources or resource in self.resources)
            and (not self.verbs or verb in self.verbs)
            and (not self.users or user in self.users)
            and (not self.components or component in self.components)
        )


def strike(server: ApiServer, request: Request, stream: str = "") -> None:
    """Refuse the call if an active fault hits it, or if it has taken longer than the server gives any call. ``stream``: of its chance, "" the
    fault's own."""
    origin = request.origin
    for name, fault in server.faults.items():
        if not fault.hits(request.verb, request.resource, request.user.name, origin.component):
            continue
        if fault.delay_ns:
            late_ns = origin.latency_ns if origin.component else fault.delay_ns
            if late_ns >= REQUEST_TIMEOUT_NS:
                raise _refusal(504, request.verb)
        elif fault.share >= 1 or server.streams.uniform(stream or f"fault/{name}") < fault.share:
            raise _refusal(fault.code, request.verb)


def _refusal(code: int, verb: str) -> status.ApiFailure:
    """upstream: filters/timeout.go for reads, endpoints/handlers/finisher/finisher.go for writes."""
    if code == 500:
        return status.internal_error("etcdserver: request timed out")
    if code == 504:
        words = "the allotted timeout" if verb in READS else "requested timeout - context deadline exceeded"
        return status.failure(504, "Timeout", f"Timeout: request did not complete within {words}", {})
    reason, message = REFUSALS[code]
    return status.failure(code, reason, message, {"retryAfterSeconds": 1} if code == 429 else {})


def delay(server: ApiServer, verb: str, resource: str, user: str, component: str, stream: str = "") -> int:
    """By how much active faults make the answer to a component's call later, at most to the server's own limit."""
    total_ns = 0
    for name, fault in server.faults.items():
        if fault.delay_ns and fault.hits(verb, resource, user, component):
            if fault.share >= 1 or server.streams.uniform(stream or f"fault/{name}") < fault.share:
                total_ns += fault.delay_ns
    return min(total_ns, REQUEST_TIMEOUT_NS)
