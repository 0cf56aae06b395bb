"""Audit events of recorded calls, as audit.k8s.io/v1 writes them: made when somebody looks, from the log and the notes of its calls.

upstream: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go, pkg/audit/request.go, pkg/endpoints/filters/audit.go, 1.28; spec/audit.md A2.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kubelab.apiserver import http
from kubelab.apiserver.audit import agents, bodies, told, uri
from kubelab.apiserver.audit.doors import PEER, made_id
from kubelab.apiserver.audit.policy import COMPLETE, GROUP, PANIC, RECEIVED
from kubelab.apiserver.authorization.check import selected_name
from kubelab.apiserver.informers import record
from kubelab.apiserver.request import User
from kubelab.store.informer_calls import Moment
from kubelab.store.log import CallRecord, Object
from kubelab.store.note import AuditDoor, AuditNote
from kubelab.world.clock import MILLISECOND, format_duration, rfc3339_micro
from kubelab.world.streams import Streams

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

API_VERSION = f"{GROUP}/v1"
NODE = "system:node:"
SERVER = "system:apiserver"
SLOW_NS = 500 * MILLISECOND
_NO_DOOR = AuditDoor()
_UPGRADES = ("exec", "attach", "portforward")


class Place(NamedTuple):
    """How far somebody has read: calls of the log, and moments of its informers."""

    calls: int = 0
    moments: int = 0


class Made(NamedTuple):
    """An event, the instant of its stage, the number of its call (of an informer's: of the call that came next), and whether it is one of an
    informer's."""

    at_ns: int
    call: int
    event: Object
    told: bool


class Events:
    """Makes events of one server's calls; it remembers the nodes' addresses, and what it has made on the way."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._addresses: dict[str, str] = {}
        self._uids: dict[str, str] = {}
        self._lists = told.Lists(server)

    def since(self, call: int = 0) -> Iterator[tuple[int, Object]]:
        """The events of the calls from a number on, with that number, in the order of the answers; those of informers with the number of the call
        that came next."""
        moments = bisect_left(self._server.store.log.informers.moment_calls, call) if call else 0
        for made in self.between(Place(call, moments), self.end()):
            yield made.call, made.event

    def end(self) -> Place:
        """The place behind all that has happened so far."""
        log = self._server.store.log
        return Place(len(log.calls), log.informers.moments)

    def between(self, start: Place, end: Place) -> Iterator[Made]:
        """The events from one place to another, in the order of the answers."""
        log = self._server.store.log
        index = start.calls
        for number in range(start.moments, end.moments):
            moment = log.informers.moment(number)
            yield from self._of_calls(index, min(moment.calls, end.calls))
            index = max(index, moment.calls)
            yield from self._of_moment(moment)
        yield from self._of_calls(index, end.calls)

    def _of_calls(self, start: int, end: int) -> Iterator[Made]:
        calls = self._server.store.log.calls
        for index, call in enumerate(calls.between(start, end), start):
            if call.audit is not None:
                for event in self._made(index, call, call.audit, call.audit.treatment.stages):
                    yield Made(call.time_ns - call.latency_ns if event["stage"] == RECEIVED else call.time_ns, index, event, False)

    def _of_moment(self, moment: Moment) -> Iterator[Made]:
        """The events of an informer's list, of the beginning of its watch, or of the end of that."""
        row = self._server.store.log.informers.row(moment.row)
        note = told.note(row, self._server.release)
        if note is None:
            return
        call, stages = record(row), note.treatment.stages
        if row.verb == "watch":
            stages = tuple(stage for stage in stages if (stage == COMPLETE) == moment.ended)
        elif note.treatment.level == "RequestResponse" and call.code < 400 and COMPLETE in stages:
            note = note._replace(response=self._lists.answer(row, moment.calls))
        ended_ns = row.ended_ns if moment.ended else row.answered_ns
        for event in self._made(f"informer/{row.number}", call, note, stages, ended_ns):
            yield Made(row.received_ns if event["stage"] == RECEIVED else ended_ns, moment.calls, event, True)

    def of(self, index: int) -> list[Object]:
        """The events of one call, one per stage; none if it is not recorded."""
        call = self._server.store.log.calls[index]
        return [] if call.audit is None else self._made(index, call, call.audit, call.audit.treatment.stages)

    def _made(self, index: int | str, call: CallRecord, note: AuditNote, stages: Sequence[str], answered_ns: int = 0) -> list[Object]:
        """The events of some stages. ``answered_ns``: when the later ones were, if not with the answer."""
        received = rfc3339_micro(call.time_ns - call.latency_ns)
        answered = rfc3339_micro(answered_ns or call.time_ns)
        head, reference = self._head(index, call, note), self._reference(call, note)
        made: list[Object] = []
        for stage in stages:
            first = stage == RECEIVED
            event: Object = {**head, "stage": stage}
            if reference is not None:
                event["objectRef"] = _at_first(reference) if first else _completed(reference, call, note)
            if not first:
                event["responseStatus"] = _status(call, note)
                event.update(bodies.request(self._server, call, note))
                if note.door is not None and note.door.impersonated is not None:
                    event["impersonatedUser"] = _user(note.door.impersonated)
                if stage != PANIC:
                    event.update(bodies.response(self._server, call, note))
            event["requestReceivedTimestamp"] = received
            event["stageTimestamp"] = received if first else answered
            if not first and (annotations := _annotations(call, note, complete=stage == COMPLETE)):
                event["annotations"] = annotations
            if not event["userAgent"]:
                del event["userAgent"]
            made.append({name: event[name] for name in _ORDER if name in event})
        return made

    def received(self, index: int, call: CallRecord) -> Object:
        """The event RequestReceived of a call that is about to be served as number ``index``; its policy must not leave that stage out."""
        assert call.audit is not None
        return self._made(index, call, call.audit, (RECEIVED,))[0]

    def _head(self, index: int | str, call: CallRecord, note: AuditNote) -> Object:
        door = note.door or _NO_DOOR
        user = note.user
        return {
            "kind": "Event",
            "apiVersion": API_VERSION,
            "level": note.treatment.level,
            "auditID": door.audit_id or made_id(self._server.streams.seed, index),
            "requestURI": uri.request_uri(call, note, self._server.release),
            "verb": call.verb,
            "user": {} if user is None else self._caller(user, call),
            "sourceIPs": list(door.source_ips) or [self._address(call.user)],
            "userAgent": agents.cut(_agent(call, self._server.release)),
        }

    def _caller(self, user: User, call: CallRecord) -> Object:
        """A component's service account, and the API server itself, have a uid as their tokens would say; others say what they were authenticated
        with."""
        shown = _user(user)
        mine = call.component and user.name.startswith("system:serviceaccount:") or user.name == SERVER
        if mine and not user.uid:
            uid = self._uids.get(user.name)
            if uid is None:
                uid = self._uids[user.name] = Streams(self._server.streams.seed).uuid(f"user/{user.name}")
            return {"username": shown["username"], "uid": uid, **{name: part for name, part in shown.items() if name != "username"}}
        return shown

    def _address(self, user: str) -> str:
        """A kubelet calls from its node; everybody else from the control plane's own machine."""
        if not user.startswith(NODE):
            return PEER
        node = user.removeprefix(NODE)
        found = self._addresses.get(node)
        if found is None:
            found = self._addresses[node] = self._node_address(node)
        return found

    def _node_address(self, name: str) -> str:
        store = self._server.store
        node = store.head.get("nodes", "", name)
        if node is None:
            key = ("nodes", "", name)
            node = next((commit.object for commit in reversed(store.log.commits) if commit.key == key), None)
        addresses = ((node or {}).get("status") or {}).get("addresses") or ()
        return next((each["address"] for each in addresses if each["type"] == "InternalIP"), PEER)

    def _reference(self, call: CallRecord, note: AuditNote) -> Object | None:
        """objectRef as the URL alone gives it, without what is empty; None for a path that is no resource."""
        if not call.resource:
            return None
        if call.uri:
            path = http.parse_path(call.uri)
            group, version, plural, namespace = path.group, path.version, path.plural, path.namespace
            name = path.name or (_selected(path.query) if call.verb in ("list", "watch") else "")
        else:
            plural, group, version = uri.place(call, note, self._server.release)
            name = call.name if uri.is_named(call) else _selected(_query(note)) if call.verb in ("list", "watch") else ""
            namespace = name if plural == "namespaces" else call.namespace
        found = {
            "resource": plural,
            "namespace": namespace,
            "name": name,
            "apiGroup": group,
            "apiVersion": version,
            "subresource": call.subresource,
        }
        return {key: text for key, text in found.items() if text}


_ORDER = (
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "impersonatedUser",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
)
_REFERENCE_ORDER = ("resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion", "subresource")


def _agent(call: CallRecord, release: str) -> str:
    if call.uri and not call.component:
        return call.user_agent
    return agents.full(call.user_agent, call.user, electing=uri.is_election(call), release=release)


def _at_first(reference: Object) -> Object:
    return {key: reference[key] for key in _REFERENCE_ORDER if key in reference}


def _completed(reference: Object, call: CallRecord, note: AuditNote) -> Object:
    """What the body says where the URL is silent (upstream: LogRequestObject)."""
    if note.about is None:
        return _at_first(reference)
    name, namespace, uid, version = note.about
    said = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": version}
    return _at_first({**{key: text for key, text in said.items() if text}, **reference})


def _query(note: AuditNote) -> dict[str, list[str]]:
    return dict(http.parse_path(f"/?{note.door.query}").query) if note.door is not None and note.door.query else {}


def _selected(query: Any) -> str:
    """The name that a list's field selector asks for."""
    text = (query.get("fieldSelector") or [""])[0]
    return selected_name(text) if text else ""


def _user(user: User) -> Object:
    shown: Object = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    found = {name: part for name, part in shown.items() if part}
    if user.extra:
        found["extra"] = {name: list(values) for name, values in sorted(user.extra)}
    return found


def _status(call: CallRecord, note: AuditNote) -> Object:
    """The answer's code, and of a Status what is bounded in it."""
    answer = note.response
    status: Object = {"metadata": {}}
    if isinstance(answer, dict) and answer.get("kind") == "Status":
        for name in ("status", "message", "reason", "details"):
            if answer.get(name) or (name == "details" and answer.get(name) is not None):
                status[name] = answer[name]
    status["code"] = 101 if call.subresource in _UPGRADES and call.code < 300 else call.code
    return status


def _annotations(call: CallRecord, note: AuditNote, *, complete: bool) -> dict[str, str]:
    found = dict(note.annotations)
    if note.decision:
        found["authorization.k8s.io/decision"] = note.decision
        found["authorization.k8s.io/reason"] = note.reason
    if complete and call.latency_ns > SLOW_NS and call.resource:
        found["apiserver.latency.k8s.io/total"] = format_duration(call.latency_ns)
    return dict(sorted(found.items()))
