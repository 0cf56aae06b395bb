"""A ``Usage`` whose selector matches nothing says so: once, as an event, when its pods have had time to come.

spec: cri-metrics.md section 6. The lab's own controller looks (``cluster/faults.py``); that a Usage works is the kubelets' affair.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubelab.engine.component import Change, Later, Scope
from kubelab.engine.plan import NOTHING, EventDraft, Key, Plan, reference
from kubelab.kinds.selectors import format_selector, matches_selector
from kubelab.store.log import Object
from kubelab.world.clock import SECOND

RESOURCE = "usages.lab.kubelab.dev"
KEY = "usage"
PATIENCE_NS = 30 * SECOND


class UsageSeen(NamedTuple):
    """A Usage, and whether any pod of its namespace is meant."""

    usage: Object
    matches: bool


def keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    return () if change.type == "DELETED" else (Later(PATIENCE_NS, (KEY, meta["namespace"], meta["name"])),)


def observe(scope: Scope, key: Key) -> UsageSeen | None:
    _, namespace, name = key
    usage = scope.view.get(RESOURCE, namespace, name)
    if usage is None:
        return None
    spec = usage["spec"]
    pods = (pod for pod in scope.view.list("pods", namespace) if matches_selector(spec.get("selector"), pod["metadata"].get("labels")))
    wanted = spec.get("container", "")
    return UsageSeen(usage, any(not wanted or wanted in _containers(pod) for pod in pods))


def _containers(pod: Object) -> list[str]:
    spec = pod["spec"]
    return [item["name"] for item in (*spec["containers"], *(spec.get("initContainers") or ()))]


def plan(seen: UsageSeen) -> Plan:
    if seen.matches:
        return NOTHING
    spec, namespace = seen.usage["spec"], seen.usage["metadata"]["namespace"]
    container = f" with a container {spec['container']!r}" if spec.get("container") else ""
    words = f"selector {format_selector(spec.get('selector'))} matches no pod{container} in namespace {namespace}: nothing is used"
    return Plan(events=(EventDraft(reference(seen.usage), "Warning", "MatchesNothing", words),))
