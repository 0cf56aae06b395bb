"""The rollback subresource of a Deployment, which 1.7 has and apps/v1 has not: it writes spec.rollbackTo, and the controller does the rest.

upstream: pkg/registry/extensions/deployment/storage/storage.go RollbackREST, pkg/apis/extensions/validation/validation.go, 1.7.
"""

from __future__ import annotations

from kubelab.apiserver import decoding, status
from kubelab.apiserver.managed import manager_of, writer
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds.field import FieldError, invalid, required
from kubelab.kinds.kind import Kind, Object
from kubelab.kinds.names import validate_annotations


def roll_back(work: Work) -> Response:
    """POST of a DeploymentRollback. Neither admission nor the Deployment's own validation is asked, and its generation stays."""
    kind = work.kind
    asked = Kind(kind="DeploymentRollback", plural="deploymentrollbacks", group=kind.group, versions=kind.versions, release=kind.release)
    inner = Work(work.server, work.request._replace(subresource=""), asked, work.context)
    body = decoding.parse(work.request.body, asked)
    decoding.match_version(inner, body)
    decoding.typed(inner, body)
    if errors := _validate(body):
        raise status.invalid(asked, body.get("name", ""), errors, group="extensions")
    name, namespace = body["name"], work.request.namespace
    stored = work.server.store.head.get(kind.resource, namespace, name)
    if stored is None:
        raise status.not_found(kind, name)
    work.old, work.manager = stored, manager_of(work)
    metadata = dict(stored["metadata"])
    if updated := body.get("updatedAnnotations"):
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **updated}
    obj = {**stored, "metadata": metadata, "spec": {**stored["spec"], "rollbackTo": body.get("rollbackTo") or {}}}
    work.commit("MODIFIED", (kind.resource, namespace, name), obj, writer(work))
    message = f'rollback request for deployment "{name}" succeeded'
    return work.answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "message": message, "code": 200}, 201)


def _validate(body: Object) -> list[FieldError]:
    errors = validate_annotations(body.get("updatedAnnotations") or {}, "updatedAnnotations")
    if not body.get("name"):
        errors.append(required("name", "name is required"))
    revision = (body.get("rollbackTo") or {}).get("revision") or 0
    if revision < 0:
        errors.append(invalid("rollback.version", revision, "must be greater than or equal to 0"))
    return errors
