"""pods/binding: a pod gets its node, once.

upstream: pkg/registry/core/pod/storage/storage.go BindingREST, assignPod, setPodHostAndAnnotations, 1.28.
"""

from __future__ import annotations

from kubelab.apiserver import create, decoding, status
from kubelab.apiserver.admission import chain
from kubelab.apiserver.managed import NOBODY
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.kinds.core.binding import KIND
from kubelab.store.log import Object


def bind(work: Work) -> Response:
    """Set spec.nodeName and PodScheduled=True in one change."""
    binding = work.request.body if work.request.origin.typed else _body(work)
    if work.request.origin.typed and work.server.recording is not None:
        work.server.recording.decoded(binding, typed=True)
    target = binding.get("target") or {}
    if errors := KIND.validate(binding, work.context):
        texts = [error.text() for error in errors]
        raise status.plain_error(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
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
        work.commit("MODIFIED", work.key, {**pod, "metadata": meta, "spec": spec, "status": new_status}, NOBODY)
    return work.answer(status.success(code=201), 201)


def bind_named(work: Work) -> Response:
    """POST of bindings: the pod is the one that the binding is named after."""
    name = (_body(work).get("metadata") or {}).get("name") or ""
    pods = registry.by_resource("pods")
    return bind(Work(work.server, work.request._replace(resource="pods", name=name, subresource="binding"), pods, work.context))


def _body(work: Work) -> Object:
    request = work.request._replace(version="v1", subresource="")
    inner = Work(work.server, request, KIND, work.context)
    body = decoding.body(inner)
    work.warnings[:] = inner.warnings
    create.match_namespace(inner, body["metadata"])
    if (body["metadata"].get("name") or "") != work.request.name and work.kind is not KIND:
        raise status.bad_request("name in URL does not match name in Binding object")
    return body


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
