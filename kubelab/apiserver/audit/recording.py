"""Recording: what the policy decides for each call, and the note that the call's record carries. Events are made of it later (``event.py``).

upstream: staging/src/k8s.io/apiserver/pkg/endpoints/filters/{audit,authn_audit}.go, pkg/audit/{request,context,metrics}.go, 1.28; spec/audit.md A2.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from kubelab.apiserver.audit import uri
from kubelab.apiserver.audit.checker import Attributes, evaluate, sight
from kubelab.apiserver.audit.policy import COMPLETE, LEVELS, PANIC, RECEIVED, STARTED, AuditPolicy
from kubelab.apiserver.authorization.check import asked_name
from kubelab.apiserver.copying import private
from kubelab.apiserver.request import Request, Response
from kubelab.kinds import registry
from kubelab.kinds.events import conversion as events
from kubelab.store.log import Object
from kubelab.store.note import AuditDoor, AuditNote, Treatment

LONG_VERBS = ("watch", "proxy")
LONG_SUBRESOURCES = ("attach", "exec", "proxy", "log", "portforward")
ROOTS = ("api", "version", "logs")
_KEEP = 100_000
_NOT_RECORDED = Treatment("None", (), False, -1)


class Audit:
    """The policy in force, what it has decided so far, and how often. ``levels`` and ``events`` are upstream's apiserver_audit_level_total and
    apiserver_audit_event_total."""

    __slots__ = ("events", "known", "levels", "policy", "release", "sees")

    def __init__(self, policy: AuditPolicy, release: str) -> None:
        self.release = release
        self.levels = dict.fromkeys(LEVELS, 0)
        self.events = 0
        self.known: dict[tuple[Any, ...], Treatment] = {}
        self.reload(policy)

    def reload(self, policy: AuditPolicy) -> None:
        """Another policy from now on; the counters go on."""
        self.policy = policy
        self.sees = sight(policy)
        self.known.clear()

    def fork(self) -> Audit:
        new = Audit(self.policy, self.release)
        new.levels, new.events, new.known = dict(self.levels), self.events, dict(self.known)
        return new

    def state(self) -> tuple[AuditPolicy, dict[str, int], int]:
        """What a saved world keeps."""
        return self.policy, self.levels, self.events

    @classmethod
    def restored(cls, state: tuple[AuditPolicy, dict[str, int], int], release: str) -> Audit:
        new = cls(state[0], release)
        new.levels, new.events = dict(state[1]), state[2]
        return new

    def begin(self, request: Request) -> Recording | None:
        """The recording of a call, None if the policy does not want it."""
        user, door, sees = request.user, request.door, self.sees
        if door is not None and door.caller is not None:
            user = door.caller
        resource, name = request.resource, ""
        if not resource:
            name = request.uri
        elif sees.names or resource == "namespaces":
            name = asked_name(request)
        if resource == "events" and uri.is_new_event(request.uri, request.origin.component, self.release):
            resource = f"events.{events.GROUP}"
        key = (
            request.verb,
            resource,
            request.subresource,
            user if sees.users or not user.name else None,
            (name if resource == "namespaces" else request.namespace) if sees.namespaces else "",
            name if sees.names or not resource else "",
        )
        treatment = self.known.get(key)
        if treatment is None:
            if len(self.known) > _KEEP:
                self.known.clear()
            treatment = self.known[key] = self._treatment(request, resource, user)
        self.count(treatment)
        return None if treatment.level == "None" else Recording(treatment, user)

    def count(self, treatment: Treatment) -> None:
        self.levels[treatment.level] += 1
        self.events += len(treatment.stages)

    def _treatment(self, request: Request, resource: str, user: Any) -> Treatment:
        plural, _, group = resource.partition(".")
        name = asked_name(request) if resource else ""
        attributes = Attributes(
            user.name or None,
            user.groups,
            request.verb,
            name if resource == "namespaces" else request.namespace,
            group,
            plural,
            request.subresource,
            name,
            "" if resource else urlsplit(request.uri).path,
        )
        decided = evaluate(self.policy, attributes, release=self.release)
        if decided.level == "None":
            return _NOT_RECORDED._replace(rule=decided.rule)
        if not user.name:
            stages: tuple[str, ...] = (STARTED,)
        elif is_long_running(request.verb, plural, request.subresource, attributes.path):
            stages = (RECEIVED, STARTED, COMPLETE)
        else:
            stages = (RECEIVED, COMPLETE)
        kept = tuple(stage for stage in stages if stage not in decided.omit_stages)
        return Treatment(decided.level, kept, decided.omit_managed_fields, decided.rule, PANIC not in decided.omit_stages)

    def broke(self, recording: Recording) -> None:
        """The server broke down over a call: a Panic in place of the answer (and of its beginning)."""
        before = recording.treatment
        stages = tuple(stage for stage in before.stages if stage == RECEIVED) + ((PANIC,) if before.panics else ())
        recording.treatment = before._replace(stages=stages)
        self.events += len(stages) - len(before.stages)


def is_long_running(verb: str, plural: str, subresource: str, path: str = "") -> bool:
    """Requests that answer for as long as somebody listens: an event of their own says when the answer began.

    upstream: apiserver/pkg/server/filters/longrunning.go, pkg/controlplane/apiserver/config.go
    """
    if not plural:
        return path.startswith("/debug/pprof/")
    return verb in LONG_VERBS or subresource in LONG_SUBRESOURCES


class Recording:
    """A call being recorded. The line says the authorizer's decision, the decoder what the body is, admission its annotations."""

    __slots__ = ("about", "annotations", "decision", "reason", "request", "treatment", "user")

    def __init__(self, treatment: Treatment, user: Any) -> None:
        self.treatment = treatment
        self.user = user
        self.decision = self.reason = ""
        self.about: tuple[str, str, str, str] | None = None
        self.annotations: dict[str, str] | None = None
        self.request: Any = None

    def authorized(self, reason: str) -> None:
        self.decision, self.reason = "allow", reason

    def refused(self, reason: str) -> None:
        self.decision, self.reason = "forbid", reason

    def decoded(self, obj: Object, *, typed: bool) -> None:
        """The body of a create or update, decoded and defaulted; a component's body is kept as it is, and defaulted when somebody looks."""
        if self.about is None:
            meta = obj["metadata"]
            get = meta.get
            self.about = (get("name") or "", get("namespace") or "", get("uid") or "", get("resourceVersion") or "")
            if self.treatment.level != "Metadata":
                self.request = obj if typed else private(obj)

    def sent(self, request: Request) -> None:
        """The body of a patch or a delete, which nobody decodes into an object."""
        if self.treatment.level == "Metadata":
            return
        if request.verb == "patch":
            self.request = request.body
        elif request.door is None or request.door.options_version:
            self.request = request.body or {}

    def annotated(self) -> dict[str, str]:
        if self.annotations is None:
            self.annotations = {}
        return self.annotations

    def note(self, request: Request, response: Response) -> AuditNote:
        """What the record keeps."""
        annotations = self.annotations
        return AuditNote(
            self.treatment,
            self.user if self.user.name else None,
            self.decision,
            self.reason,
            self.about,
            tuple(sorted(annotations.items())) if annotations else (),
            self.request,
            self._answer(request, response),
            _door(request),
        )

    def _answer(self, request: Request, response: Response) -> Any:
        """A Status at any level; other objects at RequestResponse, those that were written by their revision."""
        answer = response.object
        if type(answer) is not dict:
            return None
        kind = answer.get("kind")
        if kind == "Status":
            return None if answer.get("code") == 404 and is_nowhere(request, answer) else answer
        if self.treatment.level != "RequestResponse" or kind is None:
            return None
        if is_long_running(request.verb, request.resource, request.subresource):
            return None
        for commit in response.commits:
            if commit.object is answer:
                return commit.revision
        return answer


def is_nowhere(request: Request, answer: Object) -> bool:
    """Whether a path ends at no handler at all: its answer is a line of text then, of which a client library makes the Status.

    upstream: apiserver/pkg/util/notfoundhandler, pkg/server/handler.go (director: what is below a group's root has Status answers).
    """
    if answer.get("details") != {} or not request.uri:
        return False
    root, _, rest = urlsplit(request.uri).path.strip("/").partition("/")
    if root != "apis":
        return root not in ROOTS
    group = rest.partition("/")[0]
    return group != events.GROUP and not any(kind.group == group for kind in registry.all_kinds())


def _door(request: Request) -> AuditDoor | None:
    door = request.door
    if door is not None:
        impersonated = request.user if door.caller is not None and request.user is not door.caller else None
        return AuditDoor(impersonated, door.audit_id, door.source_ips, door.accept, door.options_version)
    if request.uri or (request.origin.typed and request.patch_type != "apply"):
        return None
    query = uri.query_of(request)
    return AuditDoor(version=request.version, query=query) if query or request.version else None
