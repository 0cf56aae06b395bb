"""What several controllers ask of pods, nodes, namespaces and mirrored Endpoints, over upstream's own tables.

upstream: pkg/api/v1/{pod,resource}/*_test.go, staging/src/k8s.io/component-helpers/scheduling/corev1/**/*_test.go,
pkg/controller/{namespace/deletion,endpointslicemirroring,serviceaccount}/*_test.go, 1.28.
"""

from __future__ import annotations

import json

import pytest

from kubelab.controllers.common.pod_facts import is_available
from kubelab.controllers.common.service_pods import find_port
from kubelab.controllers.endpointslicemirroring.mirror import mirrored
from kubelab.controllers.namespace.content import Left, conditions_of
from kubelab.controllers.serviceaccount import CONTROLLER as ACCOUNTS
from kubelab.kinds.core.node_selectors import matches_any_term, matches_required, matches_term
from kubelab.kinds.core.resources import amounts, spec_request
from kubelab.store.log import Object
from tests.unit.controllers_upstream.rows import Row, dated, placed, rows
from tests.unit.controllers_upstream.world import ServedWorld as World
from tests.unit.storage.harness import NOW, NOW_NS

FILE = "facts"


@pytest.mark.parametrize("row", rows(FILE, "TestFindPort"))
def test_ports_by_name(row):
    """(A name that is found nowhere is 0 here.)"""
    found = find_port({"containers": row["containers"] or []}, {"port": 80, "targetPort": row["port"], "protocol": "TCP"})

    assert found == (row["expected"] if row["pass"] else 0)


@pytest.mark.parametrize("row", [each for each in rows(FILE, "TestPodResourceRequests") if not each.id.startswith("resized")])
def test_requests_of_pods(row):
    if (row["options"] or {}).get("ExcludeOverhead"):
        row["overhead"] = None
    spec = {"containers": row["containers"] or [], "initContainers": row["initContainers"] or [], "overhead": row["overhead"] or {}}
    wanted = amounts(row["expectedRequests"] or {})
    found = spec_request(spec)

    known = {"cpu": found.milli_cpu, "memory": found.memory, "ephemeral-storage": found.ephemeral_storage, **dict(found.scalars)}
    assert {name: amount for name, amount in known.items() if amount} == {name: amount for name, amount in wanted.items() if amount}


def of_node(row) -> tuple[Object, str]:
    meta = row["metadata"]
    return meta.get("labels") or {}, meta.get("name", "")


@pytest.mark.parametrize("row", rows(FILE, "TestPodMatchesNodeSelectorAndAffinityTerms"))
def test_required_affinity(row):
    assert matches_required((row["pod"].get("spec") or {}), row["labels"] or {}, row["nodeName"] or "") == (row["want"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestMatchNodeSelectorTerms"))
def test_selector_terms(row):
    selector = row["args"].get("nodeSelector") or {}
    node = row["args"].get("node")
    if node is None:
        assert not row["want"]
        return

    assert matches_any_term(selector.get("nodeSelectorTerms") or [], *of_node(node)) == (row["want"] or False)


@pytest.mark.parametrize("row", [each for each in rows(FILE, "TestPreferredSchedulingTermsScore") if not each.values[0]["wantErr"]])
def test_preferred_terms(row):
    labels, name = of_node(row["node"])
    found = sum(each["weight"] for each in row["prefSchedTerms"] if each["weight"] and matches_term(each["preference"], labels, name))

    assert found == (row["wantScore"] or 0)


@pytest.mark.parametrize("row", rows(FILE, "TestIsPodAvailable"))
def test_available(row):
    pod = placed(dated(row["pod"]), "p")
    assert is_available(pod, row["minReadySeconds"] or 0, NOW_NS) == (row["expected"] or False)


@pytest.mark.parametrize("row", rows(FILE, "TestProcessContentTotals"))
def test_what_is_left_in_a_namespace(row):
    counts = {}
    for text, number in (row["contentTotals"]["gvrToNumRemaining"] or {}).items():
        resource = json.loads(text)
        counts[resource["Resource"], resource.get("Group", "")] = number
    left = Left(counts, row["contentTotals"]["finalizersToNumRemaining"] or {}, 0, ())
    namespace = {"metadata": {"name": "ns"}, "spec": {}, "status": {}}
    told = {each["type"]: each for each in conditions_of(namespace, left, NOW_NS) or ()}

    for wanted in row["expecteds"]:
        assert {key: told[wanted["type"]][key] for key in ("status", "reason", "message")} == {
            key: wanted[key] for key in ("status", "reason", "message")
        }


@pytest.mark.parametrize("row", [each for each in rows(FILE, "TestReconcile") if not each.values[0]["maxEndpointsPerSubset"]])
def test_mirrored_endpoints(row):
    meta = {"name": "test-ep", "namespace": "test", "uid": "ep", "labels": row["epLabels"] or {}, "annotations": row["epAnnotations"] or {}}
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": row["subsets"] or []}
    if row["endpointsDeletionPending"]:
        meta["deletionTimestamp"] = NOW
    labels = {"kubernetes.io/service-name": "test-ep", "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}
    existing = [
        {**each, "metadata": {"namespace": "test", "uid": f"s{at}", "resourceVersion": "1", **each["metadata"], "labels": labels}}
        for at, each in enumerate(row["existingEndpointSlices"] or ())
    ]
    made = mirrored(endpoints, existing)
    if row["endpointsDeletionPending"]:
        made = made._replace(create=())

    assert len(made.create) + len(made.update) + len(made.delete) == (row["expectedClientActions"] or 0)
    assert len(existing) + len(made.create) - len(made.delete) == (row["expectedNumSlices"] or 0)


@pytest.mark.parametrize("row", rows(FILE, "TestServiceAccountCreation"))
def test_accounts_of_namespaces(row: Row):
    """Upstream's controller of the test makes the accounts ``default`` and ``managed``; ours makes ``default``."""
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", **each, "metadata": {"uid": each["metadata"]["name"], **each["metadata"]}}
        for each in row["ExistingServiceAccounts"] or ()
    ]

    def namespace(given):
        meta = {"uid": "ns", **given["metadata"]}
        return {"apiVersion": "v1", "kind": "Namespace", "spec": {}, "status": {"phase": "Active"}, **given, "metadata": meta}

    world = World(ACCOUNTS, *accounts, *([namespace(row["ExistingNamespace"])] if row["ExistingNamespace"] else []))
    world.queued = []
    for given in (row["AddedNamespace"], row["UpdatedNamespace"]):
        if given:
            world.put(namespace(given))
    if row["DeletedServiceAccount"]:
        gone = row["DeletedServiceAccount"]["metadata"]["name"]
        held = world.get("serviceaccounts", gone)
        if held is None:
            world.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": gone, "namespace": "default", "uid": "gone"}})
            world.queued = []
        world.remove("serviceaccounts", "default", gone)
    for key in list(dict.fromkeys(world.queued)):
        world.sync(*key)
    made = [
        body["metadata"]["name"] for call, body in zip(world.calls, world.bodies, strict=True) if call.startswith("create serviceaccounts")
    ]

    assert made == [name for name in row["ExpectCreatedServiceAccounts"] or () if name == "default"]
