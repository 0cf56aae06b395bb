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
    heal                            all faults end
    cordon NODE | uncordon NODE | drain NODE [FLAG …] [NAME=VALUE …]
    kill SELECTOR N | evict SELECTOR N    the N-th pod of the selected, by name
    rid IMAGE                       delete the pods with the image
    reload                          go on with what a file of the world says
    check | check rest              what is wrong (tests/property/promises.py), and what is when nothing moves any more
    why REF | events REF | pods-over-time
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from pathlib import Path

import kubelab as kl
from kubelab.cluster import references, tables
from kubelab.cluster.rollout import RolloutError
from tests.property import promises

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")  # they say nothing, and change with every other object
ROOT = Path(__file__).parent.parent.parent
SINGLE = ("duration", "delay", "share", "from_", "direction", "fill")  # of a fault's fields, those that are no lists


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
        given = [word.split("=", 1) for word in words[1:]]
        fields = {name: item if name in SINGLE else item.split(",") for name, item in given}
        return f"fault/{self.cluster.fault(words[0], **fields)['metadata']['name']}"

    def do_heal(self, _: list[str], __: str) -> str:
        faults = self.cluster.list("faults")
        for fault in faults:
            self.cluster.delete(fault)
        return "\n".join(f"fault/{fault['metadata']['name']} deleted" for fault in faults)

    def _nth(self, words: list[str]) -> str | None:
        found = self.cluster.list("pods", selector=words[0])
        names = sorted(pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"])
        return names[int(words[1]) % len(names)] if names else None

    def do_kill(self, words: list[str], _: str) -> str:
        name = self._nth(words)
        if name is None:
            return "no pods"
        self.cluster.delete(f"pod/{name}")
        return f"pod/{name} deleted"

    def do_evict(self, words: list[str], _: str) -> str:
        name = self._nth(words)
        if name is None:
            return "no pods"
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
        code, answer = self.cluster.request("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", body)
        return f"pod/{name}: {code} {answer.get('message', '')}".rstrip()

    def do_rid(self, words: list[str], _: str) -> str:
        found = [pod for pod in self.cluster.list("pods") if any(each["image"] == words[0] for each in pod["spec"]["containers"])]
        for pod in found:
            self.cluster.delete(pod)
        return "\n".join(f"pod/{pod['metadata']['name']} deleted" for pod in found)

    def do_reload(self, _: list[str], __: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "world.klab"
            self.cluster.save(path)
            self.cluster = kl.load(path)
        return f"{self.cluster.elapsed:.1f}s"

    def do_check(self, words: list[str], _: str) -> str:
        found = [*promises.always(self.cluster), *(promises.at_rest(self.cluster) if words == ["rest"] else ())]
        return "\n".join(f"{rule}: {text}" for rule, text in found) or "all well"

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
