"""The event recorder: aggregate ▸ count ▸ spam filter ▸ write, per component.

upstream: client-go/tools/record/{event,events_cache}.go, client-go/tools/events/event_broadcaster.go, 1.28. State: tables of plain values.
"""

from __future__ import annotations

from typing import Any

from kubelab.engine.component import Identity, Tables
from kubelab.engine.plan import Call, EventDraft
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339, rfc3339_micro

AGGREGATE_AFTER = 10  # distinct messages
AGGREGATE_WITHIN_NS = 600 * SECOND
SPAM_BURST = 25
SPAM_REFILL_NS = 300 * SECOND
SERIES_WITHIN_NS = 360 * SECOND  # upstream: finishTime
SERIES_WRITTEN_NS = 1800 * SECOND  # upstream: refreshTime
NOT_FOUND = " not found"
PREFIX = "(combined from similar events): "
CACHE = 4096
_REGARDING = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
Subject = tuple[str, str, str, str, str]  # kind, namespace, name, uid, apiVersion of the object that an event is about


def record(tables: Tables, draft: EventDraft, identity: Identity, now_ns: int, name_ns: int, *, filters: bool = True) -> Call | None:
    """What to send for an event: a create, a patch of an earlier one, or nothing (the spam filter, which ``filters``, took it).

    ``name_ns`` is the number in the Event's name, unique within the component.
    """
    if draft.action:
        return _record_series(tables, draft, identity, now_ns, name_ns)
    subject = _subject(draft)
    aggregate, message = _aggregate(tables, draft, subject, now_ns)
    key = (subject, draft.regarding.get("fieldPath", ""), draft.type, draft.reason, aggregate, message)
    seen = _table(tables, "seen")
    known = seen.pop(key, None)
    count = known[2] + 1 if known else 1
    namespace = draft.regarding.get("namespace") or "default"
    name = known[0] if known else f"{draft.regarding['name']}.{name_ns:x}"
    first = known[1] if known else rfc3339(now_ns)
    _remember(seen, key, (name, first, count))
    if filters and not _passes(tables, subject, now_ns):
        return None
    if known:
        body = {"count": count, "lastTimestamp": rfc3339(now_ns), "message": message_of(draft, aggregate)}
        return Call("patch", "events", namespace, name, body=body, patch_type="strategic")
    return Call("create", "events", namespace, name, body=_event(draft, identity, namespace, name, first, aggregate))


def message_of(draft: EventDraft, aggregate: bool) -> str:
    return PREFIX + draft.message if aggregate else draft.message


def _event(draft: EventDraft, identity: Identity, namespace: str, name: str, at: str, aggregate: bool) -> Object:
    source: Object = {"component": identity.source}
    if identity.host:
        source["host"] = identity.host
    meta: Object = {"name": name, "namespace": namespace}
    if draft.annotations:
        meta["annotations"] = draft.annotations
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta,
        "involvedObject": draft.regarding,
        "reason": draft.reason,
        "message": message_of(draft, aggregate),
        "source": source,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "type": draft.type,
        "eventTime": None,
        "reportingComponent": "" if aggregate else identity.source,
        "reportingInstance": "" if aggregate else identity.host,
    }


def _subject(draft: EventDraft) -> Subject:
    about = draft.regarding
    return (about.get("kind", ""), about.get("namespace", ""), about.get("name", ""), about.get("uid", ""), about.get("apiVersion", ""))


def _aggregate(tables: Tables, draft: EventDraft, subject: Subject, now_ns: int) -> tuple[bool, str]:
    """Whether this event is one of many similar ones, and the message under which it is counted."""
    key = (subject, draft.type, draft.reason)
    similar = _table(tables, "similar")
    last_ns, messages = similar.pop(key, (0, ()))
    if now_ns - last_ns > AGGREGATE_WITHIN_NS:
        messages = ()
    if draft.message not in messages:
        messages = (*messages, draft.message)
    if len(messages) >= AGGREGATE_AFTER:
        _remember(similar, key, (now_ns, messages[1:]))
        return True, ""
    _remember(similar, key, (now_ns, messages))
    return False, draft.message


def _passes(tables: Tables, subject: Subject, now_ns: int) -> bool:
    """The spam filter: a token bucket per object (and source, which is this component)."""
    buckets = _table(tables, "spam")
    theoretical = buckets.get(subject, 0)
    if theoretical - now_ns > SPAM_REFILL_NS * (SPAM_BURST - 1):
        return False
    buckets.pop(subject, None)
    _remember(buckets, subject, max(theoretical, now_ns) + SPAM_REFILL_NS)
    return True


def remade(tables: Tables, sent: Call, error: str, identity: Identity) -> Call | None:
    """An event whose patch found it gone is made anew, with its count and its first time. (upstream: recordEvent)"""
    if sent.verb != "patch" or not error.endswith(NOT_FOUND) or "count" not in sent.body:
        return None
    for key, (name, first, count) in reversed(_table(tables, "seen").items()):
        (kind, namespace, about, uid, version), field_path, type_, reason, _, _ = key
        if name == sent.name and (namespace or "default") == sent.namespace:
            parts = {"kind": kind, "namespace": namespace, "name": about, "uid": uid, "apiVersion": version, "fieldPath": field_path}
            draft = EventDraft({part: text for part, text in parts.items() if text}, type_, reason, sent.body["message"])
            body = _event(draft, identity, sent.namespace, name, first, False)
            body.update({"count": count, "lastTimestamp": sent.body["lastTimestamp"]})
            return Call("create", "events", sent.namespace, name, body=body)
    return None


def _record_series(tables: Tables, draft: EventDraft, identity: Identity, now_ns: int, name_ns: int) -> Call | None:
    """Events of events.k8s.io reporters (the scheduler): the second one of a kind makes the first a series; more are only counted.

    What counts as the same is the object in its very version, not the message. A series is written again after half an hour, and over
    when a look every six minutes finds it older than that.
    """
    about = draft.regarding
    key = (draft.action, draft.reason, draft.type, *(about.get(part, "") for part in _REGARDING))
    reporter = draft.reporter or identity.source
    series = _table(tables, "series")
    known = series.pop(key, None)
    namespace = about.get("namespace") or "default"
    if known and known[1] >= now_ns - now_ns % SERIES_WITHIN_NS - SERIES_WITHIN_NS:
        name, _, count, written_ns = known
        due = count == 1 or now_ns // SERIES_WRITTEN_NS > written_ns // SERIES_WRITTEN_NS
        _remember(series, key, (name, now_ns, count + 1, now_ns if due else written_ns))
        if not due:
            return None
        body = {"series": {"count": count + 1, "lastObservedTime": rfc3339_micro(now_ns)}}
        return Call("patch", "events", namespace, name, body=body, patch_type="strategic")
    name = f"{about['name']}.{name_ns:x}"
    _remember(series, key, (name, now_ns, 1, now_ns))
    event: Object = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": about,
        "reason": draft.reason,
        "message": draft.message[:1024],
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "type": draft.type,
        "eventTime": rfc3339_micro(now_ns),
        "action": draft.action,
        "reportingComponent": reporter,
        "reportingInstance": f"{reporter}-{identity.host or 'master'}",
    }
    return Call("create", "events", namespace, name, body=event)


def _table(tables: Tables, name: str) -> dict[Any, Any]:
    found = tables.get(name)
    if found is None:
        found = tables[name] = {}
    return found


def _remember(table: dict[Any, Any], key: Any, item: Any) -> None:
    """Note what is newest; the key has been taken out before. The least recently used goes first beyond the cache's size."""
    table[key] = item
    if len(table) > CACHE:
        del table[next(iter(table))]
