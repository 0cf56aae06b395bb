"""Lives: one pass over the log that tells, for every pod incarnation, what it went through and when. Most frames start from here."""

from __future__ import annotations

from typing import Any

from kubelab.frames.phases import condition, is_ready, phase_of, restarts, trouble
from kubelab.store.log import Commit, Log
from kubelab.world.clock import parse_rfc3339

Object = dict[str, Any]

REVISION_LABELS = ("controller-revision-hash", "pod-template-hash")
MIDDLEMEN = ("replicasets.apps", "jobs.batch")  # they may themselves be controlled by a workload


class Life:
    """A pod from its first commit to its last. Times in nanoseconds, None until it happened; ``steps``: (time, phase, reason), a step
    each time that the phase changed. ``workload`` is the controller at the top (``deployment/web``), ``owner`` the next one; ``commit`` is the
    newest commit, ``born``, ``bound``, ``readied``, ``ended`` those that created it, gave it its node, first made it ready, and first ended it."""

    __slots__ = (
        "born",
        "bound",
        "commit",
        "created_ns",
        "deleted_ns",
        "ended",
        "initialized_ns",
        "owner",
        "readied",
        "scheduled_ns",
        "started_ns",
        "steps",
        "terminating_ns",
        "workload",
    )

    def __init__(self, commit: Commit, owner: str, workload: str) -> None:
        self.commit = commit
        self.owner = owner
        self.workload = workload
        self.born: Commit | None = commit if commit.type == "ADDED" else None
        self.bound: Commit | None = None
        self.readied: Commit | None = None
        self.ended: Commit | None = None
        self.created_ns = commit.time_ns if self.born else parse_rfc3339(commit.object["metadata"]["creationTimestamp"])
        self.scheduled_ns: int | None = None
        self.initialized_ns: int | None = None
        self.started_ns: int | None = None
        self.terminating_ns: int | None = None
        self.deleted_ns: int | None = None
        self.steps: list[tuple[int, str, str]] = []

    @property
    def pod(self) -> Object:
        return self.commit.object

    @property
    def namespace(self) -> str:
        return self.commit.key[1]

    @property
    def name(self) -> str:
        return self.commit.key[2]

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])

    @property
    def node(self) -> str:
        return str(self.pod["spec"].get("nodeName") or "")

    @property
    def revision(self) -> str:
        """The hash of the pod's template: of its ControllerRevision or ReplicaSet; "" without one."""
        labels = self.pod["metadata"].get("labels") or {}
        found = next((labels[label] for label in REVISION_LABELS if label in labels), "")
        return str(found).rpartition("-")[2]

    @property
    def images(self) -> str:
        return ", ".join(container["image"] for container in self.pod["spec"].get("containers") or ())

    @property
    def ready_ns(self) -> int | None:
        return self.readied.time_ns if self.readied else None

    @property
    def restarts(self) -> int:
        return restarts(self.pod.get("status") or {})

    def live(self, commit: Commit) -> None:
        """The next commit of this pod."""
        self.commit = commit
        if commit.type == "DELETED":
            self.deleted_ns = commit.time_ns
            self.ended = self.ended or commit
            return
        pod, time_ns = commit.object, commit.time_ns
        status = pod.get("status") or {}
        if self.scheduled_ns is None and pod["spec"].get("nodeName"):
            self.scheduled_ns, self.bound = time_ns, commit
        if self.started_ns is None:
            if self.initialized_ns is None and condition(status, "Initialized"):
                self.initialized_ns = time_ns
            if status.get("phase") in ("Running", "Succeeded", "Failed"):
                self.started_ns = time_ns
        if self.readied is None and is_ready(status):
            self.readied = commit
        if self.terminating_ns is None and pod["metadata"].get("deletionTimestamp"):
            self.terminating_ns = time_ns
            self.ended = commit
        phase = phase_of(pod)
        if not self.steps or self.steps[-1][1] != phase:
            self.steps.append((time_ns, phase, trouble(status) or str(status.get("reason") or "")))


def lives(log: Log) -> list[Life]:
    """All pod incarnations in the order of their creation."""
    found: dict[str, Life] = {}
    above: dict[str, str] = {}  # uid of a middleman → its own controller
    for commit in log.commits:
        resource = commit.key[0]
        if resource == "pods":
            uid = commit.object["metadata"]["uid"]
            life = found.get(uid)
            if life is None:
                owner, owner_uid = controller_of(commit.object)
                life = found[uid] = Life(commit, owner, above.get(owner_uid, owner))
            life.live(commit)
        elif resource in MIDDLEMEN and commit.type == "ADDED":
            owner, _ = controller_of(commit.object)
            if owner:
                above[commit.object["metadata"]["uid"]] = owner
    return list(found.values())


def controller_of(obj: Object) -> tuple[str, str]:
    """The controlling owner as a reference (``replicaset/web-5d4f8``) and its uid; empty without one."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return f"{reference['kind'].lower()}/{reference['name']}", str(reference["uid"])
    return "", ""


def of_workload(found: list[Life], workload: str | None, namespace: str | None) -> list[Life]:
    """Those of one workload (None: of all) in one namespace (None: in all)."""
    return [
        life
        for life in found
        if (workload is None or workload in (life.workload, life.owner)) and (namespace is None or life.namespace == namespace)
    ]
