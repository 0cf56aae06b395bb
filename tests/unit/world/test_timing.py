"""Timing: presets and the figures that cannot be."""

from __future__ import annotations

import pytest

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
        ({"control_plane": "1.21"}, "timing control_plane: '1.21' is none of '', '1.20'"),
        ({"node_agent": ""}, "timing node_agent: '' is none of 'kubelet', 'hollow'"),
        ({"heartbeats": 1}, "timing heartbeats: 1 is none of True, False"),
    ],
)
def test_a_figure_that_cannot_be_is_named(figures, words):
    with pytest.raises(ValueError, match=words):
        Timing(**figures)
