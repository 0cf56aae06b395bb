"""Manifests in a node's own folder, as the front door puts them there; the rest is the kubelet's (``kubelet/static_pods.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubelab.apiserver.request import Options
from kubelab.cluster import manifests, references
from kubelab.cluster.errors import ApiError, ManifestError
from kubelab.cluster.references import Reference
from kubelab.engine.plan import Nudge
from kubelab.kinds.kind import Object
from kubelab.kubelet import static_pods

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

FOLDER = "/etc/kubernetes/manifests"


def put(cluster: Cluster, node: str, source: Any) -> str:
    """Put a manifest into a node's folder, or in the place of the one with its name; returns the reference of the mirror to come."""
    machine = _machine(cluster, node)
    pod = _pod(cluster, node, source)
    meta = pod["metadata"]
    place = (meta["namespace"], meta["name"])
    table = machine.setdefault(static_pods.TABLE, {})
    known = table.get(place)
    if known is None or known["metadata"]["uid"] != meta["uid"]:
        table[place] = pod
        _tell(cluster, node, pod, known)
    return f"pod/{meta['name']}"


def remove(cluster: Cluster, node: str, name: str, namespace: str) -> None:
    """Take a manifest out of a node's folder."""
    table = _machine(cluster, node).get(static_pods.TABLE, {})
    wanted = (namespace, f"{name}-{node.lower()}")
    pod = table.get(wanted)
    if pod is None:
        there = ", ".join(found[: -len(node) - 1] for _, found in table) or "none"
        raise ValueError(f"{node} has no static pod {name!r} in namespace {namespace!r}: there are {there}")
    del table[wanted]
    _tell(cluster, node, pod, None)


def _tell(cluster: Cluster, node: str, pod: Object, known: Object | None) -> None:
    """The kubelet watches its folder."""
    keys = [static_pods.key_of(each) for each in (known, pod) if each is not None]
    for key in (*keys, static_pods.mirror_key(pod)):
        cluster._engine.nudge(Nudge(f"kubelet/{node}", key), 0)


def _machine(cluster: Cluster, node: str) -> dict[str, dict[Any, Any]]:
    machines = cluster._engine.machines
    if not node or node not in machines:
        raise ValueError(f"there is no node {node!r}: there are {', '.join(name for name in machines if name)}")
    return machines[node]


def _pod(cluster: Cluster, node: str, source: Any) -> Object:
    """The pod of a manifest, defaulted, and checked as its mirror will be: ApiError says what the API server would refuse."""
    documents = manifests.read(source)
    place = documents[0].place
    if len(documents) != 1:
        raise ManifestError(f"a static pod's manifest holds one Pod: this one holds {len(documents)} objects", place)
    manifest = documents[0].object
    if (manifest.get("apiVersion"), manifest.get("kind")) != ("v1", "Pod"):
        raise ManifestError(f"a static pod is a v1 Pod: this is a {manifest.get('apiVersion')} {manifest.get('kind')}", place)
    meta = manifest.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
        raise ManifestError("metadata.name is missing: a static pod is called after it, and after its node", place)
    pod = static_pods.of_manifest(manifest, node, f"{FOLDER}/{meta['name']}.yaml", cluster._engine.now_ns)
    spec = _checked(cluster.fork(), pod, place)["spec"]
    return {**pod, "spec": spec}


def _checked(trial: Cluster, pod: Object, place: str) -> Object:
    """What the API server makes of the mirror, in a world that is thrown away."""
    meta = pod["metadata"]
    annotations = {**meta["annotations"], static_pods.MIRROR: meta["uid"]}
    body = {**pod, "metadata": {**meta, "annotations": annotations, "uid": ""}}
    kind = references.kind_of("pods")
    try:
        trial._call("delete", Reference(kind, meta["namespace"], meta["name"]), body={"gracePeriodSeconds": 0})
    except ApiError as error:
        if error.code != 404:
            raise
    checked: Object = trial._call("create", Reference(kind, meta["namespace"], ""), body=body, options=Options(), place=place).object
    return checked
