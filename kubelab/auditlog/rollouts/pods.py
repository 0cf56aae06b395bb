"""Incarnations of pods: from the deeds on one name to the lives that were led under it, one after the other.

At Metadata a generated name is first seen when the pod is bound, so its creation is found among the nameless creates afterwards (``births.py``).
upstream: pkg/registry/core/pod/strategy.go (what deletion is final at once), pkg/kubelet/status/status_manager.go, 1.28; spec/audit.md B4.
"""

from __future__ import annotations

from typing import Any

from kubelab.auditlog.rollouts.bodies import Told
from kubelab.auditlog.rollouts.deeds import NODE, SCHEDULER, Deed, Span

COLLECTORS = ("pod-garbage-collector",)  # they delete with grace 0


class Life:
    """One incarnation. Spans are None where the log does not tell; ``reports``: what its node said, and when; ``known_before``: it was there
    already when the log began (or its creation is not on record). ``born``: the likeliest instant within ``created``; ``sighted``: its scheduler
    said that it fits nowhere."""

    __slots__ = (
        "born",
        "created",
        "creator",
        "deleted",
        "deleted_by",
        "deleted_via",
        "evidence",
        "gone",
        "hash",
        "images",
        "known_before",
        "name",
        "namespace",
        "node",
        "owner",
        "reports",
        "restarts",
        "scheduled",
        "sighted",
        "told",
        "uid",
        "workload",
    )

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace, self.name = namespace, name
        self.uid = self.creator = self.deleted_by = self.deleted_via = self.evidence = self.hash = self.images = self.node = ""
        self.owner = self.workload = ("", "")
        self.created: Span | None = None
        self.born: int | None = None
        self.sighted: Span | None = None
        self.scheduled: Span | None = None
        self.deleted: Span | None = None
        self.gone: Span | None = None
        self.reports: list[tuple[Span, Told | None]] = []
        self.restarts: int | None = None
        self.known_before = True
        self.told = False

    @property
    def seen(self) -> int:
        """When it is first heard of."""
        spans = [
            span
            for span in (self.created, self.sighted, self.scheduled, *(span for span, _ in self.reports[:1]), self.deleted, self.gone)
            if span
        ]
        return min(span.earliest for span in spans)

    @property
    def started(self) -> Span | None:
        """When its containers ran: exactly where the answers tell, else between its node's first and last report."""
        if any(told is not None and told.begun is not None for _, told in self.reports):
            return next((span for span, told in self.reports if told is not None and told.begun), None)
        return Span(self.reports[0][0].earliest, self.reports[-1][0].latest) if self.reports else None

    @property
    def began(self) -> int | None:
        """The likeliest instant of ``started``: a kubelet reports first that it creates the containers, then that they run, then that they are ready."""
        started = self.started
        if started is None or any(told is not None and told.begun is not None for _, told in self.reports):
            return started.latest if started else None
        within = self._within
        return within[min(1, len(within) - 1)].latest

    @property
    def ready(self) -> Span | None:
        """When it first was ready: exactly where the answers tell, else between its node's first and last report before its deletion."""
        if self.tells_ready:
            return next((span for span, told in self.reports if told is not None and told.ready), None)
        return self._reported

    @property
    def _within(self) -> list[Span]:
        """Its node's reports before its deletion."""
        end = self.deleted.earliest if self.deleted else None
        return [span for span, _ in self.reports if end is None or span.earliest <= end] or [span for span, _ in self.reports[:1]]

    @property
    def _reported(self) -> Span | None:
        within = self._within
        return Span(within[0].earliest, within[-1].latest) if within else None

    @property
    def tells_ready(self) -> bool:
        return any(told is not None and told.ready is not None for _, told in self.reports)

    @property
    def reason(self) -> str:
        return next((told.reason for _, told in reversed(self.reports) if told is not None and told.reason), "")


class Lives:
    """All incarnations, as the deeds come in."""

    def __init__(self) -> None:
        self.all: list[Life] = []
        self.nameless: list[Deed] = []
        self._now: dict[tuple[str, str], Life] = {}
        self._by_uid: dict[str, Life] = {}

    def take(self, deed: Deed) -> None:
        """The next deed on pods."""
        done: dict[tuple[str, str], Any] = {
            ("create", ""): self._create,
            ("create", "binding"): self._bind,
            ("create", "eviction"): self._delete,
        }
        if deed.verb == "deletecollection":
            self._delete_all(deed)
        elif deed.verb == "delete":
            self._delete(deed)
        elif deed.subresource == "status":
            if deed.role in (NODE, ""):
                self._report(deed)
            elif deed.role == SCHEDULER:
                life = self._life(deed)
                life.sighted = life.sighted or deed.span
            elif deed.told is not None:
                # of a node that is silent, others say so
                self._report(deed)
        elif (deed.verb, deed.subresource) in done:
            done[(deed.verb, deed.subresource)](deed)

    def _new(self, deed: Deed, name: str) -> Life:
        """Another life under this name ends the one before."""
        place = (deed.namespace, name)
        before = self._now.get(place)
        if before is not None and before.gone is None:
            # two cannot be there at once: the one before ended between its deletion and now
            start = before.deleted.earliest if before.deleted else before.seen
            before.gone = Span(start, max(start, deed.span.latest))
        life = self._now[place] = Life(*place)
        self.all.append(life)
        return life

    def _life(self, deed: Deed) -> Life:
        """The one that a deed is about; one that was there already, if none is known."""
        uid = deed.uid or (deed.told.uid if deed.told else "")
        if uid and uid in self._by_uid:
            return self._by_uid[uid]
        life = self._now.get((deed.namespace, deed.name))
        if life is None or life.gone is not None and deed.role != NODE or (uid and life.uid and life.uid != uid):
            life = self._new(deed, deed.name)
        if uid:
            life.uid = uid
            self._by_uid[uid] = life
        return life

    def _create(self, deed: Deed) -> None:
        name = deed.name or (deed.told.name if deed.told else "")
        if not name:
            self.nameless.append(deed)
            return
        life = self._new(deed, name)
        life.created, life.born = deed.span, deed.span.latest
        life.creator, life.known_before = deed.role or deed.by, False
        self._learn(life, deed)

    def _bind(self, deed: Deed) -> None:
        life = self._life(deed)
        if life.scheduled is None:
            life.scheduled = deed.span
        if life.created is not None:
            life.created = life.created.until(deed.span.earliest)
            life.born = life.created.latest
        if deed.told:
            life.node = life.node or deed.told.node

    def _report(self, deed: Deed) -> None:
        if deed.code >= 400:
            return
        life = self._life(deed)
        if life.scheduled is not None:
            life.scheduled = life.scheduled.until(deed.span.earliest)
        life.reports.append((deed.span, deed.told))
        if deed.by.startswith("system:node:"):
            life.node = life.node or deed.by.removeprefix("system:node:")
        self._learn(life, deed)

    def _delete(self, deed: Deed) -> None:
        place = (deed.namespace, deed.name)
        life = self._now.get(place)
        if deed.code == 404:
            # the node finds gone what it was to remove: the deletion before was final
            if life is not None and life.deleted is not None and life.gone in (None, life.deleted) and deed.role == NODE:
                life.gone = life.deleted = life.deleted.until(deed.span.earliest)
            return
        life = self._life(deed)
        final = (
            (deed.told is not None and deed.told.grace == 0) or deed.role in COLLECTORS or "gracePeriodSeconds=0" in deed.query.split("&")
        )
        if deed.role == NODE and (life.deleted is not None or life.known_before or deed.by.startswith("system:node:")):
            if not (deed.told and deed.told.grace):
                life.gone = deed.span
                return
        if life.deleted is None:
            life.deleted, life.deleted_by, life.deleted_via = deed.span, deed.by, deed.role or deed.subresource
        self._learn(life, deed)
        if life.gone is None and (final or life.scheduled is None and not life.known_before):
            # what no node runs need not be waited for
            life.gone = life.deleted

    def _delete_all(self, deed: Deed) -> None:
        """A collection: all that live in the namespace; with a selector nobody knows which, and their nodes will tell."""
        if "labelSelector=" in deed.query or "fieldSelector=" in deed.query:
            return
        for (namespace, _), life in self._now.items():
            if namespace == deed.namespace and life.gone is None and life.deleted is None:
                life.deleted, life.deleted_by, life.deleted_via = deed.span, deed.by, deed.role or "deletecollection"

    def _learn(self, life: Life, deed: Deed) -> None:
        """What the bodies tell of a pod."""
        facts = deed.told
        if facts is None or facts.kind != "Pod":
            return
        life.told = True
        life.uid = life.uid or facts.uid
        if facts.uid:
            self._by_uid[facts.uid] = life
        life.owner = facts.owner if facts.owner[0] else life.owner
        life.hash, life.images, life.node = facts.hash or life.hash, facts.images or life.images, life.node or facts.node
        life.restarts = facts.restarts
