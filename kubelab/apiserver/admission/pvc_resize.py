"""PersistentVolumeClaimResize: a claim grows only if it is bound and its class allows it.

upstream: plugin/pkg/admission/storage/persistentvolume/resize/admission.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden, nothing
from kubelab.apiserver.admission.default_storage_class import CLASSES
from kubelab.kinds import quantity
from kubelab.store.log import Object

_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


class PersistentVolumeClaimResize:
    """Shrinking is validation's matter."""

    name = "PersistentVolumeClaimResize"
    handles = (("UPDATE", "persistentvolumeclaims"),)
    needs = ""
    admit: Any = nothing

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        claim, old = attributes.object, attributes.old
        if claim is None or old is None or quantity.compare(_size(claim), _size(old)) <= 0:
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise forbidden(attributes, "Only bound persistent volume claims can be expanded")
        name = _class(claim)
        found = cluster.state.get(CLASSES, "", name) if name and name == _class(old) else None
        if found is None or not found.get("allowVolumeExpansion"):
            why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
            raise forbidden(attributes, why)


def _size(claim: Object) -> str:
    return str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0"))


def _class(claim: Object) -> str:
    annotations = claim["metadata"].get("annotations") or {}
    return str(annotations.get(_BETA_CLASS) or claim["spec"].get("storageClassName") or "")
