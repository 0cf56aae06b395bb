"""The controllers of the controller manager, by an explicit list.

upstream: cmd/kube-controller-manager/app/controllermanager.go, NewControllerInitializers, 1.28.
"""

from __future__ import annotations

from kubelab.controllers import (
    clusterroleaggregation,
    cronjob,
    daemonset,
    deployment,
    disruption,
    endpoints,
    endpointslice,
    endpointslicemirroring,
    garbagecollector,
    job,
    namespace,
    nodelifecycle,
    podautoscaler,
    podgc,
    replicaset,
    replicationcontroller,
    resourcequota,
    rootca,
    serviceaccount,
    statefulset,
    tainteviction,
    ttlafterfinished,
)
from kubelab.engine.component import Component


def components() -> tuple[Component, ...]:
    """All of them, in the order in which they start."""
    return (
        deployment.CONTROLLER,
        replicaset.CONTROLLER,
        statefulset.CONTROLLER,
        daemonset.CONTROLLER,
        replicationcontroller.CONTROLLER,
        endpoints.CONTROLLER,
        endpointslice.CONTROLLER,
        endpointslicemirroring.CONTROLLER,
        garbagecollector.CONTROLLER,
        namespace.CONTROLLER,
        rootca.CONTROLLER,
        podgc.CONTROLLER,
        disruption.CONTROLLER,
        job.CONTROLLER,
        cronjob.CONTROLLER,
        ttlafterfinished.CONTROLLER,
        serviceaccount.CONTROLLER,
        serviceaccount.TOKENS,
        nodelifecycle.CONTROLLER,
        tainteviction.CONTROLLER,
        podautoscaler.CONTROLLER,
        resourcequota.CONTROLLER,
        clusterroleaggregation.CONTROLLER,
    )
