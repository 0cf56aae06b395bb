"""requestObject and responseObject of an event: the bodies in the form in which they were sent and answered.

upstream: staging/src/k8s.io/apiserver/pkg/audit/request.go (LogRequestObject, LogRequestPatch, LogResponseObject, copyWithoutManagedFields),
1.28; spec/audit.md A2. A patch that is no JSON (an applied YAML text) upstream cannot write at all; here it is a string.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from kubelab.apiserver import conversion, http, raw, reading
from kubelab.apiserver.audit import uri
from kubelab.apiserver.copying import private
from kubelab.apiserver.request import Request
from kubelab.kinds import decode, registry, schema
from kubelab.kinds.events import conversion as events
from kubelab.kinds.older import without_unknown
from kubelab.store.log import CallRecord, Object
from kubelab.store.note import AuditNote

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"  # upstream: client-go/metadata, whose client it uses
_OPTIONS = ("gracePeriodSeconds", "preconditions", "orphanDependents", "propagationPolicy", "dryRun")


def request(server: ApiServer, call: CallRecord, note: AuditNote) -> Object:
    """``{"requestObject": …}``, or nothing where the level or the call has none."""
    body = note.request
    if body is None:
        return {}
    if call.verb == "patch":
        return {"requestObject": _patch(body)}
    if call.verb in ("delete", "deletecollection"):
        return {"requestObject": _delete_options(body, call, note, server.release)}
    obj: Object = private(body)
    if call.component:
        _complete(server, obj, call)
        if call.verb == "update" and not call.subresource.startswith("scale"):
            obj = server.present(obj)
    obj = _in_version(obj, call, note) if server.release == "1.28" else _in_older_version(obj, call, note, server.release)
    return {"requestObject": without_managed_fields(obj) if note.treatment.omit_managed_fields else obj}


def _patch(body: Any) -> Any:
    """Raw JSON as it was sent; anything else, and what no reader of the log could take, as a text."""
    if isinstance(body, str | bytes):
        text = reading.text_of(body)
        try:
            return reading.without_surrogates(json.loads(text, parse_constant=_finite, parse_float=_finite))
        except (ValueError, RecursionError):
            return text
    return body


def _finite(text: str) -> float:
    """A number with a point or an exponent, unless it is Python's NaN or too large to be one."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _delete_options(body: Object, call: CallRecord, note: AuditNote, release: str) -> Object:
    """A client library always sends the kind, in the version of the group it deletes from."""
    version = note.door.version if note.door is not None else ""
    if not version:
        _, group, own = uri.place(call, note, release)
        version = f"{group}/{own}" if group else own
    return {"kind": "DeleteOptions", "apiVersion": version, **{name: body[name] for name in _OPTIONS if name in body}}


def _complete(server: ApiServer, obj: Object, call: CallRecord) -> None:
    """A component's body, defaulted as the decoder had it."""
    api_version, kind_name = obj.get("apiVersion", ""), obj.get("kind", "")
    group, _, version = api_version.rpartition("/")
    kind = registry.by_kind(kind_name, group)
    if kind is not None:
        kind.default(obj, server.context(call.time_ns))
    shape = schema.for_kind(group, version, kind_name)
    if shape is not None:
        decode.complete(obj, shape)


def _in_version(obj: Object, call: CallRecord, note: AuditNote) -> Object:
    """As the client's version and group have it, kind and apiVersion first."""
    if call.resource == "events" and uri.is_new_event(call.uri, call.component):
        obj = events.from_core(obj)
    elif not call.subresource and call.uri and (asked := http.parse_path(call.uri)).version:
        obj = _of_version(obj, call.resource, f"{asked.group}/{asked.version}" if asked.group else asked.version)
    elif not call.subresource and note.door is not None and note.door.version:
        group = obj["apiVersion"].rpartition("/")[0]
        obj["apiVersion"] = f"{group}/{note.door.version}" if group else note.door.version
    return _headed(obj)


def _in_older_version(obj: Object, call: CallRecord, note: AuditNote, release: str) -> Object:
    """As a client of an older release sent it: in the group and version of its path, if it is an object of the call's kind."""
    try:
        kind = registry.by_resource(call.resource, release)
    except KeyError:
        return _headed(obj)
    _, group, version = uri.place(call, note, release)
    if call.uri:
        version = http.parse_path(call.uri).version or version
    if obj.get("kind") != kind.kind:
        return _headed(obj)
    api_version = f"{group}/{version}" if group else version
    return _headed(without_unknown(conversion.shown(kind, {**obj, "apiVersion": kind.api_version}, api_version), schema.of(kind, version)))


def _of_version(obj: Object, resource: str, api_version: str) -> Object:
    try:
        kind = registry.by_resource(resource)
    except KeyError:
        kind = None
    if kind is not None and obj.get("kind") == kind.kind and obj.get("apiVersion") == kind.api_version:
        return conversion.shown(kind, obj, api_version)
    return {**obj, "apiVersion": api_version}


def _headed(obj: Object) -> Object:
    head: Object = {name: obj[name] for name in ("kind", "apiVersion") if name in obj}
    return {**head, **{name: part for name, part in obj.items() if name not in head}}


def response(server: ApiServer, call: CallRecord, note: AuditNote) -> Object:
    """``{"responseObject": …}`` at RequestResponse, of every answer that is an object."""
    answer = note.response
    if answer is None or note.treatment.level != "RequestResponse":
        return {}
    if isinstance(answer, int):
        answer = server.store.log.at(answer).object
    shown: Object = private(server.present(answer))
    if call.resource and call.code < 400 and shown.get("kind") != "Status":
        version = http.parse_path(call.uri).version if call.uri else uri.place(call, note, server.release)[2]
        asked = Request("get", call.resource, version=version)
        accept = note.door.accept if note.door is not None else ""
        if call.user == _COLLECTOR and call.verb in ("get", "patch"):
            accept = _METADATA
        shown = raw.shown(asked, shown, accept, call.time_ns, uri.request_uri(call, note, server.release), server.release)
    shown = _headed(shown)
    return {"responseObject": without_managed_fields(shown) if note.treatment.omit_managed_fields else shown}


def without_managed_fields(obj: Any) -> Any:
    """An object, a list or a Table without anybody's managedFields; the parts that change are new."""
    if not isinstance(obj, dict):
        return obj
    if isinstance(obj.get("metadata"), dict) and "managedFields" in obj["metadata"]:
        obj = {**obj, "metadata": {name: part for name, part in obj["metadata"].items() if name != "managedFields"}}
    if isinstance(obj.get("items"), list) and str(obj.get("kind", "")).endswith("List"):
        obj = {**obj, "items": [without_managed_fields(item) for item in obj["items"]]}
    if obj.get("kind") == "Table":
        rows = [{**row, "object": without_managed_fields(row["object"])} if row.get("object") else row for row in obj.get("rows") or ()]
        obj = {**obj, "rows": rows}
    return obj
