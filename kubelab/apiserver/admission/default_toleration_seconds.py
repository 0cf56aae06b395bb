"""DefaultTolerationSeconds: a pod stays for five minutes on a node that is not ready or cannot be reached.

upstream: plugin/pkg/admission/defaulttolerationseconds/admission.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.admission.api import Attributes, Cluster, nothing

TAINTS_1_7 = ("node.alpha.kubernetes.io/notReady", "node.alpha.kubernetes.io/unreachable")
TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
SECONDS = 300


class DefaultTolerationSeconds:
    """Tolerations that the pod brings itself stay as they are."""

    name = "DefaultTolerationSeconds"
    handles = (("CREATE", "pods"), ("UPDATE", "pods"))
    needs = ""
    validate: Any = nothing

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        if attributes.object is None:
            return
        spec = attributes.object["spec"]
        have = spec.get("tolerations") or []
        covering = [each for each in have if each.get("effect", "") in ("", "NoExecute")]
        taints = TAINTS_1_7 if attributes.context.release == "1.7" else TAINTS
        missing = [taint for taint in taints if not any(each.get("key", "") in ("", taint) for each in covering)]
        if missing:
            added = [{"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS} for taint in missing]
            spec["tolerations"] = [*have, *added]
