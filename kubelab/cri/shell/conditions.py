"""`test`, `[ … ]` and `[[ … ]]`.

Upstream: POSIX.1-2017 test; bash for the double brackets.
"""

from __future__ import annotations

import re

from kubelab.cri.shell.expand import Expander
from kubelab.cri.shell.files import FileView
from kubelab.cri.shell.live import Live
from kubelab.cri.shell.patterns import compile_pattern, posix_regex
from kubelab.cri.shell.syntax import Simple

_NUMERIC = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")
_UNARY = ("-z", "-n", "-e", "-f", "-d", "-r", "-w", "-x", "-s", "-L", "-h")
_TEXTUAL = ("=", "==", "!=", "<", ">", "=~")
_MAX_WORDS = 200
_TEXT_MAX = 4096


class BadTest(ValueError):
    """The expression makes no sense; status 2."""


def evaluate(words: list[str], process: Live, files: FileView) -> bool:
    """`test words`; BadTest."""
    return _Reader([(word, word) for word in words], process, files, bash=False).result()


def conditional(node: Simple, expander: Expander, process: Live, files: FileView) -> int:
    """`[[ words ]]` as an exit status."""
    pairs = [(expander.text(word), expander.pattern(word)) for word in node.words[1:]]
    try:
        return int(not _Reader(pairs, process, files, bash=True).result())
    except BadTest:
        return 2


class _Reader:
    def __init__(self, pairs: list[tuple[str, str]], process: Live, files: FileView, *, bash: bool) -> None:
        if len(pairs) > _MAX_WORDS:
            raise BadTest("too many arguments")
        self.pairs = pairs
        self.at = 0
        self.process = process
        self.files = files
        self.bash = bash
        self.both, self.either = ("&&", "||") if bash else ("-a", "-o")

    def result(self) -> bool:
        if not self.pairs:
            return False
        if len(self.pairs) == 1:
            return bool(self.pairs[0][0])
        outcome = self._or()
        if self.at < len(self.pairs):
            raise BadTest(f"{self.pairs[self.at][0]}: unknown operand")
        return outcome

    def _word(self, ahead: int = 0) -> str | None:
        return self.pairs[self.at + ahead][0] if self.at + ahead < len(self.pairs) else None

    def _or(self) -> bool:
        outcome = self._and()
        while self._word() == self.either:
            self.at += 1
            outcome = self._and() or outcome
        return outcome

    def _and(self) -> bool:
        outcome = self._not()
        while self._word() == self.both:
            self.at += 1
            outcome = self._not() and outcome
        return outcome

    def _not(self) -> bool:
        if self._word() == "!" and self._word(1) not in (*_NUMERIC, *_TEXTUAL):
            self.at += 1
            return not self._not()
        return self._primary()

    def _primary(self) -> bool:
        word, operator = self._word(), self._word(1)
        if word is None:
            raise BadTest("argument expected")
        if operator in _NUMERIC or operator in _TEXTUAL:
            if self.at + 2 >= len(self.pairs):
                raise BadTest("argument expected")
            right, pattern = self.pairs[self.at + 2]
            self.at += 3
            return self._numeric(word, operator, right) if operator in _NUMERIC else self._textual(word, operator, right, pattern)
        if word == "(":
            self.at += 1
            outcome = self._or()
            if self._word() != ")":
                raise BadTest("closing paren expected")
            self.at += 1
            return outcome
        if word in _UNARY and operator is not None:
            self.at += 2
            return self._unary(word, operator)
        self.at += 1
        return bool(word)

    def _unary(self, operator: str, word: str) -> bool:
        if operator == "-z":
            return not word
        if operator == "-n":
            return bool(word)
        path = self.process.path(word)
        is_file = self.files.is_file(path)
        if operator == "-f":
            return is_file
        if operator == "-d":
            return not is_file and self.files.is_directory(path)
        if operator == "-s":
            return is_file and bool(self.files.read(path))
        if operator in ("-L", "-h"):
            return False
        return is_file or self.files.is_directory(path)

    def _numeric(self, left: str, operator: str, right: str) -> bool:
        numbers = []
        for word in (left, right):
            if not re.fullmatch(r"\s*[+-]?\d{1,20}\s*", word):
                raise BadTest(f"{word}: bad number")
            numbers.append(int(word))
        a, b = numbers
        return {"-eq": a == b, "-ne": a != b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b}[operator]

    def _textual(self, left: str, operator: str, right: str, pattern: str) -> bool:
        if operator == "=~":
            return self._regex(left, right)
        if operator in ("<", ">"):
            return left < right if operator == "<" else left > right
        equal = bool(compile_pattern(pattern).fullmatch(left)) if self.bash else left == right
        return equal if operator != "!=" else not equal

    def _regex(self, text: str, expression: str) -> bool:
        try:
            found = posix_regex(expression).search(text[:_TEXT_MAX])
        except ValueError as error:
            raise BadTest(str(error)) from error
        groups = [found[0], *(group or "" for group in found.groups())] if found else []
        for index, group in enumerate(groups):
            self.process.put(f"BASH_REMATCH[{index}]", group)
        if groups:
            self.process.put("BASH_REMATCH", groups[0])
        return found is not None
