"""Reading: get, list (selectors, chunks, older revisions), and the changes that a watch is given.

upstream: apiserver/pkg/endpoints/handlers/get.go, storage/etcd3/store.go, storage/cacher,
apimachinery/pkg/apis/meta/internalversion/validation/validation.go, 1.28.
"""

from __future__ import annotations

import base64
import json
import posixpath
from collections.abc import Callable, Iterable
from typing import Any

from kubelab.apiserver import status
from kubelab.apiserver.request import ListOptions, Response
from kubelab.apiserver.work import Work
from kubelab.kinds.field import FieldError, forbidden, go_quote, not_supported
from kubelab.kinds.field_selectors import FieldSelector, parse_field_selector, unsupported_field
from kubelab.kinds.kind import Kind
from kubelab.kinds.selectors import LabelSelector, SelectorError, parse_label_selector
from kubelab.store.log import Commit, Object
from kubelab.store.state import State

_LIST_OPTIONS = Kind(kind="ListOptions", plural="listoptions", group="meta.k8s.io")
Match = Callable[[Object], bool]


def get(work: Work) -> Response:
    """One object. ``resourceVersion`` beyond the newest is a Timeout."""
    _not_in_the_future(work, work.request.list_options.resource_version)
    return work.answer(_as_read(work, work.stored()))


def _as_read(work: Work, obj: Object) -> Object:
    return obj if work.kind.as_read is None else work.kind.as_read(obj, work.context)


def list_(work: Work) -> Response:
    """A list in the order of etcd's keys: by namespace, then name."""
    options = work.request.list_options
    _validate_options(options)
    matches = matcher(work)
    start, revision = "", 0
    if options.continue_:
        start, revision = _token(work, options)
    state = _state(work, options, revision)
    limit = options.limit if options.resource_version != "0" else 0
    items, more, remaining = _page(work, state, matches, start, limit)
    meta: Object = {
        "resourceVersion": str(revision or (state.revision if state is not work.server.store.head else work.server.store.revision))
    }
    if more:
        meta["continue"] = _make_token(meta["resourceVersion"], more)
        if not options.label_selector and not options.field_selector:
            meta["remainingItemCount"] = remaining
    return work.answer(_listed(work, meta, items))


def _listed(work: Work, meta: Object, items: list[Object]) -> Object:
    return {
        "kind": f"{work.kind.kind}List",
        "apiVersion": _version(work),
        "metadata": meta,
        "items": [_as_read(work, item) for item in items] if work.kind.as_read else items,
    }


def list_in(work: Work, state: State) -> Object:
    """A whole list as it was in a state."""
    items, _, _ = _page(work, state, matcher(work), "", 0)
    return _listed(work, {"resourceVersion": str(state.revision)}, items)


def _version(work: Work) -> str:
    version = work.request.version or work.kind.versions[0]
    return f"{work.kind.group}/{version}" if work.kind.group else version


def matcher(work: Work) -> Match:
    """One predicate for both selectors and the name; 400 in the parser's words."""
    options, kind = work.request.list_options, work.kind
    labels: LabelSelector | None = None
    fields: FieldSelector | None = None
    try:
        if options.label_selector:
            labels = parse_label_selector(options.label_selector)
        if options.field_selector:
            fields = parse_field_selector(options.field_selector)
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
    if fields is not None:
        for term in fields.terms:
            if problem := unsupported_field(kind, term.field):
                raise status.bad_request(problem)
    name = work.request.name

    def matches(obj: Object) -> bool:
        meta = obj["metadata"]
        if name and meta["name"] != name:
            return False
        if labels is not None and not labels.matches(meta.get("labels") or {}):
            return False
        return fields is None or fields.matches(_fields(kind, obj))

    return matches


def _fields(kind: Kind, obj: Object) -> dict[str, str]:
    meta = obj["metadata"]
    return {"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace", ""), **kind.selectable(obj)}


def _validate_options(options: ListOptions) -> None:
    errors: list[FieldError] = []
    match, version = options.resource_version_match, options.resource_version
    if options.send_initial_events is not None:
        errors.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if match:
        if not version:
            errors.append(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if options.continue_:
            errors.append(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"))
        if match not in ("Exact", "NotOlderThan"):
            errors.append(not_supported("resourceVersionMatch", match, ("Exact", "NotOlderThan", "")))
        elif match == "Exact" and version == "0":
            detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(forbidden("resourceVersionMatch", detail))
    if errors:
        raise status.invalid(_LIST_OPTIONS, "", errors)


def _validate_watch(options: ListOptions) -> None:
    """upstream: validateWatchOptions; the WatchList gate is off."""
    errors: list[FieldError] = []
    match, initial = options.resource_version_match, options.send_initial_events
    if initial is not None:
        if match != "NotOlderThan":
            errors.append(forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        detail = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        errors.append(forbidden("sendInitialEvents", detail))
    if match:
        if initial is None:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(forbidden("resourceVersionMatch", detail))
        if match != "NotOlderThan":
            errors.append(not_supported("resourceVersionMatch", match, ("NotOlderThan",)))
        if options.continue_:
            errors.append(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"))
    if errors:
        raise status.invalid(_LIST_OPTIONS, "", errors)


def _state(work: Work, options: ListOptions, revision: int) -> State:
    """The newest state, or an older one where the client asked for it."""
    store = work.server.store
    if revision:
        _not_too_old(work, revision)
        return store.head if revision == store.revision else store.at_revision(revision)
    version = options.resource_version
    if not version or version == "0":
        return store.head
    wanted = _not_in_the_future(work, version)
    if options.resource_version_match == "Exact" or (options.limit and not options.resource_version_match):
        _not_too_old(work, wanted)
        return store.head if wanted == store.revision else store.at_revision(wanted)
    return store.head


def _not_too_old(work: Work, revision: int) -> None:
    if revision < work.server.store.oldest_watchable(work.context.now_ns):
        raise status.expired("The resourceVersion for the provided list is too old.")


def _not_in_the_future(work: Work, version: str) -> int:
    if not version:
        return 0
    wanted = _parsed_version(version)
    if wanted > work.server.store.revision:
        raise status.too_large_resource_version(wanted, work.server.store.revision)
    return wanted


def _parsed_version(version: str) -> int:
    if not version.isdigit():
        why = f'strconv.ParseUint: parsing "{version}": invalid syntax'
        raise status.plain_error(f"resourceVersion: Invalid value: {go_quote(version)}: {why}")
    return int(version)


def _page(work: Work, state: State, matches: Match, start: str, limit: int) -> tuple[list[Object], str, int]:
    """The objects from ``start``; the key from which to go on, and how many are left."""
    namespace = work.request.namespace
    found: Iterable[Object] = state.in_namespace(work.kind.resource, namespace) if namespace else state.all(work.kind.resource).values()
    keyed = sorted((((obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj) for obj in found), key=_first)
    if start:
        keyed = [pair for pair in keyed if f"{pair[0][0]}/{pair[0][1]}".lstrip("/") + "\x00" > start]
    items: list[Object] = []
    for index, (place, obj) in enumerate(keyed):
        if not matches(obj):
            continue
        items.append(obj)
        if limit and len(items) == limit and index + 1 < len(keyed):
            return items, f"{place[0]}/{place[1]}".lstrip("/") + "\x00", len(keyed) - index - 1
    return items, "", 0


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _make_token(version: str, start: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": int(version), "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _token(work: Work, options: ListOptions) -> tuple[str, int]:
    """upstream: apiserver/pkg/storage/continue.go."""
    start, revision = _decoded_token(options.continue_)
    if options.resource_version and options.resource_version != "0":
        raise status.bad_request("specifying resource version is not allowed when using continue")
    if revision < 0:
        return start, 0
    if revision < work.server.store.oldest_watchable(work.context.now_ns):
        refusal = status.expired(_INCONSISTENT)
        refusal.status["metadata"] = {"continue": _make_token("-1", start)}
        raise refusal
    return start, revision


_INCONSISTENT = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token "
    "results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and "
    "now may show up in the list."
)


def _decoded_token(text: str) -> tuple[str, int]:
    """upstream: apiserver/pkg/storage/continue.go DecodeContinue; the key's prefix is the resource's, so none may climb out of it."""
    why = "illegal base64 data at input byte 0"
    try:
        data = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        why = f"invalid character {_first_character(data)} looking for beginning of value"
        token = json.loads(data)
        version, start, revision = str(token.get("v", "")), str(token.get("start", "")), int(token.get("rv", 0))
    except (ValueError, AttributeError, TypeError):
        raise _bad_token(why) from None
    if version != "meta.k8s.io/v1":
        raise _bad_token(f"server does not recognize this encoded version {version}")
    if not revision:
        raise _bad_token("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not start:
        raise _bad_token("encoded start key empty (version meta.k8s.io/v1)")
    if posixpath.normpath(f"/{start.removeprefix('/')}") != f"/{start.removeprefix('/')}":
        raise _bad_token(start)
    return start, revision


def _bad_token(why: str) -> status.ApiFailure:
    return status.bad_request(f"invalid continue token: continue key is not valid: {why}")


def _first_character(data: bytes) -> str:
    """The first byte as Go quotes it in a JSON error."""
    if not data:
        return "''"
    return f"'{chr(data[0])}'" if 32 <= data[0] < 127 else f"'\\u{data[0]:04x}'"


# -- watch ----------------------------------------------------------------------------------------------------------------
def watch(work: Work) -> Response:
    """The changes since a revision that the selectors let through, as watch events, up to now.

    Response.object is a list of ``{"type", "object"}``. A stream over time is made of repeated calls, each from where the last ended.
    """
    options = work.request.list_options
    _validate_watch(options)
    matches = matcher(work)
    version = options.resource_version
    store = work.server.store
    events: list[Object] = []
    if not version or version == "0":
        items, _, _ = _page(work, store.head, matches, "", 0)
        events.extend({"type": "ADDED", "object": obj} for obj in items)
        return work.answer(events)
    since = _parsed_version(version)
    oldest = store.oldest_watchable(work.context.now_ns)
    if since < oldest:
        refusal = status.expired(f"too old resource version: {since} ({oldest})")
        return work.answer([{"type": "ERROR", "object": refusal.status}])
    for commit in store.log.since(since):
        if event := watch_event(work, commit, matches):
            events.append(event)
    return work.answer(events)


def watch_event(work: Work, commit: Commit, matches: Match) -> Object | None:
    """What a commit is to a watcher: entering the selector is ADDED, leaving it DELETED."""
    resource, namespace, _ = commit.key
    if resource != work.kind.resource or (work.request.namespace and namespace != work.request.namespace):
        return None
    after = commit.type != "DELETED" and matches(commit.object)
    before = commit.old is not None and matches(commit.old)
    if not after and not before:
        return None
    if not after:
        obj = commit.object if commit.type == "DELETED" else {**commit.old, "metadata": {**commit.old["metadata"]}}  # type: ignore[dict-item, index]
        if commit.type != "DELETED":
            obj["metadata"]["resourceVersion"] = str(commit.revision)
        return {"type": "DELETED", "object": obj}
    return {"type": "MODIFIED" if before else "ADDED", "object": commit.object}
