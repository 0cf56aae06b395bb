"""The service account controller: a namespace without its ``default`` account gets one.

upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Key, Plan, Reason, create, step, wait
from kubelab.store.log import Object

NAME = "default"
MISSING = Reason("AccountMissing", "{subject} has no service account 'default'")
PRESENT = Reason("AccountPresent", "{subject} has its service account 'default'")
TERMINATING = Reason("NamespaceTerminating", "{subject} is not active")


@dataclass(frozen=True, slots=True)
class Seen:
    namespace: Object
    account: Object | None


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace = scope.view.get("namespaces", "", key[0])
    return None if namespace is None else Seen(namespace, scope.view.get("serviceaccounts", key[0], NAME))


def plan(seen: Seen) -> Plan:
    name = seen.namespace["metadata"]["name"]
    subject = f"namespace/{name}"
    if (seen.namespace.get("status") or {}).get("phase") != "Active":
        return wait(TERMINATING(subject))
    if seen.account is not None:
        return wait(PRESENT(subject))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": name}}
    return step(create("serviceaccounts", account, accept=(409,), ignore_terminating=True, because=MISSING(subject)))


def namespace_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return () if change.type == "DELETED" else ((change.object["metadata"]["name"],),)


def account_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    """Only a deleted account needs a look."""
    return ((change.object["metadata"]["namespace"],),) if change.type == "DELETED" else ()


CONTROLLER = Controller(
    name="serviceaccount-controller",
    identity=service_account("service-account-controller"),
    watches=(Watch("namespaces", namespace_keys), Watch("serviceaccounts", account_keys)),
    observe=observe,
    plan=plan,
    workers=1,
)
