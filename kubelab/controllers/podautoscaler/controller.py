"""The HorizontalPodAutoscaler controller: each 15 seconds, from metrics to the replicas of a scale.

A sync asks for the target's scale and for metrics (``asking``), what each metric proposes (``proposals``), steadies and bounds the answer
(``behavior``), writes the scale if it changes, and the status if it says anything new (``reconcile``). An autoscaler's first sync comes 15
seconds after it was seen.

upstream: pkg/controller/podautoscaler/{horizontal,rate_limiters}.go, pkg/controller/podautoscaler/config/v1alpha1/defaults.go, 1.28;
spec/cri-metrics.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kubelab.controllers.podautoscaler import first
from kubelab.controllers.podautoscaler.asking import ask
from kubelab.controllers.podautoscaler.observe import PREFIX, RESOURCE, SELECTORS, Gone, Seen, observe
from kubelab.controllers.podautoscaler.reconcile import first_asked, forget, reconcile
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Act, Plan
from kubelab.world.clock import SECOND

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

SYNC_NS = 15 * SECOND
NAME = "horizontal-pod-autoscaler"


def autoscaler_keys(change: Change, scope: Scope) -> Iterable[Later]:
    meta = change.object["metadata"]
    key = (meta["namespace"], meta["name"])
    if change.type == "DELETED":
        scope.table(SELECTORS).pop(key, None)
        return ()
    scope.table(SELECTORS).setdefault(key, "")
    return (Later(first.SYNC_NS if scope.release == "1.7" else SYNC_NS, (PREFIX, *key)),)


def plan(seen: Seen | Gone) -> Plan:
    """Ask what is still to be asked, in this order; then decide."""
    if isinstance(seen, Gone):
        return forget(seen)
    asked = first_asked(seen)
    return asked if asked is not None else reconcile(seen)._replace(again_ns=first.SYNC_NS if seen.is_first else SYNC_NS)


@dataclass(frozen=True, slots=True)
class Autoscaler(Controller):
    """A controller whose acts are reads of the API server."""

    def act_on_world(self, engine: Engine, act: Act) -> Plan:
        return ask(engine, self.name, act)


CONTROLLER = Autoscaler(
    name=NAME,
    identity=service_account(NAME),
    watches=(Watch(RESOURCE, autoscaler_keys),),
    observe=observe,
    plan=plan,
    backoff=(SYNC_NS, SYNC_NS),
    background=frozenset((PREFIX,)),
)

FIRST = replace(CONTROLLER, backoff=(first.SYNC_NS, first.SYNC_NS))
"""That of 1.7."""
