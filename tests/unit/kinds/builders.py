"""Objects of the core group for the tables of this folder, and what a strategy alone says about them."""

from __future__ import annotations

import copy
from typing import Any

from kubelab.kinds.decode import check
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_metadata
from kubelab.kinds.registry import by_kind
from kubelab.kinds.schema import for_kind

CONTEXT = Context("2026-01-01T00:00:00Z", 1767225600 * 10**9, gates={"SidecarContainers": True})


def container(name: str = "c", image: str = "nginx:1", **fields: Any) -> Object:
    return {"name": name, "image": image, **fields}


def pod(*, name: str = "p", annotations: Any = None, **spec: Any) -> Object:
    """A pod of one container; keywords replace or add fields of its spec."""
    meta: Object = {"name": name, "namespace": "default"}
    if annotations is not None:
        meta["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container()], **spec}}


def core(kind: str, *, name: str = "x", **fields: Any) -> Object:
    """An object of a core kind; its namespace fits its scope."""
    meta: Object = {"name": name, **fields.pop("metadata", {})}
    if kind_named(kind).namespaced:
        meta.setdefault("namespace", "default")
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **fields}


def kind_named(name: str) -> Kind:
    found = by_kind(name, "")
    assert found is not None
    return found


def settled(body: Object) -> Object:
    """A private copy, decoded and defaulted."""
    kind, obj = kind_named(body["kind"]), copy.deepcopy(body)
    shape = for_kind("", "v1", kind.kind)
    assert shape is not None
    found = check(obj, shape)
    assert not found.errors, found.errors
    kind.default(obj, CONTEXT)
    return obj


def created(body: Object) -> Object:
    obj = settled(body)
    kind_named(body["kind"]).prepare_create(obj, CONTEXT)
    return obj


def create_errors(body: Object) -> list[str]:
    """All findings about a body to be created, metadata first, as texts."""
    kind, obj = kind_named(body["kind"]), created(body)
    name_rule = kind.validate_name or name_is_dns_subdomain
    found = validate_metadata(obj["metadata"], kind.namespaced, name_rule)
    return [error.text() for error in found + kind.validate(obj, CONTEXT)]


def update_errors(old: Object, **changes: Any) -> list[str]:
    """The kind's findings about an object of which top-level fields are replaced."""
    kind, before = kind_named(old["kind"]), created(old)
    after = settled({**old, **changes})
    kind.prepare_update(after, before, CONTEXT)
    return [error.text() for error in kind.validate_update(after, before, CONTEXT)]


def status_errors(old: Object, status: Object, old_status: Object | None = None) -> list[str]:
    kind, before = kind_named(old["kind"]), created(old)
    if old_status is not None:
        before["status"] = old_status
    return [error.text() for error in kind.validate_status({**before, "status": status}, before, CONTEXT)]


def cells(body: Object, *, now_ns: int = CONTEXT.now_ns) -> list[Any]:
    """The row of the server's table, wide columns included."""
    return [column.cell(body, now_ns) for column in kind_named(body["kind"]).columns]


def go_quantity(value: int, scale: int, text: str) -> str:
    """A resource.Quantity as upstream's field errors print the struct."""
    inner = f"i:resource.int64Amount{{value:{value}, scale:{scale}}}, d:resource.infDecAmount{{Dec:(*inf.Dec)(nil)}}"
    return f'resource.Quantity{{{inner}, s:"{text}", Format:"DecimalSI"}}'
