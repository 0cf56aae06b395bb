"""Updating by PUT, PATCH or apply: draft ▸ (mutate) ▸ prepare ▸ validate ▸ (review) ▸ commit.

upstream: apiserver/pkg/endpoints/handlers/{update,patch}.go, registry/rest/update.go BeforeUpdate, registry/generic/registry/store.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver import allocate, create, decoding, patching, status
from kubelab.apiserver.copying import private
from kubelab.apiserver.managed import manager_of, writer
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import names, schema
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, go_quote, invalid
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object

EMPTIED = ("annotations", "finalizers", "labels", "ownerReferences")  # Go leaves out what is empty
KEPT = ("generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def draft(work: Work) -> None:
    """The new object: the body of a PUT, or the stored one with a patch applied."""
    request, kind = work.request, work.kind
    work.operation = "UPDATE"
    if request.verb == "patch":
        patching.draft(work)
        if work.created:
            create.start(work, work.object)
            return
    else:
        body = work.object = decoding.body(work)
        meta = body["metadata"]
        create.match_namespace(work, meta)
        match_name(work, meta)
        work.old = work.server.store.head.get(*work.key)
        if work.old is not None and meta.get("uid") and meta["uid"] != work.old["metadata"]["uid"]:
            raise status.other_uid(kind, work.key[1], request.name, meta["uid"], work.old["metadata"]["uid"])
        sent = meta.pop("managedFields", None)
        if work.old is None:
            _create_on_update(work)
            return
        if sent is not None:
            patching.own_entries(work, body, sent, schema.of(kind, request.version))
    if request.subresource == "status" and kind.prepare_status is None:
        raise status.no_such_resource()
    if not request.origin.typed:
        create.drop_repeated_owners(work, work.object["metadata"])
        work.sent = private(work.object)
    if work.manager is None:
        work.manager = manager_of(work)


def _create_on_update(work: Work) -> None:
    """A PUT of what is not there creates, for the few kinds that allow it."""
    if not work.kind.create_on_update or work.request.subresource:
        raise status.not_found(work.kind, work.request.name)
    work.operation = "CREATE"
    work.created = True
    create.start(work, work.object)


def match_name(work: Work, meta: Object) -> None:
    name = meta.get("name")
    if not name:
        raise status.bad_request(f"the name of the object ({work.request.name} based on URL) was undeterminable: name must be provided")
    if name != work.request.name:
        message = f"the name of the object ({name}) does not match the name on the URL ({work.request.name})"
        raise status.bad_request(message)


def prepare(work: Work) -> None:
    """Check the version, keep what an update cannot change, let the strategy do its part, and raise the generation."""
    if work.created:
        create.prepare(work)
        return
    obj, old, kind = work.object, work.old, work.kind
    assert old is not None
    meta, old_meta = obj["metadata"], old["metadata"]
    _check_version(work, meta, old_meta)
    if meta != old_meta:
        _keep(meta, old_meta)
    if work.request.subresource == "status":
        assert kind.prepare_status is not None
        kind.prepare_status(obj, old, work.context)
    else:
        allocate.on_update(work)
        kind.prepare_update(obj, old, work.context)
        if kind.spec_changed is not None and kind.spec_changed(obj, old):
            obj["metadata"]["generation"] = (old_meta.get("generation") or 0) + 1


def _keep(meta: Object, old_meta: Object) -> None:
    """In place on the draft's metadata: what only the server sets stays as it is."""
    for name in KEPT:
        if name in old_meta:
            meta[name] = old_meta[name]
        else:
            meta.pop(name, None)
    if not meta.get("uid"):
        meta["uid"] = old_meta["uid"]
    for name in ("selfLink", "managedFields"):
        meta.pop(name, None)
    for name in EMPTIED:
        if name in meta and not meta[name]:
            del meta[name]


def _check_version(work: Work, meta: Object, old_meta: Object) -> None:
    """Optimistic concurrency: a resourceVersion in the body must be the stored one."""
    version = meta.get("resourceVersion")
    if version and version != old_meta["resourceVersion"]:
        if not version.isdigit():
            raise status.plain_error(f"strconv.ParseUint: parsing {go_quote(version)}: invalid syntax")
        raise status.conflict(work.kind, work.request.name)
    if not version and work.request.verb == "update":
        if work.kind.update_needs_resource_version and not work.request.subresource:
            error = invalid("metadata.resourceVersion", _HEX_ZERO, "must be specified for an update")
            raise status.invalid(work.kind, work.request.name, [error], kind_name=work.kind.plural)
    meta["resourceVersion"] = old_meta["resourceVersion"]


class _HexZero(int):
    def __str__(self) -> str:
        return "0x0"


_HEX_ZERO = _HexZero(0)


def validate(work: Work) -> None:
    if work.created:
        create.validate(work)
        return
    obj, old, kind = work.object, work.old, work.kind
    assert old is not None
    errors = _metadata_errors(kind, obj["metadata"], old["metadata"])
    if work.request.subresource == "status":
        errors += kind.validate_status(obj, old, work.context)
    else:
        errors += kind.validate_update(obj, old, work.context)
    if errors:
        raise status.invalid(kind, obj["metadata"].get("name", ""), errors)
    if kind.warnings and not work.request.origin.typed and not work.request.subresource:
        work.warnings.extend(kind.warnings(obj, old, work.context))


_WATCHED_META = ("name", "namespace", "uid", "labels", "annotations", "ownerReferences", "finalizers", "generateName")


def _metadata_errors(kind: Kind, meta: Object, old: Object) -> list[FieldError]:
    """Findings in generic metadata; upstream finds them twice, by the store and by the kind's own validation."""
    if meta == old or all(meta.get(name) is old.get(name) for name in _WATCHED_META):
        return []
    errors = names.validate_metadata(meta, kind.namespaced, names.name_is_path_segment, "metadata")
    changes = names.validate_metadata_update(meta, old, "metadata")
    return errors + changes + changes if errors or changes else []


def commit(work: Work) -> Response:
    if work.created:
        return create.commit(work)
    obj, old = work.object, work.old
    assert old is not None and work.manager is not None
    manager = writer(work)
    if unchanged(obj, old, work.manager.entries, work):
        return work.answer(old)
    if work.request.options.dry_run:
        obj["metadata"]["managedFields"] = work.server.managed.foreseen(work, manager)
        return work.answer(obj)
    if _last_finalizer_gone(obj):
        work.commit("DELETED", work.key, obj, manager)
        allocate.after_delete(work, obj)
    else:
        work.commit("MODIFIED", work.key, obj, manager)
        allocate.after_update(work, old)
    return work.answer(obj)


def unchanged(obj: Object, old: Object, entries: Any, work: Work) -> bool:
    """A no-op writes no revision. The manager's own list counts only where it was decided for this write."""
    if entries is not None and entries != work.server.managed.of(work.key):
        return False
    if obj.keys() != old.keys():
        return False
    for name, value in obj.items():
        if value is not old[name] and not (_same_meta(value, old[name]) if name == "metadata" else same(value, old[name])):
            return False
    return True


def _same_meta(new: Object, old: Object) -> bool:
    return new == old or all(same(new.get(name), old.get(name)) for name in (*new, *old) if name != "resourceVersion")


def _last_finalizer_gone(obj: Object) -> bool:
    """upstream: registry/generic/registry/store.go deleteWithoutFinalizers / ShouldDeleteDuringUpdate."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers"):
        return False
    if obj["kind"] == "Namespace" and obj["apiVersion"] == "v1":
        return not obj["spec"].get("finalizers")
    return not meta.get("deletionGracePeriodSeconds")
