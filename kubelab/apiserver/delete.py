"""Deleting: draft (options, preconditions, grace, finalizers) ▸ (admission) ▸ commit; and deletecollection.

upstream: apiserver/pkg/endpoints/handlers/delete.go, registry/rest/delete.go BeforeDelete, registry/generic/registry/store.go Delete,
pkg/registry/core/{pod/strategy.go,namespace/storage/storage.go}, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver import allocate, status
from kubelab.apiserver.admission import chain
from kubelab.apiserver.managed import NOBODY
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds.field import Go, invalid, not_supported
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339

POLICIES = ("Foreground", "Background", "Orphan")
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_OPTIONS_KIND = Kind(kind="DeleteOptions", plural="deleteoptions", group="meta.k8s.io")


def draft(work: Work) -> None:
    """Read the options and the object; check preconditions."""
    work.operation = "DELETE"
    work.options = options_of(work.request.body)
    work.old = old = work.stored()
    if work.kind.resource == "namespaces":
        _check_namespace(work, old)
    check_preconditions(work, old)


def options_of(body: Any) -> Object:
    """DeleteOptions, validated (422 of kind DeleteOptions.meta.k8s.io)."""
    options = dict(body or {})
    policy, orphan = options.get("propagationPolicy"), options.get("orphanDependents")
    errors = []
    if policy is not None and orphan is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(invalid("propagationPolicy", Go(f'"{policy}"'), detail))
    if policy is not None and policy not in POLICIES:
        errors.append(not_supported("propagationPolicy", policy, (*POLICIES, "nil")))
    dry_run = options.get("dryRun")
    if any(each != "All" for each in dry_run or ()):
        errors.append(not_supported("dryRun", dry_run, ("All",)))
    if errors:
        raise status.invalid(_OPTIONS_KIND, "", errors)
    return options


def check_preconditions(work: Work, old: Object) -> None:
    wanted = work.options.get("preconditions") or {}
    meta, kind = old["metadata"], work.kind
    uid, version = wanted.get("uid"), wanted.get("resourceVersion")
    if uid is not None and uid != meta["uid"]:
        why = f"the UID in the precondition ({uid}) does not match the UID in record ({meta['uid']}). "
        why += "The object might have been deleted and then recreated"
        raise status.conflict(kind, meta["name"], why, plural=kind.kind)
    if version is not None and version != meta["resourceVersion"]:
        why = f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
        why += f"({meta['resourceVersion']}). The object might have been modified"
        raise status.conflict(kind, meta["name"], why, plural=kind.kind)


def _check_namespace(work: Work, old: Object) -> None:
    wanted = (work.options.get("preconditions") or {}).get("uid")
    if wanted is not None and wanted != old["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {old['metadata']['uid']}"
        raise status.conflict(work.kind, old["metadata"]["name"], why)


def prepare(work: Work) -> None:
    """What remains of the object: nothing, or the object marked as being deleted."""
    old = work.old
    assert old is not None
    finalizers = _finalizers(work, old)
    if work.kind.graceful_delete:
        _graceful(work, old, finalizers)
    elif work.kind.resource == "namespaces":
        _terminate_namespace(work, old, finalizers)
    else:
        _mark_or_remove(work, old, finalizers, 0)


def validate(work: Work) -> None:
    return None


def _finalizers(work: Work, old: Object) -> list[str]:
    """The finalizers after the propagation policy has had its say.

    upstream: registry/generic/registry/store.go shouldOrphanDependents, shouldDeleteDependents, deletionFinalizersForGarbageCollection.
    """
    have = list(old["metadata"].get("finalizers") or [])
    if old["metadata"].get("deletionTimestamp") and old["metadata"].get("finalizers") is not None and not work.options:
        return have
    policy, orphan = work.options.get("propagationPolicy"), work.options.get("orphanDependents")
    if policy is None and orphan is not None:
        policy = "Orphan" if orphan else "Background"
    if policy is None:
        if ORPHAN in have or FOREGROUND in have:
            return have
        policy = "Orphan" if work.kind.orphans_by_default else "Background"
    kept = [name for name in have if name not in (ORPHAN, FOREGROUND)]
    if policy == "Orphan":
        return [*kept, ORPHAN]
    return [*kept, FOREGROUND] if policy == "Foreground" else kept


def _graceful(work: Work, old: Object, finalizers: list[str]) -> None:
    """Pods: a grace period, of no seconds if nothing runs. The pod is marked even then, and goes at once (upstream: BeforeDelete)."""
    meta = old["metadata"]
    grace = work.options.get("gracePeriodSeconds")
    if grace is not None and grace < 0:
        grace = 1
    if meta.get("deletionTimestamp"):
        pending = meta.get("deletionGracePeriodSeconds") or 0
        if pending and (grace is None or grace >= pending):
            work.finished = work.answer(old)
        elif pending and grace is not None:
            at_ns = parse_rfc3339(meta["deletionTimestamp"]) + (grace - pending) * SECOND
            _mark(work, old, finalizers, at_ns, grace)
        else:
            _mark_or_remove(work, old, finalizers, 0)
        return
    if grace is None:
        grace = (old.get("spec") or {}).get("terminationGracePeriodSeconds", 30)
    phase = (old.get("status") or {}).get("phase")
    if not old["spec"].get("nodeName") or phase in ("Succeeded", "Failed"):
        grace = 0
    if grace < 0:
        grace = 1
    _mark(work, old, finalizers, work.context.now_ns + grace * SECOND, grace)


def _mark_or_remove(work: Work, old: Object, finalizers: list[str], grace: int) -> None:
    meta = old["metadata"]
    if finalizers:
        if meta.get("deletionTimestamp"):
            if finalizers == meta.get("finalizers") and meta.get("deletionGracePeriodSeconds") == 0:
                work.finished = work.answer(old)
                return
            _mark(work, old, finalizers, parse_rfc3339(meta["deletionTimestamp"]), grace)
        else:
            _mark(work, old, finalizers, work.context.now_ns, grace)
        return
    work.commit_type = "DELETED"
    work.object = {**old, "metadata": {**meta}}
    work.object["metadata"].pop("finalizers", None)


def _mark(work: Work, old: Object, finalizers: list[str], at_ns: int, grace: int) -> None:
    meta = {**old["metadata"], "deletionTimestamp": rfc3339(at_ns), "deletionGracePeriodSeconds": grace}
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    if meta.get("generation") and not old["metadata"].get("deletionTimestamp"):
        meta["generation"] += 1
    work.commit_type = "MODIFIED"
    work.object = {**old, "metadata": meta}


def _terminate_namespace(work: Work, old: Object, finalizers: list[str]) -> None:
    """upstream: pkg/registry/core/namespace/storage/storage.go Delete."""
    meta = old["metadata"]
    if not meta.get("deletionTimestamp"):
        _mark(work, old, finalizers, work.context.now_ns, 0)
        work.object["metadata"].pop("deletionGracePeriodSeconds", None)
        work.object["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
    elif old["spec"].get("finalizers"):
        work.finished = work.answer(old)
    else:
        _mark_or_remove(work, old, finalizers, 0)


def commit(work: Work) -> Response:
    meta = work.object["metadata"]
    marked_to_go = work.commit_type == "MODIFIED" and meta.get("deletionGracePeriodSeconds") == 0 and not meta.get("finalizers")
    gone_at_once = work.kind.graceful_delete and marked_to_go
    if not (work.request.options.dry_run or work.options.get("dryRun")):
        work.commit(work.commit_type, work.key, work.object, NOBODY)
        if gone_at_once:
            work.object = {**work.object, "metadata": {**meta}}
            work.commit("DELETED", work.key, work.object, NOBODY)
        if gone_at_once or work.commit_type == "DELETED":
            allocate.after_delete(work, work.object)
    stays = not gone_at_once and work.commit_type != "DELETED" and work.options.get("orphanDependents") is False
    return work.answer(_result(work), 202 if stays else 200)


def _result(work: Work) -> Any:
    """The object for some kinds and wherever it stays; else a Status with details."""
    if work.kind.delete_returns_object or work.commit_type != "DELETED":
        return work.object
    kind, meta = work.kind, work.object["metadata"]
    details: Object = {"name": meta["name"], "kind": kind.plural, "uid": meta["uid"]}
    if kind.group:
        details["group"] = kind.group
    return status.success(details)


def collection(work: Work) -> Response:
    """deletecollection: each object that the selectors match, by the same rules; what is gone meanwhile is passed over."""
    from kubelab.apiserver import read

    listed = read.list_(work).object
    request = work.request
    for item in listed["items"]:
        meta = item["metadata"]
        one = request._replace(verb="delete", name=meta["name"], namespace=meta.get("namespace", ""))
        single = Work(work.server, one, work.kind, work.context)
        _delete_one(single)
        work.commits.extend(single.commits)
    return work.answer(listed)


def _delete_one(work: Work) -> None:
    try:
        draft(work)
        chain.mutate(work)
        prepare(work)
        if not work.finished:
            chain.review(work)
            commit(work)
    except status.ApiFailure as refusal:
        if refusal.code != 404:
            raise
