"""Strategic merge patches: applying them, making them, and ``kubectl apply``'s three-way patch, by upstream's own rows.

upstream: staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch_test.go, 1.28 (the tables beside this file).
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubelab.apiserver.patch import strategic_merge, three_way
from kubelab.apiserver.patch.errors import PatchConflict, PatchError
from kubelab.kinds import schema
from tests.unit.apiserver_patch import merge_item

MERGE_ITEM = merge_item.MERGE_ITEM
Object = dict[str, Any]


def described(row: Object) -> str:
    return str(row["description"])


@pytest.mark.parametrize("row", merge_item.rows("strategic_merge"), ids=described)
def test_a_patch_gives_the_object_that_upstream_gets(row: Object) -> None:
    arrange = merge_item.sorted_lists if row["group"] == "custom" else dict
    original, patch = arrange(row["original"]), arrange(row["twoWay"])
    before = copy.deepcopy((original, patch))
    if "expectedError" in row:
        with pytest.raises(PatchError, match=row["expectedError"]):
            strategic_merge.apply(original, patch, MERGE_ITEM)
    else:
        assert strategic_merge.apply(original, patch, MERGE_ITEM) == arrange(row["modified"])
    assert (original, patch) == before


@pytest.mark.parametrize("row", merge_item.rows("strategic_three_way"), ids=described)
def test_the_difference_of_two_objects_is_upstreams_patch(row: Object) -> None:
    arrange = merge_item.sorted_lists if row["group"] == "create" else dict
    original, modified = arrange(row.get("original") or {}), arrange(row.get("modified") or {})
    before = copy.deepcopy((original, modified))
    patch = strategic_merge.diff(original, modified, MERGE_ITEM)
    assert patch == arrange(row.get("twoWay") or {})
    wanted = row.get("twoWayResult") or row.get("modified") or {}
    assert strategic_merge.apply(original, patch, MERGE_ITEM) == arrange(wanted)
    assert (original, modified) == before


@pytest.mark.parametrize("row", merge_item.rows("strategic_three_way"), ids=described)
def test_apply_makes_upstreams_three_way_patch(row: Object) -> None:
    arrange = merge_item.sorted_lists if row["group"] == "create" else dict
    original, modified, current = (arrange(row.get(name) or {}) for name in ("original", "modified", "current"))
    if "conflict" in row["description"]:
        with pytest.raises(PatchConflict):
            three_way.patch(original, modified, current, MERGE_ITEM, overwrite=False)
        if not row.get("result"):
            return
    patch = three_way.patch(original, modified, current, MERGE_ITEM, overwrite="conflict" in row["description"])
    assert patch == arrange(row.get("threeWay") or {})
    assert strategic_merge.apply(current, patch, MERGE_ITEM) == arrange(row["result"])


@pytest.mark.parametrize("row", merge_item.rows("strategic_unknown"), ids=described)
def test_fields_without_a_schema_are_carried_while_nothing_is_known_to_differ(row: Object) -> None:
    original, modified, current = row["original"], row["modified"], row["current"]
    if "expectedTwoWayErr" in row:
        with pytest.raises(PatchError, match=row["expectedTwoWayErr"]):
            strategic_merge.diff(original, modified, MERGE_ITEM)
        with pytest.raises(PatchError, match=row["expectedThreeWayErr"]):
            three_way.patch(original, modified, current, MERGE_ITEM)
        return
    two_way = strategic_merge.diff(original, modified, MERGE_ITEM)
    assert two_way == row["expectedTwoWay"]
    assert strategic_merge.apply(original, two_way, MERGE_ITEM) == row["expectedTwoWayResult"]
    made = three_way.patch(original, modified, current, MERGE_ITEM, overwrite=False)
    assert made == row["expectedThreeWay"]
    assert strategic_merge.apply(current, made, MERGE_ITEM) == row["expectedThreeWayResult"]


ERRORS = [
    # patch, kind, message; upstream: util/mergepatch/errors.go, strategicpatch/patch.go, third_party/forked/golang/json/fields.go
    ({"mergingList": [{"value": "x"}]}, "internal", "map: map[value:x] does not contain declared merge key: name"),
    ({"mergingList": [{"name": "1", "$patch": "x"}]}, "internal", "unknown patch type: x in map: map[$patch:x name:1]"),
    ({"mergingList": [{"name": "1", "$patch": 5}]}, "internal", "unknown patch type: %!s(int64=5) in map: map[$patch:5 name:1]"),
    ({"mergingList": [{"name": "1", "$patch": "merge"}]}, "internal", "merging lists cannot yet be specified in the patch"),
    ({"mergingList": [1]}, "internal", "list element types are not identical: [[map[name:1]] [1]]"),
    ({"mergingIntList": [[1]]}, "apply", "lists of lists are not supported"),
    ({"simpleMap": {"$patch": "x"}}, "internal", "unknown patch type: x in map: map[$patch:x]"),
    ({"$setElementOrder/mergingList": "x"}, "internal", "expected a []interface {}, but received a string"),
    ({"$setElementOrder": []}, "decode", "invalid patch format of setElementOrder list"),
    ({"$deleteFromPrimitiveList": []}, "decode", "invalid patch format of primitive list"),
    ({"retainKeysMap": {"$retainKeys": "x"}}, "decode", "invalid patch format of retainKeys"),
    ({"retainKeysMap": {"$retainKeys": ["name"], "value": "x"}}, "decode", "invalid patch format of retainKeys"),
    ({"strange": {"a": 1}}, "internal", 'unable to find api field in struct MergeItem for the json field "strange"'),
    ({"simpleMap": {"deep": {}}}, "internal", "merging an object in json but data type is not struct, instead is: map"),
    ([], "decode", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
]


@pytest.mark.parametrize(("patch", "kind", "message"), ERRORS)
def test_a_refusal_is_in_upstreams_words(patch: Any, kind: str, message: str) -> None:
    original = {
        "mergingList": [{"name": "1"}],
        "mergingIntList": [[1]] if kind == "apply" else [1],
        "simpleMap": {"deep": {}},
        "retainKeysMap": {"name": "x"},
        "strange": {"a": 0},
    }
    with pytest.raises(PatchError) as refused:
        strategic_merge.apply(original, patch, MERGE_ITEM)
    assert (refused.value.kind, refused.value.message) == (kind, message)


def test_a_custom_resource_takes_no_strategic_patch() -> None:
    with pytest.raises(PatchError, match="strategic merge patch format is not supported"):
        strategic_merge.apply({}, {}, None)


DEPLOYMENT = schema.for_kind("apps", "v1", "Deployment")
SERVICE = schema.for_kind("", "v1", "Service")
assert SERVICE is not None
CONTAINER_PATCHES = [
    # patch of the pod spec; names of containers, then of the environment of "c", after it; recorded: apply-and-patch 10, 11
    (
        {"containers": [{"name": "c", "env": [{"name": "A", "$patch": "delete"}, {"name": "C"}]}, {"name": "side"}]},
        ["c", "side"],
        ["C", "B"],
    ),
    ({"$setElementOrder/containers": [{"name": "side"}, {"name": "c"}], "containers": [{"name": "side"}]}, ["side", "c"], ["A", "B"]),
    ({"containers": [{"$patch": "replace"}, {"name": "c", "env": [{"name": "Z"}]}]}, ["c"], ["Z"]),
    ({"containers": [{"name": "side"}]}, ["side", "c"], ["A", "B"]),
]


@pytest.mark.parametrize(("patch", "containers", "environment"), CONTAINER_PATCHES)
def test_containers_and_their_environment_merge_by_name(patch: Object, containers: list[str], environment: list[str]) -> None:
    new = strategic_merge.apply(_deployment(), {"spec": {"template": {"spec": patch}}}, DEPLOYMENT)
    by_name = {container["name"]: container for container in new["spec"]["template"]["spec"]["containers"]}
    assert list(by_name) == containers
    assert [variable["name"] for variable in by_name["c"]["env"]] == environment


def _deployment() -> Object:
    containers = [{"name": "c", "image": "nginx:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]
    return {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {"containers": containers}}}}


def test_retained_keys_clear_the_rest_of_a_strategy() -> None:
    old = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge.apply(old, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_what_a_patch_does_not_touch_is_shared() -> None:
    old = _deployment()
    new = strategic_merge.apply(old, {"spec": {"replicas": 2}}, DEPLOYMENT)
    assert new["metadata"] is old["metadata"]
    assert new["spec"]["template"] is old["spec"]["template"]


def test_items_that_share_a_merge_key_are_added_last_first() -> None:
    """upstream: SortableSliceOfMaps.Less, patch.go: it calls equal keys sorted, so an insertion sort turns them round."""
    http, dns, dns_tcp = {"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}
    patch = strategic_merge.diff({"spec": {"ports": [http]}}, {"spec": {"ports": [http, dns, dns_tcp]}}, SERVICE)
    assert patch["spec"]["ports"] == [dns_tcp, dns]
