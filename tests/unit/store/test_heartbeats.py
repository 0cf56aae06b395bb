"""What counts as a heartbeat is kept in a shorter form; whatever else has changed, if only by its type or its place, is kept as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubelab.store.heartbeats import Shapes, call_of, commit_of, identical
from kubelab.store.log import CallRecord, Commit, Manager, Object
from kubelab.store.note import AuditDoor, AuditNote, Treatment

LEASES = "leases.coordination.k8s.io"
KEY = (LEASES, "kube-node-lease", "node-1")
KUBELET = Manager("kubelet", "Update", "coordination.k8s.io/v1")
NOTED = AuditNote(Treatment("Metadata", ("ResponseComplete",), False, 0), None, "allow", "", ("node-1", "kube-node-lease", "u1", "7"))


def lease(revision: int, renewed: str = "2026-01-01T00:00:10.000001Z", **spec: Any) -> Object:
    meta = {"name": "node-1", "namespace": "kube-node-lease", "uid": "u1", "resourceVersion": str(revision)}
    held = {"holderIdentity": "node-1", "leaseDurationSeconds": 40, "renewTime": renewed, **spec}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": held}


def node(revision: int, *beats: str, **status: Any) -> Object:
    conditions = [
        {"type": f"C{at}", "status": "True", "lastHeartbeatTime": beat, "lastTransitionTime": "x"} for at, beat in enumerate(beats)
    ]
    meta = {"name": "node-1", "resourceVersion": str(revision)}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {}, "status": {"conditions": conditions, **status}}


def change(old: Object, new: Object, manager: Manager = KUBELET, key: tuple[str, str, str] = KEY, type_: str = "MODIFIED") -> Commit:
    previous, revision = (int(obj["metadata"]["resourceVersion"]) for obj in (old, new))
    return Commit(revision, 1_000, type_, key, new, old, previous, 5, manager)


def call(**fields: Any) -> CallRecord:
    known = CallRecord(
        9,
        "system:node:node-1",
        "kubelet",
        "update",
        LEASES,
        "",
        "kube-node-lease",
        "node-1",
        200,
        "",
        "",
        1,
        2,
        "k",
        "lease",
        3,
        4,
        "because",
        8,
        "",
    )
    return known._replace(**fields)


def printed(value: Any) -> str:
    return json.dumps(value)


HEARTBEATS = {
    "a lease renewed": change(lease(1), lease(2, "2026-01-01T00:00:20.123456Z")),
    "a lease renewed at the same instant": change(lease(1), lease(2)),
    "a node that reports": change(
        node(1, "2026-01-01T00:00:10Z", "2026-01-01T00:00:10Z"),
        node(2, "2026-01-01T00:05:10Z", "2026-01-01T00:05:10Z"),
        key=("nodes", "", "node-1"),
    ),
    "far in the future": change(lease(1), lease(2, "2199-12-31T23:59:59.999999Z")),
    "before 1970": change(lease(1), lease(2, "1969-12-31T23:59:59.999999Z")),
}
OTHERS = {
    "another holder": change(lease(1), lease(2, holderIdentity="node-2")),
    "a duration of another type": change(lease(1, leaseDurationSeconds=1), lease(2, leaseDurationSeconds=1.0)),
    "a duration that is a truth": change(lease(1, leaseDurationSeconds=1), lease(2, leaseDurationSeconds=True)),
    "keys in another order": change(lease(1), {**lease(2), "spec": dict(reversed(lease(2)["spec"].items()))}),
    "keys of the object in another order": change(lease(1), dict(reversed(lease(2).items()))),
    "one more field": change(lease(1), lease(2, leaseTransitions=0)),
    "an instant with fewer digits": change(lease(1), lease(2, "2026-01-01T00:00:20Z")),
    "an instant with another zone": change(lease(1), lease(2, "2026-01-01T00:00:20.12345+0")),
    "an instant in small letters": change(lease(1), lease(2, "2026-01-01t00:00:20.123456Z")),
    "no day of the calendar": change(lease(1), lease(2, "2026-02-30T00:00:20.123456Z")),
    "digits of another script": change(lease(1), lease(2, "2026-01-01T00:00:20.12345٣Z")),
    "no instant": change(lease(1), lease(2, None)),  # type: ignore[arg-type]
    "no spec": change(lease(1), {**lease(2), "spec": None}),
    "a list of owners": change(
        lease(1), {**lease(2), "spec": lease(2)["spec"], "metadata": {**lease(2)["metadata"], "ownerReferences": []}}
    ),
    "a manager with entries of its own": change(lease(1), lease(2), KUBELET._replace(entries=[])),
    "a manager who sent something else": change(lease(1), lease(2), KUBELET._replace(seen={})),
    "a deletion": change(lease(1), lease(2), type_="DELETED"),
    "a creation": change(lease(1), lease(2), type_="ADDED")._replace(old=None, previous=0),
    "another version than the revision": change(lease(1), lease(2))._replace(revision=3),
    "another kind of object": change(lease(1), lease(2), key=("configmaps", "default", "a")),
    "conditions of two times": change(
        node(1, "2026-01-01T00:00:10Z"), node(2, "2026-01-01T00:05:10Z", "2026-01-01T00:05:11Z"), key=("nodes", "", "node-1")
    ),
    "a condition changes": change(
        node(1, "2026-01-01T00:00:10Z"),
        {
            **node(2, "2026-01-01T00:05:10Z"),
            "status": {"conditions": [{"type": "C0", "status": "False", "lastHeartbeatTime": "2026-01-01T00:05:10Z"}]},
        },
        key=("nodes", "", "node-1"),
    ),
    "no conditions": change(node(1), node(2), key=("nodes", "", "node-1")),
}


@pytest.mark.parametrize("commit", HEARTBEATS.values(), ids=HEARTBEATS)
def test_a_heartbeat_reads_back_as_it_was(commit: Commit) -> None:
    found = Shapes().of_commit(commit)
    assert found is not None
    assert printed(commit_of(*found, None)) == printed(commit)


@pytest.mark.parametrize("commit", OTHERS.values(), ids=OTHERS)
def test_what_is_more_than_a_heartbeat_stays_as_it_is(commit: Commit) -> None:
    found = Shapes().of_commit(commit)
    assert found is None


def test_the_object_before_is_shared_with_the_heartbeat_before() -> None:
    shapes, objects = Shapes(), [lease(number, f"2026-01-01T00:00:{number}0.000000Z") for number in range(1, 4)]
    first, second = (shapes.of_commit(change(old, new)) for old, new in zip(objects, objects[1:], strict=False))
    assert first is not None
    assert second is not None
    assert first[0] is second[0], "one shape for all"
    before = commit_of(*first, None)
    assert commit_of(*second, before).old is before.object


def test_an_object_that_changes_gets_a_new_shape_from_then_on() -> None:
    shapes = Shapes()
    objects = [lease(1), lease(2), lease(3, leaseDurationSeconds=50), lease(4, leaseDurationSeconds=50), lease(5, leaseDurationSeconds=50)]
    found = [shapes.of_commit(change(old, new)) for old, new in zip(objects, objects[1:], strict=False)]
    assert [each is None for each in found] == [False, True, False, False]
    assert [commit_of(*each, None).object["spec"]["leaseDurationSeconds"] for each in found if each] == [40, 50, 50]


def test_renewals_by_two_managers_are_told_apart() -> None:
    shapes, other = Shapes(), KUBELET._replace(name="kubectl-edit")
    changes = [change(lease(1), lease(2)), change(lease(2), lease(3), other), change(lease(3), lease(4))]
    found = [shapes.of_commit(each) for each in changes]
    assert [printed(commit_of(*each, None)) for each in found if each] == list(map(printed, changes))


CALLS = {
    "as a kubelet makes it": call(),
    "audited": call(audit=NOTED),
    "audited, of a patch": call(verb="patch", resource="nodes", subresource="status", namespace="", audit=NOTED._replace(about=None)),
    "audited, without resourceVersion": call(audit=NOTED._replace(about=("node-1", "", "", ""))),
    "audited, by way of HTTP": call(audit=NOTED._replace(door=AuditDoor(audit_id="a", source_ips=("10.0.0.1",)))),
}
OTHER_CALLS = {
    "refused": call(code=409),
    "a creation": call(verb="create"),
    "of a pod": call(resource="pods"),
    "with its body on record": call(audit=NOTED._replace(request=lease(1))),
    "with its answer on record": call(audit=NOTED._replace(response=8)),
    "with annotations": call(audit=NOTED._replace(annotations=(("a", "b"),))),
    "with a strange resourceVersion": call(audit=NOTED._replace(about=("node-1", "", "", "007"))),
    "with words for a resourceVersion": call(audit=NOTED._replace(about=("node-1", "", "", "x"))),
}


@pytest.mark.parametrize("record", CALLS.values(), ids=CALLS)
def test_a_heartbeat_s_call_reads_back_as_it_was(record: CallRecord) -> None:
    shapes = Shapes()
    later = record._replace(time_ns=19, wait_ns=11, latency_ns=12, wake=13, cause=14, revision=18)
    found = [shapes.of_call(each) for each in (record, later)]
    assert [call_of(*each, None) for each in found if each] == [record, later]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][0] is found[1][0], "one shape for both"


@pytest.mark.parametrize("record", OTHER_CALLS.values(), ids=OTHER_CALLS)
def test_a_call_that_says_more_stays_as_it_is(record: CallRecord) -> None:
    assert Shapes().of_call(record) is None


def test_calls_under_two_policies_are_told_apart() -> None:
    shapes = Shapes()
    records = [call(audit=NOTED), call(audit=None), call(audit=NOTED._replace(reason="RBAC")), call(audit=NOTED)]
    assert [call_of(*found, None) for each in records if (found := shapes.of_call(each))] == records


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ([1, {"a": [None]}], [1, {"a": [None]}], True),
        (1, 1.0, False),
        (1, True, False),
        ([1], [1, 2], False),
        ("a", "b", False),
    ],
)
def test_values_are_identical_if_they_print_alike(one: Any, other: Any, alike: bool) -> None:
    assert identical(one, other) is alike
