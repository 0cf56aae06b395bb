"""Subresources with their own handlers: (resource, subresource) → handler. ``status`` is an update like another and has none."""

from __future__ import annotations

from collections.abc import Callable

from kubelab.apiserver.request import Response
from kubelab.apiserver.subresources import binding, eviction, finalize, heapster, kubelet, rollback, scale, token
from kubelab.apiserver.work import Work

SUBRESOURCES: dict[tuple[str, str], Callable[[Work], Response]] = {
    ("pods", "binding"): binding.bind,
    ("bindings", ""): binding.bind_named,
    ("pods", "eviction"): eviction.evict,
    ("pods", "log"): kubelet.log,
    ("pods", "exec"): kubelet.exec_,
    ("pods", "attach"): kubelet.attach,
    ("pods", "portforward"): kubelet.port_forward,
    ("deployments.apps", "rollback"): rollback.roll_back,
    ("namespaces", "finalize"): finalize.finalize,
    ("serviceaccounts", "token"): token.request,
    ("*", "scale"): scale.scale,
    ("services", "proxy"): heapster.proxy,
    ("*", "proxy"): kubelet.proxy,
}
