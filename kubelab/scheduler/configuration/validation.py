"""What is wrong with a configuration, in upstream's words and order.

upstream: pkg/scheduler/apis/config/validation/validation.go, staging/src/k8s.io/component-base/config/validation/validation.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.quota_usage import is_extended
from kubelab.kinds.field import Go, duplicate, go_quote, invalid, required
from kubelab.kinds.name_rules import is_qualified_name
from kubelab.kinds.schedulerconfig.schema import POINTS
from kubelab.scheduler.configuration.arguments import VALIDATIONS, Finding
from kubelab.world.clock import SECOND, parse_duration

Object = dict[str, Any]

V1 = "kubescheduler.config.k8s.io/v1"
GONE_IN_V1 = ("SelectorSpread",)
_MATCH = "has to match for all profiles"


def validate(found: Object) -> list[Finding]:
    """Everything that is wrong with a complete configuration."""
    errors = [*_connection(found["clientConnection"]), *_election(found["leaderElection"])]
    if found["parallelism"] <= 0:
        errors.append(invalid("parallelism", found["parallelism"], "should be an integer value greater than zero"))
    errors += _profiles(found)
    errors += _percentage("percentageOfNodesToScore", found.get("percentageOfNodesToScore"))
    first, most = found["podInitialBackoffSeconds"], found["podMaxBackoffSeconds"]
    if first <= 0:
        errors.append(invalid("podInitialBackoffSeconds", first, "must be greater than 0"))
    if most < first:
        errors.append(invalid("podMaxBackoffSeconds", most, "must be greater than or equal to PodInitialBackoffSeconds"))
    return errors + _extenders(found.get("extenders") or [])


def _connection(given: Object) -> list[Finding]:
    burst = given["burst"]
    return [invalid("clientConnection.burst", burst, "must be non-negative")] if burst < 0 else []


def _election(given: Object) -> list[Finding]:
    if not given["leaderElect"]:
        return []
    path, errors = "leaderElection", list[Finding]()
    lease, renew, retry = (parse_duration(given[name]) for name in ("leaseDuration", "renewDeadline", "retryPeriod"))
    for name, length_ns in (("leaseDuration", lease), ("renewDeadline", renew), ("retryPeriod", retry)):
        if length_ns <= 0:
            errors.append(invalid(f"{path}.{name}", Go(_go_duration(length_ns)), "must be greater than zero"))
    if lease <= renew:
        words = "LeaseDuration must be greater than RenewDeadline"
        errors.append(invalid(f"{path}.leaseDuration", Go(_go_duration(renew)), words))
    for name in ("resourceLock", "resourceNamespace", "resourceName"):
        if not given[name]:
            errors.append(invalid(f"{path}.{name}", given[name], f"{name} is required"))
    if given["resourceLock"] != "leases":
        errors.append(invalid(f"{path}.resourceLock", given["resourceLock"], 'resourceLock value must be "leases"'))
    return errors


def _go_duration(length_ns: int) -> str:
    return f"{length_ns // SECOND}s" if length_ns % SECOND == 0 else f"{length_ns / SECOND:g}s"


def _percentage(path: str, percentage: int | None) -> list[Finding]:
    return [] if percentage is None or 0 <= percentage <= 100 else [invalid(path, percentage, "not in valid range [0-100]")]


# -- profiles ------------------------------------------------------------------------------------------------------------
def _profiles(found: Object) -> list[Finding]:
    profiles: list[Object] = found["profiles"]
    errors: list[Finding] = []
    known: dict[str, int] = {}
    for index, profile in enumerate(profiles):
        path = f"profiles[{index}]"
        name = profile.get("schedulerName") or ""
        if not name:
            errors.append(required(f"{path}.schedulerName"))
        errors += _percentage(f"{path}.percentageOfNodesToScore", profile.get("percentageOfNodesToScore"))
        errors += _plugins(f"{path}.plugins", found["apiVersion"], profile["plugins"])
        errors += _plugin_config(path, found["apiVersion"], profile)
        if name in known:
            errors.append(duplicate(f"{path}.schedulerName", Go(f"profiles[{known[name]}].schedulerName")))
        known[name] = index
    return errors + _queue_sorts(profiles)


def _plugins(path: str, version: str, plugins: Object) -> list[Finding]:
    return [
        invalid(f"{path}.{point}.enabled[{index}]", each["name"], _gone(version))
        for point in POINTS
        if point != "multiPoint"
        for index, each in enumerate((plugins.get(point) or {}).get("enabled") or ())
        if version == V1 and each["name"] in GONE_IN_V1
    ]


def _gone(version: str) -> str:
    return f"was invalid in version {go_quote(V1)} (KubeSchedulerConfiguration is version {go_quote(version)})"


def _plugin_config(path: str, version: str, profile: Object) -> list[Finding]:
    errors: list[Finding] = []
    seen: list[str] = []
    for index, each in enumerate(profile["pluginConfig"]):
        at, name = f"{path}.pluginConfig[{index}]", each["name"]
        if name in seen:
            errors.append(duplicate(at, name))
        seen.append(name)
        if version == V1 and name in GONE_IN_V1:
            errors.append(invalid(at, name, _gone(version)))
        elif name in VALIDATIONS:
            errors += VALIDATIONS[name](f"{at}.args", each["args"])
    return errors


def _queue_sorts(profiles: list[Object]) -> list[Finding]:
    first = profiles[0]["plugins"].get("queueSort") or {}
    enabled = first.get("enabled") or []
    errors: list[Finding] = []
    if len(enabled) > 1:
        errors.append(invalid("profiles[0].plugins.queueSort.Enabled", len(enabled), "only one queue sort plugin can be enabled"))
    for index, profile in enumerate(profiles[1:], 1):
        other = profile["plugins"].get("queueSort") or {}
        if other != first:
            errors.append(invalid(f"profiles[{index}].plugins.queueSort", Go(_go_plugin_set(other)), _MATCH))
    return errors


def _go_plugin_set(given: Object) -> str:
    def rows(name: str) -> str:
        found = given.get(name)
        if found is None:
            return "[]config.Plugin(nil)"
        return (
            "[]config.Plugin{"
            + ", ".join(f"config.Plugin{{Name:{go_quote(each['name'])}, Weight:{each.get('weight') or 0}}}" for each in found)
            + "}"
        )

    return f"config.PluginSet{{Enabled:{rows('enabled')}, Disabled:{rows('disabled')}}}"


# -- extenders -----------------------------------------------------------------------------------------------------------
def _extenders(extenders: list[Object]) -> list[Finding]:
    errors: list[Finding] = []
    managed: list[str] = []
    for index, each in enumerate(extenders):
        weight = each.get("weight", 0)
        if each.get("prioritizeVerb") and weight <= 0:
            errors.append(invalid(f"extenders[{index}].weight", weight, "must have a positive weight applied to it"))
        for at, resource in enumerate(each.get("managedResources") or ()):
            path, name = f"extenders[{index}].managedResources[{at}].name", resource["name"]
            errors += _resource_name(path, name)
            if name in managed:
                errors.append(invalid(path, name, "duplicate extender managed resource name"))
            managed.append(name)
    binders = sum(bool(each.get("bindVerb")) for each in extenders)
    if binders > 1:
        errors.append(invalid("extenders", f"found {binders} extenders implementing bind", "only one extender can implement bind"))
    return errors


def _resource_name(path: str, name: str) -> list[Finding]:
    complaints = list(is_qualified_name(name))
    if complaints:
        return [invalid(path, name, words) for words in complaints]
    return [] if is_extended(name) and not name.startswith("requests.") else [invalid(path, name, "is an invalid extended resource name")]
