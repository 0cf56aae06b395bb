"""Parser of words: quotes, parameters, substitutions.

Upstream: POSIX.1-2017 Shell Command Language, 2.2 (quoting), 2.6 (word expansions).
"""

from __future__ import annotations

import re

from kubelab.cri.shell.syntax import Arithmetic, Parameter, Part, Sequence, ShellSyntaxError, Substitution, Text, Word

_NAME = re.compile(r"[A-Za-z_]\w*|[0-9]|[?$!#@*-]", re.ASCII)
_BRACED_NAME = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?|[0-9]+|[?$!#@*-]", re.ASCII)
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?|//?|:")
_WORD_END = frozenset(" \t\n;&|<>()")
MAX_DEPTH = 60


class WordParser:
    """Reads words from `text` at `pos`; `parser.Parser` builds commands on top of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.numbered = 0
        self.depth = 0

    def word(self, stop: frozenset[str] = _WORD_END) -> Word:
        """One word, up to an unquoted character of `stop`."""
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Text("".join(plain), False))
                plain.clear()

        while self.pos < len(self.text):
            char = self.text[self.pos]
            if char in stop:
                break
            if char == "\\":
                follower = self.text[self.pos + 1 : self.pos + 2]
                self.pos += 2
                if follower and follower != "\n":
                    flush()
                    parts.append(Text(follower, True))
            elif char in "'\"":
                flush()
                parts.extend(self._single() if char == "'" else self._double())
            elif char in "$`":
                flush()
                parts.append(self._dollar(quoted=False))
            else:
                plain.append(char)
                self.pos += 1
        flush()
        return tuple(parts)

    def quoted_text(self, text: str) -> Word:
        """The parts of a here-document or an arithmetic expression: expanded as inside double quotes."""
        inner = type(self)(text)
        inner.numbered, inner.depth = self.numbered, self.depth + 1
        parts = inner.double_until("")
        self.numbered = inner.numbered
        return tuple(parts)

    def double_until(self, end: str) -> list[Part]:
        """Parts up to `end` (which is consumed), by the rules of double quotes."""
        parts: list[Part] = []
        plain: list[str] = []
        while self.pos < len(self.text):
            char = self.text[self.pos]
            if char == end:
                self.pos += 1
                break
            if char == "\\" and self.text[self.pos + 1 : self.pos + 2] in ("$", "`", '"', "\\", "\n"):
                if self.text[self.pos + 1] != "\n":
                    plain.append(self.text[self.pos + 1])
                self.pos += 2
            elif char in "$`":
                if plain:
                    parts.append(Text("".join(plain), True))
                    plain = []
                parts.append(self._dollar(quoted=True))
            else:
                plain.append(char)
                self.pos += 1
        else:
            if end:
                raise ShellSyntaxError("unterminated quoted string")
        if plain or not parts:
            parts.append(Text("".join(plain), True))
        return parts

    def body_of_substitution(self) -> Sequence:
        """Commands up to the closing parenthesis; the command parser supplies it."""
        raise NotImplementedError

    def _single(self) -> list[Part]:
        end = self.text.find("'", self.pos + 1)
        if end < 0:
            raise ShellSyntaxError("unterminated quoted string")
        text = self.text[self.pos + 1 : end]
        self.pos = end + 1
        return [Text(text, True)]

    def _double(self) -> list[Part]:
        self.pos += 1
        return self.double_until('"')

    def _dollar(self, *, quoted: bool) -> Part:
        text, pos = self.text, self.pos
        if text[pos] == "`":
            return self._backquoted(quoted)
        if text.startswith("$((", pos):
            end = self._arithmetic_end(pos + 3)
            if end >= 0:
                self.pos = end + 2
                return Arithmetic(self.quoted_text(text[pos + 3 : end]), quoted)
        if text.startswith("$(", pos):
            self.pos = pos + 2
            return self._numbered(self.body_of_substitution(), quoted)
        if text.startswith("${", pos):
            return self._braced(quoted)
        name = _NAME.match(text, pos + 1)
        if name is None:
            self.pos += 1
            return Text("$", True)
        self.pos = name.end()
        return Parameter(name[0], "", (), quoted)

    def _numbered(self, body: Sequence, quoted: bool) -> Substitution:
        self.numbered += 1
        return Substitution(self.numbered, body, quoted)

    def _backquoted(self, quoted: bool) -> Part:
        end = self.pos + 1
        while end < len(self.text) and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise ShellSyntaxError("EOF in backquote substitution")
        script = re.sub(r"\\([$`\\])", r"\1", self.text[self.pos + 1 : end])
        inner = type(self)(script + ")")
        inner.numbered, inner.depth = self.numbered, self.depth + 1
        body = inner.body_of_substitution()
        self.numbered = inner.numbered
        self.pos = end + 1
        return self._numbered(body, quoted)

    def _arithmetic_end(self, pos: int) -> int:
        """Where the `))` of an arithmetic expression stands; -1 if this is a command substitution after all."""
        level = 0
        while pos < len(self.text):
            char = self.text[pos]
            if char == "(":
                level += 1
            elif char == ")":
                if level == 0:
                    return pos if self.text.startswith("))", pos) else -1
                level -= 1
            pos += 1
        return -1

    def _braced(self, quoted: bool) -> Part:
        self.pos += 2
        start = self.pos
        length = self.text.startswith("#", self.pos) and not self.text.startswith("#}", self.pos)
        if length:
            self.pos += 1
        name = _BRACED_NAME.match(self.text, self.pos)
        if name is None:
            raise ShellSyntaxError("bad substitution")
        self.pos = name.end()
        if length and self.text.startswith("}", self.pos):
            self.pos += 1
            return Parameter(name[0], "length", (), quoted)
        if self.text.startswith("}", self.pos):
            self.pos += 1
            return Parameter(name[0], "", (), quoted)
        operator = _OPERATOR.match(self.text, self.pos)
        if operator is None or length:
            raise ShellSyntaxError("bad substitution")
        self.pos = operator.end()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ShellSyntaxError("nested too deeply")
        argument = self.word(frozenset("}"))
        self.depth -= 1
        if not self.text.startswith("}", self.pos):
            raise ShellSyntaxError(f"missing '}}' in ${{{self.text[start:]}")
        self.pos += 1
        return Parameter(name[0], operator[0], argument, quoted)
