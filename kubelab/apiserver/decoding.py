"""From a request's body to a private, typed, defaulted object; refusals in the decoder's words.

upstream: apiserver/pkg/endpoints/handlers/{create,update,rest}.go, apimachinery/pkg/runtime/serializer/json/json.go, 1.28.
"""

from __future__ import annotations

import json
from typing import Any

from kubelab.apiserver import conversion, reading, status, versions
from kubelab.apiserver.copying import private
from kubelab.apiserver.work import Work
from kubelab.kinds import decode, schema
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object


def body(work: Work) -> Object:
    """The body of a create or update as an object of the request's kind, in its storage version, defaulted. It belongs to the request."""
    request, kind = work.request, work.kind
    if request.origin.typed:
        if kind.stored_as_sent:
            obj: Object = {**request.body, "metadata": {**request.body["metadata"]}}
        else:
            obj = private(request.body)
        kind.default(obj, work.context)
        obj["metadata"].pop("managedFields", None)
        if work.server.recording is not None:
            work.server.recording.decoded(request.body, typed=True)
        return obj
    obj = parse(request.body, kind)
    match_version(work, obj)
    typed(work, obj)
    if type(obj) is decode.Doubled:
        obj = reading.plain(obj)
    other = conversion.asked(kind, request)
    if other is not None:
        obj = private(other.to_stored(obj))
    obj["apiVersion"] = kind.api_version
    kind.default(obj, work.context)
    completed(work, obj)
    if work.server.recording is not None:
        work.server.recording.decoded(obj, typed=False)
    return obj


def completed(work: Work, obj: Object) -> Object:
    """With what Go writes though nobody set it: a StatefulSet's ``serviceName: ""``, a slice's ``endpoints: null``."""
    shape = conversion.stored_shape(work.kind, work.request)
    return obj if shape is None else decode.complete(obj, shape)


def parse(raw: Any, kind: Kind) -> Object:
    """Text, bytes or an object to a private dict; where a key stands twice it is ``Doubled``."""
    if isinstance(raw, (str, bytes)):
        text = reading.text_of(raw)
        try:
            raw = reading.json_value(text)
        except ValueError as error:
            raise unreadable(kind, go_json_error(error, text), text) from None
    elif raw is None:
        raise unreadable(kind, "unexpected end of JSON input", "")
    elif type(raw) is not decode.Doubled:
        raw = reading.json_copy(raw)
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        text = json.dumps(raw, separators=(",", ":"))
        raise unreadable(kind, not_an_object(raw), text)
    return raw


def not_an_object(value: Any) -> str:
    cause = (
        f'json: cannot unmarshal {json_type(value)} into Go value of type struct {{ APIVersion string "json:\\"apiVersion,omitempty\\""; '
    )
    return cause + 'Kind string "json:\\"kind,omitempty\\"" }'


def unreadable(kind: Kind, error: str, text: str) -> status.ApiFailure:
    """The body says neither version nor kind."""
    return unrecognized(kind, f"couldn't get version/kind; json parse error: {error}", text)


def unrecognized(kind: Kind, error: str, text: str) -> status.ApiFailure:
    return status.bad_request(f"the object provided is unrecognized (must be of type {kind.kind}): {error} ({summary(text)})")


def summary(text: str) -> str:
    """The first 30 bytes of a body: as they are for an object, else in hexadecimal.

    upstream: apiserver/pkg/endpoints/handlers/rest.go summarizeData.
    """
    if not text:
        return "<empty>"
    data = text.encode()
    more = " ..." if len(data) > 30 else ""
    return data[:30].decode("utf-8", "replace") + more if data[:1] == b"{" else data[:30].hex() + more


def json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "number"


def go_json_error(error: ValueError, text: str) -> str:
    """Go's words for what is wrong with JSON text."""
    if isinstance(error, reading.TooDeep):
        return "exceeded max depth"
    if not text.strip():
        return "unexpected end of JSON input"
    at = getattr(error, "pos", 0)
    if at >= len(text.rstrip()):
        return "unexpected end of JSON input"
    return f"invalid character {go_char(text[at])} {_looking_for(text, at)}"


def go_char(char: str) -> str:
    if char == "'":
        return "'\\''"
    return "'\"'" if char == '"' else f"'{char}'" if char.isprintable() else "'" + char.encode("unicode_escape").decode() + "'"


def _looking_for(text: str, at: int) -> str:
    before = text[:at].rstrip()[-1:]
    if before == "" or before in "[:":
        return "looking for beginning of value"
    if before in "{":
        return "looking for beginning of object key string"
    if before == ",":
        opened = _open_bracket(text[:at])
        return "looking for beginning of object key string" if opened == "{" else "looking for beginning of value"
    opened = _open_bracket(text[:at])
    if opened == "":
        return "after top-level value"
    if opened == "[":
        return "after array element"
    return "after object key" if text[:at].rstrip().endswith('"') and _is_key(text[:at]) else "after object key:value pair"


def _open_bracket(text: str) -> str:
    stack, quoted, escaped = [], False, False
    for char in text:
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{[":
            stack.append(char)
        elif char in "}]" and stack:
            stack.pop()
    return stack[-1] if stack else ""


def _is_key(text: str) -> bool:
    head = text.rstrip()[:-1]
    return head[: head.rfind('"')].rstrip()[-1:] in "{,"


def match_version(work: Work, obj: Object) -> None:
    """apiVersion and kind of the body against the URL's; a body without them takes the URL's."""
    kind = work.kind
    version = work.request.version or kind.versions[0]
    expected = f"{kind.group}/{version}" if kind.group else version
    for name in ("kind", "apiVersion"):
        if obj.get(name) is not None and not isinstance(obj[name], str):
            field = f"json: cannot unmarshal {_json_kind(obj[name])} into Go struct field .{name} of type string"
            raise unreadable(kind, field, json.dumps(obj, separators=(",", ":")))
    given_kind, given_version = obj.get("kind") or kind.kind, obj.get("apiVersion") or expected
    obj["kind"], obj["apiVersion"] = given_kind, given_version
    if given_version == expected and given_kind == kind.kind:
        return
    if given_version.count("/") > 1:
        raise unrecognized(kind, f"unexpected GroupVersion string: {given_version}", json.dumps(obj, separators=(",", ":")))
    if not is_registered(given_version, given_kind, kind.release):
        raise cannot_be_handled(given_kind, given_version, kind.kind, not_registered(given_version, given_kind, kind.release))
    if given_kind != kind.kind:
        raise cannot_be_handled(given_kind, given_version, kind.kind, unconvertible(given_version, given_kind, kind))
    raise status.bad_request(f"the API version in the data ({given_version}) does not match the expected API version ({expected})")


def _json_kind(value: Any) -> str:
    return "object" if isinstance(value, dict) else json_type(value)


def is_registered(api_version: str, kind: str, release: str = "1.28") -> bool:
    group, _, version = api_version.rpartition("/")
    return schema.for_kind(group, version, kind, release) is not None or versions.is_known(api_version, kind, release)


def not_registered(api_version: str, kind: str, release: str = "1.28") -> str:
    if release == "1.7":
        return f'no kind "{kind}" is registered for version "{api_version}"'
    return f'no kind "{kind}" is registered for version "{api_version}" in scheme "{SCHEME}"'


SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"  # upstream: the place of the scheme's construction, as its name says


def unconvertible(api_version: str, kind: str, wanted: Kind) -> str:
    package = wanted.group.partition(".")[0] or "core"
    return f"converting ({api_version.rpartition('/')[2]}.{kind}) to ({package}.{wanted.kind}): unknown conversion"


def cannot_be_handled(kind: str, api_version: str, wanted: str, cause: str) -> status.ApiFailure:
    version = api_version.rpartition("/")[2]
    return status.bad_request(f'{kind} in version "{version}" cannot be handled as a {wanted}: {cause}')


def typed(work: Work, obj: Object) -> None:
    """Check types, drop unknown fields (400 under Strict, a warning under Warn)."""
    kind, request = work.kind, work.request
    shape = schema.of(kind, request.version)
    if shape is None:
        return
    found = decode.check(obj, shape)
    if found.errors:
        raise cannot_be_handled(kind.kind, obj["apiVersion"], kind.kind, _as_written(request.body, shape) or found.errors[0])
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    if work.request.repeats or found.strict:
        _say_strict(work, obj, found.strict)


def _as_written(raw: Any, shape: schema.Struct) -> str:
    """The error once more, with numbers as the text has them."""
    if not isinstance(raw, (str, bytes)):
        return ""
    errors = decode.check(reading.json_literals(reading.text_of(raw)), shape).errors
    return errors[0] if errors else ""


def _say_strict(work: Work, obj: Object, strict: tuple[str, ...]) -> None:
    validation, repeats = work.request.options.field_validation, work.request.repeats
    if validation == "Strict":
        texts = [reading.yaml_repeats(repeats), *strict] if repeats else strict
        raise cannot_be_handled(work.kind.kind, obj["apiVersion"], work.kind.kind, f"strict decoding error: {', '.join(texts)}")
    if validation == "Warn":
        work.warnings.extend((*repeats, *strict))
