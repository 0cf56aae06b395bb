"""The publisher: every active namespace has a ConfigMap ``kube-root-ca.crt`` with the cluster's bundle, made again if it is changed.

upstream: pkg/controller/certificates/rootcacertpublisher/publisher.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubelab.controllers.common.cluster_ca import CERTIFICATE
from kubelab.engine.component import Change, Controller, Later, Scope, Watch, service_account
from kubelab.engine.plan import Key, Plan, Reason, create, step, update, wait
from kubelab.store.log import Object

NAME = "kube-root-ca.crt"
DESCRIPTION = "kubernetes.io/description"
WORDS = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
    "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)
DATA = {"ca.crt": CERTIFICATE}

MISSING = Reason("BundleMissing", "{subject} has no configmap 'kube-root-ca.crt'")
CHANGED = Reason("BundleChanged", "the bundle of {subject} is not the cluster's")
PRESENT = Reason("BundlePresent", "{subject} has the cluster's bundle")


@dataclass(frozen=True, slots=True)
class Seen:
    namespace: str
    bundle: Object | None


def observe(scope: Scope, key: Key) -> Seen | None:
    namespace = scope.view.get("namespaces", "", key[0])
    if namespace is None or (namespace.get("status") or {}).get("phase") != "Active":
        return None
    return Seen(key[0], scope.view.get("configmaps", key[0], NAME))


def plan(seen: Seen) -> Plan:
    subject = f"namespace/{seen.namespace}"
    if seen.bundle is None:
        meta = {"name": NAME, "annotations": {DESCRIPTION: WORDS}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": DATA}
        return step(create("configmaps", body, seen.namespace, accept=(404,), ignore_terminating=True, because=MISSING(subject)))
    present = seen.bundle["metadata"].get("annotations") or {}
    if seen.bundle.get("data") == DATA and present.get(DESCRIPTION) == WORDS:
        return wait(PRESENT(subject))
    meta = {**seen.bundle["metadata"], "annotations": {**present, DESCRIPTION: WORDS}}
    return step(update("configmaps", {**seen.bundle, "metadata": meta, "data": DATA}, because=CHANGED(subject)))


def namespace_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    return () if change.type == "DELETED" else ((change.object["metadata"]["name"],),)


def bundle_keys(change: Change, scope: Scope) -> Iterable[Key | Later]:
    meta = change.object["metadata"]
    return ((meta["namespace"],),) if meta["name"] == NAME and change.type != "ADDED" else ()


CONTROLLER = Controller(
    name="root-ca-certificate-publisher-controller",
    identity=service_account("root-ca-cert-publisher"),
    watches=(Watch("namespaces", namespace_keys), Watch("configmaps", bundle_keys)),
    observe=observe,
    plan=plan,
    workers=1,
)
