"""The end of a pod, hooks, and kubelets that come and go.

upstream: pkg/kubelet/pod_workers.go, kuberuntime_container.go killContainer, pkg/kubelet/lifecycle/handlers.go, 1.28.
"""

from __future__ import annotations

from kubelab.cri.power import power_cut
from tests.unit.kubelet.world import START_NS, Node, container, pod, shell

STUBBORN = "while true; do sleep 1; done"


def confirmations(node: Node) -> list[object]:
    return [call.body for call in node.server.calls if call.verb == "delete" and call.user.name.startswith("system:node:")]


def gone_after(node: Node) -> float:
    """Seconds from the start until the pod object was removed by its kubelet."""
    deletes = [record for record in node.engine.store.log.calls if record.verb == "delete" and record.component]
    return (deletes[-1].time_ns - START_NS) / 1e9


def test_a_deleted_pod_is_stopped_reported_and_confirmed() -> None:
    node = Node()
    node.start(pod())
    node.run("10s")
    uid = node.pod()["metadata"]["uid"]  # type: ignore[index]
    node.delete("web")
    node.run("5s")
    assert node.pod() is None
    assert node.events("Killing") == [("Killing", "Stopping container c")]
    last = node.patches()[-1]
    assert (last["phase"], list(last["containerStatuses"][0]["state"])) == ("Succeeded", ["terminated"])
    assert confirmations(node) == [{"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}]
    tables = node.engine.machines["n0"]
    assert not tables["records"] and not tables["sandboxes"] and not tables["containers"] and not tables["stops"]
    assert not node.engine.runners["kubelet/n0"].memory["workers"]


def test_a_container_that_ignores_term_is_killed_when_the_grace_is_over() -> None:
    node = Node()
    node.start(pod(shell(STUBBORN)))
    node.run("9s")
    node.delete("web")
    node.run("60s")
    assert (node.patches()[-1]["phase"], node.patches()[-1]["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == ("Failed", 137)
    assert 40.0 < gone_after(node) < 40.3


def test_a_trap_has_its_own_exit_code() -> None:
    node = Node()
    node.start(pod(shell(f"trap 'echo bye; sleep 2; exit 7' TERM; {STUBBORN}")))
    node.run("9s")
    node.delete("web")
    node.run("20s")
    assert node.patches()[-1]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert gone_after(node) < 14


def test_a_second_delete_shortens_the_grace() -> None:
    node = Node()
    node.start(pod(shell(STUBBORN)))
    node.run("9s")
    node.delete("web")
    node.run("2s")
    node.delete("web", 3)
    node.run("60s")
    assert 14.9 < gone_after(node) < 15.3


def test_a_forced_delete_still_stops_the_containers() -> None:
    node = Node()
    node.start(pod(shell(STUBBORN)))
    node.run("9s")
    node.delete("web", 0)
    assert node.pod() is None
    node.run("1s")
    assert node.engine.machines["n0"]["records"]
    node.run("5s")
    assert not node.engine.machines["n0"]["records"]
    assert node.events("Killing") == [("Killing", "Stopping container c")]


def test_a_pod_deleted_during_its_pull_never_starts() -> None:
    node = Node()
    node.start(pod())
    node.run("1s")
    node.delete("web")
    node.run("10s")
    assert node.pod() is None
    assert not node.events("Started", "Created")
    last = node.patches()[-1]
    assert (last["phase"], last["containerStatuses"][0]["state"]["terminated"]["reason"]) == ("Failed", "ContainerStatusUnknown")


def test_a_pod_deleted_during_its_init_containers_says_which_were_tried() -> None:
    # status_manager_test.go TestTerminatePod_EnsurePodPhaseIsTerminal, "... init containers ..."
    node = Node()
    node.start(pod(initContainers=[shell("echo", "a"), shell(STUBBORN, "b"), shell("echo", "c")]))
    node.run("9s")
    node.delete("web", 2)
    node.run("20s")
    last = node.patches()[-1]
    first, second, third = last["initContainerStatuses"]
    assert (first["state"]["terminated"]["exitCode"], second["state"]["terminated"]["exitCode"]) == (0, 137)
    assert third["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert last["phase"] == "Failed"
    assert "containerStatuses" not in last


def test_pre_stop_comes_before_term() -> None:
    node = Node()
    node.start(pod(container(lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "sleep 5"]}}})))
    node.run("9s")
    node.delete("web")
    node.run("20s")
    assert 15.0 < gone_after(node) < 15.4


def test_pre_stop_may_not_outlast_the_grace() -> None:
    node = Node()
    node.start(pod(container(lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "sleep 100"]}}}), terminationGracePeriodSeconds=4))
    node.run("9s")
    node.delete("web")
    node.run("20s")
    assert 14.0 < gone_after(node) < 14.4
    assert ("FailedPreStopHook", "PreStopHook failed") in node.events()


def test_post_start_holds_back_the_status_and_the_next_container() -> None:
    node = Node()
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "sleep 4"]}}}
    node.start(pod(container("a", lifecycle=hook), container("b")))
    node.run("6s")
    assert node.state(container="a")["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert [message for _, message in node.events("Started")] == ["Started container a"]
    node.run("4s")
    assert node.status()["phase"] == "Running"


def test_a_failed_post_start_kills_the_container() -> None:
    node = Node()
    node.start(pod(container(lifecycle={"postStart": {"exec": {"command": ["sh", "-c", "exit 4"]}}})))
    node.run("5s")
    assert ("FailedPostStartHook", "PostStartHook failed") in node.events()
    assert ("Killing", "FailedPostStartHook") in node.events()
    waiting = node.state()["state"]["waiting"]
    assert waiting["reason"] == "PostStartHookError"
    assert waiting["message"].startswith('Exec lifecycle hook ([sh -c exit 4]) for Container "c" in Pod "web_default(')


def test_a_hook_can_leave_a_message_for_its_container() -> None:
    # the documentation's lifecycle-events example
    node = Node()
    command = ["/bin/sh", "-c", "echo Hello from the postStart handler > /usr/share/message"]
    node.start(pod(shell("sleep 5; cat /usr/share/message; sleep 100", lifecycle={"postStart": {"exec": {"command": command}}})))
    node.run("15s")
    assert node.output() == "Hello from the postStart handler\n"


def test_a_restarted_kubelet_finds_its_containers_again() -> None:
    node = Node()
    node.start(pod(shell(STUBBORN), terminationGracePeriodSeconds=2))
    node.run("10s")
    patches = len(node.patches())
    node.engine.crash("kubelet/n0")
    node.run("20s")
    node.engine.restart("kubelet/n0")
    node.run("20s")
    assert (len(node.patches()), node.state()["restartCount"]) == (patches, 0)
    node.delete("web")
    node.run("10s")
    assert node.pod() is None


def test_a_restarted_kubelet_takes_up_a_stop_that_was_under_way() -> None:
    node = Node()
    node.start(pod(container(lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "sleep 5"]}}})))
    node.run("9s")
    node.delete("web")
    node.run("1s")
    node.engine.crash("kubelet/n0")
    node.run("10s")
    node.engine.restart("kubelet/n0")
    node.run("5s")
    assert node.pod() is None


def test_a_pod_removed_while_no_kubelet_ran_is_cleaned_up() -> None:
    node = Node()
    node.start(pod(shell(STUBBORN)))
    node.run("10s")
    node.engine.crash("kubelet/n0")
    node.delete("web", 0)
    node.run("5s")
    node.engine.restart("kubelet/n0")
    node.run("10s")
    assert not node.engine.machines["n0"]["records"] and not node.engine.machines["n0"]["containers"]


def test_after_a_power_cut_a_pod_starts_anew_in_place() -> None:
    node = Node()
    node.start(pod(initContainers=[shell("echo again", "i")]))
    node.run("20s")
    for name in ("kubelet/n0", "containerd/n0"):
        node.engine.crash(name)
    power_cut(node.engine.machines["n0"], node.engine.now_ns)
    node.run("30s")
    for name in ("containerd/n0", "kubelet/n0"):
        node.engine.restart(name)
    node.run("20s")
    assert (node.status()["phase"], node.state()["restartCount"], node.condition("Ready")["status"]) == ("Running", 1, "True")
    assert node.state()["lastState"]["terminated"]["exitCode"] == 255
    assert node.status()["podIP"] == "10.244.0.3"
    assert node.state(container="i", kind="initContainerStatuses")["restartCount"] == 1
    assert [reason for reason, _ in node.events("Rebooted")] == ["Rebooted"]


def test_a_refused_report_is_made_again() -> None:
    node = Node()
    node.start(pod(shell("sleep 3; exit 1"), restartPolicy="Never"))
    node.run("4s")
    node.server.refuse = "pods"
    node.run("5s")
    assert node.status()["phase"] == "Running"
    node.server.refuse = ""
    node.run("15s")
    assert node.status()["phase"] == "Failed"


def test_a_pod_that_has_ended_is_left_alone_by_a_new_kubelet() -> None:
    node = Node()
    node.start(pod(container(resources={"requests": {"cpu": "9"}}), name="rejected"), pod(shell("exit 0"), restartPolicy="Never"))
    node.run("10s")
    before = [node.pod("rejected"), node.pod()]
    node.engine.crash("kubelet/n0")
    node.engine.restart("kubelet/n0")
    node.run("10s")
    assert [node.pod("rejected"), node.pod()] == before
    node.delete("web")
    node.run("5s")
    assert not node.engine.machines["n0"]["records"]
