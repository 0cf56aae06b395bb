"""What a control plane wrote, in which order, read from its audit log at level RequestResponse; and the same story played in kubelab.

Any log will do: the calls of users are the story, everything else is what components did about it. ``writes`` brings a log to a form in which
two control planes can be compared: who wrote what on which object (named by its role: the pods of a ReplicaSet have no names of their own),
which fields changed, and which write was over before which began. ``differences`` compares two of them:

* on each object the same writers make the same writes in the same order, with the same fields. A status is written as often as changes
  happen to coalesce: there the fields that were written, and what they say in the end, must be the same;
* of two writes that stand one after the other in the recorded log, none may come before the other in *every* one of ours: then they are not
  concurrent here, and kubelab has another order, unless neither is among the causes of the other (then the pace differs, not the order).

``broken_causes`` looks the other way: what made a component write in kubelab must not come after that write in the recorded log.

What 1.28 does otherwise on purpose is listed in ``CHANGED_SINCE`` with its source, and not compared.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubelab as kl
from kubelab.world.clock import parse_rfc3339, rfc3339

Object = dict[str, Any]
Token = tuple[Any, ...]
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "RequestResponse"}]}
METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
WARM_NS = 20_000_000_000
TOGETHER_NS = 200_000_000  # what users do within is one phase of the story
LISTED = ("kind", "apiVersion", "managedFields", "resourceVersion", "uid", "creationTimestamp", "selfLink")
TIMES = re.compile(r"(Time|Timestamp|startedAt|trigger-time|At)$")
KEYS = ("controller", "type", "name", "ip")  # what tells the members of a list from each other
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IP = re.compile(r"\d+\.\d+\.\d+\.\d+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")
HASH = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{7,10}(-[bcdfghjklmnpqrstvwxz2456789]{5})?|-[bcdfghjklmnpqrstvwxz2456789]{5}$")
ADDRESS = re.compile(r"\[\d+\.\d+\.\d+\.\d+\]|\[\d+\]")
WORKERS = ("pods", "replicasets", "controllerrevisions", "endpointslices", "jobs")

CHANGED_SINCE = {
    # upstream: pkg/controller/statefulset/stateful_set_control.go, 1.28
    ("statefulsets", "status.availableReplicas"),
    # upstream: pkg/controller/endpoint/endpoints_controller.go, 1.28 (podToEndpointAddressForService)
    ("endpoints", "targetRef.resourceVersion"),
    # upstream: staging/src/k8s.io/endpointslice/utils.go, 1.28: topology has become nodeName and zone, a terminating endpoint stays
    ("endpointslices", "endpoints"),
    ("endpointslices", "ports"),
    ("endpointslices", "generation"),
}


@dataclass(slots=True)
class Write:
    """One write that succeeded. ``fields``: those that changed, with what they say now; of a creation those of the body that was sent."""

    phase: int
    begun_ns: int
    done_ns: int
    writer: str
    verb: str
    what: str
    role: str
    uid: str
    fields: dict[str, Any]
    revision: int = 0

    @property
    def is_status(self) -> bool:
        """Whether a controller counts up a status, which coalesces."""
        return self.verb == "update" and (self.what.endswith("/status") or self.what in ("endpoints", "endpointslices"))

    @property
    def deed(self) -> tuple[str, str, str, tuple[str, ...]]:
        made = self.verb == "create" and self.fields
        said = tuple(sorted(f"{path}={value}" for path, value in self.fields.items())) if made else tuple(sorted(self.fields))
        return self.writer, self.verb, self.what, said


@dataclass(slots=True)
class _Reader:
    """Roles and last states of the objects of one log."""

    roles: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # by place: role and uid
    owners: dict[str, str] = field(default_factory=dict)  # uid → role
    states: dict[tuple[str, str], Object] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)

    def role(self, resource: str, name: str, made: Object | None) -> tuple[str, str]:
        if made is None:
            return self.roles.get((resource, name), (f"{resource}/{name}", ""))
        meta = made["metadata"]
        owner = next((each for each in meta.get("ownerReferences") or () if each.get("controller")), None)
        named = resource == "pods" and owner is not None and owner["kind"] == "StatefulSet"
        if owner is None or resource not in WORKERS or named:
            role = f"{resource}/{name}"
        elif resource == "pods":
            role = f"a pod of {self.owners.get(owner['uid'], owner['kind'])}"
        else:
            base = f"{resource} of {self.owners.get(owner['uid'], owner['kind'])}"
            self.made[base] += 1
            role = base if resource == "endpointslices" else f"{base} #{self.made[base]}"
        self.owners[meta["uid"]] = role
        self.roles[resource, name] = (role, meta["uid"])
        return role, meta["uid"]


def read(path: Path) -> list[Object]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


def writer_of(event: Object) -> str:
    user: str = event["user"]["username"]
    if user == "fakekubelet" or user.startswith("system:node:"):
        return "kubelet"
    return user.rpartition(":")[2] if user.startswith("system:") else "user"


def successful(events: Iterable[Object], namespace: str | None = "default") -> list[Object]:
    """The writes of one namespace, in the order in which they took effect (None: of all)."""
    kept = [
        event
        for event in events
        if event["stage"] == "ResponseComplete"
        and event["verb"] in METHODS
        and event["responseStatus"]["code"] < 300
        and (namespace is None or (event.get("objectRef") or {}).get("namespace") == namespace)
    ]
    return sorted(kept, key=lambda event: str(event["stageTimestamp"]))


def writes(events: Iterable[Object]) -> list[Write]:
    reader, phase, acted_ns, found = _Reader(), 0, 0, []
    for event in successful(events):
        reference, writer = event["objectRef"], writer_of(event)
        resource = reference["resource"]
        if resource in ("events", "serviceaccounts", "secrets", "configmaps") or writer == "apiserver":
            continue
        if writer == "user":
            phase += _ns(event["requestReceivedTimestamp"]) > acted_ns + TOGETHER_NS
            acted_ns = _ns(event["stageTimestamp"])
        answer = event.get("responseObject") or {}
        name = reference.get("name") or answer["metadata"]["name"]
        made = answer if event["verb"] == "create" and not reference.get("subresource") else None
        role, uid = reader.role(resource, name, made)
        if resource == "endpointslices" and (answer.get("addressType") or "IPv4") != "IPv4":
            continue  # 1.20 makes an empty slice of the other family for a headless service
        fields: dict[str, Any] = {}
        if answer.get("kind") not in (None, "Status"):
            before = reader.states.get((resource, name))
            if made is None:
                fields = _changed(resource, before or {}, answer)
            elif writer != "user":  # what users send is the same anyway, but for what 1.28 fills in
                fields = dict(_leaves(resource, event["requestObject"]))
            reader.states[resource, name] = answer
            if not fields and made is None:
                continue  # the same again, after a conflict
        what = f"{resource}/{reference['subresource']}" if reference.get("subresource") else resource
        times = _ns(event["requestReceivedTimestamp"]), _ns(event["stageTimestamp"])
        revision = int((answer.get("metadata") or {}).get("resourceVersion") or 0)
        found.append(Write(phase, *times, writer, event["verb"], what, role, uid, fields, revision))
    return found


def _changed(resource: str, before: Object, after: Object) -> dict[str, Any]:
    old, new = _leaves(resource, before), _leaves(resource, after)
    return {path: new.get(path) for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)}


def _leaves(resource: str, obj: Object) -> dict[str, Any]:
    several: dict[str, list[Any]] = {}
    for path, leaf in _walk(obj, ""):
        if leaf is None or TIMES.search(path) or any(kind == resource and text in path for kind, text in CHANGED_SINCE):
            continue
        path = ADDRESS.sub("[]", path)
        several.setdefault(path, []).append(_word(path, leaf))
    return {path: words[0] if len(words) == 1 else sorted(words, key=str) for path, words in several.items()}


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            if key not in LISTED or path not in ("", ".metadata"):
                yield from _walk(below, f"{path}.{key}")
    elif isinstance(value, list):
        for index, below in enumerate(value):
            key = next((below[name] for name in KEYS if below.get(name)), None) if isinstance(below, dict) else None
            yield from _walk(below, f"{path}[{key or index}]")
    else:
        yield path, value


def _word(path: str, leaf: Any) -> Any:
    """Without what is generated or hashed, addresses, and the node that the scheduler has chosen."""
    if not isinstance(leaf, str):
        return "…" if "[]" in path and isinstance(leaf, int) else leaf
    if path.endswith(("nodeName", "hostIP", "zone", "-hash", "/hash")) or UID.fullmatch(leaf):
        return "…"
    for pattern in (IP, TIME, HASH):
        leaf = pattern.sub("…", leaf)
    return leaf


def _ns(time: str) -> int:
    return parse_rfc3339(f"{time[:19]}Z") + int(f"{time[20:-1]:0<9}")


# -- the story played again ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Run:
    """A cluster that has played a story, and what was written there."""

    cluster: kl.Cluster
    writes: list[Write]
    tokens: dict[Token, Write]

    @staticmethod
    def of(cluster: kl.Cluster) -> Run:
        found = writes(cluster.audit_events())
        return Run(cluster, found, _tokens(found))


def play(events: Sequence[Object], seed: int = 1, timing: kl.Timing | None = None) -> kl.Cluster:
    """A cluster of the same (hollow) nodes, with the users' calls at their recorded instants, and half a minute more."""
    kept = successful(events, None)
    nodes = [event["requestObject"] for event in kept if writer_of(event) == "kubelet" and event["objectRef"]["resource"] == "nodes"]
    story = [event for event in kept if writer_of(event) == "user"]
    begun_ns = _ns(story[0]["requestReceivedTimestamp"])
    start_ns = (begun_ns - WARM_NS) // 1_000_000_000 * 1_000_000_000
    cluster = kl.Cluster(
        nodes, seed=seed, timing=timing or kl.Timing.preset("real-1.20-2cpu"), start=rfc3339(start_ns), audit_policy=POLICY
    )
    for event in story:
        rest_ns = _ns(event["requestReceivedTimestamp"]) - cluster._engine.now_ns
        if rest_ns > 0:
            cluster.run(rest_ns / 1e9)
        body = event.get("requestObject")
        content = "application/json"
        if event["verb"] == "patch":
            content = "application/json-patch+json" if isinstance(body, list) else "application/strategic-merge-patch+json"
        code, answer = cluster.request(METHODS[event["verb"]], event["requestURI"], body, content_type=content)
        assert code < 300, answer
    return cluster.run("30s")


# -- comparing -------------------------------------------------------------------------------------------------------------------
def differences(recorded: Sequence[Write], ours: Sequence[Run]) -> list[str]:
    """What differs from the recorded log in half of ours or more: writes and what they leave; and orders that all of ours have.

    A rollout may be overtaken by the next step of the story, where the clients have few calls a second: then its steps are others.
    """
    found: dict[str, list[str]] = {}
    for run in ours:
        for place, words in places(recorded, run).items():
            found.setdefault(place, []).append(words)
    usual = [words[0] for words in found.values() if 2 * len(words) >= len(ours)]
    return [*usual, *(words for words, caused in orders(recorded, ours) if caused)]


def places(recorded: Sequence[Write], run: Run) -> dict[str, str]:
    """Where one of ours differs from the recorded log, and how."""
    return {**_objects(recorded, run.writes), **_statuses(recorded, run.writes)}


def _by_object(found: Sequence[Write]) -> dict[tuple[int, str], Counter[tuple[Any, ...]]]:
    """(phase, role) → the sequences of deeds on its objects, as often as they stand."""
    sequences: dict[tuple[int, str, str], list[Any]] = {}
    for write in found:
        if not write.is_status:
            sequences.setdefault((write.phase, write.role, write.uid), []).append(write.deed)
    table: dict[tuple[int, str], Counter[tuple[Any, ...]]] = {}
    for (phase, role, _), deeds in sequences.items():
        table.setdefault((phase, role), Counter())[tuple(deeds)] += 1
    return table


def _objects(recorded: Sequence[Write], ours: Sequence[Write]) -> dict[str, str]:
    theirs, mine = _by_object(recorded), _by_object(ours)
    return {
        f"phase {phase}, {role}": f"phase {phase}, {role}:\n  recorded {_shown(theirs.get((phase, role)))}\n  ours     {_shown(mine.get((phase, role)))}"
        for phase, role in sorted(theirs.keys() | mine.keys())
        if theirs.get((phase, role)) != mine.get((phase, role))
    }


def _shown(table: Counter[tuple[Any, ...]] | None) -> str:
    return "; ".join(f"{count} × {list(deeds)}" for deeds, count in sorted((table or Counter()).items(), key=str)) or "nothing"


def _by_status(found: Sequence[Write]) -> dict[tuple[int, str, str, str], dict[str, Any]]:
    table: dict[tuple[int, str, str, str], dict[str, Any]] = {}
    for write in found:
        if write.is_status:
            table.setdefault((write.phase, write.role, write.writer, write.what), {}).update(write.fields)
    return table


def _statuses(recorded: Sequence[Write], ours: Sequence[Write]) -> dict[str, str]:
    theirs, mine = _by_status(recorded), _by_status(ours)
    found = {}
    for about in sorted(theirs.keys() | mine.keys()):
        one, other = theirs.get(about, {}), mine.get(about, {})
        for path in sorted(one.keys() | other.keys()):
            if one.get(path, _NOTHING) != other.get(path, _NOTHING):
                place = f"phase {about[0]}, {about[1]}: {about[2]} leaves {path}"
                found[place] = f"{place} at {one.get(path, '-')!r} (ours: {other.get(path, '-')!r})"
    return found


_NOTHING = object()


def _tokens(found: Sequence[Write]) -> dict[Token, Write]:
    """Writes by what they are in any log: the n-th of their kind in their phase; of a status the one that brings a field to its last value."""
    final = _by_status(found)
    table: dict[Token, Write] = {}
    count: Counter[Token] = Counter()
    for write in found:
        about: Token = (write.phase, write.role, write.writer, write.what)
        if write.is_status:
            for path, value in write.fields.items():
                if final[about][path] == value:  # type: ignore[index]
                    table[(*about, f"{path}={value}")] = write  # of several the last
        else:
            kind = (*about, write.verb)
            count[kind] += 1
            table[(*kind, count[kind])] = write
    return table


def orders(recorded: Sequence[Write], ours: Sequence[Run]) -> Iterator[tuple[str, bool]]:
    """Pairs that the recorded log has the other way round than every one of ours; and whether the first is a cause of the other in any."""
    theirs, mine = _tokens(recorded), [run.tokens for run in ours]
    common = [token for token in theirs if all(token in table for table in mine)]
    for number, one in enumerate(common):
        for other in common[number + 1 :]:
            if one[0] != other[0]:
                continue
            first, then = (one, other) if _before(theirs[one], theirs[other]) else (other, one)
            if _before(theirs[first], theirs[then]) and all(_before(table[then], table[first]) for table in mine):
                caused = any(_is_caused(run.cluster, run.tokens[first], run.tokens[then]) for run in ours)
                yield f"phase {one[0]}: recorded {_named(first)} before {_named(then)}, ours the other way round", caused


def _is_caused(cluster: kl.Cluster, effect: Write, cause: Write) -> bool:
    """Whether one write is among the causes of another, or both are steps of one worker on one object."""
    if (effect.writer, effect.role) == (cause.writer, cause.role):
        return True
    log, revision = cluster._engine.store.log, effect.revision
    while revision > cause.revision:
        revision = log.calls[log.at(revision).call].cause
    return revision > 0 and revision == cause.revision


def broken_causes(recorded: Sequence[Write], run: Run) -> tuple[int, list[str]]:
    """How many causes of our log stand in the recorded one too, and those that come there after their effect.

    A cause is the write whose watch event made a component write; what it makes of several is its affair, so that writes of a status count
    neither as causes nor as effects.
    """
    theirs, log = _tokens(recorded), run.cluster._engine.store.log
    by_revision = {write.revision: token for token, write in run.tokens.items() if write.revision and not write.is_status}
    count, found = 0, []
    for revision, effect in by_revision.items():
        cause = by_revision.get(log.calls[log.at(revision).call].cause)
        if cause is None or cause not in theirs or effect not in theirs:
            continue
        count += 1
        if _before(theirs[effect], theirs[cause]):
            found.append(f"{_named(effect)} because of {_named(cause)}, but recorded before it")
    return count, found


def told(events: Iterable[Object]) -> Counter[tuple[str, str, str]]:
    """Events by who tells them, reason and words, with their counts (of a patched one the last)."""
    last: dict[str, tuple[tuple[str, str, str], int]] = {}
    for event in successful(events):
        body = event.get("responseObject") or {}
        if event["objectRef"]["resource"] != "events" or "involvedObject" not in body:
            continue
        words = re.sub(r" from \d+$", "", _word("message", body["message"]))  # 1.28 says how many there were
        last[body["metadata"]["name"]] = ((body["source"].get("component", ""), body["reason"], words), body.get("count", 1))
    found: Counter[tuple[str, str, str]] = Counter()
    for kind, count in last.values():
        found[kind] += count
    return found


def _before(one: Write, other: Write) -> bool:
    return one.done_ns <= other.begun_ns


def _named(token: Token) -> str:
    return f"[{token[2]} {token[3]} {token[1]} {' '.join(map(str, token[4:]))}]"
