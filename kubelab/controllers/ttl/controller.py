"""The TTL controller: the larger the cluster, the longer kubelets may go on with the secrets and config maps that they have.

upstream: pkg/controller/ttl/ttl_controller.go, 1.28. Nodes are counted as the watch tells of them, from none after each start; a node is
looked at when it changes, so those that were there before learn of a new boundary by their next heartbeat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Key, Plan, Reason, patch, step, wait
from kubelab.store.log import Object

ANNOTATION = "node.alpha.kubernetes.io/ttl"
#: (fewest nodes, most nodes, seconds): they overlap, so that a node more or less does not rewrite the whole cluster.
BOUNDARIES = ((0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, 2**31 - 1, 300))
NODES, BOUNDARY = "nodes", "boundary"  # keys of the table of what was counted
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")

DIFFERS = Reason("TtlDiffers", "{subject} says {found}, a cluster of {nodes} nodes wants {wanted} s")
AGREES = Reason("TtlAgrees", "{subject} has the TTL of a cluster of this size")


@dataclass(frozen=True, slots=True)
class Seen:
    """A node, how many there are, and the boundary that holds."""

    node: Object
    nodes: int
    boundary: int


def observe(scope: Scope, key: Key) -> Seen | None:
    node = scope.view.get("nodes", "", key[0])
    counted = scope.table("counted")
    return None if node is None else Seen(node, counted.get(NODES, 0), counted.get(BOUNDARY, 0))


def plan(seen: Seen) -> Plan:
    wanted = BOUNDARIES[seen.boundary][2]
    subject = f"node/{seen.node['metadata']['name']}"
    if _says(seen.node, wanted):
        return wait(AGREES(subject))
    found = (seen.node["metadata"].get("annotations") or {}).get(ANNOTATION, "nothing")
    body = {"metadata": {"annotations": {ANNOTATION: str(wanted)}}}
    return step(patch("nodes", seen.node, body, because=DIFFERS(subject, found=found, nodes=seen.nodes, wanted=wanted)))


def _says(node: Object, seconds: int) -> bool:
    """What is no number is written anew; ``+15`` and ``015`` are 15 (strconv.Atoi)."""
    found = (node["metadata"].get("annotations") or {}).get(ANNOTATION)
    return found is not None and _INTEGER.match(found) is not None and int(found) == seconds


def boundary_after(nodes: int, boundary: int) -> int:
    """The boundary that holds after a node came or went. Each moves it by one step at most, as upstream's counting does."""
    fewest, most, _ = BOUNDARIES[boundary]
    return boundary + 1 if nodes > most else boundary - 1 if nodes < fewest else boundary


def seconds_of(nodes: int) -> int:
    """What a cluster says that has grown to so many nodes."""
    return next(seconds for _, most, seconds in BOUNDARIES if nodes <= most)


def node_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """A new node always is looked at: when the controller starts, all are counted first. One that changes and says the right thing already
    wakes nobody: each heartbeat of a status would."""
    counted = scope.table("counted")
    if change.type != "MODIFIED":
        nodes = counted.get(NODES, 0) + (1 if change.type == "ADDED" else -1)
        counted[BOUNDARY] = boundary_after(nodes, counted.get(BOUNDARY, 0))
        counted[NODES] = nodes
    if change.type == "DELETED" or (change.type == "MODIFIED" and _says(change.object, BOUNDARIES[counted.get(BOUNDARY, 0)][2])):
        return ()
    return ((change.object["metadata"]["name"],),)


CONTROLLER = Controller(
    name="ttl-controller",
    identity=service_account("ttl-controller"),
    watches=(Watch("nodes", node_keys),),
    observe=observe,
    plan=plan,
    silent=True,
)
