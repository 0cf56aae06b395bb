"""Which level a request is recorded at: upstream's own table of decisions, row by row.

upstream: staging/src/k8s.io/apiserver/pkg/audit/policy/checker_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.apiserver.audit.checker import Attributes, evaluate
from kubelab.apiserver.audit.policy import COMPLETE, RECEIVED, STARTED, AuditPolicy, AuditResources, AuditRule

TIM, HUMANS = "tim@k8s.io", ("humans", "developers")
RBAC = "rbac.authorization.k8s.io"
REQUESTS = {
    "namespaced": Attributes(TIM, HUMANS, "get", "default", "", "pods", "", "busybox", "/api/v1/namespaces/default/pods/busybox"),
    "cluster": Attributes(TIM, HUMANS, "get", "", RBAC, "clusterroles", "", "edit", f"/apis/{RBAC}/v1beta1/clusterroles/edit"),
    "nonResource": Attributes(TIM, HUMANS, "get", path="/logs/kubelet.log"),
    "subresource": Attributes(TIM, HUMANS, "get", "default", "", "pods", "log", "busybox", "/api/v1/namespaces/default/pods/busybox"),
    "Unauthorized": Attributes(None, (), "get", "default", "", "pods", "", "busybox", "/api/v1/namespaces/default/pods/busybox"),
}


def on(*resources: str, group: str = "", names: tuple[str, ...] = ()) -> tuple[AuditResources, ...]:
    return (AuditResources(group, resources, names),)


RULES = {
    "default": AuditRule("Metadata"),
    "create": AuditRule("Request", verbs=("create",)),
    "tims": AuditRule("Metadata", users=(TIM,)),
    "humans": AuditRule("Metadata", user_groups=("humans",)),
    "serviceAccounts": AuditRule("Request", user_groups=("system:serviceaccounts",)),
    "getPods": AuditRule("RequestResponse", verbs=("get",), resources=on("pods")),
    "getPodLogs": AuditRule("Request", verbs=("get",), resources=on("pods/log")),
    "getPodWildcardMatching": AuditRule("Request", verbs=("get",), resources=on("*")),
    "getPodResourceWildcardMatching": AuditRule("Request", verbs=("get",), resources=on("*/log")),
    "getPodSubResourceWildcardMatching": AuditRule("Request", verbs=("get",), resources=on("pods/*")),
    "getClusterRoles": AuditRule("RequestResponse", verbs=("get",), resources=on("clusterroles", group=RBAC), namespaces=("",)),
    "getLogs": AuditRule("RequestResponse", verbs=("get",), non_resource_urls=("/logs*",)),
    "getMetrics": AuditRule("Request", verbs=("get",), non_resource_urls=("/metrics",)),
    "clusterRoleEdit": AuditRule("Request", resources=on("clusterroles", group=RBAC, names=("edit",))),
    "omit RequestReceived": AuditRule("Request", omit_stages=(RECEIVED,)),
    "only audit panic": AuditRule("Request", omit_stages=(RECEIVED, STARTED, COMPLETE)),
}
LEVELS = [
    ("namespaced", "Metadata", ["default"]),
    ("namespaced", "None", ["create"]),
    ("namespaced", "Metadata", ["tims"]),
    ("namespaced", "Metadata", ["humans"]),
    ("namespaced", "None", ["serviceAccounts"]),
    ("namespaced", "RequestResponse", ["getPods"]),
    ("namespaced", "None", ["getClusterRoles"]),
    ("namespaced", "None", ["getLogs"]),
    ("namespaced", "None", ["getMetrics"]),
    ("namespaced", "Metadata", ["getMetrics", "serviceAccounts", "default"]),
    ("namespaced", "RequestResponse", ["getMetrics", "getPods", "default"]),
    ("namespaced", "RequestResponse", ["getPodLogs", "getPods"]),
    ("cluster", "Metadata", ["default"]),
    ("cluster", "None", ["create"]),
    ("cluster", "Metadata", ["tims"]),
    ("cluster", "Metadata", ["humans"]),
    ("cluster", "None", ["serviceAccounts"]),
    ("cluster", "None", ["getPods"]),
    ("cluster", "RequestResponse", ["getClusterRoles"]),
    ("cluster", "Request", ["clusterRoleEdit", "getClusterRoles"]),
    ("cluster", "None", ["getLogs"]),
    ("cluster", "None", ["getMetrics"]),
    ("cluster", "Metadata", ["getMetrics", "serviceAccounts", "default"]),
    ("cluster", "RequestResponse", ["getMetrics", "getClusterRoles", "default"]),
    ("cluster", "None", ["getPodLogs", "getPods"]),
    ("nonResource", "Metadata", ["default"]),
    ("nonResource", "None", ["create"]),
    ("nonResource", "Metadata", ["tims"]),
    ("nonResource", "Metadata", ["humans"]),
    ("nonResource", "None", ["serviceAccounts"]),
    ("nonResource", "None", ["getPods"]),
    ("nonResource", "None", ["getClusterRoles"]),
    ("nonResource", "RequestResponse", ["getLogs"]),
    ("nonResource", "None", ["getMetrics"]),
    ("nonResource", "Metadata", ["getMetrics", "serviceAccounts", "default"]),
    ("nonResource", "RequestResponse", ["getLogs", "getClusterRoles", "default"]),
    ("nonResource", "None", ["getPodLogs", "getPods"]),
    ("subresource", "Request", ["getPodLogs", "getPods"]),
    ("subresource", "Request", ["getPodWildcardMatching"]),
    ("subresource", "Request", ["getPodResourceWildcardMatching"]),
    ("subresource", "Request", ["getPodSubResourceWildcardMatching"]),
    ("Unauthorized", "None", ["tims"]),
    ("Unauthorized", "Metadata", ["tims", "default"]),
    ("Unauthorized", "None", ["humans"]),
    ("Unauthorized", "Metadata", ["humans", "default"]),
]


@pytest.mark.parametrize("stages", [(), (RECEIVED, STARTED)])
@pytest.mark.parametrize(("request_name", "level", "rules"), LEVELS)
def test_level(request_name: str, level: str, rules: list[str], stages: tuple[str, ...]) -> None:
    """TestChecker and TestCheckerPolicyOmitStages: the table is the same with stages left out by the policy."""
    policy = AuditPolicy(tuple(RULES[name] for name in rules), stages)
    decided = evaluate(policy, REQUESTS[request_name])
    assert (decided.level, decided.omit_stages) == (level, stages)
    assert (decided.rule >= 0) is (level != "None")


ALL = (RECEIVED, STARTED, COMPLETE)


@pytest.mark.parametrize(
    ("request_name", "level", "of_policy", "omitted", "rules"),
    [
        *(
            (name, "Request", (), (RECEIVED,), ["omit RequestReceived", "getPods", "default"])
            for name in ("namespaced", "cluster", "nonResource")
        ),
        *((name, "Request", (), ALL, ["only audit panic", "getPods", "default"]) for name in ("namespaced", "cluster", "nonResource")),
        ("namespaced", "Request", ALL[:2], ALL[:2], ["omit RequestReceived", "getPods", "default"]),
        ("namespaced", "Request", ALL[:2], ALL, ["only audit panic", "getPods", "default"]),
        ("cluster", "Request", ALL[:2], ALL[:2], ["omit RequestReceived", "getPods", "default"]),
        ("cluster", "Request", ALL[:2], ALL, ["only audit panic", "getPods", "default"]),
        ("nonResource", "Metadata", ALL[:2], ALL[:2], ["default", "omit RequestReceived", "getPods"]),
        ("nonResource", "Request", ALL[:2], ALL, ["only audit panic", "getPods", "default"]),
    ],
)
def test_stages_left_out_by_policy_and_rule_add_up(
    request_name: str, level: str, of_policy: tuple[str, ...], omitted: tuple[str, ...], rules: list[str]
) -> None:
    """TestChecker, TestCheckerPolicyOmitStages, TestUnionStages."""
    decided = evaluate(AuditPolicy(tuple(RULES[name] for name in rules), of_policy), REQUESTS[request_name])
    assert decided.level == level
    assert sorted(decided.omit_stages) == sorted(omitted)


@pytest.mark.parametrize(
    ("of_policy", "of_rule", "wanted"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True), (True, True, True), (False, False, False)],
)
def test_a_rules_word_on_managed_fields_beats_the_policys(of_policy: bool, of_rule: bool | None, wanted: bool) -> None:
    """TestOmitManagedFields."""
    rule = AuditRule("RequestResponse", verbs=("get",), omit_managed_fields=of_rule)
    assert evaluate(AuditPolicy((rule,), (), of_policy), Attributes("u", verb="get")).omit_managed_fields is wanted
    assert evaluate(AuditPolicy((rule,), (), of_policy), Attributes("u", verb="list")).omit_managed_fields is of_policy


@pytest.mark.parametrize(
    ("rule", "attributes", "matches"),
    [
        (AuditRule("Request", users=("*",)), Attributes("alice", verb="get"), False),
        (AuditRule("Request", verbs=("*",)), Attributes("alice", verb="get"), False),
        (AuditRule("Request", user_groups=("*",)), Attributes("alice", ("dev",), "get"), False),
        (AuditRule("Request", namespaces=("",)), Attributes("alice", verb="list", resource="pods"), True),  # across all namespaces
        (AuditRule("Request", namespaces=("",)), Attributes("alice", verb="create", resource="namespaces"), True),
        (
            AuditRule("Request", namespaces=("",)),
            Attributes("alice", verb="get", namespace="foo", resource="namespaces", name="foo"),
            False,
        ),
        (AuditRule("Request", namespaces=("",)), Attributes("alice", verb="get", path="/version"), False),
        (AuditRule("Request", resources=on()), Attributes("alice", verb="get", resource="pods", subresource="exec"), True),
        (AuditRule("Request", resources=on(group="*")), Attributes("alice", verb="get", resource="pods"), False),
        (AuditRule("Request", resources=on("pods", names=("a",))), Attributes("alice", verb="create", resource="pods"), False),
        (AuditRule("Request", resources=on("pods", names=("a",))), Attributes("alice", verb="list", resource="pods", name="a"), True),
        (AuditRule("Request", resources=on("pods")), Attributes("alice", verb="get", resource="pods", subresource="log"), False),
        (AuditRule("Request", resources=on("pods/*")), Attributes("alice", verb="get", resource="pods"), True),
        (AuditRule("Request", resources=on("*/log")), Attributes("alice", verb="get", resource="pods"), False),
        (AuditRule("Request", resources=on("*/*")), Attributes("alice", verb="get", resource="pods", subresource="log"), False),
        (AuditRule("Request", non_resource_urls=("/healthz*",)), Attributes("alice", verb="get", path="/healthzfoo"), True),
        (AuditRule("Request", non_resource_urls=("*",)), Attributes("alice", verb="get", resource="pods"), False),
        (AuditRule("Request", non_resource_urls=("/healthz",)), Attributes("alice", verb="get", path="/healthz/etcd"), False),
    ],
)
def test_what_matches_by_the_words_of_the_specification(rule: AuditRule, attributes: Attributes, matches: bool) -> None:
    assert (evaluate(AuditPolicy((rule,)), attributes).rule == 0) is matches


def test_in_1_7_a_resource_stands_for_its_subresources() -> None:
    """Changed in 1.8: PR 48836."""
    policy = AuditPolicy((AuditRule("Request", resources=on("pods")),))
    log = Attributes("alice", verb="get", resource="pods", subresource="log")
    assert evaluate(policy, log, release="1.7").level == "Request"
    assert evaluate(policy, log).level == "None"
    assert evaluate(AuditPolicy((AuditRule("Request", resources=on("pods/log")),)), log, release="1.7").level == "None"
