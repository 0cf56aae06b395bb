"""Rows and moments of informers' calls: what is written reads back the same, in forks and files too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelab.apiserver.informers import all_calls
from kubelab.store.informer_calls import InformerCalls, Outcome, Reflector
from kubelab.store.log import CallRecord, Log
from kubelab.world.codec import decode, encode

FINE, REFUSED = Outcome(), Outcome(403, "Forbidden", "no", status={"kind": "Status", "code": 403})


class Who:
    name = "system:node:a"


def reflector(resource: str, user: Any = None) -> Reflector:
    return Reflector("kubelet/a", user, "kubelet/v1", resource)


def call(verb: str) -> CallRecord:
    return CallRecord(0, "", "", verb, "pods", "", "", "", 200, "", "", 0, 0, "", "", 0, 0, "", 0, "")


def test_a_watch_is_open_until_it_ends():
    calls = InformerCalls()
    who = calls.number_of(reflector("pods"))
    row = calls.add(who, FINE, 3, 10, 12, 0, 7, 300)
    assert (calls.row(row).verb, calls.row(row).ended_ns, calls.moments) == ("watch", 0, 1)
    calls.end(row, 50, 9)
    assert calls.row(row).ended_ns == 50
    assert [calls.moment(number) for number in range(2)] == [(3, row, False), (9, row, True)]


def test_a_refused_watch_is_over_at_once():
    calls = InformerCalls()
    row = calls.add(calls.number_of(reflector("pods")), REFUSED, 0, 10, 12, 0, 7, 300)
    assert calls.row(row).ended_ns == 12 and calls.row(row).outcome is REFUSED
    assert [calls.moment(number).ended for number in range(calls.moments)] == [False, True]


def test_equal_outcomes_and_reflectors_are_kept_once():
    calls = InformerCalls()
    for resource in ("pods", "nodes", "pods"):
        calls.add(calls.number_of(reflector(resource)), Outcome(), 0, 1, 2, 0, 0)
    assert len(calls.reflectors) == 2 and len(calls.outcomes) == 1


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_all_calls_stand_in_the_order_of_their_answers(before: int):
    log = Log()
    for verb in ("create", "update", "delete"):
        log.calls.append(call(verb))
    log.informers.add(log.informers.number_of(reflector("pods", Who)), FINE, before, 1, 2, 0, 0)
    found = [(number, one.verb) for number, one in all_calls(log)]
    assert found[before] == (-1, "list")
    assert [pair for pair in found if pair[0] >= 0] == [(0, "create"), (1, "update"), (2, "delete")]


DEEDS = st.lists(
    st.tuples(st.sampled_from(["list", "watch", "refused", "end", "fork"]), st.integers(0, 4), st.integers(0, 10**12)), max_size=40
)


@given(DEEDS)
def test_forks_and_files_read_the_same_and_go_their_own_way(deeds: list[tuple[str, int, int]]):
    calls, forks = InformerCalls(), []
    for number, (deed, who, time_ns) in enumerate(deeds):
        open_rows = [row.number for row in calls.rows() if row.timeout_s and not row.ended_ns]
        if deed == "fork":
            forks.append((calls, calls.state(), encode(calls.state())))
            calls = calls.fork()
        elif deed == "end" and open_rows:
            calls.end(open_rows[who % len(open_rows)], max(time_ns, 1), number)
        elif deed != "end":
            outcome, timeout_s = {"list": (FINE, 0), "watch": (FINE, 300 + who), "refused": (REFUSED, 300)}[deed]
            calls.add(calls.number_of(reflector(f"kind-{who}")), outcome, number, time_ns, time_ns + 5, who, who, timeout_s)
    for old, _, encoded in forks:
        assert encode(old.state()) == encoded
    restored = InformerCalls.restored(decode(json.loads(json.dumps(encode(calls.state())))))
    assert restored.state() == calls.state() and list(restored.rows()) == list(calls.rows())
    assert restored.number_of(reflector("new")) == calls.number_of(reflector("new"))
