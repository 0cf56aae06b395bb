"""``Usage`` objects reach containers: which curves are whose, and what the runtime is told when that changes.

spec: cri-metrics.md section 6. Without any Usage a kubelet keeps and asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.engine.component import Change, Scope
from kubelab.engine.plan import Key, Plan
from kubelab.kubelet.network_world import Around
from kubelab.kubelet.pod.starting import tick_nudges
from kubelab.kubelet.pod.usages import asked_of, selects
from kubelab.kubelet.records import PodRecord

Object = dict[str, Any]
RESOURCE = "usages.lab.kubelab.dev"
KEY: Key = ("usage",)
_NONE: dict[str, Any] = {}


def changed(change: Change, scope: Scope) -> Iterable[Key]:
    """Keep the object; look at the containers if it selects, or selected, any pod here."""
    meta, table = change.object["metadata"], scope.table("usages")
    place = (meta["namespace"], meta["name"])
    if change.type == "DELETED":
        table.pop(place, None)
    else:
        table[place] = change.object
    versions = [version for version in (change.object, change.old) if version is not None]
    node = scope.name.partition("/")[2]
    here = any(selects(version, pod) for pod in scope.view.on_node(node) for version in versions)
    return (KEY,) if here else ()


def apply(scope: Scope, key: Key) -> Plan:
    """Tell the runtime what each running container here is to use."""
    around = Around(scope)
    runtime = around.runtime(scope.local)
    usages = list(scope.memory.get("usages", _NONE).values())
    records: dict[str, PodRecord] = scope.local.get("records", _NONE)
    for pod in scope.view.on_node(scope.name.partition("/")[2]):
        record = records.get(pod["metadata"]["uid"])
        for name, instances in record.containers.items() if record is not None else ():
            runtime.set_usage(instances.current, asked_of(usages, pod, name), scope.now_ns)
    return Plan(nudge=tick_nudges(scope, runtime, ""))
