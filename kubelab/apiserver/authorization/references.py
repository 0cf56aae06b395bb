"""Which objects a pod or a volume refers to: what the node authorizer follows and NodeRestriction forbids to mirror pods.

upstream: pkg/api/v1/pod/util.go (VisitPodSecretNames, VisitPodConfigmapNames), pkg/api/v1/persistentvolume/util.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelab.store.log import Object

_WITH_SECRET_REF = ("cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_NODE_SECRETS = ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef")


def secrets_of_pod(pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    for reference in spec.get("imagePullSecrets") or ():
        yield reference.get("name", "")
    yield from _from_environment(spec, "secretRef", "secretKeyRef")
    for volume in spec.get("volumes") or ():
        if "azureFile" in volume:
            yield volume["azureFile"].get("secretName", "")
        elif "secret" in volume:
            yield volume["secret"].get("secretName", "")
        elif "csi" in volume:
            yield (volume["csi"].get("nodePublishSecretRef") or {}).get("name", "")
        else:
            yield from _projected(volume, "secret")
            for source in _WITH_SECRET_REF:
                yield ((volume.get(source) or {}).get("secretRef") or {}).get("name", "")


def configmaps_of_pod(pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    yield from _from_environment(spec, "configMapRef", "configMapKeyRef")
    for volume in spec.get("volumes") or ():
        if "configMap" in volume:
            yield volume["configMap"].get("name", "")
        yield from _projected(volume, "configMap")


def claims_of_pod(pod: Object) -> Iterator[str]:
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"].get("claimName", "")
        elif "ephemeral" in volume:
            yield f"{pod['metadata']['name']}-{volume['name']}"


def resource_claims_of_pod(pod: Object) -> Iterator[str]:
    made = {each["name"]: each.get("resourceClaimName") or "" for each in (pod.get("status") or {}).get("resourceClaimStatuses") or ()}
    for claim in pod["spec"].get("resourceClaims") or ():
        yield (claim.get("source") or {}).get("resourceClaimName") or made.get(claim["name"], "")


def node_secrets_of_volume(volume: Object) -> Iterator[tuple[str, str]]:
    """(namespace, name) of the secrets of a PersistentVolume that kubelets need."""
    spec = volume["spec"]
    home = (spec.get("claimRef") or {}).get("namespace", "")
    if azure := spec.get("azureFile"):
        yield azure.get("secretNamespace") or home, azure.get("secretName", "")
        return
    for source in _WITH_SECRET_REF:
        if reference := (spec.get(source) or {}).get("secretRef"):
            yield reference.get("namespace") or ("" if source in ("cinder", "storageos") else home), reference.get("name", "")
    for field in _NODE_SECRETS:
        if reference := (spec.get("csi") or {}).get(field):
            yield reference.get("namespace", ""), reference.get("name", "")


def _from_environment(spec: Object, whole: str, one: str) -> Iterator[str]:
    for field in _CONTAINERS:
        for container in spec.get(field) or ():
            for source in container.get("envFrom") or ():
                if whole in source:
                    yield source[whole].get("name", "")
            for variable in container.get("env") or ():
                if reference := (variable.get("valueFrom") or {}).get(one):
                    yield reference.get("name", "")


def _projected(volume: Object, kind: str) -> Iterator[str]:
    for source in (volume.get("projected") or {}).get("sources") or ():
        if kind in source:
            yield source[kind].get("name", "")
