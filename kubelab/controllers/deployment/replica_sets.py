"""The ReplicaSets of a Deployment: which is the new one, which number each has, what is written on them.

upstream: pkg/controller/deployment/util/deployment_util.go, ReplicaSetsBy… in pkg/controller/controller_utils.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.common.pod_facts import created_ns
from kubelab.controllers.common.template_hash import TEMPLATE_HASH_LABEL, encodes, equal_templates, template_hash
from kubelab.controllers.deployment.amounts import DESIRED_REPLICAS, MAX_REPLICAS, max_surge, replicas
from kubelab.store.log import Object

RESOURCE = "replicasets.apps"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_HISTORY_LENGTH = 2000

_NOT_COPIED = (LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO)


class Sorted(NamedTuple):
    """``new``: the ReplicaSet with the Deployment's template, if there is one; ``old``: the others, by age."""

    new: Object | None
    old: list[Object]


def new_and_old(deployment: Object, replica_sets: Iterable[Object]) -> Sorted:
    """The oldest with an equal template is the new one (upstream: FindNewReplicaSet, FindOldReplicaSets)."""
    template = deployment["spec"]["template"]
    by_age = sorted(replica_sets, key=age_key)
    for at, replica_set in enumerate(by_age):
        if equal_templates(replica_set["spec"]["template"], template):
            return Sorted(replica_set, by_age[:at] + by_age[at + 1 :])
    return Sorted(None, by_age)


def active(replica_sets: Iterable[Object | None]) -> list[Object]:
    return [replica_set for replica_set in replica_sets if replica_set is not None and replicas(replica_set) > 0]


def active_or_latest(new: Object | None, old: Sequence[Object]) -> Object | None:
    """The only active one; if none is, the new or else the youngest; None if several are."""
    found = active([*old, new])
    if len(found) > 1:
        return None
    if found:
        return found[0]
    return new if new is not None else (old[-1] if old else None)


def age_key(replica_set: Object) -> tuple[int, str]:
    return created_ns(replica_set), replica_set["metadata"]["name"]


def by_size(replica_sets: Iterable[Object], *, newer_first: bool) -> list[Object]:
    """Larger first; among equals the newer, or the older."""
    return sorted(sorted(replica_sets, key=age_key, reverse=newer_first), key=lambda replica_set: -replicas(replica_set))


def revision_of(obj: Object) -> int | None:
    """The revision number it carries; 0 without annotation, None for what is no number."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError:
        return None


def max_revision(replica_sets: Iterable[Object]) -> int:
    return max((revision_of(replica_set) or 0 for replica_set in replica_sets), default=0)


def last_revision(replica_sets: Iterable[Object]) -> int:
    """The second highest number; 0 if there is none."""
    numbers = sorted((revision for replica_set in replica_sets if (revision := revision_of(replica_set)) is not None), reverse=True)
    return max(numbers[1], 0) if len(numbers) > 1 else 0


# -- annotations ------------------------------------------------------------------------------------------------------------
def annotated_as_new(deployment: Object, replica_set: Object, revision: int, *, exists: bool) -> Object:
    """The ReplicaSet with the annotations of the Deployment's newest; itself if nothing changes.

    A number that goes up leaves the old one in the revision history. (upstream: SetNewReplicaSetAnnotations)
    """
    old = replica_set["metadata"].get("annotations") or {}
    new = {**old, **copied_annotations(deployment)}
    text = old.get(REVISION, "")
    number = _number(text)
    if number is None:
        return replica_set
    if number < revision:
        new[REVISION] = str(revision)
        if REVISION in old:
            new = _with_history(new, text)
    if not exists:
        new.update(replicas_annotations(deployment))
    return replica_set if new == old else with_annotations(replica_set, new)


def copied_annotations(obj: Object) -> dict[str, str]:
    """Those that go from a Deployment to its newest ReplicaSet, and back on a rollback."""
    return {key: text for key, text in (obj["metadata"].get("annotations") or {}).items() if key not in _NOT_COPIED}


def kept_annotations(deployment: Object) -> dict[str, str]:
    """Those that a rollback leaves on the Deployment."""
    return {key: text for key, text in (deployment["metadata"].get("annotations") or {}).items() if key in _NOT_COPIED}


def replicas_annotations(deployment: Object) -> dict[str, str]:
    wanted = replicas(deployment)
    return {DESIRED_REPLICAS: str(wanted), MAX_REPLICAS: str(wanted + max_surge(deployment))}


def with_annotations(obj: Object, annotations: dict[str, str]) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def _number(text: str) -> int | None:
    try:
        return int(text) if text else 0
    except ValueError:
        return None


def _with_history(annotations: dict[str, str], old_revision: str) -> dict[str, str]:
    """Append a number to the history, dropping the oldest while it is too long."""
    history = annotations.get(REVISION_HISTORY, "")
    if not history:
        return {**annotations, REVISION_HISTORY: old_revision}
    numbers = history.split(",")
    length = len(history) + len(old_revision) + 1
    start = 0
    while length > MAX_HISTORY_LENGTH and start < len(numbers):
        length -= len(numbers[start]) + 1
        start += 1
    if length > MAX_HISTORY_LENGTH:
        return annotations
    return {**annotations, REVISION_HISTORY: ",".join([*numbers[start:], old_revision])}


# -- a new one --------------------------------------------------------------------------------------------------------------
def new_name(deployment: Object) -> str:
    return f"{deployment['metadata']['name']}-{_hash(deployment)}"


def new_replica_set(deployment: Object, size: int, revision: int) -> Object:
    """The ReplicaSet for the Deployment's template; its hash goes into name, labels, selector and template."""
    spec, hash_ = deployment["spec"], _hash(deployment)
    template, selector = spec["template"], spec["selector"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), TEMPLATE_HASH_LABEL: hash_}
    of_set: Object = {
        "replicas": size,
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), TEMPLATE_HASH_LABEL: hash_}},
        "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
    }
    if spec.get("minReadySeconds"):
        of_set["minReadySeconds"] = spec["minReadySeconds"]
    meta = {
        "name": new_name(deployment),
        "namespace": deployment["metadata"]["namespace"],
        "labels": labels,
        "ownerReferences": [controller_reference(deployment)],
    }
    body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": of_set}
    return annotated_as_new(deployment, body, revision, exists=False)


def _hash(deployment: Object) -> str:
    collisions = (deployment.get("status") or {}).get("collisionCount")
    return template_hash(deployment["spec"]["template"], collisions, encoded=encodes(deployment))
