"""ServiceAccount: every pod runs as one, gets its token as a projected volume, and its pull secrets.

upstream: plugin/pkg/admission/serviceaccount/admission.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelab.apiserver import status
from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden
from kubelab.apiserver.authorization.node import MIRROR
from kubelab.apiserver.authorization.references import secrets_of_pod
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object
from kubelab.world.streams import Streams

DEFAULT = "default"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME = "kube-api-access"
EXPIRATION_SECONDS = 3607
_ENFORCE_MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"
_TOKEN = "kubernetes.io/service-account-token"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


class ServiceAccount:
    """Only the creation of pods, and ephemeral containers, are looked at."""

    name = "ServiceAccount"
    handles = (("CREATE", "pods"), ("UPDATE", "pods/ephemeralcontainers"))
    needs = ""

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        pod = attributes.object
        if pod is None or attributes.operation != "CREATE":
            return
        if _is_mirror(pod):
            _check_mirror(attributes, pod)
            return
        spec = pod["spec"]
        if not spec.get("serviceAccountName"):
            spec["serviceAccountName"] = spec["serviceAccount"] = DEFAULT
        account = _account(attributes, cluster, spec["serviceAccountName"])
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None:
            wanted = account.get("automountServiceAccountToken")
        if wanted is not False and attributes.context.release == "1.7":
            _mount_secret(spec, account, cluster)
        elif wanted is not False:
            _mount_token(spec, cluster.streams)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [{"name": each.get("name", "")} for each in account["imagePullSecrets"]]

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        pod = attributes.object
        if pod is None:
            return
        if attributes.operation == "CREATE" and _is_mirror(pod):
            _check_mirror(attributes, pod)
            return
        spec = pod["spec"]
        name = spec.get("serviceAccountName")
        if not name:
            why = f"no service account specified for pod {attributes.namespace}/{pod['metadata'].get('name', '')}"
            raise forbidden(attributes, why)
        account = _account(attributes, cluster, name)
        if (account["metadata"].get("annotations") or {}).get(_ENFORCE_MOUNTABLE) in _TRUE:
            problems = _unlisted(account, spec) if attributes.operation == "CREATE" else _unlisted_ephemeral(account, spec)
            for problem in problems:
                raise forbidden(attributes, problem)


def _is_mirror(pod: Object) -> bool:
    return MIRROR in (pod["metadata"].get("annotations") or ())


def _check_mirror(attributes: Attributes, pod: Object) -> None:
    spec = pod["spec"]
    if spec.get("serviceAccountName"):
        raise forbidden(attributes, "a mirror pod may not reference service accounts")
    if any(secrets_of_pod(pod)):
        raise forbidden(attributes, "a mirror pod may not reference secrets")
    for volume in spec.get("volumes") or ():
        if any("serviceAccountToken" in source for source in (volume.get("projected") or {}).get("sources") or ()):
            raise forbidden(attributes, "a mirror pod may not use ServiceAccountToken volume projections")


def _account(attributes: Attributes, cluster: Cluster, name: str) -> Object:
    account = cluster.state.get("serviceaccounts", attributes.namespace, name)
    if account is None:
        place = f"{attributes.namespace}/{name}"
        raise forbidden(attributes, f"error looking up service account {place}: serviceaccount {go_quote(name)} not found")
    return account


def _mount_secret(spec: Object, account: Object, cluster: Cluster) -> None:
    """1.7: the Secret that holds the account's token is the volume; a server error as long as there is none."""
    namespace, names = account["metadata"]["namespace"], [each.get("name", "") for each in account.get("secrets") or ()]
    found = (cluster.state.get("secrets", namespace, name) for name in names)
    secret = next((each["metadata"]["name"] for each in found if each is not None and each.get("type") == _TOKEN), "")
    if not secret:
        why = f"No API token found for service account {go_quote(account['metadata']['name'])}, "
        why += "retry after the token is automatically created and added to the service account"
        raise status.failure(500, "ServerTimeout", why, {"name": "create pod", "kind": "serviceaccounts", "retryAfterSeconds": 1})
    for volume in spec.get("volumes") or ():
        if (volume.get("secret") or {}).get("secretName") == secret:
            _mounted_everywhere(spec, volume["name"])
            return
    name = secret
    if any(volume["name"] == secret for volume in spec.get("volumes") or ()):
        name = f"{secret}-{cluster.streams.suffix('token-volume')}"
    if _mounted_everywhere(spec, name):
        volume = {"name": name, "secret": {"secretName": secret, "defaultMode": 420}}
        spec["volumes"] = [*(spec.get("volumes") or ()), volume]


def _mounted_everywhere(spec: Object, name: str) -> bool:
    """Mount a volume where nothing is mounted yet; whether that was anywhere."""
    needed = False
    for field in ("initContainers", "containers"):
        for container in spec.get(field) or ():
            mounts = container.get("volumeMounts") or []
            if not any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
                container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
                needed = True
    return needed


def _mount_token(spec: Object, streams: Streams) -> None:
    """Mount the token in every container that has nothing at its path, and add its volume if any does."""
    name, present = "", False
    for volume in spec.get("volumes") or ():
        if volume["name"].startswith(f"{VOLUME}-"):
            name, present = volume["name"], True
            break
    if not present:
        name = f"{VOLUME}-{streams.suffix('kube-api-access')}"
    if _mounted_everywhere(spec, name) and not present:
        spec["volumes"] = [*(spec.get("volumes") or ()), {"name": name, "projected": token_source()}]


def token_source() -> Object:
    """The projected volume of a service account's token."""
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": EXPIRATION_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ],
        "defaultMode": 420,
    }


def _unlisted(account: Object, spec: Object) -> Iterator[str]:
    """Secrets that the pod uses and its account does not list (only where an annotation of the account asks for it)."""
    known = [each.get("name") for each in account.get("secrets") or ()]
    owner = account["metadata"]["name"]
    tail = f"is not allowed because service account {owner} does not reference that secret"
    for volume in spec.get("volumes") or ():
        if "secret" in volume and volume["secret"].get("secretName") not in known:
            yield f'volume with secret.secretName="{volume["secret"].get("secretName", "")}" {tail}'
    for field, words in (("initContainers", "init container"), ("containers", "container")):
        yield from _unlisted_variables(spec, field, words, known, tail)
    pulls = [each.get("name") for each in account.get("imagePullSecrets") or ()]
    for index, each in enumerate(spec.get("imagePullSecrets") or ()):
        if each.get("name") not in pulls:
            yield f'imagePullSecrets[{index}].name="{each.get("name", "")}" {tail[: -len("secret")]}imagePullSecret'


def _unlisted_ephemeral(account: Object, spec: Object) -> Iterator[str]:
    known = [each.get("name") for each in account.get("secrets") or ()]
    tail = f"is not allowed because service account {account['metadata']['name']} does not reference that secret"
    return _unlisted_variables(spec, "ephemeralContainers", "ephemeral container", known, tail)


def _unlisted_variables(spec: Object, field: str, words: str, known: list[str | None], tail: str) -> Iterator[str]:
    for container in spec.get(field) or ():
        for variable in container.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if reference and reference.get("name") not in known:
                where = f"{words} {container['name']} with envVar {variable['name']}"
                yield f'{where} referencing secret.secretName="{reference.get("name", "")}" {tail}'
