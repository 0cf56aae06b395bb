"""``log.plot``: a picture for each answer of an audit log. Each method takes what the answer takes, and ``ax``; it returns a matplotlib Axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from kubelab.plot.auditlog import activity, bars, moments, policies, ranges, rbac, rollouts, verdicts


class Plot:
    """Pictures of a log; titles say what was found, background stands beside in a paler colour."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def __repr__(self) -> str:
        names = [name for name in dir(self) if not name.startswith("_")]
        return f"pictures of {self._log!r}: {', '.join(f'{name}()' for name in names)}"

    def requests(self, by: str | Sequence[str] = ("user", "verb", "target"), *, ax: Axes | None = None) -> Axes:
        """Who asks for what, how often."""
        names = [by] if isinstance(by, str) else list(by)
        return bars.draw(bars.requests(self._log.requests(names), names), ax)

    def activity(self, by: str = "user", *, every: str = "hour", ax: Axes | None = None) -> Axes:
        """Who calls when, as a heat map over time; ``every``: hour, minute or second."""
        if every not in activity.STEPS:
            raise ValueError(f"every={every!r}: what would work is 'hour', 'minute' or 'second'")
        return activity.draw(activity.tidy(self._log.requests([by, every]), by, every), ax)

    def clients(self, *, ax: Axes | None = None) -> Axes:
        """What each client costs."""
        return bars.draw(bars.clients(self._log.clients()), ax)

    def latencies(self, by: str | Sequence[str] = ("verb", "target"), *, ax: Axes | None = None) -> Axes:
        """Latencies from the median to the tail, on a log scale."""
        names = [by] if isinstance(by, str) else list(by)
        return ranges.draw(ranges.latencies(self._log.latencies(names, (0.5, 0.95, 0.99)), names), ax)

    def hot_objects(self, *, ax: Axes | None = None) -> Axes:
        """The objects that are touched most."""
        return bars.draw(bars.hot_objects(self._log.hot_objects()), ax)

    def write_amplification(self, *, ax: Axes | None = None) -> Axes:
        """Writes per writer."""
        return bars.draw(bars.write_amplification(self._log.write_amplification()), ax)

    def conflicts(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Conflicts, and whether trying again helped."""
        return bars.draw(bars.conflicts(self._log.conflicts(**options)), ax)

    def noisy_clients(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Who burdens the API server without need."""
        return bars.draw(bars.noisy_clients(self._log.noisy_clients(**options)), ax)

    def elections(self, *, ax: Axes | None = None) -> Axes:
        """How steadily locks and node leases are renewed."""
        return ranges.draw(ranges.elections(self._log.elections()), ax)

    def denied(self, *, ax: Axes | None = None) -> Axes:
        """Who was denied what."""
        return bars.draw(bars.denied(self._log.denied()), ax)

    def who(self, reference: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Who did something to it, and when."""
        return moments.draw(moments.changes(self._log.who(reference, **options)), ax)

    def deprecated(self, before: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Which clients use what is going away."""
        return bars.draw(bars.deprecated(self._log.deprecated(before)), ax)

    def sensitive(self, *, ax: Axes | None = None) -> Axes:
        """Commands, tunnels, secrets, tokens."""
        return bars.draw(bars.sensitive(self._log.sensitive()), ax)

    def permissions(self, roles: Any = None, *, ax: Axes | None = None) -> Axes:
        """Permissions used against granted."""
        return bars.draw(bars.permissions(self._log.permissions(roles)), ax)

    def burst(self, *args: Any, ax: Axes | None = None, **options: Any) -> Axes:
        """What a burst spent its time on, against before."""
        return ranges.draw(ranges.burst(self._log.burst(*args, **options)), ax)

    def anomalies(self, *args: Any, ax: Axes | None = None, **options: Any) -> Axes:
        """Windows that stand out, and how often that is a false alarm."""
        return moments.draw(moments.anomalies(self._log.anomalies(*args, **options)), ax)

    def volume(self, policy: Any = None, *, ax: Axes | None = None) -> Axes:
        """What fills the log; with a policy, rule by rule."""
        return bars.draw(bars.volume(self._log.volume(policy)), ax)

    def what_if(self, policy: Any, *, ax: Axes | None = None) -> Axes:
        """Which answers another policy would leave."""
        found = self._log.what_if(policy)
        return verdicts.draw(verdicts.tidy(found.answers, found.totals), ax)

    def policies(self, policies_: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
        """Policies side by side (name → policy): the bytes that each would record, and how many answers it leaves."""
        return policies.draw(policies.tidy({name: self._log.what_if(policy) for name, policy in policies_.items()}), ax)

    def slis(self, *, ax: Axes | None = None) -> Axes:
        """Service level indicators against their objectives."""
        return ranges.draw(ranges.slis(self._log.slis()), ax)

    def rollouts(self, reference: str | None = None, *, namespace: str | None = None, ax: Axes | None = None) -> Axes:
        """Rollouts as a Gantt chart, as if we had been there."""
        phases = self._log.rollout_phases(reference, namespace=namespace)
        return rollouts.draw(rollouts.tidy(phases, self._log.rollout_steps(reference, namespace=namespace)), ax)

    def rbac(self, user: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Permissions used as a matrix, and what the roles made from them allow beyond."""
        return rbac.draw(rbac.tidy(self._log.rbac(user, **options)), ax)
