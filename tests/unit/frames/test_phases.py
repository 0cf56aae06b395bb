"""The word for what a pod is up to. upstream for the reasons: pkg/printers/internalversion/printers.go printPod, 1.28."""

import pytest

from kubelab.frames.phases import phase_of, restarts
from tests.unit.frames.builders import pod


@pytest.mark.parametrize(
    ("words", "phase"),
    [
        ("", "Pending"),
        ("node", "ContainerCreating"),
        ("node ContainerCreating", "ContainerCreating"),
        ("node PodInitializing", "ContainerCreating"),
        ("node ErrImagePull", "BackOff"),
        ("node ImagePullBackOff", "BackOff"),
        ("node running CrashLoopBackOff", "BackOff"),
        ("running", "Running"),
        ("ready", "Ready"),
        ("ready going", "Terminating"),
        ("going", "Terminating"),
        ("succeeded", "Succeeded"),
        ("failed", "Failed"),
    ],
)
def test_a_pods_phase(words, phase):
    assert phase_of(pod("a", words)) == phase


def test_restarts_are_those_of_all_containers():
    assert restarts({"containerStatuses": [{"restartCount": 2}, {"restartCount": 1}]}) == 3
    assert restarts({}) == 0
