"""Ownership: which object controls which, of all that are there."""

from __future__ import annotations

import pandas as pd

from kubelab.frames.phases import READY, SUCCEEDED, is_ready, phase_of
from kubelab.frames.typed import category, text
from kubelab.store.log import Log, Object

LEFT_OUT = ("events", "leases.coordination.k8s.io")


def owners(log: Log) -> pd.DataFrame:
    """A row per object that is there and owns or is owned, in the order of creation.

    Columns: ``kind``, ``namespace``, ``name``, ``uid``, ``owner`` (uid of its controller, else of its first owner; missing: none), ``ready``
    (missing: the kind has no such thing).
    """
    present: dict[str, Object] = {}
    for commit in log.commits:
        if commit.key[0] in LEFT_OUT:
            continue
        uid = commit.object["metadata"].get("uid", "")
        if commit.type == "DELETED":
            present.pop(uid, None)
        else:
            present[uid] = commit.object
    above = {uid: _owner(obj) for uid, obj in present.items()}
    owning = {uid: None for uid in above.values() if uid}
    found = [obj for uid, obj in present.items() if above[uid] or uid in owning]
    return pd.DataFrame(
        {
            "kind": category([obj["kind"] for obj in found]),
            "namespace": category([obj["metadata"].get("namespace", "") for obj in found]),
            "name": text([obj["metadata"]["name"] for obj in found]),
            "uid": text([obj["metadata"]["uid"] for obj in found]),
            "owner": text([above[obj["metadata"]["uid"]] or None for obj in found]),
            "ready": pd.array([_ready(obj) for obj in found], dtype="boolean"),
        }
    )


def _owner(obj: Object) -> str:
    references = obj["metadata"].get("ownerReferences") or ()
    chosen = next((each for each in references if each.get("controller")), references[0] if references else {})
    return str(chosen.get("uid", ""))


def _ready(obj: Object) -> bool | None:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    if obj["kind"] == "Pod":
        return phase_of(obj) in (READY, SUCCEEDED)
    if obj["kind"] == "Node":
        return is_ready(status)
    if "replicas" in spec:
        return bool(status.get("readyReplicas", 0) >= spec["replicas"])
    return None
