"""A job's pod failure policy: the first rule that a failed pod matches says whether it counts, and whether the job or its index fails.

upstream: pkg/controller/job/pod_failure_policy.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubelab.store.log import Object


class Verdict(NamedTuple):
    """``message``: why the job fails, "" if it does not; ``counts``: whether the failure counts against backoffLimit."""

    message: str = ""
    counts: bool = True
    fails_index: bool = False


def judge(policy: Object | None, pod: Object) -> Verdict:
    meta, status = pod["metadata"], pod.get("status") or {}
    for index, rule in enumerate((policy or {}).get("rules") or ()):
        action = rule["action"]
        if rule.get("onExitCodes") is not None:
            exited = _exited(status, rule["onExitCodes"])
            if exited is None:
                continue
            code = exited["state"]["terminated"]["exitCode"]
            what = f"Container {exited.get('name', '')} for pod {meta['namespace']}/{meta['name']} failed with exit code {code}"
        else:
            condition = _condition(status.get("conditions") or (), rule.get("onPodConditions") or ())
            if condition is None:
                continue
            what = f"Pod {meta['namespace']}/{meta['name']} has condition {condition['type']}"
        if action == "FailJob":
            return Verdict(f"{what} matching {action} rule at index {index}")
        if action in ("Ignore", "Count", "FailIndex"):
            return Verdict("", action != "Ignore", action == "FailIndex")
    return Verdict()


def _exited(status: Object, requirement: Object) -> Object | None:
    for field in ("containerStatuses", "initContainerStatuses"):
        for container in status.get(field) or ():
            ended = (container.get("state") or {}).get("terminated")
            if ended is None or not ended.get("exitCode"):
                continue
            if requirement.get("containerName") not in (None, container.get("name", "")):
                continue
            listed = ended["exitCode"] in (requirement.get("values") or ())
            if listed == (requirement["operator"] == "In"):
                return dict(container)
    return None


def _condition(conditions: Iterable[Object], patterns: Sequence[Object]) -> Object | None:
    for condition in conditions:
        if any(each["type"] == condition["type"] and each.get("status", "True") == condition["status"] for each in patterns):
            return condition
    return None
