"""Topology hints within a sync of the endpoint slice controller: who has been told, what each zone was given, and when to look again.

upstream: staging/src/k8s.io/endpointslice/{reconciler,topologycache/topologycache}.go, pkg/controller/endpointslice/endpointslice_controller.go
(checkNodeTopologyDistribution), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubelab.controllers.endpointslice import hints
from kubelab.controllers.endpointslice.slices import Changes
from kubelab.engine.component import Change, Later, Scope
from kubelab.engine.plan import EventDraft, Key, reference
from kubelab.store.log import Object

HINTED = "hinted"  # by service: by address type the endpoints of each zone, and at "" that it is known to have hints


class Hints:
    """The hints of one service while it is looked at."""

    def __init__(
        self, service: Object, before: Mapping[str, Mapping[str, int]], zones: Mapping[str, float] | None, *, wanted: bool
    ) -> None:
        self.service, self.wanted, self.zones = service, wanted, zones
        self.given = dict(before)
        self.told: list[EventDraft] = []

    def applied(self, changes: Changes, existing: Sequence[Object], family: str) -> Changes:
        """The changes of one address type with hints put on or taken off."""
        if not self.wanted:
            if "" in self.given:
                self._take_off(family, hints.DISABLED)
            self.given.pop(family, None)
            return changes  # of an endpoint that should have none, hints are a change
        named = {slice_["metadata"]["name"] for slice_ in (*changes.update, *changes.delete)}
        found = hints.add(changes, [slice_ for slice_ in existing if slice_["metadata"]["name"] not in named], self.zones)
        if found.given is None:
            self._take_off(family, found.problem)
        else:
            if "" not in self.given:
                self._tell("Normal", "TopologyAwareHintsEnabled", hints.ENABLED, family)
            self.given.update({"": {}, family: found.given})
        return found.changes

    def _take_off(self, family: str, why: str) -> None:
        self._tell("Warning", "TopologyAwareHintsDisabled", why, family)
        self.given.pop(family, None)
        self.given.pop("", None)

    def _tell(self, kind: str, reason: str, words: str, family: str) -> None:
        self.told.append(EventDraft(reference(self.service), kind, reason, f"{words}, addressType: {family}"))

    def note(self) -> dict[str, Mapping[Any, Any]]:
        meta = self.service["metadata"]
        return {HINTED: {(meta["namespace"], meta["name"]): self.given or None}}


def of(scope: Scope, service: Object) -> Hints | None:
    """None where hints are neither asked for nor there."""
    meta = service["metadata"]
    wanted = hints.are_wanted(service) and scope.gates.get("TopologyAwareHints", True)
    before = scope.table(HINTED).get((meta["namespace"], meta["name"]), {})
    if not wanted and not before:
        return None
    return Hints(service, before, hints.zone_shares(_nodes(scope)) if wanted else None, wanted=wanted)


def _nodes(scope: Scope) -> list[Object]:
    return list(scope.view.state.all("nodes").values())


def node_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Where nodes come, go or change: the services of which a zone has too few endpoints now."""
    given = scope.memory.get(HINTED)
    if not given or (change.type == "MODIFIED" and change.old is not None and _place(change.old) == _place(change.object)):
        return ()
    zones = hints.zone_shares(_nodes(scope))
    return [key for key, of_service in given.items() if any(hints.is_overloaded(each, zones) for each in of_service.values())]


def _place(node: Object) -> tuple[Any, bool]:
    return (node["metadata"].get("labels") or {}).get(hints.ZONE), hints.is_ready(node)
