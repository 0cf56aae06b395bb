"""pods/binding: a pod gets its node, once.

upstream: pkg/registry/core/pod/storage/storage.go BindingREST, assignPod, setPodHostAndAnnotations, 1.28.
"""

from __future__ import annotations

from kubelab.apiserver import status
from kubelab.apiserver.admission import chain
from kubelab.apiserver.managed import manager_of
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds.field import not_supported, required
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object

BINDING = Kind(kind="Binding", plural="bindings")


def bind(work: Work) -> Response:
    """Set spec.nodeName and PodScheduled=True in one change."""
    binding = work.request.body or {}
    target = binding.get("target") or {}
    errors = []
    if target.get("kind", "") not in ("", "Node"):
        errors.append(not_supported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        errors.append(required("target.name"))
    if errors:
        raise status.invalid(BINDING, work.request.name, errors)
    work.operation, work.object = "CREATE", binding
    chain.mutate(work)
    pod = work.stored()
    _check(work, pod, binding)
    if not work.request.options.dry_run:
        spec = {**pod["spec"], "nodeName": target["name"]}
        meta = {**pod["metadata"]}
        annotations = (binding.get("metadata") or {}).get("annotations")
        if annotations:
            meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}
        condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": work.context.now}
        old_status = pod.get("status") or {}
        others = [each for each in old_status.get("conditions") or () if each["type"] != "PodScheduled"]
        new_status = {**old_status, "conditions": [*others, condition]}
        work.commit("MODIFIED", work.key, {**pod, "metadata": meta, "spec": spec, "status": new_status}, manager_of(work))
    return work.answer(status.success(code=201), 201)


def _check(work: Work, pod: Object, binding: Object) -> None:
    meta, name = pod["metadata"], work.request.name
    wanted = binding.get("metadata") or {}
    named = "pods/binding"
    if wanted.get("uid") and wanted["uid"] != meta["uid"]:
        raise status.other_uid(work.kind, meta["namespace"], name, wanted["uid"], meta["uid"])
    if meta.get("deletionTimestamp"):
        raise status.conflict(work.kind, name, f"pod {name} is being deleted, cannot be assigned to a host", plural=named)
    if pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise status.conflict(work.kind, name, why, plural=named)
    if pod["spec"].get("schedulingGates"):
        why = f"pod {name} has non-empty .spec.schedulingGates"
        raise status.conflict(work.kind, name, why, plural=named)
