"""Endpoints and slices. Rows: upstream pkg/controller/endpoint/endpoints_controller_test.go,
staging/src/k8s.io/endpointslice/{reconciler,utils}_test.go, …/util/{controller_utils,trigger_time_tracker}_test.go, 1.28."""

import pytest

from kubelab.controllers import endpoints, endpointslice
from kubelab.controllers.common.service_pods import facts_of, pod_services
from kubelab.controllers.endpoints.subsets import subsets_of, truncated
from kubelab.engine.component import Change
from tests.unit.controllers_more.builders import LABELS, ago, node, pod, port, service
from tests.unit.storage.harness import NOW, World

HTTP = {"name": "http", "containerPort": 8080, "protocol": "TCP"}


def shape(subsets: list[dict]) -> list[tuple]:
    """Per subset: ready addresses, not ready ones, ports."""
    return [
        (
            [each["ip"] for each in subset.get("addresses", ())],
            [each["ip"] for each in subset.get("notReadyAddresses", ())],
            [(each.get("name", ""), each["port"]) for each in subset.get("ports", ())],
        )
        for subset in subsets
    ]


@pytest.mark.parametrize(
    ("why", "of", "pods", "expected"),
    [
        ("TestSyncEndpointsItems", service("web", port(80, 8080)), [pod("a", "1.2.3.4")], [(["1.2.3.4"], [], [("", 8080)])]),
        ("…AllNotReady", service("web", port(80, 8080)), [pod("a", "1.2.3.4", ready=False)], [([], ["1.2.3.4"], [("", 8080)])]),
        (
            "…Mixed",
            service("web", port()),
            [pod("a", "1.2.3.4"), pod("b", "1.2.3.5", ready=False)],
            [(["1.2.3.4"], ["1.2.3.5"], [("", 80)])],
        ),
        (
            "sorted as text",
            service("web", port()),
            [pod("a", "10.1.0.6"), pod("b", "10.1.0.10")],
            [(["10.1.0.10", "10.1.0.6"], [], [("", 80)])],
        ),
        (
            "publishNotReadyAddresses",
            service("web", port(), publish=True),
            [pod("a", "1.1.1.1", ready=False)],
            [(["1.1.1.1"], [], [("", 80)])],
        ),
        ("terminating pods are left out", service("web", port()), [pod("a", "1.1.1.1", going=True)], []),
        ("… unless published", service("web", port(), publish=True), [pod("a", "1.1.1.1", going=True)], [(["1.1.1.1"], [], [("", 80)])]),
        ("finished pods are left out", service("web", port(), publish=True), [pod("a", "1.1.1.1", phase="Failed")], []),
        ("pods without address are left out", service("web", port()), [pod("a")], []),
        ("TestSyncEndpointsHeadlessService without ports", service("web", ip="None"), [pod("a", "1.1.1.1")], [(["1.1.1.1"], [], [])]),
        ("no ports, not headless", service("web"), [pod("a", "1.1.1.1")], []),
        (
            "a named port is searched per pod",
            service("web", port(80, "http")),
            [pod("a", "1.1.1.1", ports=[HTTP]), pod("b", "1.1.1.2")],
            [(["1.1.1.1"], [], [("", 8080)])],
        ),
        ("another protocol is no match", service("web", port(80, "http", protocol="UDP")), [pod("a", "1.1.1.1", ports=[HTTP])], []),
        ("IPv6", service("web", port(), families=["IPv6"]), [pod("a", "1.1.1.1", ips=["fd00::1"])], [(["fd00::1"], [], [("", 80)])]),
        ("IPv6 service, IPv4 pod", service("web", port(), families=["IPv6"]), [pod("a", "1.1.1.1")], []),
    ],
)
def test_subsets(why, of, pods, expected):
    assert (
        shape(subsets_of(of, [facts_of({**each, "metadata": {**each["metadata"], "resourceVersion": why}}) for each in pods])) == expected
    )


def test_pods_that_disagree_on_a_named_port_land_in_different_subsets():
    other = {"name": "http", "containerPort": 9090, "protocol": "TCP"}
    pods = [pod("a", "1.1.1.1", ports=[HTTP]), pod("b", "1.1.1.2", ports=[other])]
    world = World(endpoints.CONTROLLER, service("web", port(80, "http"), port(443, 8443, "tls")), *pods).sync("default", "web")
    found = shape(world.get("endpoints", "web")["subsets"])
    assert sorted(found) == [
        (["1.1.1.1"], [], [("", 8080)]),
        (["1.1.1.1", "1.1.1.2"], [], [("tls", 8443)]),
        (["1.1.1.2"], [], [("", 9090)]),
    ]


def test_the_object_that_is_created():
    of = service("web", port(80, 8080, "http"), labels={"team": "a"}, ip="None")
    host = pod("a", "1.1.1.1", hostname="a", subdomain="web")
    world = World(endpoints.CONTROLLER, of, host).sync("default", "web")
    made = world.get("endpoints", "web")
    assert made["metadata"]["labels"] == {"team": "a", "service.kubernetes.io/headless": ""}
    assert made["metadata"]["annotations"] == {"endpoints.kubernetes.io/last-change-trigger-time": ago(3600)}
    target = {"kind": "Pod", "namespace": "default", "name": "a", "uid": "uid-a"}
    assert made["subsets"] == [
        {
            "addresses": [{"ip": "1.1.1.1", "hostname": "a", "nodeName": "n1", "targetRef": target}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }
    ]


def test_what_is_current_is_not_written_again():
    world = World(endpoints.CONTROLLER, service("web", port()), pod("a", "1.1.1.1")).sync("default", "web").sync("default", "web")
    assert world.calls == ["create endpoints web"]
    assert world.because == ["EndpointsCurrent"]


def test_the_version_of_a_pod_in_a_reference_does_not_matter():
    """TestEndpointSubsetsEqualIgnoreResourceVersion, TestSyncEndpointsWithPodResourceVersionUpdateOnly."""
    world = World(endpoints.CONTROLLER, service("web", port()), pod("a", "1.1.1.1")).sync("default", "web")
    made = world.get("endpoints", "web")
    (subset,) = made["subsets"]
    (address,) = subset["addresses"]
    versioned = {**address, "targetRef": {**address["targetRef"], "resourceVersion": "4"}}
    world.put({**made, "subsets": [{**subset, "addresses": [versioned]}]})
    assert world.sync("default", "web").because == ["EndpointsCurrent"]
    world.put({**made, "subsets": [{**subset, "addresses": [{**versioned, "ip": "1.1.1.9"}]}]})
    assert world.sync("default", "web").calls == ["create endpoints web", "update endpoints web"]


def test_the_trigger_time_is_that_of_the_first_pod_that_changed():
    """TestComputeEndpointLastChangeTriggerTime: pod updated; the annotation goes when nothing has a newer time."""
    trigger = "endpoints.kubernetes.io/last-change-trigger-time"
    world = World(endpoints.CONTROLLER, service("web", port()), pod("a", "1.1.1.1"), pod("b", "1.1.1.2")).sync("default", "web")
    world.put(pod("a", "1.1.1.1", ready=False, since=ago(5)))
    world.put(pod("b", "1.1.1.2", ready=False, since=ago(9)))
    world.sync("default", "web")
    assert world.get("endpoints", "web")["metadata"]["annotations"][trigger] == ago(9)
    world.put(service("web", port(81)))
    world.sync("default", "web")
    assert "annotations" not in world.get("endpoints", "web")["metadata"]


@pytest.mark.parametrize(
    ("of", "calls"),
    [
        (service("web", port(), selector=None), []),  # TestServiceHasNoSelector
        (service("web", port(), type="ExternalName"), []),  # TestExternalNameService
    ],
)
def test_services_that_are_not_served(of, calls):
    for component in (endpoints.CONTROLLER, endpointslice.CONTROLLER):
        assert World(component, of, pod("a", "1.1.1.1")).sync("default", "web").calls == calls


def test_without_a_service_the_endpoints_go():
    assert World(endpoints.CONTROLLER).sync("default", "web").calls == ["delete endpoints web"]


@pytest.mark.parametrize(
    ("ready", "unready", "kept"),
    [
        ((1000,), (0,), None),
        ((500, 500), (1, 0), [(500, 0), (500, 0)]),
        ((501, 500), (10, 0), [(501, 0), (499, 0)]),
        ((400,), (700,), [(400, 600)]),
        ((100, 100), (900, 100), [(100, 720), (100, 80)]),
    ],
)
def test_at_most_a_thousand_addresses_ready_ones_first(ready, unready, kept):
    subsets = [
        {"addresses": [{"ip": str(i)} for i in range(good)], "notReadyAddresses": [{"ip": str(i)} for i in range(bad)]}
        for good, bad in zip(ready, unready, strict=True)
    ]
    found = truncated(subsets)
    assert kept == (None if found is None else [(len(each.get("addresses", ())), len(each.get("notReadyAddresses", ()))) for each in found])


# -- slices -----------------------------------------------------------------------------------------------------------------------
def slices(world: World) -> list[dict]:
    return list(world.state.all("endpointslices.discovery.k8s.io").values())


def test_an_empty_service_keeps_one_placeholder():
    """TestPlaceHolderSliceCompare, TestReconcileEmpty."""
    world = World(endpointslice.CONTROLLER, service("web", port())).sync("default", "web").sync("default", "web")
    assert world.calls == ["create endpointslices.discovery.k8s.io web-"]
    made = slices(world)[0]
    assert (made["endpoints"], made["ports"], made["addressType"]) == ([], [], "IPv4")
    assert made["metadata"]["labels"] == {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Service"


@pytest.mark.parametrize(
    ("why", "of", "on", "conditions"),
    [
        ("ready", service("web", port()), pod("a", "1.1.1.1"), (True, True, False)),
        ("not ready", service("web", port()), pod("a", "1.1.1.1", ready=False), (False, False, False)),
        ("published", service("web", port(), publish=True), pod("a", "1.1.1.1", ready=False), (True, False, False)),
        ("terminating", service("web", port()), pod("a", "1.1.1.1", going=True), (False, True, True)),
        ("terminating and published", service("web", port(), publish=True), pod("a", "1.1.1.1", going=True), (True, True, True)),
    ],
)
def test_conditions_of_an_endpoint(why, of, on, conditions):
    """TestPodToEndpoint."""
    world = World(endpointslice.CONTROLLER, of, node(), on).sync("default", "web")
    endpoint = slices(world)[0]["endpoints"][0]
    assert tuple(endpoint["conditions"][key] for key in ("ready", "serving", "terminating")) == conditions
    assert (endpoint["nodeName"], endpoint["zone"]) == ("n1", "zone-a")


def pods(count: int) -> list[dict]:
    return [pod(f"p{index}", f"10.0.{index // 250}.{index % 250}") for index in range(count)]


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_a_hundred_endpoints_to_a_slice(count, sizes):
    """TestReconcileManyPods."""
    world = World(endpointslice.CONTROLLER, service("web", port()), node(), *pods(count)).sync("default", "web")
    assert [len(each["endpoints"]) for each in slices(world)] == sizes


def test_the_placeholder_becomes_the_first_slice():
    """TestReconcile1EndpointSlice: a slice that would go is used again."""
    world = World(endpointslice.CONTROLLER, service("web", port()), node()).sync("default", "web")
    world.put(pod("a", "1.1.1.1"))
    world.sync("default", "web")
    assert [call.split()[0] for call in world.calls] == ["create", "update"]
    assert len(slices(world)) == 1


def test_new_endpoints_fill_a_slice_with_room():
    """TestReconcileEndpointSlicesUpdatePacking."""
    world = World(endpointslice.CONTROLLER, service("web", port()), node(), *pods(101)).sync("default", "web")
    for index in range(101, 105):
        world.put(pod(f"p{index}", f"10.9.0.{index}"))
    world.sync("default", "web")
    assert sorted(len(each["endpoints"]) for each in slices(world)) == [5, 100]
    assert [call.split()[0] for call in world.calls] == ["create", "create", "update"]


def test_pods_that_go_leave_their_slice_and_an_empty_slice_goes():
    world = World(endpointslice.CONTROLLER, service("web", port()), node(), *pods(101)).sync("default", "web")
    world.remove("pods", "default", "p100")
    world.sync("default", "web")
    assert [len(each["endpoints"]) for each in slices(world)] == [100]
    assert world.calls[-1].startswith("delete endpointslices.discovery.k8s.io")


def test_differing_ports_make_slices_of_their_own():
    """TestReconcileEndpointSlicesNamedPorts."""
    other = {"name": "http", "containerPort": 9090, "protocol": "TCP"}
    on = [pod("a", "1.1.1.1", ports=[HTTP]), pod("b", "1.1.1.2", ports=[other]), pod("c", "1.1.1.3", ports=[HTTP])]
    world = World(endpointslice.CONTROLLER, service("web", port(80, "http")), node(), *on).sync("default", "web")
    found = sorted((each["ports"][0]["port"], each["ports"][0]["name"], len(each["endpoints"])) for each in slices(world))
    assert found == [(8080, "", 2), (9090, "", 1)]


def test_labels_of_the_service_are_mirrored():
    world = World(endpointslice.CONTROLLER, service("web", port(), labels={"a": "1"}), node(), pod("a", "1.1.1.1")).sync("default", "web")
    world.put(service("web", port(), labels={"a": "2", "kubernetes.io/service-name": "x"}))
    world.sync("default", "web")
    assert slices(world)[0]["metadata"]["labels"]["a"] == "2"
    assert slices(world)[0]["metadata"]["labels"]["kubernetes.io/service-name"] == "web"


def test_a_pod_on_a_node_that_is_not_there_is_left_out_and_tried_again():
    world = World(endpointslice.CONTROLLER, service("web", port()), pod("a", "1.1.1.1")).sync("default", "web")
    assert slices(world)[0]["endpoints"] == []
    assert world.plans[-1].error
    assert [event for event, _ in world.events] == ["Warning FailedToUpdateEndpointSlices"]


def test_no_new_slices_for_a_service_that_goes():
    going = service("web", port(), deletionTimestamp=NOW)
    assert World(endpointslice.CONTROLLER, going, node(), pod("a", "1.1.1.1")).sync("default", "web").calls == []


# -- which changes matter ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("why", "old", "new", "woken"),
    [
        ("no change", pod("a", "1.1.1.1"), pod("a", "1.1.1.1"), []),
        ("readiness", pod("a", "1.1.1.1"), pod("a", "1.1.1.1", ready=False), ["web"]),
        ("address", pod("a", "1.1.1.1"), pod("a", "1.1.1.2"), ["web"]),
        ("deletion", pod("a", "1.1.1.1"), pod("a", "1.1.1.1", going=True), ["web"]),
        ("a terminating pod always", pod("a", "1.1.1.1", going=True), pod("a", "1.1.1.1", going=True), ["web"]),
        ("phase alone does not", pod("a", "1.1.1.1", ready=False), pod("a", "1.1.1.1", ready=False, phase="Failed"), []),
        ("labels: out of one", pod("a", "1.1.1.1"), pod("a", "1.1.1.1", labels={"app": "other"}), ["other", "web"]),
        ("labels: one more that matters to none", pod("a", "1.1.1.1"), pod("a", "1.1.1.1", labels={**LABELS, "x": "y"}), []),
        ("host name: of no other service", pod("a", "1.1.1.1"), pod("a", "1.1.1.1", hostname="h"), []),
        ("added with an address", None, pod("a", "1.1.1.1"), ["web"]),
        ("added without", None, pod("a"), []),
    ],
)
def test_changes_of_pods(why, old, new, woken):
    """TestGetServicesToUpdateOnPodChange, TestPodEndpointsChanged."""
    world = World(endpoints.CONTROLLER, service("web", port()), service("other", port(), selector={"app": "other"}))
    change = Change("MODIFIED" if old else "ADDED", "pods", new, old, 1)
    assert sorted(name for _, name in pod_services(change, world.scope())) == woken


def test_leftovers_are_looked_at_when_the_controller_starts():
    left = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "left", "namespace": "default", "uid": "u"}}
    elected = {"name": "leader", "namespace": "default", "uid": "w", "annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}
    world = World(endpoints.CONTROLLER, left, {**left, "metadata": elected})
    assert list(endpoints.CONTROLLER.start(world.scope())) == [("default", "left")]
