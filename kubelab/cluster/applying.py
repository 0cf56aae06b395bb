"""Creating, replacing and applying whole sources: all of a source or nothing of it.

upstream: kubectl/pkg/cmd/apply (client-side three-way merge), 1.28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubelab.apiserver.apply.last_applied import configuration_of, with_configuration
from kubelab.apiserver.patch import three_way
from kubelab.apiserver.request import Options
from kubelab.cluster import manifests, references
from kubelab.cluster.errors import ApiError, ManifestError, UnknownReference
from kubelab.cluster.manifests import Document
from kubelab.cluster.objects import owned
from kubelab.cluster.references import Reference
from kubelab.kinds import schema
from kubelab.kinds.kind import Object

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster


def each(cluster: Cluster, source: Any, namespace: str, verb: str, options: Options) -> Any:
    """Create or replace every document, all or nothing."""

    def one(handle: Cluster, document: Document) -> Object:
        reference = _reference(document, namespace, handle._engine.release)
        name = reference.name if verb == "update" else ""
        target = Reference(reference.kind, reference.namespace, name)
        version = _version(reference, document.object)
        return handle._owned(handle._call(verb, target, body=document.object, options=options, place=document.place, version=version))

    return _all_or_nothing(cluster, source, one, keep_going=False)


def apply(cluster: Cluster, source: Any, namespace: str, *, server_side: bool, keep_going: bool, options: Options) -> Any:
    """``kubectl apply``, client-side or server-side."""

    def one(handle: Cluster, document: Document) -> Object:
        reference = _reference(document, namespace, handle._engine.release)
        if not reference.name:
            raise ApiError(_required_name(reference, document.object), document.place)
        if server_side:
            chosen = options._replace(field_manager=options.field_manager or "kubectl")
            more = {"patch_type": "apply", "options": chosen, "place": document.place, "version": _version(reference, document.object)}
            return handle._owned(handle._call("patch", reference, body=document.object, **more))
        return _client_side(handle, reference, document, options._replace(field_manager="kubectl-client-side-apply", force=None))

    return _all_or_nothing(cluster, source, one, keep_going=keep_going)


def delete_all(cluster: Cluster, source: Any, namespace: str) -> list[Any]:
    """Delete every document; what was refused is raised in the end."""
    deleted: list[Any] = []
    refused: list[Exception] = []
    for document in manifests.read(source):
        reference = _reference(document, namespace, cluster._engine.release)
        try:
            deleted.append(cluster.delete(f"{reference.kind.asked}/{reference.name}", namespace=reference.namespace))
        except ApiError as error:
            refused.append(ApiError(error.status, document.place))
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise ExceptionGroup(f"{len(refused)} of {len(deleted) + len(refused)} documents could not be deleted, the others are", refused)
    return deleted


def _required_name(reference: Reference, obj: Object) -> Object:
    message = "resource name may not be empty"
    if (obj.get("metadata") or {}).get("generateName"):
        message = f"from {obj['metadata']['generateName']}: cannot use generate name with apply"
    return {"kind": "Status", "status": "Failure", "message": message, "code": 400, "reason": "BadRequest"}


def _reference(document: Document, namespace: str, release: str) -> Reference:
    try:
        reference = references.parse(document.object, None, namespace, release)
    except UnknownReference as error:
        raise ManifestError(str(error), document.place) from None
    if not isinstance(reference.name, str):
        raise ManifestError(f"metadata.name: {reference.name!r} is not a string", document.place)
    return reference


def _all_or_nothing(cluster: Cluster, source: Any, one: Any, *, keep_going: bool) -> Any:
    """With several documents, try them on a fork first, so that a bad one leaves the world as it was."""
    documents = manifests.read(source)
    several = len(documents) > 1
    if several and not keep_going:
        _try(cluster, documents, one)
    results, refused = [], []
    for document in documents:
        try:
            results.append(one(cluster, document))
        except (ApiError, ManifestError) as error:
            if not keep_going:
                raise
            refused.append(error)
    if refused:
        raise ExceptionGroup(f"{len(refused)} of {len(documents)} documents were refused, the others are applied", refused)
    return results if several else results[0]


def _try(cluster: Cluster, documents: list[Document], one: Any) -> None:
    """All documents on a fork; of a trial that fails, the refusal goes on record here too."""
    trial = cluster.fork()
    calls = trial._engine.store.log.calls
    for document in documents:
        try:
            one(trial, document)
        except ApiError as error:
            if calls[-1].code == error.code:
                cluster._engine.store.log.calls.append(calls[-1]._replace(revision=0))
                if calls[-1].audit is not None and cluster._engine.server.audit is not None:
                    cluster._engine.server.audit.count(calls[-1].audit.treatment)
            raise


def _client_side(cluster: Cluster, reference: Reference, document: Document, options: Options) -> Object:
    """Three-way merge of what was applied last, what is applied now, and what is there."""
    modified = _annotated(document, reference)
    try:
        current = dict(cluster._call("get", reference).object)
    except ApiError as error:
        if error.code != 404:
            raise
        target = Reference(reference.kind, reference.namespace, "")
        more = {"options": options, "place": document.place, "agent": "kubectl", "version": _version(reference, modified)}
        return cluster._owned(cluster._call("create", target, body=modified, **more))
    kind = reference.kind
    if (conversion := kind.conversions.get(modified["apiVersion"])) is not None:
        current = conversion.from_stored(current)
    original = configuration_of(current) or None
    version = str(modified["apiVersion"]).rpartition("/")[2]
    shape = schema.of(kind, version)
    patch = three_way.patch(original, modified, current, shape)
    if not patch:
        return owned(current, cluster._engine.now_ns)
    return cluster._owned(
        cluster._call(
            "patch",
            reference,
            body=patch,
            patch_type="strategic" if shape is not None else "merge",
            options=options,
            place=document.place,
            agent="kubectl",
            version=_version(reference, modified),
        )
    )


def _version(reference: Reference, obj: Object) -> str:
    """The version to name in the call: of an object that its kind has to convert, or of an older release; else "", what is stored."""
    if reference.kind.release != "1.28":
        return str(obj["apiVersion"]).rpartition("/")[2]
    api_version = obj["apiVersion"]
    return str(api_version).rpartition("/")[2] if api_version in reference.kind.conversions else ""


def _annotated(document: Document, reference: Reference) -> Object:
    """The object with its own text as annotation, as kubectl leaves it."""
    obj = document.object
    meta = dict(obj.get("metadata") or {})
    if reference.kind.namespaced:
        meta["namespace"] = meta.get("namespace") or reference.namespace
    try:
        return with_configuration({**obj, "metadata": meta})
    except TypeError as error:
        raise ManifestError(f"not what JSON can say: {error}", document.place) from None
