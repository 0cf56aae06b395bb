"""ZooKeeper servers.

Upstream: zookeeper zookeeper-server/src/main/java/org/apache/zookeeper/server (four-letter words, roles); the manifests of the
Kubernetes tutorial (registry.k8s.io/kubernetes-zookeeper), of the official image, of bitnami and Confluent.
"""

from __future__ import annotations

import re

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Answer, HttpAnswer
from kubelab.cri.programs import tools
from kubelab.cri.programs.quorum import LEADING, LOOKING, Desk, Member, QuorumProgram
from kubelab.cri.programs.settings import data_directory, number, option

_IMAGES = ("zookeeper", "kubernetes-zookeeper", "k8szk", "cp-zookeeper")
_ENTRY = re.compile(r"start-zookeeper|zkServer|zkGenConfig|docker-entrypoint|zookeeper-server-start|/etc/confluent|run\.sh|entrypoint")
_VERSION = "3.8.4"
_NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n"
_SERVERS = re.compile(r"(?:server\.\d+=)?[\w.${}()-]+:\d+(?::\d+)?(?::(?:participant|observer))?(?:;\d+)?(?:::\d+)?")


class ZooKeeper(QuorumProgram):
    """A member of an ensemble; without servers configured it is standalone, as the image is."""

    name = "zookeeper"
    log_file = "version-2/log.1"
    startup_ns = 2_000_000_000
    election_ns = 500_000_000
    term_exit_code = 143

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        if tools.repository(image).rpartition("/")[2] not in _IMAGES:
            return False
        return not command or bool(_ENTRY.search(" ".join((*command, *args))))

    def ensemble(self, spec: ContainerSpec) -> int:
        counted = option(spec, ("--servers",), ("ZK_REPLICAS", "ZOO_SERVERS_COUNT"))
        listed = option(spec, (), ("ZOO_SERVERS", "ZOOKEEPER_SERVERS"))
        if counted.isdigit():
            return number(counted, 1)
        return max(1, len(_SERVERS.findall(listed)))

    def directory(self, spec: ContainerSpec) -> str:
        named = option(spec, ("--data_dir",), ("ZOO_DATA_DIR", "ZK_DATA_DIR", "ZOOKEEPER_DATA_DIR"))
        return data_directory(spec, named, "/data")

    def started(self, spec: ContainerSpec, member: Member) -> dict[str, str]:
        return {f"{member.directory}/myid": f"{member.ordinal + 1}\n"}

    def speak(self, member: Member) -> str:
        if member.role == LOOKING:
            return f"[myid:{member.ordinal + 1}] - INFO  [QuorumPeer] - LOOKING"
        return f"[myid:{member.ordinal + 1}] - INFO  [QuorumPeer] - {member.role.upper()} - LEADER is {member.leader}, epoch {member.epoch}"

    def probe_tcp(self, spec: ContainerSpec, state: Member, port: int, now_ns: int, world: World) -> bool:
        if now_ns < state.ready_ns:
            return False
        if port == 2888:
            return self.look(spec, state, now_ns, world).role == LEADING and state.ensemble > 1
        return port in (2181, 3888, 8080) or port in spec.ports

    def probe_http(self, spec: ContainerSpec, state: Member, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        if now_ns < state.ready_ns or port not in (2181, 8080):
            return None
        member = self.look(spec, state, now_ns, world)
        if path.startswith("tcp:"):
            return HttpAnswer(0, _four_letters(member, path[4:])) if port == 2181 else None
        if port == 8080 and path.startswith("/commands/ruok"):
            return HttpAnswer(200, '{\n  "command" : "ruok",\n  "error" : null\n}\n')
        return HttpAnswer(200, "") if port == 8080 else None

    def desk(self, spec: ContainerSpec, member: Member, now_ns: int, world: World) -> Desk:
        return _Desk(self, spec, member, now_ns, world)


class _Desk(Desk):
    """The commands of the image."""

    def answer(self, words: list[str]) -> Answer | None:
        name = words[0].rpartition("/")[2]
        if name in ("zookeeper-ready", "zkOk.sh"):
            return (0, "") if self.up else (1, "")
        if name == "zkServer.sh":
            return self._status()
        if name == "zkCli.sh":
            return self._client([word for word in words[1:] if not word.startswith("-")])
        if name == "zkMetrics.sh":
            return 0, _four_letters(self.member, "mntr")
        return None

    def _status(self) -> Answer:
        head = "ZooKeeper JMX enabled by default\nUsing config: /conf/zoo.cfg\n"
        if not self.up or not self.member.in_quorum:
            return 1, head + "Error contacting service. It is probably not running.\n"
        return 0, head + f"Client port found: 2181. Client address: localhost. Client SSL: false.\nMode: {_mode(self.member)}\n"

    def _client(self, words: list[str]) -> Answer:
        words = [word for word in words if not re.fullmatch(r"[\w.-]+:\d+", word)]
        if not self.member.in_quorum:
            return 1, "KeeperErrorCode = ConnectionLoss\n"
        verb, path, *rest = [*words, "", ""][:2] + words[2:]
        known = self.member.store
        if verb == "create":
            if path in known:
                return 1, f"Node already exists: {path}\n"
            self.write(path, " ".join(rest))
            return 0, f"Created {path}\n"
        if verb == "set" and path in known:
            self.write(path, " ".join(rest))
            return 0, ""
        if verb in ("get", "set", "delete", "stat") and path not in known:
            return 1, f"Node does not exist: {path}\n"
        if verb == "get":
            return 0, known[path] + "\n"
        if verb in ("delete", "deleteall", "rmr"):
            self.write(path, None)
            return 0, ""
        if verb == "ls":
            names = sorted({key[len(path.rstrip("/")) + 1 :].split("/")[0] for key in known if key.startswith(path.rstrip("/") + "/")})
            return 0, f"[{', '.join([*names, 'zookeeper'] if path == '/' else names)}]\n"
        return 0, ""


def _mode(member: Member) -> str:
    if member.ensemble == 1:
        return "standalone"
    return "leader" if member.role == LEADING else "follower"


def _four_letters(member: Member, word: str) -> str:
    zxid = f"0x{(member.epoch << 32) + member.index:x}"
    if word == "ruok":
        return "imok"
    if word not in ("stat", "srvr", "mntr", "conf", "cons", "isro"):
        return f"{word} is not executed because it is not in the whitelist.\n"
    if not member.in_quorum:
        return _NOT_SERVING
    if word == "isro":
        return "rw"
    if word == "mntr":
        return f"zk_version\t{_VERSION}\nzk_server_state\t{_mode(member)}\nzk_znode_count\t{len(member.store) + 5}\n"
    return f"Zookeeper version: {_VERSION}\nZxid: {zxid}\nMode: {_mode(member)}\nNode count: {len(member.store) + 5}\n"
