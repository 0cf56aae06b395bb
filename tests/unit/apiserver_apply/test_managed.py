"""managedFields after writes, and server-side apply, on real kinds.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/{fieldmanager_test.go,internal/*_test.go}, 1.28.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.apply.conflicts import ApplyRejected, Conflict, Conflicts
from kubelab.apiserver.apply.entries import applier, capped, of_request, read, updater, write
from kubelab.apiserver.apply.last_applied import ANNOTATION, configuration_of, with_configuration
from kubelab.apiserver.apply.managed import apply, fields_of_update
from kubelab.apiserver.apply.typed import TypedError
from kubelab.kinds import schema

Object = dict[str, Any]
T1, T2, T3 = (f"2026-01-01T00:00:0{second}Z" for second in (1, 2, 3))
CONFIG_MAP = schema.for_kind("", "v1", "ConfigMap")
POD = schema.for_kind("", "v1", "Pod")


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def entry(manager: str, operation: str, fields: Object, time: str | None = T1, version: str = "v1", subresource: str = "") -> Object:
    out: Object = {"manager": manager, "operation": operation, "apiVersion": version}
    out |= {"time": time} if time else {}
    out |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
    return out | ({"subresource": subresource} if subresource else {})


def updated(before: list[Object], old: Object | None, new: Object, manager: str, time: str = T2, subresource: str = "") -> list[Object]:
    struct = {"ConfigMap": CONFIG_MAP, "Pod": POD}[new["kind"]]
    return fields_of_update(before, old, new, manager, new["apiVersion"], time, subresource, struct)


def applied(live: Object | None, entries: list[Object], obj: Object, manager: str, time: str = T2, force: bool = False) -> Any:
    return apply(live, entries, obj, manager, force, "v1", time, "", CONFIG_MAP)


def test_a_create_owns_the_map_it_makes_and_never_the_name() -> None:
    assert updated([], None, config_map(a="1"), "m") == [entry("m", "Update", {"f:data": {".": {}, "f:a": {}}}, T2)]


def test_an_update_takes_what_it_changes_and_keeps_its_time_where_nothing_changes() -> None:
    one, two = config_map(a="1", b="1"), config_map(a="2", b="1", c="3")
    first = updated([], None, one, "m", T1)
    second = updated(first, one, two, "n", T2)
    assert second == [
        entry("m", "Update", {"f:data": {".": {}, "f:b": {}}}, T1),
        entry("n", "Update", {"f:data": {"f:a": {}, "f:c": {}}}, T2),
    ]
    assert updated(second, two, two, "x", T3) is second
    assert updated(second, two, config_map(a="2", b="1"), "x", T3) == [
        entry("m", "Update", {"f:data": {".": {}, "f:b": {}}}, T1),
        entry("n", "Update", {"f:data": {"f:a": {}}}, T2),
    ]


def test_an_object_that_nobody_tracks_stays_untracked_until_the_first_apply() -> None:
    live = config_map(a="1", b="1")
    assert updated([], live, config_map(a="2"), "m") == []
    with pytest.raises(Conflicts) as refused:
        applied(live, [], config_map(a="2"), "m")
    assert refused.value.message == 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
    obj, entries = applied(live, [], config_map(a="2"), "m", force=True)
    assert obj == config_map(a="2", b="1")
    assert entries == [
        entry("m", "Apply", {"f:data": {"f:a": {}}}, T2),
        entry("before-first-apply", "Update", {"f:data": {".": {}, "f:b": {}}}, T2),
    ]


def test_what_an_applier_leaves_out_goes_unless_another_owns_it() -> None:
    live, entries = applied(None, [], config_map(a="1", b="1", c="1"), "one", T1)
    live, entries = applied(live, entries, config_map(b="1"), "two", T2)
    live, entries = applied(live, entries, config_map(a="1"), "one", T3)
    assert live == config_map(a="1", b="1")
    assert entries == [entry("two", "Apply", {"f:data": {"f:b": {}}}, None), entry("one", "Apply", {"f:data": {"f:a": {}}}, T3)]


def test_an_apply_that_changes_nothing_returns_the_very_object_and_its_old_time() -> None:
    live, entries = applied(None, [], config_map(a="1"), "one", T1)
    again, same = applied(live, entries, config_map(a="1"), "one", T2)
    assert again is live
    assert same == entries


def test_the_last_owner_of_all_labels_takes_the_map_with_it() -> None:
    live, entries = applied(None, [], {**config_map(a="1"), "metadata": {"name": "c", "labels": {"x": "y"}}}, "one", T1)
    live, entries = applied(live, entries, config_map(a="1"), "one", T2)
    assert live == config_map(a="1")
    assert entries == [entry("one", "Apply", {"f:data": {"f:a": {}}}, T2)]


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"apiVersion": "v2", "kind": "ConfigMap"}, "invalid object type: /v2, Kind=ConfigMap"),
        ({"apiVersion": "v1", "kind": "Pod"}, "invalid object type: /v1, Kind=Pod"),
        ({}, "invalid object type: /, Kind="),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": []}}, "metadata.managedFields must be nil"),
    ],
)
def test_a_wrong_apply_is_a_bad_request(obj: Object, message: str) -> None:
    with pytest.raises(ApplyRejected) as refused:
        applied(None, [], obj, "m")
    assert str(refused.value) == message


def test_an_unknown_field_is_no_part_of_the_schema() -> None:
    with pytest.raises(TypedError) as refused:
        applied(None, [], {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "d"}, "spec": 1}, "m")
    assert str(refused.value) == "failed to create typed patch object (d/c; /v1, Kind=ConfigMap): .spec: field not declared in schema"


def pod(**status: Any) -> Object:
    containers = [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {}}]
    spec = {"containers": containers, "tolerations": [{"key": "k"}], "securityContext": {}}
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "uid": "x", "creationTimestamp": T1, "finalizers": ["a"], "ownerReferences": owners},
        "spec": spec,
        "status": status,
    }


def test_lists_are_owned_by_key_by_value_or_whole() -> None:
    (made,) = updated([], None, pod(phase="Pending"), "m")
    container = {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}}
    container["f:ports"] = {".": {}, 'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}}}
    assert made["fieldsV1"] == {
        "f:metadata": {"f:finalizers": {".": {}, 'v:"a"': {}}, "f:ownerReferences": {".": {}, 'k:{"uid":"u"}': {}}},
        "f:spec": {"f:containers": {'k:{"name":"c"}': container}, "f:securityContext": {}, "f:tolerations": {}},
    }


def test_each_resource_resets_what_it_cannot_write() -> None:
    old = pod(phase="Pending")
    first = updated([], None, old, "m", T1)
    spec_too = {**pod(phase="Running"), "spec": {**old["spec"], "nodeName": "n"}}
    by_status = updated(first, old, spec_too, "kubelet", T2, "status")
    assert by_status[1] == entry("kubelet", "Update", {"f:status": {"f:phase": {}}}, T2, subresource="status")
    by_main = updated(first, old, spec_too, "m2", T2)
    assert by_main[1] == entry("m2", "Update", {"f:spec": {"f:nodeName": {}}}, T2)


def test_a_zero_value_at_creation_belongs_to_nobody() -> None:
    new = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": {"serviceName": "", "replicas": 1}}
    made = fields_of_update([], None, new, "m", "apps/v1", T1, "", schema.for_kind("apps", "v1", "StatefulSet"))
    assert made[0]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


def test_duplicate_items_leave_an_object_untracked() -> None:
    new = pod()
    new["spec"] = {"containers": [{"name": "c", "env": [{"name": "A"}, {"name": "A"}]}]}
    assert updated([], None, new, "m") == []


RESETS = [
    # sent, subresource, what counts; upstream: fieldmanager.go (decodeLiveOrNew), fieldmanager_test.go (TestResetManagedFields…)
    (None, "", "live"),
    ([], "", []),
    ([{}], "", []),
    ([{}], "status", "live"),
    ([entry("x", "Update", {"f:a": {}})], "", "sent"),
    ([entry("x", "Update", {"f:a": {}})], "status", "live"),
    ([{**entry("x", "Update", {}), "operation": "x"}], "", "live"),
    ([{**entry("x", "Update", {}), "fieldsType": "FieldsV2"}], "", "live"),
]


@pytest.mark.parametrize(("sent", "subresource", "counts"), RESETS)
def test_a_client_may_set_or_reset_the_entries(sent: Any, subresource: str, counts: Any) -> None:
    live = [entry("l", "Update", {"f:b": {}})]
    wanted = live if counts == "live" else sent if counts == "sent" else counts
    assert of_request(live, sent, subresource) == wanted


def ancient(name: str, version: str, hour: int, *fields: str) -> Object:
    return entry(name, "Update", {f"f:{field}": {} for field in fields}, f"2026-01-01T0{hour}:00:00Z", version)


CAPS = [
    # entries, entries after a cap of three; upstream: internal/capmanagers_test.go (TestCapUpdateManagers)
    (
        [ancient("u1", "v1", 1, "a"), ancient("u2", "v1", 2, "b"), ancient("u3", "v1", 3, "c"), ancient("u4", "v1", 4, "d")],
        [ancient("ancient-changes", "v1", 2, "a", "b"), ancient("u3", "v1", 3, "c"), ancient("u4", "v1", 4, "d")],
    ),
    (
        [
            ancient("ancient-changes", "v1", 2, "a", "b"),
            ancient("u3", "v1", 3, "c"),
            ancient("u4", "v1", 4, "d"),
            ancient("u5", "v1", 5, "e"),
        ],
        [ancient("ancient-changes", "v1", 3, "a", "b", "c"), ancient("u4", "v1", 4, "d"), ancient("u5", "v1", 5, "e")],
    ),
    (
        [
            ancient("u1", "v1", 1, "a"),
            ancient("u2", "v2", 2, "b"),
            ancient("u3", "v1", 3, "c"),
            ancient("u4", "v1", 4, "d"),
            ancient("u5", "v1", 5, "e"),
        ],
        [ancient("u2", "v2", 2, "b"), ancient("ancient-changes", "v1", 4, "a", "c", "d"), ancient("u5", "v1", 5, "e")],
    ),
    (
        [
            ancient("u2", "v2", 2, "b"),
            ancient("ancient-changes", "v1", 4, "a", "c", "d"),
            ancient("u5", "v1", 5, "e"),
            ancient("u6", "v3", 6, "f"),
            ancient("u7", "v2", 7, "g"),
        ],
        [
            ancient("ancient-changes", "v1", 5, "a", "c", "d", "e"),
            ancient("u6", "v3", 6, "f"),
            ancient("ancient-changes", "v2", 7, "b", "g"),
        ],
    ),
    (
        [
            ancient("ancient-changes", "v1", 5, "a"),
            ancient("u6", "v3", 6, "f"),
            ancient("ancient-changes", "v2", 7, "b"),
            ancient("u8", "v3", 8, "h"),
        ],
        [ancient("ancient-changes", "v1", 5, "a"), ancient("ancient-changes", "v2", 7, "b"), ancient("ancient-changes", "v3", 8, "f", "h")],
    ),
    (
        [
            ancient("ancient-changes", "v1", 5, "a"),
            ancient("u6", "v3", 6, "f"),
            ancient("ancient-changes", "v2", 7, "b"),
            ancient("u8", "v4", 8, "h"),
        ],
        [
            ancient("ancient-changes", "v1", 5, "a"),
            ancient("u6", "v3", 6, "f"),
            ancient("ancient-changes", "v2", 7, "b"),
            ancient("u8", "v4", 8, "h"),
        ],
    ),
]


@pytest.mark.parametrize(("before", "after"), CAPS)
def test_the_oldest_updaters_become_ancient_changes(before: list[Object], after: list[Object]) -> None:
    assert write(capped(read(before), 3)) == after
    assert write(capped(read(after), 3)) == after


def test_the_eleventh_updater_merges_the_two_oldest() -> None:
    entries = updated([], None, config_map(k0="0"), "m0", T1)
    for number in range(1, 11):
        old = config_map(**{f"k{n}": "0" for n in range(number)})
        entries = updated(entries, old, {**old, "data": {**old["data"], f"k{number}": "0"}}, f"m{number}", f"2026-01-01T00:01:{number:02}Z")
    assert len(entries) == 10
    assert entries[0]["manager"] == "ancient-changes"
    assert entries[0]["fieldsV1"] == {"f:data": {".": {}, "f:k0": {}, "f:k1": {}}}


ORDERS = [
    # entries in upstream's order; upstream: internal/managedfields_test.go (TestSortEncodedManagedFields)
    [("b", "Apply", T1, ""), ("a", "Update", None, ""), ("b", "Update", T1, "")],
    [("a", "Apply", T1, ""), ("b", "Apply", T1, ""), ("c", "Apply", T2, ""), ("a", "Update", T1, "")],
    [("a", "Update", T1, ""), ("a", "Update", T1, "status"), ("b", "Update", T1, "")],
]


@pytest.mark.parametrize("order", ORDERS)
def test_entries_are_sorted_appliers_first_then_by_time_and_name(order: list[Any]) -> None:
    entries = [entry(name, operation, {"f:x": {}}, time, subresource=sub) for name, operation, time, sub in order]
    assert write(read(entries[::-1])) == entries


CONFLICTS = [
    # conflicts, message; upstream: internal/conflict_test.go (TestNewConflictError)
    (
        [Conflict(updater("foo", "v1", ""), ("f:spec", "f:replicas"))],
        'Apply failed with 1 conflict: conflict with "foo" using v1: .spec.replicas',
    ),
    (
        [
            Conflict(updater("foo", "v1", ""), ("f:spec", "f:replicas")),
            Conflict(applier("bar", "v1", ""), ("f:metadata", "f:labels", "f:app")),
        ],
        'Apply failed with 2 conflicts: conflicts with "bar":\n- .metadata.labels.app\nconflicts with "foo" using v1:\n- .spec.replicas',
    ),
    (
        [Conflict(updater("foo", "v1", "scale"), ("f:spec", 'k:{"name":"c","port":8}', 'v:"x"'))],
        'Apply failed with 1 conflict: conflict with "foo" with subresource "scale" using v1: .spec[name="c",port=8][="x"]',
    ),
]


@pytest.mark.parametrize(("conflicts", "message"), CONFLICTS)
def test_a_refusal_names_managers_and_fields(conflicts: list[Conflict], message: str) -> None:
    refused = Conflicts(conflicts)
    assert refused.message == message
    assert [cause["field"] for cause in refused.causes] == [conflict.field for conflict in conflicts]
    assert {cause["reason"] for cause in refused.causes} == {"FieldManagerConflict"}


LAST_APPLIED = [json.loads(line) for line in Path(__file__).with_name("last_applied.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", LAST_APPLIED, ids=lambda row: f"{row['kind']}-{row['manager']}-{row['applied']['metadata']}"[:70])
def test_kubectl_takes_over_what_it_applied_from_the_client_side(row: Object) -> None:
    version, kind = row["apiVersion"], row["kind"]
    struct = schema.for_kind(version.rpartition("/")[0], "v1", kind)
    meta = {**row["original"]["metadata"], "annotations": {ANNOTATION: json.dumps(row.get("lastApplied", row["original"]))}}
    live = {**row["original"], "metadata": meta}
    entries = fields_of_update([], None, live, "test_client_side_apply", version, T1, "", struct)
    if "conflicts" in row:
        with pytest.raises(Conflicts) as refused:
            apply(live, entries, row["applied"], row["manager"], False, version, T2, "", struct)
        assert sorted(list(conflict.path) for conflict in refused.value.conflicts) == sorted(row["conflicts"])
    obj, _ = apply(live, entries, row["applied"], row["manager"], "conflicts" in row, version, T2, "", struct)
    assert covers(obj, row["applied"])
    text = obj["metadata"]["annotations"][ANNOTATION]
    assert (json.loads(text) == row["applied"]) is (row["manager"] == "kubectl")


def covers(obj: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(obj, dict) and all(key in obj and covers(obj[key], value) for key, value in part.items())
    if isinstance(part, list):
        return isinstance(obj, list) and all(any(covers(item, wanted) for item in obj) for wanted in part)
    return bool(obj == part)


def test_kubectl_apply_carries_its_configuration_in_an_annotation() -> None:
    obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}, "data": {"b": "<", "a": "1"}}
    sent = with_configuration(obj)
    text = '{"apiVersion":"v1","data":{"a":"1","b":"\\u003c"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"c"}}\n'
    assert sent["metadata"]["annotations"] == {ANNOTATION: text}
    assert with_configuration(sent) == sent
    assert configuration_of(sent) == {**obj, "metadata": {"name": "c", "annotations": {}}}
    assert configuration_of(obj) == {}
