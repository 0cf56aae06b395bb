"""The short way for lists that a patch orders completely gives what upstream's general way gives.

upstream: mergeSliceWithSpecialElements and normalizeElementOrder, staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, 1.28.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from kubelab.apiserver.patch import strategic_merge
from kubelab.apiserver.patch.errors import PatchError
from kubelab.kinds import schema

POD = schema.for_kind("", "v1", "Pod")
TYPES = ("Ready", "Initialized", "PodScheduled", "gate/a")

conditions = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES)}, optional={"status": st.sampled_from(("True", "False", None)), "reason": st.just("X")}
    ),
    max_size=4,
)
changes = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES)}, optional={"status": st.just("True"), "reason": st.none(), "$patch": st.just("delete")}
    ),
    max_size=3,
)
orders = st.lists(st.sampled_from(TYPES), max_size=4)


def outcome(doc: dict[str, Any], change: dict[str, Any]) -> Any:
    try:
        return strategic_merge.apply(doc, change, POD)
    except PatchError as error:
        return (error.kind, error.message)


@given(original=conditions, changed=changes, order=orders)
def test_both_ways_agree(original: list[Any], changed: list[Any], order: list[str]) -> None:
    doc = {"status": {"phase": "Pending", "conditions": original}}
    change = {"status": {"$setElementOrder/conditions": [{"type": kind} for kind in order], "conditions": changed}}
    short = outcome(doc, change)
    with patch.object(strategic_merge, "_merge_completely_ordered", return_value=None):
        assert outcome(doc, change) == short


def test_what_a_kubelet_sends_takes_the_short_way() -> None:
    doc = {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "X"}]}}
    order = [{"type": "Ready"}, {"type": "PodScheduled"}]
    change = {"status": {"$setElementOrder/conditions": order, "conditions": [{"type": "Ready", "status": "True", "reason": None}]}}
    with patch.object(strategic_merge, "_merge_list", side_effect=AssertionError):
        merged = strategic_merge.apply(doc, change, POD)
    assert merged["status"]["conditions"] == [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]
