"""Faults of the API server itself: calls refused on purpose, as a failing etcd or an overloaded server would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubelab.apiserver import status
from kubelab.apiserver.request import Request
from kubelab.world.codec import value

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

LAB = "lab.kubelab.dev"


@value
@dataclass(frozen=True, slots=True)
class ApiFault:
    """Which calls fail: ``resources`` (empty: all but the lab's own), ``verbs`` (empty: all), a ``share`` of them from 0 to 1."""

    resources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    share: float = 1.0


def strike(server: ApiServer, request: Request) -> None:
    """Raise 500 if an active fault hits this call. The lab's own group is never hit, so that a fault can be ended."""
    if request.resource.endswith(LAB):
        return
    for name, fault in server.faults.items():
        if fault.resources and request.resource not in fault.resources:
            continue
        if fault.verbs and request.verb not in fault.verbs:
            continue
        if fault.share >= 1 or server.streams.uniform(f"fault/{name}") < fault.share:
            raise status.internal_error("etcdserver: request timed out")
