"""Who is told of what: the informers of each process of a control plane, as upstream starts them, of those kinds that are served.

upstream, 1.28:
* kube-apiserver (its loopback client): pkg/kubeapiserver/{authorizer/config.go, options/authentication.go}, SetExternalKubeInformerFactory of the
  admission plug-ins that are on, pkg/controlplane/instance.go, apiserver/pkg/{server/options/admission.go, util/flowcontrol},
  kube-aggregator/pkg/apiserver/apiserver.go, apiextensions-apiserver/pkg/apiserver/apiserver.go.
* kube-controller-manager: one shared informer for each kind that a controller asks for, and the garbage collector asks for all that can be
  deleted, listed and watched, events excepted (pkg/controller/garbagecollector/{garbagecollector,graph_builder}.go); kinds that client-go does not
  know come as metadata (controller-manager/pkg/informerfactory).
* kube-scheduler: pkg/scheduler/{scheduler,eventhandlers}.go and the listers of framework/plugins/{interpodaffinity,podtopologyspread,
  defaultpreemption,nodevolumelimits,volumebinding}.
* kubelet: pkg/kubelet/{kubelet.go, config/apiserver.go, volume_host.go, runtimeclass, util/manager/watch_based_manager.go}.
* csi-provisioner: sig-storage-lib-external-provisioner controller/controller.go; cluster-autoscaler: utils/kubernetes/listers.go, 1.28.

Recorded lists and watches of a 1.20.2 control plane agree but for what has come and gone since (tests/unit/engine/test_informers.py).
"""

from __future__ import annotations

from typing import NamedTuple

from kubelab.apiserver.audit import agents
from kubelab.apiserver.request import User
from kubelab.engine.component import Identity
from kubelab.kinds import registry
from kubelab.kinds.registry import asked_as
from kubelab.world.timing import Timing

APISERVER, MANAGER, SCHEDULER, KUBELET = "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"
PROVISIONER, AUTOSCALER = "csi-provisioner", "cluster-autoscaler"
LOOPBACK = User("system:apiserver", ("system:masters",))  # upstream: AuthorizeClientBearerToken, apiserver/pkg/server/config.go
IGNORED = ("events",)  # upstream: garbagecollector.DefaultIgnoredResources
NOT_TERMINAL = "status.phase!=Succeeded,status.phase!=Failed"


class Informer(NamedTuple):
    """What one informer asks for. ``selector``: a field selector, ``{node}`` in it is the node's name; ``bare``: see ``Reflector``."""

    resource: str
    namespace: str = ""
    selector: str = ""
    bare: bool = False


class Client(NamedTuple):
    """The informers that share a client, and so its limit (``qps`` 0: none). ``agent``: its user agent as a whole."""

    user: User
    agent: str
    informers: tuple[Informer, ...]
    qps: float = 0
    burst: int = 0


_RBAC = tuple(f"{plural}.rbac.authorization.k8s.io" for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings"))
_CONTROL = ("flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io")

TABLE: dict[str, tuple[Informer, ...]] = {
    APISERVER: (
        *map(Informer, _RBAC),
        *map(Informer, ("pods", "nodes", "persistentvolumes", "volumeattachments.storage.k8s.io")),  # the node authorizer
        *map(Informer, ("serviceaccounts", "secrets", "namespaces", "limitranges", "resourcequotas")),
        Informer("priorityclasses.scheduling.k8s.io"),
        Informer("runtimeclasses.node.k8s.io"),
        Informer("storageclasses.storage.k8s.io"),
        Informer("ingressclasses.networking.k8s.io"),
        Informer("mutatingwebhookconfigurations.admissionregistration.k8s.io"),
        Informer("validatingwebhookconfigurations.admissionregistration.k8s.io"),
        *map(Informer, ("services", "endpoints")),  # the aggregator
        Informer("apiservices.apiregistration.k8s.io"),
        Informer("customresourcedefinitions.apiextensions.k8s.io"),
        *map(Informer, _CONTROL),
        Informer("configmaps", "kube-system"),
    ),
    SCHEDULER: (
        Informer("pods", "", NOT_TERMINAL),
        *map(Informer, ("nodes", "namespaces", "persistentvolumes", "persistentvolumeclaims", "services", "replicationcontrollers")),
        *map(Informer, ("replicasets.apps", "statefulsets.apps", "poddisruptionbudgets.policy")),
        *(Informer(f"{plural}.storage.k8s.io") for plural in ("csinodes", "csidrivers", "csistoragecapacities", "storageclasses")),
    ),
    KUBELET: (
        Informer("nodes", "", "metadata.name={node}"),
        Informer("services"),
        Informer("csidrivers.storage.k8s.io"),
        Informer("runtimeclasses.node.k8s.io"),
        Informer("pods", "", "spec.nodeName={node}", bare=True),
    ),
    PROVISIONER: tuple(map(Informer, ("persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"))),
    AUTOSCALER: (
        *map(
            Informer, ("pods", "nodes", "namespaces", "services", "replicationcontrollers", "persistentvolumes", "persistentvolumeclaims")
        ),
        *map(Informer, ("daemonsets.apps", "replicasets.apps", "statefulsets.apps", "jobs.batch", "poddisruptionbudgets.policy")),
        *(Informer(f"{plural}.storage.k8s.io") for plural in ("csinodes", "csidrivers", "csistoragecapacities", "storageclasses")),
    ),
}
"""Process → its informers. The controller manager's follow from what is served."""

SHARED, METADATA = "shared-informers", "metadata-informers"
_UNKNOWN = ("apiextensions.k8s.io", "apiregistration.k8s.io", "lab.kubelab.dev")  # groups that client-go's scheme lacks


def clients(process: str, identity: Identity, node: str, timing: Timing, release: str) -> tuple[Client, ...]:
    """What a process (as its components' user agent names it) lists and watches when it starts; nothing for one that has no informers."""
    user = User(identity.user, identity.groups)
    if process == MANAGER:
        user = User("system:kube-controller-manager", ("system:authenticated",))
        limits = (timing.client_qps, timing.client_burst)
        return (
            Client(user, f"{agent_of(MANAGER, release)}/{SHARED}", _collected(release, known=True), *limits),
            Client(user, f"{agent_of(MANAGER, release)}/{METADATA}", _collected(release, known=False), *limits),
        )
    informers = tuple(
        one._replace(selector=one.selector.format(node=node)) if "{" in one.selector else one
        for one in _served(TABLE.get(process, ()), release, process)
    )
    if process == KUBELET:
        return (Client(user, agent_of(KUBELET, release), informers, timing.kubelet_qps, timing.kubelet_burst),)
    if process == SCHEDULER:
        return (
            Client(user, agents.full(SCHEDULER, identity.user, release=release), informers, timing.scheduler_qps, timing.scheduler_burst),
        )
    return (Client(user, identity.agent, informers),) if informers else ()


def of_api_server(release: str) -> Client:
    """What the API server itself is told of, by its loopback client, which has no limit."""
    return Client(LOOPBACK, agent_of(APISERVER, release), _served(TABLE[APISERVER], release, APISERVER))


def _collected(release: str, *, known: bool) -> tuple[Informer, ...]:
    """What the garbage collector asks for, and with it all that any other controller does."""
    found = [kind for kind in registry.all_kinds(release) if {"delete", "list", "watch"} <= set(kind.verbs)]
    return tuple(Informer(kind.asked) for kind in found if kind.resource not in IGNORED and (kind.group not in _UNKNOWN) == known)


LATER_THAN_1_7 = {
    SCHEDULER: ("namespaces", "poddisruptionbudgets.policy", "storageclasses.storage.k8s.io"),
    APISERVER: ("nodes", "persistentvolumes", "services", "endpoints"),
}
"""What was not asked for yet in 1.7. upstream: plugin/pkg/scheduler/factory/factory.go, pkg/kubeapiserver/authorizer/config.go, 1.7."""


def _served(informers: tuple[Informer, ...], release: str, process: str) -> tuple[Informer, ...]:
    """Those of kinds that a release serves, by the names under which its clients ask for them."""
    later = LATER_THAN_1_7.get(process, ()) if release == "1.7" else ()
    names = asked_as(release)
    return tuple(
        one._replace(resource=names.get(one.resource, one.resource))
        for one in informers
        if one.resource not in later and _is_served(one.resource, release)
    )


def _is_served(resource: str, release: str) -> bool:
    try:
        return "watch" in registry.by_resource(resource, release).verbs
    except KeyError:
        return False


def agent_of(command: str, release: str = "1.28") -> str:
    """The user agent of a binary, to which a client may add its name."""
    version, commit = (agents.VERSION, agents.COMMIT) if release == "1.28" else agents.OLDER[release]
    return f"{command}/{version} (linux/amd64) kubernetes/{commit}"
