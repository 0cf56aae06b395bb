"""Conditions of a status: found, set, removed. Lists are never changed, always made anew.

upstream: SetDeploymentCondition in pkg/controller/deployment/util/deployment_util.go, SetCondition in …/replicaset/replica_set_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.store.log import Object


def find_condition(conditions: Sequence[Object] | None, type_: str) -> Object | None:
    for condition in conditions or ():
        if condition["type"] == type_:
            return condition
    return None


def with_condition(conditions: Sequence[Object] | None, condition: Object) -> list[Object]:
    """The list with ``condition`` in it.

    Same status and reason: untouched. Same status: lastTransitionTime stays. A changed condition moves to the end.
    """
    present = find_condition(conditions, condition["type"])
    if present is not None and present["status"] == condition["status"]:
        if present.get("reason") == condition.get("reason"):
            return list(conditions or ())
        condition = {**condition, "lastTransitionTime": present.get("lastTransitionTime")}
    return [*without_condition(conditions, condition["type"]), condition]


def without_condition(conditions: Sequence[Object] | None, type_: str) -> list[Object]:
    return [condition for condition in conditions or () if condition["type"] != type_]
