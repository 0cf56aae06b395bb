"""Creating: draft ▸ (mutate) ▸ prepare ▸ validate ▸ (review) ▸ commit.

upstream: apiserver/pkg/endpoints/handlers/create.go, registry/rest/create.go BeforeCreate, registry/generic/registry/store.go Create, 1.28.
"""

from __future__ import annotations

from kubelab.apiserver import allocate, decoding, status
from kubelab.apiserver.admission import chain
from kubelab.apiserver.copying import private
from kubelab.apiserver.managed import manager_of, writer
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import names
from kubelab.kinds.field import FieldError
from kubelab.store.log import ObjectKey

SERVER_SET = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "generation")


def draft(work: Work) -> None:
    """Decode the body, default it, and match it with the request."""
    work.operation = "CREATE"
    work.created = True
    work.object = obj = decoding.body(work)
    start(work, obj)
    if not work.request.origin.typed:
        work.sent = private(obj)
    elif chain.changes(work):
        work.sent = work.request.body


def start(work: Work, obj: dict) -> None:  # type: ignore[type-arg]
    """What holds for every object about to be created, however it came (POST, PUT, apply)."""
    meta = obj["metadata"]
    version = meta.pop("resourceVersion", "")
    if work.request.verb == "create" and version.isdigit() and int(version):
        raise status.plain_error("resourceVersion should not be set on objects to be created")
    for name in SERVER_SET:
        meta.pop(name, None)
    match_namespace(work, meta)
    drop_repeated_owners(work, meta)
    if work.manager is None:
        work.manager = manager_of(work)


_REPEATED = (
    ".metadata.ownerReferences contains duplicate entries{}; API server dedups owner references in 1.20+, and may reject such requests as "
    "early as 1.24; please fix your requests; duplicate UID(s) observed: {}"
)


def drop_repeated_owners(work: Work, meta: dict) -> None:  # type: ignore[type-arg]
    """upstream: apiserver/pkg/endpoints/handlers/rest.go dedupOwnerReferencesAndAddWarning; of patches only after the plug-ins have run."""
    references = meta.get("ownerReferences")
    if not references or len(references) < 2:
        return
    kept: list[object] = []
    repeated: list[str] = []
    for reference in references:
        if reference in kept:
            repeated.append(reference.get("uid", ""))
        else:
            kept.append(reference)
    if repeated:
        meta["ownerReferences"] = kept
        when = " after mutating admission happens" if work.request.verb == "patch" else ""
        work.warnings.append(_REPEATED.format(when, ", ".join(repeated)))


def match_namespace(work: Work, meta: dict) -> None:  # type: ignore[type-arg]
    """upstream: registry/rest/meta.go EnsureObjectNamespaceMatchesRequestNamespace."""
    wanted = work.request.namespace if work.kind.namespaced else ""
    found = meta.get("namespace") or ""
    if not found and wanted:
        meta["namespace"] = wanted
    elif found and not wanted:
        meta.pop("namespace")
    elif found != wanted:
        raise status.bad_request("the namespace of the provided object does not match the namespace sent on the request")


def prepare(work: Work) -> None:
    """Fill in what the server decides, and let the strategy drop what a client may not set."""
    obj, kind, context = work.object, work.kind, work.context
    meta = obj["metadata"]
    streams = work.server.streams
    meta["uid"] = streams.uuid("uid")
    meta["creationTimestamp"] = context.now
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = names.generate_name(meta["generateName"], streams.suffix("name"))
        work.generated = True
    if kind.spec_changed is not None:
        meta["generation"] = 1
    allocate.on_create(work)
    kind.prepare_create(obj, context)


def validate(work: Work) -> None:
    """The kind's findings and those of the generic metadata, together; warnings."""
    obj, kind, context = work.object, work.kind, work.context
    errors = metadata_errors(work) + kind.validate(obj, context)
    if errors:
        raise status.invalid(kind, obj["metadata"].get("name", ""), errors)
    if kind.warnings and not work.request.origin.typed:
        work.warnings.extend(kind.warnings(obj, None, context))


def metadata_errors(work: Work) -> list[FieldError]:
    return names.validate_metadata(
        work.object["metadata"], work.kind.namespaced, work.kind.validate_name or names.name_is_dns_subdomain, "metadata"
    )


def commit(work: Work) -> Response:
    obj, kind = work.object, work.kind
    meta = obj["metadata"]
    name = meta["name"]
    key: ObjectKey = (work.kind.resource, meta.get("namespace", ""), name)
    existing = work.server.store.head.get(*key)
    if existing is not None:
        if work.generated:
            raise status.no_unique_name(kind, name)
        if existing["metadata"].get("deletionTimestamp"):
            raise status.being_deleted(kind, name)
        raise status.already_exists(kind, name)
    manager = writer(work)
    if work.request.options.dry_run:
        meta["managedFields"] = work.server.managed.foreseen(work, manager)
        return work.answer(obj, 201)
    work.commit("ADDED", key, obj, manager)
    allocate.after_create(work)
    return work.answer(obj, 201)
