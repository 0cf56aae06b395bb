"""What objects use up of a quota, what a quota's status becomes, and what limits allow, over upstream's own tables.

upstream: pkg/quota/v1/evaluator/core/*_test.go, pkg/controller/resourcequota/resource_quota_controller_test.go,
plugin/pkg/admission/{limitranger,priority}/admission_test.go, 1.28.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubelab.apiserver.admission.limit_ranger import _claim_errors, _pod_errors
from kubelab.apiserver.admission.quota_usage import in_scope, usage_of
from kubelab.controllers import resourcequota
from kubelab.kinds import quantity, registry
from kubelab.store.log import Object
from tests.unit.controllers_upstream.rows import placed, rows
from tests.unit.controllers_upstream.world import ServedWorld as World
from tests.unit.storage.harness import NOW_NS

FILE = "quota"
KINDS = {kind: registry.by_kind(kind, "") for kind in ("Pod", "Service", "PersistentVolumeClaim")}
BY_RESOURCE = {
    "pods": "Pod",
    "services": "Service",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
}


def outside(value: Any) -> Any:
    """An object of Go's inner types as it is sent: ``ObjectMeta`` is metadata, ``Spec`` is spec."""
    if isinstance(value, list):
        return [outside(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, part in value.items():
        if key == "ObjectMeta":
            found["metadata"] = part
        elif key in ("PersistentVolumeClaimSource", "VolumeSource", "SecurityContext") and isinstance(part, dict) and key == "VolumeSource":
            found.update(outside(part))
        else:
            found[key[:1].lower() + key[1:] if re.match(r"[A-Z][a-z]", key) else key] = outside(part)
    return found


def amounts(given: Object) -> dict[str, int]:
    return {name: quantity.parse(str(amount)).nano for name, amount in given.items() if quantity.parse(str(amount)).nano}


def counted(kind: str, given: Object) -> dict[str, int]:
    obj = placed(outside(given), "o")
    found = registry.by_kind(kind, "")
    assert found is not None
    return amounts(usage_of(found, obj, NOW_NS))


@pytest.mark.parametrize("row", rows(FILE, "TestPodEvaluatorUsage"))
def test_usage_of_pods(row):
    assert counted("Pod", row["pod"]) == amounts(row["usage"] or {})


@pytest.mark.parametrize("row", rows(FILE, "TestServiceEvaluatorUsage"))
def test_usage_of_services(row):
    assert counted("Service", row["service"]) == amounts(row["usage"] or {})


@pytest.mark.parametrize(
    "row",
    rows(
        FILE,
        "TestPersistentVolumeClaimEvaluatorUsage",
        {"pvc-usage-higher-allocated-resource": "the gate RecoverVolumeExpansionFailure is alpha and off"},
    ),
)
def test_usage_of_claims(row):
    assert counted("PersistentVolumeClaim", row["pvc"]) == amounts(row["usage"] or {})


@pytest.mark.parametrize("row", rows(FILE, "TestPodEvaluatorMatchingScopes"))
def test_scopes_of_a_pod(row):
    """Of all scopes, and those of the row, the pod has those that upstream finds."""
    names = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity")
    asked = row["selectors"] or [{"scopeName": name, "operator": "Exists"} for name in names]
    asked += [each for each in row["wantSelectors"] or () if each["scopeName"] == "PriorityClass" and each not in asked]
    kind, obj = KINDS["Pod"], placed(outside(row["pod"]), "p")

    def has(each):
        wanted = {**each, "operator": each.get("operator") or "Exists"}
        return in_scope({"spec": {"scopeSelector": {"matchExpressions": [wanted]}}}, kind, obj)

    found = sorted(each["scopeName"] for each in asked if has(each))
    assert found == sorted(each["scopeName"] for each in row["wantSelectors"] or ())


@pytest.mark.parametrize(
    "row",
    rows(
        FILE,
        "TestSyncResourceQuota",
        dict.fromkeys(
            (f"quota-missing-status-with-{each}calculation-error" for each in ("", "partial-")), "a list in memory does not fail"
        ),
    ),
)
def test_the_status_of_a_quota(row):
    kind = BY_RESOURCE[row["gvr"]["Resource"]]
    given = row["quota"]
    meta = {"name": "quota", "namespace": "testing", "uid": "q", **(given.get("metadata") or {})}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "status": {}, **given, "metadata": meta}
    items = [{**placed(each, f"i{at}", namespace="testing"), "kind": kind} for at, each in enumerate(row["items"] or ())]
    world = World(resourcequota.CONTROLLER, quota, *items)
    world.sync("quota", meta["namespace"], meta["name"])
    status = world.get("resourcequotas", meta["name"], meta["namespace"])["status"]

    for field in ("hard", "used"):
        found, wanted = status.get(field) or {}, row["status"].get(field) or {}
        assert {name: quantity.parse(str(amount)).nano for name, amount in found.items()} == {
            name: quantity.parse(str(amount)).nano for name, amount in wanted.items()
        }


def limits(given: Object) -> list[Object]:
    found = [outside(each) for each in given["spec"].get("Limits") or given["spec"].get("limits") or ()]
    return [{key: part for key, part in each.items() if part} for each in found]


@pytest.mark.parametrize("row", rows(FILE, "TestPodLimitFunc:successCases"))
def test_pods_within_their_limits(row):
    assert not list(_pod_errors(placed(outside(row["pod"]), "p"), limits(row["limitRange"])))


@pytest.mark.parametrize("row", rows(FILE, "TestPodLimitFunc:errorCases"))
def test_pods_beyond_their_limits(row):
    assert list(_pod_errors(placed(outside(row["pod"]), "p"), limits(row["limitRange"])))


@pytest.mark.parametrize("row", rows(FILE, "TestPersistentVolumeClaimLimitFunc:successCases"))
def test_claims_within_their_limits(row):
    assert not list(_claim_errors(placed(outside(row["pvc"]), "c"), limits(row["limitRange"])))


@pytest.mark.parametrize("row", rows(FILE, "TestPersistentVolumeClaimLimitFunc:errorCases"))
def test_claims_beyond_their_limits(row):
    assert list(_claim_errors(placed(outside(row["pvc"]), "c"), limits(row["limitRange"])))
