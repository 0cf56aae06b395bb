"""Rollback by annotation: the template of an older revision becomes the Deployment's again, and the annotation goes.

upstream: pkg/controller/deployment/rollback.go, 1.28.
"""

from __future__ import annotations

from kubelab.controllers.common.events import normal, warning
from kubelab.controllers.common.template_hash import TEMPLATE_HASH_LABEL, equal_templates
from kubelab.controllers.deployment.draft import RESOURCE, Draft, sync_revision
from kubelab.controllers.deployment.replica_sets import (
    ROLLBACK_TO,
    copied_annotations,
    kept_annotations,
    last_revision,
    revision_of,
    with_annotations,
)
from kubelab.engine.plan import EventDraft, Reason, update
from kubelab.store.log import Object

ROLLBACK = Reason("Rollback", "{subject} was asked to go back to revision {revision}")


def rollback_to(deployment: Object) -> int | None:
    """The revision asked for, 0 for the last one; None if nothing is asked. extensions/v1beta1 asks by a field, which the annotation stands for."""
    asked = deployment["spec"].get("rollbackTo")
    if asked is not None:
        return int(asked.get("revision") or 0)
    text = (deployment["metadata"].get("annotations") or {}).get(ROLLBACK_TO)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def roll_back(draft: Draft, revision: int) -> None:
    if not sync_revision(draft, create_missing=True):
        return
    if revision == 0:
        revision = last_revision(draft.all)
        if revision == 0:
            _warn(draft, "DeploymentRollbackRevisionNotFound", "Unable to find last revision.")
            _write(draft, draft.deployment, revision)
            return
    for replica_set in draft.all:
        if revision_of(replica_set) == revision:
            _back_to(draft, replica_set, revision)
            return
    _warn(draft, "DeploymentRollbackRevisionNotFound", "Unable to find the revision to rollback to.")
    _write(draft, draft.deployment, revision)


def _back_to(draft: Draft, replica_set: Object, revision: int) -> None:
    deployment, template = draft.deployment, replica_set["spec"]["template"]
    name = deployment["metadata"]["name"]
    if equal_templates(deployment["spec"]["template"], template):
        text = f'The rollback revision contains the same template as current deployment "{name}"'
        _warn(draft, "DeploymentRollbackTemplateUnchanged", text)
        _write(draft, deployment, revision)
        return
    restored = {**deployment, "spec": {**deployment["spec"], "template": _without_hash(template)}}
    restored = with_annotations(restored, {**kept_annotations(deployment), **copied_annotations(replica_set)})
    done = normal(deployment, "DeploymentRollback", f'Rolled back deployment "{name}" to revision {revision}')
    _write(draft, restored, revision, done)


def _write(draft: Draft, deployment: Object, revision: int, *events: EventDraft) -> None:
    annotations = {key: text for key, text in (deployment["metadata"].get("annotations") or {}).items() if key != ROLLBACK_TO}
    body = with_annotations(deployment, annotations)
    body["spec"] = {key: part for key, part in deployment["spec"].items() if key != "rollbackTo"}
    draft.send(update(RESOURCE, body, on_success=events, because=ROLLBACK(draft.subject, revision=revision)))


def _warn(draft: Draft, reason: str, message: str) -> None:
    draft.events.append(warning(draft.deployment, reason, message))


def _without_hash(template: Object) -> Object:
    meta = template.get("metadata") or {}
    labels = {key: text for key, text in (meta.get("labels") or {}).items() if key != TEMPLATE_HASH_LABEL}
    return {**template, "metadata": {**meta, "labels": labels}}
