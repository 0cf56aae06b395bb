"""Programs with one habit: a web server with an error rate, a crash loop, a memory leak, a job that computes.

The lab's own instances are set up by environment variables of the images `kubelab/web`, `kubelab/crashloop`, `kubelab/leak`;
`programs.register(Web("shop", image="shop", errors={"2": 0.3}))` gives any image such a habit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import Effect, Exit, HttpAnswer, Log
from kubelab.cri.programs import tools
from kubelab.cri.programs.base import Base, Memory
from kubelab.cri.programs.settings import command_text, decimal, number
from kubelab.cri.programs.tools import matches, tag_of
from kubelab.cri.usage.curves import Curve

_SECOND_NS = 1_000_000_000
_HEALTH_PATHS = ("/healthz", "/health", "/livez", "/readyz", "/ready")
_MIB = 1 << 20
_MONTH_SECONDS = 30 * 86_400


class Web(Base):
    """A web server: ready after `startup_seconds`, answers 500 to a share of requests that depends on the version (the tag).

    Health paths are never in error. Environment: ERROR_RATE, STARTUP_SECONDS.
    """

    def __init__(
        self, name: str = "web", image: str = "kubelab/web", *, errors: Mapping[str, float] | None = None, startup_seconds: float = 1.0
    ) -> None:
        self.name = name
        self.image = image
        self.errors = dict(errors or {})
        self.startup_seconds = startup_seconds

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return matches(image, self.image)

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        seconds = decimal(spec.env.get("STARTUP_SECONDS", ""), self.startup_seconds)
        return Memory(own=now_ns + round(seconds * _SECOND_NS))

    def probe_tcp(self, spec: ContainerSpec, state: Memory, port: int, now_ns: int, world: World) -> bool:
        return now_ns >= state.own and port in (spec.ports or (80, 8080))

    def probe_http(self, spec: ContainerSpec, state: Memory, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        if not self.probe_tcp(spec, state, port, now_ns, world):
            return None
        if path.split("?")[0] not in _HEALTH_PATHS and self._fails(spec, world):
            return HttpAnswer(500, "Internal Server Error\n")
        return HttpAnswer(200, f"version {tag_of(spec.image)}\n")

    def _fails(self, spec: ContainerSpec, world: World) -> bool:
        rate = decimal(spec.env.get("ERROR_RATE", ""), self.errors.get(tag_of(spec.image), 0.0))
        return rate > 0 and world.rand("web") < rate


class CrashLoop(Base):
    """Ends with `code` after `after_seconds`, each time. Environment: EXIT_CODE, AFTER_SECONDS."""

    def __init__(
        self, name: str = "crashloop", image: str = "kubelab/crashloop", *, code: int = 1, after_seconds: float = 1.0, says: str = ""
    ) -> None:
        self.name = name
        self.image = image
        self.code = code
        self.after_seconds = after_seconds
        self.says = says

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return matches(image, self.image)

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        seconds = decimal(spec.env.get("AFTER_SECONDS", ""), self.after_seconds)
        return Memory(own=now_ns + round(seconds * _SECOND_NS))

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        if state.ending or now_ns < state.own:
            return super().advance(spec, state, now_ns, world)
        said = (Log("stderr", self.says + "\n", now_ns),) if self.says else ()
        return state, (*said, Exit(number(spec.env.get("EXIT_CODE", ""), self.code), now_ns))

    def next_wake_ns(self, state: Memory) -> int | None:
        return int(state.own)


class Leak(Base):
    """Memory that grows in a straight line until the limit kills it: 137, OOMKilled. Environment: LEAK_FROM_MIB, LEAK_MIB_PER_SECOND."""

    def __init__(self, name: str = "leak", image: str = "kubelab/leak", *, from_mib: float = 20.0, mib_per_second: float = 1.0) -> None:
        self.name = name
        self.image = image
        self.from_mib = from_mib
        self.mib_per_second = mib_per_second

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return matches(image, self.image)

    def rate(self, spec: ContainerSpec) -> tuple[float, float]:
        """First size and growth per second, in MiB."""
        return (
            decimal(spec.env.get("LEAK_FROM_MIB", ""), self.from_mib),
            decimal(spec.env.get("LEAK_MIB_PER_SECOND", ""), self.mib_per_second),
        )

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        return Memory(own=now_ns)

    def demands(self, spec: ContainerSpec, world: World) -> dict[str, Curve]:
        """Memory that grows until the limit (the runtime kills it there), or for a month."""
        first, growth = self.rate(spec)
        grown = round((first + growth * _MONTH_SECONDS) * _MIB)
        return {"memory": Curve("ramp", (round(first * _MIB), grown, _MONTH_SECONDS * _SECOND_NS))}

    def describe(self, spec: ContainerSpec, state: Memory, now_ns: int, world: World) -> dict[str, Any]:
        first, growth = self.rate(spec)
        used = int((first + growth * (now_ns - state.own) / _SECOND_NS) * _MIB)
        return {"role": "leaking", "memory_bytes": min(used, spec.memory_limit_bytes or used)}


class Stress(Leak):
    """`stress --vm 1 --vm-bytes 250M`: takes its memory in its first second (the documentation's memory examples)."""

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return matches(image, self.image) and "--vm-bytes" in (*command, *args)

    def rate(self, spec: ContainerSpec) -> tuple[float, float]:
        found = re.search(r"--vm-bytes[ =](\d{1,7})([KMG]?)", command_text(spec))
        size = int(found[1]) * {"": 1 / _MIB, "K": 1 / 1024, "M": 1.0, "G": 1024.0}[found[2]] if found else 0.0
        return 0.0, size

    def demands(self, spec: ContainerSpec, world: World) -> dict[str, Curve]:
        """All that it wants, taken within a second."""
        return {"memory": Curve("ramp", (0, round(self.rate(spec)[1] * _MIB), _SECOND_NS))}

    def describe(self, spec: ContainerSpec, state: Memory, now_ns: int, world: World) -> dict[str, Any]:
        _, size = self.rate(spec)
        grown = min(1.0, (now_ns - state.own) / _SECOND_NS)
        return {"role": "stress", "memory_bytes": int(size * grown * _MIB)}


class Perl(Base):
    """`perl -Mbignum=bpi -wle "print bpi(2000)"` of the documentation's Job: prints π and ends after a few seconds."""

    name = "perl"
    seconds = 5

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        argv = command or args
        return tools.repository(image) == "docker.io/library/perl" and argv[:1] == ("perl",)

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        return Memory(own=now_ns + self.seconds * _SECOND_NS)

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> tuple[Any, tuple[Effect, ...]]:
        if now_ns < state.own:
            # As process 1 it has no handler for TERM: the kernel drops it.
            return (replace(state, ending=""), ()) if state.ending else (state, ())
        found = re.search(r"bpi\((\d{1,4})\)", command_text(spec))
        said = (Log("stdout", pi(int(found[1])) + "\n", now_ns),) if found else ()
        return state, (*said, Exit(0, now_ns))

    def next_wake_ns(self, state: Memory) -> int | None:
        return int(state.own)


def pi(digits: int) -> str:
    """π to a number of significant digits, by Machin's formula."""
    unity: int = 10 ** (digits + 10)

    def arctan(inverse: int) -> int:
        term = total = unity // inverse
        power, sign = 3, -1
        while term:
            term //= inverse * inverse
            total += sign * (term // power)
            power, sign = power + 2, -sign
        return total

    text = str(4 * (4 * arctan(5) - arctan(239)) + 5 * 10**10)
    return f"{text[0]}.{text[1:digits]}"
