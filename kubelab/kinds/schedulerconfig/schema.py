"""The fields of ``kubescheduler.config.k8s.io``: KubeSchedulerConfiguration and the arguments of plug-ins.

upstream: staging/src/k8s.io/kube-scheduler/config/v1/{types,types_pluginargs}.go, staging/src/k8s.io/component-base/config/v1alpha1/types.go,
1.28. v1beta3 has the same fields.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

_TEXT: Row = {"t": "string", "g": "string"}
_KEPT_TEXT: Row = {**_TEXT, "z": 1}
_FLAG: Row = {"t": "boolean", "g": "bool"}
_INT32: Row = {"t": "integer", "g": "int32"}
_INT64: Row = {"t": "integer", "g": "int64"}


def _own(row: Row) -> Row:
    return {**row, "p": 1}


def _of(name: str) -> Row:
    return {"t": "struct", "r": f"schedulerconfig.v1.{name}"}


def _list(item: Row, go: str) -> Row:
    return {"t": "list", "i": item, "g": f"[]{go}"}


def _texts() -> Row:
    return _list({"t": "string"}, "string")


_TYPE: Row = {"kind": _TEXT, "apiVersion": _TEXT}
_RESOURCES = _list(_of("ResourceSpec"), "v1.ResourceSpec")
_SHAPE = _list(_of("UtilizationShapePoint"), "v1.UtilizationShapePoint")
POINTS = (
    "preEnqueue",
    "queueSort",
    "preFilter",
    "filter",
    "postFilter",
    "preScore",
    "score",
    "reserve",
    "permit",
    "preBind",
    "bind",
    "postBind",
    "multiPoint",
)
ARGUMENTS = (
    "DefaultPreemptionArgs",
    "InterPodAffinityArgs",
    "NodeAffinityArgs",
    "NodeResourcesBalancedAllocationArgs",
    "NodeResourcesFitArgs",
    "PodTopologySpreadArgs",
    "VolumeBindingArgs",
)
_CONFIGURATION: dict[str, Row] = {
    **_TYPE,
    "parallelism": _own(_INT32),
    "leaderElection": _of("LeaderElectionConfiguration"),
    "clientConnection": _of("ClientConnectionConfiguration"),
    "enableProfiling": _own(_FLAG),
    "enableContentionProfiling": _own(_FLAG),
    "percentageOfNodesToScore": _own(_INT32),
    "podInitialBackoffSeconds": _own(_INT64),
    "podMaxBackoffSeconds": _own(_INT64),
    "profiles": _list(_of("KubeSchedulerProfile"), "v1.KubeSchedulerProfile"),
    "extenders": _list(_of("Extender"), "v1.Extender"),
    "delayCacheUntilActive": _FLAG,
}
_EXTENDER: dict[str, Row] = {
    "urlPrefix": _KEPT_TEXT,
    "filterVerb": _TEXT,
    "preemptVerb": _TEXT,
    "prioritizeVerb": _TEXT,
    "weight": _INT64,
    "bindVerb": _TEXT,
    "enableHTTPS": _FLAG,
    "tlsConfig": _own(_of("ExtenderTLSConfig")),
    "httpTimeout": _TEXT,
    "nodeCacheCapable": _FLAG,
    "managedResources": _list(_of("ExtenderManagedResource"), "v1.ExtenderManagedResource"),
    "ignorable": _FLAG,
}
_ARGUMENTS: dict[str, dict[str, Row]] = {
    "DefaultPreemptionArgs": {"minCandidateNodesPercentage": _own(_INT32), "minCandidateNodesAbsolute": _own(_INT32)},
    "InterPodAffinityArgs": {"hardPodAffinityWeight": _own(_INT32), "ignorePreferredTermsOfExistingPods": _FLAG},
    "NodeAffinityArgs": {"addedAffinity": {"t": "struct", "r": "core.v1.NodeAffinity", "p": 1}},
    "NodeResourcesBalancedAllocationArgs": {"resources": _RESOURCES},
    "NodeResourcesFitArgs": {
        "ignoredResources": _texts(),
        "ignoredResourceGroups": _texts(),
        "scoringStrategy": _own(_of("ScoringStrategy")),
    },
    "PodTopologySpreadArgs": {
        "defaultConstraints": _list({"t": "struct", "r": "core.v1.TopologySpreadConstraint"}, "v1.TopologySpreadConstraint"),
        "defaultingType": _TEXT,
    },
    "VolumeBindingArgs": {"bindTimeoutSeconds": _own(_INT64), "shape": _SHAPE},
}
_STRUCTS: dict[str, dict[str, Row]] = {
    "KubeSchedulerConfiguration": _CONFIGURATION,
    "KubeSchedulerProfile": {
        "schedulerName": _own(_TEXT),
        "percentageOfNodesToScore": _own(_INT32),
        "plugins": _own(_of("Plugins")),
        "pluginConfig": _list(_of("PluginConfig"), "v1.PluginConfig"),
    },
    "Plugins": {point: _own(_of("PluginSet")) for point in POINTS},
    "PluginSet": {"enabled": _list(_of("Plugin"), "v1.Plugin"), "disabled": _list(_of("Plugin"), "v1.Plugin")},
    "Plugin": {"name": _KEPT_TEXT, "weight": _own(_INT32)},
    "PluginConfig": {"name": _KEPT_TEXT, "args": {"t": "any", "p": 1}},
    "Extender": _EXTENDER,
    "ExtenderManagedResource": {"name": _KEPT_TEXT, "ignoredByScheduler": _FLAG},
    "ExtenderTLSConfig": {
        **dict.fromkeys(("insecure",), _FLAG),
        **dict.fromkeys(("serverName", "certFile", "keyFile", "caFile", "certData", "keyData", "caData"), _TEXT),
    },
    "LeaderElectionConfiguration": {
        "leaderElect": _own(_FLAG),
        **dict.fromkeys(("leaseDuration", "renewDeadline", "retryPeriod", "resourceLock", "resourceName", "resourceNamespace"), _TEXT),
    },
    "ClientConnectionConfiguration": {
        **dict.fromkeys(("kubeconfig", "acceptContentTypes", "contentType"), _TEXT),
        "qps": {"t": "number", "g": "float32"},
        "burst": _INT32,
    },
    "ResourceSpec": {"name": _KEPT_TEXT, "weight": _INT64},
    "UtilizationShapePoint": {"utilization": {**_INT32, "z": 1}, "score": {**_INT32, "z": 1}},
    "ScoringStrategy": {"type": _TEXT, "resources": _RESOURCES, "requestedToCapacityRatio": _own(_of("RequestedToCapacityRatioParam"))},
    "RequestedToCapacityRatioParam": {"shape": _SHAPE},
    **{name: {**_TYPE, **rows} for name, rows in _ARGUMENTS.items()},
}

SCHEMA: dict[str, dict[str, Any]] = {
    "kinds": {
        f"kubescheduler.config.k8s.io/{version}/{name}": f"schedulerconfig.v1.{name}"
        for version in ("v1", "v1beta3")
        for name in ("KubeSchedulerConfiguration", *ARGUMENTS)
    },
    "structs": {f"schedulerconfig.v1.{name}": rows for name, rows in _STRUCTS.items()},
}
