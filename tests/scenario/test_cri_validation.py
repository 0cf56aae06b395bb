"""What critest asks of a runtime, as far as a door of dicts can answer: each test names its ``It(…)``.

upstream: kubernetes-sigs/cri-tools pkg/validate/{idempotence,container,image,image_consistency,image_id_consistency,pod,runtime_info,
streaming}.go (2026); staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.cri.api import CriError

BUSYBOX = "docker.io/library/busybox:1.36"
NOWHERE = "0" * 64


@pytest.fixture
def cluster() -> kl.Cluster:
    return kl.Cluster(1, seed=3)


@pytest.fixture
def cri(cluster: kl.Cluster) -> Any:
    return cluster.cri("node-1")


def sandbox(cri: Any, name: str = "sandbox", **more: Any) -> str:
    meta = {"name": name, "uid": f"{name}-uid", "namespace": f"{name}-namespace", "attempt": 0}
    return str(cri.run_pod_sandbox({"metadata": meta, **more})["podSandboxId"])


def container(cri: Any, box: str, name: str = "container", command: str = "", attempt: int = 0, **more: Any) -> str:
    cri.pull_image(BUSYBOX)
    shell = ["sh", "-c", command or "while true; do sleep 10; done"]
    config = {"metadata": {"name": name, "attempt": attempt}, "image": {"image": BUSYBOX}, "command": shell, **more}
    return str(cri.create_container(box, config)["containerId"])


def running(cri: Any, box: str, name: str = "container", command: str = "", **more: Any) -> str:
    made = container(cri, box, name, command, **more)
    cri.start_container(made)
    return made


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(CriError) as caught:
        call(*arguments, **named)
    return caught.value.code, caught.value.message


# -- Idempotence ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["stop_pod_sandbox", "remove_pod_sandbox", "stop_container", "remove_container", "remove_image"])
def test_should_not_return_an_error_if_not_found(cri, name):
    assert getattr(cri, name)(NOWHERE) is None
    assert getattr(cri, name)(NOWHERE) is None


def test_should_not_return_an_error_if_already_stopped(cri):
    box = sandbox(cri)
    made = running(cri, box)
    cri.stop_container(made)
    cri.stop_container(made)
    cri.remove_container(made)
    cri.remove_container(made)
    cri.stop_pod_sandbox(box)
    cri.stop_pod_sandbox(box)
    cri.remove_pod_sandbox(box)
    cri.remove_pod_sandbox(box)
    assert cri.list_pod_sandbox() == cri.list_containers() == []


@pytest.mark.parametrize(("name", "more"), [
    ("pod_sandbox_status", ()),
    ("pod_sandbox_stats", ()),
    ("port_forward", ()),
    ("container_status", ()),
    ("container_stats", ()),
    ("start_container", ()),
    ("exec_sync", (["true"],)),
    ("exec", (["true"],)),
    ("reopen_container_log", ()),
    ("update_container_resources", ({"cpuShares": 2},)),
])  # fmt: skip
def test_unknown_ids_that_are_not_found(cri, name, more):
    assert refusal(getattr(cri, name), NOWHERE, *more)[0] == "NotFound"


def test_lists_with_an_unknown_id_are_empty(cri):
    running(cri, sandbox(cri))
    lists = (cri.list_pod_sandbox, cri.list_containers, cri.list_container_stats, cri.list_pod_sandbox_stats)
    assert [each(id=NOWHERE) for each in lists] == [[], [], [], []]


# -- PodSandbox -------------------------------------------------------------------------------------------------------------------
def test_runtime_should_support_running_stopping_and_removing_podsandbox(cri):
    box = sandbox(cri)
    assert cri.pod_sandbox_status(box)["state"] == "SANDBOX_READY"
    assert cri.pod_sandbox_status(box)["network"]["ip"]
    cri.stop_pod_sandbox(box)
    assert cri.pod_sandbox_status(box)["state"] == "SANDBOX_NOTREADY"
    assert [each["id"] for each in cri.list_pod_sandbox()] == [box]
    cri.remove_pod_sandbox(box)
    assert cri.list_pod_sandbox(id=box) == []


def test_runtime_should_support_preserving_podsandbox_attributes(cri):
    labels, annotations = {"foo-1": "bar-1", "foo-2": "bar-2"}, {"foo-1": "bar-1", "foo-2": "bar-2"}
    box = sandbox(cri, labels=labels, annotations=annotations)
    for seen in (cri.pod_sandbox_status(box), *cri.list_pod_sandbox(labels={"foo-1": "bar-1"})):
        assert (seen["labels"], seen["annotations"]) == (labels, annotations)
    assert cri.list_pod_sandbox(labels={"foo-1": "bar-2"}) == []
    assert cri.list_pod_sandbox(state="SANDBOX_NOTREADY") == []


def test_a_sandbox_without_metadata_twice_or_of_an_unknown_handler_is_refused(cri):
    assert refusal(cri.run_pod_sandbox, {}) == ("Unknown", "sandbox config must include metadata")
    sandbox(cri)
    assert "is reserved for" in refusal(sandbox, cri)[1]
    assert "no runtime for" in refusal(cri.run_pod_sandbox, {"metadata": {"name": "other"}}, "kata")[1]


def test_an_address_comes_back_with_its_sandbox(cri):
    first = sandbox(cri)
    address = cri.pod_sandbox_status(first)["network"]["ip"]
    assert cri.pod_sandbox_status(sandbox(cri, "second"))["network"]["ip"] != address
    taken = kl_addresses(cri)
    cri.stop_pod_sandbox(first)
    assert kl_addresses(cri) == taken - 1


def kl_addresses(cri: Any) -> int:
    return len(cri.runtime.tables.get("addresses_taken", {}))


# -- Container --------------------------------------------------------------------------------------------------------------------
def test_runtime_should_support_creating_starting_and_stopping_container(cri):
    box = sandbox(cri)
    made = container(cri, box)
    status = cri.container_status(made)
    assert (status["state"], status["startedAt"], status["finishedAt"]) == ("CONTAINER_CREATED", 0, 0)
    assert status["createdAt"] > 0
    cri.stop_container(made)
    assert cri.container_status(made)["state"] == "CONTAINER_CREATED"
    cri.start_container(made)
    assert cri.container_status(made)["state"] == "CONTAINER_RUNNING"
    assert refusal(cri.start_container, made) == (
        "Unknown",
        f'failed to set starting state for container "{made}": container is in CONTAINER_RUNNING state',
    )
    cri.stop_container(made)
    status = cri.container_status(made)
    assert (status["state"], status["exitCode"], status["reason"]) == ("CONTAINER_EXITED", 137, "Error")
    assert status["finishedAt"] >= status["startedAt"] > 0


def test_stopping_with_a_timeout_lets_the_program_end(cluster, cri):
    box = sandbox(cri)
    polite = running(cri, box, "polite", "trap 'exit 0' TERM; while true; do sleep 1; done")
    deaf = running(cri, box, "deaf", "trap '' TERM; while true; do sleep 1; done")
    for made in (polite, deaf):
        cri.stop_container(made, 5)
    cluster.run("4s")
    assert cri.container_status(polite)["reason"] == "Completed"
    assert cri.container_status(deaf)["state"] == "CONTAINER_RUNNING"
    cluster.run("2s")
    assert cri.container_status(deaf)["exitCode"] == 137


def test_runtime_should_support_preserving_container_attributes(cri):
    labels, annotations = {"foo-1": "bar-1"}, {"foo-2": "bar-2"}
    box = sandbox(cri)
    made = container(cri, box, labels=labels, annotations=annotations)
    for seen in (cri.container_status(made), *cri.list_containers(labels=labels)):
        assert (seen["labels"], seen["annotations"], seen["metadata"]["name"]) == (labels, annotations, "container")
    assert [cri.list_containers(pod_sandbox_id=NOWHERE), cri.list_containers(labels={"foo-1": "other"})] == [[], []]


@pytest.mark.parametrize("state", ["created", "running", "stopped"])
def test_runtime_should_support_removing_container(cri, state):
    box = sandbox(cri)
    made = container(cri, box) if state == "created" else running(cri, box)
    if state == "stopped":
        cri.stop_container(made)
    cri.remove_container(made)
    assert cri.list_containers(id=made) == []


def test_a_restart_is_a_new_container_of_the_next_attempt(cri):
    box = sandbox(cri)
    cri.stop_container(running(cri, box))
    assert "is reserved for" in refusal(container, cri, box)[1]
    assert cri.container_status(container(cri, box, attempt=1))["metadata"]["attempt"] == 1


def test_what_cannot_be_created_or_started(cri):
    box = sandbox(cri)
    assert refusal(container, cri, NOWHERE)[0] == "NotFound"
    absent = {"metadata": {"name": "c"}, "image": {"image": "absent:1"}}
    assert refusal(cri.create_container, box, absent)[0] == "NotFound"
    made = container(cri, box)
    cri.stop_pod_sandbox(box)
    assert refusal(cri.start_container, made) == ("Unknown", f'sandbox container "{box}" is not running')


def test_stopping_a_sandbox_kills_its_containers_and_removing_takes_them_along(cri):
    box = sandbox(cri)
    made = running(cri, box)
    cri.stop_pod_sandbox(box)
    assert cri.container_status(made)["state"] == "CONTAINER_EXITED"
    cri.remove_pod_sandbox(box)
    assert cri.list_containers() == []


def test_runtime_should_support_execsync_with_timeout(cri):
    made = running(cri, sandbox(cri))
    assert cri.exec_sync(made, ["echo", "hello"]) == {"stdout": "hello\n", "stderr": "", "exitCode": 0}
    assert cri.exec_sync(made, ["sh", "-c", "exit 3"])["exitCode"] == 3
    assert refusal(cri.exec_sync, made, ["sleep", "321"], 1) == (
        "DeadlineExceeded",
        "failed to exec in container: timeout 1s exceeded: context deadline exceeded",
    )
    cri.stop_container(made)
    assert refusal(cri.exec_sync, made, ["true"]) == ("Unknown", "failed to exec in container: container is in CONTAINER_EXITED state")


def test_runtime_should_support_listing_container_stats(cri):
    box = sandbox(cri)
    made = running(cri, box)
    assert cri.container_stats(made)["attributes"]["id"] == made
    assert [each["attributes"]["id"] for each in cri.list_container_stats(id=made)] == [made]
    third = [running(cri, box, f"container-{number}") for number in range(2)]
    assert {each["attributes"]["id"] for each in cri.list_container_stats()} == {made, *third}
    created = container(cri, box, "created")
    assert created not in {each["attributes"]["id"] for each in cri.list_container_stats()}


def test_runtime_should_support_listing_stats_for_containers_filtered_by_labels(cri):
    box = sandbox(cri)
    first = running(cri, box, "first", labels={"name": "a", "both": "yes"})
    second = running(cri, box, "second", labels={"name": "b", "both": "yes"})
    assert [each["attributes"]["id"] for each in cri.list_container_stats(labels={"name": "a"})] == [first]
    assert {each["attributes"]["id"] for each in cri.list_container_stats(labels={"both": "yes"})} == {first, second}
    assert cri.list_container_stats(labels={"name": "a", "both": "no"}) == []


def test_runtime_should_support_reopening_container_log(cri):
    made = container(cri, sandbox(cri, logDirectory="/var/log/pods/x"), logPath="container.log")
    assert cri.container_status(made)["logPath"] == "/var/log/pods/x/container.log"
    assert refusal(cri.reopen_container_log, made) == ("Unknown", "container is not running")
    cri.start_container(made)
    cri.reopen_container_log(made)


def test_ids_may_be_shortened_as_long_as_they_name_one(cri):
    box = sandbox(cri)
    made = running(cri, box)
    assert cri.container_status(made[:12])["id"] == cri.container_stats(made[:12])["attributes"]["id"] == made
    assert cri.pod_sandbox_status(box[:12])["id"] == box
    others = [running(cri, box, f"c{number}") for number in range(20)]
    shared = next(each[0] for each in others if sum(other[0] == each[0] for other in others) > 1)
    words = f"Multiple IDs found with provided prefix: {shared}"
    assert refusal(cri.container_status, shared) == ("Unknown", f'an error occurred when try to find container "{shared}": {words}')
    assert cri.list_containers(id=shared) == cri.list_container_stats(id=shared) == []
    assert [each["id"] for each in cri.list_containers(id=made[:12])] == [made]


# -- Image Manager, Consistency, Identifier Consistency ---------------------------------------------------------------------------
@pytest.mark.parametrize(("image", "tags"), [
    ("registry.k8s.io/e2e-test-images/nginx:1.14-2", ["registry.k8s.io/e2e-test-images/nginx:1.14-2"]),
    ("quay.io/lab/without-tag", ["quay.io/lab/without-tag:latest"]),
    (f"quay.io/lab/by-digest@sha256:{'ab' * 32}", []),
])  # fmt: skip
def test_public_image_should_be_pulled_and_removed(cri, image, tags):
    id_ = cri.pull_image({"image": image})["imageRef"]
    seen = cri.image_status(image)
    assert (seen["id"], seen["repoTags"]) == (id_, tags)
    assert seen["size"] > 0
    if "@" in image:
        assert seen["repoDigests"] == [image]
    for name in (id_, *seen["repoTags"], *seen["repoDigests"]):
        assert cri.image_status(name) == seen
        assert cri.list_images(name) == [seen]
    cri.remove_image({"image": id_})
    assert cri.image_status(image) is None
    assert cri.list_images() == []


def test_imagefsinfo_usage_increases_with_a_pull_and_decreases_with_a_removal(cri):
    def used() -> int:
        return int(cri.image_fs_info()["imageFilesystems"][0]["usedBytes"]["value"])

    before = used()
    cri.pull_image(BUSYBOX)
    after = used()
    cri.remove_image(BUSYBOX)
    assert after > before == used()


def test_should_return_the_same_image_identifier_across_all_apis(cri):
    made = running(cri, sandbox(cri))
    id_ = cri.image_status(BUSYBOX)["id"]
    assert cri.container_status(made)["imageRef"] == cri.list_containers()[0]["imageRef"] == cri.list_images()[0]["id"] == id_


@pytest.mark.parametrize(("image", "code", "words"), [
    ("nginx:1.161", "NotFound", "failed to pull and unpack image"),
    ("UPPER", "Unknown", 'failed to parse image reference "UPPER"'),
    (None, "InvalidArgument", "None is not an image"),
])  # fmt: skip
def test_an_image_that_cannot_be_pulled(cri, image, code, words):
    found, message = refusal(cri.pull_image, image)
    assert (found, message.startswith(words)) == (code, True), message


@pytest.mark.parametrize(("part", "words"), [
    ({"command": "sleep 1"}, "command: 'sleep 1' is not a list of texts"),
    ({"envs": [{}]}, "envs: {} is not as"),
    ({"mounts": [{}]}, "mounts: {} needs containerPath and hostPath"),
    ({"linux": {"resources": {"cpuShares": "5"}}}, "linux.cpuShares: '5' is not a whole number"),
    ({"metadata": 5}, "metadata: 5 is not a map"),
])  # fmt: skip
def test_a_configuration_that_is_none(cri, part, words):
    box = sandbox(cri)
    cri.pull_image(BUSYBOX)
    config = {"metadata": {"name": "c"}, "image": {"image": BUSYBOX}, **part}
    code, message = refusal(cri.create_container, box, config)
    assert (code, message.startswith(words)) == ("InvalidArgument", True), message
    assert cri.list_containers() == []


def test_a_timeout_that_is_none(cri):
    made = running(cri, sandbox(cri))
    for timeout in ("5", -1, float("nan"), None):
        assert refusal(cri.stop_container, made, timeout)[0] == "InvalidArgument"
    assert cri.container_status(made)["state"] == "CONTAINER_RUNNING"


# -- Runtime info, Streaming, metrics ----------------------------------------------------------------------------------------------
def test_runtime_should_return_version_info_and_conditions(cri):
    assert all(cri.version()[name] for name in ("version", "runtimeName", "runtimeVersion", "runtimeApiVersion"))
    conditions = {each["type"]: each["status"] for each in cri.status()["status"]["conditions"]}
    assert conditions == {"RuntimeReady": True, "NetworkReady": True}


def test_streams_are_refused_as_upstream_refuses_and_else_said_not_to_be_there(cri):
    made = running(cri, sandbox(cri))
    for call in (lambda **named: cri.exec(made, ["sh"], **named), lambda **named: cri.attach(made, **named)):
        assert refusal(call, tty=True, stderr=True) == ("InvalidArgument", "tty and stderr cannot both be true")
        assert refusal(call, stdout=False) == ("InvalidArgument", "one of stdin, stdout, or stderr must be set")
        assert refusal(call)[0] == "Unimplemented"


def test_runtime_should_support_listing_pod_sandbox_metrics(cri):
    described = {each["name"]: each for each in cri.list_metric_descriptors()}
    assert all(each["help"] and each["labelKeys"] for each in described.values())
    box = sandbox(cri)
    running(cri, box)
    (found,) = cri.list_pod_sandbox_metrics()
    assert found["podSandboxId"] == box
    for metric in (*found["metrics"], *(each for one in found["containerMetrics"] for each in one["metrics"])):
        assert len(metric["labelValues"]) == len(described[metric["name"]]["labelKeys"])


# -- beside the kubelet -----------------------------------------------------------------------------------------------------------
def test_every_page_of_the_kubelet_bears_a_sandbox_that_it_does_not_know(cluster, cri):
    running(cri, sandbox(cri), linux={"resources": {"memoryLimitInBytes": 64 << 20}})
    cluster.run("40s")
    assert [pod["podRef"]["name"] for pod in cluster.summary("node-1")["pods"]] == ["sandbox"]
    for path in ("/metrics/resource", "/metrics/cadvisor", "/metrics"):
        assert cluster.prometheus("node-1", path)
    cluster.settle()


def test_the_kubelet_makes_what_was_stopped_by_hand_anew(cluster, cri):
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}})
    cluster.run(until="pod/p ready", timeout="1m")
    (box,) = cri.list_pod_sandbox(labels={})
    cri.stop_pod_sandbox(box["id"])
    cluster.run("30s")
    attempts = {each["metadata"]["attempt"]: each["state"] for each in cri.list_pod_sandbox()}
    assert attempts == {0: "SANDBOX_NOTREADY", 1: "SANDBOX_READY"}
    assert cluster["pod/p"]["status"]["containerStatuses"][0]["restartCount"] == 1


def test_what_the_kubelet_writes_on_containers(cluster, cri):
    ports = [{"containerPort": 80, "protocol": "TCP"}]
    made = {"name": "c", "image": "nginx", "ports": ports, "lifecycle": {"preStop": {"exec": {"command": ["true"]}}}}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [made]}})
    cluster.run(until="pod/p ready", timeout="1m")
    (seen,) = cri.list_containers(labels={"io.kubernetes.pod.name": "p", "io.kubernetes.container.name": "c"})
    assert set(seen["labels"]) == {f"io.kubernetes.{part}" for part in ("container.name", "pod.name", "pod.namespace", "pod.uid")}
    notes = {name.removeprefix("io.kubernetes."): text for name, text in seen["annotations"].items()}
    assert notes == {
        "container.restartCount": "0",
        "container.terminationMessagePath": "/dev/termination-log",
        "container.terminationMessagePolicy": "File",
        "container.preStopHandler": '{"exec":{"command":["true"]}}',
        "container.ports": '[{"containerPort":80,"protocol":"TCP"}]',
        "pod.terminationGracePeriod": "30",
    }
    uid = cluster["pod/p"]["metadata"]["uid"]
    assert cri.container_status(seen["id"])["logPath"] == f"/var/log/pods/default_p_{uid}/c/0.log"


# -- Security Context -------------------------------------------------------------------------------------------------------------
# upstream: kubernetes-sigs/cri-tools pkg/validate/security_context_linux.go
CONTEXTS = [
    # runtime should support RunAsUser; RunAsUserName; RunAsGroup; SupplementalGroups
    ({"runAsUser": {"value": 1001}}, "id -u", "1001\n"),
    ({"runAsUsername": "nobody"}, "id -nu", "nobody\n"),
    ({"runAsUser": {"value": 1001}, "runAsGroup": {"value": 1002}}, "id -g; id -G", "1002\n1002\n"),
    ({"runAsUsername": "nobody", "runAsGroup": {"value": 1002}}, "id -g", "1002\n"),
    ({"supplementalGroups": [1234, 5678]}, "id -G", "0 10 1234 5678\n"),
    ({}, "id -u", "0\n"),
    ({"runAsUser": {"value": 0}, "runAsGroup": {"value": 0}}, "id -u; id -g", "0\n0\n"),
    ({"runAsUser": {}, "runAsGroup": {"value": 1002}}, "id -u; id -g", "0\n1002\n"),  # as 0 comes over the wire
    # runtime should support that ReadOnlyRootfs is true, is false
    ({"readonlyRootfs": True}, "touch /x 2>/dev/null; echo $?", "1\n"),
    ({"readonlyRootfs": False}, "touch /x; echo $?", "0\n"),
]


@pytest.mark.parametrize(("context", "command", "said"), CONTEXTS)
def test_security_contexts(cri: Any, context: dict[str, Any], command: str, said: str) -> None:
    made = running(cri, sandbox(cri), linux={"securityContext": context})
    assert cri.exec_sync(made, ["sh", "-c", command])["stdout"] == said
    assert cri.container_status(made)["mounts"] == []


def test_runtime_should_return_error_if_run_as_group_is_set_without_run_as_user(cri: Any) -> None:
    words = 'failed to generate user string: user group "1002" is specified without user'
    assert refusal(container, cri, sandbox(cri), linux={"securityContext": {"runAsGroup": {"value": 1002}}}) == ("Unknown", words)
    assert refusal(container, cri, sandbox(cri, "b"), linux={"securityContext": {"runAsUsername": "who"}})[1] == (
        "unable to find user who: no matching entries in passwd file"
    )
    assert refusal(container, cri, sandbox(cri, "c"), linux={"securityContext": {"runAsUser": {"value": "x"}}})[0] == "InvalidArgument"
