"""Ownership: who made whom, as a tree from left to right: Deployment, its ReplicaSets, their Pods."""

from __future__ import annotations

import networkx as nx
import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style

SHOWN = 12  # of more children of one kind only so many are drawn
COLOURS = {
    "Deployment": style.BLUE,
    "StatefulSet": style.BLUE,
    "DaemonSet": style.BLUE,
    "CronJob": style.BLUE,
    "Job": style.ORANGE,
    "ReplicaSet": style.ORANGE,
    "ControllerRevision": style.PURPLE,
    "Pod": style.GREEN,
    "Service": style.SKY,
}


def tidy(owners: pd.DataFrame, name: str = "", kind: str = "", namespace: str = "") -> nx.DiGraph:
    """The tree of what stands under an object (without a name: of all that own), as a graph from owner to owned.

    Nodes are uids with ``kind``, ``name``, ``ready`` (True, False, None), ``layer`` (0: a root) and ``pos`` (layer, row from 0 downwards).
    Where an object has more than 12 children of a kind, one node with ``kind`` and ``name`` ("… 188 more") stands for the rest.
    """
    full = nx.DiGraph()
    for row in owners.itertuples():
        full.add_node(
            row.uid,
            kind=str(row.kind),
            name=str(row.name),
            namespace=str(row.namespace),
            ready=None if row.ready is pd.NA else bool(row.ready),
        )
    full.add_edges_from((row.owner, row.uid) for row in owners.itertuples() if row.owner is not pd.NA and row.owner in full)
    facts = full.nodes
    if name:
        roots = [uid for uid in full if (facts[uid]["kind"], facts[uid]["namespace"], facts[uid]["name"]) == (kind, namespace, name)]
    else:
        roots = [uid for uid in full if full.in_degree(uid) == 0]
    tree = nx.DiGraph()
    row = 0.0
    for root in roots:
        row = _place(full, tree, root, 0, row)
    return tree


def _place(full: nx.DiGraph, tree: nx.DiGraph, uid: str, layer: int, row: float) -> float:
    """Put a node and all under it into the tree, from a row on; returns the next free row."""
    tree.add_node(uid, **full.nodes[uid], layer=layer)
    first = row
    by_kind: dict[str, list[str]] = {}
    for child in full.successors(uid):
        by_kind.setdefault(full.nodes[child]["kind"], []).append(child)
    for kind, children in by_kind.items():
        for child in children[:SHOWN]:
            tree.add_edge(uid, child)
            row = _place(full, tree, child, layer + 1, row)
        if len(children) > SHOWN:
            rest = children[SHOWN:]
            ready = sum(full.nodes[child]["ready"] is True for child in rest)
            more = f"{uid}/{kind}"
            words = f"… {len(rest):,} more" + (f", {ready:,} ready" if kind == "Pod" else "")
            tree.add_node(more, kind=kind, name=words, ready=None, layer=layer + 1, pos=(layer + 1, row))
            tree.add_edge(uid, more)
            row += 1
    if row == first:
        row += 1
    tree.nodes[uid]["pos"] = (layer, (first + row - 1) / 2)
    return row


def finding(tree: nx.DiGraph, owners: pd.DataFrame) -> str:
    """What the picture says, in a line."""
    if not len(tree):
        return "Nothing here owns anything"
    roots = [tree.nodes[uid] for uid in tree if tree.in_degree(uid) == 0]
    counts = owners["kind"].astype(str).value_counts(sort=False)
    if len(roots) == 1:
        parts = [_counted(tree, kind) for kind in dict.fromkeys(tree.nodes[uid]["kind"] for uid in tree) if kind != roots[0]["kind"]]
        words = f"{roots[0]['kind']} {roots[0]['name']}"
        return (
            f"{words} owns {' and '.join([', '.join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)}"
            if parts
            else f"{words} owns nothing"
        )
    return f"{len(roots)} objects at the top, {many(int(counts.get('Pod', 0)), 'pod')} at the leaves"


def _counted(tree: nx.DiGraph, kind: str) -> str:
    number = 0
    for uid in tree:
        facts = tree.nodes[uid]
        if facts["kind"] == kind:
            number += int(facts["name"].split()[1].replace(",", "")) if facts["name"].startswith("… ") else 1
    return many(number, kind)


def draw(tree: nx.DiGraph, owners: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a tidy tree."""
    positions = nx.get_node_attributes(tree, "pos")
    rows = max((y for _, y in positions.values()), default=0) + 1
    layers = max((x for x, _ in positions.values()), default=0) + 1
    with style.axes(ax, min(11, 3.2 * layers + 1.5), min(10, 1.2 + 0.3 * rows)) as ax:
        for above, below in tree.edges:
            (x0, y0), (x1, y1) = positions[above], positions[below]
            middle = x1 - 0.12
            ax.plot([x0, middle, middle, x1], [y0, y0, y1, y1], color=style.LIGHT, linewidth=1.2, zorder=1)
        for uid, (x, y) in positions.items():
            facts = tree.nodes[uid]
            colour = COLOURS.get(facts["kind"], style.GREY)
            hollow = facts["ready"] is False
            ax.scatter([x], [y], s=64, c="white" if hollow else colour, edgecolors=colour, linewidths=1.6, zorder=2)
            text = facts["name"] + (" (not ready)" if hollow else "")
            ax.annotate(
                text,
                (x, y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                zorder=3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )
        ax.set_xlim(-0.1, layers - 0.25)
        ax.set_ylim(rows - 0.4, -0.6)
        ax.axis("off")
        kinds = dict.fromkeys(tree.nodes[uid]["kind"] for uid in sorted(tree, key=lambda uid: tree.nodes[uid]["layer"]))
        style.key(ax, [(kind, COLOURS.get(kind, style.GREY)) for kind in kinds])
        style.title(ax, finding(tree, owners), above_key=True)
    return ax
