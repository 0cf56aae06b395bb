"""``c.plot`` on real clusters: every picture, empty and full; axes of the caller's; nothing changed."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes

from tests import builders

PLAIN = ("timeline", "placement", "ownership", "calls", "breakdown")
OF_ONE = ("rollout", "quorum", "timeline", "ownership", "breakdown")


@pytest.fixture
def updated(make):
    cluster = make(3, seed=1)
    cluster.apply(builders.deployment("web", 4))
    cluster.run(until="deployment/web ready")
    cluster.patch("deployment/web", builders.image_patch("nginx:1.26"))
    cluster.run("1s")
    cluster.run(until="deployment/web ready")
    return cluster


@pytest.mark.parametrize("name", PLAIN)
def test_a_picture_of_all(updated, name):
    ax = getattr(updated.plot, name)()
    ax.figure.canvas.draw()
    assert isinstance(ax, Axes) and ax.get_title(loc="left")


@pytest.mark.parametrize("name", OF_ONE)
def test_a_picture_of_one_workload_in_the_callers_axes(updated, name):
    _, mine = plt.subplots()
    assert getattr(updated.plot, name)("deploy/web", ax=mine) is mine
    assert len(plt.get_fignums()) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", dict.fromkeys((*PLAIN, *OF_ONE)))
def test_a_picture_of_nothing_says_so(cluster, name):
    arguments = ["deploy/web"] if name in OF_ONE else []
    ax = getattr(cluster.plot, name)(*arguments)
    ax.figure.canvas.draw()
    assert ax.get_title(loc="left")


def test_the_title_states_the_finding(updated):
    title = updated.plot.rollout("deploy/web").get_title(loc="left").replace("\n", " ")
    assert title == "deployment/web: 4 of 4 ready, all on nginx:1.26; never below the promised minimum"


def test_a_style_sheet_that_leaves_no_trace(updated):
    before = dict(plt.rcParams)
    updated.plot.timeline()
    assert dict(plt.rcParams) == before


def test_since_leaves_out_what_came_before(updated):
    left, _ = updated.plot.timeline(since=2).get_xlim()
    assert left == 2


def test_an_unknown_kind_is_refused_with_a_hint(updated):
    with pytest.raises(ValueError, match="deploymnet"):
        updated.plot.rollout("deploymnet/web")
