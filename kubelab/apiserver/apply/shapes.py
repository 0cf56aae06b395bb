"""How the values of a field merge and are owned: one ``Shape`` per field, read from the schema when first asked for.

A shape is to apply and to strategic merge patch what the type tables of ``kubelab.kinds.schema`` are to decoding: it says of a list whether
it is atomic, a set or keyed, of a map whether it is atomic, of a field which patch strategy it has.

upstream: k8s.io/kube-openapi/pkg/schemaconv (ToSchemaFromOpenAPI, getListElementRelationship) and
sigs.k8s.io/structured-merge-diff/v4/schema/elements.go, 4.2.3. Spec: apimachinery, sections 5 and 6.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from kubelab.kinds import schema
from kubelab.kinds.schema import Field, Struct

Kind = Literal["scalar", "struct", "map", "list", "any"]
Scalar = Literal["string", "numeric", "boolean", "untyped"]

MISSING: Any = object()

_SCALARS: dict[str, Scalar] = {
    "string": "string",
    "bytes": "string",
    "time": "untyped",
    "micro-time": "untyped",
    "integer": "numeric",
    "number": "numeric",
    "boolean": "boolean",
    "quantity": "untyped",
    "int-or-string": "untyped",
}
_GO_KINDS = {"struct": "struct", "map": "map", "list": "slice", "any": "struct"}
_SCALAR_GO_KINDS = {"string": "string", "numeric": "int32", "boolean": "bool", "untyped": "struct"}


class Shape:
    """One field's shape.

    ``kind``: scalar, struct (named fields), map (equal values under free keys), list, any (whatever is found; atomic or not).
    ``keys``: the key fields of a keyed list; ``is_set``: a list of distinct scalars. ``default`` stands for a key field that is left out.
    ``strategies`` and ``merge_key`` are the patch tags. ``open_to``: the shape of fields that a struct does not name, None if it takes none.
    """

    __slots__ = (
        "_fields",
        "_struct",
        "atomic",
        "default",
        "is_set",
        "items",
        "keys",
        "kind",
        "merge_key",
        "name",
        "open_to",
        "scalar",
        "strategies",
    )

    def __init__(
        self,
        kind: Kind,
        *,
        name: str = "",
        scalar: Scalar = "untyped",
        atomic: bool = False,
        fields: dict[str, Shape] | None = None,
        items: Shape | None = None,
        keys: tuple[str, ...] = (),
        is_set: bool = False,
        default: Any = MISSING,
        strategies: tuple[str, ...] = (),
        merge_key: str = "",
        open_to: Shape | None = None,
        struct: Struct | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.name = name
        self.scalar: Scalar = scalar
        self.atomic = atomic
        self.items = items
        self.keys = keys
        self.is_set = is_set
        self.default = default
        self.strategies = strategies
        self.merge_key = merge_key
        self.open_to = open_to
        self._struct = struct
        self._fields = fields

    def __repr__(self) -> str:
        return f"Shape({self.kind} {self.name or self.scalar})"

    @property
    def fields(self) -> dict[str, Shape]:
        if self._fields is None:
            self._fields = _fields_of(self._struct.name) if self._struct is not None else {}
        return self._fields

    def field(self, name: str) -> Shape | None:
        """The shape of a named field, or None."""
        return self.fields.get(name)

    def field_ignoring_case(self, name: str) -> Shape | None:
        folded = name.casefold()
        return next((shape for field, shape in self.fields.items() if field.casefold() == folded), None)

    def member(self, name: str) -> Shape:
        """The shape of the value under a key: the named field's, or what the map holds; unknown fields are taken as they come."""
        if self.kind == "struct":
            return self.fields.get(name) or self.open_to or DEDUCED
        if self.kind == "map" and self.items is not None:
            return self.items
        return DEDUCED

    @property
    def associative(self) -> bool:
        """Whether this is a list whose items are told apart by key or by value."""
        return self.is_set or bool(self.keys)

    @property
    def go_kind(self) -> str:
        return _SCALAR_GO_KINDS[self.scalar] if self.kind == "scalar" else _GO_KINDS[self.kind]


DEDUCED = Shape("any")
"""Values without a schema: maps merge key by key, lists and scalars are replaced whole."""

ATOMIC = Shape("any", atomic=True)

Source = Struct | Shape


def shape_of(source: Source | None) -> Shape:
    """The shape of a whole object, from a struct of the schema, a shape, or nothing."""
    if source is None:
        return DEDUCED
    if isinstance(source, Shape):
        return source
    return _root(source.name)


@cache
def _root(name: str) -> Shape:
    struct = schema.struct(name)
    return Shape("struct", name=struct.go_name, struct=struct)


@cache
def _fields_of(name: str) -> dict[str, Shape]:
    return {key: _of_field(field) for key, field in schema.struct(name).fields.items()}


def _of_field(field: Field) -> Shape:
    if field.type == "struct":
        struct = schema.struct(field.ref)
        return Shape("struct", name=struct.go_name, struct=struct, atomic=field.map_type == "atomic", strategies=_strategies(field))
    if field.type == "map":
        items = _of_field(field.items) if field.items is not None else DEDUCED
        return Shape("map", items=items, atomic=field.map_type == "atomic", strategies=_strategies(field))
    if field.type == "list":
        return _of_list(field)
    if field.type == "any":
        return Shape("any", name="RawExtension", atomic=True)
    scalar = _SCALARS[field.type]
    return Shape("scalar", scalar=scalar, default=_default(field, scalar), strategies=_strategies(field))


def _of_list(field: Field) -> Shape:
    """A list type wins; else a merge strategy makes the list keyed (with a merge key) or a set; else it is atomic."""
    items = _of_field(field.items) if field.items is not None else DEDUCED
    strategies = _strategies(field)
    keys: tuple[str, ...] = ()
    is_set = False
    if field.list_type:
        keys = field.map_keys if field.list_type == "map" else ()
        is_set = field.list_type == "set"
    elif "merge" in strategies:
        keys = (field.merge_key,) if field.merge_key else ()
        is_set = not keys
    atomic = not keys and not is_set
    return Shape("list", items=items, keys=keys, is_set=is_set, atomic=atomic, strategies=strategies, merge_key=field.merge_key)


def _strategies(field: Field) -> tuple[str, ...]:
    return tuple(field.patch_strategy.split(",")) if field.patch_strategy else ()


def _default(field: Field, scalar: Scalar) -> Any:
    """What a key field counts as where it is left out: ``TCP`` for protocols, else the zero value of a field that Go always writes."""
    if field.go.endswith("Protocol") and not field.pointer:
        return "TCP"
    if field.omit_empty or field.pointer:
        return MISSING
    return {"string": "", "numeric": 0, "boolean": False}.get(scalar, MISSING)


@cache
def zero_object(name: str) -> dict[str, Any]:
    """What Go writes for an empty value of a struct: structs that are no pointers, and fields without ``omitempty``.

    A create compares with this, so that a field created with its zero value belongs to nobody, and ``spec`` itself is no new field.
    """
    zero: dict[str, Any] = {}
    for key, field in schema.struct(name).fields.items():
        if field.type == "struct" and not field.pointer:
            zero[key] = zero_object(field.ref)
        elif field.type in ("time", "micro-time", "any") and not field.pointer and field.go != "interface {}":
            zero[key] = None
        elif not field.omit_empty:
            zero[key] = _zero_value(field)
    return zero


def _zero_value(field: Field) -> Any:
    if field.pointer:
        return None
    return {"string": "", "integer": 0, "number": 0, "boolean": False, "quantity": "0", "int-or-string": 0}.get(field.type)
