"""Kinds that are asked and never stored: access reviews, rules reviews, and reviews of tokens and of oneself. Each answers 201.

upstream: pkg/registry/authorization/{subjectaccessreview,selfsubjectaccessreview,localsubjectaccessreview,selfsubjectrulesreview}/rest.go,
pkg/registry/authentication/{tokenreview/storage.go,selfsubjectreview/rest.go}, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubelab.apiserver import create, decoding, status, tokens
from kubelab.apiserver.authorization import check
from kubelab.apiserver.managed import of_question
from kubelab.apiserver.request import Response, User
from kubelab.apiserver.work import Work
from kubelab.store.log import Object


def subject_access(work: Work) -> Response:
    """May that user do this?"""
    obj = _body(work)
    spec = obj.get("spec") or {}
    return _answer(work, obj, _access(work, _subject(spec), spec))


def local_subject_access(work: Work) -> Response:
    """May that user do this in the namespace?"""
    return subject_access(work)


def self_subject_access(work: Work) -> Response:
    """May I do this?"""
    obj = _body(work)
    return _answer(work, obj, _access(work, work.request.user, obj.get("spec") or {}))


def self_subject_rules(work: Work) -> Response:
    """What may I do in a namespace? The question is not repeated in the answer."""
    namespace = (_body(work).get("spec") or {}).get("namespace")
    if not namespace:
        raise status.bad_request("no namespace on request")
    resources, paths, incomplete, error = check.rules_for(work.server, work.request.user, namespace)
    found: Object = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": incomplete}
    if error:
        found["evaluationError"] = error
    obj = {"kind": work.kind.kind, "apiVersion": work.kind.api_version, "metadata": {"creationTimestamp": None}, "spec": {}}
    return work.answer({**obj, "status": found}, 201)


def token(work: Work) -> Response:
    """Whose token is this?"""
    obj = _body(work)
    spec = obj.get("spec") or {}
    if not spec.get("token"):
        raise status.bad_request("token is required for TokenReview in authentication")
    try:
        user, audiences = tokens.authenticate(work.server.store.head, spec["token"], spec.get("audiences") or [], work.context.now_ns)
    except tokens.TokenRefused as refused:
        return _answer(work, obj, {"user": {}, **({"error": str(refused)} if str(refused) else {})})
    return _answer(work, obj, {"authenticated": True, "user": _user_info(user), "audiences": audiences})


def self_subject(work: Work) -> Response:
    """Who am I?"""
    obj = _body(work)
    head = {"kind": work.kind.kind, "apiVersion": obj["apiVersion"], "metadata": {"creationTimestamp": work.context.now}}
    return work.answer({**head, "status": {"userInfo": _user_info(work.request.user)}}, 201)


REVIEWS: dict[str, Callable[[Work], Response]] = {
    "subjectaccessreviews.authorization.k8s.io": subject_access,
    "localsubjectaccessreviews.authorization.k8s.io": local_subject_access,
    "selfsubjectaccessreviews.authorization.k8s.io": self_subject_access,
    "selfsubjectrulesreviews.authorization.k8s.io": self_subject_rules,
    "tokenreviews.authentication.k8s.io": token,
    "selfsubjectreviews.authentication.k8s.io": self_subject,
}


# -- parts ---------------------------------------------------------------------------------------------------------------
def _body(work: Work) -> Object:
    """The question, checked. Upstream validates the internal object, whose kind is empty: so the message names none."""
    obj = decoding.body(work)
    create.match_namespace(work, obj["metadata"])
    errors = work.kind.validate(obj, work.context)
    if errors:
        raise status.invalid(work.kind, "", errors, kind_name="")
    return obj


def _subject(spec: Object) -> User:
    extra = tuple((key, tuple(values)) for key, values in sorted((spec.get("extra") or {}).items()))
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)


def _access(work: Work, user: User, spec: Object) -> Object:
    asked = spec.get("resourceAttributes")
    if asked is not None:
        plural, group = asked.get("resource", ""), asked.get("group", "")
        resource = f"{plural}.{group}" if group else plural
        place = (asked.get("subresource", ""), asked.get("namespace", ""), asked.get("name", ""))
        decision = check.can(work.server, user, asked.get("verb", ""), resource, *place)
    else:
        asked = spec["nonResourceAttributes"]
        decision = check.can_path(work.server, user, asked.get("verb", ""), asked.get("path", ""))
    found: Object = {"allowed": decision.allowed}
    if decision.reason:
        found["reason"] = decision.reason
    return found


def _user_info(user: User) -> Object:
    info: Object = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    if user.groups:
        info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra}
    return info


def _answer(work: Work, obj: Object, found: Any) -> Response:
    """The question with its answer; managedFields as a create would leave them, though nothing is stored."""
    fields = of_question(work, work.kind, obj)
    meta = {**obj["metadata"], "creationTimestamp": None}
    if fields:
        meta["managedFields"] = fields
    head = {"kind": work.kind.kind, "apiVersion": obj["apiVersion"], "metadata": meta}
    spec = {"spec": obj["spec"]} if "spec" in obj else {}
    return work.answer({**head, **spec, "status": found}, 201)
