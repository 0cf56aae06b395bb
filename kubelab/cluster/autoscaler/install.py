"""Putting the autoscaler into a cluster: its pools, its rights, its first machines.

upstream: cluster-autoscaler/cloudprovider/aws/examples/cluster-autoscaler-autodiscover.yaml, 1.28 (the rights).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from kubelab.apiserver.request import Request, User
from kubelab.cluster.autoscaler import expander
from kubelab.cluster.autoscaler import options as settings
from kubelab.cluster.autoscaler import pools as node_pools
from kubelab.cluster.autoscaler.controller import CONTROLLER, NAME
from kubelab.cluster.autoscaler.provider import grow

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine
    from kubelab.kinds.kind import Object

SERVER = User("system:apiserver", ("system:masters",))
_LOOK = ["watch", "list", "get"]
_RULES = (
    ([""], ["events", "endpoints"], ["create", "patch"], []),
    ([""], ["pods/eviction"], ["create"], []),
    ([""], ["pods/status"], ["update"], []),
    ([""], ["endpoints"], ["get", "update"], ["cluster-autoscaler"]),
    ([""], ["nodes"], ["watch", "list", "get", "update"], []),
    ([""], ["namespaces", "pods", "services", "replicationcontrollers", "persistentvolumeclaims", "persistentvolumes"], _LOOK, []),
    (["extensions"], ["replicasets", "daemonsets"], _LOOK, []),
    (["policy"], ["poddisruptionbudgets"], ["watch", "list"], []),
    (["apps"], ["statefulsets", "replicasets", "daemonsets"], _LOOK, []),
    (["storage.k8s.io"], ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities"], _LOOK, []),
    (["batch", "extensions"], ["jobs"], ["get", "list", "watch", "patch"], []),
    (["coordination.k8s.io"], ["leases"], ["create"], []),
    (["coordination.k8s.io"], ["leases"], ["get", "update"], ["cluster-autoscaler"]),
)
_IN_KUBE_SYSTEM = (
    ([""], ["configmaps"], ["create", "list", "watch"], []),
    ([""], ["configmaps"], ["delete", "get", "update", "watch"], ["cluster-autoscaler-status", "cluster-autoscaler-priority-expander"]),
)


def is_wanted(engine: Engine) -> bool:
    """Whether a world has pools, and so an autoscaler."""
    return bool(node_pools.pools(engine.machines.get("", {})))


def install(engine: Engine, pools: Any, priorities: Any, given: dict[str, Any]) -> None:
    """Add pools, and the autoscaler if it is not there yet. ValueError names what will not do; nothing has happened then."""
    wanted, flags = node_pools.read(pools), settings.read(given)
    machine = engine.machines[""]
    there = node_pools.pools(machine)
    doubled = next((name for name in wanted if name in there), None)
    if doubled is not None:
        raise ValueError(f"node pools[{doubled!r}]: there is a pool of this name already")
    text = _priorities(priorities)
    if flags.expander.split(",")[0] == "priority" and text is None:
        raise ValueError('expander: "priority" needs priorities={number: [pattern, …]}')
    machine.setdefault(node_pools.POOLS, {}).update(wanted)
    machine[settings.OPTIONS] = {"": flags}
    is_new = NAME not in engine.runners
    if is_new:
        for obj in objects():
            _create(engine, obj)
        engine.register(CONTROLLER)
    if text is not None:
        meta = {"name": expander.CONFIG_MAP, "namespace": "kube-system"}
        _create(engine, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {expander.CONFIG_KEY: text}})
    for pool in wanted.values():
        for name, after_ns in grow(engine, pool.name, pool.least):
            if not is_new:
                engine.later(engine.runners[NAME], ("boot", name), after_ns)
    if is_new:
        engine.start(engine.runners[NAME])


def _priorities(given: Any) -> str | None:
    if given is None:
        return None
    text = given if isinstance(given, str) else yaml.safe_dump(given, sort_keys=False)
    try:
        expander.parse_priorities(text)
    except ValueError as error:
        raise ValueError(f"priorities: {error}") from None
    return text


def objects() -> list[Object]:
    """The autoscaler's account and rights."""
    meta = {"name": NAME}
    here = {"name": NAME, "namespace": "kube-system"}
    subject = [{"kind": "ServiceAccount", "name": NAME, "namespace": "kube-system"}]
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": meta, "rules": [_rule(*row) for row in _RULES]},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": here, "rules": [_rule(*row) for row in _IN_KUBE_SYSTEM]},
        *(
            {
                "apiVersion": f"{rbac}/v1",
                "kind": f"{kind}Binding",
                "metadata": place,
                "roleRef": {"apiGroup": rbac, "kind": kind, "name": NAME},
                "subjects": subject,
            }
            for kind, place in (("ClusterRole", meta), ("Role", here))
        ),
    ]


def _rule(groups: list[str], resources: list[str], verbs: list[str], names: list[str]) -> Object:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs, **({"resourceNames": names} if names else {})}


def _create(engine: Engine, obj: Object) -> None:
    from kubelab.cluster.references import of_object

    meta = obj["metadata"]
    request = Request("create", of_object(obj).resource, meta.get("namespace", ""), body=obj, user=SERVER, user_agent="kubectl")
    engine.handle(request)
