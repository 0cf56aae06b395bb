"""CSINode: the storage drivers of a node.

upstream: pkg/apis/storage/validation/validation.go, pkg/registry/storage/csinode/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, dig
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, duplicate, invalid, required
from kubelab.kinds.go_values import pointer, strings, struct
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import IMMUTABLE, name_is_dns_subdomain, validate_label_name, validate_nonnegative
from kubelab.kinds.path_copy import own
from kubelab.kinds.storage.volumeattachment import validate_driver_name

_MAX_NODE_ID = 256


def default(obj: Object, ctx: Context) -> None:
    own(obj, "spec").setdefault("drivers", None)


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    names: list[str] = []
    for index, driver in enumerate(obj["spec"].get("drivers") or ()):
        errors += _validate_driver(driver, f"spec.drivers[{index}]", names)
    return errors


def _validate_driver(driver: Object, path: str, names: list[str]) -> list[FieldError]:
    name, node_id = driver.get("name", ""), driver.get("nodeID", "")
    errors = validate_driver_name(name, f"{path}.name")
    if not node_id:
        errors.append(required(f"{path}.nodeID"))
    if len(node_id) > _MAX_NODE_ID:
        errors.append(invalid(f"{path}.nodeID", node_id, f"must be {_MAX_NODE_ID} characters or less"))
    count = (driver.get("allocatable") or {}).get("count")
    if count is not None:
        errors += validate_nonnegative(count, f"{path}.allocatable.count")
    if name in names:
        errors.append(duplicate(f"{path}.name", name))
    names.append(name)
    keys = driver.get("topologyKeys") or []
    for index, key in enumerate(keys):
        if not key:
            errors.append(required(path))
        if key in keys[:index]:
            errors.append(duplicate(path, key))
        errors += validate_label_name(key, path)
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    errors = validate(obj, ctx) * 2
    for before in old["spec"].get("drivers") or ():
        for after in obj["spec"].get("drivers") or ():
            if before.get("name") == after.get("name") and not same(after, before):
                errors.append(invalid("CSINodeDriver", _go_driver(after), IMMUTABLE))
    return errors


def _go_driver(driver: Object) -> Go:
    return struct(
        "storage.CSINodeDriver",
        Name=driver.get("name", ""),
        NodeID=driver.get("nodeID", ""),
        TopologyKeys=Go(strings(driver.get("topologyKeys"))),
        Allocatable=Go(pointer("storage.VolumeNodeResources", driver.get("allocatable"))),
    )


def _drivers(obj: Object, now_ns: int) -> int:
    return len(dig(obj, ("spec", "drivers"), ()))


KIND = Kind(
    kind="CSINode",
    plural="csinodes",
    group="storage.k8s.io",
    namespaced=False,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    delete_returns_object=True,
    update_needs_resource_version=True,
    columns=(
        NAME,
        Column("Drivers", _drivers, "integer", description="Drivers indicates the number of CSI drivers registered on the node"),
        AGE,
    ),
)
