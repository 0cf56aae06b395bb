"""The container runtime interface: a simulated runtime, the programs that containers run, a small shell, an image registry.

Upstream: staging/src/k8s.io/cri-api (the interface), containerd (the behaviour). Everything here is a pure function over
immutable values or a table of them, so that a world with running containers can be forked and saved. ``grpc`` is the way in and out of it over sockets.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubelab.cri.api import CriError as CriError

if TYPE_CHECKING:
    from kubelab.cri.grpc.client import Runtime


def connect(address: str | os.PathLike[str], *, timeout: float | None = None) -> Runtime:
    """A container runtime that speaks the CRI (v1) over gRPC: the calls and dicts of ``c.cri(node)``, of a real runtime.

    ``address``: ``unix:///run/containerd/containerd.sock``, ``127.0.0.1:PORT``. ``timeout``: seconds for each call (None: the kubelet's deadlines).
    Refusals are ``CriError`` with ``.code`` and ``.message``; ``Unavailable`` if nobody is there. ImportError without the extra ``cri``.
    """
    from kubelab.cri.grpc.extra import require

    require()
    from kubelab.cri.grpc import client

    return client.connect(address, timeout=timeout)
