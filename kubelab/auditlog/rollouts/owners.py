"""Which workload a pod belongs to: told by its owner reference, else by its name, who made it and who removed it. What is not clear is said."""

from __future__ import annotations

from kubelab.auditlog.rollouts.deeds import CONTROLLERS
from kubelab.auditlog.rollouts.names import base_of, hash_split, ordinal_split
from kubelab.auditlog.rollouts.pods import Life
from kubelab.auditlog.rollouts.workloads import Workloads

BY_OWNER, BY_NAME, AMBIGUOUS, UNKNOWN = "owner reference", "name", "ambiguous", "unknown"
_KINDS = {controller: kind for kind, controller in CONTROLLERS.items()}


def settle(life: Life, workloads: Workloads) -> None:
    """Fill in ``owner``, ``workload``, ``hash`` and ``evidence``."""
    if life.owner[0]:
        life.evidence = BY_OWNER
        _above(life, workloads)
        return
    if life.told:
        life.evidence = BY_OWNER  # it has none
        return
    hands = {_KINDS[hand] for hand in (life.creator, life.deleted_via) if hand in _KINDS}
    ordinal, base = ordinal_split(life.name), base_of(life.name)
    if ordinal and ("StatefulSet" in hands or (not hands and (life.namespace, "StatefulSet", ordinal[0]) in workloads.all)):
        life.owner, life.evidence = ("StatefulSet", ordinal[0]), BY_NAME
    elif base is not None:
        _generated(life, base, hands, workloads)
    else:
        life.evidence = UNKNOWN
    _above(life, workloads)


def _generated(life: Life, base: str, hands: set[str], workloads: Workloads) -> None:
    indexed = ordinal_split(base)
    if indexed and (life.namespace, "Job", indexed[0]) in workloads.all:
        life.owner, life.evidence = ("Job", indexed[0]), BY_NAME  # completionMode Indexed: NAME-INDEX-xxxxx
        return
    candidates = [(kind, name) for _, kind, name in workloads.with_base(life.namespace, base) if not hands or kind in hands]
    if len(candidates) == 1:
        life.owner, life.evidence = candidates[0], BY_NAME
    elif candidates:
        life.evidence = f"{AMBIGUOUS}: {' or '.join(f'{kind.lower()}/{name}' for kind, name in sorted(candidates))}"
    elif len(hands) == 1:
        # its owner was made before the log began, and nothing was done to it since
        life.owner, life.evidence = (min(hands), base), BY_NAME
    elif hash_split(base):
        life.owner, life.evidence = ("ReplicaSet", base), BY_NAME
    else:
        life.evidence = UNKNOWN


def _above(life: Life, workloads: Workloads) -> None:
    kind, name = life.workload = life.owner
    if kind != "ReplicaSet":
        return
    split = hash_split(name)
    deployment = workloads.replicasets.get((life.namespace, name))
    if deployment is None:
        deployment = split[0] if split else ""
    if deployment:
        life.workload = ("Deployment", deployment)
        life.hash = life.hash or (split[1] if split else "")
