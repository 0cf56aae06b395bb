"""The tokens controller: a Secret that asks for an account's token gets it, and goes with the account.

Since 1.24 no account has such a Secret by itself. The token is one of the server's own kind with a life of a hundred years, where
upstream's has no end.

upstream: pkg/controller/serviceaccount/tokens_controller.go, 1.28.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.apiserver.tokens import ISSUER, YEAR_SECONDS, Bound, issue
from kubelab.controllers.common.cluster_ca import CERTIFICATE
from kubelab.controllers.serviceaccount import first_token
from kubelab.controllers.serviceaccount.first_token import WITHOUT_TOKEN, Tokenless
from kubelab.engine.component import Change, Controller, Identity, Later, Scope, Watch
from kubelab.engine.plan import Batch, Call, Key, Plan, Reason, delete, update, wait
from kubelab.store.log import Object

TYPE = "kubernetes.io/service-account-token"
NAME, UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
SECONDS = 100 * YEAR_SECONDS

GONE_SECRET = "secret that is gone"  # no namespace can be called so

UNNAMED = Reason("SecretGone", "{subject} names secret/{secret}, which is gone")
FILL = Reason("TokenMissing", "{subject} waits for the token of serviceaccount/{account}")
GONE = Reason("AccountGone", "{subject} holds the token of an account that is gone")
COMPLETE = Reason("TokenPresent", "{subject} has its token")


@dataclass(frozen=True, slots=True)
class Seen:
    """``secret`` is None if it is gone; ``name``: how it is called."""

    name: str
    secret: Object | None
    account: Object | None
    now_ns: int


def observe(scope: Scope, key: Key) -> Seen | Tokenless | None:
    if key[0] == WITHOUT_TOKEN:
        return first_token.observe(scope, key[1], key[2])
    if key[0] == GONE_SECRET:
        _, namespace, name, account_name, uid = key
        account = scope.view.get("serviceaccounts", namespace, account_name)
        if account is None or (uid and account["metadata"]["uid"] != uid):
            return None
        return Seen(name, None, account, scope.now_ns)
    secret = scope.view.get("secrets", key[0], key[1])
    if secret is None or secret.get("type") != TYPE or secret["metadata"].get("deletionTimestamp") is not None:
        return None
    name, uid = _wanted(secret)
    account = scope.view.get("serviceaccounts", key[0], name)
    if account is not None and uid and account["metadata"]["uid"] != uid:
        account = None
    return Seen(key[1], secret, account, scope.now_ns)


def _wanted(secret: Object) -> tuple[str, str]:
    present = secret["metadata"].get("annotations") or {}
    return present.get(NAME, ""), present.get(UID, "")


def plan(seen: Seen | Tokenless) -> Plan:
    if isinstance(seen, Tokenless):
        return first_token.plan(seen)
    secret, account = seen.secret, seen.account
    if secret is None:
        return _without_reference(seen.name, account)
    meta = secret["metadata"]
    subject, name = f"secret/{meta['name']}", _wanted(secret)[0]
    if account is None:
        read = Call("get", "serviceaccounts", meta["namespace"], name, accept=(404,))
        gone = delete("secrets", secret, uid_precondition=True, accept=(404, 409), because=GONE(subject))
        return Plan((Batch((read,)), Batch((gone,))))
    data = dict(secret.get("data") or {})
    wanted = {"ca.crt": _encoded(CERTIFICATE), "namespace": data.get("namespace") or _encoded(meta["namespace"])}
    if all(data.get(key) == text for key, text in wanted.items()) and data.get("token"):
        return wait(COMPLETE(subject))
    if not data.get("token"):
        token = issue(account, [ISSUER], seen.now_ns, SECONDS, Bound("Secret", meta["name"], meta["uid"]))
        wanted["token"] = _encoded(token)
    marks = {**(meta.get("annotations") or {}), NAME: name, UID: account["metadata"]["uid"]}
    body = {**secret, "metadata": {**meta, "annotations": marks}, "data": {**data, **wanted}}
    read = Call("get", "secrets", meta["namespace"], meta["name"], accept=(404,))
    filled = update("secrets", body, accept=(404, 409), because=FILL(subject, account=name))
    return Plan((Batch((read,)), Batch((filled,))))


def _without_reference(secret: str, account: Object | None) -> Plan:
    """An account does not name a token secret that is gone."""
    if account is None:
        return Plan()
    meta, listed = account["metadata"], account.get("secrets") or []
    read = Call("get", "serviceaccounts", meta["namespace"], meta["name"], accept=(404,))
    kept = [each for each in listed if each.get("name") != secret]
    if len(kept) == len(listed):
        return Plan((Batch((read,)),))
    body = {key: part for key, part in account.items() if key != "secrets"}
    if kept:
        body["secrets"] = kept
    written = update("serviceaccounts", body, accept=(404,), because=UNNAMED(f"serviceaccount/{meta['name']}", secret=secret))
    return Plan((Batch((read,)), Batch((written,))))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    if change.object.get("type") != TYPE:
        return ()
    if change.type == "DELETED":
        return ((GONE_SECRET, meta["namespace"], meta["name"], *_wanted(change.object)),)
    return ((meta["namespace"], meta["name"]),)


def account_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """An account that comes or goes concerns the Secrets that name it. In 1.7 each must have one of its own."""
    meta = change.object["metadata"]
    if scope.release == "1.7" and change.type != "DELETED":
        return ((WITHOUT_TOKEN, meta["namespace"], meta["name"]),)
    if change.type == "MODIFIED":
        return ()
    secrets = scope.view.list("secrets", meta["namespace"])
    return [
        (meta["namespace"], each["metadata"]["name"]) for each in secrets if each.get("type") == TYPE and _wanted(each)[0] == meta["name"]
    ]


CONTROLLER = Controller(
    name="serviceaccount-token-controller",
    identity=Identity("system:kube-controller-manager", ("system:authenticated",), "kube-controller-manager", "tokens-controller"),
    watches=(Watch("serviceaccounts", account_keys), Watch("secrets", secret_keys)),
    observe=observe,
    plan=plan,
    workers=5,
    max_retries=10,
)
