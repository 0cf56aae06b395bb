"""Calls and commits: the log itself as tables."""

from __future__ import annotations

import pandas as pd

from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.store.log import Log


def calls(log: Log, start_ns: int) -> pd.DataFrame:
    """A row per call to the API server, refused ones too, in the order of the answers.

    Columns: ``time`` (of the answer), ``elapsed`` (seconds since the cluster's start), ``user``, ``user_agent``, ``verb``, ``resource``,
    ``subresource``, ``namespace``, ``name``, ``code``, ``reason``, ``message``; ``waiting`` (seconds in the client's own queue), ``executing``
    (seconds from sending to the answer); ``component`` ("" for users), ``key`` (what it was working on), ``because``, ``cause`` (the revision
    that made it call, missing: none), ``wake``, ``revision`` (that it wrote, missing: none).
    """
    found = log.calls
    return pd.DataFrame(
        {
            "time": instants([call.time_ns for call in found]),
            "elapsed": seconds([call.time_ns for call in found], start_ns),
            "user": category([call.user for call in found]),
            "user_agent": category([call.user_agent for call in found]),
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


def revisions(log: Log, start_ns: int) -> pd.DataFrame:
    """A row per change of an object, in order.

    Columns: ``revision``, ``time``, ``elapsed``, ``type`` (ADDED, MODIFIED, DELETED), ``resource``, ``namespace``, ``name``, ``uid``, ``manager``
    (who wrote, as managedFields name it), ``component`` ("" for users), ``because``, ``call`` (row in ``calls()``).
    """
    found = log.commits
    made = [log.calls[commit.call] for commit in found]
    return pd.DataFrame(
        {
            "revision": count([commit.revision for commit in found]),
            "time": instants([commit.time_ns for commit in found]),
            "elapsed": seconds([commit.time_ns for commit in found], start_ns),
            "type": category([commit.type for commit in found], ("ADDED", "MODIFIED", "DELETED")),
            "resource": category([commit.key[0] for commit in found]),
            "namespace": category([commit.key[1] for commit in found]),
            "name": text([commit.key[2] for commit in found]),
            "uid": text([commit.object["metadata"].get("uid") for commit in found]),
            "manager": category([commit.manager.name for commit in found]),
            "component": category([call.component for call in made]),
            "because": text([call.because for call in made]),
            "call": count([commit.call for commit in found]),
        }
    )
