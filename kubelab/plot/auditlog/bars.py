"""Ranked bars: the answers that count something for each of many, background beside it in a paler colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from kubelab.frames.words import many
from kubelab.plot import style
from kubelab.plot.auditlog.text import label, title, who

SHOWN = 15


class Picture(NamedTuple):
    """``rows``: ``label``, ``said`` (behind the bar), and a column for each part; ``parts``: column, words, colour, from the left."""

    rows: pd.DataFrame
    parts: tuple[tuple[str, str, str], ...]
    unit: str
    finding: str


CALLS = ("calls", "calls", style.BLUE)
APART = ("background", "background, set apart", style.LIGHT)


def draw(picture: Picture, ax: Axes | None = None) -> Axes:
    """Draw a picture."""
    rows = picture.rows
    with style.axes(ax, 9, 1.5 + 0.3 * max(len(rows), 1)) as ax:
        places = range(len(rows))
        left = pd.Series(0.0, index=rows.index)
        for column, _, colour in picture.parts:
            values = rows[column].astype("float64").fillna(0)
            ax.barh(places, values, left=left, color=colour, height=0.72)
            left = left + values
        widest = max(float(left.max()), 1e-9) if len(rows) else 1.0
        for at, (end, said) in enumerate(zip(left, rows["said"], strict=True)):
            ax.annotate(said, (end, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
        ax.set_yticks(list(places), list(rows["label"]))
        ax.set_ylim(len(rows) - 0.4 if len(rows) else 1, -0.6)
        longest = max((len(said) for said in rows["said"]), default=0)
        ax.set_xlim(0, widest * (1.04 + 0.014 * longest))
        ax.set_xlabel(picture.unit)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        several = len(picture.parts) > 1
        if several:
            style.key(ax, [(words, colour) for _, words, colour in picture.parts])
        title(ax, picture.finding, list(rows["label"]), above_key=several)
    return ax


def _picture(
    frame: pd.DataFrame,
    words: Callable[[Any], str],
    parts: Sequence[tuple[str, str, str]],
    said: Callable[[Any], str],
    unit: str,
    finding: str,
    shown: int = SHOWN,
) -> Picture:
    """The first rows of an answer; those that do not fit are counted in the unit's words."""
    records = list(frame.head(shown).itertuples(index=False))
    rows = pd.DataFrame({"label": [words(row) for row in records], "said": [said(row) for row in records]}, dtype="object")
    for column, _, _ in parts:
        rows[column] = [float(getattr(row, column)) if pd.notna(getattr(row, column)) else 0.0 for row in records]
    left = len(frame) - len(records)
    return Picture(rows, tuple(parts), f"{unit}; {left:,} more are not shown" if left > 0 else unit, finding)


def requests(frame: pd.DataFrame, by: Sequence[str]) -> Picture:
    """Of ``log.requests(by)``."""
    total, beside = int(frame["calls"].sum()), int(frame["background"].sum())
    if frame.empty:
        finding = "No requests"
    else:
        first = frame.iloc[0]
        share = f"{first['share']:.0%} of them: {_named(first, by)}" if total else "none of them but background"
        finding = f"{many(total, 'request')} and {beside:,} of background; {share}"

    def said(row: Any) -> str:
        return f"{row.calls:,}" + (f", {many(row.errors, 'error')}" if row.errors else "")

    return _picture(frame, lambda row: _named(row._asdict(), by), (CALLS, APART), said, "requests", finding)


def _named(row: Any, by: Sequence[str]) -> str:
    return label(" ".join(who(row[name]) if name in ("user", "who", "username", "effective") else str(row[name]) for name in by), 60)


def clients(frame: pd.DataFrame) -> Picture:
    """Of ``log.clients()``: by the time that they cost."""
    ranked = frame.sort_values("seconds", ascending=False, kind="stable")
    if ranked.empty or not ranked["seconds"].sum():
        finding = "No client cost the API server any time on record"
    else:
        first = ranked.iloc[0]
        finding = (
            f"{who(first['user'])} cost {first['share_of_seconds']:.0%} of the API server's time with {first['share']:.0%} of the calls"
        )

    def said(row: Any) -> str:
        return f"{many(row.calls, 'call')}, {_errors(row)}"

    return _picture(ranked, lambda row: who(row.user), (("seconds", "", style.BLUE),), said, "seconds of latency together", finding)


def _errors(row: Any) -> str:
    errors = int(row.client_errors + row.not_found + row.conflicts + row.throttled + row.server_errors)
    return many(errors, "error") if errors else "no errors"


def hot_objects(frame: pd.DataFrame) -> Picture:
    """Of ``log.hot_objects()``."""
    parts = (("reads", "reads", style.SKY), ("writes", "writes", style.BLUE), ("conflicts", "conflicts", style.BAD))
    if frame.empty:
        finding = "No object is named in this log"
    else:
        first = frame.iloc[0]
        hottest, calls = f"{label(first['resource'])}/{label(first['name'])}", many(int(first["calls"]), "call")
        finding = f"{hottest} is the hottest object: {calls}, most writes by {who(first['writer'])}"

    def said(row: Any) -> str:
        return f"up to {row.peak:,} writes a minute" if row.peak else ""

    return _picture(frame, lambda row: label(f"{row.resource} {row.name}"), parts, said, "calls", finding)


def write_amplification(frame: pd.DataFrame) -> Picture:
    """Of ``log.write_amplification()``."""
    asked, writes = int(frame.attrs["beside"]["asked"]), int(frame["writes"].sum())
    rest = frame[~frame["role"].isin(["person", "workload"])]
    made = int(rest["writes"].sum())
    if asked:
        finding = f"{many(asked, 'write')} asked for, {made:,} made of them: {made / asked:.1f} for each"
    else:
        finding = f"{many(writes, 'write')}, none of them asked for by people or workloads"
    frame = frame.assign(status=frame["status_writes"], other=frame["writes"] - frame["status_writes"])
    parts = (("other", "writes", style.BLUE), ("status", "of status", style.SKY), ("refused", "refused", style.BAD), APART)

    def said(row: Any) -> str:
        return f"{row.per_object:.1f} per object" if pd.notna(row.per_object) else ""

    def words(row: Any) -> str:
        return who(row.writer) + (f" ({label(row.component, 30)})" if row.component and str(row.component) not in str(row.writer) else "")

    return _picture(frame, words, parts, said, "writes", finding)


def conflicts(frame: pd.DataFrame) -> Picture:
    """Of ``log.conflicts()``."""
    total, solved = int(frame["conflicts"].sum()), int(frame["resolved"].sum())
    frame = frame.assign(lost=frame["conflicts"] - frame["resolved"])
    parts = (("resolved", "resolved", style.GOOD), ("lost", "not resolved", style.BAD), APART)
    finding = f"{many(total, 'conflict')}, {solved:,} of them resolved by trying again" if total else "No conflicts but in the background"

    def said(row: Any) -> str:
        return f"after {style.duration(row.median)}" if pd.notna(row.median) else ""

    return _picture(frame, lambda row: label(f"{who(row.user)} {row.target}", 60), parts, said, "calls answered by 409", finding)


def noisy_clients(frame: pd.DataFrame) -> Picture:
    """Of ``log.noisy_clients()``: what kinds of noise each makes."""
    parts: tuple[tuple[str, str, str], ...] = (
        ("unlimited", "lists without limit", style.BAD),
        ("short_watches", "watches that end early", style.ORANGE),
        ("repeated", "the same read within a second", style.SKY),
        ("throttled", "refused by flow control", style.PURPLE),
        ("failed", "errors", style.BLACK),
    )
    noise = sum((frame[column].astype("int64") for column, _, _ in parts), start=pd.Series(0, index=frame.index))
    ranked = frame.assign(noise=noise).sort_values("noise", ascending=False, kind="stable")
    ranked = ranked[ranked["noise"] > 0]
    parts = tuple(part for part in parts if ranked[part[0]].sum())
    finding = f"{who(ranked.iloc[0]['user'])} makes most noise: {label(ranked.iloc[0]['why'], 90)}" if len(ranked) else "No client is noisy"
    return _picture(ranked, lambda row: who(row.user), parts, lambda row: f"peak {row.peak:,}/s", "calls that burden without need", finding)


def denied(frame: pd.DataFrame) -> Picture:
    """Of ``log.denied()``."""
    total = int(frame["calls"].sum())
    colours = {"authentication": style.PURPLE, "authorization": style.BAD, "admission or quota": style.ORANGE, "not on record": style.GREY}
    found = [why for why in colours if (frame["why"] == why).any()]
    for why in found:
        frame = frame.assign(**{why.replace(" ", "_"): frame["calls"].where(frame["why"] == why, 0)})
    parts = [
        (why.replace(" ", "_"), f"refused by {why}" if why != "not on record" else "by what is not on record", colours[why])
        for why in found
    ]
    finding = f"{many(total, 'call')} denied, most of them to {who(frame.iloc[0]['user'])}" if total else "Nobody was denied anything"

    def words(row: Any) -> str:
        return label(f"{who(row.user)} {row.verb} {row.target}", 60)

    return _picture(frame, words, (*parts, APART), lambda row: f"{row.calls:,}", "denied calls", finding)


def deprecated(frame: pd.DataFrame) -> Picture:
    """Of ``log.deprecated()``."""
    if frame.empty:
        finding = "No deprecated API is in use"
    else:
        first = frame.iloc[0]
        clients = frame[frame["removed"] == first["removed"]]["client"].nunique()
        release = first["removed"] or "a coming release"
        finding = f"{many(clients, 'client')} would break with {release}: {label(first['api'])} {label(first['resource'])} goes first"

    def words(row: Any) -> str:
        return label(f"{row.api} {row.resource}: {who(row.user)}", 56)

    def said(row: Any) -> str:
        return f"gone in {row.removed or '?'}" + (f"; use {label(row.instead, 34)}" if row.instead else "")

    return _picture(frame, words, (("calls", "calls", style.BAD), APART), said, "calls", finding)


def sensitive(frame: pd.DataFrame) -> Picture:
    """Of ``log.sensitive()``: people and workloads first."""
    people = frame[frame["role"].isin(["person", "anonymous"])]
    finding = (
        f"{many(int(people['calls'].sum()), 'sensitive call')} by people, {int(frame['calls'].sum() - people['calls'].sum()):,} by programs"
    )
    frame = frame.assign(allowed=(frame["calls"] + frame["background"] - frame["refused"]).clip(lower=0))
    parts = (("allowed", "allowed", style.BLUE), ("refused", "refused", style.BAD))

    def words(row: Any) -> str:
        return label(
            f"{row.kind}: {who(row.user)} {row.verb} {row.target}" + (f" {row.name}" if pd.notna(row.name) and row.name else ""), 56
        )

    return _picture(frame, words, parts, lambda row: str(row.role), "calls", finding)


def permissions(frame: pd.DataFrame) -> Picture:
    """Of ``log.permissions()``: with roles to compare, the permissions of each binding by use; without, the bindings by calls."""
    if "used" not in frame.columns:
        finding = f"{many(len(frame), 'binding')} in use; what they grant besides, this log does not tell"
        return _picture(frame, _binding, (CALLS,), lambda row: f"{row.calls:,}", "calls that it allowed", finding)
    grouped = frame.groupby(["binding", "subject", "namespace"], sort=False)["used"].agg(used="sum", granted="size").reset_index()
    grouped["unused"] = grouped["granted"] - grouped["used"]
    grouped = grouped.sort_values("unused", ascending=False, kind="stable")
    unused, granted = int(grouped["unused"].sum()), int(grouped["granted"].sum())
    finding = f"{unused:,} of {granted:,} permissions granted were never used" if granted else "No permission is granted"
    parts = (("used", "used", style.GOOD), ("unused", "never used", style.LIGHT))

    def words(row: Any) -> str:
        return label(f"{row.binding} to {row.subject}", 56)

    return _picture(grouped, words, parts, lambda row: f"{row.used} of {row.granted}", "permissions: a verb on a resource", finding)


def _binding(row: Any) -> str:
    return label(f"{row.binding} to {row.subject}", 56)


def volume(frame: pd.DataFrame) -> Picture:
    """Of ``log.volume()``, by megabytes."""
    frame = frame.assign(megabytes=frame["bytes"].astype("float64") / 1e6).sort_values("megabytes", ascending=False, kind="stable")
    total = float(frame["megabytes"].sum())
    if frame.empty or not total:
        finding = "Nothing is recorded"
    elif "rule" in frame.columns:
        finding = f"{total:,.1f} MB, {frame.iloc[0]['share']:.0%} of them by {_rule(frame.iloc[0])}"
    else:
        finding = f"{total:,.1f} MB, {frame.iloc[0]['share']:.0%} of them {label(frame.iloc[0]['verb'])} {label(frame.iloc[0]['target'])}"

    def words(row: Any) -> str:
        return label(
            f"{_rule(row._asdict())}: {row.level}, {row.what}" if hasattr(row, "rule") else f"{row.verb} {row.target} ({row.level})", 56
        )

    return _picture(frame, words, (("megabytes", "", style.BLUE),), lambda row: f"{row.events:,} events", "megabytes", finding)


def _rule(row: Any) -> str:
    return "no rule" if row["rule"] < 0 else f"rule {row['rule']}"
