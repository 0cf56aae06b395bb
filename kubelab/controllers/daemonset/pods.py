"""The pods of a DaemonSet: how a new one looks, on which node one is, and whether it is of the present template.

upstream: CreatePodTemplate, ReplaceDaemonSetPodNodeNameNodeAffinity, GetTargetNodeName and IsPodUpdated in
pkg/controller/daemon/util/daemonset_util.go, podByCreationTimestampAndPhase in pkg/controller/daemon/daemon_controller.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.controllers.common.pod_facts import created_ns
from kubelab.controllers.common.pod_template import pod_from_template, with_creator
from kubelab.controllers.daemonset.eligibility import daemon_tolerations
from kubelab.kinds.apps.daemonset import TEMPLATE_GENERATION
from kubelab.store.log import Object

HASH_LABEL = "controller-revision-hash"
GENERATION_LABEL = "pod-template-generation"
_NONE: dict[str, Any] = {}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def template_generation(daemon_set: Object) -> str:
    """The generation of the template as its annotation (in 1.7 its spec) says it, "" if it says none."""
    if "templateGeneration" in daemon_set["spec"]:
        return str(daemon_set["spec"]["templateGeneration"])
    text = (daemon_set["metadata"].get("annotations") or _NONE).get(TEMPLATE_GENERATION) or ""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return str(int(text)) if digits.isascii() and digits.isdigit() else ""


def is_updated(pod: Object, hash_: str, generation: str) -> bool:
    """Either label says so: the revision's hash, or (as older releases had it) the template's generation."""
    labels = pod["metadata"].get("labels") or _NONE
    return labels.get(HASH_LABEL) == hash_ or bool(generation and labels.get(GENERATION_LABEL) == generation)


def target_node(pod: Object) -> str:
    """The node that the pod is on, or is meant for; "" if it says none."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    required = ((spec.get("affinity") or _NONE).get("nodeAffinity") or _NONE).get(_REQUIRED) or _NONE
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name" and field.get("operator") == "In":
                values = list(field.get("values") or ())
                return str(values[0]) if len(values) == 1 else ""
    return ""


def by_age(pod: Object) -> tuple[bool, int, str]:
    """Sort key: scheduled ones first, then the older, then by name."""
    return not pod["spec"].get("nodeName"), created_ns(pod), pod["metadata"]["name"]


class Mould:
    """New pods of one DaemonSet and revision: all alike but for the node."""

    __slots__ = ("affinity", "labels", "pod", "release", "tolerations")

    def __init__(self, daemon_set: Object, hash_: str, release: str) -> None:
        self.pod = pod_from_template(daemon_set["spec"]["template"], daemon_set)
        if release == "1.7":
            self.pod = with_creator(self.pod, daemon_set)
        self.release = release
        generation = template_generation(daemon_set)
        added = {HASH_LABEL: hash_, **({GENERATION_LABEL: generation} if generation else {})}
        self.labels = {**self.pod["metadata"]["labels"], **added}
        self.tolerations = daemon_tolerations(self.pod["spec"], older=release == "1.7")
        self.affinity = self.pod["spec"].get("affinity") or _NONE

    def pod_for(self, node: str) -> Object:
        """A pod confined to ``node``: the scheduler binds it; in 1.7 it comes bound."""
        spec = {**self.pod["spec"], "tolerations": self.tolerations}
        if self.release == "1.7":
            spec["nodeName"] = node
        else:
            spec["affinity"] = {**self.affinity, "nodeAffinity": {**(self.affinity.get("nodeAffinity") or _NONE), _REQUIRED: _only(node)}}
        return {**self.pod, "metadata": {**self.pod["metadata"], "labels": self.labels}, "spec": spec}


def _only(node: str) -> Object:
    return {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}
