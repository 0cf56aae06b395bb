"""What a sync does only because one of its calls was refused: report the failure in the status.

upstream: the status written with the error of manageReplicas (pkg/controller/replicaset/replica_set.go) or of a ReplicaSet's creation
(pkg/controller/deployment/sync.go), 1.28.
"""

from __future__ import annotations

from kubelab.engine.plan import Batch, Call


def after_refusal(call: Call) -> tuple[Batch, ...]:
    """A batch that is sent only if a call of an earlier batch was refused; ``{error}`` in its texts is that refusal's message."""
    return (Batch((call,), refused=True),)


def status_either_way(well: Call | None, refused: Call | None) -> tuple[Batch, ...]:
    """The status write after a sync that went well, and the one after a refusal; None where nothing would change."""
    batches = (Batch((well,)),) if well is not None else ()
    return batches + after_refusal(refused) if refused is not None else batches
