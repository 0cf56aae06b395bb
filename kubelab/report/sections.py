"""What stands in a report, in the order of reading: each section asks one answer of the log, and shows its table and its picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Section:
    """``answer`` is asked with ``options``; ``columns`` of it are shown, all if there are none, of rows of
    these ``roles`` alone if any are named, brought into another ``shape`` before; ``picture`` is a method of ``log.plot``."""

    heading: str
    lead: str
    answer: str
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    picture: str = ""
    most: int = 12
    roles: tuple[str, ...] = ()
    shape: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    @property
    def anchor(self) -> str:
        return self.answer.replace("_", "-")


def once_each(anomalies: pd.DataFrame) -> pd.DataFrame:
    """Anomalies of the same user, verb and resource in one row: when, in how many minutes, and the one that stands out most."""
    if anomalies.empty:
        return anomalies
    groups = anomalies.sort_values("q", kind="stable").groupby(["user", "verb", "target"], sort=False)
    found = groups.agg(
        kind=("kind", "first"),
        minutes=("window", "size"),
        first=("window", "min"),
        last=("window", "max"),
        calls=("calls", "first"),
        expected=("expected", "first"),
        q=("q", "first"),
    )
    return found.reset_index()


PEOPLE = ("person", "workload", "anonymous")

SECTIONS = (
    Section(
        "Who asks for what",
        "Calls by the user whose permissions counted, verb and resource. What a cluster does by itself (leases and elections, the API server's own "
        "calls, probes, events) is set apart and counted beside.",
        "requests",
        ("user", "verb", "target", "calls", "background", "share", "errors", "last"),
        picture="requests",
    ),
    Section(
        "Clients by count and by time",
        "Seconds are the time that the API server spent on a client's calls, long-running ones not counted.",
        "clients",
        (
            "user",
            "client",
            "role",
            "calls",
            "share",
            "seconds",
            "share_of_seconds",
            "client_errors",
            "not_found",
            "conflicts",
            "throttled",
            "server_errors",
        ),
        picture="clients",
    ),
    Section(
        "Latency",
        "From receipt to the complete answer, in seconds, by verb and resource; what took most time together comes first. Watches and other "
        "long-running calls are out of the quantiles.",
        "latencies",
        ("verb", "target", "calls", "p50", "p95", "p99", "mean", "max", "total", "unknown", "negative"),
        picture="latencies",
    ),
    Section(
        "Service level indicators",
        "Beside the official objectives of Kubernetes; a row without an objective has none upstream.",
        "slis",
        ("sli", "resource", "scope", "verb", "count", "p50", "p90", "p99", "objective", "met", "note"),
        picture="slis",
        most=20,
    ),
    Section(
        "Who burdens the API server without need",
        "Lists without a limit that read everything from storage, watches that end at once, the same read again and again.",
        "noisy_clients",
        ("user", "client", "role", "calls", "per_second", "peak", "lists", "unlimited", "short_watches", "repeated", "throttled", "why"),
        picture="noisy_clients",
    ),
    Section(
        "Hot objects",
        "The objects that were touched most, and who writes them.",
        "hot_objects",
        ("resource", "namespace", "name", "calls", "reads", "writes", "status_writes", "conflicts", "clients", "writer", "peak"),
        picture="hot_objects",
    ),
    Section(
        "Writes per writer",
        "How many writes each writer made of how many objects; amplification is its writes for each change that a person or pipeline asked for.",
        "write_amplification",
        ("writer", "role", "writes", "status_writes", "objects", "per_object", "refused", "share", "amplification"),
        picture="write_amplification",
    ),
    Section(
        "Conflicts and retries",
        "Updates that were too late (409), whether the same writer tried again, and how long that took, in seconds.",
        "conflicts",
        picture="conflicts",
    ),
    Section(
        "Denied",
        "Calls that were refused, and by whom: authorization, admission, quota.",
        "denied",
        ("user", "verb", "target", "namespace", "why", "calls", "source_ips", "clients", "reason", "last"),
        picture="denied",
        most=20,
    ),
    Section(
        "Secrets, tokens, commands in containers",
        "Who read secrets, was given tokens, or ran commands.",
        "sensitive",
        ("kind", "role", "user", "verb", "target", "namespace", "name", "calls", "refused", "source_ips", "first", "last"),
        picture="sensitive",
        most=20,
    ),
    Section(
        "Deleted",
        "What people and programs deleted, and whence; what the control plane and the nodes cleared away is left out.",
        "who",
        ("time", "who", "role", "verb", "resource", "namespace", "name", "code", "source_ip", "client"),
        {"verb": ["delete", "deletecollection"]},
        most=25,
        roles=PEOPLE,
    ),
    Section(
        "Rollouts",
        "Reconstructed from the log alone: who asked for what, and what came of it. Lengths in seconds.",
        "rollout_steps",
        ("workload", "namespace", "asked", "by", "what", "change", "revision", "seconds", "created", "deleted", "outcome", "why"),
        picture="rollouts",
        most=25,
    ),
    Section(
        "Anomalies",
        "Minutes that stand out against the first half of the log; those of the same user, verb and resource together in one row.",
        "anomalies",
        picture="anomalies",
        most=20,
        shape=once_each,
    ),
    Section(
        "Deprecated APIs",
        "Clients that still speak versions which a later release does not serve, and what to use instead.",
        "deprecated",
        ("api", "resource", "user", "client", "calls", "deprecated", "removed", "instead", "last"),
        picture="deprecated",
        most=20,
    ),
    Section("Volume", "What the log itself consists of.", "volume", picture="volume"),
)
