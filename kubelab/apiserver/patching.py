"""PATCH: the stored object with a patch applied, as a draft for the update; and server-side apply.

upstream: apiserver/pkg/endpoints/handlers/patch.go, 1.28.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from kubelab.apiserver import decoding, status
from kubelab.apiserver.apply import managed
from kubelab.apiserver.apply.conflicts import ApplyRejected, Conflicts
from kubelab.apiserver.apply.entries import of_request
from kubelab.apiserver.apply.typed import TypedError
from kubelab.apiserver.copying import private
from kubelab.apiserver.managed import manager_of
from kubelab.apiserver.patch import json_patch, merge_patch, strategic_merge
from kubelab.apiserver.patch.errors import PatchError
from kubelab.apiserver.work import Work
from kubelab.kinds import decode, schema
from kubelab.kinds.field import Go, invalid
from kubelab.store.log import Manager, Object


def draft(work: Work) -> None:
    """Set ``work.old`` and ``work.object``; an apply may find nothing and create."""
    request = work.request
    if request.patch_type == "apply":
        _apply(work)
        return
    old = work.old = work.stored()
    typed = request.origin.typed
    patch = request.body if typed else parsed(request.body)
    if isinstance(patch, dict):
        version = (patch.get("metadata") or {}).get("resourceVersion")
        if version:
            work.options = {"resourceVersion": version}
    shape = schema.for_kind(work.kind.group, request.version or work.kind.versions[0], work.kind.kind)
    base = old if typed else work.server.present(old)
    result = patched(work, request.patch_type, base, patch, shape)
    if typed and request.subresource == "status":
        work.object = {**result, "metadata": {**result["metadata"]}}
        return
    obj = work.object = private(result)
    if not typed:
        _retype(work, obj, shape)
    sent = obj["metadata"].pop("managedFields", None)
    if not typed and sent != base["metadata"].get("managedFields"):
        own_entries(work, obj, sent if sent is not None else [], shape)
    if not request.subresource:
        work.kind.default(obj, work.context)


def parsed(body: Any) -> Any:
    if isinstance(body, (str, bytes)):
        text = body.decode() if isinstance(body, bytes) else body
        try:
            return json.loads(text)
        except ValueError as error:
            raise status.bad_request(f"error decoding patch: {decoding.go_json_error(error, text)}") from None
    return body


def patched(work: Work, patch_type: str, base: Object, patch: Any, shape: schema.Struct | None) -> Object:
    try:
        if patch_type == "json":
            return _as_object(json_patch.apply(base, patch))
        if patch_type == "merge":
            return _as_object(merge_patch.apply(base, patch))
        if patch_type == "strategic" and shape is not None:
            return _as_object(strategic_merge.apply(base, patch, shape))
    except PatchError as error:
        raise _refusal(error) from None
    raise status.unsupported_media_type(("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"))


def _as_object(result: Any) -> Object:
    if not isinstance(result, dict):
        raise PatchError("decode", "the patch does not leave an object")
    return result


def _refusal(error: PatchError) -> status.ApiFailure:
    if error.kind == "internal":
        return status.plain_error(error.message)
    if error.kind == "too_many":
        return status.failure(413, "RequestEntityTooLarge", f"Request entity too large: {error.message}", {})
    if error.kind == "apply":
        return status.failure(422, "Invalid", "the server rejected our request due to an error in our request", {})
    return status.bad_request(error.message)


def _retype(work: Work, obj: Object, shape: schema.Struct | None) -> None:
    """The result must decode (422 of no kind) and, under Strict, hold no unknown field."""
    if not isinstance(obj.get("metadata"), dict):
        obj["metadata"] = {}
    if shape is None:
        return
    shown = Go(json.dumps(obj, sort_keys=True, separators=(",", ":")))
    found = decode.check(obj, shape)
    if found.errors:
        raise _invalid_patch(work, shown, found.errors[0])
    if not found.unknown:
        return
    texts = [f'unknown field "{path}"' for path in found.unknown]
    if work.request.options.field_validation == "Strict":
        raise _invalid_patch(work, shown, f"strict decoding error: {', '.join(texts)}")
    if work.request.options.field_validation == "Warn":
        work.warnings.extend(texts)


def _invalid_patch(work: Work, value: Any, detail: str) -> status.ApiFailure:
    return status.invalid(work.kind, "", [invalid("patch", value, detail)], kind_name="", group="")


def own_entries(work: Work, obj: Object, sent: list[Object] | None, shape: schema.Struct | None) -> None:
    """managedFields that a client sends count as the ones to start from; an empty list (or one empty entry) resets them."""
    live = work.server.managed.of(work.key)
    before = of_request(live, sent, work.request.subresource)
    if before is live or before == live:
        return
    manager = work.manager = manager_of(work)
    entries = managed.fields_of_update(
        before, work.old, obj, manager.name, manager.api_version, work.context.now, manager.subresource, shape
    )
    work.manager = manager._replace(entries=entries)


def _apply(work: Work) -> None:
    """Server-side apply."""
    request, kind, server = work.request, work.kind, work.server
    applied = apply_body(work)
    version = request.version or kind.versions[0]
    shape = schema.for_kind(kind.group, version, kind.kind)
    if shape is not None:
        _retype(work, private(applied), shape)
    meta = applied["metadata"]
    if "managedFields" in meta:
        raise status.bad_request("metadata.managedFields must be nil")
    expected = f"{kind.group}/{version}" if kind.group else version
    live = work.old = server.store.head.get(*work.key)
    if live is None and request.subresource:
        raise status.not_found(kind, request.name)
    if live is None and meta.get("uid"):
        why = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
        raise status.conflict(kind, request.name, why)
    name = request.options.field_manager or request.user_agent.partition("/")[0]
    try:
        merged, entries = managed.apply(
            live,
            server.managed.of(work.key) if live is not None else [],
            applied,
            name,
            bool(request.options.force),
            expected,
            work.context.now,
            request.subresource,
            shape,
        )
    except Conflicts as conflicts:
        details = {"causes": conflicts.causes}
        raise status.failure(409, "Conflict", conflicts.message, details) from None
    except ApplyRejected as rejected:
        raise status.bad_request(str(rejected)) from None
    except TypedError as error:
        raise status.plain_error(str(error)) from None
    work.object = private(merged)
    work.object["metadata"].setdefault("name", request.name)
    work.object["apiVersion"] = kind.api_version
    work.created = live is None
    if shape is not None:
        _decoded(work, shape)
    if not request.subresource:
        kind.default(work.object, work.context)
    if live is None:
        work.operation = "CREATE"
    work.manager = Manager(name, "Apply", expected, request.subresource, entries)


def _decoded(work: Work, shape: schema.Struct) -> None:
    """The merged object as Go would have decoded it."""
    found = decode.check(work.object, shape)
    if found.errors:
        raise status.plain_error(found.errors[0])


def apply_body(work: Work) -> Object:
    body = work.request.body
    if isinstance(body, (str, bytes)):
        try:
            body = yaml.safe_load(body)
        except yaml.YAMLError as error:
            raise status.bad_request(f"error decoding YAML: {error}") from None
    obj = private(body)
    if not isinstance(obj, dict):
        raise status.bad_request("error decoding YAML: the apply body is not an object")
    if not isinstance(obj.get("metadata"), dict):
        obj["metadata"] = {}
    return obj
