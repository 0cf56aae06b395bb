"""Events: a row per Event object, as its last update left it."""

from __future__ import annotations

import pandas as pd

from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.store.log import Commit, Log, Object
from kubelab.world.clock import parse_rfc3339


def events(log: Log, start_ns: int) -> pd.DataFrame:
    """A row per Event, in the order in which they were first recorded; expired ones too.

    Columns: ``time`` (when it happened first), ``elapsed`` (seconds since the cluster's start), ``last`` (when it happened last), ``type``,
    ``reason``, ``kind``, ``namespace``, ``name`` and ``uid`` of the object that it is about, ``message``, ``count``, ``source``.
    """
    newest: dict[str, Commit] = {}
    for commit in log.commits:
        if commit.key[0] == "events" and commit.type != "DELETED":
            newest[commit.object["metadata"]["uid"]] = commit
    found = [commit.object for commit in newest.values()]
    about = [event.get("involvedObject") or {} for event in found]
    first = [happened_ns(event) for event in found]
    return pd.DataFrame(
        {
            "time": instants(first),
            "elapsed": seconds(first, start_ns),
            "last": instants([_last_ns(event) for event in found]),
            "type": category([event.get("type", "") for event in found]),
            "reason": category([event.get("reason", "") for event in found]),
            "kind": category([each.get("kind", "") for each in about]),
            "namespace": category([each.get("namespace", "") for each in about]),
            "name": text([each.get("name", "") for each in about]),
            "uid": text([each.get("uid", "") for each in about]),
            "message": text([event.get("message", "") for event in found]),
            "count": count([_count(event) for event in found]),
            "source": category([_source(event) for event in found]),
        }
    )


def happened_ns(event: Object) -> int:
    """When it happened first, to the nanosecond where the Event's name tells.

    upstream: client-go/tools/record/event.go makeEvent names an Event ``<object>.<UnixNano in hex>``, 1.28.

    >>> happened_ns({"metadata": {"name": "web-0.1886725201bf6e55"}})
    1767225600331705941
    """
    tail = event["metadata"]["name"].rpartition(".")[2]
    if len(tail) == 16:
        try:
            return int(tail, 16)
        except ValueError:
            pass
    told = event.get("eventTime") or event.get("firstTimestamp") or event["metadata"].get("creationTimestamp")
    return parse_rfc3339(told) if told else 0


def _last_ns(event: Object) -> int:
    told = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp")
    first = happened_ns(event)
    return max(first, parse_rfc3339(told)) if told else first


def _count(event: Object) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or event.get("deprecatedCount") or 1)


def _source(event: Object) -> str:
    return str((event.get("source") or {}).get("component") or event.get("reportingComponent") or "")
