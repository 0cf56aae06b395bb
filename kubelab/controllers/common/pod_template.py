"""A pod from a template.

upstream: GetPodFromTemplate in pkg/controller/controller_utils.go, 1.28.
"""

from __future__ import annotations

import json

from kubelab.controllers.common.owners import controller_reference
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.store.log import Object

CREATED_BY = "kubernetes.io/created-by"


def pod_from_template(template: Object, owner: Object) -> Object:
    """The body that ``owner`` creates: labels, annotations, finalizers and spec of the template, a generateName, and its controller.

    It shares the template's parts; the name is for the caller to give, or for the server to make. The namespace is the request's.
    """
    of_template = template.get("metadata") or {}
    meta: Object = {
        "generateName": generate_name(owner["metadata"]["name"]),
        "labels": of_template.get("labels") or {},
    }
    for field in ("annotations", "finalizers"):
        if of_template.get(field):
            meta[field] = of_template[field]
    meta["ownerReferences"] = [controller_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


def with_creator(pod: Object, owner: Object) -> Object:
    """The body as controllers of 1.7 made it: an annotation repeats who, with what stands third in the owner's path as its version.

    upstream: getPodsAnnotationSet in pkg/controller/controller_utils.go, 1.7.
    """
    meta, version = owner["metadata"], owner["apiVersion"].partition("/")[0]
    reference = {"kind": owner["kind"], "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"], "apiVersion": version}
    if meta.get("resourceVersion"):
        reference["resourceVersion"] = meta["resourceVersion"]
    text = json.dumps({"kind": "SerializedReference", "apiVersion": "v1", "reference": reference}, separators=(",", ":"))
    annotations = {**(pod["metadata"].get("annotations") or {}), CREATED_BY: f"{text}\n"}
    return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}


def generate_name(owner_name: str) -> str:
    """``NAME-``, or the bare name where no pod could be called so (upstream: getPodsPrefix)."""
    prefix = f"{owner_name}-"
    return owner_name if name_is_dns_subdomain(prefix, True) else prefix
