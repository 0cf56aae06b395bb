"""namespaces/finalize: the only way to change spec.finalizers; a namespace in deletion goes with its last one.

upstream: pkg/registry/core/namespace/storage/storage.go (FinalizeREST), pkg/registry/core/namespace/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.apiserver import status, update
from kubelab.apiserver.admission import chain
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import names
from kubelab.kinds.core.namespace import validate_finalize


def finalize(work: Work) -> Response:
    """PUT alone."""
    if work.request.verb != "update":
        raise status.method_not_allowed()
    update.draft(work)
    old = work.old
    assert old is not None
    chain.mutate(work)
    wanted = (work.object.get("spec") or {}).get("finalizers") or []
    update.prepare(work)
    spec = {key: value for key, value in (work.object.get("spec") or {}).items() if key != "finalizers"}
    work.object["spec"] = {**spec, "finalizers": wanted} if wanted else spec
    errors = names.validate_metadata_update(work.object["metadata"], old["metadata"], "metadata")
    errors = errors + validate_finalize(work.object, old, work.context)
    if errors:
        raise status.invalid(work.kind, work.request.name, errors)
    chain.review(work)
    return update.commit(work)
