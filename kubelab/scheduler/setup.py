"""What a scheduler is started with: its profiles, its extenders, its back-off and its client's limits.

upstream: pkg/scheduler/scheduler.go Option, cmd/kube-scheduler/app/options, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kubelab.engine.component import Tables
from kubelab.scheduler.configuration import read
from kubelab.scheduler.extender import Extender, Known, known_of
from kubelab.scheduler.profile import DEFAULT, Profile, profiles_of
from kubelab.scheduler.queue import BACKOFF_NS
from kubelab.world.clock import SECOND

Object = dict[str, Any]

TABLE = "scheduler"  # on the scheduler's machine, so that it outlives the component: "configuration" -> the complete configuration


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """``client``: requests per second and burst, where the configuration says them (None: as the timing has it)."""

    configuration: Object | None = None
    profiles: dict[str, Profile] = field(default_factory=lambda: {DEFAULT.name: DEFAULT})
    extenders: tuple[Known, ...] = ()
    backoff_ns: tuple[int, int] = BACKOFF_NS
    client: tuple[float, int] | None = None

    def profile_of(self, pod: Object) -> Profile | None:
        """The profile that handles a pod; None if nobody does."""
        return self.profiles.get(pod["spec"].get("schedulerName", DEFAULT.name))

    def concerned(self, pod: Object) -> tuple[Known, ...]:
        """The extenders that are interested in a pod."""
        return tuple(each for each in self.extenders if each.is_interested(pod))


DEFAULT_SETUP = Setup()


def configured(source: Any, extenders: Iterable[Extender] = ()) -> Object | None:
    """The complete configuration of a source and of extenders that it does not declare itself; None if there is neither.

    Raises ConfigurationError.
    """
    servers = list(extenders)
    for index, each in enumerate(servers):
        if not isinstance(each, Extender):
            raise ValueError(f"extenders[{index}]: {each!r} is no extender: give kl.Extender(filter=…)")
    if source is None and not servers:
        return None
    whole = read({} if source is None else source)
    declared = [each["urlPrefix"] for each in whole.get("extenders") or ()]
    more = [each.declaration() for each in servers if each.url not in declared]
    return read({**_given(source), "extenders": [*(whole.get("extenders") or ()), *more]}) if more else whole


def _given(source: Any) -> Object:
    if source is None:
        return {}
    return dict(source) if isinstance(source, dict) else read(source)


def setup_of(configuration: Object | None, servers: Iterable[Extender] = ()) -> Setup:
    """What a complete configuration means, with those who answer for its extenders."""
    if configuration is None:
        return DEFAULT_SETUP
    first, last = configuration["podInitialBackoffSeconds"], configuration["podMaxBackoffSeconds"]
    connection = configuration["clientConnection"]
    limits = (float(connection["qps"]), int(connection["burst"]))
    return Setup(
        configuration,
        profiles_of(configuration),
        known_of(configuration, servers),
        (first * SECOND, last * SECOND),
        None if limits == _USUAL_LIMITS else limits,
    )


_USUAL_LIMITS = (50.0, 100)


def saved_configuration(machine: Tables) -> Object | None:
    """The configuration on a scheduler's machine."""
    found: Object | None = machine.get(TABLE, {}).get("configuration")
    return found
