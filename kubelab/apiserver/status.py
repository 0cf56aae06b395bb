"""Refusals as upstream words them: constructors of Status errors, each fixing code, reason and text in one place.

upstream: apimachinery/pkg/api/errors/errors.go, apiserver/pkg/endpoints/handlers/negotiation/errors.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object


class ApiFailure(Exception):
    """A refused request. ``status`` is the Status object, ``code`` its HTTP code."""

    def __init__(self, status: Object) -> None:
        super().__init__(status["message"])
        self.status = status
        self.code: int = status["code"]

    @property
    def reason(self) -> str:
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.status["message"])


def failure(code: int, reason: str, message: str, details: Object | None = None) -> ApiFailure:
    """A Status Failure; ``reason`` "" is left out, as is ``details`` None."""
    status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    status["code"] = code
    return ApiFailure(status)


def success(details: Object | None = None, code: int = 200) -> Object:
    """A Status Success."""
    status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details is not None:
        status["details"] = details
    if code != 200:
        status["code"] = code
    return status


def details_of(kind: Kind, name: str) -> Object:
    """details as most reasons carry them: the plural stands in ``kind``."""
    details: Object = {}
    if name:
        details["name"] = name
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.plural
    return details


def not_found(kind: Kind, name: str) -> ApiFailure:
    return failure(404, "NotFound", f'{kind.asked} "{name}" not found', details_of(kind, name))


def no_such_resource() -> ApiFailure:
    """Unknown group, version, resource or subresource."""
    return failure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str) -> ApiFailure:
    return failure(409, "AlreadyExists", f'{kind.asked} "{name}" already exists', details_of(kind, name))


def being_deleted(kind: Kind, name: str) -> ApiFailure:
    return failure(409, "AlreadyExists", f'object is being deleted: {kind.asked} "{name}" already exists', details_of(kind, name))


def no_unique_name(kind: Kind, name: str) -> ApiFailure:
    message = f'{kind.asked} "{name}" already exists, the server was not able to generate a unique name for the object'
    return failure(409, "AlreadyExists", message, {**details_of(kind, name), "retryAfterSeconds": 1})


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(kind: Kind, name: str, why: str = MODIFIED, *, plural: str = "") -> ApiFailure:
    """409 Conflict; ``plural`` stands where upstream does not say the kind's plural (``Pod``, ``pods/binding``)."""
    named = plural or kind.plural
    details = {**details_of(kind, name), "kind": named}
    qualified = f"{named}.{kind.group}" if kind.group else named
    return failure(409, "Conflict", f'Operation cannot be fulfilled on {qualified} "{name}": {why}', details)


_PLACES = {  # upstream: pkg/kubeapiserver/default_storage_factory_builder.go SpecialDefaultResourcePrefixes
    "replicationcontrollers": "controllers",
    "endpoints": "services/endpoints",
    "nodes": "minions",
    "services": "services/specs",
    "ingresses.networking.k8s.io": "ingress",
}


def other_uid(kind: Kind, namespace: str, name: str, wanted: str, found: str) -> ApiFailure:
    """409: an update that names another object's uid; the store's own words.

    upstream: apiserver/pkg/storage/{errors,interfaces}.go Preconditions.Check, NewInvalidObjError.
    """
    place = "/".join(part for part in ("/registry", _PLACES.get(kind.resource, kind.plural), namespace, name) if part)
    why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    error = f"StorageError: invalid object, Code: 4, Key: {place}, ResourceVersion: 0, AdditionalErrorMsg: {why}"
    return conflict(kind, name, error)


def invalid(kind: Kind, name: str, errors: Sequence[FieldError], *, kind_name: str | None = None, group: str | None = None) -> ApiFailure:
    """422 Invalid: one error bare, more in brackets; equal texts stand once in the message, all in the causes."""
    group = kind.group if group is None else group
    shown = kind.kind if kind_name is None else kind_name
    if kind.release == "1.7":
        from kubelab.kinds.older_words import reworded

        errors = reworded(kind, errors)
    texts = list(dict.fromkeys(error.text() for error in errors))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Object = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if shown:
        details["kind"] = shown
    details["causes"] = [{"reason": error.reason, "message": error.body(), "field": error.field} for error in errors]
    qualified = f"{shown}.{group}" if group else shown
    return failure(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def forbidden(kind: Kind, name: str, why: str) -> ApiFailure:
    head = f'{kind.asked} "{name}" is forbidden' if name else f"{kind.asked} is forbidden"
    return failure(403, "Forbidden", f"{head}: {why}", details_of(kind, name))


def unauthorized() -> ApiFailure:
    """Nobody could be authenticated."""
    return failure(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiFailure:
    return failure(400, "BadRequest", message)


def method_not_allowed() -> ApiFailure:
    return failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(accepted: Sequence[str]) -> ApiFailure:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return failure(415, "UnsupportedMediaType", message)


def too_large(message: str) -> ApiFailure:
    return failure(413, "RequestEntityTooLarge", f"Request entity too large: {message}")


def not_acceptable() -> ApiFailure:
    accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    return failure(406, "NotAcceptable", f"only the following media types are accepted: {accepted}")


def expired(message: str) -> ApiFailure:
    return failure(410, "Expired", message)


def too_large_resource_version(want: int, have: int) -> ApiFailure:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return failure(504, "Timeout", f"Timeout: Too large resource version: {want}, current: {have}", details)


def internal_error(error: str) -> ApiFailure:
    return failure(500, "InternalError", f"Internal error occurred: {error}", {"causes": [{"message": error}]})


def plain_error(message: str) -> ApiFailure:
    """500 without a reason: an error that upstream did not wrap."""
    return failure(500, "", message, None)


def too_many_requests(message: str, retry_after: int, causes: list[Any] | None = None) -> ApiFailure:
    details: Object = {}
    if causes:
        details["causes"] = causes
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return failure(429, "TooManyRequests", message, details)
