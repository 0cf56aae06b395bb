"""What must hold in every world at every instant; each check returns its complaints."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any

import kubelab as kl
from kubelab.cri.api import RUNNING
from kubelab.kinds.intstr import scaled
from kubelab.store.store import Store

Object = dict[str, Any]


class Mutations:
    """The mutation detector: the bytes of each object as committed, compared with the object later."""

    def __init__(self) -> None:
        self.bytes: dict[tuple[int, int], bytes] = {}

    def watch(self, store: Store) -> None:
        for commit in store.log.commits:
            self.bytes.setdefault((id(commit.object), commit.revision), marshal.dumps(commit.object, 2))

    def complaints(self, store: Store) -> Iterator[str]:
        for commit in store.log.commits:
            before = self.bytes.get((id(commit.object), commit.revision))
            if before is not None and marshal.dumps(commit.object, 2) != before:
                yield f"the {commit.object['kind']} of revision {commit.revision} was changed after its commit"


def complaints(cluster: kl.Cluster) -> list[str]:
    """All that is wrong with a world now."""
    return [*one_pod_per_ordinal(cluster), *never_above_surge(cluster), *log_and_state_agree(cluster), *nobody_over_capacity(cluster)]


def one_pod_per_ordinal(cluster: kl.Cluster) -> Iterator[str]:
    """No two nodes run containers of one StatefulSet pod at once."""
    running: dict[tuple[str, str], set[str]] = {}
    for node, tables in cluster._engine.machines.items():
        for instance in tables.get("containers", {}).values():
            if instance.state == RUNNING:
                meta = tables["sandboxes"][instance.sandbox_id].config
                running.setdefault((meta.namespace, meta.name), set()).add(node)
    for (namespace, name), nodes in running.items():
        owner = cluster._engine.store.head.get("statefulsets.apps", namespace, name.rpartition("-")[0])
        if owner is not None and len(nodes) > 1:
            yield f"pod {name} runs on {sorted(nodes)} at once"


def never_above_surge(cluster: kl.Cluster) -> Iterator[str]:
    """The ReplicaSets of a Deployment never ask for more than replicas + maxSurge."""
    state = cluster._engine.store.head
    for deployment in state.all("deployments.apps").values():
        spec, uid = deployment["spec"], deployment["metadata"]["uid"]
        if not (deployment.get("status") or {}).get("observedGeneration", 0) >= deployment["metadata"]["generation"]:
            continue
        surge = scaled(((spec.get("strategy") or {}).get("rollingUpdate") or {}).get("maxSurge", 0), spec["replicas"], round_up=True)
        owned = [state.objects[key[0]][key[1:]] for key in state.dependents.get(uid, {}) if key[0] == "replicasets.apps"]
        total = sum(replica_set["spec"]["replicas"] for replica_set in owned)
        ceiling = max(spec["replicas"] + surge, max((int(_max_replicas(each)) for each in owned), default=0))
        if total > ceiling:
            yield f"deployment {deployment['metadata']['name']}: its ReplicaSets ask for {total} pods, {ceiling} are allowed"


def _max_replicas(replica_set: Object) -> str:
    return str((replica_set["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/max-replicas", 0))


def log_and_state_agree(cluster: kl.Cluster) -> Iterator[str]:
    """Nothing acknowledged is lost: the state is what the log says, and each successful write is in the log."""
    store = cluster._engine.store
    rebuilt = store.at_revision(store.revision)
    for resource in {**rebuilt.objects, **store.head.objects}:
        if rebuilt.all(resource) != store.head.all(resource):
            yield f"{resource}: the state differs from what the log says"
    for call in store.log.calls:
        if call.component and call.code == 201 and call.verb == "create" and not call.subresource and not call.revision:
            yield f"the {call.resource} {call.name} was acknowledged and is not in the log"


def nobody_over_capacity(cluster: kl.Cluster) -> Iterator[str]:
    """No node holds more pods than it has room for."""
    state = cluster._engine.store.head
    for node in state.all("nodes").values():
        name = node["metadata"]["name"]
        live = [
            place
            for place in state.by_node.get(name, {})
            if (state.all("pods")[place].get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        if len(live) > int(node["status"]["allocatable"]["pods"]):
            yield f"node {name} holds {len(live)} pods"
