"""The API server's ``/metrics``: what the log of calls says, counted when somebody asks.

upstream: apiserver/pkg/endpoints/metrics/metrics.go (names, labels, buckets), storage/etcd3/metrics/metrics.go, 1.28. A call that authentication
or authorization refused never reaches the handlers that are counted there; a non-resource path is not counted here.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from kubelab.apiserver.audit import metrics as audit
from kubelab.apiserver.exposition import Family, Sample, histogram, page
from kubelab.apiserver.informers import record
from kubelab.kinds import registry
from kubelab.store.log import CallRecord, Log

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
SLI_BUCKETS = BUCKETS[2:]
_BOUNDS_NS = [round(bound * 1e9) for bound in BUCKETS]
CONNECTS = ("log", "exec", "portforward", "attach", "proxy")
HELP_TOTAL = "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code."
HELP_OPEN = (
    "Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. "
    "Not all requests are tracked this way."
)
HELP_DURATION = (
    "Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component."
)
HELP_SLI = (
    "Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, "
    "group, version, resource, subresource, scope and component."
)

_METHODS = {"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
Route = tuple[str, str, str, str, str, str, str]  # verb, dry run, group, version, resource, subresource, scope


class Counters:
    """What has been counted of a log so far, so that a page counts only what is new. It follows from the log and is never truth."""

    __slots__ = ("durations", "open", "seen", "sums_ns", "told", "totals")

    def __init__(self) -> None:
        self.seen = 0
        self.told = 0  # moments of informers
        self.open: dict[Route, int] = {}  # watches
        self.totals: dict[tuple[Route, int], int] = {}
        self.durations: dict[Route, list[int]] = {}
        self.sums_ns: dict[Route, int] = {}

    def catch_up(self, log: Log) -> None:
        """Count the calls that have come since; a watch when it ends."""
        for call in log.calls[self.seen :]:
            if call.resource and not refused_at_the_gate(call):
                self._count(route_of(call), call.code, call.latency_ns)
        self.seen = len(log.calls)
        for number in range(self.told, log.informers.moments):
            moment = log.informers.moment(number)
            row = log.informers.row(moment.row)
            call = record(row)
            if refused_at_the_gate(call):
                continue
            route = route_of(call)
            if row.verb == "watch":
                self.open[route] = self.open.get(route, 0) + (-1 if moment.ended else 1)
            if row.verb == "list" or moment.ended:
                self._count(route, call.code, row.ended_ns - row.received_ns if moment.ended else call.latency_ns)
        self.told = log.informers.moments

    def _count(self, route: Route, code: int, took_ns: int) -> None:
        self.totals[route, code] = self.totals.get((route, code), 0) + 1
        if route not in self.durations:
            self.durations[route] = [0] * (len(BUCKETS) + 1)
            self.sums_ns[route] = 0
        self.durations[route][bisect_left(_BOUNDS_NS, took_ns)] += 1
        self.sums_ns[route] += took_ns


def text(server: ApiServer) -> str:
    """The page, as of now."""
    counters = server.counters
    counters.catch_up(server.store.log)
    lost, rejected = server.audit_trouble() if server.audit_trouble else ({}, 0)
    objects = {kind.resource: len(server.store.head.all(kind.resource)) for kind in registry.all_kinds()}
    return page(
        (
            Family("apiserver_request_total", "counter", "STABLE", HELP_TOTAL, _totals(counters.totals)),
            Family("apiserver_longrunning_requests", "gauge", "STABLE", HELP_OPEN, _open(counters.open)),
            Family("apiserver_request_duration_seconds", "histogram", "STABLE", HELP_DURATION, _durations(counters, BUCKETS)),
            Family("apiserver_request_sli_duration_seconds", "histogram", "ALPHA", HELP_SLI, _durations(counters, SLI_BUCKETS)),
            Family(
                "apiserver_storage_objects",
                "gauge",
                "STABLE",
                "Number of stored objects at the time of last check split by kind.",
                tuple(Sample({"resource": name}, count) for name, count in sorted(objects.items()) if count),
            ),
            *audit.families(audit.totals(server.audit, lost, rejected)),
        )
    )


def refused_at_the_gate(call: CallRecord) -> bool:
    """Whether authentication or authorization refused a call: such a one never comes to its handler."""
    return call.code == 401 or (call.code == 403 and f'User "{call.user}" cannot ' in call.message)


def route_of(call: CallRecord) -> Route:
    """The labels of a call.

    upstream: metrics.go CleanScope, CleanVerb, cleanDryRun.
    """
    plural, _, group = call.resource.partition(".")
    named = bool(call.name) and call.verb not in ("list", "watch", "deletecollection")
    scope = "resource" if named or call.verb == "create" else "namespace" if call.namespace else "cluster"
    verb = "CONNECT" if call.subresource in CONNECTS else _METHODS.get(call.verb, call.verb.upper())
    path = urlsplit(call.uri).path.split("/") if call.uri else []
    query = parse_qs(urlsplit(call.uri).query) if "dryRun" in call.uri else {}
    version = path[3 if path[1] == "apis" else 2] if len(path) > 3 else _storage_version(call.resource)
    return (verb, ",".join(sorted(set(query.get("dryRun", ())))), group, version, plural, call.subresource, scope)


@cache
def _storage_version(resource: str) -> str:
    try:
        return registry.by_resource(resource).versions[0]
    except KeyError:
        return ""


def _labels(route: Route, *, dry_run: bool) -> dict[str, str]:
    verb, dry, group, version, resource, subresource, scope = route
    labels = {"verb": verb, "group": group, "version": version, "resource": resource, "subresource": subresource, "scope": scope}
    return {**labels, "component": "apiserver", **({"dry_run": dry} if dry_run else {})}


def _totals(totals: dict[tuple[Route, int], int]) -> tuple[Sample, ...]:
    return tuple(Sample({**_labels(route, dry_run=True), "code": str(code)}, count) for (route, code), count in sorted(totals.items()))


def _open(found: dict[Route, int]) -> tuple[Sample, ...]:
    return tuple(Sample(_labels(route, dry_run=False), count) for route, count in sorted(found.items()) if count)


def _durations(counters: Counters, bounds: tuple[float, ...]) -> tuple[Sample, ...]:
    samples: list[Sample] = []
    finer = len(BUCKETS) - len(bounds)  # the first buckets that these bounds do not have, taken together
    for route, found in sorted(counters.durations.items()):
        counts = [sum(found[: finer + 1]), *found[finer + 1 :]]
        samples += histogram(_labels(route, dry_run=bounds is BUCKETS), bounds, counts, counters.sums_ns[route] / 1e9)
    return tuple(samples)
