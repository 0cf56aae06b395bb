"""From decision to binding, and back. upstream: schedule_one.go bindingCycle, plugins/{defaultbinder,volumebinding}, 1.28."""

from __future__ import annotations

from kubelab.engine.plan import Act
from kubelab.scheduler import explain
from kubelab.scheduler.memory import derived
from kubelab.scheduler.scheduler import SCHEDULER
from kubelab.world.timing import Timing
from tests.unit.scheduler import builders as b

CLAIM = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
SELECTED = "volume.kubernetes.io/selected-node"


def test_the_binding_carries_the_uid_and_success_is_an_event():
    # recorded: audit stories, POST pods/web-0/binding
    world = b.World(b.node("n1"), b.pod("web"))
    world.run()
    [call] = world.calls
    [event] = world.events

    assert (call.verb, call.resource, call.subresource, call.namespace, call.name) == ("create", "pods", "binding", "default", "web")
    assert call.body == {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "web", "namespace": "default", "uid": "uid-default-web"},
        "target": {"kind": "Node", "name": "n1"},
    }
    assert (event.type, event.reason, event.action) == ("Normal", "Scheduled", "Binding")
    assert event.message == "Successfully assigned default/web to n1"
    assert str(call.because) == "pod/web was assumed on n1, the best of 1 feasible nodes with score 0"


def test_a_cycle_takes_its_time_and_bindings_run_beside():
    timing = Timing.preset("default")
    world = b.World(b.node("n1"), b.pod("web"), timing=timing)
    plan = SCHEDULER.plan(SCHEDULER.observe(world.scope(("cycle",)), ("cycle",)))

    assert plan.batches[0].calls == (Act("cycle", ("default", "web"), timing.schedule_ns - timing.sync_ns, computing=True),)
    assert plan.follow_up == (("bind", "default", "web", "uid-default-web"),)
    assert SCHEDULER.lanes[SCHEDULER.lane(("cycle",))] == 1
    assert SCHEDULER.lanes[SCHEDULER.lane(plan.follow_up[0])] == 0


def test_an_assumed_pod_counts_before_it_is_bound():
    world = b.World(b.node("n1", cpu="1"), b.node("n2", cpu="1"))
    for name in ("a", "b", "c"):
        world.put(b.pod(name, cpu="1"))
    for _ in range(3):
        world._step(("cycle",))

    assert explain.standing(world.memory, "uid-default-a").queue == "assumed"
    assert explain.standing(world.memory, "uid-default-b").queue == "assumed"
    assert explain.standing(world.memory, "uid-default-c").queue == "unschedulable"


def test_a_refused_binding_frees_the_room_and_the_pod_backs_off():
    world = b.World(b.node("n1", cpu="1"))
    world.refuse["binding"] = 1
    world.put(b.pod("web", cpu="1"))
    world.run()
    _, cluster = derived(world.scope(()))

    assert world.events[0].message == 'running Bind plugin "DefaultBinder": {error}'
    assert explain.standing(world.memory, "uid-default-web").queue == "backoff"
    assert cluster.nodes["n1"].milli_cpu == 0
    world.run(1.5)
    assert world.node_of("web") == "n1"


def test_a_refused_binding_lets_others_try_again():
    world = b.World(b.node("n1", cpu="1"))
    world.refuse["binding"] = 1
    world.put(b.pod("a", cpu="1", priority=1))
    world.put(b.pod("b", cpu="1"))
    world._step(("cycle",))
    world._step(("cycle",))
    assert explain.standing(world.memory, "uid-default-b").queue == "unschedulable"
    world._step(("bind", "default", "a", "uid-default-a"))

    assert explain.standing(world.memory, "uid-default-b").queue == "backoff"


def test_a_pod_deleted_while_assumed_frees_its_room():
    world = b.World(b.node("n1", cpu="1"))
    world.put(b.pod("web", cpu="1"))
    world._step(("cycle",))
    world.put(world.get("Pod", "web"), delete=True)
    world.run()
    _, cluster = derived(world.scope(()))

    assert cluster.nodes["n1"].milli_cpu == 0
    assert world.memory["assumed"] == {}


# -- volumes -------------------------------------------------------------------------------------------------------------
def bound(claim, volume):
    meta = claim["metadata"]
    annotations = {**meta["annotations"], "pv.kubernetes.io/bind-completed": "yes"}
    return {**claim, "metadata": {**meta, "annotations": annotations}, "spec": {**claim["spec"], "volumeName": volume}}


def test_a_claim_to_be_provisioned_is_marked_and_waited_for():
    world = b.World(b.node("n1"), b.storage_class(), b.claim("data"), b.pod("web", **CLAIM))
    world.run(3)
    claim = world.get("PersistentVolumeClaim", "data")
    assert claim["metadata"]["annotations"] == {SELECTED: "n1"}
    assert [(call.verb, call.resource) for call in world.calls] == [("update", "persistentvolumeclaims")]
    assert world.node_of("web") == ""
    world.put(b.volume("v1", claim="data", phase="Bound"))
    world.put(bound(claim, "v1"))
    world.run(1)

    assert world.node_of("web") == "n1"


def test_a_volume_that_waits_is_bound_to_the_claim():
    none = b.storage_class("local", provisioner="kubernetes.io/no-provisioner")
    volumes = [
        b.volume("big", storage_class="local", size="10Gi", hosts=["n2"]),
        b.volume("small", storage_class="local", size="2Gi", hosts=["n2"]),
    ]
    world = b.World(b.node("n1"), b.node("n2"), none, *volumes, b.claim("data", storage_class="local"), b.pod("web", **CLAIM))
    world.run()
    volume = world.get("PersistentVolume", "small")

    assert (volume["spec"]["claimRef"]["name"], volume["spec"]["claimRef"]["uid"]) == ("data", "uid-claim-data")
    assert volume["metadata"]["annotations"] == {"pv.kubernetes.io/bound-by-controller": "yes"}
    world.put(bound(world.get("PersistentVolumeClaim", "data"), "small"))
    world.run(1)
    assert world.node_of("web") == "n2"


def test_two_pods_do_not_take_one_volume():
    none = b.storage_class("local", provisioner="kubernetes.io/no-provisioner")
    world = b.World(b.node("n1"), none, b.volume("only", storage_class="local"))
    for name in ("a", "b"):
        world.put(b.claim(name, storage_class="local"))
        world.put(b.pod(name, volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": name}}]))
    for _ in range(2):
        world._step(("cycle",))

    assert explain.standing(world.memory, "uid-default-a").queue == "assumed"
    assert explain.standing(world.memory, "uid-default-b").plugins == ("VolumeBinding",)


def test_provisioning_given_up_sends_the_pod_back():
    # upstream: binder.go checkBindings
    world = b.World(b.node("n1"), b.storage_class(), b.claim("data"), b.pod("web", **CLAIM))
    world.run(1)
    claim = world.get("PersistentVolumeClaim", "data")
    world.put({**claim, "metadata": {**claim["metadata"], "annotations": {}}})
    world.run(1)
    message = 'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"'

    assert [event.message for event in world.events] == [message]
    assert world.get("Pod", "web")["status"]["conditions"][0]["reason"] == "SchedulerError"
    assert world.get("Pod", "web")["status"]["conditions"][0]["message"] == message


def test_volumes_are_waited_for_ten_minutes():
    world = b.World(b.node("n1"), b.storage_class(), b.claim("data"), b.pod("web", **CLAIM))
    world.run(605)
    message = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'

    assert [event.message for event in world.events] == [message]
