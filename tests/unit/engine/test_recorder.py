"""The event recorder. Rows: upstream client-go/tools/record/{event,events_cache}_test.go, client-go/tools/events/eventseries_test.go, 1.28."""

import pytest

from kubelab.engine.component import Identity
from kubelab.engine.plan import EventDraft
from kubelab.engine.recorder import AGGREGATE_AFTER, PREFIX, SPAM_BURST, record, remade
from kubelab.world.clock import SECOND

BY = Identity("u", (), "agent", "eventTest", "host")
START_NS = 1_767_225_600 * SECOND


def draft(reason="duplicate", message="me again", field_path="", action="", version="10", **more):
    about = {"kind": "Pod", "namespace": "my-ns", "name": "my-pod", "uid": "u", "apiVersion": "v1", "resourceVersion": version, **more}
    return EventDraft({**about, "fieldPath": field_path} if field_path else about, "Normal", reason, message, action)


def similar(count):
    return [draft("similar", f"similar message {at}", "spec.containers{c1}") for at in range(count)]


def play(drafts, every, tables=None):
    """The call for each draft, ``every`` seconds apart; None where the spam filter took it."""
    tables = {} if tables is None else tables
    return [record(tables, each, BY, START_NS + at * every * SECOND, START_NS + at) for at, each in enumerate(drafts)]


@pytest.mark.parametrize(
    ("why", "before", "new", "every", "verb", "count", "message"),
    [  # TestEventCorrelator
        ("create a single event", [], draft("first", "i am first"), 5, "create", 1, "i am first"),
        ("the same event should just count", [draft()], draft(), 5, "patch", 2, "me again"),
        ("even more than aggregate", [draft()] * AGGREGATE_AFTER, draft(), 30, "patch", AGGREGATE_AFTER + 1, "me again"),
        (
            "create many unique events",
            [draft(f"r{at}", f"m{at}") for at in range(20)],
            draft("unique", "snowflake"),
            5,
            "create",
            1,
            "snowflake",
        ),
        ("similar ones aggregate", similar(9), draft("similar", "x", "spec.containers{c1}"), 5, "create", 1, f"{PREFIX}x"),
        ("many times: the aggregate counts", similar(10), draft("similar", "x", "spec.containers{c1}"), 5, "patch", 2, f"{PREFIX}x"),
        ("different containers", [draft("s", "m", "spec.containers{c2}")], draft("s", "m", "spec.containers{c1}"), 5, "create", 1, "m"),
        ("too long ago to aggregate", similar(9), draft("similar", "x", "spec.containers{c1}"), 601, "create", 1, "x"),
    ],
)
def test_correlation(why, before, new, every, verb, count, message):
    call = play([*before, new], every)[-1]
    assert (call.verb, call.body["count"], call.body["message"]) == (verb, count, message)


def test_the_same_event_is_spam_if_it_happens_too_often():
    calls = play([draft()] * (SPAM_BURST + 2), 1)
    assert [call is None for call in calls] == [False] * SPAM_BURST + [True] * 2


def test_spam_of_one_object_is_none_of_another():
    """TestEventSpamFilter: the key is the source and the object, not reason nor message."""
    tables = {}
    play([draft(f"r{at}") for at in range(SPAM_BURST + 1)], 0, tables)
    assert play([draft("other")], 0, tables) == [None]
    assert play([draft("other", uid="v")], 0, tables) != [None]


def test_a_patch_says_count_time_and_message():
    """Recorded of a real 1.20.2: {"count": 2, "lastTimestamp": …, "message": …}."""
    call = play([draft(), draft()], 1)[-1]
    assert call.body == {"count": 2, "lastTimestamp": "2026-01-01T00:00:01Z", "message": "me again"}


def test_an_event_that_is_gone_is_made_anew_with_its_count():
    """TestUpdateExpiredEvent."""
    tables = {}
    first, second = play([draft(), draft()], 1, tables)
    again = remade(tables, second, f'events "{second.name}" not found', BY)
    assert (again.verb, again.name, again.body["count"]) == ("create", first.name, 2)
    assert (again.body["firstTimestamp"], again.body["lastTimestamp"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")
    assert again.body["involvedObject"] == {"kind": "Pod", "namespace": "my-ns", "name": "my-pod", "uid": "u", "apiVersion": "v1"}
    assert remade(tables, again, 'events "x" not found', BY) is None
    assert remade(tables, second, "something else", BY) is None


def scheduling(message="0/1 nodes", version="10"):
    return draft("FailedScheduling", message, action="Scheduling", version=version)


@pytest.mark.parametrize(
    ("why", "drafts", "every", "verbs"),
    [  # TestEventSeriesf, TestFinishSeries, TestRefreshExistingEventSeries
        ("the second makes a series, others only count", [scheduling()] * 4, 10, ["create", "patch", None, None]),
        ("the message does not matter", [scheduling("a"), scheduling("b")], 10, ["create", "patch"]),
        ("the version of the object does", [scheduling(version="10"), scheduling(version="11")], 10, ["create", "create"]),
        ("a series is over after six to twelve minutes", [scheduling()] * 2, 721, ["create", "create"]),
        ("a series is written again after half an hour", [scheduling()] * 9, 300, ["create", "patch", *[None] * 4, "patch", None, None]),
    ],
)
def test_series(why, drafts, every, verbs):
    calls = play(drafts, every)
    assert [None if call is None else call.verb for call in calls] == verbs


def test_a_series_counts_what_it_did_not_write():
    calls = play([scheduling()] * 7, 300)
    assert calls[1].body == {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:05:00.000000Z"}}
    assert calls[6].body["series"]["count"] == 7


def test_an_aggregate_names_its_source_alone():
    """EventAggregate in events_cache.go copies the source, but not who reports."""
    first, *_, aggregate = play(similar(10), 5)
    assert (first.body["reportingComponent"], first.body["reportingInstance"]) == ("eventTest", "host")
    assert (aggregate.body["reportingComponent"], aggregate.body["reportingInstance"]) == ("", "")
    assert aggregate.body["source"] == {"component": "eventTest", "host": "host"}
