"""Endpoints and slices over upstream's own tables.

upstream: pkg/controller/endpoint/endpoints_controller_test.go, staging/src/k8s.io/endpointslice/{reconciler,utils}_test.go, …/util, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.controllers import endpointslice
from kubelab.controllers.common.service_pods import facts_of, families_of
from kubelab.controllers.endpoints.subsets import subsets_of, truncated
from kubelab.controllers.endpointslice.slices import group_pods
from kubelab.store.log import Object
from tests.unit.controllers_upstream.rows import dated, placed, rows
from tests.unit.controllers_upstream.world import ServedWorld as World

FILE = "endpoints"


def service(given: Object | None) -> Object:
    given = given or {}
    meta = {"name": "s", "namespace": "test", "uid": "s", "resourceVersion": "1", **(given.get("metadata") or {})}
    spec = {**(given.get("spec") or {})}
    if spec.get("ports"):
        spec["ports"] = [{"port": 0, "protocol": "TCP", **each} for each in spec["ports"]]
    return {"apiVersion": "v1", "kind": "Service", "status": {}, **given, "metadata": meta, "spec": spec}


def pod(given: Object, name: str = "pod") -> Object:
    made = placed(dated(given), given.get("metadata", {}).get("name") or name)
    return {**made, "spec": {"containers": [], **made["spec"]}}


@pytest.mark.parametrize("row", rows(FILE, "TestSyncServiceAddresses"))
def test_addresses_of_a_pod(row):
    subsets = subsets_of(service(row["service"]), [facts_of(pod(row["pod"]))])

    assert sum(len(each.get("addresses") or ()) for each in subsets) == (row["expectedReady"] or 0)
    assert sum(len(each.get("notReadyAddresses") or ()) for each in subsets) == (row["expectedUnready"] or 0)


@pytest.mark.parametrize("row", rows(FILE, "TestTruncateEndpoints"))
def test_too_many_addresses(row):
    def of(count):
        return [{"ip": f"10.0.0.{at}"} for at in range(count)]

    given = [
        {"addresses": of(ready), "notReadyAddresses": of(other)}
        for ready, other in zip(row["subsetsReady"], row["subsetsNotReady"], strict=True)
    ]
    left = truncated(given) or given

    assert [len(each.get("addresses") or ()) for each in left] == row["expectedReady"]
    assert [len(each.get("notReadyAddresses") or ()) for each in left] == row["expectedNotReady"]


@pytest.mark.parametrize("row", rows(FILE, "TestPodToEndpoint"))
def test_the_endpoint_of_a_pod(row):
    node = row["node"] or {"metadata": {"name": ""}}
    zone = (node["metadata"].get("labels") or {}).get("topology.kubernetes.io/zone", "")
    zones = {node["metadata"]["name"]: zone, row["pod"]["spec"].get("nodeName", ""): zone}
    of = service(row["svc"])
    of["spec"].setdefault("clusterIP", "None")  # so that a service without ports has a group
    groups, _ = group_pods(of, [facts_of(pod(row["pod"]))], zones, "IPv4")
    found = [endpoint for group in groups for endpoint in group.endpoints.values()]

    assert [plain(each) for each in found] == [plain(row["expectedEndpoint"])]


def plain(endpoint: Object) -> Object:
    """Without what the API server would add, and without uids that Go leaves out."""
    target = {key: part for key, part in (endpoint.get("targetRef") or {}).items() if key in ("kind", "namespace", "name")}
    conditions = {key: bool(part) for key, part in (endpoint.get("conditions") or {}).items()}
    return {**{key: part for key, part in endpoint.items() if part}, "targetRef": target, "conditions": conditions}


@pytest.mark.parametrize("row", rows(FILE, "TestReconcile1Pod"))
def test_slices_of_one_pod(row):
    of = service(row["service"])
    labels = (row["pod"]["metadata"].get("labels")) or {"foo": "bar"}
    of["spec"]["selector"] = labels
    node = {"apiVersion": "v1", "kind": "Node", "spec": {}, "status": {}, **row["node"]}
    node["metadata"] = {"uid": "n", **node["metadata"]}
    world = World(endpointslice.CONTROLLER, of, node, pod({**row["pod"], "metadata": {**row["pod"]["metadata"], "labels": labels}}))
    world.sync(of["metadata"]["namespace"], of["metadata"]["name"])
    made = [body for call, body in zip(world.calls, world.bodies, strict=True) if call.startswith("create endpointslices")]

    assert sorted(each["addressType"] for each in made) == sorted(row["expectedEndpointPerSlice"])
    for each in made:
        assert [plain(endpoint) for endpoint in each["endpoints"]] == [
            plain(wanted) for wanted in row["expectedEndpointPerSlice"][each["addressType"]]
        ]
        wanted = {key.replace("<opaque controllerName>", ""): value for key, value in row["expectedLabels"].items()}
        assert each["metadata"]["labels"].keys() == wanted.keys()


@pytest.mark.parametrize("row", rows(FILE, "TestSupportedServiceAddressType"))
def test_address_types(row):
    assert sorted(families_of(service(row["service"]))) == sorted(row["expectedAddressTypes"])


@pytest.mark.parametrize("row", rows(FILE, "TestPodToEndpointAddressForService"))
def test_the_family_of_an_address(row):
    addresses = {"IPv4": "10.0.0.7", "IPv6": "2000::7"}
    ips = [addresses[family] for family in row["ipFamilies"]]
    of = service(row["service"])
    of["spec"]["ports"] = [{"port": 80, "protocol": "TCP"}]
    given = pod({"status": {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips], "phase": "Running"}})
    found = [address["ip"] for subset in subsets_of(of, [facts_of(given)]) for address in subset["notReadyAddresses"]]

    assert found == ([] if row["expectError"] else [addresses[row["expectedEndpointFamily"]]])


@pytest.mark.parametrize("row", rows(FILE, "TestShouldPodBeInEndpoints"))
def test_pods_that_are_left_out(row):
    """With ports and addresses as they come, a pod is an endpoint where it has one."""
    of = service({"spec": {"clusterIP": "None", "publishNotReadyAddresses": bool(row["includeTerminating"])}})
    given = pod(row["pod"])
    if given["status"].get("podIP") and not given["status"].get("podIPs"):
        given["status"] = {**given["status"], "podIPs": [{"ip": given["status"]["podIP"]}]}

    assert bool(subsets_of(of, [facts_of(given)])) == (row["expected"] or False)


@pytest.mark.parametrize("row", [each for each in rows(FILE, "TestShouldSetHostname") if "different namespace" not in each.id])
def test_host_names_of_endpoints(row):
    of = service({**row["service"], "spec": {"clusterIP": "None"}})
    given = pod({**row["pod"], "status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "phase": "Running"}})
    given["metadata"]["namespace"] = of["metadata"]["namespace"]
    (address,) = [each for subset in subsets_of(of, [facts_of(given)]) for each in subset["notReadyAddresses"]]

    assert ("hostname" in address) == (row["expected"] or False)
