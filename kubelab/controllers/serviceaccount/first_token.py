"""The token of each account's own: before 1.24 an account without a Secret of its token got one, and named it.

upstream: ensureReferencedToken in pkg/controller/serviceaccount/tokens_controller.go, 1.7.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from kubelab.apiserver.tokens import ISSUER, YEAR_SECONDS, Bound, issue
from kubelab.controllers.common.cluster_ca import CERTIFICATE
from kubelab.engine.component import Scope
from kubelab.engine.plan import Batch, Call, Plan, Reason, create, update
from kubelab.store.log import Object

WITHOUT_TOKEN = "account without a token"  # no namespace can be called so
TYPE = "kubernetes.io/service-account-token"
NAME, UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
SECONDS = 100 * YEAR_SECONDS

NO_TOKEN = Reason("AccountWithoutToken", "{subject} has no Secret with its token")


@dataclass(frozen=True, slots=True)
class Tokenless:
    """An account that names no Secret of its token; ``name``: what a new one will be called."""

    account: Object
    name: str
    now_ns: int


def observe(scope: Scope, namespace: str, name: str) -> Tokenless | None:
    account = scope.view.get("serviceaccounts", namespace, name)
    if account is None or account["metadata"].get("deletionTimestamp") is not None or has_token(scope, account):
        return None
    return Tokenless(account, f"{name}-token-{scope.streams.suffix('service-account-token')}", scope.now_ns)


def has_token(scope: Scope, account: Object) -> bool:
    """Whether one of the Secrets that it names is there and holds its token (upstream: hasReferencedToken)."""
    meta = account["metadata"]
    found = (scope.view.get("secrets", meta["namespace"], each.get("name", "")) for each in account.get("secrets") or ())
    return any(secret is not None and secret.get("type") == TYPE for secret in found)


def plan(seen: Tokenless) -> Plan:
    """Read the account, make the Secret, name it."""
    account, meta = seen.account, seen.account["metadata"]
    because = NO_TOKEN(f"serviceaccount/{meta['name']}")
    read = Call("get", "serviceaccounts", meta["namespace"], meta["name"], because=because)
    token = issue(account, [ISSUER], seen.now_ns, SECONDS, Bound("Secret", seen.name, ""))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": seen.name, "namespace": meta["namespace"], "annotations": {NAME: meta["name"], UID: meta["uid"]}},
        "type": TYPE,
        "data": {"token": encoded(token), "namespace": encoded(meta["namespace"]), "ca.crt": encoded(CERTIFICATE)},
    }
    named = {**account, "secrets": [*(account.get("secrets") or ()), {"name": seen.name}]}
    made = create("secrets", secret, ignore_terminating=True, because=because)
    written = update("serviceaccounts", named, accept=(404, 409), because=because)
    return Plan((Batch((read,)), Batch((made,)), Batch((written,))))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
