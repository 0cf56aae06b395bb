"""What a configuration leaves out: the default plug-ins with those of each profile merged in, and the arguments of plug-ins.

upstream: pkg/scheduler/apis/config/v1/{defaults,default_plugins}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelab.kinds.schedulerconfig.schema import ARGUMENTS, POINTS
from kubelab.scheduler.framework import SCHEDULER_NAME

Object = dict[str, Any]

DEFAULT_PLUGINS: tuple[tuple[str, int | None], ...] = (
    ("PrioritySort", None),
    ("NodeUnschedulable", None),
    ("NodeName", None),
    ("TaintToleration", 3),
    ("NodeAffinity", 2),
    ("NodePorts", None),
    ("NodeResourcesFit", 1),
    ("VolumeRestrictions", None),
    ("EBSLimits", None),
    ("GCEPDLimits", None),
    ("NodeVolumeLimits", None),
    ("AzureDiskLimits", None),
    ("VolumeBinding", None),
    ("VolumeZone", None),
    ("PodTopologySpread", 2),
    ("InterPodAffinity", 2),
    ("DefaultPreemption", None),
    ("NodeResourcesBalancedAllocation", 1),
    ("ImageLocality", 1),
    ("DefaultBinder", None),
    ("SchedulingGates", None),
)
DEFAULT_RESOURCES = ({"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1})
_POINTS_OF_NAMES = (
    "multiPoint",
    "preFilter",
    "filter",
    "postFilter",
    "reserve",
    "preScore",
    "score",
    "preBind",
    "bind",
    "postBind",
    "permit",
    "preEnqueue",
    "queueSort",
)


def complete(found: Object) -> Object:
    """A decoded configuration with all that it leaves out."""
    profiles: list[Object] = found.get("profiles") or [{}]
    if len(profiles) == 1 and profiles[0].get("schedulerName") is None:
        profiles = [{**profiles[0], "schedulerName": SCHEDULER_NAME}]
    election = {
        "leaderElect": True,
        "leaseDuration": "15s",
        "renewDeadline": "10s",
        "retryPeriod": "2s",
        "resourceLock": "leases",
        "resourceNamespace": "kube-system",
        "resourceName": "kube-scheduler",
        **(found.get("leaderElection") or {}),
    }
    connection = {"contentType": "application/vnd.kubernetes.protobuf", "qps": 50, "burst": 100, **(found.get("clientConnection") or {})}
    profiling = found.get("enableProfiling", True)
    return {
        "parallelism": 16,
        "percentageOfNodesToScore": 0,
        "podInitialBackoffSeconds": 1,
        "podMaxBackoffSeconds": 10,
        "enableProfiling": True,
        **({"enableContentionProfiling": True} if profiling else {}),
        **found,
        "leaderElection": election,
        "clientConnection": connection,
        "profiles": [_profile(each) for each in profiles],
    }


def _profile(given: Object) -> Object:
    plugins = merge_plugins(default_plugins(), given.get("plugins"))
    configured = [{**each, "args": arguments(each["name"], each.get("args"))} for each in given.get("pluginConfig") or ()]
    known = [each["name"] for each in configured]
    for name in _names(plugins):
        if name not in known and f"{name}Args" in ARGUMENTS:
            configured.append({"name": name, "args": arguments(name, {})})
    return {**given, "plugins": plugins, "pluginConfig": configured}


def _names(plugins: Object) -> list[str]:
    return sorted(dict.fromkeys(each["name"] for point in _POINTS_OF_NAMES for each in (plugins.get(point) or {}).get("enabled") or ()))


def default_plugins() -> Object:
    enabled = [{"name": name} if weight is None else {"name": name, "weight": weight} for name, weight in DEFAULT_PLUGINS]
    return {"multiPoint": {"enabled": enabled}}


def merge_plugins(default: Object, custom: Object | None) -> Object:
    """The default plug-ins, changed by a profile's own, point by point."""
    if custom is None:
        return default
    merged = {point: _merged_set(default.get(point) or {}, custom.get(point) or {}) for point in POINTS}
    return {point: found for point, found in merged.items() if found}


def _merged_set(default: Object, custom: Object) -> Object:
    """Defaults that are not disabled, each in its place as the profile says it anew; then the profile's other ones."""
    disabled = [{"name": each["name"]} for each in (*(custom.get("disabled") or ()), *(default.get("disabled") or ()))]
    gone = [each["name"] for each in disabled]
    given: list[Object] = custom.get("enabled") or []
    by_name = {each["name"]: index for index, each in enumerate(given)}
    enabled: list[Object] = []
    replaced: list[int] = []
    if "*" not in gone:
        for each in default.get("enabled") or ():
            if each["name"] in gone:
                continue
            index = by_name.get(each["name"])
            if index is not None:
                replaced.append(index)
            enabled.append(each if index is None else given[index])
    enabled += [each for index, each in enumerate(given) if index not in replaced]
    return {name: rows for name, rows in (("enabled", enabled), ("disabled", disabled)) if rows}


# -- arguments -----------------------------------------------------------------------------------------------------------
def arguments(name: str, given: Any) -> Any:
    """The arguments of a plug-in with their defaults; those of an unknown plug-in as they are."""
    if f"{name}Args" not in ARGUMENTS:
        return given
    args: Object = {key: item for key, item in (given or {}).items() if key not in ("kind", "apiVersion")}
    match name:
        case "DefaultPreemption":
            return {"minCandidateNodesPercentage": 10, "minCandidateNodesAbsolute": 100, **args}
        case "InterPodAffinity":
            return {"hardPodAffinityWeight": 1, **args}
        case "VolumeBinding":
            return {"bindTimeoutSeconds": 600, **args}
        case "PodTopologySpread":
            return {"defaultingType": "System", **args}
        case "NodeResourcesBalancedAllocation":
            return {**args, "resources": _weighted(args.get("resources") or DEFAULT_RESOURCES)}
        case "NodeResourcesFit":
            strategy = args.get("scoringStrategy") or {"type": "LeastAllocated"}
            return {**args, "scoringStrategy": {**strategy, "resources": _weighted(strategy.get("resources") or DEFAULT_RESOURCES)}}
    return args


def _weighted(resources: Iterable[Object]) -> list[Object]:
    return [{**each, "weight": each.get("weight") or 1} for each in resources]
