"""Blocks: the few shapes of which every display is made (a heading, lines, a table, folded text), and their two forms, HTML and text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from kubelab.cluster import tables


@dataclass(frozen=True, slots=True)
class Heading:
    words: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of prose; ``bad``: about something that went wrong."""

    lines: tuple[str, ...]
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Headings first. ``left_out``: rows that are not shown; ``wrap``: cells hold sentences."""

    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0
    wrap: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """Text behind a summary that opens it; in a terminal left out, if ``only_html``."""

    summary: str
    text: str
    only_html: bool = True


@dataclass(frozen=True, slots=True)
class Either:
    """A block in a notebook, plain text in a terminal, where the block would be too wide."""

    block: Heading | Lines | Table
    text: str


Block = Heading | Lines | Table | Folded | Either

CELL = "text-align:left;vertical-align:top;padding:1px 14px 1px 0;"
ONE_LINE, SENTENCES = "white-space:nowrap", "white-space:normal;max-width:52ch"
MONO = "font-family:monospace;font-size:12px"
BAD = "#B34700"


def as_html(blocks: Iterable[Block]) -> str:
    """Blocks as HTML without scripts or outside resources."""
    return f'<div style="font-size:13px;line-height:1.45">{"".join(map(_html, blocks))}</div>'


def as_text(blocks: Iterable[Block]) -> str:
    """Blocks as plain text."""
    return "\n".join(part for part in map(_text, blocks) if part)


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<div style="font-weight:600;margin:4px 0">{escape(block.words)}</div>'
    if isinstance(block, Lines):
        colour = f";color:{BAD}" if block.bad else ""
        return "".join(f'<div style="white-space:pre-wrap{colour}">{escape(line)}</div>' for line in block.lines)
    if isinstance(block, Table):
        return _html_table(block)
    if isinstance(block, Either):
        return _html(block.block)
    summary = f"<summary>{escape(block.summary)}</summary>"
    return f'<details>{summary}<pre style="{MONO};margin:4px 0">{escape(block.text)}</pre></details>'


def _html_table(table: Table) -> str:
    head, *body = table.rows
    cell_style = CELL + (SENTENCES if table.wrap else ONE_LINE)
    top = "".join(f'<th style="{cell_style}">{escape(cell)}</th>' for cell in head)
    rows = "".join("<tr>" + "".join(f'<td style="{cell_style}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in body)
    more = f"<div>{_more(table.left_out)}</div>" if table.left_out else ""
    return f'<table style="{MONO};border-collapse:collapse;margin:2px 0"><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table>{more}'


def _text(block: Block) -> str:
    if isinstance(block, Heading):
        return block.words
    if isinstance(block, Lines):
        return "\n".join(block.lines)
    if isinstance(block, Table):
        return tables.text(block.rows) + (f"\n{_more(block.left_out)}" if block.left_out else "")
    if isinstance(block, Either):
        return block.text
    return "" if block.only_html else block.text


def _more(number: int) -> str:
    return f"… and {number:,} more"


def table(rows: Sequence[Sequence[str]], limit: int = 0, *, wrap: bool = False) -> Table:
    """A table of headings and at most ``limit`` rows (0: all)."""
    shown = rows[: limit + 1] if limit else rows
    return Table(tuple(tuple(row) for row in shown), len(rows) - len(shown), wrap)
