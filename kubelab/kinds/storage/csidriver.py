"""CSIDriver: what a storage driver can do.

upstream: pkg/apis/storage/v1/defaults.go, pkg/apis/storage/validation/validation.go, pkg/registry/storage/csidriver/strategy.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.columns import AGE, NAME, at, dig
from kubelab.kinds.equality import immutable
from kubelab.kinds.field import FieldError, Go, duplicate, invalid, not_supported, required
from kubelab.kinds.gates import enabled
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain
from kubelab.kinds.path_copy import own

_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_MODES = ("Persistent", "Ephemeral")
_SHORTEST_TOKEN = 600


def default(obj: Object, ctx: Context) -> None:
    spec = own(obj, "spec")
    spec.setdefault("attachRequired", True)
    spec.setdefault("podInfoOnMount", False)
    spec.setdefault("storageCapacity", False)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]
    spec.setdefault("requiresRepublish", False)
    if enabled(ctx, "SELinuxMountReadWriteOncePod"):
        spec.setdefault("seLinuxMount", False)


def prepare_create(obj: Object, ctx: Context) -> None:
    if not enabled(ctx, "SELinuxMountReadWriteOncePod"):
        own(obj, "spec").pop("seLinuxMount", None)


def prepare_update(obj: Object, old: Object, ctx: Context) -> None:
    if old["spec"].get("seLinuxMount") is None:
        prepare_create(obj, ctx)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj["spec"]
    errors: list[FieldError] = []
    # The first path is misspelt upstream.
    for name, path in (
        ("attachRequired", "attachedRequired"),
        ("podInfoOnMount", "podInfoOnMount"),
        ("storageCapacity", "storageCapacity"),
    ):
        if spec.get(name) is None:
            errors.append(required(f"spec.{path}"))
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in _GROUP_POLICIES:
        errors.append(not_supported("spec.fsGroupPolicy", policy, _GROUP_POLICIES))
    errors += _validate_token_requests(spec.get("tokenRequests") or [])
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in _MODES:
            errors.append(not_supported("spec.volumeLifecycleModes", mode, _MODES))
    if spec.get("seLinuxMount") is None and enabled(ctx, "SELinuxMountReadWriteOncePod"):
        errors.append(required("spec.seLinuxMount"))
    return errors


def _validate_token_requests(requests: list[Object]) -> list[FieldError]:
    errors: list[FieldError] = []
    audiences: list[str] = []
    for index, request in enumerate(requests):
        path, audience, seconds = f"spec.tokenRequests[{index}]", request.get("audience", ""), request.get("expirationSeconds")
        if audience in audiences:
            errors.append(duplicate(f"{path}.audience", audience))
            continue
        audiences.append(audience)
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            errors.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
        if seconds is not None and seconds > 1 << 32:
            errors.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    spec, old_spec = obj["spec"], old["spec"]
    errors = validate(obj, ctx)
    for name, path in (
        ("attachRequired", "attachedRequired"),
        ("fsGroupPolicy", "fsGroupPolicy"),
        ("podInfoOnMount", "podInfoOnMount"),
        ("volumeLifecycleModes", "volumeLifecycleModes"),
    ):
        errors += immutable(f"spec.{path}", spec.get(name), old_spec.get(name), _shown(spec.get(name)))
    return errors + _validate_token_requests(spec.get("tokenRequests") or [])


def _shown(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return Go("[]storage.VolumeLifecycleMode{" + ", ".join(f'"{mode}"' for mode in value) + "}")


def _token_requests(obj: Object, now_ns: int) -> str:
    requests = dig(obj, ("spec", "tokenRequests"))
    return "<unset>" if requests is None else ",".join(request.get("audience", "") for request in requests)


def _modes(obj: Object, now_ns: int) -> str:
    return ",".join(dig(obj, ("spec", "volumeLifecycleModes"), ())) or "<none>"


KIND = Kind(
    kind="CSIDriver",
    plural="csidrivers",
    group="storage.k8s.io",
    namespaced=False,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    delete_returns_object=True,
    update_needs_resource_version=True,
    columns=(
        NAME,
        Column("AttachRequired", at("spec", "attachRequired", default=True), "boolean"),
        Column("PodInfoOnMount", at("spec", "podInfoOnMount", default=False), "boolean"),
        Column("StorageCapacity", at("spec", "storageCapacity", default=False), "boolean"),
        Column("TokenRequests", _token_requests),
        Column("RequiresRepublish", at("spec", "requiresRepublish", default=False), "boolean"),
        Column("Modes", _modes),
        AGE,
    ),
)
