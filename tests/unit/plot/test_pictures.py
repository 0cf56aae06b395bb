"""Each picture: what is drawn, as a table; what its title says; and that the drawing shows it."""

import numpy as np
import pandas as pd
import pytest

from kubelab.frames.lives import lives
from kubelab.frames.pods import transitions
from kubelab.frames.rollouts import bounds, rollouts
from kubelab.plot import breakdown, calls, ownership, placement, quorum, rollout, style, timeline
from tests.unit.frames.builders import START_NS, Story, at_ns, pod, workload


# -- timeline -------------------------------------------------------------------------------------------------------------
def two_pods():
    story = Story()
    story.put(1, pod("a", "node"))
    story.put(3, pod("a", "ready"))
    story.put(2, pod("b", "node ErrImagePull"))
    return transitions(lives(story.log), START_NS, at_ns(10))


def test_timeline_has_a_bar_per_phase_in_the_order_of_creation():
    bars = timeline.tidy(two_pods()).astype({"phase": str})
    assert bars.to_numpy().tolist() == [
        [0, "a", "ContainerCreating", 1, 3, False],
        [0, "a", "Ready", 3, 10, True],
        [1, "b", "BackOff", 2, 10, True],
    ]


def test_timeline_says_how_many_are_ready_and_how_long_it_took():
    assert timeline.finding(timeline.tidy(two_pods())) == "1 of 2 pods ready, after 2.0 s; 1 failing"
    assert timeline.finding(timeline.tidy(two_pods()[:0])) == "No pods yet"


def test_timeline_draws_a_coloured_bar_per_phase():
    ax = timeline.draw(timeline.tidy(two_pods()))
    (bars,) = ax.collections
    assert [tuple(round(255 * part) for part in colour[:3]) for colour in bars.get_facecolors()] == [
        tuple(int(style.PHASES[phase][at : at + 2], 16) for at in (1, 3, 5)) for phase in ("ContainerCreating", "Ready", "BackOff")
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


# -- rollout --------------------------------------------------------------------------------------------------------------
def update():
    story = Story()
    owner = workload("StatefulSet", "db", 2, updateStrategy={"type": "RollingUpdate"})
    story.put(0, owner)
    for name in ("db-0", "db-1"):
        story.put(1, pod(name, "ready", owner=owner, uid=f"old-{name}", revision="aa"))
    story.put(4, pod("db-1", "ready going", owner=owner, uid="old-db-1", revision="aa"))
    story.put(4, pod("db-0", "ready going", owner=owner, uid="old-db-0", revision="aa"))
    for name in ("db-0", "db-1"):
        story.drop(5, pod(name))
        story.put(6, pod(name, "running", owner=owner, uid=f"new-{name}", revision="bb", image="app:2"))
    story.put(7, pod("db-0", "ready", owner=owner, uid="new-db-0", revision="bb", image="app:2"))
    return rollout.tidy("statefulset/db", rollouts(lives(story.log), START_NS), bounds(story.log, START_NS), 9)


def test_rollout_holds_each_count_and_promise_until_the_next():
    picture = update()
    assert picture.counts.to_numpy().tolist() == [
        # elapsed, pods, ready, desired, minimum, maximum
        [0, 0, 0, 2, 1, 2],
        [1, 2, 2, 2, 1, 2],
        [4, 0, 0, 2, 1, 2],
        [5, 0, 0, 2, 1, 2],
        [6, 2, 0, 2, 1, 2],
        [7, 2, 1, 2, 1, 2],
        [9, 2, 1, 2, 1, 2],
    ]
    assert picture.ready.to_numpy().tolist() == [[0, 0], [2, 0], [0, 0], [0, 0], [0, 0], [0, 1], [0, 1]]
    assert picture.unready.to_numpy().tolist() == [[0, 0], [0, 0], [0, 0], [0, 0], [0, 2], [0, 1], [0, 1]]


def test_rollout_says_that_a_promise_was_broken_and_for_how_long():
    picture = update()
    assert rollout.below(picture) == 3
    assert rollout.finding(picture) == "statefulset/db: 1 of 2 ready, all on app:2; below the promised minimum for 3.0 s"


def test_rollout_names_a_revision_that_never_became_ready():
    picture = rollout.cut(update(), 0)
    stuck = picture._replace(ready=picture.ready * [1, 0])
    assert "app:2 never became ready" in rollout.finding(stuck)


def test_rollout_cut_begins_with_what_stood_then():
    picture = rollout.cut(update(), 6.5)
    assert picture.counts["elapsed"].tolist() == [6.5, 7, 9]
    assert picture.counts["ready"].tolist() == [0, 1, 1]
    assert list(picture.ready.columns) == ["bb"]


def test_a_promise_that_ends_is_no_line_any_more():
    story = Story()
    story.put(0, workload("Deployment", "web", 2, strategy={"type": "RollingUpdate"}))
    story.put(5, workload("Deployment", "web", 2, strategy={"type": "Recreate"}))
    picture = rollout.tidy("deployment/web", rollouts([], START_NS), bounds(story.log, START_NS), 9)
    assert picture.counts["minimum"].isna().tolist() == [False, True, True]
    assert rollout.finding(picture) == "deployment/web: no pods yet"


def test_rollout_draws_the_bounds_dashed_and_names_them():
    ax = rollout.draw(update())
    dashed = [line for line in ax.lines if line.is_dashed()]
    assert [set(line.get_ydata()) for line in dashed] == [{2}, {1}]
    assert {"at most 2", "at least 1"} <= {text.get_text() for text in ax.texts}


@pytest.mark.parametrize(
    ("low", "high", "width", "middle"),
    [
        ([0, 0, 0], [2, 2, 2], 0.5, (5, 1)),
        ([0, 4, 4], [2, 6, 6], 0.6, None),  # a step in the middle: nowhere wide enough
        ([0, 4, 4], [2, 6, 6], 0.4, (2.5, 1)),
        ([0, 1, 1], [2, 5, 5], 0.3, (7.5, 3)),  # the higher half is roomier
        ([0, 0, 0], [0, 0, 0], 0.1, None),
    ],
)
def test_a_label_stands_where_there_is_room(low, high, width, middle):
    assert rollout.roomiest(np.array([0.0, 5.0, 10.0]), np.array(low), np.array(high), width) == middle


# -- placement ------------------------------------------------------------------------------------------------------------
def pods_on(*nodes, workload="deployment/web"):
    rows = [
        {"name": f"{workload.partition('/')[2]}-{at}", "node": node, "workload": workload, "phase": "Ready"}
        for at, node in enumerate(nodes)
    ]
    return pd.DataFrame(rows)


def three_nodes():
    facts = {"zone": "zone-a", "ready": True, "schedulable": True, "deleted": pd.NaT}
    return pd.DataFrame([{"name": f"node-{number}", **facts} for number in (1, 2, 3)])


def test_placement_gives_each_pod_a_square_on_its_node():
    pods = pd.concat([pods_on("node-2", "node-1", "node-2"), pods_on("node-2", workload="statefulset/db").assign(phase="Pending")])
    squares, rows = placement.tidy(pods, three_nodes())
    assert squares[["row", "slot", "name", "group", "ready"]].to_numpy().tolist() == [
        [0, 0, "web-1", "deployment/web", True],
        [1, 0, "web-0", "deployment/web", True],
        [1, 1, "web-2", "deployment/web", True],
        [1, 2, "db-0", "statefulset/db", False],
    ]
    assert placement.finding(squares, rows) == "4 pods on 3 nodes: 0 to 3 each"


def test_placement_shows_pods_without_a_node_in_a_row_of_their_own():
    squares, rows = placement.tidy(pods_on("node-1", ""), three_nodes())
    assert rows["node"].tolist() == ["node-1", "node-2", "node-3", "no node"]
    assert placement.finding(squares, rows) == "1 pod on 3 nodes: 0 to 1 each; 1 without a node"


def test_placement_leaves_out_what_is_gone():
    squares, _ = placement.tidy(pods_on("node-1", "node-1").assign(phase=["Deleted", "Succeeded"]), three_nodes())
    assert squares.empty


def test_placement_keeps_a_colour_for_the_largest_workloads():
    pods = pd.concat([pods_on(*["node-1"] * (9 - at), workload=f"deployment/w{at}") for at in range(8)])
    squares, _ = placement.tidy(pods, three_nodes())
    assert squares["group"].value_counts().to_dict() == {f"deployment/w{at}": 9 - at for at in range(6)} | {"others": 5}


# -- ownership ------------------------------------------------------------------------------------------------------------
def owners(pods):
    top = [("Deployment", "web", "d", pd.NA), ("ReplicaSet", "web-1", "r", "d")]
    leaves = [("Pod", f"web-1-{at}", f"p{at}", "r") for at in range(pods)]
    frame = pd.DataFrame(top + leaves, columns=["kind", "name", "uid", "owner"])
    return frame.assign(namespace="default", ready=True).astype({"ready": "boolean"})


def test_ownership_is_a_tree_with_parents_amid_their_children():
    tree = ownership.tidy(owners(2))
    assert list(tree.edges) == [("d", "r"), ("r", "p0"), ("r", "p1")]
    assert {uid: facts["pos"] for uid, facts in tree.nodes.items()} == {"d": (0, 0.5), "r": (1, 0.5), "p0": (2, 0), "p1": (2, 1)}
    assert ownership.finding(tree, owners(2)) == "Deployment web owns 1 ReplicaSet and 2 Pods"


def test_ownership_sums_up_many_children():
    tree = ownership.tidy(owners(200))
    assert tree.nodes["r/Pod"]["name"] == "… 188 more, 188 ready"
    assert ownership.finding(tree, owners(200)) == "Deployment web owns 1 ReplicaSet and 200 Pods"


def test_ownership_of_one_object_begins_there():
    assert list(ownership.tidy(owners(1), "web-1", "ReplicaSet", "default")) == ["r", "p0"]
    assert not len(ownership.tidy(owners(1), "web-2", "ReplicaSet", "default"))


# -- calls ----------------------------------------------------------------------------------------------------------------
def some_calls():
    rows = [
        # elapsed, waiting, executing, component, user
        (-1.0, 0.0, 0.0, "scheduler", ""),
        (1.5, 0.0, 0.5, "scheduler", ""),
        (4.0, 2.0, 1.0, "kubelet/node-1", ""),
        (4.0, 1.0, 1.0, "kubelet/node-2", ""),
        (9.0, 0.0, 0.0, "", "alice"),
    ]
    return pd.DataFrame(rows, columns=["elapsed", "waiting", "executing", "component", "user"])


def test_calls_are_counted_when_sent_and_waits_while_they_last():
    picture = calls.tidy(some_calls(), 10, bins=10)
    assert picture.rows.to_numpy().tolist() == [["kubelets", 2, 2, 3], ["alice", 1, 0, 0], ["scheduler", 1, 0, 0]]
    assert picture.rates[0].tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert picture.waiting[0].tolist() == [0, 1, 2, 0, 0, 0, 0, 0, 0, 0]
    assert picture.rates[2].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_calls_say_who_asks_most_and_who_is_held_back():
    words = "4 calls, 50% of them by kubelets; kubelets waited up to 2.0 s for its client limit"
    assert calls.finding(calls.tidy(some_calls(), 10)) == words
    idle = some_calls().assign(waiting=0.0)
    assert calls.finding(calls.tidy(idle, 10)).endswith("hardly any waiting for a client limit")


def test_quiet_callers_are_drawn_as_others():
    many = pd.concat([some_calls().iloc[[1]].assign(component=f"controller-{at:02}") for at in range(12)])
    picture = calls.tidy(many, 10)
    assert len(picture.rows) == calls.SHOWN + 1
    assert picture.rows.iloc[-1][["component", "calls"]].tolist() == ["others", 4]


# -- breakdown ------------------------------------------------------------------------------------------------------------
def some_stages():
    rows = [("a", "controller", 0.0, 1.0), ("a", "pull", 1.0, 2.0), ("b", "predecessor", 0.0, 6.0), ("b", "pull", 6.0, 1.0)]
    frame = pd.DataFrame(rows, columns=["name", "stage", "from_command", "seconds"])
    return frame.assign(uid=frame["name"])


def test_breakdown_sums_up_stages_per_pod_and_names_the_largest():
    bars = breakdown.tidy(some_stages())
    assert bars[["row", "left", "right"]].to_numpy().tolist() == [[0, 0, 1], [0, 1, 3], [1, 0, 6], [1, 6, 7]]
    assert breakdown.shares(bars).to_dict() == {"predecessor": 3, "controller": 0.5, "pull": 1.5}
    assert breakdown.finding(bars) == "2 pods ready within 7.0 s; 60% of the time is waiting for pods before"


# -- quorum ---------------------------------------------------------------------------------------------------------------
def steps(*rows):
    return pd.DataFrame(rows, columns=["elapsed", "ready", "verdict"]).assign(members=3, majority=2)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 1, "forming"), (1, 2, "quorum")], "sts/zk: the quorum held throughout"),
        ([(0, 1, "forming")], "sts/zk: no quorum yet"),
        ([(0, 2, "quorum"), (1, 1, "lost"), (3, 0, "lost"), (4, 2, "quorum")], "sts/zk: the quorum was lost once, for 3.0 s in all"),
        ([(0, 2, "quorum"), (1, 1, "lost"), (2, 2, "quorum"), (8, 1, "lost")], "sts/zk: the quorum was lost 2 times, for 3.0 s in all"),
    ],
)
def test_quorum_says_whether_it_held(rows, words):
    assert quorum.finding("sts/zk", quorum.tidy(steps(*rows), 10)) == words


def test_quorum_shades_the_time_without():
    shown = quorum.tidy(steps((0, 2, "quorum"), (1, 1, "lost"), (4, 2, "quorum")), 10)
    ax = quorum.draw("sts/zk", shown)
    assert "no quorum 3.0 s" in {text.get_text() for text in ax.texts}
    assert {"majority 2", "members 3"} <= {text.get_text() for text in ax.texts}


@pytest.mark.parametrize(
    ("wanted", "lines", "at"),
    [
        (1.5, [3.0], 1.5),  # nothing near
        (2.0, [2.0], 1.7),  # on a line: as far below as a label needs
        (2.0, [float("nan")], 2.0),  # no such promise
        (0.5, [0.5, 0.9], 0.5),  # no room anywhere: as it was
    ],
)
def test_a_label_keeps_away_from_a_promise(wanted: float, lines: list[float], at: float) -> None:
    high = 1.0 if wanted < 1 else 4.0
    assert rollout._clear(wanted, 0.0, high, lines, 0.3) == pytest.approx(at)
