"""A pod from a template.

upstream: GetPodFromTemplate in pkg/controller/controller_utils.go, 1.28.
"""

from __future__ import annotations

from kubelab.controllers.common.owners import controller_reference
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.store.log import Object


def pod_from_template(template: Object, owner: Object) -> Object:
    """The body that ``owner`` creates: labels, annotations, finalizers and spec of the template, a generateName, and its controller.

    It shares the template's parts; the name is for the caller to give, or for the server to make.
    """
    of_template = template.get("metadata") or {}
    meta: Object = {
        "generateName": generate_name(owner["metadata"]["name"]),
        "namespace": owner["metadata"]["namespace"],
        "labels": of_template.get("labels") or {},
    }
    for field in ("annotations", "finalizers"):
        if of_template.get(field):
            meta[field] = of_template[field]
    meta["ownerReferences"] = [controller_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


def generate_name(owner_name: str) -> str:
    """``NAME-``, or the bare name where no pod could be called so (upstream: getPodsPrefix)."""
    prefix = f"{owner_name}-"
    return owner_name if name_is_dns_subdomain(prefix, True) else prefix
