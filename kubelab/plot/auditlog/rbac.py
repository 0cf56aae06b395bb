"""Permissions as a matrix: what was used (calls), how narrowly the roles allow it, and what they allow beyond what was used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from kubelab.auditlog.rbac import MinimalRBAC
from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import shown

_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
ROWS_AT_MOST = 45
WIDEST = 70  # letters of a resource
SHADES = colors.LinearSegmentedColormap.from_list("calls", ["#DCEBF5", style.BLUE])


class Picture(NamedTuple):
    """``cells``: a row per resource and verb with ``row``, ``column``, ``calls`` (0: only allowed), ``named`` (for some names only), ``wide`` (in all
    namespaces), ``beyond`` (allows more than was used); ``rows`` and ``columns``: their labels."""

    cells: pd.DataFrame
    rows: list[str]
    columns: list[str]
    finding: str


def tidy(found: MinimalRBAC) -> Picture:
    """The matrix of generated roles."""
    uses, proof = found.uses(), found.replay()
    granted = _granted(found)
    over = {(_label(row.group, row.resource, row.name), row.verb) for row in proof.over_grant.itertuples(index=False)}
    calls: dict[tuple[str, str], int] = {}
    for use in uses.itertuples(index=False):
        key = (_label(use.group, f"{use.resource}/{use.subresource}" if use.subresource else use.resource, use.path), use.verb)
        calls[key] = calls.get(key, 0) + use.calls
    keys = [key for key in granted if key in calls or key in over]
    totals = pd.Series({key: calls.get(key, 0) for key in keys}, dtype="int64")
    weight = totals.groupby(level=0).sum().sort_values(ascending=False, kind="stable") if len(keys) else pd.Series(dtype="int64")
    kept = set(weight.index[:ROWS_AT_MOST])
    rows = sorted(kept, key=lambda target: (target.startswith("/"), target))
    verbs = [verb for verb in _VERBS if any(key[1] == verb for key in keys)]
    columns = verbs + sorted({verb for _, verb in keys} - set(verbs))
    cells = [
        (rows.index(target), columns.index(verb), calls.get((target, verb), 0), *granted[(target, verb)], (target, verb) in over)
        for target, verb in keys
        if target in kept
    ]
    frame = pd.DataFrame(cells, columns=["row", "column", "calls", "named", "wide", "beyond"])
    return Picture(frame, rows, columns, _finding(found, proof, len(weight) - len(kept)))


def _label(group: str, resource: str, name: str) -> str:
    if not resource:
        return name
    return f"{resource} ({group})" if group else resource


def _granted(found: MinimalRBAC) -> dict[tuple[str, str], tuple[bool, bool]]:
    """(resource, verb) → whether for some names only, whether in all namespaces."""
    cells: dict[tuple[str, str], tuple[bool, bool]] = {}
    for role in (obj for obj in found.objects if "rules" in obj):
        wide = role["kind"] == "ClusterRole"
        for rule in role["rules"]:
            labels = [_label(group, resource, "") for group in rule.get("apiGroups", ()) for resource in rule.get("resources", ())]
            for target in [*labels, *rule.get("nonResourceURLs", ())]:
                for verb in rule["verbs"]:
                    named, before = cells.get((target, verb), (True, False))
                    cells[(target, verb)] = (named and bool(rule.get("resourceNames")), before or wide)
    return cells


def _finding(found: MinimalRBAC, proof: object, left_out: int) -> str:
    denied, over = len(proof.denied), len(proof.over_grant)  # type: ignore[attr-defined]
    rules = sum(len(obj["rules"]) for obj in found.objects if "rules" in obj)
    words = f"{many(rules, 'rule')} allow all that was used" if not denied else f"{many(denied, 'permission')} that were used are denied"
    words += f", and {many(over, 'permission')} that nobody used" if over else " and nothing else"
    return f"{words} ({left_out} more resources not shown)" if left_out > 0 else words


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a tidy picture."""
    cells, rows, columns = picture.cells, picture.rows, picture.columns
    longest = max((len(shown(row, WIDEST)) for row in rows), default=10)
    with style.axes(ax, min(13, 1.2 + 0.075 * longest + 0.95 * max(len(columns), 3)), 1.5 + 0.27 * max(len(rows), 3)) as ax:
        top = np.log1p(max(cells["calls"].max() if len(cells) else 1, 1))
        for cell in cells.itertuples(index=False):
            colour = colors.to_hex(SHADES(np.log1p(cell.calls) / top)) if cell.calls else "#FFFFFF"
            edge = style.ORANGE if cell.beyond else style.PALE
            hatch = "////" if cell.beyond and not cell.calls else None
            box = Rectangle((cell.column - 0.47, cell.row - 0.44), 0.94, 0.88, facecolor=colour, edgecolor=edge, linewidth=1.4, hatch=hatch)
            ax.add_patch(box)
            words = f"{cell.calls:,}" if cell.calls else ""
            marks = f"{' by name' if cell.named else ''}{' ∀ns' if cell.wide and not rows[cell.row].startswith('/') else ''}"
            ax.text(cell.column, cell.row, words + marks, ha="center", va="center", fontsize=7.5, color=style.on(colour), parse_math=False)
        ax.set_xlim(-0.5, max(len(columns), 1) - 0.5)
        ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        ax.set_xticks(range(len(columns)), [shown(verb, 16) for verb in columns], fontsize=8.5)
        ax.set_yticks(range(len(rows)), [shown(row, WIDEST) for row in rows], fontsize=8.5)
        for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
            text.set_parse_math(False)
        ax.tick_params(length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        key = [("calls", SHADES(0.7)), ("∀ns: cluster-wide", "")]
        style.key(ax, [*key[:1], *([("beyond what was used", style.ORANGE)] if len(cells) and cells["beyond"].any() else []), *key[1:]])
        style.title(ax, picture.finding, above_key=True)
    return ax
