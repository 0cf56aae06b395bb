"""What each answer needs of a log: which calls, up to which stage, at which level. Another policy that drops them makes it unanswerable."""

from __future__ import annotations

from typing import NamedTuple

from kubelab.auditlog.answers.sensitive import SENSITIVE

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
ANY, END = "any stage", "ResponseComplete"

_CHANGES = "resource IS NOT NULL AND mutating"
_WORKLOADS = "resource IN ('deployments', 'statefulsets', 'daemonsets', 'replicasets', 'controllerrevisions') AND api_group IN ('apps', 'extensions')"
_PODS = "resource = 'pods' AND mutating AND coalesce(subresource, '') IN ('', 'binding', 'status', 'eviction')"


class Need(NamedTuple):
    """``calls``: a condition on the columns of ``calls``; ``stage``: ANY or END; ``level``: the least that will do."""

    question: str
    calls: str
    stage: str = END
    level: str = "Metadata"


NEEDS: dict[str, Need] = {
    "requests": Need("who asked for what, how often", "true", ANY),
    "latencies": Need("how long requests took", "NOT long_running"),
    "clients": Need("which clients cost most", "true"),
    "hot_objects": Need("which objects are touched most", "resource IS NOT NULL AND coalesce(name, '') <> ''", ANY),
    "write_amplification": Need("what controllers write for each change asked for", "mutating"),
    "conflicts": Need("who loses races for objects", "mutating"),
    "noisy_clients": Need("who lists and watches too much", "verb IN ('get', 'list', 'watch')", ANY),
    "elections": Need("who leads, and how steadily", "apart = 'election'"),
    "denied": Need("who was refused, and why", "code IN (401, 403)"),
    "who": Need("who changed or deleted an object", _CHANGES, ANY),
    "who: what was changed": Need("what exactly a change was", _CHANGES, END, "Request"),
    "deprecated": Need("who uses deprecated APIs", "resource IS NOT NULL", ANY),
    "sensitive": Need("who ran commands or read secrets", SENSITIVE, ANY),
    "permissions": Need("which permissions are used", "decision IS NOT NULL"),
    "rbac": Need("the least rights that would do", "true", END),
    "rollouts": Need("how rollouts went", f"({_WORKLOADS} AND mutating) OR ({_PODS})"),
    "rollouts: images and revisions": Need("what rollouts changed", f"{_WORKLOADS} AND mutating", END, "RequestResponse"),
    "slis": Need("whether the service levels were met", "resource IS NOT NULL"),
}
