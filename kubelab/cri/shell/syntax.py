"""The syntax tree of the small shell.

Upstream: POSIX.1-2017 Shell Command Language, section 2.10 (grammar); `[[ ]]`, `&>` and `${x:o:l}` are bash's.
"""

from __future__ import annotations

from dataclasses import dataclass


class ShellSyntaxError(ValueError):
    """The script cannot be parsed; the message is what ash prints after `syntax error: `."""


@dataclass(frozen=True, slots=True)
class Text:
    """Literal characters; `quoted` ones are neither split nor matched as a pattern."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name`, `${name}`, `${name OP argument}`; `operator` `#` alone is the length."""

    name: str
    operator: str
    argument: Word
    quoted: bool


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(body)`; `number` names it within its script, so that its output can be kept until the word is expanded."""

    number: int
    body: Sequence
    quoted: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`$((expression))`."""

    expression: Word
    quoted: bool


Part = Text | Parameter | Substitution | Arithmetic
Word = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """`fd OP target`; operators `>`, `>>`, `<`, `>&`, `<&`, `<<` (target is the text of the here-document), `&>`."""

    fd: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words and redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`! a | b`."""

    commands: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """`left && right` or `left || right`."""

    left: Node
    operator: str
    right: Node


@dataclass(frozen=True, slots=True)
class Sequence:
    """Commands one after the other; those flagged run in the background."""

    items: tuple[tuple[Node, bool], ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if … then … else … fi`; `elif` nests."""

    condition: Sequence
    then: Sequence
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Loop:
    """`while` or `until`."""

    condition: Sequence
    body: Sequence
    until: bool


@dataclass(frozen=True, slots=True)
class For:
    """`for variable in words`; without `in`, over the positional parameters."""

    variable: str
    words: tuple[Word, ...]
    body: Sequence


@dataclass(frozen=True, slots=True)
class Case:
    """`case subject in pattern|pattern) body;; esac`."""

    subject: Word
    branches: tuple[tuple[tuple[Word, ...], Sequence], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`{ body; }`, or any compound command with redirections."""

    body: Node
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Subshell:
    """`( body )`."""

    body: Sequence


@dataclass(frozen=True, slots=True)
class Function:
    """`name() body`."""

    name: str
    body: Node


Node = Simple | Pipeline | AndOr | Sequence | If | Loop | For | Case | Group | Subshell | Function
