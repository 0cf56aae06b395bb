"""The indicators of a cluster of the lab, which knows more than a log tells: each call's causes, pulls, init containers, delays of watches
and queues.

A call's latency is counted from sending to the answer. Watch delay is what the cluster's timing says of it (commit until a watcher has
processed the change). Queue delay is the time from when a change was seen until its component asked for the first call of its sync, the
sync itself and what it waited for included; of kubelets, which pull and start containers in between, it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from kubelab.apiserver.informers import all_calls
from kubelab.auditlog.schema import CALLS
from kubelab.auditlog.sli import objectives, pods
from kubelab.auditlog.sli.objectives import LAB, LIMIT, QUEUE, WATCH, WIP
from kubelab.frames.events import happened_ns
from kubelab.frames.lives import lives
from kubelab.store.log import CallRecord, Log

_LONG = ("attach", "exec", "proxy", "log", "portforward")


class Calls:
    """The cluster's calls as the table that the answers ask."""

    def __init__(self, log: Log, start_ns: int) -> None:
        self._con = duckdb.connect(":memory:", config={"temp_directory": ""})
        since = [pair for pair in all_calls(log) if pair[1].time_ns >= start_ns]
        recorded = _table([call for number, call in since if number >= 0 or call.verb == "list"])  # informers' watches stream
        self._con.register("recorded", recorded)
        columns = ", ".join(f"{name} {kind}" for name, kind in CALLS.items())
        self._con.execute(f"CREATE TABLE calls ({columns})")
        self._con.execute("INSERT INTO calls BY NAME SELECT * FROM recorded")

    def sql(self, query: str, **params: Any) -> pd.DataFrame:
        return self._con.execute(query, params or None).df()


def _table(calls: Sequence[CallRecord]) -> pd.DataFrame:
    groups = [call.resource.partition(".") for call in calls]
    answered = np.array([call.time_ns for call in calls], dtype="int64")
    latency = np.array([call.latency_ns for call in calls], dtype="int64")
    paths = [call.uri.partition("?") for call in calls]
    return pd.DataFrame(
        {
            "audit_id": [str(at) for at in range(len(calls))],
            "stage": "ResponseComplete",
            "username": [call.user for call in calls],
            "effective": [call.user for call in calls],
            "client": [call.user_agent.partition("/")[0] for call in calls],
            "component": [call.component for call in calls],
            "verb": [call.verb for call in calls],
            "uri": [call.uri for call in calls],
            "path": [path for path, _, _ in paths],
            "query": [query for _, _, query in paths],
            "api_group": [group for _, _, group in groups],
            "resource": [resource or None for resource, _, _ in groups],
            "subresource": [call.subresource for call in calls],
            "namespace": [call.namespace for call in calls],
            "name": [call.name for call in calls],
            "code": pd.array([call.code for call in calls], dtype="int32"),
            "received": (answered - latency).astype("datetime64[ns]").astype("datetime64[us]"),
            "completed": answered.astype("datetime64[ns]").astype("datetime64[us]"),
            "latency": latency / 1e9,
            "long_running": [call.verb in ("watch", "proxy") or call.subresource in _LONG for call in calls],
        }
    )


def startups(log: Log, watch_ns: int) -> Iterator[dict[str, Any]]:
    """The rows of pod start-up, as observed by a watch."""
    reported, unplaced = _reports(log)
    pulls = _pulls(log)
    found, left_out, waiting = [], 0, 0
    for life in lives(log):
        if life.born is None:
            continue
        if life.uid in unplaced:
            left_out += 1
            continue
        end_ns = reported.get(life.uid)
        if end_ns is None:
            waiting += 1
            continue
        init = [(pulls.first_started[life.uid], life.initialized_ns)] if life.uid in pulls.first_started and life.initialized_ns else []
        excluded_ns = pods.covered([*pulls.of(life.uid), *init], life.created_ns, end_ns)
        found.append(pods.Startup(pods.is_stateful(life.pod), (end_ns + watch_ns - life.created_ns - excluded_ns) / 1e9))
    yield from pods.rows(found, "until a watch shows it; without pulls and init containers", unplaced=left_out, waiting=waiting)


def _reports(log: Log) -> tuple[dict[str, int], dict[str, bool]]:
    """When each pod's containers were all reported as started, and which pods were said to be unschedulable."""
    reported: dict[str, int] = {}
    unplaced: dict[str, bool] = {}
    for commit in log.commits:
        if commit.key[0] != "pods":
            continue
        uid = commit.object["metadata"]["uid"]
        if uid not in reported and pods.all_started(commit.object):
            reported[uid] = commit.time_ns
        if pods.unschedulable(commit.object):
            unplaced[uid] = True
    return reported, unplaced


class _Pulls:
    """What the kubelet's events tell of pulls, and of the start of init containers."""

    def __init__(self) -> None:
        self._pulling: dict[tuple[str, str], int] = {}
        self._pulled: dict[str, list[tuple[int, int]]] = {}
        self.first_started: dict[str, int] = {}

    def note(self, uid: str, container: str, reason: str, time_ns: int) -> None:
        if reason == "Pulling":
            self._pulling[(uid, container)] = time_ns
        elif reason == "Pulled" and (uid, container) in self._pulling:
            self._pulled.setdefault(uid, []).append((self._pulling.pop((uid, container)), time_ns))
        elif reason == "Started" and container.startswith("spec.initContainers"):
            self.first_started.setdefault(uid, time_ns)

    def of(self, uid: str) -> list[tuple[int, int]]:
        return self._pulled.get(uid, [])


def _pulls(log: Log) -> _Pulls:
    happened = []
    for commit in log.commits:
        if commit.key[0] == "events" and commit.type == "ADDED" and commit.object.get("reason") in ("Pulling", "Pulled", "Started"):
            about = commit.object.get("involvedObject") or {}
            happened.append((happened_ns(commit.object), about.get("uid", ""), about.get("fieldPath", ""), commit.object["reason"]))
    found = _Pulls()
    for time_ns, uid, container, reason in sorted(happened):
        found.note(uid, container, reason, time_ns)
    return found


def delays(log: Log, start_ns: int, watch_ns: int) -> Iterator[dict[str, Any]]:
    """Watch latency; queue delay and waiting for the client's limit by component."""
    changes = sum(commit.time_ns >= start_ns for commit in log.commits)
    watch = watch_ns / 1e9
    note = "as the cluster's timing has it: from commit until a watcher has processed it"
    yield objectives.row(WATCH, changes, [watch] * 3 if changes else [None] * 3, None, WIP, note, scope="cluster")
    queued: dict[str, list[int]] = {}
    waited: dict[str, list[int]] = {}
    syncs: dict[tuple[str, int], bool] = {}
    for call in log.calls:
        if not call.component or call.time_ns < start_ns:
            continue
        kubelet = call.component.startswith("kubelet/")
        component = "kubelets" if kubelet else call.component
        waited.setdefault(component, []).append(call.wait_ns)
        if not kubelet and call.cause >= log.first and (call.component, call.wake) not in syncs:
            asked_ns = call.time_ns - call.latency_ns - call.wait_ns
            queued.setdefault(component, []).append(asked_ns - log.at(call.cause).time_ns - watch_ns)
        syncs[(call.component, call.wake)] = True
    for component in sorted(queued):
        took = np.maximum(np.array(queued[component]) / 1e9, 0)
        yield objectives.row(
            QUEUE,
            len(took),
            list(np.quantile(took, [0.5, 0.9, 0.99])),
            None,
            LAB,
            "from the change seen to the first call asked; waits for a time (schedule, toleration, back-off) are in it",
            scope=component,
        )
    for component in sorted(waited):
        took = np.array(waited[component]) / 1e9
        if took.max() > 0:
            yield objectives.row(
                LIMIT, len(took), list(np.quantile(took, [0.5, 0.9, 0.99])), None, LAB, "in the client's own queue", scope=component
            )
