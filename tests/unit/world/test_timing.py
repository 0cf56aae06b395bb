"""Timing: presets and the figures that cannot be."""

from __future__ import annotations

import pytest

from kubelab.world.kubelets import KUBELETS
from kubelab.world.timing import PRESETS, Timing


def test_client_limits_are_raised_and_nothing_else():
    usual, raised = Timing.preset("real-1.20-2cpu"), Timing.preset("real-1.20-2cpu", client_qps="raised")

    assert (usual.client_qps, usual.client_burst, usual.scheduler_qps, usual.scheduler_burst) == (20, 30, 50, 100)
    assert raised == usual.with_(client_qps=1000.0, client_burst=2000, scheduler_qps=1000.0, scheduler_burst=2000)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_own_name(name):
    assert Timing.preset(name).name == name


def test_only_the_preset_of_a_measured_machine_shares_cores():
    assert [name for name in PRESETS if PRESETS[name].cores] == ["real-1.20-2cpu"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "real"}, r"unknown timing 'real': use one of 1\.7, default, instant, real-1\.20-2cpu, or a kl\.Timing"),
        ({"name": "default", "client_qps": "high"}, "client_qps='high': use one of 'default', 'raised'"),
        ({"name": "default", "client_qps": 20}, "client_qps=20: use one of 'default', 'raised'"),
        ({"name": "real-1.20"}, r"unknown timing 'real-1\.20': .* \(did you mean 'real-1\.20-2cpu'\?\)"),
        ({"name": None}, "unknown timing None: use one of"),
        (
            {"name": "default", "kubelet": "containerd"},
            r"unknown kubelet preset 'containerd': use some of cri-containerd-1\.0, .*did you mean",
        ),
        ({"name": "default", "kubelet": ["pull-cache", 3]}, "unknown kubelet preset 3: use some of"),
        ({"name": "default", "kubelet": None}, "unknown kubelet preset None: use some of"),
    ],
)
def test_an_unknown_preset_says_what_there_is(arguments, words):
    with pytest.raises(ValueError, match=words):
        Timing.preset(**arguments)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"cores": -1}, "timing cores: -1 must be at least 0"),
        ({"cores": 1.5}, "timing cores: 1.5 is not a whole number"),
        ({"disk_ns": -1}, "timing disk_ns: -1 must be at least 0"),
        ({"event_ns": None}, "timing event_ns: None is not a number"),
        ({"sync_ns": "1ms"}, "timing sync_ns: '1ms' is not a number"),
        ({"read_ns": float("nan")}, "timing read_ns: nan is not a number"),
        ({"client_qps": float("inf")}, "timing client_qps: inf is not finite; a very large number stands for no limit"),
        ({"client_burst": 0}, "timing client_burst: 0 must be greater than 0"),
        ({"jitter": 1.5}, "timing jitter: 1.5 must be at most 1"),
        ({"control_plane": "1.21"}, "timing control_plane: '1.21' is none of '', '1.20'"),
        ({"node_agent": ""}, "timing node_agent: '' is none of 'kubelet', 'hollow'"),
        ({"heartbeats": 1}, "timing heartbeats: 1 is none of True, False"),
    ],
)
def test_a_figure_that_cannot_be_is_named(figures, words):
    with pytest.raises(ValueError, match=words):
        Timing(**figures)


@pytest.mark.parametrize("figures", [{"writ_ns": 1}, {"read_ns": 1, "writ_ns": 1}])
def test_a_figure_that_there_is_not_is_named_with_the_nearest(figures):
    with pytest.raises(ValueError, match=r"timing has no figure 'writ_ns' \(did you mean 'write_ns'\?\)"):
        Timing().with_(**figures)


def test_presets_of_the_nodes_side_compose_with_those_of_the_control_plane():
    usual = Timing.preset("default")
    mixed = Timing.preset("default", client_qps="raised", kubelet=("cri-containerd-1.0", "pull-cache"))

    assert mixed.name == "default + cri-containerd-1.0 + pull-cache"
    assert (mixed.sandbox_ns, mixed.container_start_ns, mixed.pull_bytes_per_second) == (780_000_000, 170_000_000, 130_000_000)
    assert (mixed.client_qps, mixed.write_ns, mixed.relist_ns) == (1000.0, usual.write_ns, usual.relist_ns)


def test_of_a_figure_that_two_give_the_last_counts():
    assert Timing.preset("default", kubelet=("pull-cache", "pull-registry")).pull_bytes_per_second == 25_000_000
    assert Timing.preset("default", kubelet=("pull-registry", "pull-cache")).pull_bytes_per_second == 130_000_000


def test_a_measured_control_plane_with_real_kubelets_has_the_limits_of_its_release():
    """upstream: pkg/kubelet/apis/config/v1beta1/defaults.go, 1.20."""
    mixed = Timing.preset("real-1.20-2cpu", kubelet="cri-containerd-1.0")

    assert (mixed.node_agent, mixed.kubelet_qps, mixed.kubelet_burst, mixed.cores) == ("kubelet", 5.0, 10, 2)
    assert Timing.preset("real-1.20-2cpu").node_agent == "hollow"
    assert Timing.preset("real-1.20-2cpu", kubelet="kubelet-1.28").kubelet_qps == 50.0


@pytest.mark.parametrize("name", KUBELETS)
def test_each_preset_of_the_nodes_side_changes_what_its_source_gives_and_says_where_that_stands(name):
    figures, source = KUBELETS[name]
    changed = Timing.preset("default", kubelet=name)

    assert changed == Timing(name=f"default + {name}").with_(**figures)
    assert Timing.kubelets()[name] == source
    assert any(where in source for where in ("github.com/", "arXiv", "kubernetes/kubernetes"))
