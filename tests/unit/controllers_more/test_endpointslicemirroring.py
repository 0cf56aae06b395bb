"""Mirrored Endpoints. Rows: upstream pkg/controller/endpointslicemirroring/*_test.go, test/integration/endpointslice/*_test.go, 1.28."""

import pytest

import kubelab as kl
from kubelab.controllers.endpointslicemirroring import CONTROLLER
from kubelab.controllers.endpointslicemirroring.mirror import MANAGED_BY, MANAGER, SERVICE_NAME, Changes, mirrored
from tests.unit.controllers_more.builders import meta, service
from tests.unit.storage.harness import World

PORT = {"name": "portA", "port": 80, "protocol": "TCP"}
OTHER = {"name": "portB", "port": 443, "protocol": "TCP"}


def endpoints(*subsets, **more):
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta("test-eps", **more), "subsets": list(subsets)}


def subset(*addresses, ports=(PORT,), away=()):
    made = {"addresses": [{"ip": each} for each in addresses], "ports": list(ports)}
    return {**made, "notReadyAddresses": [{"ip": each} for each in away]} if away else made


@pytest.mark.parametrize(
    ("why", "of", "expected"),
    [  # TestReconcile
        ("no subsets", endpoints(), {}),
        ("subset with no addresses", endpoints({"ports": [PORT]}), {}),
        ("single subset", endpoints(subset("10.0.0.1", "10.0.0.2")), {("IPv4", "portA"): 2}),
        ("not ready ones too", endpoints(subset("10.0.0.1", away=("10.0.0.2",))), {("IPv4", "portA"): 2}),
        ("both families", endpoints(subset("10.0.0.1", "2001:db8::1")), {("IPv4", "portA"): 1, ("IPv6", "portA"): 1}),
        (
            "two subsets of the same addresses are one",
            endpoints(subset("10.0.0.1"), subset("10.0.0.1", ports=(OTHER,))),
            {("IPv4", "portA,portB"): 1},
        ),
        (
            "two subsets of different ones",
            endpoints(subset("10.0.0.1"), subset("10.0.0.2", ports=(OTHER,))),
            {("IPv4", "portA"): 1, ("IPv4", "portB"): 1},
        ),
        ("at most a thousand", endpoints(subset(*(f"10.0.{n // 250}.{n % 250 + 1}" for n in range(1001)))), {("IPv4", "portA"): 1000}),
    ],
)
def test_a_slice_for_each_port_set_and_family(why, of, expected):
    made = mirrored(of, ()).create
    assert {(each["addressType"], ",".join(port["name"] for port in each["ports"])): len(each["endpoints"]) for each in made} == expected


def test_labels_and_annotations_are_copied_but_two():
    """TestNewEndpointSlice: not the trigger time, nor what kubectl applied."""
    notes = {
        "foo": "bar",
        "endpoints.kubernetes.io/last-change-trigger-time": "t",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    made = mirrored(endpoints(subset("10.0.0.1"), labels={"a": "b"}, annotations=notes), ()).create[0]["metadata"]
    assert made["labels"] == {"a": "b", SERVICE_NAME: "test-eps", MANAGED_BY: MANAGER}
    assert made["annotations"] == {"foo": "bar"}
    assert made["generateName"] == "test-eps-"
    assert made["ownerReferences"][0]["kind"] == "Endpoints"


def test_a_slice_no_longer_wanted_becomes_a_wanted_one():
    """TestRecycleSlices."""
    first = mirrored(endpoints(subset("10.0.0.1")), ()).create[0]
    present = {**first, "metadata": {**first["metadata"], "name": "old"}}
    changes = mirrored(endpoints(subset("10.0.0.1", ports=(OTHER,))), (present,))
    assert ([each["metadata"]["name"] for each in changes.update], changes.create, changes.delete) == (["old"], (), ())
    assert mirrored(endpoints(subset("10.0.0.1")), (present,)) == Changes()


@pytest.mark.parametrize(
    ("why", "of", "behind", "made"),
    [  # TestSyncEndpoints, TestShouldMirror
        ("endpoints with no service", endpoints(subset("10.0.0.1")), None, 0),
        ("service without selector", endpoints(subset("10.0.0.1")), service("test-eps", selector=None), 1),
        ("service with selector", endpoints(subset("10.0.0.1")), service("test-eps"), 0),
        (
            "skip-mirror label",
            endpoints(subset("10.0.0.1"), labels={"endpointslice.kubernetes.io/skip-mirror": "true"}),
            service("test-eps", selector=None),
            0,
        ),
        (
            "leader election",
            endpoints(subset("10.0.0.1"), annotations={"control-plane.alpha.kubernetes.io/leader": "x"}),
            service("test-eps", selector=None),
            0,
        ),
    ],
)
def test_what_is_mirrored(why, of, behind, made):
    world = World(CONTROLLER, of, *([behind] if behind else []))
    seen = CONTROLLER.observe(world.scope(), ("default", "test-eps"))
    assert len(CONTROLLER.plan(seen).calls if seen else ()) == made


def test_mirroring_follows_endpoints_and_selector():
    """TestEndpointSliceMirroring, TestEndpointSliceMirroringUpdates, TestEndpointSliceMirroringSelectorTransition."""
    c = kl.Cluster(1)
    ports = {"ports": [{"port": 80, "protocol": "TCP"}]}
    c.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "default"}, "spec": ports})
    body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s", "namespace": "default"}}
    c.create({**body, "subsets": [{**ports, "addresses": [{"ip": "10.0.0.1"}]}]})
    c.run("10s")
    (slice_,) = _of(c)
    assert [each["addresses"] for each in slice_["endpoints"]] == [["10.0.0.1"]]
    c.replace({**body, "subsets": [{**ports, "addresses": [{"ip": "10.0.0.2"}]}]})
    c.run("10s")
    (again,) = _of(c)
    assert again["metadata"]["name"] == slice_["metadata"]["name"]
    assert [each["addresses"] for each in again["endpoints"]] == [["10.0.0.2"]]
    c.delete(f"endpointslice/{again['metadata']['name']}")
    c.run("10s")
    assert len(_of(c)) == 1
    c.patch("service/s", {"spec": {"selector": {"app": "x"}}}, type="merge")
    c.run("10s")
    assert [each["metadata"]["labels"][MANAGED_BY] for each in _of(c)] == ["endpointslice-controller.k8s.io"]


def _of(c):
    return [each for each in c.list("endpointslices", namespace="default") if each["metadata"]["labels"].get(SERVICE_NAME) == "s"]
