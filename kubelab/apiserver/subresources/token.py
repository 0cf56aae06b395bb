"""serviceaccounts/token: a token for a service account, bound to a pod or secret if asked.

upstream: pkg/registry/core/serviceaccount/storage/token.go, 1.28. How it is signed: ``apiserver/tokens.py``.
"""

from __future__ import annotations

from kubelab.apiserver import decoding, status, tokens
from kubelab.apiserver.admission import chain
from kubelab.apiserver.managed import of_question
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.kinds.authentication.tokenrequest import KIND
from kubelab.kinds.field import go_quote, invalid
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, rfc3339


def request(work: Work) -> Response:
    """POST alone; the answer is the question with its token, 201."""
    if work.request.verb != "create":
        raise status.method_not_allowed()
    asked = work.request._replace(version="", subresource="", body=work.request.body or {})
    wanted = decoding.body(Work(work.server, asked, KIND, work.context))
    meta, spec = wanted["metadata"], wanted["spec"]
    _match(work, meta)
    fields = of_question(work, KIND, wanted)
    account = work.stored()
    if not spec.get("audiences"):
        spec["audiences"] = [tokens.ISSUER]
    meta.update(name=account["metadata"]["name"], namespace=account["metadata"]["namespace"], creationTimestamp=work.context.now)
    if errors := KIND.validate(wanted, work.context):
        raise status.invalid(KIND, "", errors)
    work.operation, work.object = "CREATE", wanted
    chain.mutate(work)
    chain.review(work)
    bound = _bound(work, spec.get("boundObjectRef"))
    seconds, now_ns = spec["expirationSeconds"], work.context.now_ns
    text = tokens.issue(account, spec["audiences"], now_ns, seconds, bound)
    spec.setdefault("boundObjectRef", None)
    if fields:
        meta["managedFields"] = fields
    answer = {"kind": KIND.kind, "apiVersion": KIND.api_version, "metadata": meta, "spec": spec}
    expires = rfc3339(now_ns + seconds * SECOND)
    return work.answer({**answer, "status": {"token": text, "expirationTimestamp": expires}}, 201)


def _match(work: Work, meta: Object) -> None:
    name, namespace = work.request.name, work.request.namespace
    if meta.get("name") and meta["name"] != name:
        error = invalid("metadata.name", meta["name"], "must match the service account name if specified")
        raise status.invalid(KIND, name, [error])
    if meta.get("namespace") and meta["namespace"] != namespace:
        error = invalid("metadata.namespace", meta["namespace"], "must match the service account namespace if specified")
        raise status.invalid(KIND, name, [error])


def _bound(work: Work, reference: Object | None) -> tokens.Bound | None:
    if reference is None:
        return None
    kind, group_version, name = reference.get("kind", ""), reference.get("apiVersion", ""), reference.get("name", "")
    if kind not in ("Pod", "Secret") or "/" in group_version:
        group, _, version = group_version.rpartition("/")
        raise status.bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
    resource = "pods" if kind == "Pod" else "secrets"
    found = work.server.store.head.get(resource, work.request.namespace, name)
    if found is None:
        raise status.not_found(registry.by_resource(resource), name)
    account = work.request.name
    if kind == "Pod" and found["spec"].get("serviceAccountName") != account:
        why = f"cannot bind token for serviceaccount {go_quote(account)} to pod running with different serviceaccount name."
        raise status.bad_request(why)
    uid = found["metadata"]["uid"]
    if reference.get("uid") and reference["uid"] != uid:
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. "
        why += "The object might have been deleted and then recreated"
        message = f'Operation cannot be fulfilled on {kind} "{name}": {why}'
        raise status.failure(409, "Conflict", message, {"name": name, "kind": kind})
    return tokens.Bound(kind, name, uid)
