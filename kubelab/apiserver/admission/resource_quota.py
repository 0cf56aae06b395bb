"""ResourceQuota: what would exceed a namespace's quota is refused, what fits is charged.

The quota controller writes status.hard and gives back what deleted objects used. Where it has not done so yet, the charge is counted from the
namespace's objects (upstream refuses then, as the "status unknown for quota").

upstream: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/{admission,controller}.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission import quota_usage
from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden, nothing
from kubelab.apiserver.admission.pod_resources import Resources
from kubelab.kinds import quantity, registry
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object

QUOTAS = "resourcequotas"
_IGNORED = ("events", "events.events.k8s.io")
_CHANGING = ("services", "persistentvolumeclaims")


class ResourceQuota:
    """Called last, so that only what everything else lets through is charged."""

    name = "ResourceQuota"
    handles = (("CREATE", "*"), *(("UPDATE", resource) for resource in _CHANGING))
    needs = QUOTAS
    admit: Any = nothing

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        obj, kind = attributes.object, attributes.kind
        if obj is None or attributes.subresource or kind.resource in _IGNORED or not kind.namespaced:
            return
        name = obj["metadata"].get("name", "")
        if attributes.operation == "CREATE" and cluster.state.get(kind.resource, attributes.namespace, name) is not None:
            return
        concerned = [each for each in cluster.state.in_namespace(QUOTAS, attributes.namespace) if _concerns(each, kind, obj)]
        for quota in concerned:
            _check_constraints(attributes, quota, obj)
        delta = _delta(attributes, obj)
        if not concerned or not delta:
            return
        charged = [(quota, _charged(attributes, cluster, quota, delta)) for quota in concerned]
        if attributes.options.dry_run:
            return
        for quota, used in charged:
            status = {"hard": quota["spec"].get("hard") or {}, "used": used}
            if status != quota.get("status"):
                cluster.write(QUOTAS, attributes.namespace, quota["metadata"]["name"], {**quota, "status": status})


def _concerns(quota: Object, kind: Kind, obj: Object) -> bool:
    return bool(quota_usage.matching(kind, quota["spec"].get("hard") or {})) and quota_usage.in_scope(quota, kind, obj)


def _check_constraints(attributes: Attributes, quota: Object, obj: Object) -> None:
    """A quota on cpu or memory makes every container say how much it wants."""
    if attributes.kind.resource != "pods":
        return
    required = [name for name in quota_usage.REQUIRED if name in (quota["spec"].get("hard") or {})]
    missing: dict[str, dict[str, None]] = {}
    for field in ("containers", "initContainers"):
        for container in obj["spec"].get(field) or ():
            resources = container.get("resources") or {}
            have = quota_usage.compute_usage(resources.get("requests") or {}, resources.get("limits") or {})
            for name in required:
                if name not in have:
                    missing.setdefault(name, {})[container["name"]] = None
    if missing:
        texts = [f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing)]
        raise forbidden(attributes, f"failed quota: {quota['metadata']['name']}: must specify {'; '.join(texts)}")


def _delta(attributes: Attributes, obj: Object) -> Resources:
    """What the write adds; an update never gives back here."""
    kind, now_ns = attributes.kind, attributes.context.now_ns
    used = quota_usage.usage_of(kind, obj, now_ns)
    negative = sorted(name for name, amount in used.items() if quantity.parse(amount).nano < 0)
    if negative:
        raise forbidden(attributes, f"quota usage is negative for resource(s): {','.join(negative)}")
    if attributes.old is not None:
        before = quota_usage.usage_of(kind, attributes.old, now_ns)
        used = {name: quantity.subtract(amount, before.get(name, "0")) for name, amount in used.items()}
    return {name: amount for name, amount in used.items() if quantity.parse(amount).nano > 0}


def _charged(attributes: Attributes, cluster: Cluster, quota: Object, delta: Resources) -> Resources:
    """The quota's usage with the charge; 403 if it does not fit."""
    hard: Resources = quota["spec"].get("hard") or {}
    wanted = {name: delta[name] for name in hard if name in delta}
    status = quota.get("status") or {}
    known = status.get("hard") == hard and all(name in (status.get("used") or {}) for name in hard)
    used: Resources = status["used"] if known else _counted(attributes, cluster, quota)
    exceeded = _exceeded(hard, used, wanted)
    if exceeded:
        shown = (_shown(each, exceeded) for each in (wanted, used, hard))
        name = quota["metadata"]["name"]
        raise forbidden(attributes, "exceeded quota: {}, requested: {}, used: {}, limited: {}".format(name, *shown))
    return {**used, **{name: quantity.add((used[name], amount)) for name, amount in wanted.items()}}


def _counted(attributes: Attributes, cluster: Cluster, quota: Object) -> Resources:
    kinds = [kind for kind in registry.all_kinds() if kind.namespaced]
    return quota_usage.total(cluster.state, quota, kinds, attributes.context.now_ns)


def _exceeded(hard: Resources, used: Resources, wanted: Resources) -> list[str]:
    parse = quantity.parse
    return sorted(name for name, amount in wanted.items() if parse(used[name]).nano + parse(amount).nano > parse(hard[name]).nano)


def _shown(amounts: Resources, names: list[str]) -> str:
    return ",".join(f"{name}={quantity.canonical(amounts[name])}" for name in names)
