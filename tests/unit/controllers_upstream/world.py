"""The harness with what a job needs of a server: finalizers that hold what is deleted, and patches that take them off."""

from __future__ import annotations

from typing import Any

from kubelab.world.clock import rfc3339
from tests.unit.storage.harness import World

WITHOUT = "$deleteFromPrimitiveList/finalizers"


class ServedWorld(World):
    def _do(self, work: Any) -> None:
        old = self.state.get(work.resource, work.namespace, work.name)
        held = old is not None and bool(old["metadata"].get("finalizers"))
        super()._do(work._replace(verb="mark") if work.verb == "delete" and held else work)
        if old is None:
            return
        meta = old["metadata"]
        if work.verb == "delete" and held:
            self.calls[-1] = self.calls[-1].replace("mark", "delete", 1)
            self.put({**old, "metadata": {"deletionTimestamp": rfc3339(self.now_ns), **meta}})
        elif work.verb == "patch" and WITHOUT in (work.body.get("metadata") or {}):
            left = [each for each in meta.get("finalizers") or () if each not in work.body["metadata"][WITHOUT]]
            self.put({**old, "metadata": {**meta, "finalizers": left}})  # a pod that terminates has its grace period
