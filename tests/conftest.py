"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import kubelab as kl
from tests.invariants import Mutations, complaints


@pytest.fixture
def make() -> Iterator[Callable[..., kl.Cluster]]:
    """``make(nodes=3, …)``: clusters whose invariants are checked at the end, the mutation detector's among them."""
    made: list[tuple[kl.Cluster, Mutations]] = []

    def build(nodes: Any = 3, **options: Any) -> kl.Cluster:
        cluster = kl.Cluster(nodes, **options)
        detector = Mutations()
        detector.watch(cluster._engine.store)
        made.append((cluster, detector))
        return cluster

    yield build
    for cluster, detector in made:
        assert [*complaints(cluster), *detector.complaints(cluster._engine.store)] == []


@pytest.fixture
def cluster(make: Callable[..., kl.Cluster]) -> kl.Cluster:
    """Three nodes, seed 1."""
    return make(3, seed=1)
