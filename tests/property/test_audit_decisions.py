"""Random policies and requests: what the server remembers of its decisions is what the policy says of each request by itself."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as some

from kubelab.apiserver.audit.checker import Attributes, evaluate
from kubelab.apiserver.audit.policy import LEVELS, AuditPolicy, AuditResources, AuditRule, as_object, from_object, validate
from kubelab.apiserver.audit.recording import Audit, is_long_running
from kubelab.apiserver.request import NO_LIST_OPTIONS, Door, ListOptions, Origin, Request, User

USERS = [User("alice", ("dev",)), User("alice", ("ops",)), User("bob", ("dev", "ops")), User("")]
NAMES, NAMESPACES = ["a", "b"], ["default", "team", ""]


def few(*items: str) -> some.SearchStrategy[tuple[str, ...]]:
    return some.sampled_from([chosen for length in range(3) for chosen in combinations(items, length)])


resources = some.lists(
    some.builds(
        lambda group, resources, names: AuditResources(group, resources, names),
        some.sampled_from(["", "apps", "events.k8s.io"]),
        few("pods", "pods/log", "pods/*", "*/log", "*", "events", "namespaces", "deployments").filter(bool),
        few(*NAMES),
    ),
    max_size=2,
).map(tuple)
matching = some.one_of(
    some.fixed_dictionaries({"resources": resources, "namespaces": few(*NAMESPACES)}),
    some.fixed_dictionaries({"non_resource_urls": few("/healthz*", "/version", "*", "/debug/pprof/*")}),
)
rules = some.builds(
    lambda level, users, groups, verbs, stages, managed, rest: AuditRule(
        level, users, groups, verbs, omit_stages=stages, omit_managed_fields=managed, **rest
    ),
    some.sampled_from(LEVELS),
    few("alice", "bob"),
    few("dev", "ops"),
    few("get", "list", "create", "watch"),
    few("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"),
    some.sampled_from([None, True, False]),
    matching,
)
policies = some.builds(
    lambda rules, stages, managed: AuditPolicy(rules, stages, managed),
    some.lists(rules, min_size=1, max_size=4).map(tuple),
    few("RequestReceived", "Panic"),
    some.booleans(),
)
on_resources = some.builds(
    lambda verb, resource, namespace, name, user, caller, selected, scheduler: Request(
        verb,
        resource.partition("/")[0],
        "" if resource == "namespaces" else namespace,
        "" if verb in ("list", "watch") else name,
        resource.partition("/")[2],
        user=user,
        list_options=ListOptions(field_selector=f"metadata.name={name}") if selected else NO_LIST_OPTIONS,
        origin=Origin(component="scheduler" if scheduler else "x"),
        door=Door(caller) if caller is not None else None,
    ),
    some.sampled_from(["get", "list", "create", "watch", "delete"]),
    some.sampled_from(["pods", "pods/log", "deployments.apps", "events", "namespaces"]),
    some.sampled_from(NAMESPACES),
    some.sampled_from(NAMES),
    some.sampled_from(USERS),
    some.sampled_from([None, *USERS[:2]]),
    some.booleans(),
    some.booleans(),
)
on_paths = some.builds(
    lambda path, user: Request("get", "", uri=path, user=user),
    some.sampled_from(["/healthz", "/healthz?verbose", "/version", "/debug/pprof/heap", "/debug"]),
    some.sampled_from(USERS),
)


def seen(request: Request) -> Attributes:
    """What the policy may see of a request, worked out without any of the server's short cuts."""
    user = request.door.caller if request.door is not None and request.door.caller is not None else request.user
    who = (user.name or None, user.groups, request.verb)
    if not request.resource:
        return Attributes(*who, path=request.uri.partition("?")[0])
    plural, _, group = request.resource.partition(".")
    if plural == "events" and request.origin.component == "scheduler":
        group = "events.k8s.io"
    name = request.name
    if request.verb == "create" and not request.subresource:
        name = ""
    elif request.verb in ("list", "watch"):
        name = request.list_options.field_selector.partition("=")[2]
    return Attributes(*who, name if plural == "namespaces" else request.namespace, group, plural, request.subresource, name)


@settings(max_examples=300, deadline=None)
@given(policies, some.lists(some.one_of(on_resources, on_paths), min_size=1, max_size=12))
def test_remembered_decisions_are_the_policys_own(policy: AuditPolicy, requests: list[Request]) -> None:
    audit = Audit(policy, "1.28")
    for request in requests:
        attributes = seen(request)
        decided = evaluate(policy, attributes)
        recording = audit.begin(request)
        if decided.level == "None":
            assert recording is None
            continue
        assert recording is not None
        found = recording.treatment
        assert (found.level, found.omit_managed_fields, found.rule) == (decided.level, decided.omit_managed_fields, decided.rule)
        long = is_long_running(request.verb, attributes.resource, request.subresource, attributes.path)
        wanted = ["RequestReceived", *(["ResponseStarted"] if long else []), "ResponseComplete"] if attributes.user else ["ResponseStarted"]
        assert list(found.stages) == [stage for stage in wanted if stage not in decided.omit_stages]
        assert found.panics is ("Panic" not in decided.omit_stages)
    assert sum(audit.levels.values()) == len(requests)


@settings(max_examples=100, deadline=None)
@given(policies)
def test_a_policy_is_the_same_after_it_was_written_and_read(policy: AuditPolicy) -> None:
    assert validate(policy) == []
    assert from_object(as_object(policy)).policy == policy
