"""Service account tokens: JSON web tokens with upstream's claims, signed in a way that is the same in every run.

The signature is HS256 under a key that anybody can read here: it makes forks and runs equal, and proves nothing outside of the lab.

upstream: pkg/serviceaccount/{jwt,claims}.go, 1.28.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from kubelab.apiserver.request import User
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object
from kubelab.store.state import State
from kubelab.world.clock import SECOND

ISSUER = "https://kubernetes.default.svc.cluster.local"
YEAR_SECONDS = 365 * 24 * 60 * 60
WARN_ONLY_SECONDS = 60 * 60 + 7
LEEWAY_SECONDS = 60
_KEY = b"kubelab service account tokens"
_HEADER = {"alg": "HS256", "kid": "kubelab"}


@dataclass(frozen=True, slots=True)
class Bound:
    """The object that a token lives as long as: a Pod or a Secret; without a uid any Secret of that name."""

    kind: str
    name: str
    uid: str


def issue(account: Object, audiences: list[str], now_ns: int, seconds: int, bound: Bound | None) -> str:
    """A token. A pod's own token (3607 s, the server's audience) lasts a year and only warns when its time is up."""
    meta, now = account["metadata"], now_ns // SECOND
    inside: Object = {"namespace": meta["namespace"]}
    if bound is not None and bound.kind == "Pod":
        inside["pod"] = {"name": bound.name, "uid": bound.uid}
    elif bound is not None:
        inside["secret"] = {"name": bound.name, "uid": bound.uid}
    inside["serviceaccount"] = {"name": meta["name"], "uid": meta["uid"]}
    lasts = seconds
    if bound is not None and bound.kind == "Pod" and seconds == WARN_ONLY_SECONDS and all(each == ISSUER for each in audiences):
        lasts = YEAR_SECONDS
        inside["warnafter"] = now + seconds
    claims: Object = {
        "aud": audiences,
        "exp": now + lasts,
        "iat": now,
        "iss": ISSUER,
        "kubernetes.io": inside,
        "nbf": now,
        "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
    }
    body = f"{_encoded(_HEADER)}.{_encoded(claims)}"
    return f"{body}.{_signature(body)}"


def _encoded(value: Object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _signature(body: str) -> str:
    return _base64(hmac.new(_KEY, body.encode(), hashlib.sha256).digest())


class TokenRefused(Exception):
    """A token that is not, or no longer, good; in upstream's words, which are none for what is no token of this server."""


def authenticate(state: State, token: str, audiences: list[str], now_ns: int) -> tuple[User, list[str]]:
    """Whose token it is, and for which of the audiences. Raises TokenRefused."""
    claims = _claims(token)
    accepted = audiences or [ISSUER]
    shared = [each for each in accepted if each in claims["aud"]]
    if not shared:
        raise TokenRefused(f"token audiences {_go(claims['aud'])} is invalid for the target audiences {_go(accepted)}")
    if now_ns // SECOND > claims["exp"] + LEEWAY_SECONDS:
        raise TokenRefused("service account token has expired")
    inside = claims["kubernetes.io"]
    namespace, account = inside["namespace"], inside["serviceaccount"]
    found = state.get("serviceaccounts", namespace, account["name"])
    if found is None or found["metadata"].get("deletionTimestamp"):
        raise TokenRefused("service account token has been invalidated")
    if found["metadata"]["uid"] != account["uid"]:
        raise TokenRefused(f"service account UID ({found['metadata']['uid']}) does not match claim ({account['uid']})")
    for resource, kind in (("pods", "pod"), ("secrets", "secret")):
        if kind in inside:
            bound = state.get(resource, namespace, inside[kind]["name"])
            if bound is None or inside[kind]["uid"] not in ("", bound["metadata"]["uid"]):
                raise TokenRefused("service account token has been invalidated")
    return _user(claims["sub"], namespace, account["uid"], inside.get("pod")), shared


def _claims(token: str) -> Object:
    body, _, signature = token.rpartition(".")
    if not body or not hmac.compare_digest(_signature(body), signature):
        raise TokenRefused("")
    encoded = body.partition(".")[2]
    claims: Object = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return claims


def _user(name: str, namespace: str, uid: str, pod: Object | None) -> User:
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
    if pod is not None:
        prefix = "authentication.kubernetes.io"
        extra = ((f"{prefix}/pod-name", (pod["name"],)), (f"{prefix}/pod-uid", (pod["uid"],)))
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(name, groups, uid, extra)


def _go(texts: list[str]) -> str:
    return "[" + " ".join(map(go_quote, texts)) + "]"
