"""Word expansion: parameters, substitutions, arithmetic, field splitting, file names.

Upstream: POSIX.1-2017 Shell Command Language, 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubelab.cri.shell.arithmetic import ArithmeticFailure, evaluate
from kubelab.cri.shell.files import FileView
from kubelab.cri.shell.live import Live
from kubelab.cri.shell.patterns import SPECIAL, escape, substitute, trim
from kubelab.cri.shell.syntax import Arithmetic, Parameter, Substitution, Text, Word

_RANDOM_BELOW = 32768
_STATUS_BEFORE = 0


class ExpansionFailure(ValueError):
    """An expansion ends the shell: `${x:?message}`, a bad arithmetic expression, an unset variable under `set -u`."""


@dataclass(slots=True)
class _Fields:
    """Fields under construction: text and, beside it, the same as a pattern."""

    done: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    pattern: str = ""
    open: bool = False

    def literal(self, text: str, *, quoted: bool) -> None:
        self.text += text
        self.pattern += escape(text) if quoted else text
        self.open = self.open or quoted or bool(text)

    def split(self, text: str, separators: str) -> None:
        piece = ""
        for char in text:
            if char in separators:
                if piece:
                    self.literal(piece, quoted=False)
                    piece = ""
                self.close()
            else:
                piece += char
        if piece:
            self.literal(piece, quoted=False)

    def close(self) -> None:
        if self.open:
            self.done.append((self.text, self.pattern))
        self.text, self.pattern, self.open = "", "", False


class Expander:
    """Expands words for one process."""

    def __init__(self, process: Live, files: FileView) -> None:
        self.process = process
        self.files = files

    def get(self, name: str) -> str | None:
        """Value of a variable or parameter; RANDOM is another number each time, `$?` the status before the command's substitutions."""
        if name == "?" and _STATUS_BEFORE in self.process.substituted:
            return self.process.substituted[_STATUS_BEFORE]
        if name == "RANDOM" and name not in self.process.variables:
            return str(int(self.files.world.rand("RANDOM") * _RANDOM_BELOW))
        return self.process.get(name)

    def fields(self, words: tuple[Word, ...]) -> list[str]:
        """All words as fields: split, file names filled in."""
        out: list[str] = []
        for word in words:
            if len(word) == 1 and isinstance(word[0], Text) and (word[0].quoted or not SPECIAL.search(word[0].text)):
                out.append(self._tilde(word[0]))
                continue
            collected = _Fields()
            self._collect(word, collected)
            collected.close()
            for text, pattern in collected.done:
                names = self.files.glob(pattern, self.process.directory) if _is_pattern(pattern) and "f" not in self.process.options else []
                out.extend(names or [text])
        return out

    def text(self, word: Word) -> str:
        """A word as one string: no splitting, no file names."""
        return "".join(self._one(part) for part in word)

    def pattern(self, word: Word) -> str:
        """A word as a pattern: quoted characters match themselves."""
        return "".join(escape(self._one(part)) if part.quoted else self._one(part) for part in word)

    def _tilde(self, part: Text) -> str:
        if not part.quoted and part.text[:1] == "~" and part.text[1:2] in ("", "/"):
            return (self.process.get("HOME") or "/root") + part.text[1:]
        return part.text

    def _collect(self, word: Word, into: _Fields) -> None:
        separators = self.process.variables.get("IFS", " \t\n")
        for part in word:
            if isinstance(part, Text):
                into.literal(part.text, quoted=part.quoted)
            elif isinstance(part, Parameter) and part.name == "@" and not part.operator:
                self._positional(part.quoted, into, separators)
            elif isinstance(part, Parameter) and not part.quoted and part.operator in ("-", ":-", "+", ":+") and part.argument:
                value = self.get(part.name)
                if self._takes_argument(part, value):
                    self._collect(part.argument, into)
                elif part.operator in ("-", ":-"):
                    into.split(value or "", separators)
            elif part.quoted:
                into.literal(self._one(part), quoted=True)
            else:
                into.split(self._one(part), separators)

    def _positional(self, quoted: bool, into: _Fields, separators: str) -> None:
        for index, value in enumerate(self.process.parameters):
            if index:
                into.close()
            if quoted:
                into.literal(value, quoted=True)
            else:
                into.split(value, separators)
        if quoted and not self.process.parameters and not into.text:
            into.open = False

    def _one(self, part: Text | Parameter | Substitution | Arithmetic) -> str:
        if isinstance(part, Text):
            return part.text
        if isinstance(part, Substitution):
            return self.process.substituted.get(part.number, "")
        if isinstance(part, Arithmetic):
            try:
                return str(evaluate(self.text(part.expression), self.get, self.process.put))
            except ArithmeticFailure as error:
                raise ExpansionFailure(str(error)) from error
        return self._parameter(part)

    @staticmethod
    def _takes_argument(part: Parameter, value: str | None) -> bool:
        missing = value is None or (part.operator.startswith(":") and value == "")
        return missing if part.operator in ("-", ":-") else not missing

    def _parameter(self, part: Parameter) -> str:
        value = self.get(part.name)
        operator = part.operator
        if operator in ("-", ":-", "+", ":+"):
            if self._takes_argument(part, value):
                return self.text(part.argument)
            return (value or "") if operator in ("-", ":-") else ""
        if operator in ("=", ":=", "?", ":?"):
            if value is not None and (value or not operator.startswith(":")):
                return value
            argument = self.text(part.argument)
            if operator.endswith("?"):
                raise ExpansionFailure(f"{part.name}: {argument or 'parameter not set'}")
            self.process.put(part.name, argument)
            return argument
        if value is None and "u" in self.process.options and part.name not in ("@", "*"):
            raise ExpansionFailure(f"{part.name}: parameter not set")
        value = value or ""
        if operator == "length":
            return str(len(value))
        if operator in ("#", "##", "%", "%%"):
            return trim(value, operator, self.pattern(part.argument))
        if operator in ("/", "//"):
            pattern, _, replacement = self.pattern(part.argument).partition("/")
            return substitute(value, pattern, replacement, everywhere=operator == "//")
        if operator == ":":
            return self._slice(value, self.text(part.argument))
        return value

    def _slice(self, value: str, argument: str) -> str:
        first, colon, second = argument.partition(":")
        try:
            offset = evaluate(first, self.get, self.process.put)
            length = evaluate(second, self.get, self.process.put) if colon else len(value)
        except ArithmeticFailure as error:
            raise ExpansionFailure(str(error)) from error
        start = max(0, len(value) + offset) if offset < 0 else offset
        return value[start : start + length] if length >= 0 else value[start:length]


def _is_pattern(pattern: str) -> bool:
    pos = 0
    while pos < len(pattern):
        if pattern[pos] == "\\":
            pos += 2
            continue
        if pattern[pos] in "*?[":
            return True
        pos += 1
    return False
