"""Whole stories through engine and API server, compared with what a real control plane (1.20.2) did: stories-requestresponse.jsonl.gz."""

from tests.unit.controllers.world import World, image, workload

STS = "statefulset-controller"


def pods_and_revisions(story):
    return [text for text in story if "/status" not in text]


def web(replicas=3, **spec):
    world = World()
    world.request("create", "statefulsets.apps", "web", workload("StatefulSet", "web", replicas=replicas, serviceName="web", **spec))
    world.settle()
    return world


def test_a_stateful_set_is_made_in_order():
    # recorded: create statefulset web, 3 replicas, OrderedReady
    assert pods_and_revisions(web().story(STS)) == [
        "create controllerrevisions web-68b74b5f74",
        "create pods web-0",
        "create pods web-1",
        "create pods web-2",
    ]


def test_a_partition_updates_only_what_is_above_it():
    # recorded: image nginx:2 with partition 2: only web-2; partition 0: web-1, web-0
    world = web(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    since = world.here
    world.patch("statefulsets.apps", "web", image("nginx:2"))
    world.settle()
    assert pods_and_revisions(world.story(STS, since)) == [
        "create controllerrevisions web-669bdd655c",
        "delete pods web-2",
        "create pods web-2",
    ]
    status = world.get("statefulsets.apps", "web")["status"]
    assert (status["currentRevision"], status["updateRevision"], status["updatedReplicas"]) == ("web-68b74b5f74", "web-669bdd655c", 1)
    since = world.here
    world.patch("statefulsets.apps", "web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    world.settle()
    assert pods_and_revisions(world.story(STS, since)) == [
        "delete pods web-1",
        "create pods web-1",
        "delete pods web-0",
        "create pods web-0",
    ]
    assert world.get("statefulsets.apps", "web")["status"]["currentRevision"] == "web-669bdd655c"


def test_the_forced_rollback_trap_and_its_cure():
    # recorded: image broken: stops at web-2; image back: web-2 stays broken; delete pod web-2: the cure; scale to 1
    world = web()
    world.patch("statefulsets.apps", "web", image("broken"))
    world.settle()
    since = world.here
    world.patch("statefulsets.apps", "web", image("nginx:1"))
    world.settle()
    assert pods_and_revisions(world.story(STS, since)) == ["update controllerrevisions web-68b74b5f74"]
    since = world.here
    world.request("delete", "pods", "web-2", {})
    world.settle()
    assert pods_and_revisions(world.story(STS, since)) == ["create pods web-2"]
    since = world.here
    world.patch("statefulsets.apps", "web", {"spec": {"replicas": 1}})
    world.settle()
    assert world.story(STS, since)[:2] == ["delete pods web-2", "update statefulsets/status web"]
    assert pods_and_revisions(world.story(STS, since)) == ["delete pods web-2", "delete pods web-1"]


def test_parallel_heals_itself():
    world = web(podManagementPolicy="Parallel")
    for name in ("broken", "nginx:1"):
        world.patch("statefulsets.apps", "web", image(name))
        world.settle()
    assert world.get("statefulsets.apps", "web")["status"]["readyReplicas"] == 3


def shop(**spec):
    world = World()
    world.request("create", "deployments.apps", "shop", workload("Deployment", "shop", replicas=4, **spec))
    world.settle()
    return world


def scalings(world, since):
    """The sizes that ReplicaSets were given, in order: by revision."""
    log = world.engine.store.log
    found = []
    for call in log.calls[since:]:
        if call.component == "deployment-controller" and call.resource == "replicasets.apps" and call.revision and not call.subresource:
            commit = log.at(call.revision)
            before = commit.old["spec"]["replicas"] if commit.old else 0
            size = commit.object["spec"]["replicas"]
            if size != before:
                found.append((commit.object["metadata"]["annotations"]["deployment.kubernetes.io/revision"], size))
    return found


def test_a_rollout_alternates_between_new_and_old():
    # recorded: image nginx:2, 4 replicas: new 1, old 3, new 2, old 2, new 3, old 1, new 4, old 0
    world = shop()
    since = world.here
    world.patch("deployments.apps", "shop", image("nginx:2"))
    world.settle()
    assert scalings(world, since) == [("2", 1), ("1", 3), ("2", 2), ("1", 2), ("2", 3), ("1", 1), ("2", 4), ("1", 0)]
    conditions = world.get("deployments.apps", "shop")["status"]["conditions"]
    assert [(each["type"], each["reason"]) for each in conditions] == [
        ("Available", "MinimumReplicasAvailable"),
        ("Progressing", "NewReplicaSetAvailable"),
    ]


def test_a_broken_rollout_stops_and_going_back_raises_the_old_revision():
    # recorded: image broken; undo by image nginx:2
    world = shop()
    since = world.here
    world.patch("deployments.apps", "shop", image("broken"))
    world.settle()
    assert scalings(world, since) == [("2", 1), ("1", 3), ("2", 2)]
    since = world.here
    world.patch("deployments.apps", "shop", image("nginx:1"))
    world.settle()
    assert scalings(world, since) == [("2", 0), ("3", 4)]
    assert world.get("deployments.apps", "shop")["status"]["availableReplicas"] == 4


def test_recreate_makes_the_new_pods_when_the_old_ones_are_gone():
    world = shop(strategy={"type": "Recreate"})
    since = world.here
    world.patch("deployments.apps", "shop", image("nginx:2"))
    world.settle()
    assert scalings(world, since) == [("1", 0), ("2", 4)]
    assert world.get("deployments.apps", "shop")["status"]["updatedReplicas"] == 4


def test_a_released_pod_is_replaced_and_an_orphan_adopted():
    world = shop()
    (name, *_) = [pod["metadata"]["name"] for pod in world.engine.trailing.all("pods").values()]
    world.patch("pods", name, {"metadata": {"labels": {"app": "debug"}}})
    world.settle()
    pods = {pod["metadata"]["name"]: pod for pod in world.engine.trailing.all("pods").values()}
    assert (len(pods), pods[name]["metadata"].get("ownerReferences") or []) == (5, [])
    world.patch("pods", name, {"metadata": {"labels": {"app": "shop"}}})
    world.settle()
    assert len(world.engine.trailing.all("pods")) == 4
