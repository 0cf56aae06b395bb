"""Rolling updates and revisions. Rows: upstream pkg/controller/daemon/{update,daemon_controller}_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.controllers.common.history import REVISIONS
from kubelab.controllers.daemonset.shares import max_surge, max_unavailable
from kubelab.world.clock import SECOND
from tests.unit.controllers_daemonset.builders import ago, daemon_pod, daemon_set, hash_of, node, pod_calls, status, world
from tests.unit.storage.harness import NOW_NS


@pytest.mark.parametrize(
    ("surge", "unavailable", "desired", "numbers"),
    [
        # TestGetUnavailableNumbers: (surge, unavailable)
        (0, 0, 0, (0, 0)),
        (0, 1, 2, (0, 1)),
        (0, 0, 2, (0, 1)),
        (0, "50%", 2, (0, 1)),
        ("50%", 0, 2, (1, 0)),
        ("100%", 0, 2, (2, 0)),
        (0, "50%", 3, (0, 2)),
        ("1%", 0, 3, (1, 0)),
    ],
)
def test_percentages_round_up(surge, unavailable, desired, numbers):
    daemon = daemon_set(surge=surge, unavailable=unavailable)
    assert (max_surge(daemon, desired), max_unavailable(daemon, desired)) == numbers


def updating(states, **more):
    """Nodes a, b, c … each with a pod in a state (``-`` for none); several states of one node are joined by ``+``."""
    daemon = daemon_set(**more)
    objects = [daemon]
    for name, words in zip("abcdefgh", states.split(), strict=False):
        objects.append(node(name))
        for number, state in enumerate([] if words == "-" else words.split("+")):
            options = {"ready_since": ago(5)} if "young" in state else {}
            objects.append(daemon_pod(daemon, name, f"{name}{number}", state.replace(",", " "), created=ago(3600 - number), **options))
    return world(*objects).sync("default", "foo")


@pytest.mark.parametrize(
    ("states", "options", "calls"),
    [
        # TestDaemonSetUpdatesPods: as many as may be unavailable
        ("old,ready old,ready old,ready", {"unavailable": 2}, ["-a0", "-b0"]),
        ("old,ready old,ready old,ready", {"unavailable": "34%"}, ["-a0", "-b0"]),
        # TestDaemonSetUpdatesWhenNewPosIsNotReady: a new pod that is not available takes the room
        ("new,running old,ready old,ready", {}, []),
        ("new,running old,ready old,ready", {"unavailable": 2}, ["-b0"]),
        # TestDaemonSetUpdatesAllOldPodsNotReady: old ones that are not available go beyond the limit
        ("old,running old,running old,running", {}, ["-a0", "-b0", "-c0"]),
        ("old,running new,running old,ready", {}, ["-a0"]),
        # a node whose pod is going counts as unavailable
        ("old,running,going old,ready", {}, []),
        # TestDaemonSetUpdatesNoTemplateChanged
        ("new,ready new,ready", {}, []),
        ("old,ready old,ready", {"on_delete": True}, []),
        # with minReadySeconds a young pod is not available yet
        ("new,ready,young old,ready", {"min_ready": 10}, []),
        # what is to be made comes before what is to be updated
        ("- old,running", {}, ["+a"]),
        # surging: TestDaemonSetUpdatesPodsWithMaxSurge, TestDaemonSetUpdatesAllOldPodsNotReadyMaxSurge
        ("old,ready old,ready old,ready", {"surge": 2}, ["+a", "+b"]),
        ("old,running old,running old,ready", {"surge": 1}, ["+a", "+b", "+c"]),
        ("old,ready+new,running old,ready", {"surge": 1}, []),
        ("old,ready+new,ready old,ready", {"surge": 1}, ["-a0"]),
        # TestSurgeDeletesUnreadyOldPods, TestSurgePreservesReadyOldPods
        ("old,running+old,ready+new,running", {"surge": 1}, ["-a1", "-a0"]),
        ("old,ready+old,ready+new,running", {"surge": 1}, ["-a1"]),
        # TestSurgePreservesOldReadyWithUnsatisfiedMinReady, TestSurgeDeletesOldReadyWithUnsatisfiedMinReady
        ("old,ready+new,ready,young", {"surge": 1, "min_ready": 15}, []),
        ("old,ready+new,ready,young", {"surge": 1, "min_ready": 3}, ["-a0"]),
        # TestSurgeCreatesNewPodWhenAtMaxSurgeAndOldPodDeleted
        ("old,ready+new,running old,ready old,ready,going", {"surge": 1}, ["+c"]),
    ],
)
def test_one_step_of_an_update(states, options, calls):
    assert pod_calls(updating(states, **options)) == calls


def test_a_rollout_goes_node_by_node_and_back_again():
    # recorded: create revision, delete, status, create, status …; on the way back revision 1 becomes 3
    one, two = daemon_set(image="app:1"), daemon_set(image="app:2", generation=2)
    at = world(one, node("a"), node("b"), daemon_pod(one, "a"), daemon_pod(one, "b")).sync("default", "foo")
    at.calls, at.bodies = [], []
    at.put({**two, "status": status(at)})
    at.sync("default", "foo")
    assert at.calls == [f"create {REVISIONS} foo-{hash_of(two)}", "delete pods foo-a", "update daemonsets.apps foo/status"]
    assert status(at)["currentNumberScheduled"] == 1 and "updatedNumberScheduled" not in status(at)
    at.calls, at.bodies = [], []
    at.sync("default", "foo")
    assert [call.split(" ")[0] for call in at.calls] == ["create", "update"]
    at.calls, at.bodies = [], []
    at.put({**one, "metadata": {**one["metadata"], "generation": 3}, "status": status(at)})
    at.sync("default", "foo")
    numbers = {each["metadata"]["name"]: each["revision"] for each in at.state.all(REVISIONS).values()}
    assert numbers == {f"foo-{hash_of(one)}": 3, f"foo-{hash_of(two)}": 2}
    assert "-foo-b" not in pod_calls(at)


def revision(daemon, number, *, image="", **more):
    from kubelab.controllers.common.history import template_data
    from kubelab.controllers.common.owners import controller_reference

    template = daemon_set(image=image)["spec"]["template"] if image else daemon["spec"]["template"]
    name = more.get("name", f"foo-r{number}")
    labels = {
        **template["metadata"]["labels"],
        **({} if more.get("bare") else {"controller-revision-hash": more.get("hash", f"r{number}")}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": labels,
            "ownerReferences": [controller_reference(daemon)],
        },
        "data": template_data(template),
        "revision": number,
    }


def test_a_revision_without_label_gets_its_name_as_hash():
    daemon = daemon_set()
    at = world(daemon, revision(daemon, 1, bare=True)).sync("default", "foo")
    assert at.get(REVISIONS, "foo-r1")["metadata"]["labels"]["controller-revision-hash"] == "foo-r1"


def test_doubles_go_and_their_pods_are_relabelled():
    # dedupCurHistories
    daemon = daemon_set()
    pods = [daemon_pod(daemon, "a", labels={**daemon["spec"]["template"]["metadata"]["labels"], "controller-revision-hash": "r1"})]
    at = world(daemon, node("a"), revision(daemon, 1), revision(daemon, 2), *pods).sync("default", "foo")
    assert at.calls[:2] == ["patch pods foo-a", f"delete {REVISIONS} foo-r1"]
    assert at.get(REVISIONS, "foo-r1") is None


def test_past_revisions_beyond_the_limit_go_unless_pods_have_them():
    # cleanupHistory: lowest first, those of live pods are passed over
    daemon = daemon_set(spec={"revisionHistoryLimit": 1}, on_delete=True)
    old = [revision(daemon, number, image=f"app:old{number}") for number in (1, 2, 3)]
    pod = daemon_pod(daemon, "a", labels={**daemon["spec"]["template"]["metadata"]["labels"], "controller-revision-hash": "r1"})
    at = world(daemon, node("a"), *old, revision(daemon, 4), pod).sync("default", "foo")
    assert sorted(each["metadata"]["name"] for each in at.state.all(REVISIONS).values()) == ["foo-r1", "foo-r4"]


def test_a_name_that_another_revision_has_raises_the_collision_count():
    # snapshot
    daemon, stranger = daemon_set(), daemon_set("other", image="app:9")
    taken = {**revision(stranger, 1, image="app:9"), "metadata": {**revision(stranger, 1)["metadata"], "name": f"foo-{hash_of(daemon)}"}}
    at = world(daemon, taken).sync("default", "foo")
    assert at.calls[0] == "update daemonsets.apps foo/status"
    assert status(at)["collisionCount"] == 1
    assert at.calls[1].startswith(f"create {REVISIONS} foo-") and at.calls[1] != f"create {REVISIONS} foo-{hash_of(daemon)}"


def test_the_labels_of_an_older_release_count_too():
    # IsPodUpdated: the template's generation
    daemon = daemon_set(annotations={"deprecated.daemonset.template.generation": "7"})
    pod = daemon_pod(daemon, "a", labels={**daemon["spec"]["template"]["metadata"]["labels"], "pod-template-generation": "7"})
    at = world(daemon, node("a"), pod).sync("default", "foo")
    assert pod_calls(at) == []
    assert status(at)["updatedNumberScheduled"] == 1


def test_a_pod_that_ripens_lets_the_update_go_on():
    at = updating("new,ready,young old,ready", min_ready=10)
    assert at.plans[-1].again_ns == 10 * SECOND
    at.now_ns = NOW_NS + 6 * SECOND
    at.sync("default", "foo")
    assert pod_calls(at) == ["-b0"]
