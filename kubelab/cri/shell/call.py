"""One call of a command: its words, where its output goes, what it may touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubelab.cri.shell.live import Live

if TYPE_CHECKING:
    from kubelab.cri.shell.machine import Machine


@dataclass(slots=True)
class Call:
    """`words[0]` is the command's name; a command answers its exit status, None if the process now does something by itself."""

    machine: Machine
    process: Live
    words: list[str]

    @property
    def arguments(self) -> list[str]:
        """The words after the name."""
        return self.words[1:]

    def out(self, text: str) -> None:
        """Writes to standard output."""
        self.machine.write(self.process.out, text)

    def fail(self, message: str, code: int = 1) -> int:
        """Writes `NAME: message` to standard error and answers the code."""
        self.machine.write(self.process.err, f"{self.words[0]}: {message}\n")
        return code

    def flags(self, known: str) -> str:
        """Takes leading options made of the letters `known` off the words; answers the letters found."""
        found = ""
        while len(self.words) > 1 and len(self.words[1]) > 1 and self.words[1][0] == "-" and set(self.words[1][1:]) <= set(known):
            found += self.words.pop(1)[1:]
        if len(self.words) > 1 and self.words[1] == "--":
            self.words.pop(1)
        return found

    def path(self, word: str) -> str:
        """A path made absolute."""
        return self.process.path(word)
