"""Pod start-up out of an audit log: known where the kubelet's status reports are recorded with their bodies, and said to be unknown where
they are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from kubelab.auditlog.sli import objectives, pods
from kubelab.auditlog.sli.api import bodies_of_pods
from kubelab.auditlog.sli.objectives import OFFICIAL, STARTUP_OBJECTIVE, STATEFUL, STATELESS, WIP

UNKNOWN = "this log cannot tell: it takes the bodies of pods/status (level RequestResponse)"
_WANTED = """resource = 'pods' AND code < 300 AND ((verb = 'create' AND coalesce(subresource, '') = '')
  OR (subresource = 'status' AND verb IN ('patch', 'update')))"""


def startups(log: Any) -> Iterator[dict[str, Any]]:
    """The rows of pod start-up; ``log`` needs ``sql`` and ``bodies``."""
    if not bodies_of_pods(log):
        for sli, objective, status in ((STATELESS, STARTUP_OBJECTIVE, OFFICIAL), (STATEFUL, None, WIP)):
            yield objectives.row(sli, 0, (None, None, None), objective, status, UNKNOWN, scope="cluster")
        return
    created: dict[str, float] = {}
    started: dict[str, tuple[float, bool]] = {}
    unplaced: set[str] = set()
    answered = _answered(log)
    for call in log.bodies(_WANTED):
        pod = call["response_object"]
        uid = ((pod or {}).get("metadata") or {}).get("uid")
        if not uid:
            continue
        if call["verb"] == "create":
            created[uid] = _epoch(call["received"])
        if pods.unschedulable(pod):
            unplaced.add(uid)
        if pods.all_started(pod) and uid not in started:
            started[uid] = (answered.get(call["audit_id"], _epoch(call["received"])), pods.is_stateful(pod))
    found = [pods.Startup(stateful, at - created[uid]) for uid, (at, stateful) in started.items() if uid in created and uid not in unplaced]
    note = "until the status report was stored; pulls and init containers are not taken off: the log does not time them"
    yield from pods.rows(found, note, unplaced=len(unplaced), waiting=len([uid for uid in created if uid not in started]))


def _answered(log: Any) -> dict[str, float]:
    found = log.sql(f"SELECT audit_id, epoch(completed) AS at FROM calls WHERE {_WANTED} AND completed IS NOT NULL")
    return dict(zip(found["audit_id"], found["at"], strict=True))


def _epoch(text: str | None) -> float:
    return pd.Timestamp(text).timestamp() if text else float("nan")
