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
    ttl,
    ttlafterfinished,
)
from kubelab.engine.component import Component

LATER_THAN_1_7 = (
    endpointslice.CONTROLLER,
    endpointslicemirroring.CONTROLLER,
    rootca.CONTROLLER,
    cronjob.CONTROLLER,
    ttlafterfinished.CONTROLLER,
    clusterroleaggregation.CONTROLLER,
)
"""Controllers that 1.7 has not; its CronJobs are alpha, and so not served."""


def components(release: str = "1.28") -> tuple[Component, ...]:
    """All of a release, in the order in which they start."""
    if release == "1.7":
        known = (component for component in components() if component not in LATER_THAN_1_7)
        firsts = {job.FIRST.name: job.FIRST, podautoscaler.FIRST.name: podautoscaler.FIRST}
        return tuple(firsts.get(component.name, component) for component in known)
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
        ttl.CONTROLLER,
    )
