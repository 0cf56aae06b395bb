"""The events that controllers record about the objects they manage.

upstream: createPods and DeletePod in pkg/controller/controller_utils.go, client-go/tools/record/event.go, 1.28.
In a message, ``{name}`` stands for the name of the object that the call gave back, ``{error}`` for the message of its refusal.
"""

from __future__ import annotations

from kubelab.engine.plan import EventDraft, reference
from kubelab.store.log import Object


def normal(about: Object, reason: str, message: str) -> EventDraft:
    return EventDraft(reference(about), "Normal", reason, message)


def warning(about: Object, reason: str, message: str) -> EventDraft:
    return EventDraft(reference(about), "Warning", reason, message)


def pod_created(owner: Object) -> EventDraft:
    return normal(owner, "SuccessfulCreate", "Created pod: {name}")


def pod_not_created(owner: Object) -> EventDraft:
    return warning(owner, "FailedCreate", "Error creating: {error}")


def pod_deleted(owner: Object, pod: Object) -> EventDraft:
    return normal(owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


def pod_not_deleted(owner: Object) -> EventDraft:
    return warning(owner, "FailedDelete", "Error deleting: {error}")
