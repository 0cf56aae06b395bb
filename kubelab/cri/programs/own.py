"""Programs that readers write in a cell: a class, an image, and what differs from a server that just runs.

>>> import kubelab as kl
>>> @kl.programs.register
... class Shop(kl.Program):
...     image = "example.com/shop"
...     startup_seconds = 5
...
...     def get(self, life, path):
...         return 500 if life.version == "2" and life.chance() < 0.3 else (200, f"shop {life.version} {path}")
>>> kl.programs.choose("example.com/shop:2", (), ()).name
'shop'
>>> kl.programs.unregister("shop")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Effect, Exit, HttpAnswer, Log
from kubelab.cri.programs import tools
from kubelab.cri.programs.base import Base, Memory

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Life:
    """A container at one instant: its configuration (``spec``: env, args, pod_name, namespace …) and the world as it sees it."""

    spec: ContainerSpec
    started_ns: int
    now_ns: int
    world: World

    @property
    def seconds(self) -> float:
        """Virtual seconds since the start."""
        return (self.now_ns - self.started_ns) / _SECOND_NS

    @property
    def version(self) -> str:
        """The image's tag."""
        return tools.tag_of(self.spec.image)

    @property
    def env(self) -> dict[str, str]:
        """The environment."""
        return dict(self.spec.env)

    def chance(self, name: str = "program") -> float:
        """The next number in [0, 1) of the container's own random stream."""
        return self.world.rand(name)


class Program(Base):
    """A container's behaviour. Set ``image`` (a repository, or ``repository:tag``) and override what differs; register it with
    ``kl.programs.register``, which also works as a decorator and replaces an earlier program of the same name.

    The functions are pure: they decide from a ``Life`` alone and keep nothing in ``self``, so that worlds can be forked and saved.
    ``startup_seconds``: until then nothing listens. ``name``: the class's name in lower case unless given.
    """

    name = ""
    startup_seconds: float = 0.0

    def __init__(self) -> None:
        self.name = self.name or type(self).__name__.lower()

    def listens(self, life: Life, port: int) -> bool:
        """Whether a connection to a port is accepted: from the start-up on, on the ports that the manifest declares (none: on all)."""
        return life.seconds >= self.startup_seconds and (not life.spec.ports or port in life.spec.ports)

    def get(self, life: Life, path: str) -> int | tuple[int, str]:
        """The answer to GET: a status code, or a code and a body."""
        return 200

    def ends(self, life: Life) -> tuple[float, int] | None:
        """(seconds after the start, exit code) of a process that ends by itself; asked at the start. None: it runs for ever."""
        return None

    def usage(self, life: Life) -> Mapping[str, Any]:
        """What it uses, asked at the start: ``{"cpu": {"constant": "250m"}, "memory": {"ramp": {"from": "50Mi", "to": "1Gi", "over": "10m"}}}``.

        Resources and curves are those of ``Usage.spec``; a resource left out is used as by a container at rest. A ``Usage`` object goes first.
        """
        return {}

    def says(self, life: Life) -> str:
        """What it prints when it starts."""
        return ""

    # -- how the runtime asks ----------------------------------------------------------------------------------------------------
    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        end = self.ends(Life(spec, now_ns, now_ns, world))
        over = None if end is None else (now_ns + round(end[0] * _SECOND_NS), end[1])
        return Memory(own=(now_ns, over, False))

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        started_ns, over, said = state.own
        effects: list[Effect] = []
        if not said:
            text = self.says(Life(spec, started_ns, now_ns, world))
            effects += [Log("stdout", text.rstrip("\n") + "\n", now_ns)] if text else []
            state = Memory(state.files, state.ending, (started_ns, over, True))
        if state.ending:
            effects.append(Exit(self.exit_on(state.ending), now_ns))
        elif over is not None and now_ns >= over[0]:
            effects.append(Exit(over[1], now_ns))
        return state, tuple(effects)

    def next_wake_ns(self, state: Memory) -> int | None:
        over = state.own[1]
        return None if over is None else int(over[0])

    def demands(self, spec: ContainerSpec, world: World) -> Mapping[str, Any]:
        return self.usage(Life(spec, 0, 0, world))

    def probe_tcp(self, spec: ContainerSpec, state: Memory, port: int, now_ns: int, world: World) -> bool:
        return self.listens(Life(spec, state.own[0], now_ns, world), port)

    def probe_http(self, spec: ContainerSpec, state: Memory, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        life = Life(spec, state.own[0], now_ns, world)
        if not self.listens(life, port):
            return None
        found = self.get(life, path)
        return HttpAnswer(found, "") if isinstance(found, int) else HttpAnswer(*found)
