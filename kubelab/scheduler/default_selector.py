"""The selector that stands for "pods like this one": those of the services that select it, and of the set that owns it.

upstream: pkg/scheduler/framework/plugins/helper/spread.go DefaultSelector, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.selectors import matches_labels
from kubelab.scheduler.cluster import Cluster
from kubelab.scheduler.facts import EVERYTHING, Entry, Selector, selector_of, with_pairs

Object = dict[str, Any]

_OWNERS = {
    ("v1", "ReplicationController"): "replicationcontrollers",
    ("apps/v1", "ReplicaSet"): "replicasets.apps",
    ("apps/v1", "StatefulSet"): "statefulsets.apps",
}


_OWNERS_KEPT = 4096


def default_selector(pod: Entry, cluster: Cluster) -> Selector:
    """Empty if no service selects the pod and no set owns it."""
    services = _service_selectors(pod.namespace, cluster)
    owner = _owner(pod, cluster)
    known = cluster.selectors.get(pod.owner) if owner is not None else None
    if known is not None and known[0] is services and known[1] is owner and known[2] == pod.labels:
        return known[3]
    selector = _merge(pod, services, owner)
    if owner is not None:
        if len(cluster.selectors) >= _OWNERS_KEPT:
            cluster.selectors.clear()
        cluster.selectors[pod.owner] = (services, owner, pod.labels, selector)
    return selector


def _merge(pod: Entry, services: list[dict[str, str]], owner: Object | None) -> Selector:
    pairs: dict[str, str] = {}
    for wanted in services:
        if matches_labels(wanted, pod.labels):
            pairs.update(wanted)
    if owner is None:
        return with_pairs(EVERYTHING, pairs)
    wanted = owner["spec"].get("selector") or {}
    if owner["kind"] == "ReplicationController":
        return with_pairs(EVERYTHING, {**pairs, **wanted})
    selector = selector_of(wanted)
    return selector if selector.nothing else with_pairs(selector, pairs)


def _service_selectors(namespace: str, cluster: Cluster) -> list[dict[str, str]]:
    found = cluster.services.get(namespace)
    if found is None:
        found = [service["spec"]["selector"] for service in cluster.view.list("services", namespace) if service["spec"].get("selector")]
        cluster.services[namespace] = found
    return found


def _owner(pod: Entry, cluster: Cluster) -> Object | None:
    resource = _OWNERS.get(pod.owner[:2])
    return cluster.view.get(resource, pod.namespace, pod.owner[2]) if resource else None
