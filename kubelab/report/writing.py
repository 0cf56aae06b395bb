"""Writing a report: the answers are asked, the pictures drawn, and what stands out is said first."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from kubelab.frames.words import many
from kubelab.report.findings import Finding, findings
from kubelab.report.page import figure, page
from kubelab.report.sections import SECTIONS, Section
from kubelab.report.table import html_table
from kubelab.report.text import html

#: Letters as paths; the same log gives the same bytes.
_DRAWING = {"svg.fonttype": "path", "svg.hashsalt": "kubelab"}


def write(log: Any, path: str | Path, *, title: str = "", policy: Any = None) -> Path:
    """Write the report of ``log`` to ``path`` and return it. ``policy``: say also what that one would have recorded of this log."""
    target = Path(path)
    if target.is_dir():
        raise ValueError(f"{target} is a folder: give the name of a file in it, such as {target / 'report.html'}")
    if not target.parent.is_dir():
        raise ValueError(f"{target}: there is no folder {target.parent}")
    heading = title or "What the audit log tells"
    text = page(heading, compose(log, heading, policy))
    target.write_text(text, encoding="utf-8")
    return target


def compose(log: Any, heading: str, policy: Any) -> str:
    """The body of the page."""
    answers: dict[str, pd.DataFrame] = {}
    parts: list[str] = []
    for section in SECTIONS:
        try:
            frame = getattr(log, section.answer)(**section.options)
        except ValueError as error:  # an answer says so where a log cannot give it: a baseline too short, no times
            parts.append(_section(section, f'<p class="none">Not answered: {html(error, 400)}.</p>'))
            continue
        answers[section.answer] = frame
        parts.append(_section(section, _shown(log, section, frame)))
    if policy is not None:
        parts.append(_what_if(log, policy))
    parts.append(_problems(log))
    return _head(log, heading, findings(answers)) + "\n".join(parts)


def _head(log: Any, heading: str, found: list[Finding]) -> str:
    span = log.sql(
        "SELECT min(received) AS first, max(coalesce(completed, received)) AS last, count(DISTINCT effective) AS users FROM calls"
    ).iloc[0]
    counts = log.counts
    first, last = span["first"], span["last"]
    when = "" if pd.isna(first) else f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
    facts = [
        (f"{counts.calls:,}", "calls"),
        (f"{counts.events:,}", "events"),
        (f"{span['users']:,}", "users"),
        ("–" if pd.isna(first) else _length((last - first).total_seconds()), "covered"),
        (f"{counts.damaged:,}", "damaged lines"),
        (f"{counts.skipped:,}", "lines that are no events"),
    ]
    blocks = "".join(f"<div><b>{escape(number)}</b><span>{escape(word)}</span></div>" for number, word in facts)
    items = "".join(f'<li>{html(item.text, 400)} <a href="#{item.anchor}">show</a></li>' for item in found)
    nothing = '<p class="none">Nothing stands out.</p>'
    contents = " · ".join(f'<a href="#{section.anchor}">{escape(section.heading)}</a>' for section in SECTIONS)
    return (
        f'<h1>{html(heading)}</h1><p class="soft">Kubernetes audit log, {escape(when) or "without a single call"}</p>'
        f'<div class="facts">{blocks}</div><h3>What stands out</h3>{f"<ol class=findings>{items}</ol>" if items else nothing}'
        f'<nav class="soft">{contents}</nav>\n'
    )


def _length(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _section(section: Section, content: str) -> str:
    return f'<section id="{section.anchor}"><h2>{escape(section.heading)}</h2><p class="lead">{escape(section.lead)}</p>{content}</section>'


def _shown(log: Any, section: Section, frame: pd.DataFrame) -> str:
    if section.roles:
        frame = frame[frame["role"].isin(section.roles)]
    picture = _picture(log, section) if section.picture and len(frame) else ""
    beside = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in _numbers(frame).items())
    if section.shape is not None:
        frame = section.shape(frame)
    shown = frame[[name for name in section.columns if name in frame.columns]] if section.columns else frame
    note = f'<p class="more">Beside: {escape(beside)}.</p>' if beside else ""
    return f'{picture}<div class="wide">{html_table(shown, section.most)}</div>{note}'


def _numbers(frame: pd.DataFrame) -> dict[str, int]:
    beside = frame.attrs.get("beside") or {}
    return {name: value for name, value in beside.items() if isinstance(value, int) and not isinstance(value, bool) and value}


def _picture(log: Any, section: Section) -> str:
    with plt.rc_context(_DRAWING), plt.ioff():
        ax = getattr(log.plot, section.picture)()
        text = figure(ax, section.heading)
        plt.close(ax.get_figure(root=True))
    return text


def _what_if(log: Any, policy: Any) -> str:
    found = log.what_if(policy)
    with plt.rc_context(_DRAWING), plt.ioff():
        ax = log.plot.what_if(policy)
        picture = figure(ax, "What another policy would have recorded")
        plt.close(ax.get_figure(root=True))
    tables = "".join(
        f'<h3>{heading}</h3><div class="wide">{html_table(frame, 40)}</div>'
        for heading, frame in (
            ("This log, and what the policy would have made of it", found.totals),
            ("Rule by rule", found.rules),
            ("What could still be answered", found.answers),
            ("Bodies that this log lacks, and that can therefore not be priced", found.unpriced),
        )
        if len(frame)
    )
    lead = "The same calls under the other policy: events, bytes, and the answers of this report that would be lost."
    return f'<section id="what-if"><h2>What another policy would have recorded</h2><p class="lead">{lead}</p>{picture}{tables}</section>'


def _problems(log: Any) -> str:
    frame = log.problems
    if frame.empty:
        return ""
    lead = f"{many(log.counts.damaged, 'line')} could not be read, {many(log.counts.skipped, 'line')} held something else than events."
    table = html_table(frame, 40)
    return f'<section id="problems"><h2>What could not be read</h2><p class="lead">{lead}</p><div class="wide">{table}</div></section>'
