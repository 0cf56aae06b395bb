"""Kafka brokers: in-sync replicas.

Partition p lives on the brokers p, p+1, … p+rf−1 (modulo the number of brokers). A broker that comes back has missed what was
written meanwhile and catches up over time; until then its replicas are out of sync and the partitions under-replicated. Writes
with acks=all need `min.insync.replicas`. Upstream: kafka core/src/main/scala/kafka/{cluster/Partition,server/ReplicaManager}.scala.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Answer, Changed, Effect, ExecResult, Exit, HttpAnswer, Log
from kubelab.cri.programs import tools
from kubelab.cri.programs.base import Base, run_command
from kubelab.cri.programs.settings import data_directory, family, number, option, ordinal
from kubelab.cri.shell.files import Denied, FileView
from kubelab.cri.site import Inside
from kubelab.world.codec import value

_SECOND_NS = 1_000_000_000
_STARTUP_NS = 4 * _SECOND_NS
_SHUTDOWN_NS = 1 * _SECOND_NS
_RECOVERY_NS = 10 * _SECOND_NS
_CATCH_UP_LEAST_NS = 2 * _SECOND_NS
_FULL_COPY_NS = 60 * _SECOND_NS
_IMAGES = ("kafka", "cp-kafka", "k8skafka")
_ENTRY = re.compile(r"kafka-server-start|/etc/confluent|entrypoint|run\.sh|/etc/kafka/docker")
_TERM_EXIT_CODE = 143


@value
@dataclass(frozen=True, slots=True)
class Broker:
    """State of a broker; `synced_ns` is when its replicas are in sync again, `brokers` the most that it has seen."""

    pod_name: str
    ordinal: int
    directory: str
    replication: int
    least_in_sync: int
    ready_ns: int
    synced_ns: int = 0
    brokers: int = 1
    stage: str = "starting"
    ending_ns: int = 0
    files: dict[str, str] = field(default_factory=dict)


class Kafka(Base):
    """A broker of the cluster that its StatefulSet's pods make up."""

    name = "kafka"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        if tools.repository(image).rpartition("/")[2] not in _IMAGES:
            return False
        return not command or bool(_ENTRY.search(" ".join((*command, *args))))

    def group(self, spec: ContainerSpec) -> str:
        return f"kafka/{spec.namespace}/{family(spec)}"

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Broker:
        replication = option(
            spec, ("default.replication.factor",), ("KAFKA_DEFAULT_REPLICATION_FACTOR", "KAFKA_CFG_DEFAULT_REPLICATION_FACTOR")
        )
        least = option(spec, ("min.insync.replicas",), ("KAFKA_MIN_INSYNC_REPLICAS", "KAFKA_CFG_MIN_INSYNC_REPLICAS"))
        named = option(spec, ("log.dirs", "log.dir"), ("KAFKA_LOG_DIRS", "KAFKA_CFG_LOG_DIRS"))
        directory = data_directory(spec, named, "/var/lib/kafka")
        broker = Broker(
            spec.pod_name, max(ordinal(spec), 0), directory, max(1, number(replication, 3)), max(1, number(least, 1)), now_ns + _STARTUP_NS
        )
        return self._recover(spec, broker, now_ns, world)

    def advance(self, spec: ContainerSpec, state: Broker, now_ns: int, world: World) -> tuple[Broker, tuple[Effect, ...]]:
        if state.ending_ns:
            return self._shut_down(spec, state, now_ns, world)
        seen = max(state.brokers, state.ordinal + 1, *(peer.ordinal + 1 for peer in self._peers(spec, now_ns, world)), 1)
        broker = replace(state, brokers=seen)
        said: list[Effect] = []
        if broker.stage == "starting" and now_ns >= broker.ready_ns:
            others = [peer for peer in self._peers(spec, now_ns, world) if peer.pod_name != broker.pod_name and _in_sync(peer, now_ns)]
            # The first brokers of a new cluster have nothing to copy.
            synced = max(broker.synced_ns, broker.ready_ns) if others and broker.synced_ns else broker.ready_ns
            broker = replace(broker, stage="catching up", synced_ns=synced)
            said += [
                Log("stdout", f"INFO [KafkaServer id={broker.ordinal}] started (kafka.server.KafkaServer)\n", now_ns),
                Changed(self.group(spec)),
            ]
        if broker.stage == "catching up" and now_ns >= broker.synced_ns:
            broker, written = self._mark(spec, replace(broker, stage="in sync"), f"running {now_ns} {broker.brokers}", world)
            said += [
                Log("stdout", f"INFO [Broker id={broker.ordinal}] all replicas in sync\n", now_ns),
                *written,
                Changed(self.group(spec)),
            ]
        return broker, tuple(said)

    def next_wake_ns(self, state: Broker) -> int | None:
        if state.ending_ns:
            return state.ending_ns
        return {"starting": state.ready_ns, "catching up": state.synced_ns}.get(state.stage)

    def signal(self, spec: ContainerSpec, state: Broker, sig: str, now_ns: int) -> Broker:
        """Controlled shutdown: leadership moves away first."""
        if sig not in ("TERM", "INT") or state.ending_ns:
            return state
        return replace(state, ending_ns=now_ns + _SHUTDOWN_NS)

    def probe_tcp(self, spec: ContainerSpec, state: Broker, port: int, now_ns: int, world: World) -> bool:
        return now_ns >= state.ready_ns and (port in (9092, 9093, 9094) or port in spec.ports)

    def probe_http(self, spec: ContainerSpec, state: Broker, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        return None

    def exec(
        self, spec: ContainerSpec, state: Broker, argv: tuple[str, ...], now_ns: int, world: World
    ) -> tuple[ExecResult, Any, tuple[Effect, ...]]:
        up = (0 if now_ns >= state.ready_ns else 1, "")
        inside = Inside(world, lambda words: self.command(spec, state, words, now_ns, world) or (up if tuple(words) == argv else None))
        result, files, effects = run_command(spec, state.files, argv, now_ns, inside)
        return result, state if files == state.files else replace(state, files=files), effects

    def command(self, spec: ContainerSpec, state: Broker, words: list[str], now_ns: int, world: World) -> Answer | None:
        name = words[0].rpartition("/")[2].removesuffix(".sh")
        if not name.startswith("kafka-"):
            return tools.answer(spec.image, words)
        if now_ns < state.ready_ns:
            return 1, "Connection to node -1 (localhost/127.0.0.1:9092) could not be established. Broker may not be available.\n"
        if name == "kafka-broker-api-versions":
            return 0, f"localhost:9092 (id: {state.ordinal} rack: null) -> (\n\tProduce(0): 0 to 9 [usable: 9]\n)\n"
        partitions = self.partitions(spec, state, now_ns, world)
        if name in ("kafka-console-producer", "kafka-producer-perf-test"):
            short = [p for p, _, in_sync in partitions if len(in_sync) < state.least_in_sync]
            if short:
                return (
                    1,
                    "org.apache.kafka.common.errors.NotEnoughReplicasException: Messages are rejected since there are fewer in-sync replicas than required.\n",
                )
            return 0, ""
        if name == "kafka-topics" and "--describe" in words:
            return 0, _describe(partitions, state.least_in_sync, words)
        return 0, ""

    def partitions(self, spec: ContainerSpec, state: Broker, now_ns: int, world: World) -> list[tuple[int, list[int], list[int]]]:
        """Each partition of the cluster's topic: number, replicas, in-sync replicas (brokers' ids)."""
        peers = {peer.ordinal: peer for peer in self._peers(spec, now_ns, world)}
        peers[state.ordinal] = state
        brokers = max(max(peer.brokers for peer in peers.values()), max(peers) + 1)
        factor = min(state.replication, brokers)
        rows = []
        for partition in range(brokers):
            replicas = [(partition + step) % brokers for step in range(factor)]
            in_sync = [broker for broker in replicas if broker in peers and _in_sync(peers[broker], now_ns)]
            rows.append((partition, replicas, in_sync))
        return rows

    def describe(self, spec: ContainerSpec, state: Broker, now_ns: int, world: World) -> dict[str, Any]:
        rows = self.partitions(spec, state, now_ns, world)
        return {
            "role": state.stage, "partitions": len(rows),
            "under_replicated": sum(len(in_sync) < len(replicas) for _, replicas, in_sync in rows),
            "under_minimum": sum(len(in_sync) < state.least_in_sync for _, _, in_sync in rows),
            "offline": sum(not in_sync for _, _, in_sync in rows),
        }  # fmt: skip

    def read_file(self, spec: ContainerSpec, state: Broker | None, path: str, world: World) -> str | None:
        try:
            return self._view(spec, state.files if state else {}, world).read(path)
        except Denied:
            return None

    def _peers(self, spec: ContainerSpec, now_ns: int, world: World) -> list[Broker]:
        return [peer.state for peer in world.peers(self.group(spec)) if peer.up and peer.reachable and isinstance(peer.state, Broker)]

    def _recover(self, spec: ContainerSpec, broker: Broker, now_ns: int, world: World) -> Broker:
        """How long it takes to be in sync again, from what the last run left on the volume."""
        try:
            words = self._view(spec, {}, world).read(f"{broker.directory}/lab-checkpoint").split()
        except Denied:
            words = []
        if len(words) != 3 or not all(word.isdigit() for word in words[1:]):
            others = [peer for peer in self._peers(spec, now_ns, world) if peer.pod_name != broker.pod_name and _in_sync(peer, now_ns)]
            veteran = any(peer.brokers > broker.ordinal for peer in others)
            # A member that others know, without its data: everything must be copied. One that nobody knows has no replicas yet.
            return replace(broker, synced_ns=broker.ready_ns + _FULL_COPY_NS if veteran else 0)
        missed_ns = max(0, now_ns - int(words[1]))
        ready_ns = broker.ready_ns + (0 if words[0] == "stopped" else _RECOVERY_NS)
        catch_up_ns = _CATCH_UP_LEAST_NS + min(missed_ns // 2, _FULL_COPY_NS)
        return replace(broker, brokers=int(words[2]), ready_ns=ready_ns, synced_ns=ready_ns + catch_up_ns)

    def _shut_down(self, spec: ContainerSpec, state: Broker, now_ns: int, world: World) -> tuple[Broker, tuple[Effect, ...]]:
        if now_ns < state.ending_ns:
            return state, ()
        broker, written = self._mark(spec, state, f"stopped {now_ns} {state.brokers}", world) if state.stage == "in sync" else (state, ())
        return broker, (*written, Exit(_TERM_EXIT_CODE, now_ns))

    def _mark(self, spec: ContainerSpec, broker: Broker, text: str, world: World) -> tuple[Broker, tuple[Effect, ...]]:
        view = self._view(spec, broker.files, world)
        view.make_directory(broker.directory)
        view.write(f"{broker.directory}/lab-checkpoint", text + "\n")
        return replace(broker, files=view.files), tuple(view.effects)

    @staticmethod
    def _view(spec: ContainerSpec, files: dict[str, str], world: World) -> FileView:
        return FileView(files, spec.mounts, spec.hostname or spec.pod_name, spec.namespace, world)


def _in_sync(broker: Broker, now_ns: int) -> bool:
    return broker.stage == "in sync" and not broker.ending_ns and now_ns >= broker.ready_ns


def _describe(partitions: list[tuple[int, list[int], list[int]]], least: int, words: list[str]) -> str:
    """Output of `kafka-topics.sh --describe`, with its filters."""
    lines = []
    for partition, replicas, in_sync in partitions:
        if "--under-replicated-partitions" in words and len(in_sync) >= len(replicas):
            continue
        if "--under-min-isr-partitions" in words and len(in_sync) >= least:
            continue
        if "--unavailable-partitions" in words and in_sync:
            continue
        leader = in_sync[0] if in_sync else "none"
        listed = ",".join(map(str, replicas)), ",".join(map(str, in_sync))
        lines.append(f"\tTopic: lab\tPartition: {partition}\tLeader: {leader}\tReplicas: {listed[0]}\tIsr: {listed[1]}\n")
    return "".join(lines)
