"""PATCH: the stored object with a patch applied, as a draft for the update; and server-side apply.

upstream: apiserver/pkg/endpoints/handlers/patch.go, 1.28.
"""

from __future__ import annotations

import json
from typing import Any

from kubelab.apiserver import conversion as versions
from kubelab.apiserver import decoding, reading, status
from kubelab.apiserver.apply import managed
from kubelab.apiserver.apply.conflicts import ApplyRejected, Conflicts
from kubelab.apiserver.apply.entries import of_request
from kubelab.apiserver.apply.typed import TypedError
from kubelab.apiserver.copying import private
from kubelab.apiserver.managed import manager_of
from kubelab.apiserver.patch import conversion, json_patch, merge_patch, strategic_merge
from kubelab.apiserver.patch.errors import PatchError, go_value
from kubelab.apiserver.work import Work
from kubelab.kinds import decode, schema
from kubelab.kinds.field import invalid
from kubelab.store.log import Manager, Object


def draft(work: Work) -> None:
    """Set ``work.old`` and ``work.object``; an apply may find nothing and create."""
    request = work.request
    if request.patch_type == "apply":
        _apply(work)
        return
    old = work.old = work.stored()
    if request.origin.typed:
        _draft_typed(work, old)
        return
    patch, strict = parsed(work)
    shape = schema.of(work.kind, request.version)
    base = work.server.present(old)
    other = versions.asked(work.kind, request)
    if other is not None:
        base = other.from_stored(base)
    result = patched(work, request.patch_type, base, patch, shape)
    obj = work.object = reading.plain(result)
    typed(work, obj, patch, strict, shape)
    named(work, obj["metadata"])
    if other is not None:
        obj = work.object = private(other.to_stored(obj))
    obj["apiVersion"], obj["kind"] = work.kind.api_version, work.kind.kind
    sent = obj["metadata"].pop("managedFields", None)
    if sent != base["metadata"].get("managedFields"):
        own_entries(work, obj, sent if sent is not None else [], shape)
    work.kind.default(obj, work.context)
    decoding.completed(work, obj)


def _draft_typed(work: Work, old: Object) -> None:
    """A component's patch: it fits its kind."""
    request = work.request
    shape = schema.of(work.kind, request.version)
    result = patched(work, request.patch_type, old, request.body, shape)
    if request.subresource == "status":
        work.object = {**result, "metadata": {**result["metadata"]}}
        if _loses_nulls(old, request.body):
            work.object = decoding.completed(work, private(work.object))
        return
    obj = work.object = private(result)
    obj["metadata"].pop("managedFields", None)
    if not request.subresource:
        work.kind.default(obj, work.context)


def _loses_nulls(old: Object, body: Any) -> bool:
    """Whether conditions lose a null that Go writes again: those of a patch's new list, and those of old ones that the patch repeats."""
    before = (old.get("status") or {}).get("conditions")
    if not before:
        return True
    sent = (body.get("status") or {}).get("conditions") or () if isinstance(body, dict) else ()
    known = [each.get("type") for each in before]
    return any(each.get("lastProbeTime", "") is None and each.get("type") in known for each in sent)


def parsed(work: Work) -> tuple[Any, list[str]]:
    """The patch, and what strict decoding says of it."""
    body, patch_type = work.request.body, work.request.patch_type
    if body is None:
        body = ""
    if isinstance(body, (str, bytes)):
        text = reading.text_of(body)
        try:
            body = reading.json_value(text)
        except ValueError as error:
            raise _undecodable(work, decoding.go_json_error(error, text)) from None
    else:
        body = reading.json_copy(body)
    strict = [] if work.request.options.field_validation == "Ignore" else reading.doubles(body)
    if patch_type == "json" and work.request.options.field_validation != "Ignore":
        strict = json_patch.unknown_fields(body) + [f"json patch {text}" for text in strict]
    return body, strict


def _undecodable(work: Work, cause: str) -> status.ApiFailure:
    """Strict and lenient decoding are different decoders upstream."""
    ignores = work.request.options.field_validation == "Ignore"
    if work.request.patch_type == "strategic" or (ignores and work.request.patch_type == "json"):
        return status.bad_request(cause)
    return status.bad_request("Invalid JSON Patch" if ignores else f"error decoding patch: {cause}")


def named(work: Work, meta: Object) -> None:
    """Namespace and name must still be the request's.

    upstream: apiserver/pkg/endpoints/handlers/rest.go checkName, after registry/rest/meta.go EnsureObjectNamespaceMatchesRequestNamespace.
    """
    name, found = work.request.name, meta.get("name")
    wanted = work.request.namespace if work.kind.namespaced else ""
    if meta.get("namespace") and wanted and meta["namespace"] != wanted:
        raise status.bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if wanted:
        meta["namespace"] = wanted
    else:
        meta.pop("namespace", None)
    if not found:
        raise status.bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if found != name:
        raise status.bad_request(f"the name of the object ({found}) does not match the name on the URL ({name})")


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
        return status.too_large(error.message)
    if error.kind == "apply":
        return status.failure(422, "Invalid", "the server rejected our request due to an error in our request", {})
    return status.bad_request(error.message)


def typed(work: Work, obj: Object, patch: Any, strict: list[str], shape: schema.Struct | None) -> None:
    """The result must decode (422 of no kind) and, under Strict, hold no unknown field."""
    shown = go_value(patch) if work.request.patch_type == "strategic" else json.dumps(obj, sort_keys=True, separators=(",", ":"))
    if isinstance(obj.get("metadata"), dict) or obj.get("metadata") is None:
        obj["metadata"] = obj.get("metadata") or {}
    if shape is None:
        return
    try:
        if work.request.patch_type == "strategic":
            found = conversion.convert(obj, shape)
        else:
            found = _decoded_again(work, obj, shape)
    except conversion.ConversionError as error:
        raise _invalid_patch(work, shown, str(error)) from None
    validation = work.request.options.field_validation
    texts = [*strict, *found]
    if texts and validation == "Strict":
        raise _invalid_patch(work, shown, f"strict decoding error: {', '.join(texts)}")
    if texts and validation == "Warn":
        work.warnings.extend(texts)


def _decoded_again(work: Work, obj: Object, shape: schema.Struct) -> list[str]:
    """JSON and merge patches leave a text that is decoded like a body."""
    kind = work.kind
    version = f"{kind.group}/{work.request.version}" if kind.group and work.request.version else work.request.version or kind.api_version
    given_kind, given_version = obj.get("kind") or kind.kind, obj.get("apiVersion") or version
    if (
        not isinstance(given_kind, str)
        or not isinstance(given_version, str)
        or not decoding.is_registered(given_version, given_kind, kind.release)
    ):
        raise conversion.ConversionError(decoding.not_registered(str(given_version), str(given_kind), kind.release))
    if given_kind != kind.kind:
        raise conversion.ConversionError(decoding.unconvertible(given_version, given_kind, kind))
    ordered = reading.sorted_keys(obj)
    obj.clear()
    obj.update(ordered)
    found = decode.check(obj, shape)
    if found.errors:
        raise conversion.ConversionError(found.errors[0])
    return list(found.strict)


def _invalid_patch(work: Work, value: str, detail: str) -> status.ApiFailure:
    return status.invalid(work.kind, "", [invalid("patch", value, detail)], kind_name="", group="")


def own_entries(work: Work, obj: Object, sent: list[Object] | None, shape: schema.Struct | None) -> None:
    """managedFields that a client sends count as the ones to start from; an empty list (or one empty entry) resets them."""
    live = work.server.managed.of(work.key)
    before = of_request(live, sent, work.request.subresource)
    if before is live or before == live:
        return
    manager = work.manager = manager_of(work)
    old, new = work.old, obj
    if versions.asked(work.kind, work.request) is not None:
        new = versions.shown(work.kind, obj, manager.api_version)
        old = None if old is None else versions.shown(work.kind, old, manager.api_version)
    place = (manager.name, manager.api_version, work.context.now, manager.subresource, shape)
    entries = managed.fields_of_update(before, old, new, *place, convert=versions.between(work.kind))
    work.manager = manager._replace(entries=entries)


def _apply(work: Work) -> None:
    """Server-side apply."""
    request, kind, server = work.request, work.kind, work.server
    applied, repeats = apply_body(work)
    version = request.version or kind.versions[0]
    shape = schema.of(kind, version)
    expected = f"{kind.group}/{version}" if kind.group else version
    live = work.old = server.store.head.get(*work.key)
    other = versions.asked(kind, request)
    if live is not None and other is not None:
        live = other.from_stored(live)
    if live is None and request.subresource:
        raise status.not_found(kind, request.name)
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
            convert=versions.between(kind),
        )
    except Conflicts as conflicts:
        details = {"causes": conflicts.causes}
        raise status.failure(409, "Conflict", conflicts.message, details) from None
    except ApplyRejected as rejected:
        raise status.bad_request(str(rejected)) from None
    except TypedError as error:
        raise status.plain_error(str(error)) from None
    if repeats:
        _say_repeats(work, repeats)
    work.object = private(merged)
    meta = work.object["metadata"]
    if live is None and meta.get("uid"):
        why = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
        raise status.conflict(kind, request.name, why)
    named(work, meta)
    work.created = live is None
    if shape is not None:
        _decoded(work, shape)
    if other is not None:
        work.object = private(other.to_stored(work.object))
    work.object["apiVersion"] = kind.api_version
    kind.default(work.object, work.context)
    decoding.completed(work, work.object)
    if live is None:
        work.operation = "CREATE"
    work.manager = Manager(name, "Apply", expected, request.subresource, entries)


def _decoded(work: Work, shape: schema.Struct) -> None:
    """The merged object as Go would have decoded it."""
    found = decode.check(work.object, shape)
    if found.errors:
        raise status.plain_error(found.errors[0])


def _say_repeats(work: Work, repeats: list[str]) -> None:
    validation = work.request.options.field_validation
    if validation == "Strict":
        text = f"error converting YAML to JSON: {reading.yaml_repeats(repeats)}"
        raise status.bad_request(f"error strict decoding YAML: {text}")
    if validation == "Warn":
        work.warnings.extend(repeats)


def apply_body(work: Work) -> tuple[Object, list[str]]:
    """The applied object, with a metadata dict, and what is said of keys that stand twice."""
    body = work.request.body
    repeats: list[str] = []
    if isinstance(body, (str, bytes)):
        try:
            body, repeats = reading.yaml_value(reading.text_of(body))
        except reading.YamlError as error:
            raise status.bad_request(f"error decoding YAML: error converting YAML to JSON: {error}") from None
    if body is not None and not isinstance(body, dict):
        cause = f"json: cannot unmarshal {decoding.json_type(body)} into Go value of type map[string]interface {{}}"
        raise status.bad_request(f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {cause}")
    obj: Object = reading.json_copy(body or {})
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    return obj, repeats
