"""An informer's list or watch at the API server: authorization, faults and the audit's decision, without the answer that nobody reads.

What an informer is told reaches its component by the engine's deliveries; its calls are made so that they are on record.

upstream: apiserver/pkg/endpoints/handlers/get.go (ListResource), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kubelab.apiserver import faults, status
from kubelab.apiserver.audit.policy import COMPLETE
from kubelab.apiserver.authorization import check
from kubelab.apiserver.request import ListOptions, Origin, Request
from kubelab.store.informer_calls import InformerCall, Outcome, Reflector
from kubelab.store.log import CallRecord, Log
from kubelab.store.note import Treatment

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

STREAM = "informers"  # of all chance in their calls, so that nothing else sees another chance than without them


def request_of(reflector: Reflector, verb: str) -> Request:
    """What is asked, as far as authorization and policy look at it."""
    return Request(
        verb,
        reflector.resource,
        reflector.namespace,
        list_options=ListOptions(field_selector=reflector.selector),
        user=reflector.user,
        user_agent=reflector.agent,
        origin=Origin(reflector.component, typed=True),
    )


def ask(server: ApiServer, request: Request) -> Outcome:
    """How the server answers; a call that the audit policy wants carries what it decided."""
    audit = server.audit
    recording = server.recording = audit.begin(request) if audit is not None else None
    treatment = recording.treatment if recording is not None else None
    try:
        if server.faults:
            faults.strike(server, request, STREAM)
        reason = check.authorize(server, request)
    except status.ApiFailure as refusal:
        decision, why = (recording.decision, recording.reason) if recording is not None else ("", "")
        return Outcome(refusal.code, refusal.reason, refusal.message, treatment, decision, why, refusal.status)
    if treatment is None:
        return _FINE
    if request.verb == "watch":
        _count(server, treatment, -1)
    return Outcome(treatment=treatment, decision="allow", allowed=reason)


_FINE = Outcome()


def over(server: ApiServer, outcome: Outcome) -> None:
    """A watch has ended: of that there is an event."""
    if outcome.treatment is not None:
        _count(server, outcome.treatment, 1)


def _count(server: ApiServer, treatment: Treatment, events: int) -> None:
    if server.audit is not None and COMPLETE in treatment.stages:
        server.audit.events += events


def record(row: InformerCall) -> CallRecord:
    """The call as its record would have it; a watch is answered when it begins."""
    who, how = row.reflector, row.outcome
    asked = (who.user.name, who.agent, row.verb, who.resource, "", who.namespace, "")
    times = (row.wait_ns, row.answered_ns - row.received_ns)
    return CallRecord(row.answered_ns, *asked, how.code, how.reason, how.message, *times, who.component, "", 0, 0, "", 0, "")


def all_calls(log: Log) -> Iterator[tuple[int, CallRecord]]:
    """Every call in the order of the answers, those of informers too: each with its number in ``log.calls``, -1 for an informer's."""
    told, number = log.informers, 0
    calls = iter(log.calls)
    for place in range(told.moments):
        moment = told.moment(place)
        while number < moment.calls:
            yield number, next(calls)
            number += 1
        if not moment.ended:
            yield -1, record(told.row(moment.row))
    for call in calls:
        yield number, call
        number += 1
