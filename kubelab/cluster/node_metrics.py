"""A kubelet's own pages: ``/stats/summary`` and the Prometheus texts."""

from __future__ import annotations

from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object


def summary(engine: Engine, node: str, *, only_cpu_and_memory: bool = False) -> Object:
    """See ``Cluster.summary``."""
    raise NotImplementedError


def prometheus(engine: Engine, node: str, path: str) -> str:
    """See ``Cluster.prometheus``."""
    raise NotImplementedError
