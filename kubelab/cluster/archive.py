"""Keeping a world in a file, and reading it back. The format is data alone: reading it never runs code.

A ``.klab`` file is gzip-compressed JSON lines (see docs/format.md):

1. the header: ``{"format": "kubelab-world", "version": 2, "seed": …, "release": …, "now_ns": …, "timing": {…}, …}``
2. one line per commit: ``["c", time_ns, type, resource, namespace, name, object, previous, call, manager]``
3. one line per call: ``["k", …the fields of CallRecord…]``; heartbeats in both have a shorter form (``archived_log``)
4. one line per node's tables: ``["m", machine, tables]``; one per component: ``["r", name, state]``; the wakes: ``["w", sequence, heap]``;
   the calls of informers: ``["i", columns, what their reflectors are at]``
5. the end: ``["end", number of lines before it, CRC-32 of their bytes]``, without which the file counts as truncated.

Values that JSON lacks are tagged as ``kubelab.world.codec`` says.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubelab.apiserver.audit.recording import Audit
from kubelab.cluster import archived_log, autoscaler, faults, leaders, scheduling
from kubelab.controllers import registry as controllers
from kubelab.engine import trouble
from kubelab.engine.cores import Cores
from kubelab.engine.engine import Engine
from kubelab.engine.reflectors import Reflectors
from kubelab.engine.runner import Runner
from kubelab.kubelet import for_node
from kubelab.scheduler.extender import Extender
from kubelab.storage import registry as storage
from kubelab.store.informer_calls import InformerCalls
from kubelab.store.log import Commit
from kubelab.store.state import State
from kubelab.world.codec import decode, encode
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

FORMAT, VERSION = "kubelab-world", 2
READABLE = (1, 2)  # before version 2 heartbeats had no short lines


class ArchiveError(ValueError):
    """A file that is not a whole world of this version; the message says what it is instead."""


def save(cluster: Cluster, path: str | Path) -> Path:
    """Write a world; the file appears whole or not at all."""
    target = Path(path)
    if target.is_dir():
        raise ArchiveError(f"{target} is a folder: give the name of a file, such as {target / 'world.klab'}")
    part = target.with_name(target.name + ".part")
    count, crc = 0, 0
    with gzip.GzipFile(part, "wb", compresslevel=3, mtime=0) as file:
        for line in _lines(cluster):
            data = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            count, crc = count + 1, zlib.crc32(data, crc)
            file.write(data)
        file.write(json.dumps(["end", count, crc]).encode() + b"\n")
    part.replace(target)
    return target


def _lines(cluster: Cluster) -> Iterator[Any]:
    engine = cluster._engine
    yield {
        "format": FORMAT,
        "version": VERSION,
        "seed": engine.streams.seed,
        "streams": engine.streams.state,
        "release": engine.release,
        "gates": engine.gates,
        "start_ns": cluster._world.start_ns,
        "engine_start_ns": engine.start_ns,
        "now_ns": engine.now_ns,
        "moving": engine.moving,
        "wake": engine.wake,
        "trailing": engine.trailing.revision,
        "lagging": {name: state.revision for name, state in engine.lagging.items()},
        "timing": asdict(engine.timing),
        **({"cores": [engine.cores.free_ns, engine.cores.flush_ns, engine.cores.told_ns]} if engine.cores is not None else {}),
        "faults": encode(engine.server.faults),
        **({"trouble": encode(engine.trouble)} if engine.trouble else {}),
        **({"audit": encode(audit.state())} if (audit := engine.server.audit) is not None else {}),
    }
    yield from archived_log.lines(engine.store.log)
    for name, tables in engine.machines.items():
        yield ["m", name, encode(tables)]
    for name, runner in engine.runners.items():
        dumped = runner.dump()
        dumped["own"] = {key: revision for key, (revision, _) in runner.own.items()}
        yield ["r", name, encode(dumped)]
    yield ["w", engine.wakes.sequence, encode([list(wake) for wake in engine.wakes.heap])]
    yield ["i", encode(engine.store.log.informers.state()), encode(engine.reflectors.state())]


def load(path: str | Path, *, extenders: Sequence[Extender] = ()) -> Cluster:
    """Read a world that ``save`` wrote; ArchiveError says what is wrong with the file.

    ``extenders``: who answers for the scheduler's extenders; their callables are not in the file.
    """
    header, *lines = _read(Path(path))
    try:
        return _restored(header, lines, extenders)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ArchiveError(f"{path}: the file is damaged: {error}") from error


def _check_header(path: Path, header: Any) -> None:
    """Before anything else is read: a file of another kind or version is not called damaged."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ArchiveError(f"{path}: not a saved world of kubelab")
    if header.get("version") not in READABLE:
        raise ArchiveError(f"{path}: saved in version {header.get('version')} of the format, this kubelab reads versions up to {VERSION}")


def _read(path: Path) -> list[Any]:
    lines: list[Any] = []
    crc = 0
    try:
        with gzip.open(path, "rb") as file:
            for data in file:
                line = json.loads(data)
                if isinstance(line, list) and line[:1] == ["end"]:
                    if line[1:] != [len(lines), crc] or file.read():
                        raise ArchiveError(f"{path}: the file is damaged: its check sum does not agree")
                    return lines
                if not lines:
                    _check_header(path, line)
                lines.append(line)
                crc = zlib.crc32(data, crc)
    except FileNotFoundError:
        raise ArchiveError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ArchiveError(f"{path}: a folder, not a saved world of kubelab") from None
    except gzip.BadGzipFile:
        raise ArchiveError(f"{path}: not a saved world of kubelab (not gzip data)") from None
    except (EOFError, zlib.error):
        raise ArchiveError(f"{path}: the file is truncated or damaged after {len(lines)} lines") from None
    except ValueError as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{path}: not a saved world of kubelab, or damaged after line {len(lines)}") from None
    raise ArchiveError(f"{path}: the file is truncated after {len(lines)} lines")


def _timing(figures: dict[str, Any]) -> Timing:
    """Those of a file; where the kubelet's events had no limit of their own yet, it is that of its other calls."""
    names = {item.name for item in fields(Timing)}
    older = {f"kubelet_event_{what}": figures[f"kubelet_{what}"] for what in ("qps", "burst") if f"kubelet_{what}" in figures}
    return Timing(**{name: item for name, item in {**older, **figures}.items() if name in names})


def _restored(header: dict[str, Any], lines: list[Any], extenders: Sequence[Extender]) -> Cluster:
    from kubelab.cluster.handle import Cluster, World

    engine = Engine(
        seed=header["seed"],
        start_ns=header["engine_start_ns"],
        timing=_timing(header["timing"]),
        release=header["release"],
        gates=header["gates"],
    )
    engine.streams.state.update(header["streams"])
    engine.now_ns, engine.moving, engine.wake = header["now_ns"], header["moving"], header["wake"]
    if engine.cores is not None:
        free_ns, flush_ns, *told_ns = header["cores"]
        engine.cores = Cores(free_ns, tuple(flush_ns), *told_ns)
    engine.server.faults = decode(header["faults"])
    engine.trouble = decode(header.get("trouble", {}))
    if "audit" in header:
        engine.server.audit = Audit.restored(decode(header["audit"]), header["release"])
    _restore_log(engine, header, lines)
    _restore_parts(engine, lines, extenders)
    engine.server.allocations.rebuild(list(engine.store.head.all("services").values()))
    return Cluster._of(World(engine, header["start_ns"]))


def _restore_log(engine: Engine, header: dict[str, Any], lines: list[Any]) -> None:
    trailing, lagging = header["trailing"], header["lagging"]
    states = {name: State() for name in lagging}

    def told(commit: Commit) -> None:
        if commit.revision <= trailing:
            engine.trailing.apply(commit)
        for component, revision in lagging.items():
            if commit.revision <= revision:
                states[component].apply(commit)

    archived_log.restore(engine.store, lines, told)
    engine.lagging = states


def _restore_parts(engine: Engine, lines: list[Any], extenders: Sequence[Extender]) -> None:
    engine.machines = {line[1]: decode(line[2]) for line in lines if line[0] == "m"}
    for component in (
        *controllers.components(engine.release),
        *storage.components(engine.release),
        faults.CONTROLLER,
        scheduling.loaded(engine, extenders),
    ):
        engine.register(component)
    for name in engine.machines:
        if name:
            for component in for_node(name, engine.timing):
                engine.register(component)
    replicas = [line[1] for line in lines if line[0] == "r" and leaders.is_replica(line[1])]
    if replicas:
        leaders.register(engine, replicas)
    if autoscaler.is_wanted(engine):
        engine.register(autoscaler.CONTROLLER)
    ordered: dict[str, Runner] = {}
    number = 0
    for line in lines:
        if line[0] == "r":
            runner = ordered[line[1]] = engine.runners[line[1]]
            runner.index = number
            number += not getattr(runner.component, "silent", False)
            state = decode(line[2])
            log = engine.store.log
            owned = ((key, log.at(revision)) for key, revision in state["own"].items())
            state["own"] = {key: (commit.revision, None if commit.type == "DELETED" else commit.object) for key, commit in owned}
            runner.restore(state)
        elif line[0] == "w":
            engine.wakes.sequence = line[1]
            engine.wakes.heap[:] = [tuple(wake) for wake in decode(line[2])]
        elif line[0] == "i":
            engine.store.log.informers = InformerCalls.restored(decode(line[1]))
            engine.reflectors = Reflectors.restored(decode(line[2]))
    engine.runners = ordered
    trouble.suspend(engine)
