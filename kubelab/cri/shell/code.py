"""From a syntax tree to instructions, so that a process stands at a number and can stop anywhere.

An instruction is a tuple, its name first:
`simple node checked` · `sub number body` · `spawn body` · `subshell body checked` · `pipe body` · `pipe_last body checked` · `not` ·
`jump to` · `jump_ok to` · `jump_fail to` · `status code` · `begin` · `keep` · `end` · `quit` · `for node` · `next variable end` ·
`unfor` · `redirect redirects skip` · `restore` · `case subject patterns else_to` · `function name body`.
A body is a number in the unit; `checked` ones obey `set -e`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubelab.cri.shell.parser import parse
from kubelab.cri.shell.syntax import (
    AndOr,
    Arithmetic,
    Case,
    For,
    Function,
    Group,
    If,
    Loop,
    Node,
    Parameter,
    Pipeline,
    Sequence,
    Simple,
    Subshell,
    Substitution,
    Text,
    Word,
)

Instruction = tuple[Any, ...]
Body = tuple[Instruction, ...]


@lru_cache(maxsize=512)
def compile_script(script: str) -> tuple[Body, ...]:
    """The bodies of a script, the main one last; ShellSyntaxError."""
    unit = _Unit([])
    main = unit.body(parse(script))
    assert main == len(unit.bodies) - 1
    return tuple(unit.bodies)


@dataclass(slots=True)
class _Unit:
    """Bodies compiled so far; the script's own is compiled last and therefore is the last."""

    bodies: list[Body]

    def body(self, node: Node, *, in_loop: bool = False) -> int:
        writer = _Writer(self, [], [], in_loop)
        writer.node(node, checked=True)
        self.bodies.append(tuple(writer.code))
        return len(self.bodies) - 1


@dataclass(slots=True)
class _Context:
    """A construct around the present place that `break` and `continue` must leave in order."""

    kind: str
    again: int = 0
    leave: list[int] | None = None


@dataclass(slots=True)
class _Writer:
    unit: _Unit
    code: list[Instruction]
    around: list[_Context]
    in_loop: bool

    def child(self, node: Node) -> int:
        """A body that a process of its own will run; to break out of a loop of the parent's ends that process."""
        return self.unit.body(node, in_loop=self.in_loop or any(context.kind != "redirect" for context in self.around))

    def node(self, node: Node, *, checked: bool) -> None:
        match node:
            case Sequence():
                for item, background in node.items:
                    if background:
                        self.code.append(("spawn", self.child(item)))
                    else:
                        self.node(item, checked=checked)
            case Simple():
                self._simple(node, checked)
            case AndOr():
                self._and_or(node, checked)
            case Pipeline():
                self._pipeline(node, checked)
            case If():
                self._if(node, checked)
            case Loop():
                self._loop(node, checked)
            case For():
                self._for(node, checked)
            case Case():
                self._case(node, checked)
            case Group():
                self._group(node, checked)
            case Subshell():
                self.code.append(("subshell", self.child(node.body), checked))
            case Function():
                self.code.append(("function", node.name, self.unit.body(node.body)))

    def _emit(self, name: str, *operands: Any) -> int:
        """Adds a jump whose target comes later; answers where it stands."""
        self.code.append((name, *operands, -1))
        return len(self.code) - 1

    def _land(self, place: int) -> None:
        self.code[place] = (*self.code[place][:-1], len(self.code))

    def _substitutions(self, *words: Word) -> None:
        for word in words:
            for part in word:
                if isinstance(part, Substitution):
                    self.code.append(("sub", part.number, self.child(part.body)))
                elif isinstance(part, Parameter):
                    self._substitutions(part.argument)
                elif isinstance(part, Arithmetic):
                    self._substitutions(part.expression)

    def _simple(self, node: Simple, checked: bool) -> None:
        first = _literal(node.words[0]) if node.words else ""
        if first in ("break", "continue") and any(context.kind in ("loop", "for") for context in self.around):
            self._leave(first, node)
            return
        if first in ("break", "continue") and self.in_loop:
            self.code.append(("quit",))
            return
        self._substitutions(*(word for _, word in node.assignments), *node.words, *(item.target for item in node.redirects))
        self.code.append(("simple", node, checked))

    def _leave(self, word: str, node: Simple) -> None:
        count = _literal(node.words[1]) if len(node.words) > 1 else "1"
        levels = int(count) if count.isdigit() and int(count) > 0 else 1
        loops = [index for index, context in enumerate(self.around) if context.kind in ("loop", "for")]
        target = loops[max(0, len(loops) - levels)]
        for context in reversed(self.around[target + 1 :]):
            self.code.append(("restore",) if context.kind == "redirect" else ("unfor",))
        loop = self.around[target]
        self.code.append(("status", 0))
        if word == "continue":
            self.code.extend([("keep",)] if loop.kind == "loop" else [])
            self.code.append(("jump", loop.again))
            return
        self.code.append(("unfor",))
        assert loop.leave is not None
        loop.leave.append(self._emit("jump"))

    def _and_or(self, node: AndOr, checked: bool) -> None:
        """`a && b || c` hangs to the left; a loop, because scripts chain as many as they like."""
        links: list[AndOr] = []
        first: Node = node
        while isinstance(first, AndOr):
            links.append(first)
            first = first.left
        self.node(first, checked=False)
        for link in reversed(links):
            skip = self._emit("jump_fail" if link.operator == "&&" else "jump_ok")
            self.node(link.right, checked=checked and link is node)
            self._land(skip)

    def _pipeline(self, node: Pipeline, checked: bool) -> None:
        if len(node.commands) == 1:
            self.node(node.commands[0], checked=checked and not node.negated)
        else:
            bodies = [self.child(command) for command in node.commands]
            for body in bodies[:-1]:
                self.code.append(("pipe", body))
            self.code.append(("pipe_last", bodies[-1], checked and not node.negated))
        if node.negated:
            self.code.append(("not",))

    def _if(self, node: If, checked: bool) -> None:
        self.node(node.condition, checked=False)
        otherwise = self._emit("jump_fail")
        self.node(node.then, checked=checked)
        end = self._emit("jump")
        self._land(otherwise)
        if node.otherwise is None:
            self.code.append(("status", 0))
        else:
            self.node(node.otherwise, checked=checked)
        self._land(end)

    def _loop(self, node: Loop, checked: bool) -> None:
        self.code.append(("begin",))
        context = _Context("loop", len(self.code), [])
        self.around.append(context)
        self.node(node.condition, checked=False)
        end = self._emit("jump_ok" if node.until else "jump_fail")
        self.node(node.body, checked=checked)
        self.code.append(("keep",))
        self.code.append(("jump", context.again))
        self._land(end)
        self.code.append(("end",))
        self.around.pop()
        for place in context.leave or ():
            self._land(place)

    def _for(self, node: For, checked: bool) -> None:
        self._substitutions(*node.words)
        self.code.append(("for", node))
        context = _Context("for", len(self.code), [])
        self.around.append(context)
        end = self._emit("next", node.variable)
        self.node(node.body, checked=checked)
        self.code.append(("jump", context.again))
        self._land(end)
        self.around.pop()
        for place in context.leave or ():
            self._land(place)

    def _case(self, node: Case, checked: bool) -> None:
        self._substitutions(node.subject)
        ends: list[int] = []
        for patterns, body in node.branches:
            self._substitutions(*patterns)
            otherwise = self._emit("case", node.subject, patterns)
            self.code.append(("status", 0))
            self.node(body, checked=checked)
            ends.append(self._emit("jump"))
            self._land(otherwise)
        self.code.append(("status", 0))
        for place in ends:
            self._land(place)

    def _group(self, node: Group, checked: bool) -> None:
        self._substitutions(*(item.target for item in node.redirects))
        skip = self._emit("redirect", node.redirects)
        self.around.append(_Context("redirect"))
        self.node(node.body, checked=checked)
        self.around.pop()
        self.code.append(("restore",))
        self._land(skip)


def _literal(word: Word) -> str:
    return word[0].text if len(word) == 1 and isinstance(word[0], Text) else ""
