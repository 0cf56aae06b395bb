"""Calls and commits: the log itself as tables."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import pandas as pd

from kubelab.apiserver.informers import all_calls
from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.store.log import Log, ObjectKey


def calls(log: Log, start_ns: int) -> pd.DataFrame:
    """A row per call to the API server, refused ones too, in the order of the answers. A watch stands where it began (``watches()`` has its end).

    Columns: ``time`` (of the answer), ``elapsed`` (seconds since the cluster's start), ``user``, ``user_agent``, ``verb``, ``resource``,
    ``subresource``, ``namespace``, ``name``, ``code``, ``reason``, ``message``; ``waiting`` (seconds in the client's own queue), ``executing``
    (seconds from sending to the answer); ``component`` ("" for users), ``key`` (what it was working on), ``because``, ``cause`` (the revision
    that made it call, missing: none), ``wake``, ``revision`` (that it wrote, missing: none). Lists and watches of informers have no key, and
    as component the process: controllers share those of ``kube-controller-manager``.
    """
    numbered = list(all_calls(log))
    found = [call for _, call in numbered]
    agents = [call.user_agent if number >= 0 else call.user_agent.partition("/")[0] for number, call in numbered]
    return pd.DataFrame(
        {
            "time": instants([call.time_ns for call in found]),
            "elapsed": seconds([call.time_ns for call in found], start_ns),
            "user": category([call.user for call in found]),
            "user_agent": category(agents),
            "verb": category([call.verb for call in found]),
            "resource": category([call.resource for call in found]),
            "subresource": category([call.subresource for call in found]),
            "namespace": category([call.namespace for call in found]),
            "name": text([call.name for call in found]),
            "code": count([call.code for call in found]),
            "reason": category([call.reason for call in found]),
            "message": text([call.message for call in found]),
            "waiting": seconds([call.wait_ns for call in found]),
            "executing": seconds([call.latency_ns for call in found]),
            "component": category([call.component for call in found]),
            "key": text([call.key for call in found]),
            "because": text([call.because for call in found]),
            "cause": count([call.cause or None for call in found]),
            "wake": count([call.wake for call in found]),
            "revision": count([call.revision or None for call in found]),
        }
    )


class Written(NamedTuple):
    """What a row says of a commit: the commits of a long log are not all held at once."""

    revision: int
    time_ns: int
    type: str
    key: ObjectKey
    uid: str | None
    manager: str
    call: int


def revisions(log: Log, start_ns: int) -> pd.DataFrame:
    """A row per change of an object, in order.

    Columns: ``revision``, ``time``, ``elapsed``, ``type`` (ADDED, MODIFIED, DELETED), ``resource``, ``namespace``, ``name``, ``uid``, ``manager``
    (who wrote, as managedFields name it), ``component`` ("" for users), ``because``, ``call`` (row in ``calls()``).
    """
    found = [Written(*commit[:4], commit.object["metadata"].get("uid"), commit.manager.name, commit.call) for commit in log.commits]
    made = [log.calls.like(row.call) for row in found]
    before = [moment.calls for moment in map(log.informers.moment, range(log.informers.moments)) if not moment.ended]
    return pd.DataFrame(
        {
            "revision": count([row.revision for row in found]),
            "time": instants([row.time_ns for row in found]),
            "elapsed": seconds([row.time_ns for row in found], start_ns),
            "type": category([row.type for row in found], ("ADDED", "MODIFIED", "DELETED")),
            "resource": category([row.key[0] for row in found]),
            "namespace": category([row.key[1] for row in found]),
            "name": text([row.key[2] for row in found]),
            "uid": text([row.uid for row in found]),
            "manager": category([row.manager for row in found]),
            "component": category([call.component for call in made]),
            "because": text([call.because for call in made]),
            "call": count([row.call + bisect_right(before, row.call) for row in found]),
        }
    )


def watches(log: Log, start_ns: int) -> pd.DataFrame:
    """A row per watch of an informer, in the order in which they began.

    Columns: ``component`` (the process that is told), ``user``, ``resource``, ``namespace`` ("" all), ``selector`` (of fields), ``began`` and
    ``ended`` (seconds since the cluster's start; NaN: still open), ``lasted`` (seconds), ``timeout`` (seconds after which the server ends it),
    ``revision`` (from which it goes on), ``code``, ``agent`` (the whole user agent).
    """
    rows = [row for row in log.informers.rows() if row.timeout_s]
    ended = [row.ended_ns or None for row in rows]
    return pd.DataFrame(
        {
            "component": category([row.reflector.component for row in rows]),
            "user": category([row.reflector.user.name for row in rows]),
            "resource": category([row.reflector.resource for row in rows]),
            "namespace": category([row.reflector.namespace for row in rows]),
            "selector": category([row.reflector.selector for row in rows]),
            "began": seconds([row.answered_ns for row in rows], start_ns),
            "ended": seconds(ended, start_ns),
            "lasted": seconds(ended, [row.answered_ns for row in rows]),
            "timeout": count([row.timeout_s for row in rows]),
            "revision": count([row.version for row in rows]),
            "code": count([row.outcome.code for row in rows]),
            "agent": category([row.reflector.agent for row in rows]),
        }
    )
