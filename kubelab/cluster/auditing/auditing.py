"""``c.audit``: the policy in force, the events recorded under it, and the backends that take them elsewhere."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kubelab.apiserver.audit import metrics
from kubelab.apiserver.audit.event import Events
from kubelab.apiserver.audit.policy import PolicyError, as_object, is_path, load
from kubelab.apiserver.audit.recording import Audit
from kubelab.apiserver.exposition import page
from kubelab.cluster.auditing.backend import Backend
from kubelab.cluster.auditing.backends import Backends
from kubelab.cluster.auditing.options import (
    MAX_BATCH_SIZE,
    MAX_EVENT_SIZE,
    VERSION,
    AuditWarning,
    Truncate,
    batch_of,
    duration,
    whole,
)
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.world.turns import Turn, taking_turns


@taking_turns
class Auditing:
    """The audit of one world. Backends belong to this handle's world alone: a fork records on, but ships nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._events = Events(engine.server)
        self._source: str | Path | None = None
        self.backends = Backends(engine)
        weakref.finalize(self, self.backends.close)  # at the end of the handle, or of the process

    def __repr__(self) -> str:
        audit = self._engine.server.audit
        rules = "no policy: nothing is recorded" if audit is None else f"a policy of {len(audit.policy.rules)} rules"
        return f"<audit: {rules}; backends: {', '.join(map(str, self.backends.attached)) or 'none'}>"

    @property
    def _turn(self) -> Turn:
        return self._engine.turn

    # -- policy and events -----------------------------------------------------------------------------------------------
    def reload(self, policy: str | Path | Object | None = None) -> None:
        """Put another policy in force from now on (None: read the file of the present one again); one that will not do raises ValueError,
        and the old one stays."""
        wanted = self._source if policy is None else policy
        if wanted is None:
            raise ValueError("reload(): the policy in force was not read from a file: give one")
        server = self._engine.server
        if server.release == "1.7" and not server.gates.get("AdvancedAuditing"):
            words = "feature 'AdvancedAuditing' must be enabled to set an audit policy"
            raise ValueError(f'{words}: kl.Cluster(release="1.7", feature_gates={{"AdvancedAuditing": True}}, …)')
        try:
            found = load(wanted)
        except PolicyError as error:
            if server.audit is None:
                raise
            raise PolicyError(f"{error}; the policy in force stays") from None
        if found.warning:
            warnings.warn(found.warning, AuditWarning, stacklevel=3)
        if server.audit is None:
            server.audit = Audit(found.policy, server.release)
        else:
            server.audit.reload(found.policy)
        self._source = wanted if isinstance(wanted, Path) or (isinstance(wanted, str) and is_path(wanted)) else None

    @property
    def policy(self) -> Object | None:
        """The policy in force, as a Policy of audit.k8s.io/v1; None without one."""
        audit = self._engine.server.audit
        return None if audit is None else as_object(audit.policy)

    def events(self) -> list[Object]:
        """The events recorded so far, in the order of their stages' times."""
        if self._engine.server.audit is None and not any(call.audit for call in self._engine.store.log.calls):
            said = "there is no audit policy, so nothing is recorded: give Cluster(audit_policy=…), or c.audit.reload(…)"
            warnings.warn(said, AuditWarning, stacklevel=5)
            return []
        return sorted((event for _, event in self.since()), key=_stage_time)

    def since(self, call: int = 0) -> Iterator[tuple[int, Object]]:
        """The events of the calls from a number on, each with the number of its call, in the order of the answers."""
        return self._events.since(call)

    def counts(self) -> dict[str, Any]:
        """What upstream counts of recording: ``level_total`` by level (a call each, None too), ``event_total``."""
        audit = self._engine.server.audit
        return {"level_total": dict(audit.levels) if audit else {}, "event_total": audit.events if audit else 0}

    # -- backends --------------------------------------------------------------------------------------------------------
    def log(
        self,
        path: str | Path,
        *,
        format: str = "json",
        max_size: int = 0,
        max_backups: int = 0,
        max_age: int = 0,
        compress: bool = False,
        mode: str = "blocking",
        version: str = VERSION,
        buffer_size: int = 10000,
        max_batch_size: int = 1,
        max_wait: str | float = "30s",
        throttle_enable: bool = False,
        throttle_qps: float = 10,
        throttle_burst: int = 15,
        truncate: bool = False,
        truncate_max_event_size: int = MAX_EVENT_SIZE,
        truncate_max_batch_size: int = MAX_BATCH_SIZE,
        from_start: bool = False,
    ) -> Backend:
        """Write what is recorded from now on (``from_start``: from the beginning on) to a file, ``"-"``: to standard output.

        The names are those of kube-apiserver's flags ``--audit-log-…``, with their defaults. ``max_size`` in megabytes (0: 100), ``max_age`` in
        days, ``max_backups`` a number of files (0: all). Raises ValueError in upstream's words.
        """
        from kubelab.cluster.auditing import log as logs  # files and sockets are for those who ask for a backend

        batch = batch_of(buffer_size, max_batch_size, max_wait, throttle_enable, throttle_qps, throttle_burst)
        cut = _truncate(truncate, truncate_max_event_size, truncate_max_batch_size)
        self.backends.check_file(path)
        sizes = (max_size, max_backups, max_age)
        made = logs.backend(path, format, mode, version, sizes, compress, batch, cut, self._engine.now_ns)
        return self.backends.attach(made, from_start=from_start)

    def webhook(
        self,
        kubeconfig: str | Path | Mapping[str, Any],
        *,
        mode: str = "batch",
        version: str = VERSION,
        buffer_size: int = 10000,
        max_batch_size: int = 400,
        max_wait: str | float = "30s",
        throttle_enable: bool = True,
        throttle_qps: float = 10,
        throttle_burst: int = 15,
        initial_backoff: str | float = "10s",
        truncate: bool = False,
        truncate_max_event_size: int = MAX_EVENT_SIZE,
        truncate_max_batch_size: int = MAX_BATCH_SIZE,
        patience: float = 5,
        from_start: bool = False,
    ) -> Backend:
        """Send what is recorded from now on to the receiver that a kubeconfig (a file or a dict) names.

        The names are those of kube-apiserver's flags ``--audit-webhook-…``, with their defaults; waits and throttle are virtual time.
        ``patience``: seconds of real time for a receiver that says nothing. Raises ValueError in upstream's words.
        """
        from kubelab.cluster.auditing import webhook as webhooks

        batch = batch_of(buffer_size, max_batch_size, max_wait, throttle_enable, throttle_qps, throttle_burst)
        cut = _truncate(truncate, truncate_max_event_size, truncate_max_batch_size)
        backoff_ns = duration("initial_backoff", initial_backoff)
        engine = self._engine
        made = webhooks.backend(kubeconfig, mode, version, backoff_ns, batch, cut, patience, engine.streams.seed, engine.now_ns)
        return self.backends.attach(made, from_start=from_start)

    def flush(self) -> None:
        """Send all that the backends hold, at once: batches are closed, waits between tries pass without the cluster's time."""
        self.backends.flush()

    def close(self) -> None:
        """Flush, and let the backends go, as at the end of the API server; recording goes on."""
        self.backends.close()

    def ship(self) -> None:
        """Bring the backends up to now; every call of the handle ends with it."""
        if self.backends.attached:
            self.backends.ship()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """``ship`` at the end of a stretch of time, however it ends."""
        try:
            yield
        finally:
            self.ship()

    def metrics(self) -> dict[str, Any]:
        """The API server's own ``apiserver_audit_…`` metrics: numbers, or numbers by label."""
        return metrics.totals(self._engine.server.audit, *self.backends.trouble())

    def prometheus(self) -> str:
        """``metrics()`` in the Prometheus text format, as the API server's ``/metrics`` has them."""
        return page(metrics.families(self.metrics()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _truncate(enabled: bool, max_event_size: Any, max_batch_size: Any) -> Truncate:
    return Truncate(enabled, whole("truncate_max_event_size", max_event_size), whole("truncate_max_batch_size", max_batch_size))


def _stage_time(event: Object) -> str:
    return str(event["stageTimestamp"])
