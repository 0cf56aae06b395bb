"""The admission chain: plug-ins in upstream's order, all mutations first, then all validations.

upstream: pkg/kubeapiserver/options/plugins.go, apiserver/pkg/admission/{chain,errors}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from kubelab.apiserver.admission.api import Attributes, Cluster, Plugin, nothing
from kubelab.apiserver.admission.default_ingress_class import DefaultIngressClass
from kubelab.apiserver.admission.default_storage_class import DefaultStorageClass
from kubelab.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from kubelab.apiserver.admission.limit_ranger import LimitRanger
from kubelab.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kubelab.apiserver.admission.node_restriction import NodeRestriction
from kubelab.apiserver.admission.pod_security import PodSecurity
from kubelab.apiserver.admission.priority import Priority
from kubelab.apiserver.admission.pvc_resize import PersistentVolumeClaimResize
from kubelab.apiserver.admission.resource_quota import ResourceQuota
from kubelab.apiserver.admission.runtime_class import RuntimeClass
from kubelab.apiserver.admission.service_account import ServiceAccount
from kubelab.apiserver.admission.storage_object_in_use_protection import StorageObjectInUseProtection
from kubelab.apiserver.admission.taint_nodes_by_condition import TaintNodesByCondition
from kubelab.apiserver.authorization import check, escalation, rbac
from kubelab.apiserver.request import User
from kubelab.apiserver.work import Work
from kubelab.store.log import Manager, Object

PLUGINS: tuple[Plugin, ...] = (
    NamespaceLifecycle(),
    LimitRanger(),
    ServiceAccount(),
    NodeRestriction(),
    TaintNodesByCondition(),
    PodSecurity(),
    Priority(),
    DefaultTolerationSeconds(),
    DefaultStorageClass(),
    StorageObjectInUseProtection(),
    PersistentVolumeClaimResize(),
    RuntimeClass(),
    DefaultIngressClass(),
    ResourceQuota(),
)
PLUGINS_1_7 = tuple(
    plugin
    for plugin in PLUGINS
    if isinstance(
        plugin,
        (NamespaceLifecycle, LimitRanger, ServiceAccount, NodeRestriction, DefaultTolerationSeconds, DefaultStorageClass, ResourceQuota),
    )
)
ONLY_REFUSING = (NamespaceLifecycle, NodeRestriction)

Step = tuple[str, Callable[[Attributes, Cluster], None]]


def changes(work: Work) -> bool:
    """Whether some plug-in may change this draft, or the strategy may that comes after them."""
    return _may_change(work.operation, _resource(work), work.kind.stored_as_sent, work.kind.release)


@cache
def _may_change(operation: str, resource: str, stored_as_sent: bool, release: str = "1.28") -> bool:
    """Plug-ins that only refuse count where a strategy would: not for what is stored as it was sent."""
    admitting = (plugin for plugin in _handling(operation, resource, release) if type(plugin).admit is not nothing)
    return any(not stored_as_sent or type(plugin) not in ONLY_REFUSING for plugin in admitting)


def mutate(work: Work) -> None:
    """Let every plug-in change the draft, or refuse; then see that no role or binding gives more than its writer holds."""
    _run(work, _steps(work.operation, _resource(work), work.kind.release)[0])
    if work.kind.group == rbac.GROUP and work.operation != "DELETE":
        escalation.confirm(work)


def review(work: Work) -> None:
    """Let every plug-in refuse the final object."""
    if work.created and work.request.verb != "create":
        check.authorize_creation(work.server, work.request)
    _run(work, _steps(work.operation, _resource(work), work.kind.release)[1])


def _resource(work: Work) -> str:
    subresource = work.request.subresource
    return f"{work.kind.resource}/{subresource}" if subresource else work.kind.resource


@cache
def _steps(operation: str, resource: str, release: str) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Who mutates and who validates this kind of write."""
    plugins = _handling(operation, resource, release)
    admits = tuple((plugin.needs, plugin.admit) for plugin in plugins if type(plugin).admit is not nothing)
    validates = tuple((plugin.needs, plugin.validate) for plugin in plugins if type(plugin).validate is not nothing)
    return admits, validates


def _handling(operation: str, resource: str, release: str) -> list[Plugin]:
    wanted = ((operation, resource), (operation, "*"))
    return [plugin for plugin in (PLUGINS_1_7 if release == "1.7" else PLUGINS) if any(each in wanted for each in plugin.handles)]


def _run(work: Work, steps: tuple[Step, ...]) -> None:
    """Call the plug-ins that have something to look at."""
    attributes: Attributes | None = None
    for needs, step in steps:
        if needs and (needs, work.request.namespace) not in work.server.store.head.by_namespace:
            continue
        if attributes is None:
            attributes, cluster = _attributes(work), _cluster(work)
        step(attributes, cluster)


def _attributes(work: Work) -> Attributes:
    request = work.request
    name = request.name
    if not name and request.verb == "create":
        name = work.object["metadata"].get("name") or ""
    return Attributes(
        work.operation,
        work.kind,
        request.subresource,
        request.namespace if work.kind.namespaced else "",
        name,
        None if work.operation == "DELETE" else work.object,
        None if work.created else work.old,
        request.user,
        request.options,
        work.context,
        work.warnings,
        None if work.server.recording is None else work.server.recording.annotated(),
    )


def _cluster(work: Work) -> Cluster:
    door = _Door(work)
    return Cluster(work.server.store.head, work.server.streams, door.write, door.authorize)


class _Door:
    """What a plug-in may do besides reading, for the time of one request."""

    __slots__ = ("work",)

    def __init__(self, work: Work) -> None:
        self.work = work

    def write(self, resource: str, namespace: str, name: str, obj: Object) -> None:
        written = {**obj, "metadata": {**obj["metadata"]}}
        manager = Manager("kube-apiserver", "Update", written["apiVersion"], "status")
        self.work.commit("MODIFIED", (resource, namespace, name), written, manager)

    def authorize(self, user: User, verb: str, resource: str, subresource: str, namespace: str, name: str) -> bool:
        return check.can(self.work.server, user, verb, resource, subresource, namespace, name).allowed
