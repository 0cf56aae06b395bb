"""Members of a replicated log with a leader: what etcd and ZooKeeper have in common.

A member starts, looks for peers, takes part in an election once a majority of the ensemble sees each other, then leads or follows.
It loses that role when its leader or the majority is gone. What is written is in the log of every member in the quorum, on its
volume, and survives the pod. Sources: Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014);
Junqueira, Reed, Serafini, "Zab" (2011). Messages are not modelled: members look at each other's state when something has changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Answer, Changed, Effect, ExecResult, Exit, Log, PeerView
from kubelab.cri.programs.base import Base, run_command
from kubelab.cri.programs.pages import read_container_file
from kubelab.cri.programs.settings import family, ordinal
from kubelab.cri.shell.files import Denied, FileView
from kubelab.cri.site import Inside
from kubelab.world.codec import value

SECOND_NS = 1_000_000_000
STARTING, LOOKING, LEADING, FOLLOWING = "starting", "looking", "leading", "following"


@value
@dataclass(frozen=True, slots=True)
class Member:
    """State of a member; `index` counts the entries of its log, `leader` is a pod's name, `leader_started_ns` that incarnation."""

    pod_name: str
    ordinal: int
    ensemble: int
    directory: str
    started_ns: int
    ready_ns: int
    role: str = STARTING
    since_ns: int = 0
    leader: str = ""
    leader_started_ns: int = 0
    epoch: int = 0
    index: int = 0
    store: dict[str, str] = field(default_factory=dict)
    joined: bool = False
    wake_ns: int | None = None
    files: dict[str, str] = field(default_factory=dict)
    ending: str = ""

    @property
    def in_quorum(self) -> bool:
        """Whether it serves requests."""
        return self.role in (LEADING, FOLLOWING)


class QuorumProgram(Base):
    """What the two servers share; a subclass says how it is set up, what it prints and answers."""

    log_file = "log"
    startup_ns = 1 * SECOND_NS
    election_ns = 1 * SECOND_NS
    term_exit_code = 0

    def ensemble(self, spec: ContainerSpec) -> int:
        """Number of voting members that the manifest sets up."""
        raise NotImplementedError

    def directory(self, spec: ContainerSpec) -> str:
        """Data directory."""
        raise NotImplementedError

    def started(self, spec: ContainerSpec, member: Member) -> dict[str, str]:
        """Files that the server writes at its start, by absolute path."""
        return {}

    def speak(self, member: Member) -> str:
        """Log line for a new role."""
        raise NotImplementedError

    def desk(self, spec: ContainerSpec, member: Member, now_ns: int, world: World) -> Desk:
        """Who answers the commands of one exec."""
        raise NotImplementedError

    def exec(
        self, spec: ContainerSpec, state: Member, argv: tuple[str, ...], now_ns: int, world: World
    ) -> tuple[ExecResult, Any, tuple[Effect, ...]]:
        member, seen = (state, ()) if state.ending else self.advance(spec, state, now_ns, world)
        desk = self.desk(spec, member, now_ns, world)
        inside = Inside(world, lambda words: desk.answer(words) or desk.otherwise(words, argv))
        result, files, effects = run_command(spec, member.files, argv, now_ns, inside)
        after = desk.member if files == member.files else replace(desk.member, files=files | desk.member.files)
        return result, after, (*seen, *effects, *desk.effects)

    def read_file(self, spec: ContainerSpec, state: Member | None, path: str, world: World) -> str | None:
        return read_container_file(spec, state.files if state else {}, path, world)

    def group(self, spec: ContainerSpec) -> str:
        return f"{self.name}/{spec.namespace}/{family(spec)}"

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Member:
        own = ordinal(spec)
        size = self.ensemble(spec) if own >= 0 else 1
        member = Member(spec.pod_name, max(own, 0), max(1, size), self.directory(spec), now_ns, now_ns + self.startup_ns)
        member = replace(member, since_ns=now_ns, wake_ns=member.ready_ns)
        return self._recall(spec, member, world)

    def advance(self, spec: ContainerSpec, state: Member, now_ns: int, world: World) -> tuple[Member, tuple[Effect, ...]]:
        if state.ending:
            return state, (Exit(self.term_exit_code, now_ns),)
        member = self.look(spec, state, now_ns, world)
        if member == state:
            return state, ()
        effects: list[Effect] = []
        if (member.role, member.leader) != (state.role, state.leader):
            effects.append(Log("stdout", self.speak(member) + "\n", now_ns))
        if (member.epoch, member.index) != (state.epoch, state.index) or state.role == STARTING:
            member, written = self._keep(spec, member, world, first=state.role == STARTING)
            effects.extend(written)
        if (member.role, member.epoch, member.index) != (state.role, state.epoch, state.index):
            effects.append(Changed(self.group(spec)))
        return member, tuple(effects)

    def look(self, spec: ContainerSpec, member: Member, now_ns: int, world: World) -> Member:
        """The member after it has looked at its peers at this instant."""
        if now_ns < member.ready_ns:
            return member
        if member.role == STARTING:
            member = replace(member, role=LOOKING, since_ns=member.ready_ns, wake_ns=None)
        if member.ordinal >= member.ensemble:
            return member
        others = self._others(spec, member, now_ns, world)
        majority = member.ensemble // 2 + 1
        if len(others) + 1 < majority:
            return self._alone(member, now_ns)
        newer = member.epoch + (member.role == LEADING)
        leader = next((peer for peer in others if peer.role == LEADING and peer.epoch >= newer), None)
        if leader is None and member.role == LEADING:
            return self._catch_up(member, others)
        if leader is not None:
            if (member.role, member.leader, member.leader_started_ns) != (FOLLOWING, leader.pod_name, leader.started_ns):
                member = replace(
                    member, role=FOLLOWING, leader=leader.pod_name, leader_started_ns=leader.started_ns, epoch=leader.epoch,
                    since_ns=now_ns, joined=True, wake_ns=None,
                )  # fmt: skip
            return self._catch_up(member, [leader])
        if member.role == FOLLOWING:
            member = replace(member, role=LOOKING, leader="", leader_started_ns=0, since_ns=now_ns)
        return self._elect(member, others, majority, now_ns)

    def next_wake_ns(self, state: Member) -> int | None:
        return state.wake_ns

    def signal(self, spec: ContainerSpec, state: Member, sig: str, now_ns: int) -> Member:
        return replace(state, ending=sig) if sig in ("TERM", "INT", "QUIT") else state

    def describe(self, spec: ContainerSpec, state: Member, now_ns: int, world: World) -> dict[str, Any]:
        member = self.look(spec, state, now_ns, world)
        return {
            "role": member.role, "leader": member.leader, "epoch": member.epoch, "index": member.index,
            "ensemble": member.ensemble, "in_quorum": member.in_quorum,
        }  # fmt: skip

    def write(self, spec: ContainerSpec, member: Member, key: str, text: str | None, world: World) -> tuple[Member, tuple[Effect, ...]]:
        """Appends an entry to the log of a member in the quorum; the others take it over at once."""
        store = {name: old for name, old in member.store.items() if name != key}
        if text is not None:
            store[key] = text
        member, effects = self._keep(spec, replace(member, store=store, index=member.index + 1), world, first=False)
        return member, (*effects, Changed(self.group(spec)))

    def _others(self, spec: ContainerSpec, member: Member, now_ns: int, world: World) -> list[Member]:
        return [
            peer.state
            for peer in world.peers(self.group(spec))
            if votes(peer) and peer.pod_name != member.pod_name and peer.state.ordinal < member.ensemble and peer.state.ready_ns <= now_ns
        ]

    def _alone(self, member: Member, now_ns: int) -> Member:
        if member.role == LOOKING:
            return replace(member, wake_ns=None)
        return replace(member, role=LOOKING, leader="", leader_started_ns=0, since_ns=now_ns, wake_ns=None)

    def _elect(self, member: Member, others: list[Member], majority: int, now_ns: int) -> Member:
        """An election lasts from the moment when a majority looks for a leader; the one with the longest log wins."""
        since = sorted([member.since_ns, *(peer.since_ns if peer.role == LOOKING else peer.ready_ns for peer in others)])
        over_ns = since[majority - 1] + self.election_ns
        if now_ns < over_ns:
            return replace(member, wake_ns=over_ns)
        best = max([member, *others], key=self.rank)
        if best.pod_name != member.pod_name:
            return replace(member, wake_ns=None)
        epoch = max(item.epoch for item in [member, *others]) + 1
        led = replace(
            member, role=LEADING, leader=member.pod_name, leader_started_ns=member.started_ns, epoch=epoch,
            since_ns=now_ns, joined=True, wake_ns=None,
        )  # fmt: skip
        return self._catch_up(led, others)

    def rank(self, member: Member) -> tuple[int, int, int]:
        """Order of candidates: the newest log, then the highest ordinal."""
        return member.epoch, member.index, member.ordinal

    @staticmethod
    def _catch_up(member: Member, others: list[Member]) -> Member:
        newest = max([member, *(peer for peer in others if peer.in_quorum)], key=lambda item: item.index)
        return member if newest.index == member.index else replace(member, index=newest.index, store=newest.store)

    def _view(self, spec: ContainerSpec, member: Member, world: World) -> FileView:
        return FileView(member.files, spec.mounts, spec.hostname or spec.pod_name, spec.namespace, world)

    def _recall(self, spec: ContainerSpec, member: Member, world: World) -> Member:
        """What the log on the volume says; a file that is none of ours counts as an empty log."""
        try:
            found = json.loads(self._view(spec, member, world).read(f"{member.directory}/{self.log_file}"))
            epoch, index, store = int(found["epoch"]), int(found["index"]), {str(key): str(text) for key, text in found["store"].items()}
        except (Denied, ValueError, KeyError, TypeError, AttributeError):
            return member
        return replace(member, epoch=epoch, index=index, store=store, joined=True)

    def _keep(self, spec: ContainerSpec, member: Member, world: World, *, first: bool) -> tuple[Member, tuple[Effect, ...]]:
        view = self._view(spec, member, world)
        contents = {
            f"{member.directory}/{self.log_file}": json.dumps({"epoch": member.epoch, "index": member.index, "store": member.store})
        }
        if first:
            contents = self.started(spec, member) | ({} if not member.epoch else contents)
        for path, text in contents.items():
            view.make_directory(path.rpartition("/")[0])
            view.write(path, text)
        return replace(member, files=view.files), tuple(view.effects)


class Desk:
    """Answers the commands of one exec and collects what they change; a subclass knows the commands."""

    def __init__(self, program: QuorumProgram, spec: ContainerSpec, member: Member, now_ns: int, world: World) -> None:
        self.program, self.spec, self.member, self.world = program, spec, member, world
        self.up = now_ns >= member.ready_ns
        self.effects: tuple[Effect, ...] = ()

    def answer(self, words: list[str]) -> Answer | None:
        """Exit code and output; None: no such command."""
        raise NotImplementedError

    def otherwise(self, words: list[str], argv: tuple[str, ...]) -> Answer | None:
        """A script of the image that somebody asks for directly says whether the server is up; others do not exist."""
        return (0 if self.up else 1, "") if tuple(words) == argv else None

    def write(self, key: str, text: str | None) -> None:
        """Appends to the replicated log."""
        self.member, effects = self.program.write(self.spec, self.member, key, text, self.world)
        self.effects += effects


def votes(peer: PeerView) -> bool:
    """Whether a peer can take part: its process runs, packets pass, and it is a member at all."""
    return peer.up and peer.reachable and isinstance(peer.state, Member) and not peer.state.ending
