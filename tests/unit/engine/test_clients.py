"""Which client a component's calls go through, and what each may: limits as upstream's processes have them, and buckets apart."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.engine.component import EVENTS, Client, Controller, Identity, Scope
from kubelab.engine.plan import Batch, Call, EventDraft, Key, Plan, create, reference
from kubelab.engine.runner import Bucket
from kubelab.kubelet.clients import HEARTBEATS
from kubelab.scheduler.scheduler import SCHEDULER
from kubelab.world.clock import MILLISECOND, SECOND
from kubelab.world.timing import Timing
from tests.scenario.test_determinism import digest

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "busy-clients.jsonl.gz"
ONLY_ONE: dict[str, tuple[float, int] | None] = {}
NO_LIMIT = None

# -- who has which clients ----------------------------------------------------------------------------------------------------
LIMITS: list[tuple[str, str, str | None, tuple[float, int], dict[str, tuple[float, int] | None]]] = [
    # upstream: createClients in cmd/kube-scheduler/app/options/options.go, 1.28: eventClient of the same configuration
    ("1.28", "scheduler", None, (50, 100), {EVENTS: (50, 100)}),
    # upstream: the same, 1.20 (a third there is for the election)
    ("1.28", "scheduler", "real-1.20-2cpu", (50, 100), {EVENTS: (50, 100)}),
    # upstream: createRecorder in plugin/cmd/kube-scheduler/app/configurator.go, 1.7: kubecli.Core().RESTClient()
    ("1.7", "scheduler", None, (50, 100), ONLY_ONE),
    # upstream: run in cmd/kubelet/app/server.go, pkg/kubelet/apis/config/v1beta1/defaults.go, 1.28: KubeAPIQPS, EventRecordQPS; QPS = -1
    ("1.28", "kubelet/node-1", None, (50, 100), {EVENTS: (50, 100), HEARTBEATS: NO_LIMIT}),
    # upstream: the same, 1.20
    ("1.28", "kubelet/node-1", "kubelet-1.20", (5, 10), {EVENTS: (5, 10), HEARTBEATS: NO_LIMIT}),
    # upstream: run in cmd/kubelet/app/server.go, pkg/apis/componentconfig/v1alpha1/defaults.go, 1.7: no client for heartbeats yet
    ("1.7", "kubelet/node-1", None, (5, 10), {EVENTS: (5, 10)}),
    # upstream: createClientBuilders, start* in cmd/kube-controller-manager/app/*.go, 1.28: one client a controller, events included
    ("1.28", "deployment-controller", None, (20, 30), ONLY_ONE),
    ("1.28", "statefulset-controller", None, (20, 30), ONLY_ONE),
    ("1.28", "daemon-set-controller", None, (20, 30), ONLY_ONE),
    ("1.7", "replicaset-controller", None, (20, 30), ONLY_ONE),
]


def limits(bucket: Bucket | None) -> tuple[float, int] | None:
    return None if bucket is None else (round(SECOND / bucket.interval_ns, 6), bucket.burst_ns // bucket.interval_ns + 1)


@pytest.mark.parametrize(("release", "name", "preset", "own", "further"), LIMITS)
def test_the_clients_of_a_component(
    release: str, name: str, preset: str | None, own: tuple[float, int], further: dict[str, tuple[float, int] | None]
) -> None:
    timing = None if preset is None else Timing.preset("default", kubelet=preset) if "kubelet" in preset else Timing.preset(preset)
    runner = kl.Cluster(1, seed=1, release=release, timing=timing)._engine.runners[name]
    assert limits(runner.bucket) == own
    assert {each: limits(bucket) for each, bucket in runner.buckets.items()} == further


def test_both_clients_of_the_scheduler_have_the_limits_of_its_configuration() -> None:
    """upstream: pkg/scheduler/apis/config, clientConnection; kubeConfig is one for both."""
    config: dict[str, Any] = {"kind": "KubeSchedulerConfiguration", "clientConnection": {"qps": 7, "burst": 9}}
    config["apiVersion"] = "kubescheduler.config.k8s.io/v1"
    runner = kl.Cluster(1, seed=1, scheduler_config=config)._engine.runners[SCHEDULER.name]
    assert (limits(runner.bucket), limits(runner.buckets[EVENTS])) == ((7, 9), (7, 9))


# -- what goes through which --------------------------------------------------------------------------------------------------
ME = Identity("tester", ("system:masters", "system:authenticated"), "tester", "tester")
ABOUT = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "uid": "u", "resourceVersion": "1"}}


class Several(Controller):
    """Its own client has one token a second and no more; ``lease`` keys have another client without limit, ``slow`` keys one like its own."""

    through = {"lease": "free", "slow": "slow"}

    def clients(self, timing: Timing, release: str) -> dict[str, Client]:
        return {EVENTS: Client(2, 1), "free": Client(-1), "slow": Client(1, 1)}


def made(number: int, word: str) -> Call:
    name = f"{word}-{number}"
    meta = {"name": name, "namespace": "default"}
    return create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


def observe(scope: Scope, key: Key) -> Key:
    return key


def plan(key: Key) -> Plan:
    about = {**reference(ABOUT), "name": key[0]}
    told = tuple(EventDraft(about, "Normal", f"R{number}", f"{number}") for number in range(2)) if key[0] == "own" else ()
    return Plan((Batch(tuple(made(number, key[0]) for number in range(3))),), events=told)


@pytest.fixture
def several() -> kl.Cluster:
    cluster = kl.Cluster(1, seed=1, timing=Timing().with_(jitter=0.0))
    first: tuple[Key, ...] = (("own",), ("lease",), ("slow",))
    cluster._engine.add(Several("tester", ME, (), observe, plan, first=first, qps=1, burst=1))
    return cluster


def waits(cluster: kl.Cluster) -> dict[str, list[float]]:
    """By what was written: seconds that each call waited for its token."""
    found: dict[str, list[float]] = {}
    for call in cluster._engine.store.log.calls:
        if call.component == "tester":
            found.setdefault("events" if call.resource == "events" else call.name.split("-")[0], []).append(call.wait_ns / SECOND)
    return found


def test_each_client_has_a_bucket_of_its_own(several: kl.Cluster) -> None:
    several.run("10s")
    assert waits(several) == {
        "own": [0, 1, 2],
        "lease": [0, 0, 0],
        "slow": [0, 1, 2],
        "events": [0, pytest.approx(0.495)],  # the second is sent when the first is answered
    }


def test_a_fork_and_a_file_know_how_full_each_bucket_is(several: kl.Cluster, tmp_path: Path) -> None:
    several.run("0.5s")
    fork = several.fork()
    runner, copy = several._engine.runners["tester"], fork._engine.runners["tester"]
    assert runner.dump()["tokens"] == copy.dump()["tokens"]
    assert copy.buckets["slow"] is not runner.buckets["slow"]
    assert waits(fork.run("9.5s")) == waits(several.run("9.5s"))


def test_a_file_in_the_middle_of_a_burst_changes_nothing(tmp_path: Path) -> None:
    cluster = kl.Cluster(3, seed=2)
    for number in range(150):
        cluster.create(bare_pod(number))
    cluster.run("0.8s")
    events = cluster._engine.runners[SCHEDULER.name].buckets[EVENTS]
    assert events is not None and events.theoretical_ns > cluster._engine.now_ns + SECOND
    cluster.save(tmp_path / "world.klab")
    loaded = kl.load(tmp_path / "world.klab")
    assert digest(loaded.run("5s")) == digest(cluster.run("5s"))


def test_a_process_that_starts_again_has_full_buckets(several: kl.Cluster) -> None:
    several.run("0.5s")
    several._engine.crash("tester")
    assert several._engine.runners["tester"].dump()["tokens"] == (0, 0, {EVENTS: 0, "slow": 0})


# -- what follows -------------------------------------------------------------------------------------------------------------
def bare_pod(number: int) -> dict[str, Any]:
    meta = {"name": f"p{number}", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": "c", "image": "app:1"}]}}


def longest_wait_ns(times: list[int], client: Client) -> int:
    """How long the worst of these would have had to wait for a token of this bucket, at the instant of its arrival."""
    bucket = Bucket(client)
    return max(bucket.take(at) - at for at in times)


def trickle(release: str) -> tuple[list[int], list[int]]:
    """Pods that come as fast as bindings alone may be sent: when their bindings were sent, and the events that tell of them."""
    cluster = kl.Cluster(10, seed=1, release=release)
    for number in range(300):
        cluster.create(bare_pod(number))
        cluster.run(0.02)
    cluster.run("30s")
    calls = [call for call in cluster._engine.store.log.calls if call.component == SCHEDULER.name and call.code < 400]
    bindings = sorted(call.time_ns - call.latency_ns for call in calls if call.subresource == "binding")
    return bindings, sorted(call.time_ns - call.latency_ns for call in calls if call.resource == "events")


def test_300_pods_are_bound_at_50_a_second_and_told_of_at_50_a_second() -> None:
    """upstream: createClients in cmd/kube-scheduler/app/options/options.go, 1.28."""
    bindings, events = trickle("1.28")
    assert len(bindings) == len(events) == 300
    for times in (bindings, events):
        assert 199 * SECOND / (times[299] - times[100]) == pytest.approx(50, rel=0.02)
    assert longest_wait_ns(sorted(bindings + events), Client(50, 100)) > 3 * SECOND


def test_with_one_client_bindings_and_events_wait_for_each_other() -> None:
    """upstream: createRecorder in plugin/cmd/kube-scheduler/app/configurator.go, 1.7."""
    bindings, events = trickle("1.7")
    assert len(bindings) == len(events) == 300
    both = sorted(bindings + events)
    assert longest_wait_ns(both, Client(50, 100)) == 0
    assert both[-1] - both[0] == pytest.approx(500 * SECOND / 50, rel=0.02)


def test_a_lease_is_renewed_in_time_while_a_kubelet_has_more_to_say_than_it_may() -> None:
    """upstream: "make a separate client for heartbeat with throttling disabled", cmd/kubelet/app/server.go, 1.28."""
    timing = Timing.preset("default", kubelet="kubelet-1.20").with_(kubelet_qps=0.2, kubelet_burst=1)
    cluster = kl.Cluster(1, seed=1, timing=timing)
    for number in range(60):
        cluster.create(bare_pod(number))
    cluster.run("3m")
    mine = [call for call in cluster._engine.store.log.calls if call.component == "kubelet/node-1"]
    renewals = [call for call in mine if call.resource.startswith("leases") or (call.resource, call.subresource) == ("nodes", "status")]
    reports = [call for call in mine if call.resource == "pods"]
    assert len(renewals) >= 18
    assert {call.wait_ns for call in renewals} == {0}
    assert max(call.wait_ns for call in reports) > 60 * SECOND
    assert cluster["node/node-1"]["status"]["conditions"][-1]["status"] == "True"


# -- a real control plane -----------------------------------------------------------------------------------------------------
def recorded(client: str, *what: str) -> list[int]:
    """When the calls of a client were received, in nanoseconds."""
    with gzip.open(RECORDED, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [at_us * 1000 for at_us, name, _, resource in rows if name == client and (not what or resource in what)]


@pytest.mark.parametrize("client", ["deployment-controller", "replicaset-controller", "statefulset-controller", "daemon-set-controller"])
def test_all_that_a_recorded_controller_sent_fits_one_bucket(client: str) -> None:
    """1.20.2 with the limits of the controller manager: 20 a second, burst 30, events included."""
    times = recorded(client)
    assert len(times) > 100
    assert longest_wait_ns(times, Client(20, 30)) < 60 * MILLISECOND  # a token, and what calls differ in on their way


def test_what_the_recorded_scheduler_sent_fits_two_buckets_and_not_one() -> None:
    """1.20.2 with the limits of the scheduler: 50 a second, burst 100."""
    bindings, events = recorded("scheduler", "pods/binding"), recorded("scheduler", "events")
    assert len(bindings) == len(events) == 240
    assert longest_wait_ns(bindings, Client(50, 100)) == longest_wait_ns(events, Client(50, 100)) == 0
    assert longest_wait_ns(sorted(bindings + events), Client(50, 100)) > 300 * MILLISECOND
