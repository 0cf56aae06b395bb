"""The node: what a kubelet registers, its lease, its status; names and packets between pods; the door to the runtime.

upstream: pkg/kubelet/kubelet_node_status_test.go, pkg/kubelet/nodestatus/setters_test.go, component-helpers/apimachinery/lease/controller_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri.api import CriError, ImageRecord
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
    assert door.pod_sandbox_status(listed["podSandboxId"])["network"] == {"ip": "10.244.0.2", "additionalIps": []}
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


WITHOUT_LOGS = [
    # kubelet_test.go TestValidateContainerLogStatus, kubelet_pods.go validateContainerLogStatus: the state of a container that has not run, why
    ({"waiting": {}}, "is waiting to start: ContainerCreating"),
    ({"waiting": {"reason": "ErrImagePull"}}, "is waiting to start: image can't be pulled"),
    ({"waiting": {"reason": "ImagePullBackOff"}}, "is waiting to start: trying and failing to pull image"),
    ({"waiting": {"reason": "CreateContainerConfigError"}}, "is waiting to start: CreateContainerConfigError"),
    ({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}}, "is terminated"),
]


@pytest.mark.parametrize(("state", "why"), WITHOUT_LOGS)
@pytest.mark.parametrize("group", ["containerStatuses", "initContainerStatuses"])
def test_why_there_is_no_log(state: dict[str, Any], why: str, group: str) -> None:
    found = pod(container("c")) | {"status": {group: [{"name": "c", "state": state}]}}
    found["metadata"] = {**found["metadata"], "uid": "u"}
    with pytest.raises(CriError) as raised:
        cri_door.container_logs(scope(Node()), found, "c")
    assert raised.value.message == f'container "c" in pod "web" {why}'
    with pytest.raises(CriError, match='previous terminated container "c" in pod "web" not found'):
        cri_door.container_logs(scope(Node()), found, "c", previous=True)
    with pytest.raises(CriError, match='container "blah" in pod "web" is not available'):
        cri_door.container_logs(scope(Node()), found, "blah")


def test_no_command_runs_in_a_container_that_has_ended() -> None:
    node = Node()
    node.start(pod(shell("exit 0")))
    node.run("5s")
    found = node.pod()
    assert found is not None and "running" not in node.state()["state"]
    for name in ("c", "other"):
        with pytest.raises(CriError, match=rf'container not found \("{name}"\)'):
            cri_door.exec_in(scope(node), found, name, ["true"])


def test_a_command_in_a_container_sees_its_files() -> None:
    node = Node()
    node.start(pod(shell("echo text > /tmp/f; sleep 1000")))
    node.run("5s")
    found = node.pod()
    assert found is not None
    result, _ = cri_door.exec_in(scope(node), found, "c", ["cat", "/tmp/f"])
    assert (result.exit_code, result.output) == (0, "text\n")


IMAGES: list[tuple[list[tuple[int, int, int]], list[tuple[int, int]]]] = [
    # setters_test.go TestImages: images as (size, digests, tags), and what is shown of them as (size, names)
    ([(3, 0, 1), (1, 0, 1), (4, 0, 1), (2, 0, 1)], [(4, 1), (3, 1), (2, 1), (1, 1)]),
    ([(7, 2, 2)], [(7, 4)]),
    ([(7, 1, 5)], [(7, 5)]),
    ([(size, 0, 1) for size in range(1, 52)], [(size, 1) for size in range(51, 1, -1)]),
]


@pytest.mark.parametrize(("present", "shown"), IMAGES)
def test_the_largest_images_are_shown_by_five_names(present: list[tuple[int, int, int]], shown: list[tuple[int, int]]) -> None:
    node = Node()
    for size, digests, tags in present:
        names = tuple(f"r{size}:{number}" for number in range(tags)), tuple(f"r{size}@sha256:{number:064x}" for number in range(digests))
        node.engine.machines["n0"].setdefault("images", {})[f"sha256:{size}"] = ImageRecord(f"sha256:{size}", *names, size)
    node.run("12s")
    stored = node.engine.store.head.get("nodes", "", "n0")
    assert stored is not None
    assert [(image["sizeBytes"], len(image["names"])) for image in stored["status"]["images"]] == shown


def test_an_image_that_comes_between_two_quiet_looks_is_reported() -> None:
    node = Node()
    node.run("60s")
    node.start(pod())
    node.run("15s")
    stored = node.engine.store.head.get("nodes", "", "n0")
    assert stored is not None
    assert len(stored["status"]["images"]) == 1
