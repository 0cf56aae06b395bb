"""Parser of commands: a script's text to its syntax tree.

Upstream: POSIX.1-2017 Shell Command Language, 2.10 (grammar); messages of busybox shell/ash.c.
"""

from __future__ import annotations

import re
from dataclasses import replace

from kubelab.cri.shell.syntax import (
    AndOr,
    Case,
    For,
    Function,
    Group,
    If,
    Loop,
    Node,
    Pipeline,
    Redirect,
    Sequence,
    ShellSyntaxError,
    Simple,
    Subshell,
    Text,
    Word,
)
from kubelab.cri.shell.words import MAX_DEPTH, WordParser

_RESERVED = frozenset("if then else elif fi while until do done for case esac { } ! in".split())
_CLOSERS = frozenset("then else elif fi do done esac }".split())
_BLANK = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?")
_BARE = re.compile(r"[^\s;&|<>()'\"\\$`]+(?=[\s;&|<>()]|$)")
_REDIRECT = re.compile(r"(&>>|&>)|([0-9]?)(>>|>&|<&|<<-|<<<|<<|>\||>|<)")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=", re.ASCII)
_FUNCTION = re.compile(r"([A-Za-z_][\w-]*)[ \t]*\([ \t]*\)", re.ASCII)
_FUNCTION_WORD = re.compile(r"function[ \t]+([A-Za-z_][\w-]*)[ \t]*(?:\([ \t]*\))?", re.ASCII)


def parse(script: str) -> Sequence:
    """The tree of a whole script; ShellSyntaxError."""
    parser = Parser(script)
    tree = parser.sequence()
    if parser.pos < len(parser.text):
        raise ShellSyntaxError(f'unexpected "{parser.next_token()}"')
    return tree


class Parser(WordParser):
    """Recursive descent over the text; here-documents are cut out of the lines that follow."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.resume: dict[int, int] = {}

    def sequence(self) -> Sequence:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ShellSyntaxError("nested too deeply")
        items: list[tuple[Node, bool]] = []
        while True:
            self._newlines()
            if self.pos >= len(self.text) or self._at_closer():
                break
            node = self._and_or()
            self._blank()
            background = self.text.startswith("&", self.pos) and not self.text.startswith("&&", self.pos)
            items.append((node, background))
            if background:
                self.pos += 1
            elif self.text.startswith(";", self.pos) and not self.text.startswith(";;", self.pos):
                self.pos += 1
            elif not self.text.startswith("\n", self.pos):
                break
        self.depth -= 1
        return Sequence(tuple(items))

    def body_of_substitution(self) -> Sequence:
        body = self.sequence()
        self._expect(")")
        return body

    def next_token(self) -> str:
        """What stands at the position, for an error message."""
        self._blank()
        rest = self.text[self.pos :]
        found = re.match(r"\n|;;|&&|\|\||[;&|<>()]|[^\s;&|<>()]+", rest)
        if found is None:
            return "end of file"
        return "newline" if found[0] == "\n" else found[0]

    def _blank(self) -> None:
        found = _BLANK.match(self.text, self.pos)
        assert found is not None
        self.pos = found.end()

    def _newlines(self) -> None:
        while True:
            self._blank()
            if not self.text.startswith("\n", self.pos):
                return
            self.pos = self.resume.get(self.pos, self.pos + 1)

    def _bare(self) -> str:
        """The unquoted word at the position, if it is one without anything to expand."""
        found = _BARE.match(self.text, self.pos)
        return found[0] if found else ""

    def _at_closer(self) -> bool:
        return self.text[self.pos] == ")" or self.text.startswith(";;", self.pos) or self._bare() in _CLOSERS

    def _expect(self, token: str) -> None:
        self._newlines()
        if token.isalpha() or token in "{}":
            matches = self._bare() == token
        else:
            matches = self.text.startswith(token, self.pos)
        if not matches:
            raise ShellSyntaxError(f'unexpected "{self.next_token()}" (expecting "{token}")')
        self.pos += len(token)

    def _and_or(self) -> Node:
        left = self._pipeline()
        while True:
            self._blank()
            operator = self.text[self.pos : self.pos + 2]
            if operator not in ("&&", "||"):
                return left
            self.pos += 2
            self._newlines()
            left = AndOr(left, operator, self._pipeline())

    def _pipeline(self) -> Node:
        self._blank()
        negated = False
        while self._bare() == "!":
            negated = not negated
            self.pos += 1
            self._blank()
        commands = [self._command()]
        while True:
            self._blank()
            if not self.text.startswith("|", self.pos) or self.text.startswith("||", self.pos):
                break
            self.pos += 1
            self._newlines()
            commands.append(self._command())
        return commands[0] if len(commands) == 1 and not negated else Pipeline(tuple(commands), negated)

    def _command(self) -> Node:
        self._blank()
        word = self._bare()
        node: Node
        if self.text.startswith("((", self.pos) and (end := self._arithmetic_end(self.pos + 2)) >= 0:
            expression = self.quoted_text(self.text[self.pos + 2 : end])
            self.pos = end + 2
            return Simple((), ((Text("let", True),), expression), ())
        if self.text.startswith("(", self.pos):
            self.pos += 1
            node = Subshell(self.body_of_substitution())
        elif word in _COMPOUND:
            self.pos += len(word)
            node = _COMPOUND[word](self)
        elif word == "[[":
            return self._conditional()
        elif found := (_FUNCTION_WORD.match(self.text, self.pos) or _FUNCTION.match(self.text, self.pos)):
            self.pos = found.end()
            self._newlines()
            return Function(found[1], self._command())
        elif word in _RESERVED:
            raise ShellSyntaxError(f'unexpected "{word}"')
        else:
            return self._simple()
        redirects = self._redirects()
        return Group(node, redirects) if redirects else node

    def _simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self._blank()
            redirect = self._redirect()
            if redirect is not None:
                redirects.append(redirect)
                continue
            found = _ASSIGNMENT.match(self.text, self.pos) if not words else None
            if found:
                self.pos = found.end()
                assignments.append((found[1] + found[2], self.word()))
                continue
            word = self.word()
            if not word:
                break
            words.append(word)
        if not (assignments or words or redirects):
            raise ShellSyntaxError(f'unexpected "{self.next_token()}"')
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def _conditional(self) -> Simple:
        """`[[ … ]]`: operators are words here."""
        words: list[Word] = [(Text("[[", True),)]
        self.pos += 2
        while True:
            self._newlines()
            if self._bare() == "]]":
                self.pos += 2
                return Simple((), tuple(words), self._redirects())
            operator = re.compile(r"&&|\|\||[<>()]").match(self.text, self.pos)
            if operator and words[-1] != (Text("=~", False),):
                self.pos = operator.end()
                words.append((Text(operator[0], False),))
                continue
            stop = frozenset(" \t\n") if words[-1] == (Text("=~", False),) else frozenset(" \t\n;&|<>()")
            word = self.word(stop)
            if not word:
                raise ShellSyntaxError(f'unexpected "{self.next_token()}" (expecting "]]")')
            words.append(word)

    def _redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while True:
            self._blank()
            redirect = self._redirect()
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def _redirect(self) -> Redirect | None:
        found = _REDIRECT.match(self.text, self.pos)
        if found is None:
            return None
        self.pos = found.end()
        self._blank()
        both, digit, operator = found[1], found[2], found[3]
        if both:
            return Redirect(1, both, self.word())
        fd = int(digit) if digit else (0 if operator[0] == "<" else 1)
        if operator in ("<<", "<<-"):
            return Redirect(fd, "<<", self._here_document(strip_tabs=operator == "<<-"))
        if operator == "<<<":
            return Redirect(fd, "<<", (*self.word(), Text("\n", True)))
        target = self.word()
        if not target:
            raise ShellSyntaxError(f'unexpected "{self.next_token()}"')
        return Redirect(fd, ">" if operator == ">|" else operator, target)

    def _here_document(self, *, strip_tabs: bool) -> Word:
        delimiter = self.word()
        literal = any(part.quoted for part in delimiter)
        end_line = "".join(part.text for part in delimiter if isinstance(part, Text))
        line_end = self.text.find("\n", self.pos)
        line_end = len(self.text) if line_end < 0 else line_end
        start = self.resume.get(line_end, line_end + 1)
        lines: list[str] = []
        pos = start
        while pos < len(self.text):
            stop = self.text.find("\n", pos)
            stop = len(self.text) if stop < 0 else stop
            line = self.text[pos:stop]
            pos = stop + 1
            if strip_tabs:
                line = line.lstrip("\t")
            if line == end_line:
                break
            lines.append(line + "\n")
        self.resume[line_end] = min(pos, len(self.text))
        body = "".join(lines)
        return (Text(body, True),) if literal else self.quoted_text(body)

    def _group(self) -> Node:
        body = self.sequence()
        self._expect("}")
        return body

    def _if(self) -> If:
        condition = self.sequence()
        self._expect("then")
        then = self.sequence()
        self._newlines()
        word = self._bare()
        if word == "elif":
            self.pos += 4
            self.depth += 1
            nested = self._if()
            self.depth -= 1
            return If(condition, then, nested)
        otherwise = None
        if word == "else":
            self.pos += 4
            otherwise = self.sequence()
        self._expect("fi")
        return If(condition, then, otherwise)

    def _while(self) -> Loop:
        condition = self.sequence()
        self._expect("do")
        body = self.sequence()
        self._expect("done")
        return Loop(condition, body, until=False)

    def _until(self) -> Loop:
        return replace(self._while(), until=True)

    def _for(self) -> For:
        self._blank()
        variable = self._bare()
        if not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise ShellSyntaxError("bad for loop variable")
        self.pos += len(variable)
        self._newlines()
        words: tuple[Word, ...] = (self.quoted_text("$@"),)
        if self._bare() == "in":
            self.pos += 2
            listed: list[Word] = []
            self._blank()
            while word := self.word():
                listed.append(word)
                self._blank()
            words = tuple(listed)
        self._blank()
        if self.text.startswith(";", self.pos):
            self.pos += 1
        self._expect("do")
        body = self.sequence()
        self._expect("done")
        return For(variable, words, body)

    def _case(self) -> Case:
        self._blank()
        subject = self.word()
        self._expect("in")
        branches: list[tuple[tuple[Word, ...], Sequence]] = []
        while True:
            self._newlines()
            if self._bare() == "esac":
                self.pos += 4
                return Case(subject, tuple(branches))
            if self.text.startswith("(", self.pos):
                self.pos += 1
            patterns: list[Word] = []
            while True:
                self._blank()
                patterns.append(self.word())
                self._blank()
                if not self.text.startswith("|", self.pos):
                    break
                self.pos += 1
            self._expect(")")
            branches.append((tuple(patterns), self.sequence()))
            self._newlines()
            if self.text.startswith(";;", self.pos):
                self.pos += 2
            elif self._bare() != "esac":
                raise ShellSyntaxError(f'unexpected "{self.next_token()}" (expecting ";;")')


_COMPOUND = {
    "{": Parser._group,
    "if": Parser._if,
    "while": Parser._while,
    "until": Parser._until,
    "for": Parser._for,
    "case": Parser._case,
}
