"""The webhook backend: events in batches to a receiver over HTTPS. When and how often is virtual, the call itself is real.

upstream: apiserver/plugin/pkg/audit/webhook/webhook.go, apiserver/pkg/server/options/audit.go (AuditWebhookOptions), 1.28.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubelab.cluster.auditing import kubeconfig
from kubelab.cluster.auditing.backend import Backend, Errors
from kubelab.cluster.auditing.formats import event_list
from kubelab.cluster.auditing.options import Batch, Truncate, check_batch, check_truncate, check_version, number, refuse
from kubelab.cluster.auditing.receiver import Receiver
from kubelab.cluster.auditing.sending import FACTOR, JITTER, TRIES, Done, Outcome, Parcel, Sending
from kubelab.kinds.kind import Object

PLUGIN = "webhook"


def backend(
    source: str | Path | Mapping[str, Any],
    mode: str,
    version: str,
    initial_backoff_ns: int,
    batch: Batch,
    truncate: Truncate,
    patience: Any,
    seed: int,
    now_ns: int,
) -> Backend:
    """A webhook backend. ValueError with all of upstream's complaints, or with what is wrong with the kubeconfig."""
    if not number("patience", patience) >= 0:
        raise ValueError(f"patience={patience!r}: give seconds, from 0")
    refuse([*check_batch(PLUGIN, mode, batch), *check_truncate(PLUGIN, truncate), *check_version(version)])
    try:
        receiver = Receiver(kubeconfig.load(source), patience)
    except ValueError as error:
        raise ValueError(f"initializing audit webhook: {error}") from None
    return Backend(WebhookSink(receiver, version, initial_backoff_ns, seed), mode, batch, truncate, version, now_ns)


class WebhookSink:
    """Batches on their way to one receiver."""

    plugin = PLUGIN

    def __init__(self, receiver: Receiver, version: str, initial_backoff_ns: int, seed: int) -> None:
        self.receiver = receiver
        self.where = receiver.destination.shown
        self.retries = 0
        self._version = version
        self._initial_ns = initial_backoff_ns
        self._sending = Sending(initial_backoff_ns, seed)
        self._sent = 0
        self._tried_ns = 0  # the last try's instant
        self._away = False  # and that nobody listened then
        self._budget = receiver.patience  # seconds of real time that this call of the user's may still wait
        self._errors = Errors()

    def take(self, events: list[Object], at_ns: int, errors: Errors) -> None:
        parcel = self._packed(events, errors)
        if parcel.events:
            self._sending.launch(parcel, at_ns)

    def pass_time(self, now_ns: int, errors: Errors) -> None:
        self._errors = errors
        while (due := self._sending.next()) is not None and due[0] <= now_ns:
            if self._away:
                self._linger(*due)
            self._settle(self._sending.run(due[0], self._post), errors)

    def _linger(self, at_ns: int, again: bool) -> None:
        """Virtual waits are over at once, but a receiver that starts again needs real time: ``patience`` for all the tries of a batch, and no
        more than that within one call of the user's."""
        gap_ns = at_ns - self._tried_ns
        if again and gap_ns > 0 and self._budget > 0 and self._initial_ns > 0:
            whole_ns = sum(self._initial_ns * FACTOR**step for step in range(TRIES - 1)) * (1 + JITTER)
            share = min(self._budget, self.receiver.patience * gap_ns / whole_ns)
            self._budget -= share
            time.sleep(share)

    def store_now(self, event: Object, at_ns: int) -> str:
        """All tries at once, as the request cannot wait in virtual time; a silent one is the last, or every request would wait for real."""
        try:
            body = event_list([event], self._version)
        except (TypeError, ValueError) as error:
            return str(error)
        outcome = Outcome()
        for _ in range(TRIES):
            outcome = self.receiver.post(body)
            if not outcome.error:
                self._sent += 1
                return ""
            if outcome.silent:
                break
        return outcome.error

    def finish(self, now_ns: int, errors: Errors) -> None:
        """Every try to its end; the waits between them pass in virtual time."""
        self._errors = errors
        self._tried_ns = max(self._tried_ns, now_ns)
        while (due := self._sending.next()) is not None:
            self._linger(*due)
            self._settle(self._sending.run(max(due[0], self._tried_ns), self._post), errors)

    def hope(self) -> None:
        self._budget = self.receiver.patience
        self.receiver.hope()

    def close(self) -> None:
        self.receiver.close()

    def sent(self) -> int:
        return self._sent

    def waiting(self) -> int:
        return self._sending.waiting

    def _packed(self, events: list[Object], errors: Errors) -> Parcel:
        """A batch in its wire form; an event that has none is lost alone."""
        try:
            return Parcel(event_list(events, self._version), len(events))
        except (TypeError, ValueError):
            kept = []
            for event in events:
                try:
                    event_list([event], self._version)
                except (TypeError, ValueError) as error:
                    errors.count(PLUGIN, str(error))
                else:
                    kept.append(event)
            return Parcel(event_list(kept, self._version), len(kept))

    def _post(self, parcel: Parcel, at_ns: int) -> Outcome:
        outcome = self.receiver.post(parcel.body)
        self._tried_ns, self._away = max(self._tried_ns, at_ns), outcome.away
        if outcome.silent:
            text = (
                f"the audit's receiver {self.where} does not answer: after {self.receiver.patience:g} s of real time (patience=) a call counts as "
                "the 30 virtual seconds that it may last"
            )
            self._errors.note("silent", text)
        return outcome

    def _settle(self, done: list[Done], errors: Errors) -> None:
        for parcel, tries, outcome in done:
            self.retries += tries - 1
            if outcome.error:
                errors.count(PLUGIN, outcome.error, parcel.events)
            elif outcome.unread:
                errors.count(PLUGIN, f"{self.where} never got them: {outcome.unread}", parcel.events)
            else:
                self._sent += parcel.events
