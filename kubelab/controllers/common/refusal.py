"""What a sync does only because one of its calls was refused: report the failure in the status.

upstream: the status written with the error of manageReplicas (pkg/controller/replicaset/replica_set.go) or of a ReplicaSet's creation
(pkg/controller/deployment/sync.go), 1.28.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from kubelab.engine.plan import Batch, Call

_ENGINE_KNOWS = any(item.name == "refused" for item in fields(Batch))


def after_refusal(call: Call) -> tuple[Batch, ...]:
    """A batch that is sent only if a call of an earlier batch was refused; ``{error}`` in its texts is that refusal's message."""
    only_then: dict[str, Any] = {"refused": True}
    return (Batch(calls=(call,), **only_then),) if _ENGINE_KNOWS else ()


def status_either_way(well: Call | None, refused: Call | None) -> tuple[Batch, ...]:
    """The status write after a sync that went well, and the one after a refusal; None where nothing would change."""
    batches = (Batch((well,), always=not _ENGINE_KNOWS),) if well is not None else ()
    return batches + after_refusal(refused) if refused is not None else batches
