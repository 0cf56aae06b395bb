"""Workloads: what was asked of them and by whom, their revisions, and what their controllers said.

upstream: pkg/controller/deployment/sync.go, pkg/controller/history/controller_history.go, 1.28; spec/audit.md B4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubelab.auditlog.rollouts.deeds import CONTROLLERS, MANAGER, WORKLOADS, Deed
from kubelab.auditlog.rollouts.names import hash_split, shortened

Key = tuple[str, str, str]  # namespace, kind, name
_MAKERS = (CONTROLLERS["Deployment"], MANAGER)


class Made(NamedTuple):
    """A revision was made, or taken up again: ``verb`` create or update; ``hash``; ``deed``."""

    verb: str
    hash: str
    deed: Deed


class Workload:
    """Everything on record about one workload."""

    __slots__ = ("asks", "gone", "key", "revisions", "statuses")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.asks: list[Deed] = []
        self.revisions: list[Made] = []
        self.statuses: list[Deed] = []
        self.gone: Deed | None = None

    @property
    def reference(self) -> str:
        return f"{self.key[1].lower()}/{self.key[2]}"


class Workloads:
    """All workloads of a log, and which ReplicaSet belongs to which Deployment."""

    def __init__(self, deeds: Iterable[Deed]) -> None:
        self.all: dict[Key, Workload] = {}
        self.replicasets: dict[tuple[str, str], str] = {}  # (namespace, name) → Deployment, "" if it stands alone
        self._bases: dict[tuple[str, str], dict[Key, None]] = {}
        found = list(deeds)
        self._own = {
            deed.namespace + "/" + deed.name
            for deed in found
            if deed.resource == "replicasets" and deed.verb == "create" and deed.role == ""
        }
        for deed in found:
            self._take(deed)

    def _take(self, deed: Deed) -> None:
        if deed.resource == "controllerrevisions":
            self._revision(deed)
            return
        kind = WORKLOADS[deed.resource]
        name = deed.name or (deed.told.name if deed.told else "")
        if not name:
            return
        if kind == "ReplicaSet" and (deployment := self._deployment_of(deed, name)):
            self.replicasets[(deed.namespace, name)] = deployment
            self._note((deed.namespace, kind, name))
            if deed.subresource == "" and deed.verb in ("create", "update", "patch") and deed.role in _MAKERS:
                mark = (deed.told.hash if deed.told else "") or (hash_split(name) or ("", name))[1]
                self.workload(deed.namespace, "Deployment", deployment).revisions.append(Made(deed.verb, mark, deed))
            return
        workload = self.workload(deed.namespace, kind, name)
        if kind == "ReplicaSet":
            self.replicasets[(deed.namespace, name)] = ""
        own = deed.role in (CONTROLLERS[kind], MANAGER)
        if deed.subresource == "status":
            workload.statuses.append(deed)
        elif deed.verb == "delete":
            workload.asks.append(deed)
            workload.gone = deed
        elif not own and deed.subresource in ("", "scale") and deed.role not in ("generic-garbage-collector", "namespace-controller"):
            workload.asks.append(deed)

    def _deployment_of(self, deed: Deed, name: str) -> str:
        """The Deployment above a ReplicaSet: by its owner, by who made it, else by its name; "" if it stands alone."""
        if deed.told is not None and deed.told.kind == "ReplicaSet":
            return deed.told.owner[1] if deed.told.owner[0] == "Deployment" else ""
        known = self.replicasets.get((deed.namespace, name))
        if known is not None:
            return known
        if f"{deed.namespace}/{name}" in self._own:
            return ""
        split = hash_split(name)
        if split is None and deed.role == CONTROLLERS["Deployment"]:
            return name.rpartition("-")[0]
        return split[0] if split else ""

    def _revision(self, deed: Deed) -> None:
        split = hash_split(deed.name)
        owner = deed.told.owner if deed.told else ("", "")
        kind = owner[0] or {CONTROLLERS["StatefulSet"]: "StatefulSet", CONTROLLERS["DaemonSet"]: "DaemonSet"}.get(deed.role, "")
        if split is None and not owner[1]:
            return
        name = owner[1] or (split or ("", ""))[0]
        if not kind:
            kind = next((each for each in ("StatefulSet", "DaemonSet") if (deed.namespace, each, name) in self.all), "")
        if kind and deed.verb in ("create", "update", "patch"):
            mark = split[1] if split else deed.name.removeprefix(f"{name}-")
            self.workload(deed.namespace, kind, name).revisions.append(Made(deed.verb, mark, deed))

    def workload(self, namespace: str, kind: str, name: str) -> Workload:
        key = (namespace, kind, name)
        if key not in self.all:
            self.all[key] = Workload(key)
            self._note(key)
        return self.all[key]

    def _note(self, key: Key) -> None:
        self._bases.setdefault((key[0], shortened(key[2])), {})[key] = None

    def with_base(self, namespace: str, base: str) -> list[Key]:
        """Those from whose name a pod's may have been generated."""
        return [key for key in self._bases.get((namespace, base), {}) if key[1] not in ("Deployment", "StatefulSet")]
