"""The controllers of the controller manager, by an explicit list.

upstream: cmd/kube-controller-manager/app/controllermanager.go, NewControllerInitializers, 1.28.
"""

from __future__ import annotations

from kubelab.controllers import replicaset, statefulset
from kubelab.engine.component import Controller


def controllers() -> tuple[Controller, ...]:
    """All of them, in the order in which they start."""
    return (
        replicaset.CONTROLLER,
        statefulset.CONTROLLER,
    )
