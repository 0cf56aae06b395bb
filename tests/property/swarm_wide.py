"""The wide swarm: random worlds of every kind of workload under every kind of trouble, as text scenarios.

Phase one: users and fate act, and after each stretch of time what must always hold is checked. Phase two: all is healed, and the world must
come to rest in the state that was asked for. A world that breaks a promise is shrunk to the commands that it needs, and printed as a text
scenario, to be kept under ``tests/scenario``.

    python -m tests.property.swarm_wide 100            a hundred seeds
    python -m tests.property.swarm_wide 700 799        those from 700 up to 799
    python -m tests.property.swarm_wide shrink 712     the shortest story that goes as wrong as this one
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import kubelab as kl
from tests.invariants import Mutations
from tests.property import promises, swarm_story
from tests.property.promises import Broken
from tests.scenario.runner import Player

HOT = 150  # calls a second, for longer than it takes until a node that refuses pods has its taint
CHECKED = ("run", "settle", "reload")
Sabotage = Callable[[kl.Cluster], None]


class Wrong(AssertionError):
    """A promise is broken: ``rule``, and the commands up to here."""

    def __init__(self, rule: str, words: str, commands: Sequence[str]) -> None:
        super().__init__(f"{rule}: {words}\n\n{as_scenario(commands)}")
        self.rule, self.words, self.commands = rule, words, list(commands)


class Teller:
    """Plays commands and looks after each stretch of time."""

    def __init__(self, sabotage: Sabotage | None = None) -> None:
        self.player, self.sabotage, self.mutations = Player(), sabotage, Mutations()
        self.done: list[str] = []
        self.calls, self.seconds = 0, 0.0
        self.watcher = promises.Watcher()

    def tell(self, command: str, *, resting: bool = False) -> None:
        self.done.append(command)
        try:
            answer = self.player.do(command)
        except Exception as error:
            raise Wrong(type(error).__name__, str(error), self.done) from error
        word = command.split(maxsplit=1)[0]
        if word == "cluster" and self.sabotage is not None:
            self.sabotage(self.player.cluster)
        if resting and answer.startswith("error: "):
            raise Wrong("unsettled" if "still" in answer and self._is_there(command) else "refused", answer, self.done)
        if word in CHECKED:
            self._look(promises.always(self.player.cluster))
        if command == "check rest":
            self._look([*promises.always(self.player.cluster), *promises.at_rest(self.player.cluster)])

    def _is_there(self, command: str) -> bool:
        words = command.split()
        try:
            return words[1] != "until" or bool(self.player.cluster[words[2]])
        except kl.ApiError:
            return False

    def _look(self, found: Iterable[Broken]) -> None:
        store = self.player.cluster._engine.store
        if self.done[-1] == "reload":
            self.mutations = Mutations()
        broken = [*found, *self.watcher.broken(self.player.cluster), *(("mutation", text) for text in self.mutations.complaints(store))]
        self.mutations.watch(store)
        calls, seconds = len(store.log.calls), self.player.cluster.elapsed
        if calls - self.calls > HOT * max(20, seconds - self.seconds):
            broken.append(("hot loop", f"{calls - self.calls} calls in {seconds - self.seconds:.0f} s"))
        self.calls, self.seconds = calls, seconds
        if broken:
            raise Wrong(broken[0][0], "\n".join(f"{rule}: {text}" for rule, text in broken), self.done)


def one_world(seed: int, *, sabotage: Sabotage | None = None) -> list[str]:
    """The commands of a world that has kept all promises; raises Wrong."""
    story, commands = swarm_story.beginning(seed)
    teller = Teller(sabotage)
    for command in commands:
        teller.tell(command)
    for _ in range(4 + story.draw.below("steps", 9)):
        command = swarm_story.next_command(story, teller.player.cluster)
        if command:
            teller.tell(command)
        teller.tell(swarm_story.pause(story))
    for command in swarm_story.healing(story):
        teller.tell(command)
    for command in swarm_story.resting(story):
        teller.tell(command, resting=True)
    return teller.done


# -- shrinking ---------------------------------------------------------------------------------------------------------------------
def goes_wrong(commands: Sequence[str], rule: str) -> bool:
    """Whether the commands break a promise of that rule. Waits of the end count as the resting phase."""
    teller = Teller()
    healed = next((at for at, command in enumerate(commands) if command == "heal"), len(commands))
    try:
        for at, command in enumerate(commands):
            teller.tell(command, resting=at > healed and command.startswith(("run until", "settle", "check")))
    except Wrong as wrong:
        return wrong.rule == rule
    return False


def shrunk(commands: Sequence[str], rule: str, *, wrong: Callable[[Sequence[str], str], bool] = goes_wrong) -> list[str]:
    """The commands without all that can be left out: first halves, then quarters, at last one by one (Zeller's ddmin). The first stays."""
    kept, size = list(commands), max(1, len(commands) // 2)
    while size:
        at = 1
        while at < len(kept):
            fewer = kept[:at] + kept[at + size :]
            if wrong(fewer, rule):
                kept = fewer
            else:
                at += size
        size = size // 2 if size > 1 else 0
    return kept


def as_scenario(commands: Iterable[str]) -> str:
    """A text scenario; ``KUBELAB_REWRITE=1`` fills in the answers."""
    return "\n\n".join(f"{command}\n----" for command in commands) + "\n"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["shrink"]:
        try:
            one_world(int(arguments[1]))
        except Wrong as wrong:
            print(f"# {wrong.rule}: {wrong.words}\n{as_scenario(shrunk(wrong.commands, wrong.rule))}")
        return 0
    numbers = [int(word) for word in arguments] or [20]
    seeds = range(numbers[0]) if len(numbers) == 1 else range(numbers[0], numbers[1] + 1)
    began, failed = perf_counter(), []
    for seed in seeds:
        try:
            one_world(seed)
        except Wrong as wrong:
            failed.append(seed)
            print(f"seed {seed}: {wrong.rule}: {wrong.words[:400]}", flush=True)
    print(f"{len(seeds)} worlds in {perf_counter() - began:.0f} s, {len(failed)} went wrong: {failed}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
