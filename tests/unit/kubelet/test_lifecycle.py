"""A pod's way from its binding to its end, through the real engine: what is reported, when, and in which words.

upstream: pkg/kubelet/kubelet.go SyncPod, kuberuntime_manager.go SyncPod, 1.28; spec "Pod life in the kubelet".
"""

from __future__ import annotations

from tests.unit.kubelet.world import Node, container, pod, shell


def test_a_pod_becomes_ready_with_two_patches_and_four_events() -> None:
    node = Node()
    node.start(pod())
    node.run("10s")

    first, second = node.patches()
    assert first["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert (first["hostIP"], first["startTime"], "podIP" in first) == ("192.168.0.2", "2026-01-01T00:00:01Z", False)
    assert (second["phase"], second["podIP"], second["podIPs"]) == ("Running", "10.244.0.2", [{"ip": "10.244.0.2"}])
    assert node.state()["image"] == "docker.io/library/nginx:1.25"
    assert node.state()["imageID"].startswith("docker.io/library/nginx@sha256:")
    assert [condition["type"] for condition in node.status()["conditions"]] == ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
    assert node.condition("Ready")["status"] == "True"
    assert node.events()[:4] == [
        ("Pulling", 'Pulling image "nginx:1.25"'),
        ("Pulled", 'Successfully pulled image "nginx:1.25" in 2.14s (2.14s including waiting)'),
        ("Created", "Created container c"),
        ("Started", "Started container c"),
    ]


def test_the_first_status_names_the_unready_containers() -> None:
    node = Node()
    node.start(pod(container("a"), container("b")))
    node.run("100ms")
    assert node.condition("Ready")["reason"] == "ContainersNotReady"
    assert node.condition("Ready")["message"] == "containers with unready status: [a b]"
    assert node.condition("Initialized")["status"] == "True"


def test_an_image_that_is_there_is_not_pulled_again() -> None:
    node = Node()
    node.start(pod(name="one"))
    node.run("10s")
    node.start(pod(name="two"))
    node.run("3s")
    assert node.status("two")["phase"] == "Running"
    assert ("Pulled", 'Container image "nginx:1.25" already present on machine') in node.events()
    assert len(node.events("Pulling")) == 1


def test_pulls_wait_for_each_other() -> None:
    node = Node()
    node.start(pod(name="one"), pod(container(image="redis:7"), name="two"))
    node.run("10s")
    assert node.events("Pulled") == [
        ("Pulled", 'Successfully pulled image "nginx:1.25" in 2.14s (2.14s including waiting)'),
        ("Pulled", 'Successfully pulled image "redis:7" in 1.7s (3.841s including waiting)'),
    ]


def test_containers_start_in_turn_and_a_pull_delays_those_behind_it() -> None:
    node = Node()
    node.start(pod(container("b"), container("a", "redis:7"), container("z")))
    node.run("10s")
    started = [message for reason, message in node.events("Started")]
    assert started == ["Started container b", "Started container a", "Started container z"]
    assert [item["name"] for item in node.status()["containerStatuses"]] == ["a", "b", "z"]


def test_init_containers_run_one_after_the_other_to_their_end() -> None:
    node = Node()
    node.start(pod(initContainers=[shell("sleep 2", "one"), shell("echo done", "two")]))
    node.run("500ms")
    assert node.condition("Initialized")["message"] == "containers with incomplete status: [one two]"
    assert node.state()["state"] == {"waiting": {"reason": "PodInitializing"}}
    node.run("20s")
    assert node.status()["phase"] == "Running"
    first, second = node.status()["initContainerStatuses"]
    assert first["state"]["terminated"]["finishedAt"] <= second["state"]["terminated"]["startedAt"]
    assert (first["ready"], first["state"]["terminated"]["reason"]) == (True, "Completed")


def test_a_failing_init_container_ends_a_pod_that_never_restarts() -> None:
    node = Node()
    node.start(pod(initContainers=[shell("exit 3", "i")], restartPolicy="Never"))
    node.run("20s")
    assert node.status()["phase"] == "Failed"
    assert node.state(container="i", kind="initContainerStatuses")["state"]["terminated"]["exitCode"] == 3
    assert node.state()["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_a_failing_init_container_is_tried_again() -> None:
    node = Node()
    node.start(pod(initContainers=[shell("exit 3", "i")]))
    node.run("8s")
    status = node.state(container="i", kind="initContainerStatuses")
    assert (node.status()["phase"], status["restartCount"]) == ("Pending", 1)


def test_an_init_container_can_wait_for_a_service() -> None:
    # the documentation's init container example
    node = Node()
    script = "until nslookup mydb.default.svc.cluster.local; do echo waiting for mydb; sleep 2; done"
    node.start(pod(initContainers=[shell(script, "i")]))
    node.run("10s")
    assert node.status()["phase"] == "Pending"
    service = {"metadata": {"name": "mydb", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.20", "ports": [{"port": 80}]}}
    node.create("services", service)
    node.run("10s")
    assert node.status()["phase"] == "Running"


def test_a_sidecar_starts_first_and_does_not_keep_the_pod() -> None:
    node = Node()
    node.engine.gates["SidecarContainers"] = True
    sidecar = shell("while true; do sleep 1; done", "s", restartPolicy="Always")
    node.start(pod(shell("sleep 3"), initContainers=[sidecar], restartPolicy="Never", terminationGracePeriodSeconds=2))
    node.run("5s")
    assert [message for _, message in node.events("Started")] == ["Started container s", "Started container c"]
    assert node.status()["phase"] == "Running"
    node.run("20s")
    assert node.status()["phase"] == "Succeeded"
    assert ("Killing", "Stopping container s") in node.events()


def test_a_pod_that_has_done_its_work_succeeds() -> None:
    node = Node()
    node.start(pod(shell("sleep 1; echo done"), restartPolicy="OnFailure"))
    node.run("10s")
    assert node.status()["phase"] == "Succeeded"
    assert node.condition("Ready")["reason"] == "PodCompleted"
    assert (node.condition("Initialized")["status"], node.condition("Initialized")["reason"]) == ("True", "PodCompleted")
    assert node.output() == "done\n"


def test_a_pod_out_of_time_is_ended() -> None:
    node = Node()
    node.start(pod(shell("sleep 100"), restartPolicy="Never", activeDeadlineSeconds=10, terminationGracePeriodSeconds=2))
    node.run("20s")
    assert (node.status()["phase"], node.status()["reason"]) == ("Failed", "DeadlineExceeded")
    assert node.status()["message"] == "Pod was active on the node longer than the specified deadline"
    assert node.events("DeadlineExceeded") == [("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")]


def test_a_readiness_gate_holds_the_pod_back_until_its_condition_is_true() -> None:
    node = Node()
    node.start(pod(readinessGates=[{"conditionType": "example.com/x"}]))
    node.run("10s")
    assert (node.condition("Ready")["reason"], node.condition("ContainersReady")["status"]) == ("ReadinessGatesNotReady", "True")
    node.ask("patch", "pods", "web", {"status": {"conditions": [{"type": "example.com/x", "status": "True"}]}}, subresource="status")
    node.run("1s")
    assert node.condition("Ready")["status"] == "True"


def test_a_report_that_somebody_else_has_changed_is_put_right() -> None:
    # the node controller marks pods of a silent node unready; upstream: status_manager.go needsReconcile
    node = Node()
    node.start(pod())
    node.run("10s")
    node.ask("patch", "pods", "web", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, subresource="status")
    node.run("1s")
    assert node.condition("Ready")["status"] == "True"


def test_a_new_image_in_the_spec_restarts_its_container() -> None:
    # upstream: computePodActions, containerChanged
    node = Node()
    node.start(pod())
    node.run("10s")
    old = node.pod()
    assert old is not None
    new = {**old, "spec": {**old["spec"], "containers": [container(image="nginx:1.26")]}}
    node.ask("update", "pods", "web", new)
    node.run("10s")
    assert ("Killing", "Container c definition changed, will be restarted") in node.events()
    assert (node.state()["image"], node.state()["restartCount"]) == ("docker.io/library/nginx:1.26", 1)


def test_a_pod_on_the_hosts_network_has_the_hosts_address() -> None:
    node = Node()
    node.start(pod(hostNetwork=True))
    node.run("10s")
    assert node.status()["podIP"] == node.status()["hostIP"] == "192.168.0.2"


def test_pods_get_addresses_in_turn_and_give_them_back() -> None:
    node = Node(2)
    node.start(pod(name="a"), pod(name="b"), pod(name="c", node="n1"))
    node.run("10s")
    assert [node.status(name)["podIP"] for name in "abc"] == ["10.244.0.2", "10.244.0.3", "10.244.1.2"]
    node.delete("a", 1)
    node.run("5s")
    node.start(pod(name="d"))
    node.run("5s")
    assert node.status("d")["podIP"] == "10.244.0.4"
    assert "10.244.0.2" not in node.engine.machines[""]["pod_ips"]


def test_the_last_words_of_a_container_stand_in_its_status() -> None:
    node = Node()
    node.start(pod(shell("echo no disk > /dev/termination-log; exit 2"), restartPolicy="Never"))
    node.run("10s")
    assert node.state()["state"]["terminated"]["message"] == "no disk\n"


def test_its_log_can_stand_for_the_last_words() -> None:
    node = Node()
    node.start(pod(shell("echo one; echo two; exit 2", terminationMessagePolicy="FallbackToLogsOnError"), restartPolicy="Never"))
    node.run("10s")
    assert node.state()["state"]["terminated"]["message"] == "one\ntwo\n"
