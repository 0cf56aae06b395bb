"""Probes: thresholds, order, and what follows from their answers.

upstream: pkg/kubelet/prober/worker_test.go, pkg/probe, 1.28; the examples are those of the documentation's page on probes.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet.pod.hooks import port_of
from kubelab.kubelet.pod.probing import weigh
from kubelab.kubelet.records import ProbeState
from tests.unit.kubelet.world import Node, container, pod, shell

Object = dict[str, Any]
PORTS = [{"containerPort": 80, "name": "http"}]


def answers(kind: str, spec: Object, words: str) -> list[str]:
    """The standing result after each answer (s: success, f: failure)."""
    state, out = ProbeState("c", 0), []
    for word in words:
        state = weigh(state, kind, spec, "success" if word == "s" else "failure")
        out.append(state.result)
    return out


WEIGHED = [
    # worker_test.go TestFailureThreshold, TestSuccessThreshold
    ("readiness", {"failureThreshold": 3}, "sff", ["success", "success", "success"]),
    ("readiness", {"failureThreshold": 3}, "sfff", ["success", "success", "success", "failure"]),
    ("readiness", {"failureThreshold": 3}, "sffsff", ["success"] * 6),
    ("readiness", {"successThreshold": 3, "failureThreshold": 1}, "fssfss", ["failure"] * 6),
    ("readiness", {"successThreshold": 3, "failureThreshold": 1}, "fsss", ["failure", "failure", "failure", "success"]),
    ("liveness", {"failureThreshold": 3}, "ff", ["", ""]),
    ("startup", {"failureThreshold": 2}, "fs", ["", "success"]),
]


@pytest.mark.parametrize(("kind", "spec", "words", "expected"), WEIGHED)
def test_a_result_holds_until_its_threshold_is_passed(kind: str, spec: Object, words: str, expected: list[str]) -> None:
    assert answers(kind, spec, words) == expected


@pytest.mark.parametrize(("kind", "held"), [("liveness", True), ("startup", True), ("readiness", False)])
def test_a_failed_liveness_probe_waits_for_a_new_container(kind: str, held: bool) -> None:
    # worker_test.go TestOnHoldOnLivenessOrStartupCheckFailure
    assert weigh(ProbeState("c", 0), kind, {"failureThreshold": 1}, "failure").on_hold is held


SUCCEEDS = [
    {"httpGet": {"path": "/", "port": 80}},
    {"httpGet": {"path": "/", "port": "http"}},
    {"tcpSocket": {"port": 80}},
    {"grpc": {"port": 80}},
    {"exec": {"command": ["true"]}},
]


@pytest.mark.parametrize("spec", SUCCEEDS)
def test_a_ready_container_is_found_ready_at_once(spec: Object) -> None:
    node = Node()
    node.start(pod(container(ports=PORTS, readinessProbe=spec)))
    node.run("5s")
    assert node.condition("Ready")["status"] == "True"
    assert not node.events("Unhealthy")


FAILS = [
    ({"httpGet": {"path": "/x", "port": 81}}, 'Get "http://10.244.0.2:81/x": dial tcp 10.244.0.2:81: connect: connection refused'),
    ({"tcpSocket": {"port": 81}}, "dial tcp 10.244.0.2:81: connect: connection refused"),
    (
        {"grpc": {"port": 81}},
        'timeout: failed to connect service "10.244.0.2:81" within 1s: context deadline exceeded',
    ),
]


@pytest.mark.parametrize(("spec", "output"), FAILS)
def test_each_failed_attempt_is_an_event(spec: Object, output: str) -> None:
    node = Node()
    node.start(pod(container(ports=PORTS, readinessProbe=spec)))
    node.run("30s")
    assert node.events("Unhealthy") == [("Unhealthy", f"Readiness probe failed: {output}")]
    repeats = [call.body for call in node.server.calls if call.resource == "events" and call.verb == "patch"]
    assert repeats[-1]["count"] == 3
    assert (node.status()["phase"], node.condition("Ready")["status"]) == ("Running", "False")


def test_a_port_that_has_no_such_name_is_an_error_and_no_result() -> None:
    node = Node()
    node.start(pod(container(ports=PORTS, readinessProbe={"tcpSocket": {"port": "nope"}})))
    node.run("5s")
    assert node.events("Unhealthy")[0][1] == 'Readiness probe errored: strconv.Atoi: parsing "nope": invalid syntax'


# upstream: pkg/probe/util_test.go TestResolveContainerPort, pkg/kubelet/prober/prober_test.go TestGetTCPAddrParts, 1.28
RESOLVED = [
    (-1, "invalid port number: -1"),
    (0, "invalid port number: 0"),
    (65536, "invalid port number: 65536"),
    (80, 80),
    ("", 'strconv.Atoi: parsing "": invalid syntax'),
    ("-1", "invalid port number: -1"),
    ("0", "invalid port number: 0"),
    ("80", 80),
    ("http", 80),
    ("not-found", 'strconv.Atoi: parsing "not-found": invalid syntax'),
]


@pytest.mark.parametrize(("port", "expected"), RESOLVED)
def test_a_port_is_a_name_or_a_number(port: Any, expected: Any) -> None:
    assert port_of(port, {"ports": PORTS}) == expected


def test_a_probes_command_sees_the_declared_variables() -> None:
    # upstream: pkg/kubelet/prober/prober.go runProbe, container/helpers.go ExpandContainerCommandOnlyStatic
    node = Node()
    probe = {"exec": {"command": ["test", "$(WANTED)", "=", "yes"]}}
    node.start(pod(shell("sleep 1000", readinessProbe=probe, env=[{"name": "WANTED", "value": "yes"}])))
    node.run("5s")
    assert node.condition("Ready")["status"] == "True"


def test_the_liveness_example_of_the_documentation_is_restarted() -> None:
    node = Node()
    script = "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600"
    probe = {"exec": {"command": ["cat", "/tmp/healthy"]}, "initialDelaySeconds": 5, "periodSeconds": 5}
    node.start(pod(shell(script, livenessProbe=probe)))
    node.run("34s")
    assert not node.events("Unhealthy")
    node.run("50s")
    assert node.events("Unhealthy")[0][1].startswith("Liveness probe failed: cat: can't open '/tmp/healthy'")
    assert ("Killing", "Container c failed liveness probe, will be restarted") in node.events()
    assert node.state()["restartCount"] == 1
    assert node.state()["lastState"]["terminated"]["exitCode"] == 137


def test_a_probes_own_grace_shortens_the_kill() -> None:
    node = Node()
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1, "terminationGracePeriodSeconds": 3}
    node.start(pod(shell("while true; do sleep 1; done", livenessProbe=probe)))
    node.run("9s")
    assert node.state()["restartCount"] == 1


def test_a_pod_that_never_restarts_ends_with_its_failed_probe() -> None:
    node = Node()
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    node.start(pod(shell("sleep 100", livenessProbe=probe), restartPolicy="Never", terminationGracePeriodSeconds=2))
    node.run("20s")
    assert ("Killing", "Container c failed liveness probe") in node.events()
    assert node.status()["phase"] == "Failed"


def test_other_probes_wait_for_the_startup_probe() -> None:
    # worker_test.go TestStartupProbeDisabledByStarted, TestStartupProbeSuccessThreshold
    node = Node()
    startup = {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 5, "failureThreshold": 6}
    script = "sleep 12; touch /tmp/ok; sleep 1000"
    node.start(pod(shell(script, startupProbe=startup, readinessProbe={"exec": {"command": ["true"]}})))
    node.run("8s")
    assert (node.state()["started"], node.state()["ready"]) == (False, False)
    node.run("10s")
    assert (node.state()["started"], node.state()["ready"]) == (True, True)
    assert {message.split(":")[0] for _, message in node.events("Unhealthy")} == {"Startup probe failed"}


def test_a_startup_probe_that_fails_restarts_the_container() -> None:
    node = Node()
    startup = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 3}
    node.start(pod(shell("sleep 1000", startupProbe=startup), terminationGracePeriodSeconds=2))
    node.run("15s")
    assert ("Killing", "Container c failed startup probe, will be restarted") in node.events()
    assert node.state()["restartCount"] >= 1


def test_an_initial_delay_is_kept() -> None:
    # worker_test.go TestInitialDelay
    node = Node()
    probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 20}
    node.start(pod(container(ports=PORTS, readinessProbe=probe)))
    node.run("22s")
    assert node.condition("Ready")["status"] == "False"
    node.run("10s")
    assert node.condition("Ready")["status"] == "True"


def test_readiness_comes_and_goes_with_its_probe() -> None:
    node = Node()
    script = "touch /tmp/r; sleep 20; rm /tmp/r; sleep 30; touch /tmp/r; sleep 1000"
    probe = {"exec": {"command": ["test", "-f", "/tmp/r"]}, "periodSeconds": 2, "failureThreshold": 2}
    node.start(pod(shell(script, readinessProbe=probe)))
    seen = []
    for _ in range(3):
        node.run("20s")
        seen.append(node.condition("Ready")["status"])
    assert seen == ["True", "False", "True"]
    assert node.state()["restartCount"] == 0


def test_an_answer_that_cannot_change_is_asked_for_once() -> None:
    node = Node()
    node.start(pod(container(ports=PORTS, livenessProbe={"tcpSocket": {"port": 80}}, readinessProbe={"tcpSocket": {"port": 80}})))
    node.run("30s")
    waiting = node.engine.runners["kubelet/n0"].waiting
    assert sorted(key[0] for key in waiting) == ["lease", "node-status"]
