"""Exercises: a task for the reader of a notebook, and the conditions that say whether an answer (a cluster, or a number) solves it.

>>> import kubelab as kl
>>> task = Exercise("Make a namespace.", {"there is a namespace called team-a": lambda c: c["namespace/team-a"]})
>>> c = kl.Cluster(nodes=1)
>>> task.check(c)
not yet
  ✗ there is a namespace called team-a (namespaces "team-a" not found)
>>> _ = c.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}})
>>> task.check(c)
solved
  ✓ there is a namespace called team-a
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from kubelab.cluster.handle import Cluster

GOOD, BAD = "#007A5A", "#B34700"


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition in words, whether it holds, and what was in the way of asking."""

    words: str
    holds: bool
    trouble: str = ""

    def __str__(self) -> str:
        trouble = f" ({self.trouble})" if self.trouble else ""
        return f"{'✓' if self.holds else '✗'} {self.words}{trouble}"


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What a check found; true if every condition holds."""

    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return all(finding.holds for finding in self.findings)

    def __repr__(self) -> str:
        return "\n  ".join(["solved" if self else "not yet", *map(str, self.findings)])

    def _repr_html_(self) -> str:
        head = f'<div style="font-weight:600;color:{GOOD if self else BAD}">{"Solved" if self else "Not yet"}</div>'
        lines = "".join(f'<div style="color:{GOOD if each.holds else BAD}">{escape(str(each))}</div>' for each in self.findings)
        return f'<div style="font-size:13px;line-height:1.6">{head}{lines}</div>'


class Exercise:
    """``conditions``: words → a function of the answer, which holds if it gives something true. One that fails (an object is not there, a field is
    missing) does not hold yet."""

    def __init__(self, task: str, conditions: Mapping[str, Callable[[Any], Any]]) -> None:
        if not conditions:
            raise ValueError("an exercise without a condition would always be solved: give at least one")
        self.task = task
        self._conditions = dict(conditions)

    def check(self, answer: Any) -> Verdict:
        """Ask every condition. A cluster stays as it is, for each looks at a fork of its own."""
        return Verdict(tuple(_ask(words, holds, answer) for words, holds in self._conditions.items()))

    def __repr__(self) -> str:
        return "\n  ".join([self.task, *(f"– {words}" for words in self._conditions)])

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(words)}</li>" for words in self._conditions)
        return f'<div style="font-size:13px;line-height:1.6"><b>{escape(self.task)}</b> It is solved when<ul style="margin:2px 0">{lines}</ul></div>'


def _ask(words: str, holds: Callable[[Any], Any], answer: Any) -> Finding:
    try:
        return Finding(words, bool(holds(answer.fork() if isinstance(answer, Cluster) else answer)))
    except Exception as error:  # the reader's cluster may be in any state
        trouble = f"nothing at {error}" if isinstance(error, (KeyError, IndexError)) else getattr(error, "message", "") or str(error)
        return Finding(words, False, trouble)
