"""How many pods a budget counts with: the number of those that match, or the scale of their controllers, each counted once.

upstream: getExpectedPodCount, getExpectedScale and the finders in pkg/controller/disruption/disruption.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubelab.controllers.common.owners import controller_of
from kubelab.kinds import registry
from kubelab.kinds.intstr import scaled
from kubelab.store.log import Object
from kubelab.store.view import View


class Expected(NamedTuple):
    """``pods``: how many there should be; ``healthy``: how many of them must be; ``unmanaged``: pods that nothing controls."""

    pods: int = 0
    healthy: int = 0
    unmanaged: tuple[str, ...] = ()
    error: str = ""


def expected(view: View, budget: Object, pods: Sequence[Object]) -> Expected:
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        scale = _scale(view, pods)
        if scale.error:
            return scale
        allowed = scaled(spec["maxUnavailable"], scale.pods, round_up=True)
        return scale._replace(healthy=max(0, scale.pods - allowed))
    least = spec.get("minAvailable")
    if least is None:
        return Expected()
    if isinstance(least, int):
        return Expected(len(pods), least)
    scale = _scale(view, pods)
    return scale if scale.error else scale._replace(healthy=scaled(least, scale.pods, round_up=True))


def _scale(view: View, pods: Iterable[Object]) -> Expected:
    scales: dict[str, int] = {}
    seen: dict[str, None] = {}
    unmanaged: list[str] = []
    for pod in pods:
        reference = controller_of(pod)
        if reference is None:
            unmanaged.append(pod["metadata"]["name"])
            continue
        if reference["uid"] in seen or reference["uid"] in scales:
            continue
        seen[reference["uid"]] = None
        found = _find(view, reference, pod["metadata"]["namespace"])
        if isinstance(found, str):
            return Expected(error=found or f'found no controllers for pod "{pod["metadata"]["name"]}"')
        scales[found[0]] = found[1]
    return Expected(sum(scales.values()), 0, tuple(unmanaged))


def _find(view: View, reference: Object, namespace: str) -> tuple[str, int] | str:
    """The uid and scale of a pod's controller; a ReplicaSet's Deployment stands for it. Text: an error, "" if nothing was found."""
    group, _, _ = reference["apiVersion"].rpartition("/")
    kind = registry.by_kind(reference["kind"], group, view.release)
    if kind is None and group == "extensions":  # where ReplicaSets and Deployments were before apps
        kind = registry.by_kind(reference["kind"], "apps", view.release)
    owner = view.get(kind.resource, namespace, reference["name"]) if kind is not None else None
    if kind is None or owner is None or owner["metadata"]["uid"] != reference["uid"]:
        return ""
    if "scale" not in kind.subresources:
        return f"{kind.resource} does not implement the scale subresource"
    above = controller_of(owner) if kind.resource == "replicasets.apps" else None
    if above is not None and above["kind"] == "Deployment":
        deployment = view.get("deployments.apps", namespace, above["name"])
        if deployment is None or deployment["metadata"]["uid"] != above["uid"]:
            return ""
        owner = deployment
    return owner["metadata"]["uid"], int(owner["spec"].get("replicas", 1))
