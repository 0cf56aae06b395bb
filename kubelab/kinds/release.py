"""What a release serves, and in what it differs: one table. Everything else of an older release follows from these rows.

A row names a kind by the house's storage name and says under which groups and versions the release serves it, the preferred ones first (the
first is the one in which it is stored), and which of its functions are others. Kinds without a row are not served. What the release's schema
does not know is dropped from every object before it is stored, so that newer defaults leave no trace.

upstream: pkg/master/master.go DefaultAPIResourceConfigSource, pkg/registry/*/rest/storage_*.go,
cmd/kube-apiserver/app/{server,aggregator}.go, 1.7. spec: release-1.7.md, section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from kubelab.kinds import schema
from kubelab.kinds.apps import v1beta1
from kubelab.kinds.autoscaling import v1_7 as autoscaling
from kubelab.kinds.batch import v1_7 as batch
from kubelab.kinds.core import service_v1_7
from kubelab.kinds.core import v1_7 as core
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.networking import v1beta1 as networking
from kubelab.kinds.older import drop_unknown, own_copy
from kubelab.kinds.older_words import without_later
from kubelab.kinds.podspec.v1_7 import additions

Default = Callable[[Object, Context], None]
OWN_GROUPS = ("lab.kubelab.dev",)
_V1 = ("v1",)
_BETA = ("v1", "v1beta1")
_BOTH_RBAC = ("v1beta1", "v1alpha1")
_RBAC = "rbac.authorization.k8s.io"


class Row(NamedTuple):
    """``served``: (group, versions, changes of that group alone) in order of preference; ``changes``: fields of ``Kind`` that are others.

    ``whole``: stored with its newer fields, on which its own rules build; they are left out where it is shown.
    """

    resource: str
    served: Sequence[tuple[str, tuple[str, ...], Mapping[str, Any]]]
    changes: Mapping[str, Any] = {}
    whole: bool = False


def _core(plural: str, **changes: Any) -> Row:
    return Row(plural, (("", _V1, {}),), changes)


def _in(resource: str, group: str, versions: tuple[str, ...], **changes: Any) -> Row:
    return Row(resource, ((group, versions, {}),), changes)


_ORPHANS = {"orphans_by_default": True}
_PODS = ("attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status")

TABLE_1_7: tuple[Row, ...] = (
    _core("bindings"),
    _core("configmaps"),
    _core("endpoints", validate=core.validate_endpoints, validate_update=core.validate_endpoints_update),
    _core("events", conversions={}),
    _core("limitranges"),
    _core("namespaces"),
    _core("nodes", default=core.default_node, validate_update=core.validate_node_update, validate_status=core.validate_node_change),
    _core("persistentvolumeclaims", validate=core.validate_claim, validate_update=core.validate_claim_update),
    _core("persistentvolumes", validate=core.validate_volume, validate_update=core.validate_volume_update),
    _core("pods", subresources=_PODS),
    _core("podtemplates"),
    _core("replicationcontrollers"),
    _core("resourcequotas"),
    _core("secrets"),
    _core("serviceaccounts", subresources=()),
    _core(
        "services",
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        default=service_v1_7.default,
        validate=service_v1_7.validate,
        validate_update=service_v1_7.validate_update,
    )._replace(whole=True),
    Row(
        "deployments.apps",
        (
            ("extensions", ("v1beta1",), {"default": v1beta1.default_extensions_deployment}),
            ("apps", ("v1beta1",), {"default": v1beta1.default_apps_deployment}),
        ),
        {
            **_ORPHANS,
            "subresources": ("rollback", "scale", "status"),
            "validate": v1beta1.validate_deployment,
            "validate_update": v1beta1.validate_deployment_update,
        },
    ),
    _in(
        "replicasets.apps",
        "extensions",
        ("v1beta1",),
        **_ORPHANS,
        default=v1beta1.default_replica_set,
        validate=v1beta1.validate_replica_set,
        validate_update=v1beta1.validate_replica_set_update,
    ),
    _in(
        "daemonsets.apps",
        "extensions",
        ("v1beta1",),
        **_ORPHANS,
        categories=(),
        default=v1beta1.default_daemon_set,
        prepare_create=v1beta1.prepare_daemon_set,
        prepare_update=v1beta1.prepare_daemon_set_update,
        prepare_status=v1beta1.prepare_daemon_set_status,
        validate=v1beta1.validate_daemon_set,
        validate_update=v1beta1.validate_daemon_set_update,
    ),
    _in(
        "statefulsets.apps",
        "apps",
        ("v1beta1",),
        **_ORPHANS,
        subresources=("status",),
        default=v1beta1.default_stateful_set,
        validate=v1beta1.validate_stateful_set,
        validate_update=v1beta1.validate_stateful_set_update,
        validate_status=v1beta1.no_errors,
        validate_name=None,
    ),
    _in("controllerrevisions.apps", "apps", ("v1beta1",)),
    _in(
        "ingresses.networking.k8s.io",
        "extensions",
        ("v1beta1",),
        validate=networking.validate,
        validate_update=networking.validate_update,
    ),
    Row(
        "networkpolicies.networking.k8s.io",
        (("extensions", ("v1beta1",), {}), ("networking.k8s.io", _V1, {})),
        {"short_names": (), "validate": networking.validate_policy, "validate_update": networking.validate_policy_update},
    ),
    _in("tokenreviews.authentication.k8s.io", "authentication.k8s.io", _BETA),
    _in("localsubjectaccessreviews.authorization.k8s.io", "authorization.k8s.io", _BETA),
    _in("selfsubjectaccessreviews.authorization.k8s.io", "authorization.k8s.io", _BETA),
    _in("subjectaccessreviews.authorization.k8s.io", "authorization.k8s.io", _BETA),
    _in(
        "horizontalpodautoscalers.autoscaling",
        "autoscaling",
        _V1,
        stored_version="autoscaling/v2",
        validate=autoscaling.validate,
        validate_update=autoscaling.validate_update,
        validate_status=autoscaling.validate_status,
    ),
    _in("scales.autoscaling", "autoscaling", _V1),
    _in("jobs.batch", "batch", _V1, prepare_create=batch.prepare_job, validate=batch.validate_job),
    _in("evictions.policy", "policy", ("v1beta1",)),
    _in("poddisruptionbudgets.policy", "policy", ("v1beta1",)),
    _in(f"clusterrolebindings.{_RBAC}", _RBAC, _BOTH_RBAC),
    _in(f"clusterroles.{_RBAC}", _RBAC, _BOTH_RBAC),
    _in(f"rolebindings.{_RBAC}", _RBAC, _BOTH_RBAC),
    _in(f"roles.{_RBAC}", _RBAC, _BOTH_RBAC),
    _in("storageclasses.storage.k8s.io", "storage.k8s.io", _BETA)._replace(whole=True),
)

GROUP_ORDER_1_7 = (
    "extensions",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
)


def kinds_of(release: str, present: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """The kinds of an older release, made of those of today: of one that two groups serve there are two, with one place in the store."""
    known = {kind.resource: kind for kind in present}
    found = [kind for kind in present if kind.group in OWN_GROUPS]
    for row in TABLE_1_7:
        group, versions, _ = row.served[0]
        stored = f"{group}/{versions[0]}" if group else versions[0]
        for group, versions, own in row.served:
            found.append(_served(known[row.resource], release, group, versions, stored, {**row.changes, **own}, whole=row.whole))
    return tuple(found)


def _served(
    kind: Kind, release: str, group: str, versions: tuple[str, ...], stored: str, changes: Mapping[str, Any], *, whole: bool
) -> Kind:
    changes = {"stored_version": stored, **changes}
    version = str(changes["stored_version"])
    place, _, number = version.rpartition("/")
    shape = schema.for_kind(place, number, kind.kind, release)
    made = replace(kind, group=group, versions=versions, release=release, stored_in=kind.resource, warnings=None, **changes)
    settle = _settling(version, None if whole else shape)
    default = made.default
    return replace(
        made,
        default=_then(default, settle),
        prepare_create=_then(made.prepare_create, settle),
        prepare_update=_then_update(made.prepare_update, settle),
        prepare_status=None if made.prepare_status is None else _then_update(made.prepare_status, settle),
        validate=_completed(kind.kind, made.validate, None if whole else default),
        validate_update=_completed_update(kind.kind, made.validate_update, None if whole else default),
        defaults_replace=False,
    )


def _settling(version: str, shape: schema.Struct | None) -> Callable[[Object], None]:
    def settle(obj: Object) -> None:
        obj["apiVersion"] = version
        if shape is not None:
            drop_unknown(obj, shape)

    return settle


def _then(function: Callable[[Object, Context], None], settle: Callable[[Object], None]) -> Callable[[Object, Context], None]:
    def settled(obj: Object, ctx: Context) -> None:
        function(obj, ctx)
        settle(obj)

    return settled


def _then_update(
    function: Callable[[Object, Object, Context], None], settle: Callable[[Object], None]
) -> Callable[[Object, Object, Context], None]:
    def settled(obj: Object, old: Object, ctx: Context) -> None:
        function(obj, old, ctx)
        settle(obj)

    return settled


def _completed(
    name: str, validate: Callable[[Object, Context], list[FieldError]], default: Default | None
) -> Callable[[Object, Context], list[FieldError]]:
    """The rules of today ask for fields of today: what is validated has their defaults. Rules of then alone are asked besides."""

    def validated(obj: Object, ctx: Context) -> list[FieldError]:
        if default is None:
            return without_later(validate(obj, ctx)) + additions(name, obj)
        whole = own_copy(obj)
        default(whole, ctx)
        return without_later(validate(whole, ctx)) + additions(name, whole)

    return validated


def _completed_update(
    name: str, validate: Callable[[Object, Object, Context], list[FieldError]], default: Default | None
) -> Callable[[Object, Object, Context], list[FieldError]]:
    def validated(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
        if default is None:
            return without_later(validate(obj, old, ctx)) + additions(name, obj)
        whole, before = own_copy(obj), own_copy(old)
        default(whole, ctx)
        default(before, ctx)
        return without_later(validate(whole, before, ctx)) + additions(name, whole)

    return validated


@cache
def renamed() -> Mapping[str, str]:
    """Storage name → the name under which the release's own clients ask for it, where that is another one."""
    places = ((row.resource, row.served[0][0]) for row in TABLE_1_7)
    return {resource: f"{resource.partition('.')[0]}.{group}" for resource, group in places if group != resource.partition(".")[2]}
