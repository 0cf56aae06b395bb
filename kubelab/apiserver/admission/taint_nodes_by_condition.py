"""TaintNodesByCondition: a node is born not ready, so that nothing lands on it before it says otherwise.

upstream: plugin/pkg/admission/nodetaint/admission.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.api import Attributes, Cluster, nothing

NOT_READY = "node.kubernetes.io/not-ready"


class TaintNodesByCondition:
    """The node lifecycle controller takes the taint away."""

    name = "TaintNodesByCondition"
    handles = (("CREATE", "nodes"),)
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.object is None:
            return
        spec = attributes.object.setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any(taint["key"] == NOT_READY and taint["effect"] == "NoSchedule" for taint in taints):
            spec["taints"] = [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]
