"""What the controller keeps of its nodes says the same as looking at all of them, whatever the order in which the watches tell."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.controllers.common.owners import controller_of
from kubelab.controllers.daemonset import index
from kubelab.controllers.daemonset.pods import target_node
from kubelab.controllers.daemonset.shares import CANDIDATE, REPLACE, DaemonCounts, NodeShare, basis_of, place_of, share_of
from kubelab.world.clock import SECOND
from tests.unit.controllers_daemonset.builders import daemon_pod, daemon_set, hash_of, node, world

NODES, NAMES = "abc", ("p", "q", "r", "s")
STATES = (
    "ready new",
    "running new",
    "ready old",
    "running old",
    "failed old",
    "succeeded new",
    "running new going",
    "running new unscheduled",
)
STEPS = st.one_of(
    st.tuples(st.just("pod"), st.sampled_from(NAMES), st.sampled_from(NODES), st.sampled_from(STATES)),
    st.tuples(st.just("unpod"), st.sampled_from(NAMES)),
    st.tuples(st.just("node"), st.sampled_from(NODES), st.sampled_from(["", "NoSchedule", "NoExecute"])),
    st.tuples(st.just("unnode"), st.sampled_from(NODES)),
    st.tuples(st.just("orphan"), st.sampled_from(NAMES)),
    st.tuples(st.just("image"), st.sampled_from(["app:1", "app:2"])),
    st.tuples(st.just("look")),
)


def looked_at_all(at: Any, daemon: Any) -> tuple[DaemonCounts, dict[str, NodeShare]]:
    basis = basis_of(daemon, hash_of(daemon))
    pods: dict[str, list[Any]] = {}
    for pod in at.state.all("pods").values():
        if (controller_of(pod) or {}).get("uid") == daemon["metadata"]["uid"]:
            pods.setdefault(target_node(pod), []).append(pod)
    total, shares = DaemonCounts(), {}
    for name in sorted({*pods, *(each["metadata"]["name"] for each in at.state.all("nodes").values())}):
        place = place_of(basis, name, at.get("nodes", name), pods.get(name, []))
        shares[name] = share_of(basis, place, at.now_ns)
        total = total.changed(DaemonCounts(), shares[name].counts)
    return total, shares


def do(at: Any, step: tuple[Any, ...]) -> None:
    daemon = at.get("daemonsets.apps", "foo")
    match step:
        case ("pod", name, on, state):
            present = at.get("pods", name)
            at.put(daemon_pod(daemon, target_node(present) if present else on, name, state))
        case ("unpod", name) if at.get("pods", name):
            at.remove("pods", "default", name)
        case ("node", name, effect):
            at.put(node(name, None, *([("own", effect)] if effect else [])))
        case ("unnode", name) if at.get("nodes", name):
            at.remove("nodes", "", name)
        case ("orphan", name) if at.get("pods", name):
            pod = at.get("pods", name)
            at.put({**pod, "metadata": {key: part for key, part in pod["metadata"].items() if key != "ownerReferences"}})
        case ("image", image):
            spec = daemon_set(image=image)["spec"]
            generation = daemon["metadata"]["generation"] + 1
            at.put({**daemon, "metadata": {**daemon["metadata"], "generation": generation}, "spec": {**daemon["spec"], **_template(spec)}})
        case ("look",):
            look(at)
    at.now_ns += SECOND


def _template(spec: Any) -> Any:
    return {"template": spec["template"]}


def look(at: Any) -> None:
    daemon = at.get("daemonsets.apps", "foo")
    basis = basis_of(daemon, hash_of(daemon))
    index.refresh(at.scope(), "uid-foo", basis, (daemon["metadata"]["generation"], basis.hash, basis.generation, basis.tolerations))


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25), st.sampled_from([0, 1]), st.sampled_from([0, 3]))
def test_the_kept_shares_are_those_of_all_nodes(steps, surge, min_ready):
    at = world(daemon_set(surge=surge, min_ready=min_ready))
    for step in steps:
        do(at, step)
    look(at)
    daemon = at.get("daemonsets.apps", "foo")
    total, shares = looked_at_all(at, daemon)
    assert at.memory[index.TOTALS]["uid-foo"] == total
    kept = at.memory.get("shares uid-foo", {})
    assert {name: share for name, share in shares.items() if share != NodeShare()} == kept
    for what, asks in (
        (index.CARE, lambda share: share.care),
        (index.RIPENING, lambda share: share.ripening),
        (REPLACE, lambda share: share.role == REPLACE),
        (CANDIDATE, lambda share: share.role == CANDIDATE),
    ):
        assert sorted(at.memory.get(f"{what} uid-foo", {})) == [name for name, share in shares.items() if asks(share)]


def test_a_set_that_is_gone_leaves_nothing():
    daemon = daemon_set()
    at = world(daemon, node("a"), daemon_pod(daemon, "a"))
    at.sync("default", "foo")
    at.remove("daemonsets.apps", "default", "foo")
    at.remove("pods", "default", "foo-a")
    left = {name: rows for name, rows in at.memory.items() if rows}
    assert [name for name in left if "uid-foo" in name or "uid-foo" in left[name]] in ([], ["revisions"])
