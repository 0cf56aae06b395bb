"""lab.kubelab.dev: clock, faults and usage (DESIGN section 4), and what all kinds share."""

from __future__ import annotations

import pytest

from kubelab.kinds.columns import human_duration
from kubelab.kinds.equality import same
from kubelab.world.clock import HOUR, MINUTE, SECOND
from tests.unit.kinds_groups.builders import NOW, NOW_NS, agree, create_errors, kind_of, object_of, prepared, update_errors

V1 = "lab.kubelab.dev/v1"


def clock(name="lab", **spec):
    return object_of(V1, "Clock", name, spec=spec)


CLOCKS = [
    (clock(), []),
    (clock(pace="max"), []),
    (clock(pace=60, advance="1h30m"), []),
    (clock(pace=0.5), []),
    (clock("other"), ["metadata.name: Invalid value: \"other\": must be 'lab': there is one clock"]),
    (clock(pace="fast"), ["spec.pace: Invalid value: \"fast\": must be 'paused', 'max' or virtual seconds per second, greater than 0"]),
    (clock(pace=-1), ["spec.pace: Invalid value: -1: "]),
    (clock(pace={"a": 1}), ["spec.pace: Invalid value: {'a': 1}: "]),
    (clock(advance="soon"), ["spec.advance: Invalid value: \"soon\": must be seconds or text such as '1m30s', '500ms', '2h'"]),
    (clock(advance="-1s"), ['spec.advance: Invalid value: "-1s": must be greater than or equal to 0']),
    (clock(advance=[1]), ["spec.advance: Invalid value: [1]: "]),
]


@pytest.mark.parametrize(("body", "expected"), CLOCKS)
def test_clock(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_a_clock_shows_the_time():
    obj = prepared(clock())
    assert obj["status"] == {"now": NOW}
    assert [column.cell(obj, NOW_NS) for column in kind_of(obj).columns] == ["lab", "paused", NOW, "0s"]


def fault(**spec):
    return object_of(V1, "Fault", spec=spec)


FAULTS = [
    (fault(type="NodeCrash", nodes=["node-1"], start="30s", duration="5m"), []),
    (fault(type="NodeCrash", selector={"matchLabels": {"zone": "a"}}), []),
    (fault(type="ApiSlow", start="2026-01-01T00:05:00Z", parameters={"delay": "2s"}), []),
    (fault(type="ImageBroken", images=["nginx:1.161"]), []),
    (fault(), ["spec.type: Required value: one of ApiError, ApiSlow, ComponentCrash, "]),
    (fault(type="Flood"), ['spec.type: Unsupported value: "Flood": supported values: "ApiError", "ApiSlow", "ComponentCrash", ']),
    (fault(type="NodeCrash"), ["spec.nodes: Required value: NodeCrash needs nodes or selector to say what it hits"]),
    (fault(type="ComponentCrash"), ["spec.components: Required value: ComponentCrash needs components to say what it hits"]),
    (fault(type="ApiError", duration="0s"), ['spec.duration: Invalid value: "0s": must be greater than 0']),
    (fault(type="ApiError", start="2026-13-01T00:00:00"), ['spec.start: Invalid value: "2026-13-01T00:00:00": parsing time ']),
]


@pytest.mark.parametrize(("body", "expected"), FAULTS)
def test_fault(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_a_fault_waits_at_first():
    obj = prepared(fault(type="NodeCrash", nodes=["a", "b", "c", "d"]))
    assert [column.cell(obj, NOW_NS) for column in kind_of(obj).columns] == ["x", "NodeCrash", "a,b,c + 1 more...", "Pending", "0s"]
    assert agree(update_errors(fault(type="NodeCrash", nodes=["a"]), {"spec": {"type": "x"}}), ["spec.type: Unsupported value"])


def usage(**spec):
    return object_of(V1, "Usage", spec={"selector": {"matchLabels": {"app": "x"}}, **spec})


USAGES = [
    (usage(cpu={"constant": "500m"}), []),
    (usage(memory={"ramp": {"from": "64Mi", "to": "1Gi", "over": "10m"}}, container="c"), []),
    (usage(network={"sine": {"mean": "1M", "amplitude": "500k", "period": 60}}), []),
    (usage(disk={"spikes": {"base": "0", "peak": "1Gi", "every": "1m", "length": "5s"}}), []),
    (usage(cpu={"trace": [[0, 0.5], [10, 1]]}), []),
    (usage(), ["spec: Required value: at least one of cpu, memory, disk, network"]),
    (usage(selector=None, cpu={"constant": "1"}), ["spec.selector: Required value"]),
    (usage(cpu={}), ["spec.cpu: Required value: exactly one of constant, ramp, sine, spikes, trace"]),
    (usage(cpu={"constant": "1", "trace": [[0, 1]]}), ["spec.cpu: Forbidden: give exactly one of "]),
    (usage(cpu={"constant": "-1"}), ['spec.cpu.constant: Invalid value: "-1": must be greater than or equal to 0']),
    (usage(cpu={"ramp": {"from": "1"}}), ["spec.cpu.ramp.to: Required value", "spec.cpu.ramp.over: Required value: give seconds or text"]),
    (usage(cpu={"trace": [[5, 1], [5, 2]]}), ["spec.cpu.trace[1]: Invalid value: [5, 2]: must come later than the point before it"]),
    (usage(cpu={"trace": [[0, "500m"], [10, "1"]]}, memory={"trace": [[0, "64Mi"]]}), []),
    (
        usage(cpu={"ramp": {"from": "0", "to": "1", "over": 1e300}}),
        ["spec.cpu.ramp.over: Invalid value: 1e+300: must be seconds or text such as"],
    ),
    (usage(cpu={"trace": [[1]]}), ["spec.cpu.trace[0]: Invalid value: [1]: must be [seconds, value]"]),
    *[
        (usage(cpu={"trace": [[0, 1], point]}), ["spec.cpu.trace[1]: Invalid value: "])
        for point in (
            [10, "-1"],
            [10, -1],
            ["10", 1],
            [10, "much"],
            [10, True],
            [10, None],
            [float("nan"), 1],
            [10, float("inf")],
            [10, 1e300],
            [1e300, 1],
            {},
            "x",
        )
    ],
]


@pytest.mark.parametrize(("body", "expected"), USAGES)
def test_usage(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


# upstream: apimachinery/pkg/util/duration/duration_test.go (TestHumanDuration, TestHumanDurationBoundaries), 1.28
AGES = [
    (SECOND, "1s"),
    (70 * SECOND, "70s"),
    (190 * SECOND, "3m10s"),
    (70 * MINUTE, "70m"),
    (47 * HOUR, "47h"),
    (49 * HOUR, "2d1h"),
    ((8 * 24 + 2) * HOUR, "8d"),
    (367 * 24 * HOUR, "367d"),
    ((365 * 2 * 24 + 25) * HOUR, "2y1d"),
    (365 * 8 * 24 * HOUR + 2 * HOUR, "8y"),
    (-2 * SECOND, "<invalid>"),
    (-2 * SECOND + 1, "0s"),
    (0, "0s"),
    (SECOND - 1, "0s"),
    (2 * MINUTE - 1, "119s"),
    (2 * MINUTE, "2m"),
    (2 * MINUTE + 1, "2m"),
    (10 * MINUTE - 1, "9m59s"),
    (10 * MINUTE, "10m"),
    (3 * HOUR - 1, "179m"),
    (3 * HOUR, "3h"),
    (8 * HOUR - 1, "7h59m"),
    (8 * HOUR, "8h"),
    (48 * HOUR - 1, "47h"),
    (48 * HOUR, "2d"),
    (192 * HOUR - 1, "7d23h"),
    (192 * HOUR, "8d"),
    (17520 * HOUR - 1, "729d"),
    (17520 * HOUR, "2y"),
]


@pytest.mark.parametrize(("ns", "text"), AGES)
def test_ages(ns, text):
    assert human_duration(ns) == text


# upstream: apimachinery/third_party/forked/golang/reflect/deep_equal.go: empty and nil lists and maps are equal, pointers are not
EQUALITIES = [
    ({"args": []}, {}, True),
    ({"args": None}, {"args": []}, True),
    ({"labels": {}}, {}, True),
    ({"metadata": {"creationTimestamp": None}}, {}, True),
    ({"minReadySeconds": 0}, {}, True),
    ({"ttlSecondsAfterFinished": 0}, {}, False),
    ({"podSelector": {}}, {}, False),
    ({"storageClassName": ""}, {}, False),
    ({"subdomain": ""}, {}, True),
    ([{"name": "a", "args": []}], [{"name": "a"}], True),
    ([{"name": "a"}], [{"name": "a"}, {"name": "b"}], False),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
]


@pytest.mark.parametrize(("new", "old", "equal"), EQUALITIES)
def test_semantic_equality(new, old, equal):
    assert same(new, old) is equal
    assert same(old, new) is equal
