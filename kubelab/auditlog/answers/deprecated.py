"""Deprecated APIs in use, by client: what stops working with which release, and what to use instead.

Known in two ways: the API server's own annotation (k8s.io/deprecated, k8s.io/removed-release; upstream:
apiserver/pkg/endpoints/metrics/metrics.go, 1.28), and, for logs without it (before 1.19, or written without ResponseComplete), upstream's
table of lifecycles (``data/removals.json``).
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import pandas as pd

from kubelab.auditlog.answers.asking import CALLS_MORE, Log, tidy

ANNOTATION, TABLE = "annotation", "table"
#: What took the place of kinds that have no successor of their own. upstream: kubernetes.io/docs/reference/using-api/deprecation-guide.
INSTEAD = {
    ("policy", "podsecuritypolicies"): "Pod Security Admission (namespace labels pod-security.kubernetes.io/…)",
    ("extensions", "podsecuritypolicies"): "Pod Security Admission (namespace labels pod-security.kubernetes.io/…)",
}


class Lifecycle(NamedTuple):
    """Of one resource at one version; "" where upstream says nothing."""

    deprecated: str
    removed: str
    replacement: str


@cache
def lifecycles() -> dict[tuple[str, str, str], Lifecycle]:
    """By group, version and resource, as 1.28's source knows them."""
    rows = json.loads(resources.files("kubelab.auditlog.answers").joinpath("data/removals.json").read_text(encoding="utf-8"))["apis"]
    found = {}
    for row in rows:
        instead = INSTEAD.get((row["group"], row["resource"]), row["replacement"])
        found[row["group"], row["version"], row["resource"]] = Lifecycle(row["deprecated"], row["removed"], instead)
    return found


def deprecated(log: Log, before: str | None = None) -> pd.DataFrame:
    """Uses of deprecated API versions by client; with ``before="1.29"`` those alone that an upgrade to that release breaks.

    Columns: ``api`` (group/version), ``resource``, ``user``, ``client``, ``role``, ``verbs`` (joined by ","), ``calls``, ``background``,
    ``deprecated`` (since which release), ``removed`` (in which; "" unknown), ``instead``, ``known_by`` (``annotation``: the API server said
    so; ``table``: only upstream's lifecycles do), ``namespaces`` (joined by ","), ``first``, ``last``. What is removed first comes first.
    """
    limit = None if before is None else _release(before, "before")
    frame = log.sql(f"""
        SELECT api_group, api_version, resource, effective AS "user", client, min(role) AS role, string_agg(DISTINCT verb, ',' ORDER BY verb) AS verbs,
          count(*) FILTER (WHERE apart = '') AS calls, count(*) FILTER (WHERE apart <> '') AS background,
          bool_or(coalesce(deprecated, false) OR removed_release IS NOT NULL) AS announced, max(removed_release) AS removed_release,
          string_agg(DISTINCT nullif(namespace, ''), ',' ORDER BY nullif(namespace, '')) AS namespaces, min(received) AS first, max(received) AS last
        FROM {CALLS_MORE} WHERE resource IS NOT NULL AND api_version IS NOT NULL AND (code IS NULL OR code NOT IN (401, 403))
        GROUP BY api_group, api_version, resource, effective, client
        ORDER BY api_group, api_version, resource, effective, client""")
    rows = []
    for row in frame.to_dict("records"):
        known = lifecycles().get((row["api_group"] or "", row["api_version"], row["resource"]))
        announced = bool(row["announced"])
        if known is None and not announced:
            continue
        said = row["removed_release"] if _RELEASE.match(str(row["removed_release"])) else ""
        removed = said or (known.removed if known else "")
        if limit is not None and (not removed or _release(removed, "removed") > limit):
            continue
        rows.append(_row(row, known, removed, announced))
    rows.sort(key=lambda row: (_release(row["removed"] or "99.0", "removed"), row["api"], row["resource"], -row["calls"], str(row["user"])))
    return tidy(pd.DataFrame(rows, columns=COLUMNS).astype({"calls": "int64", "background": "int64"}), _beside(log))


COLUMNS = [
    "api",
    "resource",
    "user",
    "client",
    "role",
    "verbs",
    "calls",
    "background",
    "deprecated",
    "removed",
    "instead",
    "known_by",
    "namespaces",
    "first",
    "last",
]


def _row(row: dict[str, Any], known: Lifecycle | None, removed: str, announced: bool) -> dict[str, Any]:
    group, version = row["api_group"] or "", row["api_version"]
    return {
        **{
            name: row[name]
            for name in ("resource", "user", "client", "role", "verbs", "calls", "background", "namespaces", "first", "last")
        },
        "api": f"{group}/{version}" if group else version,
        "deprecated": known.deprecated if known else "",
        "removed": removed,
        "instead": known.replacement if known else "",
        "known_by": ANNOTATION if announced else TABLE,
    }


def _beside(log: Log) -> dict[str, int]:
    unversioned = log.sql("SELECT count(*) AS calls FROM calls WHERE resource IS NOT NULL AND api_version IS NULL")
    return {"without a version": int(unversioned["calls"].iloc[0])}


_RELEASE = re.compile(r"v?\d+\.\d+\+?$")


def _release(text: str, name: str) -> tuple[int, int]:
    major, dot, minor = text.lstrip("v").partition(".")
    minor = minor.partition(".")[0].rstrip("+")
    if not (dot and major.isdigit() and minor.isdigit()):
        raise ValueError(f'{name}={text!r} is no release: what would work is text like "1.29"')
    return int(major), int(minor)
