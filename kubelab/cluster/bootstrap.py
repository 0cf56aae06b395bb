"""What a cluster holds before anybody applies anything: namespaces, roles, classes, nodes, and the components at work.

upstream: pkg/controlplane/controller/{systemnamespaces,kubernetesservice}, bootstrappolicy, pkg/registry/scheduling/rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.apiserver.admission.node_restriction import forbidden_labels
from kubelab.apiserver.request import ADMIN, Request, Response, User
from kubelab.cluster import faults, leaders
from kubelab.cluster.clock import CLOCK
from kubelab.cluster.errors import ApiError
from kubelab.controllers import registry as controllers
from kubelab.controllers import ttl
from kubelab.engine import reflectors
from kubelab.engine.component import Component
from kubelab.engine.engine import Engine
from kubelab.kinds.gates import refuse
from kubelab.kinds.kind import Object
from kubelab.kinds.rbac import bootstrap as rbac
from kubelab.kubelet import for_node, node_object
from kubelab.scheduler.scheduler import SCHEDULER
from kubelab.storage import registry as storage
from kubelab.world.clock import SECOND
from kubelab.world.timing import Timing

SERVER = User("system:apiserver", ("system:masters",))
NODE_CONTROLLER = User(
    "system:serviceaccount:kube-system:node-controller",
    ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"),
)
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
PRIORITY_CLASSES = (("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000))
NOT_READY = "node.kubernetes.io/not-ready"  # put on every new node by TaintNodesByCondition, taken off once it is Ready
BOOT_NS = 30 * SECOND  # the cluster has been up for this long when the user gets it


def start(
    engine: Engine, nodes: Sequence[Object], storage_class: str | None, scheduler: Component = SCHEDULER, control_planes: int = 0
) -> None:
    """Create the system's objects and nodes, start the components, and let them come to rest.

    ``control_planes``: replicas of the controller manager and the scheduler, of which leases choose a leader (0: no leases).
    """
    for obj in (
        *system_objects(engine.release),
        CLOCK,
        *rbac.objects(engine.release),
        *([_storage_class(storage_class)] if storage_class else []),
    ):
        create(engine, obj)
    for component in (*controllers.components(engine.release), *storage.components(engine.release), faults.CONTROLLER):
        engine.register(component)
    engine.register(scheduler)
    for node in nodes:
        add_node(engine, node, ttl.seconds_of(len(nodes)))
    for commit in engine.store.log.since(engine.trailing.revision):
        engine.trailing.apply(commit)  # what components list when they start
    reflectors.started_server(engine)
    waiting = leaders.register(engine, leaders.names(control_planes)) if control_planes else {}
    for name in list(engine.runners):
        if name not in waiting:
            engine.start(engine.runners[name])


def create(engine: Engine, obj: Object) -> Object:
    kind = _kind(obj, engine.release)
    meta = obj["metadata"]
    request = Request("create", kind, meta.get("namespace", ""), body=obj, user=SERVER, user_agent="kube-apiserver")
    return _done(engine.handle(request))


def _done(response: Response) -> Object:
    if response.code >= 400:
        raise ApiError(response.object)
    return dict(response.object)


def _kind(obj: Object, release: str) -> str:
    from kubelab.cluster.references import of_object

    return of_object(obj, release).asked


def add_node(engine: Engine, node: Object, ttl_seconds: int) -> None:
    """A Node object with its status, and its kubelet and runtime (not started yet). Its kubelet registers it, unless it has labels that only an
    administrator may give.

    It has been ready for a while: the node controller would need 2 calls for each node's taint, which is 50 s for 500 nodes, and the TTL
    controller one for its annotation.
    """
    name = node["metadata"]["name"]
    mine = not forbidden_labels(node["metadata"].get("labels") or {}, {})
    user = User(f"system:node:{name}", ("system:nodes", "system:authenticated")) if mine else ADMIN
    created = _done(engine.handle(Request("create", "nodes", body=node, user=user, user_agent="kubelet" if mine else "kubectl-create")))
    taints = [taint for taint in created["spec"].get("taints") or () if taint["key"] != NOT_READY]
    meta = created["metadata"]
    annotations = {**(meta.get("annotations") or {}), ttl.ANNOTATION: str(ttl_seconds)}
    ready = {**created, "metadata": {**meta, "annotations": annotations}, "spec": {**created["spec"], "taints": taints}}
    _done(engine.handle(Request("update", "nodes", "", name, body=ready, user=NODE_CONTROLLER, user_agent="kube-controller-manager")))
    engine.machines[name] = {}
    for component in for_node(name, engine.timing):
        engine.register(component)


def system_objects(release: str = "1.28") -> list[Object]:
    older = release != "1.28"
    names = NAMESPACES[:3] if older else NAMESPACES
    objects: list[Object] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
    for name, number in () if older else PRIORITY_CLASSES:
        description = "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
        if name == "system-node-critical":
            description = "Used for system critical pods that must not be moved from their current node."
        objects.append(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": number,
                "description": description,
            }
        )
    objects.append(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.96.0.1",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
                "sessionAffinity": "None",
            },
        }
    )
    return objects


def _storage_class(name: str) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "lab.kubelab.dev/dynamic",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


def engine(seed: int, start_ns: int, timing: str | Timing | None, release: str, gates: dict[str, bool] | None) -> Engine:
    """An engine from the arguments of ``Cluster``; ValueError names the one that will not do."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed={seed!r}: give a whole number")
    if not isinstance(gates or {}, dict) or not all(isinstance(value, bool) for value in (gates or {}).values()):
        raise ValueError(f'feature_gates={gates!r}: give a dict such as {{"Name": True}}')
    if problem := refuse(gates or {}, release):
        raise ValueError(f"feature_gates: {problem}")
    if timing is None:
        timing = "default" if release == "1.28" else release
    figures = timing if isinstance(timing, Timing) else Timing.preset(timing)
    return Engine(seed=seed, start_ns=start_ns, timing=figures, release=release, gates=dict(gates or {}))


def node_objects(wanted: int | Sequence[str | Object], now_ns: int, release: str = "1.28") -> list[Object]:
    """Nodes from a number, names, or manifests (whose status may be left out or in part)."""
    if isinstance(wanted, bool) or not isinstance(wanted, int | list | tuple) or (isinstance(wanted, int) and wanted < 0):
        raise ValueError(f"nodes={wanted!r}: give a number from 0, a list of names, or a list of Node manifests")
    items: Sequence[str | Object] = [f"node-{index + 1}" for index in range(wanted)] if isinstance(wanted, int) else wanted
    nodes = [_node(item, index, now_ns, release) for index, item in enumerate(items)]
    names = [node["metadata"]["name"] for node in nodes]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1] if len(items) > len(set(names)) else []
    if twice:
        raise ValueError(f"nodes: {twice[0]!r} is there {names.count(twice[0])} times: each needs a name of its own")
    return nodes


def _node(item: str | Object, index: int, now_ns: int, release: str) -> Object:
    if isinstance(item, str):
        return node_object(item, index, now_ns, release=release)
    if not isinstance(item, dict) or item.get("kind") != "Node":
        raise ValueError(f"nodes[{index}]: {item!r} is neither a name nor a Node manifest")
    if not isinstance(item.get("metadata"), dict) or not item["metadata"].get("name"):
        raise ValueError(f"nodes[{index}].metadata.name: the Node has none")
    base = node_object(item["metadata"]["name"], index, now_ns, release=release)
    meta, status = item["metadata"], item.get("status") or {}
    base["metadata"] = {**base["metadata"], **meta, "labels": {**base["metadata"]["labels"], **(meta.get("labels") or {})}}
    base["spec"] = {**base.get("spec", {}), **(item.get("spec") or {})}
    capacity = status.get("capacity") or {}
    for name in ("capacity", "allocatable"):
        base["status"][name] = {**base["status"][name], **capacity, **(status.get(name) or {})}
    return base
