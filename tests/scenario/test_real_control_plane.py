"""The preset of a real 1.20 control plane: shared cores, controllers that learn of their own status writes late, hollow nodes.

The orders of calls are those of the recorded audit logs (a real 1.20.2); upstream: pkg/controller/{statefulset,replicaset,daemon}, 1.20.
"""

from __future__ import annotations

import pytest

import kubelab as kl
from kubelab.frames import prediction
from kubelab.frames.prediction import Row

REAL = kl.Timing.preset("real-1.20-2cpu")
RAISED = kl.Timing.preset("real-1.20-2cpu", client_qps="raised")


def _ran(row: Row, timing: kl.Timing = RAISED, seed: int = 1) -> kl.Cluster:
    c = kl.Cluster(prediction._nodes(10), seed=seed, timing=timing)
    c.run("1m")
    c.create(prediction.workload(row))
    return c.settle(timeout="10m")


def _calls(c: kl.Cluster, controller: str) -> list[tuple[str, str, str, int, float]]:
    """(verb, resource, subresource, code, seconds) of one controller, in order."""
    calls = c.frames.calls()
    mine = calls[calls["component"] == controller]
    columns = ("verb", "resource", "subresource", "code", "elapsed")
    return list(zip(*(mine[column].tolist() for column in columns), strict=True))


def _after_conflicts(c: kl.Cluster, controller: str) -> list[tuple[tuple[str, str, int], float]]:
    """What a controller does about its workload after each conflict, and how much later."""
    calls = [call for call in _calls(c, controller) if call[1] != "events" and (call[0] == "get" or call[2] == "status")]
    return [
        ((verb, subresource, code), elapsed - before[4])
        for before, (verb, _, subresource, code, elapsed) in zip(calls, calls[1:], strict=False)
        if before[3] == 409
    ]


def test_a_statefulset_s_status_is_written_again_ten_milliseconds_after_a_conflict():
    followed = _after_conflicts(_ran(Row("StatefulSet", 40, "OrderedReady")), "statefulset-controller")

    assert len(followed) >= 3
    assert {call for call, _ in followed} <= {("update", "status", 200), ("update", "status", 409)}
    assert all(0.010 <= later < 0.030 for _, later in followed)


def test_a_replicaset_is_read_after_a_conflict_and_its_status_written_again():
    c = _ran(Row("Deployment", 60))
    followed = _after_conflicts(c, "replicaset-controller")

    assert followed
    assert {call for call, _ in followed} == {("get", "", 200)}
    assert c["deploy/web"]["status"]["readyReplicas"] == 60


def test_a_daemonset_is_read_after_a_conflict_and_the_sync_fails():
    c = _ran(Row("DaemonSet", 10))
    c.patch("ds/web", {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "app:2"}]}}}})
    c.settle(timeout="10m")
    followed = _after_conflicts(c, "daemon-set-controller")

    assert followed
    assert {call for call, _ in followed} == {("get", "", 200)}
    assert c["ds/web"]["status"]["updatedNumberScheduled"] == 10


def test_pods_of_a_parallel_statefulset_are_made_one_after_the_other():
    created = [
        elapsed
        for verb, resource, _, _, elapsed in _calls(_ran(Row("StatefulSet", 12, "Parallel")), "statefulset-controller")
        if verb == "create" and resource == "pods"
    ]
    gaps = [after - before for before, after in zip(created, created[1:], strict=False)]

    assert len(created) == 12
    assert min(gaps) > 0.002


def test_a_pod_counts_in_the_status_that_is_written_by_the_sync_which_makes_it():
    c = _ran(Row("StatefulSet", 3, "OrderedReady"))
    first = next(
        commit for commit in c.frames.calls().itertuples() if commit.resource == "statefulsets.apps" and commit.subresource == "status"
    )
    written = c._engine.store.log.at(first.revision).object["status"]

    assert (written["replicas"], written["currentReplicas"], written["updatedReplicas"]) == (1, 1, 1)


def test_a_hollow_node_reports_a_pod_by_one_patch_and_confirms_its_deletion():
    c = _ran(Row("Deployment", 8))
    patches = c.frames.calls().query("verb == 'patch' and resource == 'pods' and subresource == 'status'")
    assert len(patches) == 8
    assert {pod["status"]["phase"] for pod in c.list("pods")} == {"Running"}

    c.delete("deploy/web")
    c.settle(timeout="10m")
    assert c.list("pods") == []


def test_pods_of_hollow_nodes_have_addresses_of_their_own_and_conditions_as_go_writes_them():
    c = _ran(Row("Deployment", 30))
    pods = c.list("pods")

    assert len({pod["status"]["podIP"] for pod in pods}) == 30
    assert all(pod["status"]["podIPs"] == [{"ip": pod["status"]["podIP"]}] for pod in pods)
    assert all(each["lastProbeTime"] is None for pod in pods for each in pod["status"]["conditions"])


def test_a_hollow_node_reports_once_that_an_image_cannot_be_had():
    c = kl.Cluster(prediction._nodes(3), timing=RAISED)
    c.fault("ImageBroken", images=["web:2"], duration="2m")
    for name, image in (("never", "broken:1"), ("later", "web:2")):
        c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": image}]}})
    c.run("1m")

    for name in ("never", "later"):
        (state,) = c[f"pod/{name}"]["status"]["containerStatuses"]
        assert (c[f"pod/{name}"]["status"]["phase"], state["state"]["waiting"]["reason"]) == ("Pending", "ImagePullBackOff")
    c.run("10m")
    assert (c["pod/never"]["status"]["phase"], c["pod/later"]["status"]["phase"]) == ("Pending", "Running")
    patches = c.frames.calls().query("resource == 'pods' and subresource == 'status'")
    assert patches["name"].tolist().count("never") == 1


@pytest.mark.parametrize("fault", ["DiskFull", "RuntimeHang", "NodePartition"])
def test_a_hollow_node_goes_on_after_a_fault(fault):
    c = _ran(Row("Deployment", 8))
    c.fault(fault, nodes=["n0"], duration="1m")
    c.run("10m")

    assert c["deploy/web"]["status"]["readyReplicas"] == 8
    assert "True" in [each["status"] for each in c["node/n0"]["status"]["conditions"] if each["type"] == "Ready"]


def test_with_more_work_on_the_cores_calls_take_longer():
    def mean(cores: int) -> float:
        calls = _ran(Row("Deployment", 60), RAISED.with_(cores=cores)).frames.calls()
        return float(
            calls[calls["component"] == "replicaset-controller"].query("verb == 'create' and resource == 'pods'")["executing"].mean()
        )

    assert mean(1) > 1.5 * mean(2) > 0.003


def test_the_cores_are_part_of_the_world(tmp_path):
    c = kl.Cluster(prediction._nodes(10), seed=3, timing=RAISED)
    c.run("1m")
    c.create(prediction.workload(Row("Deployment", 40)))
    c.run("80ms")
    c.save(tmp_path / "busy.klab")
    worlds = (c.fork(), kl.load(tmp_path / "busy.klab"), c)
    for world in worlds:
        world.settle(timeout="10m")

    logs = [[(commit.time_ns, commit.key, commit.type) for commit in world._engine.store.log.commits] for world in worlds]
    assert logs[0] == logs[1] == logs[2]


@pytest.mark.parametrize("timing", ["default", "1.7", "instant"])
def test_without_shared_cores_a_controller_knows_what_it_wrote(timing):
    c = kl.Cluster(3, timing=timing)
    c.create(prediction.workload(Row("StatefulSet", 5, "OrderedReady")))
    c.settle(timeout="10m")

    assert 409 not in c.frames.calls()["code"].tolist()


def test_the_garbage_collector_reads_and_deletes_each_dependent_once_at_the_usual_rate():
    """As recorded: owners that were seen to go are not asked for; its client has the limit of the others (upstream: 1.28 doubles it)."""
    c = _ran(Row("Deployment", 40), REAL)
    before = len(c.frames.calls())
    c.delete("deploy/web")
    c.settle(timeout="10m")
    calls = c.frames.calls().iloc[before:].query("component == 'garbage-collector-controller'")
    sent = calls["elapsed"] - calls["executing"]
    owner_gone = c.frames.calls().query("verb == 'delete' and resource == 'deployments.apps'")["elapsed"].max()

    assert calls.groupby(["verb", "resource", "code"], observed=True).size().to_dict() == {
        ("get", "replicasets.apps", 200): 1,
        ("delete", "replicasets.apps", 200): 1,
        ("get", "pods", 200): 40,
        ("delete", "pods", 200): 40,
    }
    assert (sent.max() - sent.min()) == pytest.approx((82 - 30) / 20, rel=0.05)
    assert sent.min() - owner_gone == pytest.approx(0.458, abs=0.03)  # recorded: 39 calls of discovery come first


def test_real_kubelets_on_a_measured_control_plane():
    c = kl.Cluster(4, seed=1, timing=kl.Timing.preset("real-1.20-2cpu", kubelet=("cri-containerd-1.0", "pull-containerd-2.1")))
    c.create(prediction.workload(Row("Deployment", 12)))
    c.run(until="deployment/web ready", timeout="10m")

    begun = c.frames.calls().query("component == 'scheduler' and subresource == 'binding'")["elapsed"].min()
    assert c.elapsed - begun > 0.95  # sandbox and start alone
    assert {each["reason"] for each in c.list("events")} >= {"Pulling", "Pulled", "Created", "Started"}


def _ready_after(kubelet: str) -> float:
    """Seconds until a pod whose image is there is ready, the PLEG's period and the spread of latencies left out."""
    timing = kl.Timing.preset("default", kubelet=kubelet).with_(relist_ns=1_000_000, jitter=0.0)
    c = kl.Cluster(1, timing=timing)
    for name in ("first", "second"):
        begun = c.elapsed
        c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}})
        c.run(until=f"pod/{name} ready")
    return c.elapsed - begun


def test_published_figures_of_a_runtime_move_what_they_say():
    ssd, hdd = _ready_after("docker-azure-ssd"), _ready_after("docker-azure-hdd")

    assert hdd - ssd == pytest.approx(1.157 - 0.568, abs=0.005)
    assert _ready_after("cri-containerd-1.0") - ssd == pytest.approx(0.78 + 0.17 - (0.3 + 0.568), abs=0.005)
