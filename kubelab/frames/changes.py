"""Changes of one object: each of its revisions, who made it, what it changed, and why."""

from __future__ import annotations

import pandas as pd

from kubelab.cluster.explaining import what
from kubelab.frames.typed import category, count, instants, seconds, text
from kubelab.store.log import Log, ObjectKey


def changes(log: Log, key: ObjectKey, start_ns: int) -> pd.DataFrame:
    """A row per change of the objects that had this key, in order.

    Columns: ``revision``, ``time``, ``elapsed``, ``uid``, ``who`` (component or user), ``what`` (in words, as ``explain`` says it), ``because``, ``cause`` (the
    revision that led to it).
    """
    found = [commit for commit in log.commits if commit.key == key]
    made = [log.calls[commit.call] for commit in found]
    return pd.DataFrame(
        {
            "revision": count([commit.revision for commit in found]),
            "time": instants([commit.time_ns for commit in found]),
            "elapsed": seconds([commit.time_ns for commit in found], start_ns),
            "uid": text([commit.object["metadata"]["uid"] for commit in found]),
            "who": category([call.component or call.user for call in made]),
            "what": text([what(commit, call) for commit, call in zip(found, made, strict=True)]),
            "because": text([call.because for call in made]),
            "cause": count([call.cause or None for call in made]),
        }
    )
