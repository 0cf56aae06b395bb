"""Which pods name a claim, kept as pods come and go: claims are asked for their pods far more rarely than pods change.

upstream: pkg/controller/volume/common/common.go (PodPVCIndex), 1.28.
"""

from __future__ import annotations

from kubelab.engine.component import Change, Scope
from kubelab.store.log import Object

TABLE = "pods of claims"


def claims_of(pod: Object) -> list[str]:
    """The names of the claims that a pod uses, generic ephemeral ones included."""
    found = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            found.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            found.append(f"{pod['metadata']['name']}-{volume['name']}")
    return found


def note_pod(change: Change, scope: Scope) -> None:
    """A pod's volumes never change: only its coming and going matter."""
    if change.old is not None and change.type != "DELETED":
        return
    pod = change.object
    claims = claims_of(pod)
    if not claims:
        return
    table = scope.table(TABLE)
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    for claim in claims:
        others = tuple(other for other in table.get((namespace, claim), ()) if other != name)
        if change.type != "DELETED":
            table[(namespace, claim)] = (*others, name)
        elif others:
            table[(namespace, claim)] = others
        else:
            table.pop((namespace, claim), None)


def pods_of(scope: Scope, namespace: str, claim: str) -> list[Object]:
    """The pods that use a claim, as the view has them."""
    names = scope.table(TABLE).get((namespace, claim), ())
    found = (scope.view.get("pods", namespace, name) for name in names)
    return [pod for pod in found if pod is not None]
