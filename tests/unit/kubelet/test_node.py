"""The node: what a kubelet registers, its lease, its status; names and packets between pods; the door to the runtime.

upstream: pkg/kubelet/kubelet_node_status_test.go, component-helpers/apimachinery/lease/controller_test.go, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.cri.api import CriError
from kubelab.engine.component import Scope
from kubelab.kubelet import cri_door, node_object
from kubelab.kubelet.network_world import Around
from kubelab.world.clock import parse_rfc3339
from tests.unit.kubelet.world import START_NS, Node, container, pod, shell


def scope(node: Node, name: str = "n0") -> Scope:
    return node.engine.scope(node.engine.runners[f"kubelet/{name}"], ())


def test_nodes_differ_by_zone_address_and_range() -> None:
    first, fourth = node_object("a", 0, START_NS), node_object("b", 3, START_NS)
    zone = "topology.kubernetes.io/zone"
    assert (first["metadata"]["labels"][zone], fourth["metadata"]["labels"][zone]) == ("zone-a", "zone-a")
    assert fourth["metadata"]["labels"]["kubernetes.io/hostname"] == "b"
    assert (fourth["spec"]["podCIDR"], fourth["status"]["addresses"][0]["address"]) == ("10.244.3.0/24", "192.168.0.5")
    assert first["status"]["allocatable"]["pods"] == "110"
    assert [condition["type"] for condition in first["status"]["conditions"]][-1] == "Ready"


def test_the_lease_is_renewed_every_ten_seconds() -> None:
    node = Node()
    node.run("31s")
    lease = node.engine.store.head.get("leases.coordination.k8s.io", "kube-node-lease", "n0")
    assert lease is not None
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseDurationSeconds"]) == ("n0", 40)
    renewals = [call for call in node.server.calls if call.resource == "leases.coordination.k8s.io"]
    assert [call.verb for call in renewals] == ["create", "update", "update", "update"]


def test_the_status_is_sent_when_it_changes_or_after_five_minutes() -> None:
    node = Node()
    node.run("290s")
    assert not [call for call in node.server.calls if call.resource == "nodes" and call.verb == "patch"]
    node.run("30s")
    assert len([call for call in node.server.calls if call.resource == "nodes" and call.verb == "patch"]) == 1


def test_images_on_the_node_are_reported() -> None:
    node = Node()
    node.start(pod())
    node.run("15s")
    stored = node.engine.store.head.get("nodes", "", "n0")
    assert stored is not None
    (image,) = stored["status"]["images"]
    assert image["names"][1] == "docker.io/library/nginx:1.25"


def test_a_node_that_was_lost_reports_itself_ready_again() -> None:
    node = Node()
    unknown = [{"type": kind, "status": "Unknown", "reason": "NodeStatusUnknown"} for kind in ("MemoryPressure", "Ready")]
    node.ask("patch", "nodes", "n0", {"status": {"conditions": unknown}}, "", subresource="status")
    node.run("15s")
    stored = node.engine.store.head.get("nodes", "", "n0")
    assert stored is not None
    ready = stored["status"]["conditions"][-1]
    assert (ready["status"], ready["reason"], ready["message"]) == ("True", "KubeletReady", "kubelet is posting ready status")
    assert parse_rfc3339(ready["lastTransitionTime"]) > START_NS
    events = node.events("NodeReady", "NodeHasSufficientMemory")
    assert ("NodeReady", "Node n0 status is now: NodeReady") in events
    assert ("NodeHasSufficientMemory", "Node n0 status is now: NodeHasSufficientMemory") in events


def test_cordoning_is_an_event() -> None:
    node = Node()
    node.run("15s")
    stored = node.engine.store.head.get("nodes", "", "n0")
    assert stored is not None
    node.ask("update", "nodes", "n0", {**stored, "spec": {**stored["spec"], "unschedulable": True}}, "")
    node.run("15s")
    assert node.events("NodeNotSchedulable") == [("NodeNotSchedulable", "Node n0 status is now: NodeNotSchedulable")]


# -- names and packets ------------------------------------------------------------------------------------------------------
def with_services() -> Node:
    node = Node(2)
    node.start(pod(container(ports=[{"containerPort": 80}]), name="web-0", node="n1", hostname="web-0", subdomain="nginx"))
    node.run("10s")
    service = {"metadata": {"name": "nginx", "namespace": "default"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}}
    virtual = {"metadata": {"name": "front", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 8080}]}}
    address = {"ip": node.status("web-0")["podIP"], "hostname": "web-0"}
    node.create("services", service)
    node.create("services", virtual)
    for name in ("nginx", "front"):
        subsets = [{"addresses": [address], "ports": [{"port": 80}]}]
        node.create("endpoints", {"metadata": {"name": name, "namespace": "default"}, "subsets": subsets})
    node.run("1s")
    return node


NAMES = [
    ("front.default.svc.cluster.local", "10.96.0.9"),
    ("nginx.default.svc.cluster.local", "10.244.1.2"),
    ("web-0.nginx.default.svc.cluster.local", "10.244.1.2"),
    ("10-244-1-2.default.pod.cluster.local", "10.244.1.2"),
    ("web-1.nginx.default.svc.cluster.local", None),
    ("nginx.other.svc.cluster.local", None),
    ("example.com", None),
]


@pytest.mark.parametrize(("name", "address"), NAMES)
def test_names_resolve_as_in_cluster_dns(name: str, address: str | None) -> None:
    assert Around(scope(with_services())).resolve(name) == address


PACKETS = [("10.244.1.2", 80, 200), ("10.96.0.9", 8080, 200), ("10.244.1.2", 81, None), ("10.96.0.9", 80, None), ("10.1.2.3", 80, None)]


@pytest.mark.parametrize(("host", "port", "code"), PACKETS)
def test_packets_reach_pods_directly_and_through_services(host: str, port: int, code: int | None) -> None:
    node = with_services()
    answer = Around(scope(node)).http("10.244.0.9", host, port, "/", node.engine.now_ns)
    assert (answer.code if answer else None) == code
    assert Around(scope(node)).tcp("10.244.0.9", host, port, node.engine.now_ns) is (code is not None)


# -- the door ---------------------------------------------------------------------------------------------------------------
def test_the_runtime_shows_its_containers_in_the_protos_names() -> None:
    node = Node()
    node.start(pod())
    node.run("10s")
    door = cri_door.runtime_of(lambda: scope(node))
    (listed,) = door.list_containers()
    assert (listed["metadata"], listed["state"]) == ({"name": "c", "attempt": 0}, "CONTAINER_RUNNING")
    assert listed["labels"]["io.kubernetes.pod.name"] == "web"
    assert door.pod_sandbox_status(listed["podSandboxId"])["network"] == {"ip": "10.244.0.2"}
    assert door.list_images()[0]["repoTags"] == ["docker.io/library/nginx:1.25"]
    assert door.exec_sync(listed["id"], ["false"])["exitCode"] == 1


def test_logs_can_be_cut_and_asked_of_the_instance_before() -> None:
    node = Node()
    node.start(pod(shell("echo one; echo two; sleep 2; exit 1")))
    node.run("6s")
    found = node.pod()
    assert found is not None
    assert cri_door.container_logs(scope(node), found, "c", tail_lines=1) == "two\n"
    assert cri_door.container_logs(scope(node), found, "c", previous=True) == "one\ntwo\n"


def test_there_are_no_logs_before_a_container_has_run() -> None:
    node = Node()
    node.start(pod())
    node.run("10ms")
    found = node.pod()
    assert found is not None
    with pytest.raises(CriError, match='container "c" in pod "web" is waiting to start: ContainerCreating'):
        cri_door.container_logs(scope(node), found, "c")


def test_a_command_in_a_container_sees_its_files() -> None:
    node = Node()
    node.start(pod(shell("echo text > /tmp/f; sleep 1000")))
    node.run("5s")
    found = node.pod()
    assert found is not None
    result, _ = cri_door.exec_in(scope(node), found, "c", ["cat", "/tmp/f"])
    assert (result.exit_code, result.output) == (0, "text\n")


def test_an_image_that_comes_between_two_quiet_looks_is_reported() -> None:
    node = Node()
    node.run("60s")
    node.start(pod())
    node.run("15s")
    stored = node.engine.store.head.get("nodes", "", "n0")
    assert stored is not None
    assert len(stored["status"]["images"]) == 1
