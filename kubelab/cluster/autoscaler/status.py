"""What the autoscaler writes down of itself: the ConfigMap ``cluster-autoscaler-status``, about which it also tells its own events.

upstream: cluster-autoscaler/clusterstate/{clusterstate.go,api/utils.go,utils/status.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubelab.cluster.autoscaler.pools import NodePool
from kubelab.engine.plan import Batch, Call
from kubelab.world.clock import to_datetime

Object = dict[str, Any]

NAMESPACE, NAME = "kube-system", "cluster-autoscaler-status"
UPDATED = "cluster-autoscaler.kubernetes.io/last-updated"


class Group(NamedTuple):
    """A pool's nodes: ready and registered ones, how many it shall have, how many may go."""

    pool: NodePool
    ready: int
    registered: int
    target: int
    candidates: int


def text(groups: Sequence[Group], nodes: tuple[int, int], now_ns: int) -> str:
    """``nodes``: ready, registered."""
    ready, registered = nodes
    at = _instant(now_ns)
    candidates = sum(each.candidates for each in groups)
    growing = any(each.target > each.ready for each in groups)
    lines = [
        f"Cluster-autoscaler status at {at}:",
        "Cluster-wide:",
        *_conditions("  ", _health(ready, registered), growing, ready, registered, candidates, at),
    ]
    lines += ["", "NodeGroups:"]
    for each in groups:
        target = f" cloudProviderTarget={each.target} (minSize={each.pool.least}, maxSize={each.pool.most})"
        health = f"{_health(each.ready, each.registered)}{target}"
        more = f" cloudProviderTarget={each.target}"
        lines += [f"  Name:        {each.pool.name}"]
        lines += [*_conditions("  ", health, each.target > each.ready, each.ready, each.registered, each.candidates, at, more), ""]
    return "\n".join(lines) + "\n"


def _health(ready: int, registered: int) -> str:
    unready = registered - ready
    return f"ready={ready} unready={unready} (resourceUnready=0) notStarted=0 longNotStarted=0 registered={registered} longUnregistered=0"


def _conditions(
    prefix: str, health: str, growing: bool, ready: int, registered: int, candidates: int, at: str, more: str = ""
) -> list[str]:
    rows = (
        ("Health", "Healthy", health),
        (
            "ScaleUp",
            "InProgress" if growing else "NoActivity",
            f"ready={ready}{more} registered={registered}" if not more else f"ready={ready}{more}",
        ),
        ("ScaleDown", "CandidatesPresent" if candidates else "NoCandidates", f"candidates={candidates}"),
    )
    lines: list[str] = []
    for kind, state, words in rows:
        lines += [f"{prefix}{kind + ':':<12} {state} ({words})", f"{prefix}{'':13}LastProbeTime:      {at}"]
    return lines


def _instant(now_ns: int) -> str:
    return f"{to_datetime(now_ns):%Y-%m-%d %H:%M:%S.%f}000 +0000 UTC"


def written(found: Object | None, words: str, now_ns: int) -> tuple[Batch, ...]:
    """The calls that write it: read, then made or replaced."""
    read = Call("get", "configmaps", NAMESPACE, NAME, accept=(404,))
    meta: Mapping[str, Any] = found["metadata"] if found is not None else {"name": NAME, "namespace": NAMESPACE}
    annotations = {**(meta.get("annotations") or {}), UPDATED: _instant(now_ns)}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "annotations": annotations}, "data": {"status": words}}
    verb = "create" if found is None else "update"
    return (
        Batch((read,)),
        Batch((Call(verb, "configmaps", NAMESPACE, NAME if found is not None else NAME, body=body, accept=(409,)),), always=True),
    )
