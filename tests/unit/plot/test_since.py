"""Pictures that begin later say the same of their pods; an update that keeps no promise says how long nothing was ready."""

from kubelab.frames.lives import lives
from kubelab.frames.pods import transitions
from kubelab.frames.rollouts import bounds, rollouts
from kubelab.plot import rollout, timeline
from tests.unit.frames.builders import START_NS, Story, at_ns, pod, workload


def test_a_timeline_from_later_on_still_counts_from_creation():
    story = Story()
    story.put(1, pod("a", "node"))
    story.put(5, pod("a", "ready"))
    bars = timeline.tidy(transitions(lives(story.log), START_NS, at_ns(10)))
    ax = timeline.draw(bars, since=4)
    assert ax.get_title(loc="left") == "1 of 1 pod ready, after 4.0 s"
    assert ax.get_xlim() == (4, 10)


def test_recreate_says_for_how_long_none_was_ready():
    story = Story()
    owner = workload("Deployment", "web", 1, strategy={"type": "Recreate"})
    story.put(0, owner)
    story.put(1, pod("a", "ready", owner=owner, uid="a", revision="aa"))
    story.put(3, pod("a", "ready going", owner=owner, uid="a", revision="aa"))
    story.drop(5, pod("a"))
    story.put(5, pod("b", "running", owner=owner, uid="b", revision="bb", image="app:2"))
    story.put(6, pod("b", "ready", owner=owner, uid="b", revision="bb", image="app:2"))
    picture = rollout.tidy("deployment/web", rollouts(lives(story.log), START_NS), bounds(story.log, START_NS), 9)
    assert rollout.without(picture) == 3
    assert rollout.finding(picture).endswith("; none ready for 3.0 s")
