"""pods/eviction: every answer.

upstream: pkg/registry/core/pod/storage/eviction_test.go, 1.28; recorded: core-errors 44.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.request import Options, Response
from kubelab.apiserver.server import ApiServer
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
READY = [{"type": "Ready", "status": "True"}]
MESSAGE = "Cannot evict pod as it would violate the pod's disruption budget."


def lab(*budgets: Object, phase: str = "Running", conditions: list[Object] | None = None) -> ApiServer:
    """One pod, bound to a node, and budgets."""
    server = b.with_namespaces("default")
    b.create(server, b.pod("t1", meta={"labels": {"a": "true"}}, nodeName="foo"))
    b.merge(server, "pods", "default", "t1", {"status": {"phase": phase, "conditions": conditions or []}}, subresource="status")
    for obj in budgets:
        b.put(server, "poddisruptionbudgets.policy", obj)
    return server


def budget(name: str = "foo", *, selector: Object | None = None, policy: str = "", **status: Any) -> Object:
    spec: Object = {"selector": {"matchLabels": {"a": "true"}} if selector is None else selector}
    if policy:
        spec["unhealthyPodEvictionPolicy"] = policy
    meta = {"name": name, "namespace": "default", "generation": status.pop("generation", 1)}
    status = {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0, **status}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec, "status": status}


def evict(server: ApiServer, *, name: str = "t1", body_name: str = "", dry_run: bool = False, **options: Any) -> Response:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": body_name or name, "namespace": "default"}}
    if options:
        body["deleteOptions"] = options
    return b.call(server, "create", "pods", "default", name, "eviction", body=body, options=Options(dry_run=dry_run))


def pod(server: ApiServer) -> Object:
    return server.store.head.get("pods", "default", "t1") or {}


def deleting(server: ApiServer) -> bool:
    return not pod(server) or bool(pod(server)["metadata"].get("deletionTimestamp"))


OTHER = {"matchLabels": {"b": "true"}}
# upstream: TestEviction, TestEvictionIgnorePDB: budgets, phase, ready, evicted
ROWS = [
    ([], "Running", True, True),
    ([budget()], "Running", True, False),
    ([budget()], "Running", False, False),
    ([budget(selector={})], "Running", True, False),
    ([budget(selector=OTHER)], "Running", True, True),
    ([budget(disruptionsAllowed=1)], "Running", True, True),
    ([budget()], "Pending", True, True),
    ([budget()], "Succeeded", True, True),
    ([budget()], "Failed", True, True),
    ([budget(policy="AlwaysAllow")], "Running", False, True),
    ([budget(policy="AlwaysAllow")], "Running", True, False),
    ([budget(currentHealthy=3, desiredHealthy=3)], "Running", False, True),
    ([budget(currentHealthy=2, desiredHealthy=3)], "Running", False, False),
    ([budget(currentHealthy=0, desiredHealthy=0)], "Running", False, False),
    ([budget(currentHealthy=3, desiredHealthy=3, policy="IfHealthyBudget")], "Running", False, True),
    ([budget(currentHealthy=3, desiredHealthy=3)], "Running", True, False),
]


@pytest.mark.parametrize("budgets, phase, ready, evicted", ROWS)
def test_a_budget_decides(budgets: list[Object], phase: str, ready: bool, evicted: bool) -> None:
    server = lab(*budgets, phase=phase, conditions=READY if ready else [])
    answer = evict(server)
    if evicted:
        assert answer.object == {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    else:
        assert (answer.code, answer.object["reason"], answer.object["message"]) == (429, "TooManyRequests", MESSAGE)
    assert deleting(server) is evicted


def test_a_refusal_says_how_many_are_healthy() -> None:
    answer = evict(lab(budget(currentHealthy=2, desiredHealthy=3), conditions=READY))
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget foo needs 3 healthy pods and has 2 currently"}
    assert answer.object["details"] == {"causes": [cause]}


def test_a_budget_that_nobody_has_looked_at_yet_allows_nothing() -> None:
    answer = evict(lab(budget(generation=2, disruptionsAllowed=5), conditions=READY))
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget foo is still being processed by the server."}
    assert answer.object["details"] == {"causes": [cause], "retryAfterSeconds": 10}


def test_two_budgets_are_one_too_many() -> None:
    """The Status says 500, and comes as 201."""
    answer = evict(lab(budget("a", disruptionsAllowed=1), budget("b", disruptionsAllowed=1)))
    assert (answer.code, answer.object["code"], answer.object["status"]) == (201, 500, "Failure")
    assert answer.object["message"] == "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


def test_an_eviction_takes_from_the_budget_and_marks_the_pod() -> None:
    server = lab(budget(disruptionsAllowed=1, currentHealthy=2, desiredHealthy=1), conditions=READY)
    evict(server)
    status = (server.store.head.get("poddisruptionbudgets.policy", "default", "foo") or {})["status"]
    assert (status["disruptionsAllowed"], status["disruptedPods"]) == (0, {"t1": "2026-01-01T00:00:00Z"})
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [("DisruptionAllowed", "False", "InsufficientPods")]
    assert pod(server)["metadata"]["deletionGracePeriodSeconds"] == 30
    target = pod(server)["status"]["conditions"][-1]
    assert (target["type"], target["reason"], target["message"]) == ("DisruptionTarget", "EvictionByEvictionAPI", "Eviction API: evicting")


def test_a_dry_run_changes_nothing() -> None:
    for options in ({"dry_run": True}, {"dryRun": ["All"]}):
        server = lab(budget(disruptionsAllowed=1), conditions=READY)
        before = server.store.revision
        assert evict(server, **options).code == 201
        assert server.store.revision == before


def test_delete_options_are_followed() -> None:
    server = lab()
    answer = evict(server, preconditions={"uid": "other"})
    assert answer.code == 409 and not deleting(server)
    assert evict(server, gracePeriodSeconds=0).code == 201 and not pod(server)


def test_the_names_must_agree() -> None:
    answer = evict(lab(), body_name="other")
    assert (answer.code, answer.object["message"]) == (400, "name in URL does not match name in Eviction object")


def test_a_pod_must_be_there() -> None:
    assert evict(lab(), name="ghost").object["message"] == 'pods "ghost" not found'


def test_a_refused_eviction_leaves_the_world_as_it_was() -> None:
    server = lab(budget(), conditions=READY)
    before = server.store.revision
    evict(server)
    assert server.store.revision == before
