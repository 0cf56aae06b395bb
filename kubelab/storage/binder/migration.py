"""Volumes and claims of provisioners that moved out of tree are marked with the CSI driver that serves them now.

upstream: updateMigrationAnnotations in pkg/controller/volume/persistentvolume/pv_controller_base.go, 1.28.
"""

from __future__ import annotations

from kubelab.storage.drivers import MIGRATED
from kubelab.storage.names import (
    BETA_STORAGE_PROVISIONER,
    CLAIMS,
    MIGRATED_TO,
    PROVISIONED_BY,
    STORAGE_PROVISIONER,
    annotations_of,
    with_annotations,
)
from kubelab.store.log import Object


def marked(obj: Object, resource: str) -> Object | None:
    """The claim or volume with its mark put right; None if it is right."""
    present = annotations_of(obj)
    keys = (STORAGE_PROVISIONER, BETA_STORAGE_PROVISIONER) if resource == CLAIMS else (PROVISIONED_BY,)
    provisioner = next((present[key] for key in keys if key in present), None)
    if provisioner is None:
        return None
    driver, mark = MIGRATED.get(provisioner), present.get(MIGRATED_TO)
    if driver is not None:
        return None if mark == driver else with_annotations(obj, {MIGRATED_TO: driver})
    return with_annotations(obj, {}, (MIGRATED_TO,)) if mark else None
