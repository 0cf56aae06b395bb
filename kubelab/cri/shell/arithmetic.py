"""`$((…))`: 64-bit integers with C's operators.

Upstream: POSIX.1-2017 Shell Command Language, 2.6.4; messages of busybox shell/math.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)|([A-Za-z_]\w*)|(<<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:(),]))"
)
_BINARY = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<=", ">=", "<", ">"),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_ASSIGN = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")
_MAX_DEPTH = 20
_MAX_TOKENS = 400


class ArithmeticFailure(ValueError):
    """The expression cannot be evaluated; the message is the shell's."""


def evaluate(text: str, get: Callable[[str], str | None], put: Callable[[str, str], None]) -> int:
    """Value of an expression; variables are read and assigned through `get` and `put`."""
    return _Evaluator(text, get, put).result()


class _Evaluator:
    def __init__(self, text: str, get: Callable[[str], str | None], put: Callable[[str, str], None], depth: int = 0) -> None:
        self.tokens: list[str] = []
        self.at = 0
        self.get, self.put, self.depth = get, put, depth
        pos = 0
        while pos < len(text.rstrip()):
            found = _TOKEN.match(text, pos)
            if found is None or depth > _MAX_DEPTH or len(self.tokens) > _MAX_TOKENS:
                raise ArithmeticFailure("arithmetic syntax error")
            self.tokens.append(found[0].strip())
            pos = found.end()

    def result(self) -> int:
        if not self.tokens:
            return 0
        outcome = self._assignment()
        while self._take(","):
            outcome = self._assignment()
        if self.at < len(self.tokens):
            raise ArithmeticFailure("arithmetic syntax error")
        return outcome

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, *tokens: str) -> str:
        if self._peek() in tokens:
            self.at += 1
            return self.tokens[self.at - 1]
        return ""

    def _value(self, name: str) -> int:
        text = (self.get(name) or "").strip()
        if not text:
            return 0
        if re.fullmatch(r"[+-]?\d+", text):
            return _wrap(int(text, 8) if re.fullmatch(r"0[0-7]+", text) else int(text))
        return _Evaluator(text, self.get, self.put, self.depth + 1).result()

    def _set(self, name: str, number: int) -> int:
        self.put(name, str(number))
        return number

    def _assignment(self) -> int:
        name = self._peek()
        if re.fullmatch(r"[A-Za-z_]\w*", name) and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1] in _ASSIGN:
            operator = self.tokens[self.at + 1]
            self.at += 2
            right = self._assignment()
            return self._set(name, right if operator == "=" else _apply(operator[:-1], self._value(name), right))
        return self._ternary()

    def _ternary(self) -> int:
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        yes = self._assignment()
        if not self._take(":"):
            raise ArithmeticFailure("arithmetic syntax error")
        no = self._assignment()
        return yes if condition else no

    def _binary(self, level: int) -> int:
        if level == len(_BINARY):
            return self._power()
        left = self._binary(level + 1)
        while operator := self._take(*_BINARY[level]):
            left = _apply(operator, left, self._binary(level + 1))
        return left

    def _power(self) -> int:
        base = self._unary()
        if not self._take("**"):
            return base
        exponent = self._power()
        if exponent < 0:
            raise ArithmeticFailure("exponent less than 0")
        return _wrap(pow(base, exponent, 1 << 64))

    def _unary(self) -> int:
        operator = self._take("-", "+", "!", "~", "++", "--")
        if operator in ("++", "--"):
            name = self._peek()
            self.at += 1
            return self._set(name, self._value(name) + (1 if operator == "++" else -1))
        if operator:
            operand = self._unary()
            return _wrap({"-": -operand, "+": operand, "!": int(not operand), "~": ~operand}[operator])
        return self._primary()

    def _primary(self) -> int:
        if self._take("("):
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise ArithmeticFailure("expression too deep")
            inner = self._assignment()
            self.depth -= 1
            if not self._take(")"):
                raise ArithmeticFailure("arithmetic syntax error")
            return inner
        token = self._peek()
        self.at += 1
        if token[:1].isdigit():
            return _wrap(int(token, 16) if token[:2].lower() == "0x" else int(token, 8) if re.fullmatch(r"0[0-7]+", token) else int(token))
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise ArithmeticFailure("arithmetic syntax error")
        number = self._value(token)
        step = self._take("++", "--")
        if step:
            self._set(token, number + (1 if step == "++" else -1))
        return number


def _apply(operator: str, left: int, right: int) -> int:
    if operator in ("/", "%"):
        if right == 0:
            raise ArithmeticFailure("divide by zero")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return _wrap(quotient if operator == "/" else left - quotient * right)
    return _wrap(_OPERATIONS[operator](left, right))


def _wrap(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: int(bool(a) or bool(b)),
    "&&": lambda a, b: int(bool(a) and bool(b)),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<<": lambda a, b: a << (b % 64),
    ">>": lambda a, b: a >> (b % 64),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}
