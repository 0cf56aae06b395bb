"""StorageObjectInUseProtection: volumes and claims get a finalizer that their controllers take away when nothing uses them.

upstream: plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.api import Attributes, Cluster, nothing

FINALIZERS = {"persistentvolumes": "kubernetes.io/pv-protection", "persistentvolumeclaims": "kubernetes.io/pvc-protection"}


class StorageObjectInUseProtection:
    """Set once, at creation."""

    name = "StorageObjectInUseProtection"
    handles = (("CREATE", "persistentvolumes"), ("CREATE", "persistentvolumeclaims"))
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.object is None:
            return
        meta = attributes.object["metadata"]
        have, wanted = meta.get("finalizers") or [], FINALIZERS[attributes.kind.plural]
        if wanted not in have:
            meta["finalizers"] = [*have, wanted]
