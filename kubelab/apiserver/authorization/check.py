"""The authorization step of the line: ask the authorizers in turn (masters, node, RBAC), remember decisions while no rule changes.

upstream: apiserver/pkg/endpoints/filters/authorization.go, apiserver/pkg/authorization/union/union.go,
apiserver/pkg/endpoints/handlers/responsewriters/errors.go (Forbidden), apiserver/pkg/endpoints/request/requestinfo.go, 1.28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from kubelab.apiserver import status
from kubelab.apiserver.authorization import node, rbac, rules
from kubelab.apiserver.request import Request, User
from kubelab.kinds.field import go_quote
from kubelab.kinds.field_selectors import parse_field_selector
from kubelab.kinds.names import is_path_segment_name
from kubelab.kinds.selectors import SelectorError
from kubelab.store.log import Object
from kubelab.store.state import State

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

MASTERS = "system:masters"
_KEEP = 100_000
_LISTS = ("list", "watch")
Candidate = tuple["tuple[str, ...] | None", str]  # the names it is for (None: any), and why


class Decision(NamedTuple):
    """``reason`` says by which binding a request is allowed, or what stood in the way of finding one."""

    allowed: bool
    reason: str = ""


class Decisions:
    """Remembered decisions. They follow from the RBAC objects and are forgotten when one changes; ``beats``, what nodes may do with their own
    leases and Node objects, from the request alone."""

    __slots__ = ("beats", "candidates", "grants", "stamp")

    def __init__(self) -> None:
        self.stamp: tuple[int | None, ...] = ()
        self.beats: dict[tuple[object, ...], None] = {}
        self.candidates: dict[tuple[object, ...], tuple[Candidate, ...]] = {}
        self.grants: dict[tuple[str, tuple[str, ...], str], rbac.Grants] = {}

    def fork(self) -> Decisions:
        new = Decisions()
        new.stamp = self.stamp
        new.beats = dict(self.beats)
        new.candidates = dict(self.candidates)
        new.grants = dict(self.grants)
        return new

    def refresh(self, state: State) -> None:
        """Forget what was remembered under other rules."""
        touched = state.touched.get
        stamp = (touched(rbac.ROLES), touched(rbac.BINDINGS), touched(rbac.CLUSTER_ROLES), touched(rbac.CLUSTER_BINDINGS))
        if stamp != self.stamp or len(self.candidates) > _KEEP:
            self.stamp = stamp
            self.candidates.clear()
            self.grants.clear()

    def grants_of(self, state: State, user: User, namespace: str) -> rbac.Grants:
        self.refresh(state)
        key = (user.name, user.groups, namespace)
        found = self.grants.get(key)
        if found is None:
            found = self.grants[key] = rbac.grants_of(state, user, namespace)
        return found

    def candidates_of(self, state: State, user: User, verb: str, resource: str, subresource: str, namespace: str) -> tuple[Candidate, ...]:
        """The rules that allow a verb on a resource, in order, up to the first that allows it whatever the name."""
        self.refresh(state)
        key = (user.name, user.groups, verb, resource, subresource, namespace)
        found = self.candidates.get(key)
        if found is None:
            plural, _, group = resource.partition(".")
            made: list[Candidate] = []
            for rule, source in ((each.rule, each.source) for each in self.grants_of(state, user, namespace).rules):
                if rules.allows_except_name(rule, verb, group, plural, subresource):
                    names = rule.get("resourceNames")
                    made.append((tuple(names) if names else None, source))
                    if not names:
                        break
            found = self.candidates[key] = tuple(made)
        return found


def authorize(server: ApiServer, request: Request) -> str:
    """Raise Forbidden unless some authorizer allows the request; its reason."""
    user = request.user
    if MASTERS in user.groups:
        return ""
    resource = request.resource
    if not resource:
        path = urlsplit(request.uri).path
        decision = can_path(server, user, request.verb, path)
        if not decision.allowed:
            _put_on_record(server, decision)
            raise _refused(f"cannot {request.verb} path {go_quote(path)}", user, "", "", decision.reason)
        return decision.reason
    decisions = server.decisions
    beat = (user, request.verb, resource, request.subresource, request.namespace, request.name) if resource in node.HEARTBEATS else None
    if beat in decisions.beats:
        return ""
    namespace = request.namespace if resource != "namespaces" else request.name
    decisions.refresh(server.store.head)
    known = decisions.candidates.get((user.name, user.groups, request.verb, resource, request.subresource, namespace))
    if known and known[0][0] is None:
        return known[0][1]
    name = asked_name(request)
    decision = can(server, user, request.verb, resource, request.subresource, namespace, name)
    if not decision.allowed:
        _put_on_record(server, decision)
        raise refusal(user, request.verb, resource, request.subresource, namespace, name, decision.reason)
    if beat is not None and len(decisions.beats) < _KEEP and node.allows_always(user, *beat[1:]):
        decisions.beats[beat] = None
    return decision.reason


def _put_on_record(server: ApiServer, refused: Decision) -> None:
    if server.recording is not None:
        server.recording.refused(refused.reason)


def authorize_creation(server: ApiServer, request: Request) -> None:
    """A PUT or an apply of what is not there needs the verb create as well.

    upstream: apiserver/pkg/endpoints/handlers/create.go withAuthorization
    """
    name = request.name
    decision = can(server, request.user, "create", request.resource, request.subresource, request.namespace, name)
    if not decision.allowed:
        plural, _, group = request.resource.partition(".")
        raise _forbidden(plural, group, request.resource, name, decision.reason)


def can(server: ApiServer, user: User, verb: str, resource: str, subresource: str, namespace: str, name: str) -> Decision:
    """May a user do this? ``resource`` is a storage name (``deployments.apps``)."""
    if MASTERS in user.groups:
        return Decision(True)
    state = server.store.head
    reasons: list[str] = []
    machine = node.identity(user) if user.name.startswith(node.PREFIX) else None
    if machine is not None:
        reason = node.decide(state, user, machine, verb, resource, subresource, namespace, name)
        if reason is None:
            return Decision(True)
        reasons.append(reason)
    for names, source in server.decisions.candidates_of(state, user, verb, resource, subresource, namespace):
        if names is None or name in names:
            return Decision(True, source)
    reasons.append(server.decisions.grants_of(state, user, namespace).refusal())
    return Decision(False, "\n".join(filter(None, reasons)))


def can_path(server: ApiServer, user: User, verb: str, path: str) -> Decision:
    """May a user ask for a path that is no resource?"""
    if MASTERS in user.groups:
        return Decision(True)
    reasons: list[str] = []
    machine = node.identity(user)
    if machine is not None:
        reasons.append(node.decide_path(user, machine) or "")
    grants = server.decisions.grants_of(server.store.head, user, "")
    for granted in grants.rules:
        if rules.allows_path(granted.rule, verb, path):
            return Decision(True, granted.source)
    reasons.append(grants.refusal())
    return Decision(False, "\n".join(filter(None, reasons)))


def rules_for(server: ApiServer, user: User, namespace: str) -> tuple[list[Object], list[Object], bool, str]:
    """Resource rules, non-resource rules, whether the answer is incomplete, and what went wrong: SelfSubjectRulesReview.

    upstream: union.go RulesFor, rbac.go RulesFor, node_authorizer.go RulesFor; the superuser's rules come from its own authorizer.
    """
    grants = server.decisions.grants_of(server.store.head, user, namespace)
    resources: list[Object] = []
    paths: list[Object] = []
    if MASTERS in user.groups:
        resources.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        paths.append({"verbs": ["*"], "nonResourceURLs": ["*"]})
    errors = list(grants.errors[:1] and (rbac.aggregate(grants.errors),))
    incomplete = False
    if node.identity(user) is not None:
        incomplete = True
        errors.insert(0, "node authorizer does not support user rule resolution")
    for granted in grants.rules:
        rule = granted.rule
        if rule.get("resources"):
            fields = ("verbs", "apiGroups", "resources", "resourceNames")
            resources.append({name: rule[name] for name in fields if rule.get(name)})
        if rule.get("nonResourceURLs"):
            paths.append({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]})
    return resources, paths, incomplete, rbac.aggregate(tuple(errors)) if errors else ""


def asked_name(request: Request) -> str:
    """The one object that a request is about; a list names it by a field selector."""
    if request.verb in _LISTS and not request.name and request.list_options.field_selector:
        return selected_name(request.list_options.field_selector)
    return request.name if request.verb != "create" or request.subresource else ""


def selected_name(field_selector: str) -> str:
    """The name that a field selector asks for, "" if it leaves a choice."""
    try:
        name = parse_field_selector(field_selector).exact("metadata.name") or ""
    except SelectorError:
        return ""
    return "" if is_path_segment_name(name) else name


def refusal(user: User, verb: str, resource: str, subresource: str, namespace: str, name: str, reason: str) -> status.ApiFailure:
    """Forbidden, in the words of the authorization step."""
    plural, _, group = resource.partition(".")
    shown = f"{plural}/{subresource}" if subresource else plural
    where = f"in the namespace {go_quote(namespace)}" if namespace else "at the cluster scope"
    cannot = f"cannot {verb} resource {go_quote(shown)} in API group {go_quote(group)} {where}"
    return _refused(cannot, user, resource, name, reason)


def _refused(cannot: str, user: User, resource: str, name: str, reason: str) -> status.ApiFailure:
    text = f"User {go_quote(user.name)} {cannot}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plural, _, group = resource.partition(".")
    return _forbidden(plural, group, resource, name, f"{text}: {reason}" if reason else text)


def _forbidden(plural: str, group: str, resource: str, name: str, why: str) -> status.ApiFailure:
    """Also for resources that no kind knows: authorization comes before the look-up."""
    details: Object = {key: value for key, value in (("name", name), ("group", group), ("kind", plural)) if value}
    if not resource:
        return status.failure(403, "Forbidden", f"forbidden: {why}", details)
    head = f"{resource} {go_quote(name)}" if name else resource
    return status.failure(403, "Forbidden", f"{head} is forbidden: {why}", details)
