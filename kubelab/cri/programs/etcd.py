"""etcd members.

Upstream: etcd server/etcdserver/api/etcdhttp/health.go, etcdctl/ctlv3/command; manifests with `--initial-cluster`, with scripts
that make it, and of bitnami's image.
"""

from __future__ import annotations

import re
from hashlib import sha256

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Answer, HttpAnswer
from kubelab.cri.programs import tools
from kubelab.cri.programs.quorum import LEADING, Desk, Member, QuorumProgram
from kubelab.cri.programs.settings import command_text, data_directory, family, number, option

_SERVER = re.compile(r"(?:^|[\s;&/|(])etcd(?:$|\s)|entrypoint|setup\.sh")
_SIZES = ("INITIAL_CLUSTER_SIZE", "CLUSTER_SIZE", "ETCD_CLUSTER_SIZE", "ETCD_REPLICAS", "REPLICAS")
_PEER = re.compile(r"[\w.${}()-]+=https?://")
_RANGE = re.compile(r"seq\s+0\s+(\d+)|in\s+((?:\d+\s+)*\d+)\s*;")
_PORTS = (2379, 2380)


class Etcd(QuorumProgram):
    """A member; a new cluster serves nobody before a majority has met."""

    name = "etcd"
    log_file = "member/wal/0000000000000000-0000000000000000.wal"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        if tools.repository(image).rpartition("/")[2] != "etcd":
            return False
        return not command or bool(_SERVER.search(" ".join((*command, *args))))

    def ensemble(self, spec: ContainerSpec) -> int:
        sizes = [spec.env[name] for name in _SIZES if spec.env.get(name, "").isdigit()]
        if sizes:
            return number(sizes[0], 1)
        listed = option(spec, ("--initial-cluster",), ("ETCD_INITIAL_CLUSTER",))
        peers = len(_PEER.findall(listed))
        if peers > 1 or "$" not in listed:
            return max(1, peers)
        found = _RANGE.search(command_text(spec))
        if found:
            return int(found[1]) + 1 if found[1] else len(found[2].split())
        return max(1, len(_PEER.findall(command_text(spec))))

    def directory(self, spec: ContainerSpec) -> str:
        return data_directory(spec, option(spec, ("--data-dir",), ("ETCD_DATA_DIR",)), "/default.etcd")

    def rank(self, member: Member) -> tuple[int, int, int]:
        """The newest log; between equals the one whose election timer, different each term, runs out first."""
        timer = int(sha256(f"{member.pod_name} {member.epoch}".encode()).hexdigest()[:8], 16)
        return member.epoch, member.index, timer

    def speak(self, member: Member) -> str:
        name = member.pod_name
        if member.role == LEADING:
            return f"raft: {name} became leader at term {member.epoch}"
        if member.in_quorum:
            return f"raft: {name} became follower at term {member.epoch}; elected leader {member.leader}"
        return f"raft: {name} has no leader at term {member.epoch}"

    def probe_tcp(self, spec: ContainerSpec, state: Member, port: int, now_ns: int, world: World) -> bool:
        return now_ns >= state.ready_ns and (port in _PORTS or port in spec.ports)

    def probe_http(self, spec: ContainerSpec, state: Member, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        if not self.probe_tcp(spec, state, port, now_ns, world) or port == 2380:
            return None
        member = self.look(spec, state, now_ns, world)
        # The metrics listener answers from the start, the client's only once the member has joined a cluster.
        if not member.joined and port == 2379:
            return None
        if path.split("?")[0] in ("/health", "/readyz"):
            if member.in_quorum or "serializable=true" in path:
                return HttpAnswer(200, '{"health":"true","reason":""}')
            return HttpAnswer(503, '{"health":"false","reason":"RAFT NO LEADER"}')
        if path.startswith("/metrics"):
            leads = int(member.role == LEADING)
            return HttpAnswer(200, f"etcd_server_has_leader {int(member.in_quorum)}\netcd_server_is_leader {leads}\n")
        if path.startswith("/version"):
            return HttpAnswer(200, '{"etcdserver":"3.5.9","etcdcluster":"3.5.0"}')
        return HttpAnswer(200 if path.startswith("/livez") else 404, "")

    def desk(self, spec: ContainerSpec, member: Member, now_ns: int, world: World) -> Desk:
        return _Desk(self, spec, member, now_ns, world)


class _Desk(Desk):
    """The commands of the image."""

    def answer(self, words: list[str]) -> Answer | None:
        if words[0].rpartition("/")[2] != "etcdctl":
            return None
        plain = _words(words[1:])
        match plain[:2]:
            case ["endpoint", "health"] | ["cluster-health", *_]:
                return self._health()
            case ["endpoint", "status"]:
                member = self.member
                return (
                    0,
                    f"127.0.0.1:2379, {member.pod_name}, 3.5.9, 20 kB, {str(member.role == LEADING).lower()}, {member.epoch}, {member.index}\n",
                )
            case ["member", "list"]:
                return self._members()
            case ["put", key]:
                return self._put(key, " ".join(plain[2:]))
            case ["get", key]:
                if not self.member.in_quorum:
                    return 1, "Error: context deadline exceeded\n"
                text = self.member.store.get(key)
                return 0, "" if text is None else f"{key}\n{text}\n"
            case ["del", key]:
                known = key in self.member.store
                code, _ = self._put(key, None)
                return (0, f"{int(known)}\n") if code == 0 else (1, "Error: context deadline exceeded\n")
            case ["version", *_]:
                return 0, "etcdctl version: 3.5.9\nAPI version: 3.5\n"
        return (0, "") if self.member.in_quorum else (1, "Error: context deadline exceeded\n")

    def _health(self) -> Answer:
        if self.up and self.member.in_quorum:
            return 0, "127.0.0.1:2379 is healthy: successfully committed proposal: took = 2.1ms\n"
        return 1, "127.0.0.1:2379 is unhealthy: failed to commit proposal: context deadline exceeded\nError: unhealthy cluster\n"

    def _members(self) -> Answer:
        if not self.member.in_quorum:
            return 1, "Error: context deadline exceeded\n"
        lines = []
        for number_ in range(self.member.ensemble):
            name = f"{family(self.spec)}-{number_}" if self.member.ensemble > 1 else self.member.pod_name
            identity = sha256(name.encode()).hexdigest()[:16]
            lines.append(f"{identity}, started, {name}, http://{name}:2380, http://{name}:2379, false\n")
        return 0, "".join(lines)

    def _put(self, key: str, text: str | None) -> Answer:
        if not self.member.in_quorum:
            return 1, "Error: context deadline exceeded\n"
        self.write(key, text)
        return 0, "OK\n"


def _words(words: list[str]) -> list[str]:
    """The words without options and the values that options take."""
    plain: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = "=" not in word and word in (
                "--endpoints",
                "--cacert",
                "--cert",
                "--key",
                "--command-timeout",
                "-w",
                "--write-out",
                "--user",
            )
        else:
            plain.append(word)
    return plain
