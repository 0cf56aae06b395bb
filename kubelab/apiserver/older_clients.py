"""Calls of components of 1.7: they ask for what lies in another group by its name of then, write a pod's
status as a whole, and ask Heapster for usage.

upstream: pkg/kubelet/status/status_manager.go syncPod, plugin/pkg/scheduler/factory/factory.go podConditionUpdater (UpdateStatus), 1.7. A patch of
a status is carried out on what is stored at that moment, as the update of a client that has just read it.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelab.apiserver.metrics_api import COMPUTED
from kubelab.apiserver.patch import strategic_merge
from kubelab.apiserver.request import Request
from kubelab.apiserver.subresources import heapster
from kubelab.kinds import registry, schema
from kubelab.store.state import State


def of_component(state: State, request: Request, renamed: Mapping[str, str]) -> Request:
    """The request as a client of then makes it; one that names its version comes from outside, and stays."""
    if request.version:
        return request
    if request.resource in COMPUTED:
        return heapster.as_proxied(request)
    resource = renamed.get(request.resource)
    if resource is not None:
        return request._replace(resource=resource)
    if request.verb == "patch" and request.subresource == "status" and request.resource == "pods" and request.origin.typed:
        return _as_update(state, request)
    return request


def _as_update(state: State, request: Request) -> Request:
    pod = state.get("pods", request.namespace, request.name)
    shape = schema.of(registry.by_resource("pods"))
    if pod is None or shape is None or request.patch_type != "strategic":
        return request
    body = strategic_merge.apply(pod, request.body, shape)
    return request._replace(verb="update", patch_type="", body=body)
