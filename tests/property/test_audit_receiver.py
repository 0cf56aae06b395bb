"""Whatever a receiver does, every event is delivered, waiting, or counted as lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.cluster.auditing.backend import Backend, Errors
from kubelab.cluster.auditing.options import Batch, Truncate
from kubelab.cluster.auditing.sending import Outcome, Parcel
from kubelab.cluster.auditing.webhook import WebhookSink
from kubelab.kinds.kind import Object
from kubelab.world.clock import SECOND

VERSION = "audit.k8s.io/v1"


class Fickle:
    """A receiver that is up and down by the cluster's clock, which the wire of a real one cannot know."""

    patience = 0.0

    def __init__(self, outages: list[tuple[int, int]]) -> None:
        self.outages = outages
        self.now_ns = 0
        self.heard: list[bytes] = []
        self.destination = self
        self.shown = self.url = "https://fickle"

    def hope(self) -> None:
        return

    def close(self) -> None:
        return

    def post(self, body: bytes) -> Outcome:
        if any(start <= self.now_ns < end for start, end in self.outages):
            return Outcome("down")
        self.heard.append(body)
        return Outcome()


class Clocked(WebhookSink):
    """A sink that tells its receiver the time."""

    def _post(self, parcel: Parcel, at_ns: int) -> Outcome:
        self.receiver.now_ns = at_ns  # type: ignore[attr-defined]
        return super()._post(parcel, at_ns)


def event(number: int) -> Object:
    return {"level": "Metadata", "auditID": f"id-{number:05d}", "stage": "ResponseComplete"}


@given(
    st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(0, 60)), max_size=30),
    st.lists(st.tuples(st.integers(0, 600), st.integers(1, 300)), max_size=4),
    st.sampled_from([Batch(), Batch(20, 7, 5 * SECOND, True, 0.5, 2)]),
)
@settings(max_examples=60, deadline=None)
def test_nothing_disappears(steps: list[tuple[int, int]], outages: list[tuple[int, int]], batch: Batch) -> None:
    spans = [(start * SECOND, (start + length) * SECOND) for start, length in outages]
    fickle = Fickle(spans)
    backend = Backend(Clocked(fickle, VERSION, 10 * SECOND, 0), "batch", batch, Truncate(), VERSION, 0)  # type: ignore[arg-type]
    now_ns, number = 0, 0
    for pause_ns, events in steps:
        now_ns += pause_ns
        for _ in range(events):
            backend.process(event(number), now_ns)
            number += 1
        backend.pass_time(now_ns)
        assert backend.sent + backend.waiting + backend.lost == number
    backend.finish(now_ns, for_good=True)
    heard = [name for body in fickle.heard for name in body.decode().split('"') if name.startswith("id-")]
    assert len(heard) == len(set(heard)) == backend.sent
    assert backend.sent + backend.lost == number and backend.waiting == 0
    if all(length < 81 for _, length in outages) and not overlapping(spans) and batch == Batch():
        assert backend.lost == 0


def overlapping(spans: list[tuple[int, int]]) -> bool:
    """Whether one outage begins within the tries that another has spoilt."""
    ordered = sorted(spans)
    return any(later[0] < first[1] + 100 * SECOND for first, later in zip(ordered, ordered[1:], strict=False))


def test_what_is_said_is_said_once() -> None:
    errors = Errors()
    errors.count("webhook", "down", 3)
    errors.count("webhook", "down", 4)
    errors.note("silent", "it does not answer")
    errors.note("silent", "it does not answer")
    assert errors.take_words() == ["Error in audit plugin 'webhook' affecting 7 audit events: down", "it does not answer"]
    assert errors.take_words() == [] and errors.total == {"webhook": 7}
