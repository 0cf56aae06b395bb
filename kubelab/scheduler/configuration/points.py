"""Which plug-ins stand at which extension point of a profile, in their order, and how much their scores weigh.

upstream: pkg/scheduler/framework/runtime/framework.go NewFramework, expandMultiPointPlugins, getScoreWeights; pkg/scheduler/profile/profile.go,
pkg/scheduler/framework/plugins/registry.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.field import go_quote

Object = dict[str, Any]

INTERFACES = {
    "preFilter": "PreFilterPlugin",
    "filter": "FilterPlugin",
    "postFilter": "PostFilterPlugin",
    "reserve": "ReservePlugin",
    "preScore": "PreScorePlugin",
    "score": "ScorePlugin",
    "preBind": "PreBindPlugin",
    "bind": "BindPlugin",
    "postBind": "PostBindPlugin",
    "permit": "PermitPlugin",
    "preEnqueue": "PreEnqueuePlugin",
    "queueSort": "QueueSortPlugin",
}
_FILTERS = ("preFilter", "filter")
_SCORES = ("preScore", "score")
IMPLEMENTED: dict[str, tuple[str, ...]] = {
    "PrioritySort": ("queueSort",),
    "NodeUnschedulable": ("filter",),
    "NodeName": ("filter",),
    "TaintToleration": ("filter", *_SCORES),
    "NodeAffinity": (*_FILTERS, *_SCORES),
    "NodePorts": _FILTERS,
    "NodeResourcesFit": (*_FILTERS, *_SCORES),
    "VolumeRestrictions": _FILTERS,
    "EBSLimits": _FILTERS,
    "GCEPDLimits": _FILTERS,
    "NodeVolumeLimits": _FILTERS,
    "AzureDiskLimits": _FILTERS,
    "CinderLimits": _FILTERS,
    "VolumeBinding": (*_FILTERS, "reserve", "preBind", "score"),
    "VolumeZone": _FILTERS,
    "PodTopologySpread": (*_FILTERS, *_SCORES),
    "InterPodAffinity": (*_FILTERS, *_SCORES),
    "DefaultPreemption": ("postFilter",),
    "NodeResourcesBalancedAllocation": _SCORES,
    "ImageLocality": ("score",),
    "DefaultBinder": ("bind",),
    "SchedulingGates": ("preEnqueue",),
    "SelectorSpread": _SCORES,
}
_MOST_TOTAL = 2**63 - 1
_MOST_SCORE = 100


class ProfileError(ValueError):
    """A profile of which no framework can be made; the message is upstream's."""


def expand(profile: Object) -> dict[str, list[str]]:
    """The plug-ins of each point, in order. Raises ProfileError."""
    plugins: Object = profile["plugins"]
    points = {point: _named(plugins, point) for point in INTERFACES}
    for each in (plugins.get("multiPoint") or {}).get("enabled") or ():
        if each["name"] not in IMPLEMENTED:
            raise ProfileError(f"PreFilterPlugin {go_quote(each['name'])} does not exist")
    if (plugins.get("multiPoint") or {}).get("enabled"):
        points = {point: _expanded(plugins, point, names) for point, names in points.items()}
    name = go_quote(profile.get("schedulerName") or "")
    if len(points["queueSort"]) != 1:
        raise ProfileError(
            f"only one queue sort plugin required for profile with scheduler name {name}, but got {len(points['queueSort'])}"
        )
    if not points["bind"]:
        raise ProfileError(f"at least one bind plugin is needed for profile with scheduler name {name}")
    return points


def _named(plugins: Object, point: str) -> list[str]:
    """upstream: updatePluginList."""
    names: list[str] = []
    interface = INTERFACES[point]
    for each in (plugins.get(point) or {}).get("enabled") or ():
        name = each["name"]
        if name not in IMPLEMENTED:
            raise ProfileError(f"{interface} {go_quote(name)} does not exist")
        if point not in IMPLEMENTED[name]:
            raise ProfileError(f"plugin {go_quote(name)} does not extend {interface} plugin")
        if name in names:
            raise ProfileError(f"plugin {go_quote(name)} already registered as {go_quote(interface)}")
        names.append(name)
    return names


def _expanded(plugins: Object, point: str, named: list[str]) -> list[str]:
    """Those that a point names again first, then what stands at all points, then the others that the point names."""
    disabled = [each["name"] for each in (plugins.get(point) or {}).get("disabled") or ()]
    if "*" in disabled:
        return named
    everywhere: list[str] = []
    overriding: list[str] = []
    for each in plugins["multiPoint"]["enabled"]:
        name = each["name"]
        if point not in IMPLEMENTED[name] or name in disabled:
            continue
        if name in named:
            overriding.append(name)
        elif name in everywhere:
            raise ProfileError(f"plugin {go_quote(name)} already registered as {go_quote(INTERFACES[point])}")
        else:
            everywhere.append(name)
    return [name for name in named if name in overriding] + everywhere + [name for name in named if name not in overriding]


def weights(profile: Object, scores: list[str]) -> dict[str, int]:
    """The weight of each scoring plug-in, that of the point ``score`` before that of ``multiPoint``. Raises ProfileError."""
    plugins: Object = profile["plugins"]
    found: dict[str, int] = {}
    total = 0
    for point in ("score", "multiPoint"):
        for each in (plugins.get(point) or {}).get("enabled") or ():
            name = each["name"]
            if "score" not in IMPLEMENTED[name] or name in found:
                continue
            found[name] = each.get("weight") or 1
            if found[name] * _MOST_SCORE > _MOST_TOTAL - total:
                raise ProfileError("total score of Score plugins could overflow")
            total += found[name] * _MOST_SCORE
    return {name: found[name] for name in scores}
