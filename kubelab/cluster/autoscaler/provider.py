"""The cloud behind the pools: it starts machines, which boot and join, and ends them.

What upstream's cloud provider does at its own API happens to the world here; the Node of a machine that is gone is deleted as the cloud's
node lifecycle controller deletes it.

upstream: cluster-autoscaler/cloudprovider/cloud_provider.go NodeGroup (IncreaseSize, DeleteNodes); k8s.io/cloud-provider/controllers/nodelifecycle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelab.apiserver.request import Request, User
from kubelab.cluster.autoscaler.pools import INSTANCES, Instance, pools
from kubelab.kubelet import for_node

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

CLOUD = User("system:serviceaccount:kube-system:cloud-node-lifecycle-controller", ("system:masters", "system:authenticated"))


def grow(engine: Engine, pool: str, count: int) -> tuple[tuple[str, int], ...]:
    """Ask for machines: their names, and after how many nanoseconds each joins."""
    table = engine.machines[""].setdefault(INSTANCES, {})
    kind = pools(engine.machines[""])[pool]
    number = sum(each.pool == pool for each in table.values())
    made: list[tuple[str, int]] = []
    while len(made) < count:
        number += 1
        name = f"{pool}-{number}"
        if name in engine.machines or engine.store.head.get("nodes", "", name) is not None or name in table:
            continue
        table[name] = Instance(name, pool, kind.price, engine.now_ns)
        made.append((name, kind.boot_ns))
    return tuple(made)


def join(engine: Engine, name: str) -> None:
    """A machine has booted: its kubelet registers the node and begins."""
    machine = engine.machines[""]
    instance: Instance | None = machine.get(INSTANCES, {}).get(name)
    if instance is None or instance.joined_ns or instance.gone_ns:
        return
    index = sum(1 for each in engine.machines if each)
    node = pools(machine)[instance.pool].node(name, index, engine.now_ns)
    user = User(f"system:node:{name}", ("system:nodes", "system:authenticated"))
    engine.handle(Request("create", "nodes", "", body=node, user=user, user_agent="kubelet"))
    engine.machines[name] = {}
    components = for_node(name, engine.timing)
    for component in components:
        engine.register(component)
    for component in components:
        engine.start(engine.runners[component.name])
    machine[INSTANCES][name] = instance._replace(joined_ns=engine.now_ns)


def end(engine: Engine, name: str) -> None:
    """A machine is taken away, with all that runs on it, and its Node goes."""
    table = engine.machines[""].get(INSTANCES, {})
    instance: Instance | None = table.get(name)
    if instance is None or instance.gone_ns:
        return
    table[name] = instance._replace(gone_ns=engine.now_ns)
    if name in engine.machines:
        engine.crash_machine(name)
        for rows in engine.machines[name].values():
            rows.clear()
    if engine.store.head.get("nodes", "", name) is not None:
        engine.handle(Request("delete", "nodes", "", name, user=CLOUD, user_agent="cloud-controller-manager"))
