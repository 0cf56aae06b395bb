"""DefaultStorageClass: a claim that names no class gets the default one.

upstream: plugin/pkg/admission/storage/storageclass/setdefault/admission.go, pkg/volume/util/storageclass.go (GetDefaultClass), 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.api import Attributes, Cluster, nothing
from kubelab.apiserver.admission.newest_default import newest_default

CLASSES = "storageclasses.storage.k8s.io"
_MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


class DefaultStorageClass:
    """An empty text is a class too: none."""

    name = "DefaultStorageClass"
    handles = (("CREATE", "persistentvolumeclaims"),)
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        claim = attributes.object
        if claim is None or claim["spec"].get("storageClassName") is not None:
            return
        if _BETA_CLASS in (claim["metadata"].get("annotations") or {}):
            return
        found = newest_default(cluster.state, CLASSES, _MARKS)
        if found is not None:
            claim["spec"]["storageClassName"] = found
