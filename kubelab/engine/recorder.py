"""The event recorder: aggregate ▸ count ▸ spam filter ▸ write, per component.

upstream: client-go/tools/record/{event,events_cache}.go, 1.28. State: three tables of plain values.
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
SERIES_WITHIN_NS = 360 * SECOND  # upstream: client-go/tools/events/event_broadcaster.go finishTime
PREFIX = "(combined from similar events): "
CACHE = 4096


def record(tables: Tables, draft: EventDraft, identity: Identity, now_ns: int, name_ns: int) -> Call | None:
    """What to send for an event: a create, a patch of an earlier one, or nothing (the spam filter took it).

    ``name_ns`` is the number in the Event's name, unique within the component.
    """
    if draft.action:
        return _record_series(tables, draft, identity, now_ns, name_ns)
    aggregate, message = _aggregate(tables, draft, now_ns)
    key = (_identity_of(draft, identity), aggregate, message)
    seen = tables.setdefault("seen", {})
    known = seen.get(key)
    count = known[2] + 1 if known else 1
    namespace = draft.regarding.get("namespace") or "default"
    name = known[0] if known else f"{draft.regarding['name']}.{name_ns:x}"
    first = known[1] if known else rfc3339(now_ns)
    _remember(seen, key, (name, first, count))
    if not _passes(tables, draft, identity, now_ns):
        return None
    if known:
        body = {"count": count, "lastTimestamp": rfc3339(now_ns)}
        if aggregate:
            body["message"] = message_of(draft, True)
        return Call("patch", "events", namespace, name, body=body, patch_type="strategic")
    return Call("create", "events", namespace, name, body=_event(draft, identity, namespace, name, first, aggregate))


def message_of(draft: EventDraft, aggregate: bool) -> str:
    return PREFIX + draft.message if aggregate else draft.message


def _event(draft: EventDraft, identity: Identity, namespace: str, name: str, at: str, aggregate: bool) -> Object:
    source: Object = {"component": identity.source}
    if identity.host:
        source["host"] = identity.host
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": draft.regarding,
        "reason": draft.reason,
        "message": message_of(draft, aggregate),
        "source": source,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "type": draft.type,
        "eventTime": None,
        "reportingComponent": identity.source,
        "reportingInstance": identity.host,
    }


def _identity_of(draft: EventDraft, identity: Identity) -> str:
    about = draft.regarding
    parts = (identity.source, identity.host, about.get("kind", ""), about.get("namespace", ""), about.get("name", ""))
    more = (about.get("fieldPath", ""), about.get("uid", ""), about.get("apiVersion", ""), draft.type, draft.reason)
    return "\x00".join(parts + more)


def _aggregate(tables: Tables, draft: EventDraft, now_ns: int) -> tuple[bool, str]:
    """Whether this event is one of many similar ones, and the message under which it is counted."""
    about = draft.regarding
    key = (about.get("kind", ""), about.get("namespace", ""), about.get("name", ""), about.get("uid", ""), draft.type, draft.reason)
    similar = tables.setdefault("similar", {})
    last_ns, messages = similar.get(key, (0, ()))
    if now_ns - last_ns > AGGREGATE_WITHIN_NS:
        messages = ()
    if draft.message not in messages:
        messages = (*messages, draft.message)
    if len(messages) >= AGGREGATE_AFTER:
        _remember(similar, key, (now_ns, messages[1:]))
        return True, ""
    _remember(similar, key, (now_ns, messages))
    return False, draft.message


def _passes(tables: Tables, draft: EventDraft, identity: Identity, now_ns: int) -> bool:
    """The spam filter: a token bucket per source and object."""
    about = draft.regarding
    key = (about.get("kind", ""), about.get("namespace", ""), about.get("name", ""), about.get("uid", ""), about.get("apiVersion", ""))
    buckets = tables.setdefault("spam", {})
    theoretical = buckets.get(key, 0)
    if theoretical - now_ns > SPAM_REFILL_NS * (SPAM_BURST - 1):
        return False
    _remember(buckets, key, max(theoretical, now_ns) + SPAM_REFILL_NS)
    return True


def _record_series(tables: Tables, draft: EventDraft, identity: Identity, now_ns: int, name_ns: int) -> Call:
    """Events of events.k8s.io reporters (the scheduler): a repeat within six minutes becomes a series."""
    about = draft.regarding
    key = (draft.action, draft.reason, draft.type, draft.message, about.get("namespace", ""), about["name"], about.get("uid", ""))
    series = tables.setdefault("series", {})
    known = series.get(key)
    namespace = about.get("namespace") or "default"
    if known and now_ns - known[1] < SERIES_WITHIN_NS:
        name, _, count = known
        _remember(series, key, (name, now_ns, count + 1))
        body = {"series": {"count": count + 1, "lastObservedTime": rfc3339_micro(now_ns)}}
        return Call("patch", "events", namespace, name, body=body, patch_type="strategic")
    name = f"{about['name']}.{name_ns:x}"
    _remember(series, key, (name, now_ns, 1))
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
        "reportingComponent": identity.source,
        "reportingInstance": f"{identity.source}-{identity.host or 'master'}",
    }
    return Call("create", "events", namespace, name, body=event)


def _remember(table: dict[Any, Any], key: Any, item: Any) -> None:
    """Least recently used goes first beyond the cache's size."""
    table.pop(key, None)
    table[key] = item
    if len(table) > CACHE:
        del table[next(iter(table))]
