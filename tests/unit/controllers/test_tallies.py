"""Tallies say at every moment what counting the pods of the view says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.controllers.common.pod_facts import is_active
from kubelab.controllers.replicaset.controller import pod_keys, replica_set_keys
from kubelab.controllers.replicaset.status import count_pods
from kubelab.controllers.replicaset.tallies import TABLE, tally_of
from kubelab.engine.component import Change, Scope
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Commit, Manager
from kubelab.store.state import State
from kubelab.store.view import View
from kubelab.world.streams import Streams
from kubelab.world.timing import Timing
from tests.unit.controllers.builders import NOW_NS, pod, replica_set, template

NAMES = ("a", "b")
SETS = {name: replica_set(name) for name in NAMES}
LABELS = ({"app": "web"}, {"app": "web", "extra": "x"}, {"app": "other"})
STATES = ("pending", "running", "ready", "ready going", "failed")

pods = st.builds(
    lambda name, state, owner, labels: pod(name, state, owner=SETS.get(owner), labels=labels),
    st.sampled_from(["p1", "p2", "p3", "p4"]),
    st.sampled_from(STATES),
    st.sampled_from(["a", "b", "nobody"]),
    st.sampled_from(LABELS),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("pod"), pods),
        st.tuples(st.just("own"), pods),  # a write of the controller's own, told of only later
        st.tuples(st.just("delete"), st.sampled_from(["p1", "p2", "p3", "p4"])),
        st.tuples(st.just("template"), st.tuples(st.sampled_from(NAMES), st.sampled_from(LABELS[:2]))),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=30,
)


class World:
    """A state that watches have told, and writes that they have not."""

    def __init__(self):
        self.state, self.own, self.memory, self.revision = State(), {}, {}, 0
        for each in SETS.values():
            self.commit("replicasets.apps", each["metadata"]["name"], each)

    def scope(self):
        return Scope(View(self.state, self.own, NOW_NS), self.memory, NOW_NS, Streams(1), Timing(), "x", "1.28", {}, {}, {})

    def commit(self, resource, name, obj):
        self.revision += 1
        old = self.state.get(resource, "default", name)
        if obj is None and old is None:
            return
        kind = "DELETED" if obj is None else ("MODIFIED" if old else "ADDED")
        self.state.apply(Commit(self.revision, 0, kind, (resource, "default", name), obj or old, old, 0, 0, Manager("m", "Update", "v1")))
        self.tell(Change(kind, resource, obj or old, old, self.revision))

    def tell(self, change):
        keys = replica_set_keys if change.resource == "replicasets.apps" else pod_keys
        keys(change, self.scope())

    def restart(self):
        """The component forgets everything and lists what is there."""
        self.memory.clear()
        self.own.clear()
        for resource in ("replicasets.apps", "pods"):
            for obj in list(self.state.all(resource).values()):
                self.tell(Change("ADDED", resource, obj, None, 1))

    def check(self):
        scope = self.scope()
        for name in NAMES:
            owner = scope.view.get("replicasets.apps", "default", name)
            active = [each for each in scope.view.owned("pods", owner["metadata"]["uid"]) if is_active(each)]
            counts = count_pods(owner, active, NOW_NS)
            mismatched = sum(not matches_selector(owner["spec"]["selector"], each["metadata"]["labels"]) for each in active)
            assert tally_of(scope.view, self.memory[TABLE], owner) == (counts.replicas, counts.fully_labelled, counts.ready, mismatched)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_tallies_agree_with_counting(moves):
    world = World()
    for what, given_ in moves:
        if what == "pod":
            world.own.pop(("pods", "default", given_["metadata"]["name"]), None)
            world.commit("pods", given_["metadata"]["name"], given_)
        elif what == "own":
            world.own[("pods", "default", given_["metadata"]["name"])] = (world.revision + 1000, given_)
        elif what == "delete":
            world.commit("pods", given_, None)
        elif what == "template":
            name, labels = given_
            old = world.state.get("replicasets.apps", "default", name)
            world.commit("replicasets.apps", name, {**old, "spec": {**old["spec"], "template": template(**labels)}})
        else:
            world.restart()
        world.check()
