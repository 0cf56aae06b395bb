"""Stories of single pods with the outcomes that upstream's end-to-end tests expect.

upstream: test/e2e/common/node/{pods,runtime,kubelet,containers}.go, test/e2e/node/{pods,events}.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import container, image_patch, pod
from tests.scenario.e2e import (
    AGNHOST,
    BUSYBOX,
    NEW_HTTPD,
    PAUSE,
    conditions,
    events,
    is_ready,
    names,
    run_once,
    script,
    status_of,
    waiting,
)

Object = dict[str, Any]


def test_a_pod_gets_addresses_and_a_start_time(cluster: kl.Cluster) -> None:
    """upstream: should get a host IP."""
    cluster.apply(pod("p"))
    cluster.run(until="pod/p ready")
    status = cluster["pod/p"]["status"]
    assert status["hostIP"] and status["startTime"]
    assert status["podIPs"] == [{"ip": status["podIP"]}]


def test_a_deleted_pod_says_until_when(cluster: kl.Cluster) -> None:
    """upstream: should be submitted and removed."""
    cluster.apply(pod("p", container("nginx:1.14.2")))
    cluster.run(until="pod/p ready")
    cluster.delete("pod/p", grace_period=30)
    assert cluster["pod/p"]["metadata"]["deletionGracePeriodSeconds"] == 30
    cluster.run("5s")
    assert names(cluster) == []


def test_labels_and_the_deadline_can_be_changed(cluster: kl.Cluster) -> None:
    """upstream: should be updated; should allow activeDeadlineSeconds to be updated."""
    cluster.apply(pod("p", container(PAUSE), labels={"time": "created"}))
    cluster.run(until="pod/p ready")
    cluster.patch("pod/p", {"metadata": {"labels": {"time": "updated"}}, "spec": {"activeDeadlineSeconds": 5}})
    assert names(cluster, selector="time=updated") == ["p"]
    cluster.run("1m")
    status = cluster["pod/p"]["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_services_stand_in_the_environment(cluster: kl.Cluster) -> None:
    """upstream: should contain environment variables for services."""
    ports = [{"port": 8765, "targetPort": 8080}]
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "fooservice"}, "spec": {"ports": ports}})
    address = cluster["service/fooservice"]["spec"]["clusterIP"]
    cluster.run("2s")
    said = run_once(cluster, pod("client-envvars", script("env"), restartPolicy="Never")).splitlines()
    for line in (
        f"FOOSERVICE_SERVICE_HOST={address}",
        "FOOSERVICE_SERVICE_PORT=8765",
        f"FOOSERVICE_PORT=tcp://{address}:8765",
        f"FOOSERVICE_PORT_8765_TCP=tcp://{address}:8765",
        "FOOSERVICE_PORT_8765_TCP_PORT=8765",
        "FOOSERVICE_PORT_8765_TCP_PROTO=tcp",
        f"FOOSERVICE_PORT_8765_TCP_ADDR={address}",
    ):
        assert line in said


def test_a_collection_of_pods_goes_at_once(cluster: kl.Cluster) -> None:
    """upstream: should delete a collection of pods."""
    for index in range(3):
        cluster.apply(pod(f"test-pod-{index}", labels={"type": "Testing"}, terminationGracePeriodSeconds=1))
    cluster.run("5s")
    assert cluster.request("DELETE", "/api/v1/namespaces/default/pods?labelSelector=type%3DTesting")[0] == 200
    cluster.run("5s")
    assert names(cluster) == []


def test_another_image_restarts_the_container_and_the_kubelets_word_about_readiness_wins(cluster: kl.Cluster) -> None:
    """upstream: should run through the lifecycle of Pods and PodStatus; should patch a pod status."""
    cluster.create(pod("p", container(AGNHOST)))
    cluster.run(until="pod/p ready")
    cluster.patch("pod/p", {"spec": {"containers": [{"name": "c", "image": NEW_HTTPD}]}})
    cluster.run("20s")
    found = status_of(cluster, "p")
    assert (found["image"].endswith(NEW_HTTPD), found["restartCount"]) == (True, 1)
    assert events(cluster, "p", "Killing") == ["Container c definition changed, will be restarted"]
    path = "/api/v1/namespaces/default/pods/p/status"
    obj = cluster.request("GET", path)[1]
    wrong = [{**item, "status": "False"} if item["type"] == "Ready" else item for item in obj["status"]["conditions"]]
    code, answer = cluster.request("PUT", path, {**obj, "status": {**obj["status"], "conditions": wrong}})
    assert (code, is_ready(answer)) == (200, False)
    cluster.run("2s")
    assert is_ready(cluster["pod/p"])


def test_crash_back_off_doubles_up_to_five_minutes(cluster: kl.Cluster) -> None:
    """upstream: should cap back-off at MaxContainerBackOff."""
    cluster.apply(pod("p", script("sleep 5")))
    cluster.run("30m")
    assert waiting(cluster, "p") in ("CrashLoopBackOff", "")
    starts = [
        commit.time_ns
        for commit in cluster._engine.store.log.commits
        if commit.key == ("pods", "default", "p")
        and commit.old is not None
        and _restarts(commit.object) > _restarts(commit.old)
    ]  # fmt: skip
    gaps = [round((after - before) / 1e9) for before, after in zip(starts, starts[1:], strict=False)]
    assert [abs(gap - wanted) <= 20 for gap, wanted in zip(gaps, (15, 25, 45, 85, 165, 305, 305), strict=False)].count(False) == 0, gaps


def _restarts(obj: Object) -> int:
    return sum(item["restartCount"] for item in (obj.get("status") or {}).get("containerStatuses") or ())


def test_another_image_starts_the_back_off_anew(cluster: kl.Cluster) -> None:
    """upstream: should have their auto-restart back-off timer reset on image update."""
    cluster.apply(pod("p", container("busybox:1.29", command=["/bin/sh", "-c", "sleep 5"])))
    cluster.run("5m")
    before = status_of(cluster, "p")["restartCount"]
    assert waiting(cluster, "p") == "CrashLoopBackOff"
    cluster.patch("pod/p", {"spec": {"containers": [{"name": "c", "image": "busybox:1.28"}]}})
    cluster.run("40s")
    assert status_of(cluster, "p")["restartCount"] >= before + 2


@pytest.mark.parametrize(
    ("policy", "phase", "restarts"),
    [("Always", "Running", 2), ("OnFailure", "Succeeded", 1), ("Never", "Failed", 0)],
)
def test_restart_policies(cluster: kl.Cluster, policy: str, phase: str, restarts: int) -> None:
    """upstream: runtime.go starts a container that exits should run with the expected status."""
    text = (
        "f=/restart-count/restartCount; count=$(echo 'hello' >> $f ; wc -l $f | awk {'print $1'}); "
        "if [ $count -eq 1 ]; then exit 1; fi; if [ $count -eq 2 ]; then exit 0; fi; while true; do sleep 1; done"
    )
    work = script(text, volumeMounts=[{"name": "restart-count", "mountPath": "/restart-count"}])
    volumes = [{"name": "restart-count", "emptyDir": {"medium": "Memory"}}]
    cluster.apply(pod("p", work, restartPolicy=policy, volumes=volumes))
    cluster.run("2m")
    assert (cluster["pod/p"]["status"]["phase"], status_of(cluster, "p")["restartCount"]) == (phase, restarts)
    assert is_ready(cluster["pod/p"]) == (phase == "Running")


@pytest.mark.parametrize(
    ("more", "text", "message"),
    [
        ({"terminationMessagePath": "/dev/termination-custom-log"}, "printf DONE > /dev/termination-custom-log", "DONE"),
        ({"terminationMessagePolicy": "FallbackToLogsOnError"}, "printf DONE; exit 1", "DONE"),
        ({"terminationMessagePolicy": "FallbackToLogsOnError"}, "printf DONE; exit 0", ""),
        ({"terminationMessagePolicy": "FallbackToLogsOnError"}, "printf OK > /dev/termination-log; printf DONE; exit 0", "OK"),
    ],
)
def test_termination_messages(cluster: kl.Cluster, more: Object, text: str, message: str) -> None:
    """upstream: runtime.go on terminated container should report termination message …"""
    cluster.apply(pod("p", script(text, **more), restartPolicy="Never"))
    cluster.run("20s")
    assert status_of(cluster, "p")["state"]["terminated"].get("message", "") == message


@pytest.mark.parametrize(("code", "phase", "reason"), [(0, "Succeeded", "PodCompleted"), (1, "Failed", "PodFailed")])
def test_a_pod_that_has_run_to_its_end(cluster: kl.Cluster, code: int, phase: str, reason: str) -> None:
    """upstream: test/e2e/node/pods.go should never report success for a pending container; should never report container start when an init
    container fails."""
    cluster.apply(pod("p", script(f"sleep 1; exit {code}"), restartPolicy="Never"))
    cluster.run("20s")
    assert cluster["pod/p"]["status"]["phase"] == phase
    assert conditions(cluster["pod/p"])["Ready"] == ("False", reason)
    assert status_of(cluster, "p")["state"]["terminated"]["exitCode"] == code


def test_what_a_container_prints_reads_and_may_not_write(cluster: kl.Cluster) -> None:
    """upstream: kubelet.go should print the output to logs; should have an terminated reason; should write entries to /etc/hosts; should not
    write to root filesystem; containers.go override the image's default command and arguments."""
    assert run_once(cluster, pod("hello", script("echo 'Hello World'"), restartPolicy="Never")) == "Hello World\n"
    cluster.apply(pod("fails", container(BUSYBOX, command=["/bin/false"])))
    cluster.run("30s")
    assert status_of(cluster, "fails")["lastState"]["terminated"]["reason"] == "Error"
    aliases = [{"ip": "123.45.67.89", "hostnames": ["foo", "bar"]}]
    hosts = run_once(cluster, pod("hosts", script("cat /etc/hosts"), restartPolicy="Never", hostAliases=aliases))
    assert hosts.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert hosts.endswith("\n# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\n")
    sealed = script("echo test > /file; echo test > /dev/shm/x && echo fine", securityContext={"readOnlyRootFilesystem": True})
    assert "can't create /file: Read-only file system\n" in run_once(cluster, pod("sealed", sealed, restartPolicy="Never"))
    tester = container(AGNHOST, command=["/agnhost-2", "entrypoint-tester"], args=["override", "arguments"])
    assert run_once(cluster, pod("tester", tester, restartPolicy="Never")) == "[/agnhost-2 entrypoint-tester override arguments]\n"


def test_events_of_scheduler_and_kubelet(cluster: kl.Cluster) -> None:
    """upstream: test/e2e/node/events.go should be sent by kubelets and the scheduler about pods scheduling and running."""
    cluster.apply(pod("p"))
    cluster.run("10s")
    for source in ("default-scheduler", "kubelet"):
        selector = f"involvedObject.kind=Pod,involvedObject.name=p,involvedObject.namespace=default,source={source}"
        assert cluster.list("events", field_selector=selector)


def test_a_pod_without_resources_or_with_equal_ones_has_its_class(cluster: kl.Cluster) -> None:
    """upstream: Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu."""
    both = {"cpu": "100m", "memory": "100Mi"}
    rows = {"besteffort": {}, "guaranteed": {"requests": both, "limits": both}, "burstable": {"requests": {"cpu": "10m"}}}
    for name, resources in rows.items():
        cluster.apply(pod(name, container(PAUSE, resources=resources)))
        assert cluster[f"pod/{name}"]["status"]["qosClass"].lower() == name


def test_image_patch_of_an_unknown_field_of_a_pod_is_refused(cluster: kl.Cluster) -> None:
    """upstream: pkg/apis/core/validation ValidatePodUpdate."""
    cluster.apply(pod("p"))
    with pytest.raises(kl.ApiError, match="pod updates may not change fields other than"):
        cluster.patch("pod/p", {"spec": {"containers": [{"name": "c", "args": ["x"]}]}})
    assert image_patch("x")["spec"]


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"runAsNonRoot": True, "runAsUser": 0}, "container's runAsUser breaks non-root policy"),
        ({"runAsNonRoot": True}, "container has runAsNonRoot and image will run as root"),
        ({"runAsNonRoot": True, "runAsUser": 1234}, ""),
    ],
)
def test_who_may_not_run_as_root(cluster: kl.Cluster, context: Object, words: str) -> None:
    """upstream: security_context.go should not run with an explicit root user ID; should not run without a specified user ID."""
    cluster.apply(pod("p", script("sleep 600", securityContext=context)))
    cluster.run("10s")
    assert waiting(cluster, "p") == ("CreateContainerConfigError" if words else "")
    uid = cluster["pod/p"]["metadata"]["uid"]
    assert not words or f'Error: {words} (pod: "p_default({uid})", container: c)' in events(cluster, "p", "Failed")


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        ({"nodeSelector": {"a": "b"}}, "NodeAffinity", "Predicate NodeAffinity failed"),
        ({"os": {"name": "windows"}}, "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"),
        (
            {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
            "SysctlForbidden",
            'forbidden sysctl: "kernel.msgmax" not allowlisted',
        ),
        (
            {"containers": [container(PAUSE, resources={"requests": {"cpu": "100"}})]},
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 100000, used: 0, capacity: 4000",
        ),
    ],
)
def test_what_a_node_does_not_take(cluster: kl.Cluster, spec: Object, reason: str, message: str) -> None:
    """upstream: pkg/kubelet/lifecycle/predicate.go; test/e2e/common/node/sysctl.go should not launch unsafe, but not explicitly enabled sysctls."""
    obj = pod("p", nodeName="node-1")
    obj["spec"] |= spec
    cluster.apply(obj)
    cluster.run("5s")
    status = cluster["pod/p"]["status"]
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", reason, f"Pod was rejected: {message}")
    assert events(cluster, "p", reason) == [message]
