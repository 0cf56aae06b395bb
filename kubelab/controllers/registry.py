"""The controllers of the controller manager, by an explicit list.

upstream: cmd/kube-controller-manager/app/controllermanager.go, NewControllerInitializers, 1.28.
"""

from __future__ import annotations

from kubelab.controllers import (
    deployment,
    disruption,
    endpoints,
    endpointslice,
    garbagecollector,
    job,
    namespace,
    podgc,
    replicaset,
    rootca,
    serviceaccount,
    statefulset,
)
from kubelab.engine.component import Component


def components() -> tuple[Component, ...]:
    """All of them, in the order in which they start."""
    return (
        deployment.CONTROLLER,
        replicaset.CONTROLLER,
        statefulset.CONTROLLER,
        endpoints.CONTROLLER,
        endpointslice.CONTROLLER,
        garbagecollector.CONTROLLER,
        namespace.CONTROLLER,
        rootca.CONTROLLER,
        podgc.CONTROLLER,
        disruption.CONTROLLER,
        job.CONTROLLER,
        serviceaccount.CONTROLLER,
        serviceaccount.TOKENS,
    )
