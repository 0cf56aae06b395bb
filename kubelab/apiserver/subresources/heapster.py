"""Heapster behind the proxy of its Service: in 1.7 autoscalers and ``kubectl top`` asked it for what metrics.k8s.io tells today.

upstream: pkg/controller/podautoscaler/metrics/legacy_metrics_client.go (services proxy ``http:heapster:`` in kube-system), 1.7. Usage is the
same; the lab takes Heapster for installed.
"""

from __future__ import annotations

from kubelab.apiserver.metrics_api import COMPUTED
from kubelab.apiserver.request import Request, Response
from kubelab.apiserver.subresources import kubelet
from kubelab.apiserver.work import Work
from kubelab.kinds import registry

NAMESPACE, SERVICE = "kube-system", "http:heapster:"


def as_proxied(request: Request) -> Request:
    """The request of a client that asks Heapster, with what it asks as its body."""
    return request._replace(verb="get", resource="services", subresource="proxy", namespace=NAMESPACE, name=SERVICE, body=request)


def proxy(work: Work) -> Response:
    """Any other Service is proxied as ever."""
    asked = work.request.body
    if work.request.name != SERVICE or not isinstance(asked, Request):
        return kubelet.proxy(work)
    return COMPUTED[asked.resource](Work(work.server, asked, registry.by_resource(asked.resource), work.context))
