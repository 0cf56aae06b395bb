"""Text scenarios: a command, ``----``, and everything that it answered. ``KUBELAB_REWRITE=1`` writes the answers anew; review the diff.

A file ``NAME.txt`` is a list of blocks, separated by empty lines. Lines that begin with ``#`` are comments. Commands:

    cluster nodes=3 seed=7 …        a new cluster (before anything else)
    apply PATH | apply <<YAML       a manifest of the repository, or the lines up to ``YAML``
    run 30s | run until REF ready   let time pass
    settle | settle 5m
    get KIND [-l SELECTOR] [-o wide]
    scale REF N | delete REF | image REF CONTAINER=IMAGE | patch REF JSON | partition REF N
    undo REF [N] | history REF | status REF | restart REF
    fault TYPE key=value …
    cordon NODE | uncordon NODE | drain NODE [FLAG …] [NAME=VALUE …]
    why REF | events REF | pods-over-time
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import kubelab as kl
from kubelab.cluster import references, tables
from kubelab.cluster.rollout import RolloutError

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")  # they say nothing, and change with every other object
ROOT = Path(__file__).parent.parent.parent


def blocks(text: str) -> list[tuple[str, str]]:
    """(command with its heredoc and comments, expected answer)."""
    found = []
    for block in text.strip("\n").split("\n\n"):
        command, _, answer = block.partition("\n----")
        found.append((command.strip("\n"), answer.strip("\n")))
    return found


def play(path: Path) -> tuple[str, str]:
    """The file's text, and what it would be after a rewrite."""
    text = path.read_text()
    player = Player()
    written = []
    for command, _ in blocks(text):
        lines = [line for line in command.splitlines() if not line.startswith("#")]
        if not lines:
            written.append(command)
            continue
        answer = player.do("\n".join(lines))
        written.append(f"{command}\n----\n{answer}".rstrip("\n"))
    new = "\n\n".join(written) + "\n"
    if os.environ.get("KUBELAB_REWRITE"):
        path.write_text(new)
    return text, new


class Player:
    """Keeps the cluster between commands."""

    def __init__(self) -> None:
        self.cluster = kl.Cluster(nodes=3, seed=1)

    def do(self, command: str) -> str:
        head, _, body = command.partition("\n")
        words = shlex.split(head)
        handler = getattr(self, f"do_{words[0].replace('-', '_')}", None)
        if handler is None:
            raise ValueError(f"unknown command {words[0]!r} in {command!r}")
        try:
            return _UID.sub("UID", str(handler(words[1:], body)))
        except (kl.ApiError, kl.ManifestError, kl.Unsettled, RolloutError, ValueError) as error:
            return f"error: {error}".replace(f"{ROOT}/", "")

    def do_cluster(self, words: list[str], _: str) -> str:
        options = dict(word.split("=", 1) for word in words)
        numbers = {name: int(item) if item.isdigit() else item for name, item in options.items()}
        self.cluster = kl.Cluster(**numbers)  # type: ignore[arg-type]
        return ""

    def do_apply(self, words: list[str], body: str) -> str:
        source = body.removesuffix("YAML").rstrip("\n") if words[0].startswith("<<") else str(ROOT / words[0])
        result = self.cluster.apply(source)
        found = result if isinstance(result, list) else [result]
        return "\n".join(f"{references.parse(obj)} applied" for obj in found)

    def do_run(self, words: list[str], _: str) -> str:
        if words[0] == "until":
            self.cluster.run(until=" ".join(words[1:]))
        else:
            self.cluster.run(words[0])
        return f"{self.cluster.elapsed:.1f}s"

    def do_settle(self, words: list[str], _: str) -> str:
        self.cluster.settle(words[0] if words else "1h")
        return f"{self.cluster.elapsed:.1f}s"

    def do_get(self, words: list[str], _: str) -> str:
        kind = references.kind_of(words[0])
        selector = words[words.index("-l") + 1] if "-l" in words else ""
        objects = self.cluster.list(words[0], selector=selector)
        if not objects:
            return "No resources found in default namespace."
        return tables.text(tables.cells(kind, objects, self.cluster._engine.now_ns, wide="wide" in words))

    def do_scale(self, words: list[str], _: str) -> str:
        self.cluster.scale(words[0], int(words[1]))
        return f"{words[0]} scaled"

    def do_delete(self, words: list[str], _: str) -> str:
        self.cluster.delete(words[0], cascade=words[1] if len(words) > 1 else None)
        return f"{words[0]} deleted"

    def do_image(self, words: list[str], _: str) -> str:
        containers = [dict(zip(("name", "image"), word.split("=", 1), strict=True)) for word in words[1:]]
        self.cluster.patch(words[0], {"spec": {"template": {"spec": {"containers": containers}}}})
        return f"{words[0]} image updated"

    def do_patch(self, words: list[str], _: str) -> str:
        self.cluster.patch(words[0], json.loads(words[1]), type="merge")
        return f"{words[0]} patched"

    def do_undo(self, words: list[str], _: str) -> str:
        return self.cluster.rollout(words[0]).undo(int(words[1]) if len(words) > 1 else 0)

    def do_history(self, words: list[str], _: str) -> str:
        return "\n".join(f"{item.revision}   {item.change_cause}" for item in self.cluster.rollout(words[0]).history())

    def do_status(self, words: list[str], _: str) -> str:
        return self.cluster.rollout(words[0]).status()

    def do_restart(self, words: list[str], _: str) -> str:
        return self.cluster.rollout(words[0]).restart()

    def do_fault(self, words: list[str], _: str) -> str:
        fields = {name: item.split(",") if name != "duration" else item for name, item in (word.split("=", 1) for word in words[1:])}
        return f"fault/{self.cluster.fault(words[0], **fields)['metadata']['name']}"

    def do_cordon(self, words: list[str], _: str) -> str:
        return self.cluster.cordon(words[0])

    def do_uncordon(self, words: list[str], _: str) -> str:
        return self.cluster.uncordon(words[0])

    def do_drain(self, words: list[str], _: str) -> str:
        options = {name: value or True for name, _, value in (word.partition("=") for word in words[1:])}
        try:
            return self.cluster.drain(words[0], **options)  # type: ignore[arg-type]
        except kl.DrainError as error:
            return "\n".join((*error.said, f"error: {error}"))

    def do_why(self, words: list[str], _: str) -> str:
        return str(self.cluster.why_not(words[0]))

    def do_events(self, words: list[str], _: str) -> str:
        reference = references.parse(words[0])
        events = [
            event
            for event in self.cluster.list("events")
            if event["involvedObject"].get("name") == reference.name and event["involvedObject"].get("kind") == reference.kind.kind
        ]
        events.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        rows = [["TYPE", "REASON", "FROM", "MESSAGE"]]
        for event in events:
            source = (event.get("source") or {}).get("component") or event.get("reportingComponent", "")
            times = f" (x{event['count']})" if event.get("count", 1) > 1 else ""
            rows.append([event["type"], event["reason"], source, event["message"] + times])
        return tables.text(rows)
