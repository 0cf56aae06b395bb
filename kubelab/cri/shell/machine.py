"""The machine that runs shell processes in virtual time.

`advance` runs every process until it sleeps, waits for a child or has ended; what they wrote comes back as effects. Upstream's
counterpart: busybox shell/ash.c under Linux's rules for process 1 of a PID namespace (a signal without a handler is ignored).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from kubelab.cri.api import Mount, World
from kubelab.cri.effects import Effect, Exit, Log, WriteFile
from kubelab.cri.shell.code import compile_script
from kubelab.cri.shell.expand import ExpansionFailure
from kubelab.cri.shell.files import Denied, FileView
from kubelab.cri.shell.live import Live, freeze, thaw
from kubelab.cri.shell.state import FOREVER, SHELLS, Frame, Process, ShellState
from kubelab.cri.shell.steps import STEPS, fail_expansion, finish, restore_streams, run_trap
from kubelab.cri.shell.syntax import ShellSyntaxError

SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15}
EXEC_STDOUT, EXEC_STDERR = "exec:stdout", "exec:stderr"  # streams of a command run beside the container's own process
_STREAMS = ("stdout", "stderr", EXEC_STDOUT, EXEC_STDERR)
STEPS_PER_TURN = 10_000
_BUSY_PAUSE_NS = 100_000_000
_BUSY_PAUSES = 9
_OUTPUT_LIMIT = 1 << 20
_ENDED_KEPT = 256
_SECOND_NS = 1_000_000_000


def start(
    argv: tuple[str, ...],
    *,
    env: Mapping[str, str],
    hostname: str,
    namespace: str = "default",
    directory: str = "/",
    files: Mapping[str, str] | None = None,
    mounts: tuple[Mount, ...] = (),
    main: bool = True,
    domain: str = "",
    user: tuple[int, ...] = (),
) -> ShellState:
    """A shell about to run `argv`: `sh -c SCRIPT`, a script file, or a single command."""
    script, options, name, parameters = read_argv(argv)
    variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "HOSTNAME": hostname, **env}
    process = Process(
        pid=1,
        parent=0,
        frames=(Frame(script, -1),),
        variables={**variables, "PWD": directory},
        exported=dict.fromkeys(variables, True),
        functions={},
        parameters=parameters,
        name=name,
        directory=directory,
        options=options,
        out="stdout" if main else EXEC_STDOUT,
        err="stderr" if main else EXEC_STDERR,
    )
    return ShellState((process,), dict(files or {}), mounts, hostname, namespace, main, domain=domain, user=user)


def read_argv(argv: tuple[str, ...]) -> tuple[str, str, str, tuple[str, ...]]:
    """Script, options, `$0` and parameters of a command line."""
    if argv[0].rpartition("/")[2] not in SHELLS:
        return "exec " + shlex.join(argv), "", "sh", ()
    options, rest, takes_script = "", list(argv[1:]), False
    while rest and rest[0][:1] in ("-", "+") and len(rest[0]) > 1:
        flag = rest.pop(0)
        if flag == "--":
            break
        if flag == "-o" and rest:
            options += {"errexit": "e", "nounset": "u", "xtrace": "x"}.get(rest.pop(0), "")
        elif not flag.startswith("--"):
            takes_script = takes_script or "c" in flag
            options += "".join(letter for letter in flag[1:] if letter in "eux")
            if flag.endswith("o") and rest:
                options += {"errexit": "e", "nounset": "u", "xtrace": "x"}.get(rest.pop(0), "")
    if not rest:
        return ("echo 'sh: -c requires an argument' >&2; exit 2" if takes_script else ""), options, argv[0], ()
    if takes_script:
        return rest[0], options, (rest[1] if len(rest) > 1 else argv[0]), tuple(rest[2:])
    return f". {shlex.quote(rest[0])}", options, rest[0], tuple(rest[1:])


def advance(state: ShellState, now_ns: int, world: World) -> tuple[ShellState, tuple[Effect, ...]]:
    """Runs all processes as far as they get at this instant."""
    if exit_code(state) is not None:
        return state, ()
    machine = Machine(state, now_ns, world)
    machine.run()
    return machine.value(), tuple(machine.effects)


def signal(state: ShellState, sig: str, now_ns: int) -> ShellState:
    """Delivers a signal to process 1: runs its trap at the next `advance`; without one the kernel drops it."""
    first = state.processes[0]
    if first.exit_code is not None:
        return state
    if serving(first) and first.replaced and sig in ("TERM", "INT", "QUIT"):
        ended = replace(first, until_ns=0, status=0, awaiting=())
        return replace(state, processes=(ended, *state.processes[1:]))
    handler = first.traps.get(sig)
    if handler == "" or (handler is None and state.main):
        return state
    woken = replace(first, pending=(*first.pending, sig))
    return replace(state, processes=(woken, *state.processes[1:]))


def serving(process: Process) -> bool:
    """Whether the process has become a server that runs on: it handles TERM and answers on the container's ports."""
    return process.awaiting == ("serve",)


def exit_code(state: ShellState) -> int | None:
    """Exit code of process 1, None while it runs."""
    return state.processes[0].exit_code


def next_wake_ns(state: ShellState) -> int | None:
    """When the next process has something to do; 0 for at once; None if all wait for ever."""
    if exit_code(state) is not None:
        return None
    sooner = [_due(process) for process in state.processes if process.exit_code is None and not process.waiting]
    sooner = [at for at in sooner if at < FOREVER]
    if any(process.pending and process.waiting and process.awaiting[:1] == ("wait",) for process in state.processes):
        return 0
    return min(sooner, default=None)


def run_to_end(state: ShellState, now_ns: int, world: World, horizon_ns: int) -> tuple[ShellState, tuple[Effect, ...], int | None]:
    """Runs until process 1 ends, in a time of its own; answers how long it took, None if it would outlast the horizon."""
    effects: list[Effect] = []
    at = now_ns
    written = Written(world)
    while True:
        state, more = advance(state, at, cast(World, written))
        effects.extend(more)
        written.note(more)
        if exit_code(state) is not None:
            return state, tuple(effects), at - now_ns
        wake = next_wake_ns(state)
        if wake is None or wake - now_ns > horizon_ns:
            return state, tuple(effects), None
        at = max(wake, at)


class Written:
    """A world in which the volumes hold what a command has written so far."""

    __slots__ = ("volumes", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.volumes: dict[str, dict[str, str]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def files(self, volume: str) -> Mapping[str, str]:
        found = self.volumes.get(volume)
        return self.world.files(volume) if found is None else found

    def note(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, WriteFile):
                contents = self.volumes.setdefault(effect.volume, dict(self.world.files(effect.volume)))
                if effect.text is None:
                    contents.pop(effect.path, None)
                else:
                    contents[effect.path] = effect.text


def _due(process: Process) -> int:
    return process.until_ns


class Machine:
    """All processes of one shell during one `advance`."""

    def __init__(self, state: ShellState, now_ns: int, world: World) -> None:
        self.state = state
        self.now_ns = now_ns
        self.world = world
        self.processes = {process.pid: thaw(process) for process in state.processes}
        self.files = FileView(state.files, state.mounts, state.hostname, state.namespace, world, state.domain)
        self.effects: list[Effect] = []
        self.next_pid = state.next_pid
        self.steps = 0

    def run(self) -> None:
        """Gives each process its turn until none can go on."""
        moved = True
        while moved and self.processes[1].exit_code is None:
            moved = False
            for pid in list(self.processes):
                process = self.processes.get(pid)
                if process is not None and self._runnable(process):
                    moved = True
                    self._turn(process)
        code = self.processes[1].exit_code
        self.effects.extend(self.files.effects)
        if code is not None:
            self.effects.append(Exit(code, self.now_ns))

    def value(self) -> ShellState:
        """The state after the run."""
        kept = [process for pid, process in self.processes.items() if pid == 1 or self.processes[1].exit_code is None]
        return replace(self.state, processes=tuple(freeze(process) for process in kept), files=self.files.files, next_pid=self.next_pid)

    def write(self, target: str, text: str) -> None:
        """Output of a process to what its stream points to."""
        if target == "null" or not text:
            return
        if target in _STREAMS:
            last = self.effects[-1] if self.effects else None
            if isinstance(last, Log) and last.stream == target and last.time_ns == self.now_ns:
                self.effects[-1] = Log(target, last.text + text, self.now_ns)
            else:
                self.effects.append(Log(target, text, self.now_ns))
        elif target.startswith("capture:"):
            holder = self.processes.get(int(target[8:]))
            if holder is not None and len(holder.captured) < _OUTPUT_LIMIT:
                holder.captured += text
        else:
            try:
                self.files.write(target[5:], text, append=True)
            except Denied:
                return

    def spawn(self, parent: Live, body: int, *, out: str | None = None, text: str | None = None) -> Live:
        """A child that runs a body of the parent's script with a copy of all that the parent has."""
        child = thaw(freeze(parent))
        frame = parent.frames[-1]
        pid = self.next_pid
        self.next_pid += 1
        child.pid, child.parent = pid, parent.pid
        child.frames = [Frame(frame.script, body)]
        child.children, child.ended, child.traps, child.pending = (), {}, {}, ()
        child.captured, child.waiting, child.awaiting, child.follow = "", (), (), ()
        child.substituted = {}
        child.replaced = child.leaving = False
        if out is not None:
            child.out = out or f"capture:{pid}"
        if text is not None:
            child.input = text
        self.processes[pid] = child
        parent.children += (pid,)
        return child

    def end(self, process: Live, code: int) -> None:
        """The process ends: its EXIT trap first, then its parent learns of it."""
        handler = process.traps.pop("EXIT", None)
        if handler and not process.leaving:
            process.leaving = True
            process.status = code
            process.frames = [Frame(handler, -1, kind="exit", status=code)]
            process.waiting, process.until_ns = (), 0
            return
        process.exit_code = code & 255
        process.frames = []
        parent = self.processes.get(process.parent)
        if process.pid == 1:
            return
        for orphan in process.children:
            if orphan in self.processes:
                self.processes[orphan].parent = 1
        if parent is None or process.pid not in parent.children:
            del self.processes[process.pid]
            return
        if len(parent.ended) >= _ENDED_KEPT:
            del parent.ended[next(iter(parent.ended))]
        parent.ended[process.pid] = process.exit_code
        parent.children = tuple(pid for pid in parent.children if pid != process.pid)
        if process.pid in parent.waiting:
            parent.waiting = tuple(pid for pid in parent.waiting if pid != process.pid)
            if not parent.waiting:
                self._resume(parent, process)
        self.processes.pop(process.pid, None)

    def kill(self, process: Live, sig: str) -> None:
        """A signal from inside."""
        if sig in process.traps:
            process.pending += (sig,) if process.traps[sig] else ()
        elif sig != "0" and (process.pid != 1 or sig == "KILL") and sig not in ("CHLD", "CONT"):
            process.traps.pop("EXIT", None)
            self.end(process, 128 + SIGNALS.get(sig, 15))

    def _resume(self, parent: Live, child: Live) -> None:
        kind, *operands = parent.awaiting
        parent.awaiting = ()
        code = child.exit_code or 0
        if kind == "sub":
            parent.substituted[operands[0]] = child.captured.rstrip("\n")
            parent.status = code
        elif kind == "pipe":
            parent.piped = child.captured
        elif kind == "wait":
            parent.status = parent.ended.get(operands[0], 127) if operands else 0
        else:
            parent.status = code
            if operands and operands[0] and code and "e" in parent.options:
                self.end(parent, code)
        if kind != "wait":
            parent.ended.pop(child.pid, None)

    def _runnable(self, process: Live) -> bool:
        if process.exit_code is not None:
            return False
        if process.waiting:
            return bool(process.pending) and process.awaiting[:1] == ("wait",)
        return process.until_ns <= self.now_ns

    def _turn(self, process: Live) -> None:
        if process.until_ns:
            process.until_ns = 0
            if process.awaiting == ("busy",):
                process.awaiting = ()
            else:
                process.busy = 0
            if process.follow and self._follow(process):
                return
        while process.exit_code is None and not process.waiting and process.until_ns <= self.now_ns or self._runnable(process):
            if process.pending and not any(frame.kind == "trap" for frame in process.frames):
                run_trap(self, process)
                continue
            if process.replaced:
                self.end(process, process.status)
                continue
            self.steps += 1
            if self.steps > STEPS_PER_TURN:
                self._pause(process)
                return
            self._step(process)

    def _step(self, process: Live) -> None:
        if not process.frames:
            self.end(process, process.status)
            return
        frame = process.frames[-1]
        try:
            bodies = compile_script(frame.script)
        except ShellSyntaxError as error:
            self.write(process.err, f"{process.name}: syntax error: {error}\n")
            self.end(process, 2)
            return
        body = bodies[frame.body]
        if frame.at >= len(body):
            self._leave(process)
            return
        instruction = body[frame.at]
        process.frames[-1] = frame.goto(frame.at + 1)
        try:
            STEPS[instruction[0]](self, process, *instruction[1:])
        except ExpansionFailure as error:
            fail_expansion(self, process, str(error))

    def _leave(self, process: Live) -> None:
        frame = process.frames.pop()
        if frame.kind == "function":
            process.parameters = frame.parameters
            for name, value in frame.shadowed:
                process.restore(name, value)
            if frame.status:
                finish(self, process, process.status, checked=True)
        if frame.streams:
            restore_streams(process, frame.streams[0])
        if frame.kind in ("trap", "exit"):
            process.status = frame.status
        if process.exit_code is None and (frame.kind == "exit" or not process.frames):
            self.end(process, process.status)

    def _pause(self, process: Live) -> None:
        """A process that computes without end uses time too; the longer it does, the less often the lab looks at it."""
        process.until_ns = self.now_ns + _BUSY_PAUSE_NS * (1 << process.busy)
        process.busy = min(process.busy + 1, _BUSY_PAUSES)
        process.awaiting = ("busy",)
        self.steps = 0

    def _follow(self, process: Live) -> bool:
        """`tail -f`: prints what has been added, and sleeps on."""
        following: list[tuple[str, int]] = []
        for path, offset in process.follow:
            text = self.files.read(path) if self.files.is_file(path) else ""
            offset = 0 if len(text) < offset else offset
            self.write(process.out, text[offset:])
            following.append((path, len(text)))
        process.follow = tuple(following)
        process.until_ns = self.now_ns + _SECOND_NS
        return True
