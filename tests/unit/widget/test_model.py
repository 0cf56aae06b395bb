"""The widget's model: two futures and their knobs, without a browser."""

import pytest

import kubelab as kl
from kubelab.widget.model import RolloutModel
from tests import builders


@pytest.fixture
def web(make):
    cluster = make(3, seed=1)
    cluster.apply(builders.deployment("web", 4))
    cluster.run(until="deployment/web ready")
    return cluster


@pytest.fixture
def db(make):
    cluster = make(3, seed=1)
    cluster.apply(builders.statefulset("db", 3))
    cluster.run(until="sts/db ready")
    return cluster


def until_ready(model):
    """Step until all variants are ready again; the frames on the way."""
    model.step()
    frames = [model.frames()]
    while any(frame.ready < frame.desired for frame in frames[-1]):
        assert len(frames) < 400
        model.step()
        frames.append(model.frames())
    return frames


def test_the_cluster_that_was_given_stays_as_it_is(web):
    before = (web.elapsed, web._engine.store.revision)
    model = RolloutModel(web)
    model.set(0, replicas=7)
    model.step(5)
    assert (web.elapsed, web._engine.store.revision) == before
    assert [frame.desired for frame in model.frames()] == [7, 4]


def test_it_steps_only_while_it_plays(web):
    model = RolloutModel(web, pace=0.25)
    start = model.frames()[0].elapsed
    assert not model.tick()
    model.play()
    assert model.tick() and model.tick()
    model.pause()
    assert not model.tick()
    assert model.frames()[0].elapsed == pytest.approx(start + 0.5)


def test_two_variants_of_one_update_differ_by_their_knobs(web):
    model = RolloutModel(web)
    model.set(0, max_unavailable=0)
    model.set(1, max_unavailable=4)
    model.update()
    frames = until_ready(model)
    assert min(frame.ready for frame, _ in frames) == 4
    assert min(frame.ready for _, frame in frames) == 0
    assert len(model.frames()[0].revisions) == 2


def test_a_partition_holds_the_lower_ordinals_back(db):
    model = RolloutModel(db)
    model.set(1, partition=2)
    model.update()
    until_ready(model)
    model.step(20)
    assert [[square.revision for square in frame.squares] for frame in model.frames()] == [[1, 1, 1], [0, 0, 1]]


def test_a_policy_is_changed_as_on_a_real_cluster_and_the_pods_stay(db):
    model = RolloutModel(db)
    pods = [square.name for square in model.frames()[1].squares]
    model.set(1, policy="Parallel")
    model.step(2)
    assert [model.settings(at).policy for at in (0, 1)] == ["OrderedReady", "Parallel"]
    after = model.frames()[1]
    assert sorted(square.name for square in after.squares) == sorted(pods) and after.ready == 3


def test_a_deployments_policy_is_its_strategy(web):
    model = RolloutModel(web)
    model.set(0, policy="Recreate")
    assert model.settings(0).policy == "Recreate"
    assert model.frames()[0].minimum is None
    with pytest.raises(ValueError, match="use RollingUpdate or Recreate"):
        model.set(0, policy="Parallel")


def test_what_is_refused_leaves_the_variant_as_it_was(web):
    model = RolloutModel(web)
    with pytest.raises(kl.ApiError):
        model.set(0, replicas=-1)
    assert model.settings(0).replicas == 4


def test_undo_goes_back_to_the_revision_before(web):
    model = RolloutModel(web)
    model.update()
    until_ready(model)
    model.undo()
    until_ready(model)
    model.step(60)
    assert {square.revision for square in model.frames()[0].squares} == {0}


def test_restart_begins_again(web):
    model = RolloutModel(web)
    model.set(0, replicas=9)
    model.step(3)
    model.restart()
    assert [model.settings(at).replicas for at in (0, 1)] == [4, 4]
    assert model.frames()[0].elapsed == web.elapsed


def test_a_pod_keeps_its_slot_and_a_new_one_takes_the_first_free(web):
    model = RolloutModel(web)
    before = {square.name: square.slot for square in model.frames()[0].squares}
    gone = next(name for name, slot in before.items() if slot == 1)
    cluster = model.variants[0].cluster
    cluster.delete(f"pod/{gone}", grace_period=0)
    model.step(3)
    after = {square.name: square.slot for square in model.frames()[0].squares}
    assert sorted(after.values()) == [0, 1, 2, 3]
    assert {name: slot for name, slot in after.items() if name in before} == {name: slot for name, slot in before.items() if name != gone}


def test_without_a_reference_the_first_workload_is_shown(db):
    assert str(RolloutModel(db).reference) == "statefulset/db"


def test_what_cannot_be_shown_is_refused(cluster):
    with pytest.raises(ValueError, match="no StatefulSet, Deployment or DaemonSet yet"):
        RolloutModel(cluster)
    with pytest.raises(ValueError, match="give a Deployment, a StatefulSet or a DaemonSet"):
        RolloutModel(cluster, "node/node-1")
    with pytest.raises(kl.ApiError, match="not found"):
        RolloutModel(cluster, "sts/none")


def test_a_daemonset_has_no_replicas_to_turn(make):
    cluster = make(4, seed=1)
    template = builders.template("agent", "nginx:1.25")
    spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": template}
    cluster.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": spec})
    cluster.run(until="ds/agent ready")
    model = RolloutModel(cluster)
    assert (model.settings(0).replicas, model.settings(0).partition, model.settings(0).max_unavailable) == (None, None, 1)
    model.set(0, max_unavailable=3)
    model.set(1, policy="OnDelete")
    model.update()
    frames = until_ready(model)
    assert min(a.ready for a, _ in frames) == 1
    assert min(b.ready for _, b in frames) == 4
    assert model.settings(1).policy == "OnDelete"
