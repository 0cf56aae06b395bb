"""What somebody tries who has read nothing: odd but reasonable calls either work or say what would, and the world is usable afterwards."""

from __future__ import annotations

import copy
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from tests.builders import deployment, image_patch, pod

Make = Callable[..., kl.Cluster]


CLUSTERS: list[tuple[dict[str, Any], str]] = [
    ({"nodes": "three"}, "nodes='three': give a number from 0"),
    ({"nodes": 1.5}, "nodes=1.5: give a number from 0"),
    ({"nodes": None}, "nodes=None: give a number from 0"),
    ({"nodes": ["a", "b", "a"]}, "'a' is there 2 times"),
    ({"nodes": [{"kind": "Node"}]}, r"nodes\[0\].metadata.name"),
    ({"seed": "x"}, "seed='x': give a whole number"),
    ({"timing": 3}, "unknown timing 3: use one of"),
    ({"feature_gates": ["x"]}, "feature_gates=.*give a dict"),
]


@pytest.mark.parametrize(("given", "words"), CLUSTERS)
def test_an_argument_of_a_cluster_that_will_not_do_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kl.Cluster(**given)


SOURCES: list[tuple[Any, str]] = [
    ("", "no objects passed to apply"),
    ("  \n", "no objects passed to apply"),
    ([], "the list is empty"),
    ({"apiVersion": "v1", "kind": 5}, "kind: 5 is not text"),
    ({"apiVersion": "v1", "kind": "Pod", "metadata": "x"}, "metadata: 'x' is not a map"),
    ({**pod("a"), "spec": {"containers": {1, 2}}}, "set is not JSON"),
    (b"\xff\xfe", "not UTF-8 text"),
    ("https://k8s.io/examples/pods/simple-pod.yaml", "is an address: .*download it"),
    ("kind: Pod\nmetadata:\n  name: {{ .Release.Name }}-x\n", "looks like a Helm template"),
    (3, "type int: give a file"),
]


@pytest.mark.parametrize(("source", "words"), SOURCES)
def test_a_source_that_cannot_be_read_says_what_would_work(cluster: kl.Cluster, source: Any, words: str) -> None:
    revision = cluster._engine.store.revision
    with pytest.raises(ValueError, match=words):
        cluster.apply(source)
    assert cluster._engine.store.revision == revision


def test_an_empty_text_is_not_the_folder_one_works_in(cluster: kl.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kl.ManifestError, match="no objects passed"):
        cluster.apply("")
    assert cluster.apply(".")["metadata"]["name"] == "a"


def test_a_folder_that_holds_no_manifests_says_where_they_may_be(cluster: kl.Cluster, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(kl.ManifestError, match="folders within it are not looked into: base"):
        cluster.apply(tmp_path)
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    with pytest.raises(kl.ManifestError, match="Helm chart: apply what `helm template"):
        cluster.apply(tmp_path)


@pytest.mark.parametrize("reference", [None, 5, "", "web", "deploy/", "/web", "deploy/web/x"])
def test_what_is_no_reference_says_how_to_write_one(cluster: kl.Cluster, reference: Any) -> None:
    for ask in (cluster.get, cluster.why_not, cluster.explain, cluster.plan, cluster.rollout, cluster.delete, cluster.logs):
        with pytest.raises(ValueError, match="is not a reference: write KIND/NAME"):
            ask(reference)


KINDS = [
    ("pod/web", "is one object, here a kind is wanted: 'pod'"),
    ("pods,svc", "names several kinds"),
    ("podz", "did you mean pods"),
    (None, "is not a kind"),
]


@pytest.mark.parametrize(("kind", "words"), KINDS)
def test_a_list_wants_a_kind(cluster: kl.Cluster, kind: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cluster.list(kind)
    with pytest.raises(ValueError, match="write it as text"):
        cluster.list("pods", selector={"app": "web"})  # type: ignore[arg-type]


LENGTHS: list[Any] = [True, "1 week", "1d", float("inf"), [5], 10**30]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_of_time_is_seconds_or_words_of_go(cluster: kl.Cluster, length: Any) -> None:
    for wait in (lambda: cluster.run(length), lambda: cluster.settle(length), lambda: cluster.run(until="pod/a ready", timeout=length)):
        with pytest.raises(ValueError, match="duration|at most"):
            wait()
    with pytest.raises(ValueError, match="only goes forward"):
        cluster.run(until="pod/a ready", timeout=-5)
    with pytest.raises(ValueError, match="number of wakes"):
        cluster.step(-1)
    assert cluster.elapsed == 0


PATHS = ["{.status.readyReplicas}=3", "jsonpath='{.status.readyReplicas}'=3", "{.status.readyReplicas=3}", ".status.readyReplicas==3"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_may_be_written_as_for_kubectl_wait(cluster: kl.Cluster, path: str) -> None:
    cluster.apply(deployment("web", replicas=3))
    assert cluster.run(until=f"deploy/web {path}").get("deploy/web")["status"]["readyReplicas"] == 3


NEVER = [
    ("deploy/web condition=Availble", "wanted Availble=True, its conditions are Available=True, Progressing=True"),
    ("deploy/web .status.readyReplicas=4", "wanted .status.readyReplicas=4, found 3"),
    ("deploy/web .status.readyReplica=3", "there is no such field, .status has .*readyReplicas"),
]


@pytest.mark.parametrize(("condition", "words"), NEVER)
def test_a_condition_that_never_holds_says_what_is_there_instead(cluster: kl.Cluster, condition: str, words: str) -> None:
    cluster.apply(deployment("web", replicas=3))
    with pytest.raises(kl.Unsettled, match=words):
        cluster.run(until=condition, timeout="30s")


def test_a_mistyped_condition_is_guessed(cluster: kl.Cluster) -> None:
    with pytest.raises(ValueError, match="did you mean 'deploy/web ready'"):
        cluster.run(until="deploy/web Ready")


def test_an_until_that_raises_leaves_the_world_whole(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web", replicas=3))

    def late(seen: kl.Cluster) -> bool:
        if seen.elapsed > 1:
            raise RuntimeError("mine")
        return False

    with pytest.raises(RuntimeError, match="mine"):
        cluster.run(until=late)
    assert cluster.run(until="deploy/web ready").rollout("deploy/web").done


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests are a shell's background job, which is born deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("after", [40, 400, 4000])
def test_an_interrupt_waits_for_the_end_of_the_wake(cluster: kl.Cluster, after: int) -> None:
    cluster.apply(deployment("web", replicas=30))
    undisturbed = cluster.fork().run("1m")
    counted = 0
    inner = cluster._engine.run_one

    def run_one() -> None:
        nonlocal counted
        counted += 1
        if counted == after:
            os.kill(os.getpid(), signal.SIGINT)
        inner()

    cluster._engine.run_one = run_one  # type: ignore[method-assign]
    try:
        cluster.run("1m")
    except KeyboardInterrupt:
        assert counted == after
    finally:
        del cluster._engine.run_one
    cluster.run(60 - cluster.elapsed)
    logs = [[(commit.time_ns, commit.key, commit.type) for commit in each._engine.store.log.commits] for each in (cluster, undisturbed)]
    assert logs[0] == logs[1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_copy_is_a_fork(cluster: kl.Cluster) -> None:
    for other in (copy.copy(cluster), copy.deepcopy(cluster)):
        other.run("5s")
        assert (cluster.elapsed, other.elapsed) == (0, 5)


def test_errors_can_be_copied_and_sent_to_another_process(cluster: kl.Cluster) -> None:
    with pytest.raises(kl.ApiError) as refused:
        cluster.get("pod/x")
    with pytest.raises(kl.Unsettled) as late:
        cluster.run(until="pod/x ready", timeout="1s")
    exited = kl.ExecError(["false"], 1, "", "no")
    drained = kl.DrainError("node-1", ["no"], ["node/node-1 cordoned"])
    for error in (refused.value, late.value, exited, drained):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_user_has_a_name_and_a_list_of_groups(cluster: kl.Cluster) -> None:
    for wrong in ("", None):
        with pytest.raises(ValueError, match="is no user"):
            cluster.as_user(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"give a list, such as \['dev'\]"):
        cluster.as_user("bob", groups="dev")
    assert repr(cluster.as_user("bob")).startswith("<Cluster as bob: ")


def test_one_is_one(make: Make) -> None:
    one = make(1)
    one.apply(pod("a"))
    assert repr(one).startswith("<Cluster: 1 node, 1 pod, ")


def test_a_fault_takes_lists_and_the_fields_that_there_are(cluster: kl.Cluster) -> None:
    with pytest.raises(ValueError, match=r"nodes='node-1': give a list, such as \['node-1'\]"):
        cluster.fault("NodeCrash", nodes="node-1")
    with pytest.raises(ValueError, match="NodeCrash has no 'node': it takes nodes"):
        cluster.fault("NodeCrash", node=["node-1"])


def test_a_folder_is_no_file_to_save_to(cluster: kl.Cluster, tmp_path: Path) -> None:
    with pytest.raises(kl.ArchiveError, match="is a folder: give the name of a file"):
        cluster.save(tmp_path)
    assert list(tmp_path.parent.glob("*.part")) == []


def test_why_not_tells_a_reason_once(make: Make) -> None:
    full = make(1)
    full.apply(deployment("web", replicas=130))
    answer = full.run("2m").why_not("deploy/web")
    lacking = [line for line in answer.details if line.startswith("pod/")]
    assert len(lacking) == 1
    assert " and 19 more: 0/1 nodes are available: 1 Too many pods" in lacking[0]


def test_why_not_names_the_nodes_that_refuse_for_the_same_reason(make: Make) -> None:
    many = make(12)
    many.apply(pod("picky", nodeSelector={"disk": "ssd"}))
    details = many.run("5s").why_not("pod/picky").details
    assert details == ("node-1, node-2, node-3, node-4 and 8 more nodes: node(s) didn't match Pod's node affinity/selector (NodeAffinity)",)


def test_why_not_looks_through_the_pod_to_its_claim(cluster: kl.Cluster) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}},
    }
    cluster.apply([claim, pod("a", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])])
    answer = cluster.run("1m").why_not("pod/a")
    assert 'persistentvolumeclaim/data: storageclass.storage.k8s.io "fast" not found' in answer.details


def test_why_not_remembers_what_was_removed(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web"))
    cluster.run("10s").delete("deploy/web")
    assert cluster.run("1m").why_not("deploy/web").reason == "kubernetes-admin removed it at 10.000 s"


def test_why_not_forgets_a_refusal_once_the_same_call_succeeded(cluster: kl.Cluster) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "2"}}}
    cluster.apply(quota)
    cluster.run("1s").apply(deployment("web", replicas=3))
    assert "exceeded quota" in str(cluster.run("20s").why_not("deploy/web"))
    cluster.patch("quota/q", {"spec": {"hard": {"pods": "9"}}})
    cluster.run("15m")
    cluster.patch("deploy/web", image_patch("nginx:1.161"))
    assert "exceeded quota" not in str(cluster.run("1m").why_not("deploy/web"))


def test_explain_leaves_out_what_kubectl_keeps_for_itself(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web"))
    cluster.apply(deployment("web", replicas=5))
    story = str(cluster.explain("deploy/web"))
    assert "spec.replicas" in story
    assert "last-applied-configuration" not in story


def test_a_look_at_what_never_was_names_what_there_is(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web"))
    cluster.run("20s")
    for look in (cluster.frames.rollouts, cluster.frames.changes, cluster.plot.rollout, cluster.plot.timeline, cluster.plot.ownership):
        with pytest.raises(ValueError, match="there never was a deployment/wep in namespace default: there is deployment/web"):
            look("deploy/wep")
    with pytest.raises(ValueError, match="node/node-1 has no pods of its own"):
        cluster.plot.rollout("node/node-1")
    cluster.delete("deploy/web")
    assert len(cluster.run("1m").frames.rollouts("deploy/web"))


def test_a_pod_has_a_timeline_of_its_own(cluster: kl.Cluster) -> None:
    cluster.apply([pod("a"), pod("b")])
    ax = cluster.run("20s").plot.timeline("pod/a")
    assert ax.get_title(loc="left").startswith("1 of 1 pod ready")


def test_an_undo_wants_a_number(cluster: kl.Cluster) -> None:
    cluster.apply(deployment("web"))
    with pytest.raises(ValueError, match="to='x': give the number of a revision"):
        cluster.rollout("deploy/web").undo(to="x")  # type: ignore[arg-type]


LOUD = deployment(
    "loud", pod_spec={"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "echo I am $(hostname); sleep 1d"]}]}
)


def test_logs_and_exec_of_a_workload_are_those_of_its_first_ready_pod(cluster: kl.Cluster) -> None:
    """upstream: kubectl/pkg/util/podutils/podutils.go ByLogging, ActivePods, 1.28"""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "loud"},
        "spec": {"selector": {"app": "loud"}, "ports": [{"port": 80}]},
    }
    cluster.apply([LOUD, service])
    with pytest.raises(ValueError, match="deployment/loud has no pods yet"):
        cluster.logs("deploy/loud")
    cluster.run(until="deploy/loud ready")
    first = cluster.exec("deploy/loud", "hostname").strip()
    assert cluster.logs("deploy/loud") == cluster.logs("svc/loud") == f"I am {first}\n"
    cluster.delete(f"pod/{first}")
    assert cluster.run("1s").exec("deploy/loud", "hostname").strip() != first
    with pytest.raises(ValueError, match="node/node-1 has no pods: give a pod, or one of"):
        cluster.logs("node/node-1")


def test_a_command_in_one_text_is_split_as_a_shell_would(cluster: kl.Cluster) -> None:
    cluster.apply(LOUD)
    assert cluster.run(until="deploy/loud ready").exec("deploy/loud", "sh -c 'echo two  words'") == "two words\n"


def test_why_not_of_a_service_looks_for_its_pods(cluster: kl.Cluster) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    cluster.apply(service)
    assert cluster.run("1s").why_not("svc/web").reason == "its selector app=web matches no pods in namespace default"
    cluster.apply(deployment("web", image="nginx:1.161"))
    answer = cluster.run("1m").why_not("svc/web")
    assert answer.reason == "none of the 3 pods that its selector app=web matches is ready"
    assert len(answer.details) == 1
    assert answer.details[0].endswith(("and 2 more: ErrImagePull", "and 2 more: ImagePullBackOff"))
    cluster.patch("deploy/web", image_patch("nginx:1.25"))
    assert cluster.run(until="deploy/web ready").why_not("svc/web").fine


def test_what_cannot_be_deleted_does_not_keep_the_rest(cluster: kl.Cluster) -> None:
    cluster.apply([pod("a"), pod("b")])
    with pytest.raises(kl.ApiError, match='item 1: .*pods "zz" not found'):
        cluster.delete_all([pod("zz"), pod("a"), pod("b")])
    assert cluster.run("2m").list("pods") == []


def test_what_does_not_go_says_why_it_stays(cluster: kl.Cluster) -> None:
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "finalizers": ["example.com/mine"]}}
    cluster.apply(kept)
    with pytest.raises(kl.Unsettled, match="it is there, and nobody has asked to delete it"):
        cluster.run(until="cm/kept gone", timeout="5s")
    cluster.delete("cm/kept")
    with pytest.raises(kl.Unsettled, match="terminating since 2026-01-01T00:00:05Z: its finalizers example.com/mine keep it"):
        cluster.run(until="cm/kept gone", timeout="5s")
