"""Probes with the outcomes that upstream's end-to-end tests expect. upstream: test/e2e/common/node/container_probe.go, 1.28."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl
from tests.builders import container, pod
from tests.scenario.e2e import AGNHOST, PAUSE, events, is_ready, script, status_of

Make = Callable[..., kl.Cluster]
Object = dict[str, Any]
OBSERVED = "4m"
HEALTH_10S = "echo ok >/tmp/health; sleep 10; rm -rf /tmp/health; sleep 600"
FOR_EVER = "echo ok >/tmp/health; sleep 600"
CAT_HEALTH = {"exec": {"command": ["cat", "/tmp/health"]}, "initialDelaySeconds": 15, "failureThreshold": 1}
CAT_STARTUP = {**CAT_HEALTH, "exec": {"command": ["cat", "/tmp/startup"]}}
FALSE = {"exec": {"command": ["/bin/false"]}, "initialDelaySeconds": 15, "failureThreshold": 1}


def http(path: str, port: int = 8080, delay: int = 15) -> Object:
    return {"httpGet": {"path": path, "port": port}, "initialDelaySeconds": delay, "failureThreshold": 1}


def agnhost(*args: str, **probes: Object) -> Object:
    return container(AGNHOST, args=list(args), **probes)


LIVENESS = [
    ("should be restarted with a exec cat /tmp/health liveness probe", script(HEALTH_10S, livenessProbe=CAT_HEALTH), True),
    ("should *not* be restarted with a exec cat /tmp/health", script(FOR_EVER, livenessProbe=CAT_HEALTH), False),
    ("should be restarted with a /healthz http liveness probe", agnhost("liveness", livenessProbe=http("/healthz")), True),
    ("should be restarted with a local redirect http", agnhost("liveness", livenessProbe=http("/redirect?loc=%2Fhealthz")), True),
    (
        "should *not* be restarted with a non-local redirect",
        agnhost("liveness", livenessProbe=http("/redirect?loc=http%3A%2F%2F0.0.0.0%2F")),
        False,
    ),
    (
        "should *not* be restarted with a tcp:8080 liveness probe",
        agnhost("liveness", livenessProbe={"tcpSocket": {"port": 8080}, "initialDelaySeconds": 15, "failureThreshold": 1}),
        False,
    ),
    (
        "should *not* be restarted with a GRPC liveness probe",
        agnhost("grpc-health-checking", livenessProbe={"grpc": {"port": 5000}, "initialDelaySeconds": 10, "failureThreshold": 1}),
        False,
    ),
    (
        "should be restarted with a GRPC liveness probe",
        agnhost("grpc-health-checking", livenessProbe={"grpc": {"port": 2333}, "initialDelaySeconds": 4, "failureThreshold": 1}),
        True,
    ),
    (
        "should be restarted with an exec liveness probe with timeout",
        script("sleep 600", livenessProbe={**CAT_HEALTH, "exec": {"command": ["/bin/sh", "-c", "sleep 10"]}, "timeoutSeconds": 1}),
        True,
    ),
    (
        "should *not* be restarted by liveness probe because startup probe delays it",
        script("sleep 600", livenessProbe=FALSE, startupProbe={**FALSE, "failureThreshold": 60}),
        False,
    ),
    (
        "should be restarted by liveness probe after startup probe enables it",
        script("sleep 10; echo ok >/tmp/startup; sleep 600", livenessProbe=FALSE, startupProbe={**CAT_STARTUP, "failureThreshold": 60}),
        True,
    ),
    (
        "should be restarted startup probe fails",
        script("sleep 600", startupProbe=FALSE),
        True,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("title", "spec", "restarts"), LIVENESS, ids=[row[0] for row in LIVENESS])
def test_liveness(make: Make, title: str, spec: Object, restarts: bool) -> None:
    cluster = make(1, seed=2)
    cluster.apply(pod("p", spec))
    cluster.run(OBSERVED)
    assert (status_of(cluster, "p")["restartCount"] > 0) == restarts


def test_a_redirect_to_elsewhere_is_not_followed_but_warned_of(make: Make) -> None:
    """upstream: events ContainerProbeWarning."""
    cluster = make(1, seed=2)
    cluster.apply(pod("p", agnhost("liveness", livenessProbe=http("/redirect?loc=http%3A%2F%2F0.0.0.0%2F"))))
    cluster.run("1m")
    wanted = 'Liveness probe warning: Probe terminated redirects, Response body: <a href="http://0.0.0.0/">Found</a>.\n\n'
    assert events(cluster, "p", "ProbeWarning") == [wanted]


def test_restarts_only_grow_and_back_off(make: Make) -> None:
    """upstream: should have monotonically increasing restart count."""
    cluster = make(1, seed=2)
    cluster.apply(pod("p", agnhost("liveness", livenessProbe={**http("/healthz", delay=5), "periodSeconds": 3})))
    seen = []
    for _ in range(40):
        cluster.run("10s")
        seen.append(status_of(cluster, "p")["restartCount"])
    assert seen == sorted(seen) and seen[-1] >= 5
    assert events(cluster, "p", "BackOff")[0].startswith("Back-off restarting failed container c in pod p_default(")


def test_not_ready_before_the_initial_delay_and_never_restarted(make: Make) -> None:
    """upstream: with readiness probe should not be ready before initial delay and never restart."""
    cluster = make(1, seed=2)
    cluster.apply(pod("p", agnhost("test-webserver", readinessProbe=http("/", 80, 30))))
    cluster.run("29s")
    assert not is_ready(cluster["pod/p"])
    cluster.run("30s")
    assert is_ready(cluster["pod/p"])
    assert status_of(cluster, "p")["restartCount"] == 0


@pytest.mark.parametrize(
    "probe",
    [http("/", 81, 10), {**CAT_HEALTH, "exec": {"command": ["/bin/sh", "-c", "sleep 10"]}, "timeoutSeconds": 1}],
    ids=["that fails", "that times out"],
)
def test_never_ready_and_never_restarted_with_a_readiness_probe(make: Make, probe: Object) -> None:
    """upstream: with readiness probe that fails should never be ready and never restart; … with timeout."""
    cluster = make(1, seed=2)
    cluster.apply(
        pod("p", agnhost("test-webserver", readinessProbe=probe) if "httpGet" in probe else script("sleep 600", readinessProbe=probe))
    )
    cluster.run("2m")
    assert (is_ready(cluster["pod/p"]), status_of(cluster, "p")["restartCount"]) == (False, 0)


def test_ready_at_once_after_the_startup_probe(make: Make) -> None:
    """upstream: should be ready immediately after startupProbe succeeds."""
    cluster = make(1, seed=2)
    text = "echo ok >/tmp/health; sleep 10; echo ok >/tmp/startup; sleep 600"
    startup = {"exec": {"command": ["/bin/cat", "/tmp/startup"]}, "failureThreshold": 120, "periodSeconds": 5}
    readiness = {"exec": {"command": ["cat", "/tmp/health"]}, "periodSeconds": 60}
    cluster.apply(pod("p", script(text, readinessProbe=readiness, startupProbe=startup)))
    cluster.run(until="pod/p .status.containerStatuses[0].started=true")
    started = cluster.elapsed
    cluster.run(until="pod/p ready")
    assert cluster.elapsed - started < 1


def test_the_probes_own_grace_wins(make: Make) -> None:
    """upstream: should override timeoutGracePeriodSeconds when LivenessProbe (StartupProbe) field is set."""
    for kind in ("livenessProbe", "startupProbe"):
        cluster = make(1, seed=2)
        probe = {**FALSE, "initialDelaySeconds": 10, "terminationGracePeriodSeconds": 5}
        cluster.apply(pod("p", script("sleep 1000", **{kind: probe}), terminationGracePeriodSeconds=500))
        cluster.run("40s")
        assert status_of(cluster, "p")["restartCount"] == 1


def test_readiness_goes_on_while_the_pod_terminates_and_liveness_does_not(make: Make) -> None:
    """upstream: should mark readiness on pods to false while pod is in progress of terminating; should disable liveness probes."""
    cluster = make(1, seed=2)
    text = "_term() { rm -f /tmp/ready; sleep 30; exit 0; }; trap _term TERM; touch /tmp/ready; while true; do sleep 1; done"
    probe = {"exec": {"command": ["cat", "/tmp/ready"]}, "failureThreshold": 1, "initialDelaySeconds": 5, "periodSeconds": 2}
    cluster.apply(pod("p", script(text, readinessProbe=probe, livenessProbe=probe), terminationGracePeriodSeconds=40))
    cluster.run(until="pod/p ready")
    cluster.delete("pod/p")
    cluster.run("20s")
    assert not is_ready(cluster["pod/p"])
    assert status_of(cluster, "p")["restartCount"] == 0
    assert not [text for text in events(cluster, "p", "Unhealthy") if "Liveness" in text]
    cluster.run(until="pod/p gone")


def test_a_server_that_somebody_breaks_by_hand_is_noticed_though_it_never_changed_before(make: Make) -> None:
    """upstream: e2estatefulset.BreakPodHTTPProbe."""
    cluster = make(1, seed=2)
    cluster.apply(pod("p", container("nginx:1.25", ports=[{"containerPort": 80}], readinessProbe={**http("/", 80, 0), "periodSeconds": 1})))
    cluster.run(until="pod/p ready")
    cluster.run("5m")
    cluster.exec("pod/p", ["rm", "/usr/share/nginx/html/index.html"])
    cluster.run("3s")
    assert not is_ready(cluster["pod/p"])
    assert events(cluster, "p", "Unhealthy") == ["Readiness probe failed: HTTP probe failed with statuscode: 403"]
    cluster.exec("pod/p", ["sh", "-c", "echo back > /usr/share/nginx/html/index.html"])
    cluster.run("3s")
    assert is_ready(cluster["pod/p"])


def test_readiness_gates_wait_for_somebody_elses_conditions(make: Make) -> None:
    """upstream: test/e2e/common/node/pods.go should support pod readiness gates."""
    cluster = make(1, seed=2)
    gates = ["k8s.io/test-condition1", "k8s.io/test-condition2"]
    cluster.apply(pod("p", container(PAUSE), readinessGates=[{"conditionType": gate} for gate in gates]))
    cluster.run("20s")
    assert not is_ready(cluster["pod/p"])
    for gate, value, wanted in ((gates[0], "True", False), (gates[1], "True", True), (gates[0], "False", False)):
        body = {"status": {"conditions": [{"type": gate, "status": value}]}}
        path = "/api/v1/namespaces/default/pods/p/status"
        assert cluster.request("PATCH", path, body, content_type="application/strategic-merge-patch+json")[0] == 200
        cluster.run("2s")
        assert is_ready(cluster["pod/p"]) == wanted
