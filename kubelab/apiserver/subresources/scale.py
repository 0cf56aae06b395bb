"""The scale subresource: read a workload's replicas, or change them, as an autoscaling/v1 Scale.

upstream: pkg/registry/apps/{deployment,replicaset,statefulset}/storage/storage.go (ScaleREST), 1.28.
"""

from __future__ import annotations

from dataclasses import replace

from kubelab.apiserver import decoding, patching, status, update
from kubelab.apiserver.admission import chain
from kubelab.apiserver.copying import private
from kubelab.apiserver.managed import manager_of
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import registry, schema
from kubelab.kinds.scale import scale_of, validate_scale, with_replicas
from kubelab.store.log import Object

VERBS = ("get", "update", "patch")


def scale(work: Work) -> Response:
    """get, update, patch."""
    if work.request.verb not in VERBS:
        raise status.method_not_allowed()
    old = work.server.store.head.get(*work.key)
    if old is None:
        raise _not_found(work)
    group = work.kind.group if work.kind.release == "1.7" and not work.request.origin.typed else ""
    if work.request.verb == "get":
        return work.answer(_shown(old, work, group))
    if group and work.request.verb == "update":
        work.request = work.request._replace(body=_as_hub(work, group))
    work.operation = "UPDATE"
    if work.request.patch_type == "apply":
        _draft_apply(work)
    else:
        _draft(work, old)
    chain.mutate(work)
    update.prepare(work)
    update.validate(work)
    chain.review(work)
    written = update.commit(work).object
    return work.answer(_shown(written, work, group))


def _shown(obj: Object, work: Work, group: str) -> Object:
    """``group``: of a Scale of the first betas (extensions/v1beta1, apps/v1beta1), whose selector is a map beside its text.

    upstream: pkg/apis/extensions/v1beta1/conversion.go Convert_extensions_ScaleStatus_To_v1beta1_ScaleStatus, 1.7.
    """
    scale = scale_of(obj, work.kind)
    if not group:
        return scale
    selector = obj["spec"].get("selector") or {}
    status = {"replicas": scale["status"]["replicas"]}
    if selector.get("matchLabels") and not selector.get("matchExpressions"):
        status["selector"] = selector["matchLabels"]
    if scale["status"].get("selector"):
        status["targetSelector"] = scale["status"]["selector"]
    return {**scale, "apiVersion": f"{group}/v1beta1", "status": status}


def _as_hub(work: Work, group: str) -> Object:
    """The Scale that was sent, as autoscaling/v1; of another version it is refused."""
    hub = registry.by_kind("Scale", "autoscaling")
    assert hub is not None
    kind = replace(hub, group=group, versions=("v1beta1",), release="1.7")
    body = decoding.parse(work.request.body, kind)
    decoding.match_version(Work(work.server, work.request._replace(subresource=""), kind, work.context), body)
    return {**{name: part for name, part in body.items() if name != "status"}, "apiVersion": "autoscaling/v1"}


def _not_found(work: Work) -> status.ApiFailure:
    kind, name = work.kind, work.request.name
    plural = f"{kind.plural}/scale"
    shown = f"{plural}.{kind.group}" if kind.group else plural
    details = {"name": name, "group": kind.group, "kind": plural} if kind.group else {"name": name, "kind": plural}
    return status.failure(404, "NotFound", f'{shown} "{name}" not found', details)


def _draft(work: Work, old: Object) -> None:
    """The workload with the replicas that the Scale of the request asks for."""
    wanted = _wanted(work, old)
    meta = wanted.get("metadata") or {}
    if errors := validate_scale(wanted):
        kind = registry.by_kind("Scale", "autoscaling")
        assert kind is not None
        older = work.kind.release == "1.7" and work.kind.group
        raise status.invalid(kind, meta.get("name", ""), errors, group="extensions" if older else None)
    if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
        raise status.other_uid(work.kind, work.key[1], work.request.name, meta["uid"], old["metadata"]["uid"])
    work.old = old
    work.manager = manager_of(work)
    work.object = private(with_replicas(old, (wanted.get("spec") or {}).get("replicas") or 0))
    if meta.get("resourceVersion"):
        work.object["metadata"]["resourceVersion"] = meta["resourceVersion"]
        work.options = {"resourceVersion": meta["resourceVersion"]}


def _wanted(work: Work, old: Object) -> Object:
    """The Scale that the request asks for: its body, or the present one with its patch applied."""
    request = work.request
    if request.verb == "patch":
        kind, shape = registry.by_kind("Scale", "autoscaling"), schema.for_kind("autoscaling", "v1", "Scale")
        assert kind is not None
        inner = Work(work.server, request._replace(version="v1", subresource=""), kind, work.context)
        patch, strict = patching.parsed(work)
        scale = private(patching.patched(work, request.patch_type, scale_of(old, work.kind), patch, shape))
        patching.typed(inner, scale, patch, strict, shape)
        patching.named(work, scale["metadata"])
        work.warnings.extend(inner.warnings)
        return scale
    kind = registry.by_kind("Scale", "autoscaling")
    assert kind is not None
    inner = Work(work.server, request._replace(version="v1", subresource=""), kind, work.context)
    wanted = decoding.body(inner)
    work.warnings.extend(inner.warnings)
    update.match_name(work, wanted["metadata"])
    return wanted


def _draft_apply(work: Work) -> None:
    """An applied Scale is an applied workload of which nothing is said but its replicas."""
    body = patching.apply_body(work)[0]
    spec = {"replicas": (body.get("spec") or {}).get("replicas")}
    applied = {"apiVersion": work.kind.api_version, "kind": work.kind.kind, "metadata": body["metadata"], "spec": spec}
    work.request = work.request._replace(body=applied)
    patching.draft(work)
