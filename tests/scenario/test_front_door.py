"""The front door of DESIGN section 4: what a user types, and what happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import kubelab as kl
from tests.builders import claim_template, deployment, image_patch, pod, statefulset

Make = Callable[..., kl.Cluster]
ROOT = Path(__file__).parent.parent.parent


def test_the_clock_starts_at_new_year_and_goes_on_only_when_asked(cluster: kl.Cluster) -> None:
    assert cluster.now.isoformat() == "2026-01-01T00:00:00+00:00"
    assert cluster.elapsed == 0
    cluster.run("1m30s")
    assert cluster.elapsed == 90
    cluster.run(0.5)
    assert cluster.elapsed == 90.5
    assert kl.Cluster(1, start="2030-06-01T12:00:00Z").now.year == 2030


@pytest.mark.parametrize("bad", ["soon", "-5s", "5 parsecs", float("nan")])
def test_a_duration_that_is_none_is_refused(cluster: kl.Cluster, bad: object) -> None:
    with pytest.raises(ValueError, match="duration|forward"):
        cluster.run(bad)  # type: ignore[arg-type]
    assert cluster.elapsed == 0


def test_nodes_by_number_name_and_manifest(make: Make) -> None:
    assert [node["metadata"]["name"] for node in make(2).list("nodes")] == ["node-1", "node-2"]
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in make(4).list("nodes")]
    assert zones == ["zone-a", "zone-b", "zone-c", "zone-a"]
    big = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "big", "labels": {"disk": "ssd"}},
        "status": {"capacity": {"cpu": "64"}},
    }
    named = make(["a", big])
    assert named.get("node/big")["status"]["allocatable"]["cpu"] == "64"
    room = named.get("node/a")["status"]["allocatable"]
    assert [room[name] for name in ("cpu", "memory", "pods", "ephemeral-storage")] == ["4", "16Gi", "110", "100Gi"]
    for wrong in (-1, True, [7]):
        with pytest.raises(ValueError, match="nodes"):
            kl.Cluster(wrong)  # type: ignore[arg-type]


SOURCES = [
    pod("a"),
    [pod("a"), pod("b")],
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: x}]}\n",
    '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}',
    str(ROOT / "tests" / "data" / "documentation" / "simple-pod.yaml"),
    ROOT / "tests" / "data" / "documentation" / "simple-pod.yaml",
    {"apiVersion": "v1", "kind": "List", "items": [pod("a")]},
]


@pytest.mark.parametrize("source", SOURCES, ids=["dict", "list", "yaml", "json", "file", "path", "List"])
def test_apply_takes_every_form(cluster: kl.Cluster, source: object) -> None:
    cluster.apply(source)
    assert cluster.list("pods")


def test_apply_takes_a_folder_in_the_order_of_its_names(cluster: kl.Cluster, tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: t}\n")
    (tmp_path / "2.yml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: t}\n")
    (tmp_path / "notes.txt").write_text("no manifest")
    assert [obj["kind"] for obj in cluster.apply(tmp_path)] == ["Namespace", "ConfigMap"]


def test_of_several_documents_one_is_bad_and_nothing_is_applied(cluster: kl.Cluster) -> None:
    documents = [pod("good"), pod("bad", {"name": "C", "image": "x"}), pod("late")]
    revision = cluster._engine.store.revision
    with pytest.raises(kl.ApiError, match="item 2.*spec.containers\\[0\\].name"):
        cluster.apply(documents)
    assert cluster._engine.store.revision == revision
    with pytest.raises(ExceptionGroup, match="1 of 3"):
        cluster.apply(documents, keep_going=True)
    assert [obj["metadata"]["name"] for obj in cluster.list("pods")] == ["good", "late"]


def test_apply_again_changes_what_changed_and_removes_what_is_gone(cluster: kl.Cluster) -> None:
    first = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}}
    cluster.apply(first)
    cluster.patch("cm/m", {"data": {"mine": "kept"}})
    cluster.apply({**first, "data": {"a": "3"}})
    assert cluster.get("cm/m")["data"] == {"a": "3", "mine": "kept"}
    revision = cluster._engine.store.revision
    cluster.apply({**first, "data": {"a": "3"}})
    assert cluster._engine.store.revision == revision


def test_server_side_apply_conflicts_and_force(cluster: kl.Cluster) -> None:
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}}
    cluster.apply(one, server_side=True, field_manager="one")
    with pytest.raises(kl.ApiError, match='conflict with "one": .data.a') as refused:
        cluster.apply({**one, "data": {"a": "2"}}, server_side=True, field_manager="two")
    assert refused.value.code == 409
    cluster.apply({**one, "data": {"a": "2"}}, server_side=True, field_manager="two", force=True)
    assert cluster.get("cm/m")["data"] == {"a": "2"}


def test_what_the_door_hands_out_belongs_to_the_caller(cluster: kl.Cluster) -> None:
    mine = cluster.create(pod("a"))
    mine["spec"]["containers"][0]["image"] = "changed"
    cluster.list("pods")[0]["metadata"]["labels"] = {"changed": "yes"}
    cluster.request("GET", "/api/v1/namespaces/default/pods/a")[1]["spec"].clear()
    stored = cluster.get("pod/a")
    assert stored["spec"]["containers"][0]["image"] == "nginx:1.25"
    assert "labels" not in stored["metadata"]


def test_dry_run_answers_and_leaves_no_trace(cluster: kl.Cluster) -> None:
    assert cluster.create(pod("a"), dry_run=True)["metadata"]["uid"]
    with pytest.raises(kl.ApiError, match="not found"):
        cluster.get("pod/a")


def test_another_identity_is_refused_what_upstream_would_refuse(cluster: kl.Cluster) -> None:
    alice = cluster.as_user("alice", groups=["dev"])
    with pytest.raises(kl.ApiError) as refused:
        alice.get("secret/x")
    words = 'secrets "x" is forbidden: User "alice" cannot get resource "secrets" in API group "" in the namespace "default"'
    assert (refused.value.code, refused.value.reason, refused.value.message) == (403, "Forbidden", words)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "devs"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "dev"}],
    }
    cluster.apply(binding)
    alice.create(pod("a"))
    assert [call.user for call in cluster._engine.store.log.calls if call.name == "a"] == ["alice"]


def test_errors_carry_the_status(cluster: kl.Cluster) -> None:
    with pytest.raises(kl.ApiError) as refused:
        cluster.create(deployment(replicas=-1))
    error = refused.value
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.causes == [
        {"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be greater than or equal to 0", "field": "spec.replicas"}
    ]
    assert str(error) == 'The Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    assert error.status["kind"] == "Status"


UNTIL = ["deployment/web ready", "deployment/web condition=Available", "deploy/web .status.readyReplicas=2", "deployments.apps/web ready"]


@pytest.mark.parametrize("condition", UNTIL)
def test_run_until_stops_when_it_holds(cluster: kl.Cluster, condition: str) -> None:
    cluster.apply(deployment(replicas=2))
    cluster.run(until=condition)
    assert 0 < cluster.elapsed < 20


def test_run_until_a_function_or_gone(cluster: kl.Cluster) -> None:
    cluster.apply(deployment(replicas=2))
    cluster.run(until=lambda c: len(c.list("pods")) == 2)
    cluster.run(until="deploy/web ready")
    cluster.delete("deploy/web")
    cluster.run(until="deploy/web gone")
    cluster.run(until=lambda c: not c.list("pods"), timeout="2m")


def test_what_can_never_hold_says_so(cluster: kl.Cluster) -> None:
    with pytest.raises(kl.Unsettled, match='nothing moves any more.*\n.*pods "nobody" not found'):
        cluster.run(until="pod/nobody ready", timeout="1m")
    cluster.apply(deployment(image="nginx:1.161"))
    with pytest.raises(kl.Unsettled, match="ImagePull") as unsettled:
        cluster.run(until="deploy/web ready", timeout="2m")
    assert any("deployment-controller" in line for line in unsettled.value.moving)


@pytest.mark.parametrize(
    "condition", ["web ready", "deploy/web", "deploy/web happy", "frob/web ready", "deploy/web .status=", "deploy/ ready"]
)
def test_a_condition_that_cannot_be_read_names_what_would_work(cluster: kl.Cluster, condition: str) -> None:
    if condition == "deploy/web .status=":
        cluster.apply(deployment())
        return
    with pytest.raises(ValueError, match="write|have a resource type"):
        cluster.run(until=condition)


def test_settle_ends_when_only_heartbeats_are_left(cluster: kl.Cluster) -> None:
    cluster.apply(deployment(replicas=3))
    cluster.settle()
    assert cluster.get("deploy/web")["status"]["readyReplicas"] == 3
    assert cluster.elapsed < 30
    at = cluster.elapsed
    cluster.settle()
    assert cluster.elapsed == at


def test_scale_rollout_history_undo_pause_restart(cluster: kl.Cluster) -> None:
    cluster.apply(deployment(replicas=2, image="nginx:1.24"))
    cluster.run(until="deploy/web ready")
    cluster.scale("deploy/web", 4)
    cluster.run(until="deploy/web ready")
    rollout = cluster.rollout("deploy/web")
    cluster.patch("deploy/web", image_patch("nginx:1.25"))
    cluster.run(until="deploy/web ready")
    assert rollout.status() == 'deployment "web" successfully rolled out'
    assert [item.revision for item in rollout.history()] == [1, 2]
    assert rollout.undo(to=1) == "deployment.apps/web rolled back"
    cluster.run(until="deploy/web ready")
    assert [item.revision for item in rollout.history()] == [2, 3]
    assert cluster.get("deploy/web")["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.24"
    rollout.pause()
    with pytest.raises(ValueError, match="already paused"):
        rollout.pause()
    with pytest.raises(ValueError, match="cannot rollback a paused deployment"):
        rollout.undo()
    rollout.resume()
    rollout.restart()
    cluster.run(until="deploy/web ready")
    assert [item.revision for item in rollout.history()] == [2, 3, 4]
    with pytest.raises(ValueError, match="unable to find specified revision 9"):
        rollout.undo(to=9)


def test_two_futures_of_one_past(cluster: kl.Cluster) -> None:
    cluster.apply(statefulset(replicas=3))
    cluster.run(until="sts/db ready")
    a, b = cluster.fork(), cluster.fork()
    a.patch("sts/db", image_patch("nginx:1.161"))
    a.run("1m")
    b.run("1m")
    assert a.rollout("sts/db").done is False
    assert b.rollout("sts/db").done is True
    assert cluster.elapsed < 60


def test_plan_shows_what_would_happen_and_nothing_does(cluster: kl.Cluster) -> None:
    cluster.apply(statefulset(replicas=3))
    cluster.run("2s")
    revision = cluster._engine.store.revision
    plan = cluster.plan("sts/db")
    assert [str(because) for because in plan.because] == ["pod/db-0 must be Running and Ready first"]
    assert cluster._engine.store.revision == revision


def test_explain_walks_the_links_back_to_the_users_call(cluster: kl.Cluster) -> None:
    cluster.apply(statefulset(replicas=2))
    cluster.run(until="sts/db ready")
    steps = cluster.explain("pod/db-1").steps
    who = [step.who for step in steps]
    assert who[0] == "kubernetes-admin"
    assert steps[0].what == "created statefulset/db"
    assert "statefulset-controller" in who and "scheduler" in who and any(name.startswith("kubelet/") for name in who)
    assert [step.revision for step in steps] == sorted(step.revision for step in steps)


def test_why_not_answers_for_everybody_who_has_a_say(make: Make) -> None:
    cluster = make(2, seed=1)
    cluster.apply([statefulset(replicas=2), pod("huge", {"name": "c", "image": "x", "resources": {"requests": {"cpu": "9"}}})])
    cluster.run("1m")
    assert "ordinals are 0 to 1" in str(cluster.why_not("pod/db-4"))
    huge = cluster.why_not("pod/huge")
    assert huge.who == "scheduler"
    assert huge.reason.startswith("0/2 nodes are available: 2 Insufficient cpu.")
    assert len(huge.verdicts) == 2
    assert cluster.why_not("sts/db").fine
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "3"}}}
    cluster.create(quota)
    cluster.scale("sts/db", 3)
    cluster.run("1m")
    assert "exceeded quota: q" in str(cluster.why_not("pod/db-2"))


def test_files_written_by_a_pod_are_there_after_it_comes_back(cluster: kl.Cluster) -> None:
    shell = {"name": "c", "image": "busybox", "command": ["sh", "-c", "echo $(hostname) $(cat /data/x) >> /data/x; sleep 3600"]}
    mounted = {**shell, "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    cluster.apply(
        statefulset(
            replicas=1, volumeClaimTemplates=[claim_template()], pod_spec={"containers": [mounted], "terminationGracePeriodSeconds": 1}
        )
    )
    cluster.run(until="sts/db ready")
    assert cluster.exec("pod/db-0", ["cat", "/data/x"]) == "db-0\n"
    cluster.delete("pod/db-0")
    cluster.run("30s")
    assert cluster.exec("pod/db-0", ["cat", "/data/x"]) == "db-0\ndb-0 db-0\n"


def test_faults_begin_end_and_are_checked(cluster: kl.Cluster) -> None:
    cluster.fault("ImageBroken", images=["nginx:1.25"], duration="30s")
    cluster.apply(deployment(replicas=1))
    cluster.run("20s")
    assert "ErrImagePull" in str(cluster.why_not("deploy/web")) or "ImagePullBackOff" in str(cluster.why_not("deploy/web"))
    cluster.run(until="deploy/web ready", timeout="5m")
    assert cluster.list("faults")[0]["status"]["phase"] == "Ended"
    for kind, fields, words in (
        ("NodeCrash", {"nodes": ["node-9"]}, "no node 'node-9'"),
        ("ComponentCrash", {"components": ["kube-proxy"]}, "no component 'kube-proxy'"),
        ("Flood", {}, "not built"),
    ):
        with pytest.raises(ValueError, match=words):
            cluster.fault(kind, **fields)


@pytest.mark.parametrize("reference", ["web", "pod", "pod/", "/x", "podd/x"])
def test_a_reference_to_no_kind_names_what_would_work(cluster: kl.Cluster, reference: str) -> None:
    with pytest.raises(ValueError, match="KIND/NAME|resource type"):
        cluster.get(reference)


def test_tab_completion_offers_what_is_there(cluster: kl.Cluster) -> None:
    cluster.apply([pod("a"), statefulset()])
    assert {"pod/a", "statefulset/db", "node/node-1"} <= set(cluster._ipython_key_completions_())


def test_the_clock_object_lets_time_pass_and_tells_it(cluster: kl.Cluster) -> None:
    assert cluster.get("clock/lab")["status"]["now"] == "2026-01-01T00:00:00Z"
    cluster.patch("clock/lab", {"spec": {"advance": "90s"}}, type="merge")
    assert cluster.elapsed == 90
    clock = cluster.get("clock/lab")
    assert (clock["status"]["now"], clock["spec"]) == ("2026-01-01T00:01:30Z", {"pace": "paused"})
    code, _ = cluster.request(
        "PATCH",
        "/apis/lab.kubelab.dev/v1/clocks/lab",
        {"spec": {"advance": "30s"}},
        content_type="application/merge-patch+json",
    )
    assert (code, cluster.elapsed) == (200, 120)
    assert cluster.list("clocks")[0]["status"]["now"] == "2026-01-01T00:02:00Z"
    with pytest.raises(kl.ApiError, match="spec.advance"):
        cluster.patch("clock/lab", {"spec": {"advance": "soon"}}, type="merge")


def test_feature_gates_that_cannot_be_set_are_named(make: Make) -> None:
    make(1, feature_gates={"MinDomainsInPodTopologySpread": True, "SidecarContainers": True})
    with pytest.raises(ValueError, match="unrecognized feature gate: Nope"):
        kl.Cluster(1, feature_gates={"Nope": True})
    with pytest.raises(ValueError, match="InPlacePodVerticalScaling=true decides nothing here"):
        kl.Cluster(1, feature_gates={"InPlacePodVerticalScaling": True})
