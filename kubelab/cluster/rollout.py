"""A rollout of a Deployment, StatefulSet or DaemonSet: its status and history, undo, pause, resume, restart, as kubectl does them.

upstream: kubectl/pkg/polymorphichelpers/{history,rollback,objectpauser,objectresumer,objectrestarter,rollout_status}.go, 1.28.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from kubelab.cluster import until
from kubelab.cluster.references import Reference
from kubelab.kinds.kind import Object
from kubelab.kinds.selectors import matches_selector
from kubelab.world.clock import rfc3339
from kubelab.world.turns import taking_turns

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
HASH = "pod-template-hash"
KINDS = ("Deployment", "StatefulSet", "DaemonSet")
NOT_COPIED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
)


class Revision(NamedTuple):
    """One line of a history."""

    revision: int
    change_cause: str
    template: Object
    source: Object


class RolloutError(ValueError):
    """What kubectl rollout refuses, in kubectl's words."""


@taking_turns
class Rollout:
    """``c.rollout("sts/web")``."""

    def __init__(self, cluster: Cluster, reference: Reference) -> None:
        if reference.kind.kind not in KINDS:
            raise RolloutError(f'no rollouter has been implemented for "{reference.kind.kind}": use a {", ".join(KINDS)}')
        self._cluster = cluster
        self._turn = cluster._turn
        self._reference = reference

    @property
    def _object(self) -> Object:
        return dict(self._cluster._call("get", self._reference).object)

    def _named(self) -> str:
        kind = self._reference.kind
        return f"{kind.singular or kind.kind.lower()}.{kind.group}/{self._reference.name}"

    def status(self) -> str:
        """kubectl rollout status: one line."""
        return until.rollout_status(self._object)[0]

    @property
    def done(self) -> bool:
        return until.rollout_status(self._object)[1]

    def history(self) -> list[Revision]:
        """The revisions, oldest first."""
        obj = self._object
        if self._reference.kind.kind == "Deployment":
            return self._deployment_history(obj)
        return self._controller_history(obj)

    def _owned(self, kind: str, obj: Object) -> list[Object]:
        from kubelab.cluster.references import kind_of
        from kubelab.store.view import controller_uid

        found = self._cluster._call("list", Reference(kind_of(kind), self._reference.namespace, "")).object["items"]
        return [item for item in found if controller_uid(item) == obj["metadata"]["uid"]]

    def _deployment_history(self, obj: Object) -> list[Revision]:
        revisions = []
        for replica_set in self._owned("replicaset", obj):
            annotations = replica_set["metadata"].get("annotations") or {}
            if not matches_selector(obj["spec"]["selector"], replica_set["metadata"].get("labels")):
                continue
            number = int(annotations.get(REVISION, 0))
            revisions.append(Revision(number, annotations.get(CHANGE_CAUSE, "<none>"), replica_set["spec"]["template"], replica_set))
        return sorted(revisions, key=lambda item: item.revision)

    def _controller_history(self, obj: Object) -> list[Revision]:
        revisions = []
        for item in self._owned("controllerrevision", obj):
            cause = (item["metadata"].get("annotations") or {}).get(CHANGE_CAUSE, "<none>")
            revisions.append(Revision(item["revision"], cause, item["data"]["spec"]["template"], item))
        return sorted(revisions, key=lambda item: item.revision)

    def undo(self, to: int = 0) -> str:
        """kubectl rollout undo: back to a revision, or (0) to the one before the newest."""
        if isinstance(to, bool) or not isinstance(to, int):
            raise RolloutError(f"to={to!r}: give the number of a revision, as history() has them")
        if to < 0:
            raise RolloutError(f"revision must not be negative, found {to}")
        if self._reference.kind.kind == "Deployment":
            return self._undo_deployment(to)
        return self._undo_controller(to)

    def _undo_deployment(self, to: int) -> str:
        obj = self._object
        if obj["spec"].get("paused"):
            resume = f"kubectl rollout resume {self._named().partition('/')[0]}/{self._reference.name}"
            raise RolloutError(f"you cannot rollback a paused deployment; resume it first with '{resume}' and try again")
        history = self.history()
        chosen = self._chosen(history, to)
        if "rollback" in self._reference.kind.subresources:
            return self._ask_for_rollback(to)
        template = _without_hash(chosen.template)
        if template == _without_hash(obj["spec"]["template"]):
            return f"{self._named()} skipped rollback (current template already matches revision {to})"
        kept = {key: item for key, item in (obj["metadata"].get("annotations") or {}).items() if key in NOT_COPIED}
        source = chosen.source["metadata"].get("annotations") or {}
        annotations = {**kept, **{key: item for key, item in source.items() if key not in NOT_COPIED}}
        body = [
            {"op": "replace", "path": "/spec/template", "value": template},
            {"op": "replace", "path": "/metadata/annotations", "value": annotations},
        ]
        self._patch(body, "json")
        return f"{self._named()} rolled back"

    def _ask_for_rollback(self, to: int) -> str:
        """As kubectl of 1.7: the controller goes back, and tells of it by an event.

        upstream: pkg/kubectl/rollback.go DeploymentRollbacker, 1.7.
        """
        kind, name = self._reference.kind, self._reference.name
        asked = {
            "kind": "DeploymentRollback",
            "apiVersion": f"{kind.group}/{kind.versions[0]}",
            "name": name,
            "rollbackTo": {"revision": to},
        }
        self._cluster._call("create", self._reference, body=asked, subresource="rollback", agent="kubectl")
        return f'deployment "{name}" rolled back'

    def _chosen(self, history: list[Revision], to: int) -> Revision:
        name = self._reference.name
        if self._reference.kind.kind == "Deployment":
            if to == 0:
                if len(history) < 2:
                    raise RolloutError(f'no rollout history found for deployment "{name}"')
                return history[-2]
        elif to == 0:
            if len(history) < 2:
                raise RolloutError("no last revision to roll back to")
            return history[-2]
        for item in history:
            if item.revision == to:
                return item
        raise RolloutError(f"unable to find specified revision {to} in history: it has {[item.revision for item in history]}")

    def _undo_controller(self, to: int) -> str:
        chosen = self._chosen(self.history(), to)
        before = self._object
        data = chosen.source["data"]
        template = {key: item for key, item in data["spec"]["template"].items() if key != "$patch"}
        if template == before["spec"]["template"]:
            return f"{self._named()} skipped rollback (current template already matches revision {to})"
        self._patch(data, "strategic")
        return f"{self._named()} rolled back"

    def pause(self) -> str:
        """Only Deployments can be paused."""
        return self._set_paused(True, "pausing", "paused")

    def resume(self) -> str:
        return self._set_paused(False, "resuming", "resumed")

    def _set_paused(self, paused: bool, doing: str, done: str) -> str:
        if self._reference.kind.kind != "Deployment":
            raise RolloutError(
                f"{self._reference.kind.plural}.{self._reference.kind.group} {json.dumps(self._reference.name)} {doing} is not supported"
            )
        if bool(self._object["spec"].get("paused")) == paused:
            state = "already paused" if paused else "not paused"
            raise RolloutError(f'deployments.apps "{self._reference.name}" is {state}')
        self._patch({"spec": {"paused": paused or None}}, "strategic")
        return f"{self._named()} {done}"

    def restart(self) -> str:
        """kubectl rollout restart: an annotation on the template makes a new revision."""
        if self._object["spec"].get("paused"):
            raise RolloutError(f"can't restart paused deployment (run rollout resume first): {self._named()}")
        at = rfc3339(self._cluster._engine.now_ns)
        self._patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}}, "strategic")
        return f"{self._named()} restarted"

    def _patch(self, body: Any, patch_type: str) -> None:
        self._cluster._call("patch", self._reference, body=body, patch_type=patch_type, agent="kubectl-rollout")

    def __repr__(self) -> str:
        return f"{self._named()}: {self.status()}"


def _without_hash(template: Object) -> Object:
    labels = {key: item for key, item in (template["metadata"].get("labels") or {}).items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}
