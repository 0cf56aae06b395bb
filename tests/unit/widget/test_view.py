"""The widget itself, driven as a browser would: by the values of its controls."""

import xml.etree.ElementTree as ElementTree

import pytest

import kubelab as kl
from kubelab.widget.model import Frame, Square
from kubelab.widget.picture import svg
from tests import builders


@pytest.fixture
def view(make):
    cluster = make(3, seed=1)
    cluster.apply(builders.statefulset("db", 3))
    cluster.run(until="sts/db ready")
    return kl.widget.rollout(cluster)


def test_the_player_beats_and_both_pictures_move(view):
    before = [canvas.value for canvas in view.canvases]
    view.player.value = 1
    assert [canvas.value != old for canvas, old in zip(view.canvases, before, strict=True)] == [True, True]


def test_the_pictures_are_drawn_into_the_same_canvases(view):
    canvases = view.canvases
    view.player.value = 1
    assert view.canvases is canvases


def test_a_slider_turns_its_own_variant(view):
    view.knobs[1]["replicas"].value = 5
    assert [view.model.settings(at).replicas for at in (0, 1)] == [3, 5]
    view.knobs[0]["partition"].value = 2
    assert [view.model.settings(at).partition for at in (0, 1)] == [2, 0]


def test_a_policy_is_chosen_from_a_list(view):
    view.knobs[0]["policy"].value = "Parallel"
    assert view.model.settings(0).policy == "Parallel"


def test_a_refusal_is_said_and_the_knobs_go_back(view):
    view._do(lambda: view.model.set(0, replicas=-1))
    assert "must be greater than or equal to 0" in view.said.value
    assert view.knobs[0]["replicas"].value == 3
    view.player.value = 1
    assert view.said.value == ""


def test_start_again_brings_the_knobs_back(view):
    view.knobs[0]["replicas"].value = 6
    view._do(view.model.restart)
    assert view.knobs[0]["replicas"].value == 3


def test_max_unavailable_of_a_set_stands_behind_its_gate(make):
    for gates, there in (({}, False), ({"MaxUnavailableStatefulSet": True}, True)):
        cluster = make(1, seed=1, feature_gates=gates)
        cluster.apply(builders.statefulset("db", 1))
        assert ("max_unavailable" in kl.widget.rollout(cluster).knobs[0]) == there


def test_a_deployments_percentage_can_be_typed(make):
    cluster = make(1, seed=1)
    cluster.apply(builders.deployment("web", 4))
    view = kl.widget.rollout(cluster)
    assert "partition" not in view.knobs[0]
    assert view.knobs[0]["max_unavailable"].value == "25%"
    view.knobs[0]["max_unavailable"].value = "50%"
    assert view.model.settings(0).max_unavailable == "50%"


def frame(*squares, **more):
    known = {"revisions": ("a<b>", "c"), "ready": 1, "desired": 2, "minimum": 1, "maximum": 3, "history": ((0.0, 0, 2), (1.0, 1, 2))}
    return Frame("A", 1.0, tuple(squares), **{**known, **more})


def test_a_frame_is_well_formed_and_escaped():
    text = svg(frame(Square(0, "x<y", 0, "Ready"), Square(1, "z-1", 1, "BackOff"), Square(2, "z-2", 1, "Terminating")))
    root = ElementTree.fromstring(text)
    titles = [node.text for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["x<y: ready", "z-1: failing", "z-2: terminating"]
    assert "A: 1 of 2 ready at 1.0 s" in text and "at least 1" in text and "at most 3" in text


def test_a_frame_without_pods_and_promises_is_drawn():
    ElementTree.fromstring(svg(frame(minimum=None, maximum=None, history=(), desired=0)))


def test_two_hundred_pods_fit_and_stay_small():
    text = svg(frame(*(Square(at, f"db-{at}", 0, "Ready") for at in range(200)), desired=200))
    assert len(text) < 60_000
