"""Who takes a lease, and when: upstream's table, and what a cluster of three control planes makes of it.

upstream: client-go/tools/leaderelection/leaderelection_test.go (testTryAcquireOrRenew), 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.cluster.leaders import Elector, Seen, check, led, names, plan
from kubelab.engine.plan import Act, Call
from kubelab.world.clock import SECOND
from tests.builders import deployment

NOW = 1_000 * SECOND
PAST, FUTURE = NOW - 900 * SECOND, NOW + 900 * SECOND


def lease(holder: str | None, seconds: int = 0, **spec: Any) -> dict[str, Any]:
    held = {} if holder is None else {"holderIdentity": holder, "leaseDurationSeconds": seconds}
    return {"metadata": {"name": "kube-scheduler", "namespace": "kube-system"}, "spec": {**held, **spec}}


def looked(found: dict[str, Any] | None, *, observed_ns: int = NOW, leads: bool = False, renewing_ns: int = NOW) -> Seen:
    return Seen("kube-scheduler", "baz", found, leads, renewing_ns, observed_ns, NOW, 2 * SECOND)


# name, what is seen, the write (verb, holder, transitions) or None, whether it begins to lead
ROWS: list[tuple[str, Seen, tuple[str, int] | None, bool]] = [
    ("acquire from no object", looked(None), ("create", 0), True),
    ("acquire from object without annotations", looked(lease(None)), ("update", 1), True),
    (
        "acquire from led object with the lease duration seconds",
        looked(lease("bing", 3), observed_ns=NOW - 3 * SECOND),
        ("update", 1),
        True,
    ),
    ("not within the lease duration", looked(lease("bing", 3), observed_ns=NOW - 3 * SECOND + 1), None, False),
    ("acquire from unled object", looked(lease("")), ("update", 1), True),
    ("acquire from led, unacked object", looked(lease("bing"), observed_ns=PAST), ("update", 1), True),
    ("acquire from empty led, acked object", looked(lease(""), observed_ns=FUTURE), ("update", 1), True),
    ("don't acquire from led, acked object", looked(lease("bing"), observed_ns=FUTURE), None, False),
    ("renew already acquired object", looked(lease("baz", leaseTransitions=4), observed_ns=FUTURE, leads=True), ("update", 4), False),
]


@pytest.mark.parametrize(("name", "seen", "write", "leads"), ROWS, ids=[row[0] for row in ROWS])
def test_who_takes_the_lease(name: str, seen: Seen, write: tuple[str, int] | None, leads: bool) -> None:
    made = plan(seen)
    calls = [call for call in made.calls if isinstance(call, Call)]
    acts = [act.name for act in made.calls if isinstance(act, Act)]
    assert calls[0].verb == "get"
    if write is None:
        assert len(calls) == 1
    else:
        spec = calls[1].body["spec"]
        assert (calls[1].verb, spec["leaseTransitions"]) == write
        assert spec["holderIdentity"] == "baz"
        assert spec["leaseDurationSeconds"] == 15
    assert acts == (["lead"] if leads else [])


def test_a_leader_that_could_not_renew_for_ten_seconds_stops() -> None:
    held = lease("baz", 15)
    assert [call.name for call in plan(looked(held, leads=True, renewing_ns=NOW - 10 * SECOND)).calls] == ["stop"]
    assert [type(call) for call in plan(looked(held, leads=True, renewing_ns=NOW - 10 * SECOND + 1)).calls] == [Call, Call]


def test_a_candidate_asks_under_its_binarys_name() -> None:
    elector = Elector.of("kube-scheduler/control-plane-2")
    assert elector.identity.user == "system:kube-scheduler"
    assert elector.identity.source == "default-scheduler"
    assert "deployment-controller" in led("kube-controller-manager")
    assert "dynamic-provisioner" not in led("kube-controller-manager")
    assert names(2)[0] == "kube-controller-manager/control-plane-1"


@pytest.mark.parametrize("given", [0, -1, 10, "three", True, 2.0])
def test_a_number_of_control_planes_that_cannot_be(given: Any) -> None:
    with pytest.raises(ValueError, match="control_planes=.*: give a number from 1 to 9"):
        check(given)


# -- in a cluster -----------------------------------------------------------------------------------------------------------
def holder(cluster: kl.Cluster, binary: str = "kube-controller-manager") -> str:
    return str(cluster.get("lease", binary, namespace="kube-system")["spec"]["holderIdentity"].split("_")[0])


def test_another_replica_takes_over_when_the_leaders_lease_has_run_out() -> None:
    cluster = kl.Cluster(3, seed=4, control_planes=3)
    first = holder(cluster)
    cluster.fault("ComponentCrash", components=[f"kube-controller-manager/{first}"])
    cluster.run("1s")
    cluster.apply(deployment("web", 3))
    cluster.run("10s")
    assert cluster.list("replicasets") == []  # nobody works
    assert holder(cluster) == first
    cluster.run(until="deployment/web ready", timeout="30s")
    assert holder(cluster) != first
    spec = cluster.get("lease", "kube-controller-manager", namespace="kube-system")["spec"]
    assert spec["leaseTransitions"] == 1
    took = [event["message"] for event in cluster.list("events", namespace="kube-system") if event["reason"] == "LeaderElection"]
    assert sum("became leader" in message for message in took) == 3  # both binaries at first, then the new leader


def test_a_follower_may_die_unnoticed_and_come_back() -> None:
    cluster = kl.Cluster(2, seed=4, control_planes=2)
    first = holder(cluster)
    other = next(f"control-plane-{number}" for number in (1, 2) if f"control-plane-{number}" != first)
    cluster.fault("ComponentCrash", components=[f"kube-controller-manager/{other}"], duration="20s")
    cluster.apply(deployment("web", 2))
    cluster.run(until="deployment/web ready", timeout="20s")
    cluster.run("1m")
    assert holder(cluster) == first


def test_a_leader_that_the_server_refuses_stops_before_another_begins() -> None:
    cluster = kl.Cluster(2, seed=4, control_planes=3)
    first = holder(cluster, "kube-scheduler")
    cluster.fault("ApiError", components=[f"kube-scheduler/{first}"], duration="2m")
    cluster.apply(deployment("web", 2))
    runner = cluster._engine.runners["scheduler"]
    down = None
    for _ in range(40):
        cluster.run("1s")
        if not runner.alive and down is None:
            down = cluster.elapsed
        if holder(cluster, "kube-scheduler") != first:
            break
    assert down is not None
    assert 10 <= down <= 15 < cluster.elapsed <= 22
    cluster.run("3m")
    assert cluster.rollout("deployment/web").done


def test_one_controller_that_is_down_stays_down_under_a_new_leader() -> None:
    cluster = kl.Cluster(2, seed=4, control_planes=2)
    cluster.fault("ComponentCrash", components=["deployment-controller"], name="one")
    cluster.fault("ComponentCrash", components=[f"kube-controller-manager/{holder(cluster)}"], duration="5s")
    cluster.apply(deployment("web", 2))
    cluster.run("1m")
    assert cluster._engine.runners["replicaset-controller"].alive
    assert cluster.list("replicasets") == []
    cluster.delete("fault/one")
    cluster.run(until="deployment/web ready", timeout="30s")


def test_a_cluster_without_replicas_has_no_lease_and_nobody_who_asks_for_one() -> None:
    cluster = kl.Cluster(1, seed=4)
    assert cluster.list("leases", namespace="kube-system") == []
    assert not [name for name in cluster._engine.runners if name.startswith("kube-")]


def test_a_world_of_replicas_forks_saves_and_loads(tmp_path: Any) -> None:
    cluster = kl.Cluster(2, seed=4, control_planes=3)
    cluster.apply(deployment("web", 3))
    cluster.fault("ComponentCrash", components=[f"kube-scheduler/{holder(cluster, 'kube-scheduler')}"], start="1s")
    cluster.run("8s")
    worlds = (cluster, cluster.fork(), kl.load(cluster.save(tmp_path / "x.klab")))
    for world in worlds:
        world.run("2m")
    assert len({str(world._engine.store.log.commits) for world in worlds}) == 1
    assert cluster.rollout("deployment/web").done


def test_the_audit_log_tells_elections_as_upstream_does() -> None:
    """Recorded (1.20, whose timeout is the renew deadline): kube-controller-manager/v1.20.2 (linux/amd64) kubernetes/none/leader-election."""
    cluster = kl.Cluster(1, seed=4, control_planes=1, audit_policy="Metadata")
    cluster.run("5s")
    named = [event for event in cluster.audit_events() if (event.get("objectRef") or {}).get("name") == "kube-scheduler"]
    found = [event for event in named if event["objectRef"]["resource"] == "leases"]
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    assert {(event["verb"], event["requestURI"]) for event in found} == {
        ("create", f"{leases}?timeout=5s"),
        ("get", f"{leases}/kube-scheduler?timeout=5s"),
        ("update", f"{leases}/kube-scheduler?timeout=5s"),
    }
    assert all(event["userAgent"].startswith("kube-scheduler/v1.28.0 (linux/amd64) kubernetes/") for event in found)
    assert all(event["userAgent"].endswith("/leader-election") for event in found)
    assert {event["user"]["username"] for event in found} == {"system:kube-scheduler"}
